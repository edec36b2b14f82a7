//! Bytes that no client sends: an answer or an end, as a real broker gives; no panic, and memory that stays.
//!
//! `TRIAL_FRAMES=100000` says how many; without it a few thousand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use trial_cluster::broker::api::served;
use trial_cluster::net::frames;
use trial_cluster::wire::{
    ApiVersionsRequest, CreateTopicsRequest, ListOffsetsRequest, MetadataRequest,
    OffsetForLeaderEpochRequest, ProduceRequest, Request, create_topics_request,
    list_offsets_request, offset_for_leader_epoch_request, produce_request,
};
use trial_sim::{Plan, Stream};

use super::guest::{Guest, batch_of, fetch_request};
use super::served::Served;
use super::{resident, turn};

const FRAMES: u64 = 4_000;
/// How long an answer or an end may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(40);

/// A request that makes sense, or made some before it was changed.
fn frame(draws: &mut Stream) -> Vec<u8> {
    let mut frame = match draws.below(4) {
        0 => noise(draws),
        1 => {
            // A header that is right, and a body that is noise.
            let place = usize::try_from(draws.below(served().count() as u64)).expect("few");
            let served = served().nth(place).expect("it is one of them");
            let (low, high) = (i64::from(*served.versions.start()), *served.versions.end());
            let spread = u64::try_from(i64::from(high) - low + 3).expect("above zero");
            let version = i16::try_from(low - 1 + draws.below(spread) as i64).expect("small");
            let body = noise(draws);
            let version = version.clamp(*served.versions.start(), high);
            frames::request_frame(served.api, version, 1, "noise", |out| {
                out.extend_from_slice(&body);
            })
            .to_vec()
        }
        _ => {
            let bases = sensible();
            bases[usize::try_from(draws.below(bases.len() as u64)).expect("few")].clone()
        }
    };
    // Its length stays: a frame that is never whole is waited for, by a real broker too.
    for _ in 0..draws.below(4) {
        let place = 4 + draws.below(frame.len() as u64 - 4);
        frame[usize::try_from(place).expect("within")] = draws.below(256) as u8;
    }
    frame
}

/// Requests that make sense, one of each kind.
fn sensible() -> Vec<Vec<u8>> {
    fn frame<R: Request>(version: i16, request: &R) -> Vec<u8> {
        frames::request_frame(R::API, version, 1, "s", |out| request.encode(version, out)).to_vec()
    }
    let name = || "orders".to_owned();
    let data = produce_request::PartitionData { index: 0, records: Some(batch_of(b"one")) };
    let topic_data = vec![produce_request::TopicData {
        name: name(),
        partition_data: vec![data],
        ..Default::default()
    }];
    let made = create_topics_request::Topic {
        name: "made".to_owned(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let listed = list_offsets_request::Partition { timestamp: -1, ..Default::default() };
    let listed = list_offsets_request::Topic { name: name(), partitions: vec![listed] };
    let epochs = offset_for_leader_epoch_request::Partition::default();
    let epochs = offset_for_leader_epoch_request::Topic { topic: name(), partitions: vec![epochs] };
    vec![
        frame(3, &ApiVersionsRequest::default()),
        frame(12, &MetadataRequest::default()),
        frame(12, &fetch_request("orders", 0, 0)),
        frame(9, &ProduceRequest { acks: -1, timeout_ms: 100, topic_data, ..Default::default() }),
        frame(7, &CreateTopicsRequest { topics: vec![made], timeout_ms: 100, validate_only: true }),
        frame(
            9,
            &ListOffsetsRequest { replica_id: -1, topics: vec![listed], ..Default::default() },
        ),
        frame(4, &OffsetForLeaderEpochRequest { replica_id: -1, topics: vec![epochs] }),
    ]
}

/// A frame whose length is right, of up to 300 bytes.
fn noise(draws: &mut Stream) -> Vec<u8> {
    let length = 1 + draws.below(300);
    let mut frame = u32::try_from(length).expect("small").to_be_bytes().to_vec();
    frame.extend((0..length).map(|_| draws.below(256) as u8));
    frame
}

/// Whether it was answered; else the broker has ended the connection, or waits as a real one does.
fn is_answered(stream: &mut TcpStream, frame: &[u8]) -> Option<bool> {
    if stream.write_all(frame).is_err() {
        return Some(false);
    }
    let mut length = [0; 4];
    match stream.read(&mut length) {
        Ok(0) => Some(false),
        Ok(_) => Some(true),
        Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => None,
        Err(_) => Some(false),
    }
}

#[test]
fn random_and_mutated_frames_are_answered_or_end_the_connection() {
    let frames = std::env::var("TRIAL_FRAMES").ok().and_then(|text| text.parse().ok());
    let frames: u64 = frames.unwrap_or(FRAMES);
    let _turn = turn();
    let served = Served::quick();
    assert_eq!(served.guest(1).create("orders", 1), 0);
    let mut producer = served.guest_of_leader("orders", 0);
    assert_eq!(producer.produce("orders", 0, b"one"), Some((0, 0)));
    let mut draws = Plan::new(4_711).run_stream("test", "hostile");
    let (mut answered, mut ended, mut silent) = (0_u64, 0_u64, 0_u64);
    let mut early = 0;
    for number in 0..frames {
        let broker = u16::try_from(1 + draws.below(3)).expect("three");
        let mut stream = served.connect(broker);
        // acks=0 and long polls say nothing for a while: as with a real broker.
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("above zero");
        match is_answered(&mut stream, &frame(&mut draws)) {
            Some(true) => answered += 1,
            Some(false) => ended += 1,
            None => silent += 1,
        }
        if number == frames / 5 {
            early = resident();
        }
    }
    let late = resident();
    println!("{frames} frames: {answered} answered, {ended} ended the connection, {silent} silent");
    println!("{early} bytes after a fifth of them, {late} at the end");
    assert!(answered > 0 && ended > 0, "both happen: {answered}, {ended}");
    assert!(silent < frames / 20, "{silent} of {frames} were neither answered nor ended");
    assert!(late < early + early / 2 + (32 << 20), "memory: {early}, then {late}");
    let mut guest = served.guest_of_leader("orders", 0);
    assert_eq!(guest.produce("orders", 0, b"two").map(|(error, _)| error), Some(0), "it serves");
    let run = served.holds();
    let unread = &run.judge().facts().unread;
    assert!(unread.is_empty(), "what strangers say is no question for the checkers: {unread:?}");
}

#[test]
fn lengths_that_cannot_be_end_the_connection() {
    let _turn = turn();
    let served = Served::quick();
    for length in [-1_i32, i32::MIN, i32::MAX, 104_857_601] {
        let mut stream = served.connect(1);
        stream.set_read_timeout(Some(ANSWERS_WITHIN)).expect("above zero");
        let said = is_answered(&mut stream, &length.to_be_bytes());
        assert_eq!(said, Some(false), "a frame of {length} bytes");
    }
    assert_eq!(Guest::new(served.connect(1)).metadata(None).brokers.len(), 3, "it serves");
    served.holds();
}
