//! Apache Kafka recovers, after an unclean stop, a partition whose files our storage engine wrote, and serves it.

use std::fs;
use std::path::Path;

use super::oracle::{Oracle, files};
use super::{our_folder, support};

/// Stops the node when the test ends, also if it fails.
pub struct Node<'a>(pub &'a Oracle);

impl Drop for Node<'_> {
    fn drop(&mut self) {
        self.0.run(&["down"]);
    }
}

fn replace(data: &Path, ours: &Path) {
    let partition = data.join("orders-0");
    for file in files(&partition, &[""]) {
        if !file.ends_with("partition.metadata") {
            fs::remove_file(file).expect("it is there");
        }
    }
    for file in files(ours, &[""]) {
        fs::copy(&file, partition.join(file.file_name().expect("a name"))).expect("there is room");
    }
    fs::remove_file(data.join(".kafka_cleanshutdown")).expect("it was stopped in good order");
}

#[test]
fn kafka_recovers_and_serves_what_we_wrote() {
    let Some(oracle) = Oracle::of_environment() else { return };
    let root = support::folder("kafkas_eyes", "served");
    let node = Node(&oracle);
    oracle.run(&["down"]);
    let up = oracle.run(&["up", "1"]);
    let address = up.out.trim();
    assert!(address.starts_with("127.0.0.1:"), "{:?}", up.complaints);
    let create = ["tool", "TopicCommand", "--bootstrap-server", address, "--create"];
    let topic = ["--topic", "orders", "--partitions", "1", "--config", "retention.ms=-1"];
    let created = oracle.run(&[&create[..], &topic].concat());
    assert!(created.out.contains("Created topic orders"), "{:?}", created.complaints);
    oracle.run(&["stop", "1"]);

    let mut ours = our_folder::write(&root, "orders-0");
    ours.tear(&root, "orders-0");
    let data = oracle.folder_of_node();
    replace(&data, &root.join("orders-0"));
    let started = oracle.run(&["start", "1"]);
    assert_eq!(started.complaints, Vec::<String>::new());

    let count = ours.records.len().to_string();
    let consume = ["tool", "ConsoleConsumer", "--bootstrap-server", address, "--topic", "orders"];
    let print = "print.offset=true,print.timestamp=true,print.key=true,key.separator=|";
    let mut arguments = consume.to_vec();
    for property in print.split(',') {
        arguments.extend(["--formatter-property", property]);
    }
    let isolation = ["--from-beginning", "--isolation-level", "read_committed"];
    arguments.extend(isolation);
    // One more than there are: it waits in vain, and is told so.
    arguments.extend(["--timeout-ms", "15000"]);
    let read = oracle.run(&arguments);
    let got: Vec<&str> = read.out.lines().collect();
    let want: Vec<String> = ours
        .records
        .iter()
        .map(|(offset, time, key, value)| {
            format!("CreateTime:{time}|Offset:{offset}|{key}|{value}")
        })
        .collect();
    assert_eq!(got, want, "{count} records; {:?}", read.complaints);

    oracle.run(&["stop", "1"]);
    let log = fs::read_to_string(data.parent().expect("the node's").join("log")).expect("its log");
    assert!(log.contains("Recovering unflushed segment 0. "), "it was an unclean stop");
    // What Kafka kept is what our own recovery keeps.
    let kept = |folder: &Path| -> Vec<(String, Vec<u8>)> {
        let logs = files(folder, &[".log"]).into_iter();
        let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
        logs.map(|path| (name(&path), fs::read(&path).expect("it is there"))).collect()
    };
    let torn = kept(&root.join("orders-0"));
    let mut disk = trial_scenarios::FileDisk::open(&root).expect("it is there");
    let open = trial_log::OpenLog::new("orders-0");
    let log = trial_log::Log::open(&mut disk, open, our_folder::T, &mut Vec::new());
    assert_eq!(log.expect("it is ours").log_end_offset().0, ours.written);
    let recovered = kept(&root.join("orders-0"));
    assert_ne!(recovered, torn, "half a batch was cut off");
    assert_eq!(kept(&data.join("orders-0")), recovered, "byte for byte");
    drop(node);
}
