//! Real clients in a consumer group, with a member of ours: one of them is killed, then the coordinator is.
//!
//! Opt-in, with `TRIAL_GUESTS=1`, as in `real_clients.rs`; kafka-python comes from PyPI, too.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use trial_cluster::note::Note;
use trial_cluster::note::client::ClientNote;
use trial_scenarios::asked::Asked;
use trial_scenarios::explain::What;
use trial_scenarios::run::Run;

use super::real_clients::{CONFLUENT_KAFKA, here, java, kcat, python, wanted};
use super::served::{PATIENCE, Served};

const KAFKA_PYTHON: &str = "kafka-python==3.0.12";
const GROUP: &str = "crew";
const PARTITIONS: usize = 6;
/// The group is on the one partition of `__consumer_offsets`; its timers are short, so that a test does not wait long.
const CREW: &str = r#"title = "real clients in a group"
time  = "1h"
[cluster]
brokers     = 3
controllers = 3
config      = { "default.replication.factor" = 3, "min.insync.replicas" = 2, "broker.session.timeout.ms" = 1000, "broker.heartbeat.interval.ms" = 200, "offsets.topic.num.partitions" = 1, "group.initial.rebalance.delay.ms" = 500, "group.min.session.timeout.ms" = 1000, "group.consumer.min.session.timeout.ms" = 3000, "group.consumer.session.timeout.ms" = 4000, "group.consumer.min.heartbeat.interval.ms" = 300, "group.consumer.heartbeat.interval.ms" = 300 }
[topics.orders]
partitions = 6
[clients.shop]
produce = "orders"
rate    = "50/s"
config  = { acks = "all" }
[clients.ours]
consume = "orders"
group   = "crew"
config  = { "group.protocol" = "PROTOCOL", "auto.offset.reset" = "earliest", "auto.commit.interval.ms" = 200SESSION }
"#;

fn crew(protocol: &str) -> Asked {
    // The session of a member of the new protocol is its coordinator's to set.
    let session = match protocol {
        "classic" => r#", "session.timeout.ms" = 4000, "heartbeat.interval.ms" = 300"#,
        _ => "",
    };
    Asked::built("crew", CREW.replace("PROTOCOL", protocol).replace("SESSION", session))
}

/// When a member leaves in good order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    WhenItsInputEnds,
    WhenInterrupted,
}

/// A client in a process of its own.
struct Member {
    leaves: Leaves,
    process: Child,
    said: Receiver<String>,
    lines: Vec<String>,
    has: BTreeSet<usize>,
    /// Partition and offset.
    read: BTreeSet<(i64, i64)>,
}

impl Member {
    fn start(mut command: Command, leaves: Leaves) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("it was tried before");
        let (tell, said) = channel();
        let (out, errors) = (process.stdout.take(), process.stderr.take());
        let tell_errors = tell.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(out.expect("it is piped")).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        std::thread::spawn(move || {
            for line in BufReader::new(errors.expect("it is piped")).lines().map_while(Result::ok) {
                let _ = tell_errors.send(format!("error: {line}"));
            }
        });
        Self {
            leaves,
            process,
            said,
            lines: Vec::new(),
            has: BTreeSet::new(),
            read: BTreeSet::new(),
        }
    }

    fn hear(&mut self) {
        while let Ok(line) = self.said.try_recv() {
            let mut words = line.split(' ').filter(|word| !word.is_empty());
            match words.next() {
                Some("has") => self.has = words.map(|it| it.parse().expect("a number")).collect(),
                Some("read") => {
                    let numbers: Vec<i64> = words.map(|it| it.parse().expect("a number")).collect();
                    self.read.insert((numbers[0], numbers[1]));
                }
                _ => {
                    self.hear_kcat(&line);
                    self.lines.push(line);
                }
            }
        }
    }

    /// `% Group crew rebalanced (memberid m): assigned: orders [2], orders [3]`, or
    /// `% Group crew rebalanced: incremental assignment of 2 partition(s) (memberid m, ...): orders [2], orders [3]`.
    fn hear_kcat(&mut self, line: &str) {
        let Some((_, change)) = line.split_once("% Group crew rebalanced") else { return };
        let numbers: BTreeSet<usize> =
            change.split('[').filter_map(|part| part.split_once(']')?.0.parse().ok()).collect();
        match change.contains("assign") {
            true => self.has.extend(numbers),
            false => self.has.retain(|partition| !numbers.contains(partition)),
        }
    }

    fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
        std::thread::sleep(Duration::from_millis(200));
        self.hear();
    }

    /// Leaves in good order.
    #[track_caller]
    fn leave(&mut self) {
        drop(self.process.stdin.take());
        if self.leaves == Leaves::WhenInterrupted {
            let process = self.process.id().to_string();
            let status = Command::new("kill").args(["-INT", &process]).status();
            assert!(status.is_ok_and(|status| status.success()), "it runs");
        }
        let end = Instant::now() + PATIENCE;
        while self.process.try_wait().expect("it is ours").is_none() {
            assert!(Instant::now() < end, "it does not end: {:#?}", self.lines);
            std::thread::sleep(Duration::from_millis(20));
            self.hear();
        }
        std::thread::sleep(Duration::from_millis(200));
        self.hear();
    }
}

/// Waits until these members have so many partitions together, none twice, and each has read something.
#[track_caller]
fn have(members: &mut [&mut Member], count: usize, served: &Served) {
    let end = Instant::now() + PATIENCE;
    loop {
        members.iter_mut().for_each(|member| member.hear());
        let all: BTreeSet<usize> = members.iter().flat_map(|it| it.has.iter().copied()).collect();
        let sum: usize = members.iter().map(|it| it.has.len()).sum();
        if sum == count
            && all.len() == count
            && members.iter().all(|it| !it.has.is_empty() && !it.read.is_empty())
        {
            return;
        }
        let told: Vec<_> = members.iter().map(|it| (&it.has, &it.lines)).collect();
        assert!(Instant::now() < end, "{count} of {PARTITIONS}: {told:#?} {:#?}", served.lines);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What members of ours have read.
fn polled(run: &Run) -> BTreeSet<(i64, i64)> {
    let mut read = BTreeSet::new();
    for entry in run.record().expect("it was kept").entries() {
        let What::Noted { note: Note::Client(note), .. } = &entry.what else { continue };
        if let ClientNote::Polled { partition, records, .. } = note {
            let number = i64::from(partition.partition);
            read.extend(records.iter().map(|record| (number, record.offset.0)));
        }
    }
    read
}

/// Two members from outside and one of ours: the first is killed, the coordinator crashes, the second leaves.
#[track_caller]
fn shares_a_group_with_ours(protocol: &str, leaves: Leaves, command: impl Fn(&[&str]) -> Command) {
    let mut served = Served::start(&crew(protocol));
    let bootstrap = served.bootstrap.clone();
    let mut one = Member::start(command(&[&bootstrap, GROUP, protocol, "one"]), leaves);
    let mut other = Member::start(command(&[&bootstrap, GROUP, protocol, "other"]), leaves);
    have(&mut [&mut one, &mut other], PARTITIONS * 2 / 3, &served);
    one.kill();
    served.type_line("crash coordinator(crew) losing unsynced for 3s");
    served.wait_for("is down");
    have(&mut [&mut other], PARTITIONS / 2, &served);
    other.leave();
    std::thread::sleep(Duration::from_secs(1));

    let run = served.holds();
    let facts = run.judge().facts();
    assert!(facts.partitions().any(|partition| partition.elections > 0), "another coordinator");
    let mut read: BTreeSet<(i64, i64)> = one.read.union(&other.read).copied().collect();
    let guests = read.len();
    let ours = polled(&run);
    read.extend(&ours);
    assert!(
        !one.read.is_empty() && !other.read.is_empty() && !ours.is_empty(),
        "each had its share"
    );
    let mut records = 0;
    for partition in facts.partitions().filter(|partition| &*partition.topic == "orders") {
        let number = i64::from(partition.id.partition);
        for ack in partition.acked.iter() {
            for offset in ack.base..ack.base + i64::from(ack.count) {
                records += 1;
                assert!(
                    read.contains(&(number, offset)),
                    "orders/{number} at {offset} was never read"
                );
            }
        }
    }
    assert!(records > 100, "{records} records");
    let who =
        other.lines.iter().find(|line| !line.starts_with("error")).map_or("kcat", String::as_str);
    println!("{who}: {records} records, {guests} read outside, {} by ours", ours.len());
}

#[test]
fn librdkafka_shares_a_group() {
    for protocol in ["classic", "consumer"] {
        python_shares_a_group("librdkafka_shares_a_group", CONFLUENT_KAFKA, protocol);
    }
}

#[test]
fn kafka_python_shares_a_group() {
    python_shares_a_group("kafka_python_shares_a_group", KAFKA_PYTHON, "classic");
}

#[test]
fn kcat_shares_a_group() {
    if !wanted("kcat_shares_a_group") {
        return;
    }
    let Some(kcat) = kcat() else { return };
    for protocol in ["classic", "consumer"] {
        shares_a_group_with_ours(protocol, Leaves::WhenInterrupted, |arguments| {
            let [bootstrap, group, protocol, client] = arguments else { panic!("{arguments:?}") };
            let mut command = Command::new(&kcat);
            command.args(["-b", bootstrap, "-u", "-f", "read %p %o\\n"]);
            let client = format!("client.id={client}");
            let protocol_set = format!("group.protocol={protocol}");
            for setting in [
                client.as_str(),
                &protocol_set,
                "auto.offset.reset=earliest",
                "auto.commit.interval.ms=200",
            ] {
                command.args(["-X", setting]);
            }
            if *protocol == "classic" {
                command.args(["-X", "session.timeout.ms=4000", "-X", "heartbeat.interval.ms=300"]);
            }
            command.args(["-G", group, "orders"]);
            command
        });
    }
}

#[track_caller]
fn python_shares_a_group(test: &str, package: &str, protocol: &str) {
    if !wanted(test) {
        return;
    }
    let Some(python) = python(package) else { return };
    let library = package.split("==").next().expect("it has a name");
    shares_a_group_with_ours(protocol, Leaves::WhenItsInputEnds, |arguments| {
        let mut command = Command::new(&python);
        command.arg(here("tests/serve/member.py")).args(arguments).arg(library);
        command
    });
}

#[test]
fn the_consumers_of_apache_kafka_share_a_group() {
    if !wanted("the_consumers_of_apache_kafka_share_a_group") {
        return;
    }
    for protocol in ["classic", "consumer"] {
        shares_a_group_with_ours(protocol, Leaves::WhenItsInputEnds, |arguments| {
            let mut command = java().expect("it was there a moment ago");
            command.arg(here("tests/serve/Member.java")).args(arguments);
            command
        });
    }
}
