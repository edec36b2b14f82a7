//! Apache Kafka on a whole folder of ours, our coordinator on a `__consumer_offsets` of Kafka's: both tell the same of
//! the groups in it.
//!
//! Kafka needs no help: the folder of a node that is broker and controller has its `meta.properties`, its metadata log
//! and its voters. What ours tells is replayed from the files, topics' names from the metadata log beside them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use trial_cluster::group::{
    Asker, GroupCoordinator, GroupQuestion, GroupRecord, GroupResponse, GroupSettings, Step,
    UnreadableRecord,
};
use trial_cluster::ids::Offset;
use trial_cluster::image::{MetadataDelta, MetadataImage};
use trial_cluster::wire::{
    ConsumerGroupDescribeRequest, DescribeGroupsRequest, ListGroupsRequest, MetadataRecord,
    OffsetFetchRequest, consumer_group_describe_response, describe_groups_response,
    list_groups_response, offset_fetch_request, offset_fetch_response,
};
use trial_log::{Batches, RecordBatch};
use trial_scenarios::asked::Asked;
use trial_scenarios::export::{View, export};
use trial_scenarios::run::Run;
use trial_sim::{Plan, Time};

use super::asking::Guest;
use super::oracle::{Oracle, files};
use super::serve::Node;
use super::support;

/// Both kinds of groups, on a node that is everything.
const ONE_NODE: &str = r#"title = "one node with two groups"
time = "20s"
[cluster]
brokers = 1
controllers = 0
config = { "offsets.topic.num.partitions" = 1, "offsets.topic.replication.factor" = 1 }
[topics.orders]
partitions = 6
replicas = 1
[clients.shop]
produce = "orders"
rate = "30/s"
keys = 30
[clients.old]
consume = "orders"
group = "classic"
members = 2
config = { "auto.offset.reset" = "earliest" }
[clients.new]
consume = "orders"
group = "modern"
members = 2
config = { "auto.offset.reset" = "earliest", "group.protocol" = "consumer" }
"#;
const GROUPS: [&str; 2] = ["classic", "modern"];
/// So that nothing of ours is too old, everything is in one partition, and a member may be as short of patience as the
/// one of `trial serve`'s tests is.
const SETTINGS: [&str; 3] =
    ["log.retention.ms=-1", "offsets.topic.num.partitions=1", "group.min.session.timeout.ms=1000"];

/// What is told of the groups, in an order of its own.
#[derive(Debug, PartialEq)]
struct Told {
    listed: Vec<list_groups_response::Group>,
    classic: Vec<describe_groups_response::Group>,
    modern: Vec<consumer_group_describe_response::Group>,
    offsets: Vec<offset_fetch_response::Group>,
}

impl Told {
    /// Kafka walks hash tables where the order says nothing.
    fn in_order(mut self) -> Self {
        self.listed.sort_by(|one, other| one.group_id.cmp(&other.group_id));
        for group in &mut self.classic {
            group.members.sort_by(|one, other| one.member_id.cmp(&other.member_id));
        }
        for group in &mut self.modern {
            group.members.sort_by(|one, other| one.member_id.cmp(&other.member_id));
        }
        for group in &mut self.offsets {
            group.topics.sort_by(|one, other| one.name.cmp(&other.name));
            for topic in &mut group.topics {
                topic.partitions.sort_by_key(|partition| partition.partition_index);
            }
        }
        self
    }

    #[track_caller]
    fn is_of_both_kinds(&self) {
        assert_eq!(self.listed.len(), 2, "{:#?}", self.listed);
        let members = (self.classic[0].members.len(), self.modern[0].members.len());
        assert_eq!(members, (2, 2), "{:#?} {:#?}", self.classic, self.modern);
        let states = (self.classic[0].group_state.as_str(), self.modern[0].group_state.as_str());
        assert_eq!(states, ("Stable", "Stable"), "both have come to rest");
        let committed = |group: &offset_fetch_response::Group| -> i64 {
            let topics = group.topics.iter().flat_map(|topic| &topic.partitions);
            topics.map(|partition| partition.committed_offset).sum()
        };
        assert!(self.offsets.iter().all(|group| committed(group) > 100), "{:#?}", self.offsets);
    }
}

fn all_offsets_of(group: &str) -> offset_fetch_request::Group {
    offset_fetch_request::Group {
        group_id: group.to_owned(),
        member_epoch: -1,
        ..offset_fetch_request::Group::default()
    }
}

/// A node of Apache Kafka is asked.
fn told_by_kafka(address: &str) -> Told {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time above zero");
    let mut guest = Guest::new(stream);
    let listed = guest.ask(5, &ListGroupsRequest::default()).groups;
    let [classic, modern] = GROUPS.map(|group| vec![group.to_owned()]);
    let describe = DescribeGroupsRequest { groups: classic, ..DescribeGroupsRequest::default() };
    let classic = guest.ask(5, &describe).groups;
    let describe = ConsumerGroupDescribeRequest {
        group_ids: modern,
        ..ConsumerGroupDescribeRequest::default()
    };
    let modern = guest.ask(1, &describe).groups;
    let groups = GROUPS
        .map(all_offsets_of)
        .map(|group| offset_fetch_request::Group { topics: None, ..group });
    let fetch = OffsetFetchRequest { groups: groups.to_vec(), ..OffsetFetchRequest::default() };
    let mut offsets = guest.ask(9, &fetch).groups;
    offsets.sort_by(|one, other| one.group_id.cmp(&other.group_id));
    Told { listed, classic, modern, offsets }.in_order()
}

/// The batches of a log, segment after segment.
fn batches_of(folder: &Path) -> Vec<RecordBatch> {
    let segments = files(folder, &[".log"]);
    let of = |file: &PathBuf| Batches::new(Bytes::from(fs::read(file).expect("it is there")));
    segments.iter().flat_map(of).map(|batch| batch.expect("whole batches")).collect()
}

/// What the metadata log beside it makes of a cluster.
fn image_of(data: &Path) -> MetadataImage {
    let (mut image, mut delta) = (MetadataImage::default(), MetadataDelta::default());
    for batch in batches_of(&data.join("__cluster_metadata-0")) {
        if batch.is_control() {
            continue;
        }
        for record in batch.records() {
            let record = record.expect("they can be read");
            let value = Bytes::copy_from_slice(record.value().expect("no tombstones here"));
            let metadata = MetadataRecord::from_bytes(&value).expect("a record of Kafka's");
            image.apply(Offset(record.offset.0), &metadata.0, &mut delta);
        }
    }
    image
}

/// Our coordinator replays the log, and is asked.
fn told_by_ours(data: &Path) -> Told {
    let mut coordinator = GroupCoordinator::new(Arc::new(GroupSettings::default()));
    for batch in batches_of(&data.join("__consumer_offsets-0")) {
        for record in batch.records() {
            let record = record.expect("they can be read");
            let bytes = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
            let key = bytes(record.key().expect("a record of a coordinator has a key"));
            match GroupRecord::from_bytes(&key, record.value().map(bytes).as_ref()) {
                Ok(read) => coordinator.replay(Offset(record.offset.0), &read),
                Err(UnreadableRecord::Unknown(kind)) => println!("a record of kind {kind}"),
                Err(why) => panic!("the record at {}: {why:?}", record.offset.0),
            }
        }
    }
    let image = image_of(data);
    let ask = |question, version| {
        let asker = Asker { client_id: "guest".into(), client_host: "/".into(), version };
        let mut step = Step {
            now: Time::ZERO,
            wall_ms: 0,
            random: &mut Plan::new(1).run_stream("group", "asked"),
            image: &image,
            effects: &mut Vec::new(),
        };
        let committed = coordinator.state().clone();
        coordinator.read(&mut step, &committed, &asker, question).expect("an answer")
    };
    let [classic, modern] = GROUPS.map(|group| vec![group.to_owned()]);
    let every = GroupQuestion::ListGroups { states: Vec::new(), types: Vec::new() };
    let GroupResponse::ListGroups(listed) = ask(every, 5) else { panic!("another answer") };
    let GroupResponse::DescribeGroups(classic) = ask(GroupQuestion::DescribeGroups(classic), 5)
    else {
        panic!("another answer")
    };
    let GroupResponse::ConsumerGroupDescribe(modern) =
        ask(GroupQuestion::ConsumerGroupDescribe(modern), 1)
    else {
        panic!("another answer")
    };
    let offsets = GROUPS.map(|group| {
        let all = offset_fetch_request::Group { topics: None, ..all_offsets_of(group) };
        match ask(GroupQuestion::OffsetFetch(all), 9) {
            GroupResponse::OffsetFetch(group) => group,
            other => panic!("another answer: {other:?}"),
        }
    });
    Told { listed, classic, modern, offsets: offsets.to_vec() }.in_order()
}

#[test]
fn kafka_starts_on_our_folder_and_tells_the_same_of_its_groups() {
    let Some(oracle) = Oracle::of_environment() else { return };
    let root = support::folder("kafkas_eyes", "groups");
    let asked = Asked::built("one_node", ONE_NODE.to_owned());
    let mut run = Run::new(&Arc::new(asked.scenario().expect("it can be played")), 1);
    run.play();
    export(&run, View::Process, &root).expect("there is room");
    let ours = root.join("b1");
    let want = told_by_ours(&ours);
    want.is_of_both_kinds();

    let node = Node(&oracle);
    oracle.run(&["down"]);
    let up = oracle.run(&[&["up", "1"][..], &SETTINGS].concat());
    let address = up.out.trim().to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{:?}", up.complaints);
    oracle.run(&["stop", "1"]);
    let data = oracle.folder_of_node();
    fs::remove_dir_all(&data).expect("it was formatted");
    support::copy_folder(&ours, &data);
    let started = oracle.run(&["start", "1"]);
    assert_eq!(started.complaints, Vec::<String>::new());
    // It answers before it has loaded its groups.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(told_by_kafka(&address), want);
    drop(node);
}

/// A member of Kafka's own, until it is killed.
struct Member(Child);

impl Member {
    /// In its group, with partitions.
    fn joined(oracle: &str, address: &str, group: &str, protocol: &str, name: &str) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serve/Member.java");
        let mut command = Command::new(oracle);
        command.arg("java").arg(program).args([address, group, protocol, name]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("TRIAL_ORACLE names a command");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut lines = out.lines().map_while(Result::ok);
        assert!(lines.any(|line| line.starts_with("has ")), "{name} joins {group}");
        std::thread::spawn(move || lines.count());
        Self(child)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn ours_loads_the_groups_that_kafka_wrote() {
    let Some(oracle) = Oracle::of_environment() else { return };
    let command = std::env::var("TRIAL_ORACLE").expect("it was there");
    let root = support::folder("kafkas_eyes", "groups_of_kafka");
    let node = Node(&oracle);
    oracle.run(&["down"]);
    let up = oracle.run(&[&["up", "1"][..], &SETTINGS].concat());
    let address = up.out.trim().to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{:?}", up.complaints);
    let create = ["tool", "TopicCommand", "--bootstrap-server", &address, "--create"];
    let created = oracle.run(&[&create[..], &["--topic", "orders", "--partitions", "6"]].concat());
    assert!(created.out.contains("Created topic orders"), "{:?}", created.complaints);
    let members =
        [("classic", "one"), ("classic", "two"), ("consumer", "three"), ("consumer", "four")];
    let members = members.map(|(protocol, name)| {
        let group = if protocol == "classic" { "classic" } else { "modern" };
        Member::joined(&command, &address, group, protocol, name)
    });
    let servers = format!("bootstrap.servers={address}");
    let produce = ["tool", "ProducerPerformance", "--topic", "orders", "--num-records", "1000"];
    let how = ["--record-size", "10", "--throughput", "500", "--producer-props", &servers];
    oracle.run(&[&produce[..], &how].concat());
    // The last rebalance, and the last commit.
    std::thread::sleep(Duration::from_secs(8));
    let want = told_by_kafka(&address);
    oracle.run(&["crash", "1"]);
    drop(members);
    support::copy_folder(&oracle.folder_of_node(), &root.join("data"));
    want.is_of_both_kinds();
    assert_eq!(told_by_ours(&root.join("data")), want);
    drop(node);
}
