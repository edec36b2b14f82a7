//! Tests of framing and of the network client, on wires that only remember what was asked of them.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;
use trial_log::mark::{Mark, Reached};
use trial_sim::{ConnId, Input, Span, Time};

use super::frames::{self, FrameError, FrameReader};
use super::wires::Wires;
use super::{Completed, NetError, NetSettings, NetworkClient};
use crate::ids::BrokerId;
use crate::note::Note;
use crate::wire::{ApiKey, FindCoordinatorRequest, MetadataRequest, ProduceRequest};

const NODE: BrokerId = BrokerId(1);
/// An API whose versions are flexible, so that headers carry tagged fields.
const API: ApiKey = ApiKey::FindCoordinator;
const VERSION: i16 = 5;

/// Wires without a world behind them.
#[derive(Debug, Default)]
pub(crate) struct FakeWires {
    pub(crate) now: Time,
    pub(crate) opened: Vec<(ConnId, String, u16)>,
    pub(crate) sent: VecDeque<(ConnId, Bytes)>,
    pub(crate) closed: Vec<ConnId>,
    /// What `send` says of the buffer.
    pub(crate) full: bool,
    /// What was reached.
    pub(crate) reached: Vec<&'static Mark>,
}

impl Reached<Note> for FakeWires {
    fn reached(&mut self, mark: &'static Mark) {
        self.reached.push(mark);
    }
}

impl Wires for FakeWires {
    fn now(&self) -> Time {
        self.now
    }

    fn wall_ms(&self) -> i64 {
        i64::try_from(self.now.as_millis()).expect("tests are short")
    }

    fn connect(&mut self, host: &str, port: u16) -> ConnId {
        let id = ConnId(self.opened.len() as u64);
        self.opened.push((id, host.to_owned(), port));
        id
    }

    fn send(&mut self, conn: ConnId, _: &'static str, bytes: Bytes) -> bool {
        self.sent.push_back((conn, bytes));
        !self.full
    }

    fn close(&mut self, conn: ConnId) {
        self.closed.push(conn);
    }

    fn below(&mut self, _stream: &'static str, bound: u64) -> u64 {
        bound / 2
    }
}

/// A client with one node, without the exchange of versions unless a test turns it on.
struct Fixture {
    client: NetworkClient,
    wires: FakeWires,
}

impl Fixture {
    fn new(discover_versions: bool) -> Self {
        let settings = NetSettings { discover_versions, ..NetSettings::new("test", "test") };
        let mut client = NetworkClient::new(settings);
        client.set_node(NODE, "b1", 9092);
        Self { client, wires: FakeWires::default() }
    }

    fn connected() -> Self {
        let mut it = Self::new(false);
        assert!(!it.client.ready(NODE, &mut it.wires), "a connection takes time");
        it.input(Input::Connected { conn: ConnId(0) });
        it
    }

    fn input(&mut self, input: Input) {
        assert!(self.client.on_input(&input, &mut self.wires), "the connection is the client's");
    }

    fn send(&mut self, token: u64) {
        let request = self.client.request(VERSION, token, &FindCoordinatorRequest::default());
        self.client.send(NODE, request, &mut self.wires);
    }

    fn enqueue(&mut self, token: u64) {
        let request = self.client.request(VERSION, token, &FindCoordinatorRequest::default());
        self.client.enqueue(NODE, request, &mut self.wires);
    }

    /// Takes the oldest frame off the wires: its correlation id.
    fn take_sent(&mut self) -> i32 {
        let (_, frame) = self.wires.sent.pop_front().expect("something was sent");
        frames::split_request(&frame.slice(4..)).expect("a request").1.correlation_id
    }

    fn answer(&mut self, conn: u64, correlation_id: i32, body: &'static [u8]) {
        let bytes = frames::response_frame(API, VERSION, correlation_id, |to| to.put_slice(body));
        self.input(Input::Received { conn: ConnId(conn), bytes });
    }

    fn at(&mut self, millis: u64) {
        self.wires.now = Time::ZERO + Span::from_millis(millis);
        self.client.on_timer(&mut self.wires);
    }

    fn completed(&mut self) -> Vec<(u64, Result<Bytes, NetError>)> {
        std::iter::from_fn(|| self.client.next_completed())
            .map(|Completed { token, result, .. }| (token, result))
            .collect()
    }
}

#[test]
fn responses_complete_the_requests_in_their_order() {
    let mut it = Fixture::connected();
    it.send(7);
    it.send(8);
    let (first, second) = (it.take_sent(), it.take_sent());
    it.answer(0, first, b"one");
    it.answer(0, second, b"two");
    let want = vec![(7, Ok(Bytes::from("one"))), (8, Ok(Bytes::from("two")))];
    assert_eq!(it.completed(), want, "each token with its own body");
}

#[test]
fn a_wrong_correlation_id_closes_the_connection() {
    let mut it = Fixture::connected();
    it.send(7);
    it.send(8);
    let (_first, second) = (it.take_sent(), it.take_sent());
    it.answer(0, second, b"two");
    let want = vec![(7, Err(NetError::Disconnected)), (8, Err(NetError::Disconnected))];
    assert_eq!((it.completed(), it.wires.closed), (want, vec![ConnId(0)]), "NC-4");
}

#[test]
fn a_late_response_times_out_everything_in_flight_to_the_node() {
    let mut it = Fixture::connected();
    it.send(7);
    it.at(20_000);
    it.send(8);
    assert_eq!(it.client.next_deadline(), Some(Time::ZERO + Span::from_secs(30)), "of the first");
    it.at(29_999);
    assert_eq!(it.completed(), vec![], "not yet");
    it.at(30_000);
    let want = vec![(7, Err(NetError::TimedOut)), (8, Err(NetError::TimedOut))];
    assert_eq!(
        (it.completed(), it.wires.closed),
        (want, vec![ConnId(0)]),
        "one timeout closes all"
    );
}

#[test]
fn no_more_than_max_in_flight_are_sent() {
    let mut it = Fixture::connected();
    for token in 0..7 {
        it.enqueue(token);
    }
    assert_eq!((it.wires.sent.len(), it.client.is_ready(NODE)), (5, false), "NC-5");
    let first = it.take_sent();
    it.answer(0, first, b"");
    assert_eq!((it.wires.sent.len(), it.completed().len()), (5, 1), "one answered, one more sent");
}

#[test]
fn the_wait_before_a_reconnect_doubles_and_starts_again_after_success() {
    let mut it = Fixture::new(false);
    let mut now = 0;
    let mut conn = 0;
    for wait in [50, 100, 200, 400, 800, 1_000, 1_000] {
        assert!(!it.client.ready(NODE, &mut it.wires), "a connection takes time");
        it.input(Input::ConnectFailed { conn: ConnId(conn), refused: true });
        conn += 1;
        now += wait;
        let retry_at = Time::ZERO + Span::from_millis(now);
        assert_eq!(it.client.retry_at(NODE), Some(retry_at), "after {conn} failures");
        it.at(now - 1);
        it.client.ready(NODE, &mut it.wires);
        assert_eq!(it.wires.opened.len() as u64, conn, "too early");
        it.at(now);
    }
    assert!(!it.client.ready(NODE, &mut it.wires), "a connection takes time");
    it.input(Input::Connected { conn: ConnId(conn) });
    it.input(Input::Closed { conn: ConnId(conn), reset: true });
    let retry_at = Time::ZERO + Span::from_millis(now + 50);
    assert_eq!(it.client.retry_at(NODE), Some(retry_at), "as after the first failure");
}

#[test]
fn a_connection_that_hangs_is_given_up() {
    let mut it = Fixture::new(false);
    it.enqueue(1);
    it.at(9_999);
    assert_eq!(it.completed(), vec![], "10 s, with the jitter in the middle");
    it.at(10_000);
    assert_eq!(it.completed(), vec![(1, Err(NetError::Disconnected))], "it was never sent");
    assert!(it.client.connection_failed(NODE), "and nothing new is under way");
    it.enqueue(2);
    assert_eq!(it.completed(), vec![(2, Err(NetError::Disconnected))], "in the back-off at once");
}

#[test]
fn versions_are_asked_for_first_and_decide() {
    let mut it = Fixture::new(true);
    it.enqueue(1);
    it.enqueue(2);
    it.input(Input::Connected { conn: ConnId(0) });
    let ask = it.take_sent();
    assert_eq!(it.wires.sent.len(), 0, "nothing before the versions are known");
    // Error 0, one API (compact length 2): FindCoordinator 0..=5, no tags; throttle 0, no tags.
    let body = [0, 0, 2, 0, 10, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0];
    let bytes = frames::response_frame(ApiKey::ApiVersions, 4, ask, |to| to.put_slice(&body));
    it.input(Input::Received { conn: ConnId(0), bytes });
    assert_eq!(it.wires.sent.len(), 2, "both went out");
    assert_eq!(it.client.usable_version(NODE, API, 0..=9), Some(5), "its newest");
    assert_eq!(it.client.usable_version(NODE, API, 6..=9), None, "nothing in common");
    let request = it.client.request(12, 9, &MetadataRequest::default());
    it.client.send(NODE, request, &mut it.wires);
    assert_eq!(it.completed(), vec![(9, Err(NetError::UnsupportedVersion))], "not served");
}

#[test]
fn an_older_node_is_asked_for_its_versions_again() {
    let mut it = Fixture::new(true);
    it.enqueue(1);
    it.input(Input::Connected { conn: ConnId(0) });
    let ask = it.take_sent();
    // Error 35 in version 0: one API, ApiVersions 0..=3.
    let body = [0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 3];
    let bytes = frames::response_frame(ApiKey::ApiVersions, 0, ask, |to| to.put_slice(&body));
    it.input(Input::Received { conn: ConnId(0), bytes });
    let (_, frame) = it.wires.sent.pop_front().expect("it asks again");
    let (api, header, _) = frames::split_request(&frame.slice(4..)).expect("a request");
    let want = (ApiKey::ApiVersions, 3);
    assert_eq!((api, header.request_api_version), want, "in the newest that both know");
}

#[test]
fn a_request_without_response_completes_when_sent() {
    let mut it = Fixture::connected();
    let request = it.client.request(13, 5, &ProduceRequest::default()).without_response();
    it.client.send(NODE, request, &mut it.wires);
    assert_eq!(it.completed(), vec![(5, Ok(Bytes::new()))], "acks=0");
    assert_eq!(it.client.in_flight(NODE), 0, "nothing to wait for");
}

#[test]
fn a_full_send_buffer_holds_requests_back() {
    let mut it = Fixture::connected();
    it.wires.full = true;
    it.enqueue(1);
    it.enqueue(2);
    assert_eq!((it.wires.sent.len(), it.client.is_ready(NODE)), (1, false), "the first filled it");
    it.wires.full = false;
    it.input(Input::Writable { conn: ConnId(0) });
    assert_eq!((it.wires.sent.len(), it.client.is_ready(NODE)), (2, true), "there is room again");
}

#[test]
fn a_node_that_moved_is_tried_at_once() {
    let mut it = Fixture::new(false);
    it.client.ready(NODE, &mut it.wires);
    it.input(Input::ConnectFailed { conn: ConnId(0), refused: true });
    it.client.set_node(NODE, "b2", 9093);
    it.client.ready(NODE, &mut it.wires);
    assert_eq!(it.wires.opened[1], (ConnId(1), "b2".to_owned(), 9093), "no wait at a new address");
}

#[test]
fn the_least_loaded_node_is_connected_or_was_tried_long_ago() {
    let mut it = Fixture::connected();
    let (second, third) = (BrokerId(2), BrokerId(3));
    it.client.set_node(second, "b2", 9092);
    it.client.set_node(third, "b3", 9092);
    let nodes = [NODE, second, third];
    assert_eq!(it.client.least_loaded(&nodes, 2, it.wires.now), Some(NODE), "the one that is up");
    for token in 0..5 {
        it.send(token);
    }
    assert_eq!(it.client.least_loaded(&nodes, 1, it.wires.now), Some(second), "the first is full");
    it.client.ready(third, &mut it.wires);
    assert_eq!(it.client.least_loaded(&nodes, 1, it.wires.now), Some(third), "connecting");
}

#[test]
fn a_frame_within_one_chunk_is_not_copied() {
    let mut reader = FrameReader::default();
    let chunk = Bytes::from_static(&[0, 0, 0, 2, 8, 9, 0, 0]);
    reader.push(chunk.clone());
    let frame = reader.next_frame().expect("a good length").expect("a whole frame");
    assert_eq!(frame.as_ptr(), chunk[4..].as_ptr(), "a slice of the chunk");
    assert_eq!((&frame[..], reader.buffered()), (&[8, 9][..], 2), "and the rest stays");
}

#[test]
fn a_bad_length_is_refused_before_anything_is_kept() {
    for (length, max) in [(-1, 100), (101, 100), (i32::MAX, 100), (i32::MIN, 100)] {
        let mut reader = FrameReader::new(max);
        reader.push(Bytes::copy_from_slice(&length.to_be_bytes()));
        assert_eq!(reader.next_frame(), Err(FrameError::BadLength { got: length, max }), "FR-2");
    }
}

#[test]
fn headers_come_back_as_they_went() {
    let versions = [(API, VERSION), (API, 2), (ApiKey::ApiVersions, 0), (ApiKey::ApiVersions, 4)];
    for (api, version) in versions {
        let frame = frames::request_frame(api, version, 77, "me", |to| to.put_u8(5)).freeze();
        let (read, header, body) = frames::split_request(&frame.slice(4..)).expect("a request");
        assert_eq!((read, header.request_api_version, header.correlation_id), (api, version, 77));
        assert_eq!(header.client_id.as_deref(), Some("me"), "the client's name");
        assert_eq!(&body[..], [5], "only the body is left of {api} {version}");
        let frame = frames::response_frame(api, version, 78, |to| to.put_u8(6));
        let read = frames::split_response(&frame.slice(4..), api, version);
        assert_eq!(read, Some((78, Bytes::from_static(&[6]))), "{api} {version}");
    }
}

proptest! {
    /// Whatever the cuts, the frames come out as they went in.
    #[test]
    fn frames_survive_any_split(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
        cuts in prop::collection::vec(1_usize..9, 1..40),
    ) {
        let mut stream = BytesMut::new();
        for body in &bodies {
            stream.put_i32(i32::try_from(body.len()).expect("short"));
            stream.put_slice(body);
        }
        let (mut stream, mut reader, mut got) = (stream.freeze(), FrameReader::new(64), Vec::new());
        for cut in cuts.iter().cycle() {
            if stream.is_empty() {
                break;
            }
            reader.push(stream.split_to(stream.len().min(*cut)));
            while let Some(frame) = reader.next_frame().expect("good lengths") {
                got.push(frame.to_vec());
            }
        }
        prop_assert_eq!(got, bodies);
        prop_assert_eq!(reader.buffered(), 0);
    }

    /// No bytes make the header readers panic.
    #[test]
    fn headers_of_garbage_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = frames::split_request(&Bytes::from(bytes.clone()));
        let _ = frames::split_response(&Bytes::from(bytes), API, VERSION);
    }
}
