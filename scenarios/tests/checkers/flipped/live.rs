//! A live run to tamper with: the default scenario with one partition and without its faults.
//!
//! Holds:      the run, whether bytes are changed in it, and where on disks and in messages they lie.
//! Invariants: LI-1 a story changes one byte (and the checksum over it, if it is to be believed), and everything else
//!             of it happens without that change too.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::ids::TopicId;
use trial_scenarios::facts::PartitionFacts;
use trial_scenarios::run::{Phase, Run};
use trial_scenarios::scenario::Scenario;
use trial_sim::{DiskId, FaultId, HostId, Span, Time};

pub const METADATA: &str = "__cluster_metadata-0/00000000000000000000.log";
pub const LOG: &str = "departures-0/00000000000000000000.log";
pub const EPOCHS: &str = "departures-0/leader-epoch-checkpoint";

/// Within a batch: base offset, epoch, and something under the checksum.
pub const BASE_OFFSET: usize = 0;
pub const EPOCH: usize = 12;
pub const UNDER_CHECKSUM: usize = 60;
/// From where on the checksum counts.
const CHECKSUM_FROM: usize = 21;
/// The highest bit of a big-endian number.
pub const TOP_BIT: u8 = 0x80;

/// How long a message is waited for.
const PATIENCE: Span = Span::from_secs(20);

/// A run.
pub struct Live {
    pub run: Run,
    /// Whether bytes are changed.
    is_tampered: bool,
    /// How many were, or would have been.
    changed: usize,
}

/// Which run, and until when it is played before something is done to it.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub changes: &'static [&'static str],
    pub millis: u64,
}

pub const HALF_WAY: Setup = Setup { changes: &[], millis: 8_000 };

/// While the one producer waits for its answer the other goes on.
pub const TWO_PRODUCERS: Setup = Setup {
    changes: &[
        "clients.ferry.produce=departures",
        "clients.ferry.rate=40/s",
        "clients.ferry.config={ acks = \"all\" }",
    ],
    millis: 8_000,
};

/// The producer is idempotent: its batches have sequences.
pub const IDEMPOTENT: Setup =
    Setup { changes: &["clients.tower.config.\"enable.idempotence\"=true"], millis: 8_000 };

/// What a broker has received it appends, whether its sender lives or not.
pub const ONE_AT_A_TIME: Setup = Setup {
    changes: &[r#"clients.tower.config."max.in.flight.requests.per.connection"=1"#],
    millis: 5_000,
};

/// Plays a story in which one byte is changed, and wants these invariants among those that are found broken; plays it
/// without that change, and wants none. Answers both runs.
#[track_caller]
pub fn check(setup: Setup, want: &[&str], story: impl Fn(&mut Live)) -> [Live; 2] {
    let play = |is_tampered| {
        let mut live = Live::new(setup, is_tampered);
        story(&mut live);
        assert_eq!(live.changed, 1, "LI-1: bytes that were changed");
        live
    };
    let [tampered, left_alone] = [true, false].map(play);
    let found = left_alone.run.judge().violations();
    assert!(found.is_empty(), "without the change: {found:#?}");
    let found = tampered.run.judge().violations();
    for id in want {
        let is_found = found.iter().any(|violation| violation.invariant == *id);
        assert!(is_found, "{id} is not among {found:#?}");
    }
    [tampered, left_alone]
}

/// What one end of a connection has under way.
pub struct Message<'a> {
    pub from: HostId,
    pub to: HostId,
    /// From a listener: a response.
    pub is_response: bool,
    pub bytes: &'a Bytes,
    topic: TopicId,
}

impl Live {
    fn new(setup: Setup, is_tampered: bool) -> Self {
        let always = [
            "faults=[]",
            "must_happen=[]",
            "topics.departures.partitions=1",
            "clients.tower.config.\"enable.idempotence\"=false",
            // Alone with the partition: no topic but this one.
            "clients.board={ consume = \"departures\", config = { \"auto.offset.reset\" = \"earliest\" } }",
            "clients.gate={ produce = \"departures\", by_hand = true }",
        ];
        let changes = always.iter().chain(setup.changes);
        let changes: Vec<_> = changes.map(|text| text.parse().expect("a change")).collect();
        let scenario =
            Arc::new(Scenario::open("departures", &changes).expect("it comes with Trial"));
        let mut run = Run::new(&scenario, 1);
        run.play_until(Time::ZERO + Span::from_millis(setup.millis));
        Self { run, is_tampered, changed: 0 }
    }

    pub fn host(&self, name: &str) -> HostId {
        self.run.world().host(name).expect("the scenario has it")
    }

    pub fn partition(&self) -> &PartitionFacts {
        self.run.judge().facts().partition_named("departures/0").expect("it is there")
    }

    pub fn leader(&self) -> HostId {
        let facts = self.run.judge().facts();
        let leader = self.partition().leader().expect("somebody leads");
        facts.setup.host_of(leader).expect("it has a host")
    }

    /// The followers; who would lead next comes first.
    pub fn followers(&self) -> [HostId; 2] {
        let facts = self.run.judge().facts();
        let registration = self.partition().registration.as_ref().expect("it is registered");
        let hosts = registration.replicas.iter().filter_map(|id| facts.setup.host_of(*id));
        let leader = self.leader();
        let followers: Vec<_> = hosts.filter(|host| *host != leader).collect();
        followers.try_into().expect("three replicas")
    }

    pub fn active_controller(&self) -> HostId {
        self.run.judge().facts().active_controller.expect("one is active")
    }

    /// The end of a replica's log.
    pub fn end(&self, host: HostId) -> i64 {
        self.partition().logs[&host].end()
    }

    pub fn play_for(&mut self, millis: u64) {
        self.run.play_until(self.run.now() + Span::from_millis(millis));
    }

    /// Plays what happens next.
    #[track_caller]
    fn step(&mut self) {
        assert!(!matches!(self.run.phase(), Phase::Over { .. }), "the run is over");
        let next = self.run.world().next_time().expect("a cluster never rests");
        self.run.play_until(next.max(self.run.now() + Span(1)));
    }

    /// Plays until something is so.
    #[track_caller]
    pub fn play_till(&mut self, what: impl Fn(&Self) -> bool) {
        let limit = self.run.now() + PATIENCE;
        while !what(self) {
            assert!(self.run.now() < limit, "it never was so");
            self.step();
        }
    }

    /// Waits for a message in which `find` knows a byte, and flips those bits of it on its way.
    #[track_caller]
    pub fn flip_on_the_way(
        &mut self,
        topic: TopicId,
        find: impl Fn(&Self, &Message<'_>) -> Option<(usize, u8)>,
    ) {
        let limit = self.run.now() + PATIENCE;
        while self.run.now() < limit {
            for end in self.run.world().in_flight() {
                let Some((from, to, bytes)) = self.run.world().peek_in_flight(end) else {
                    continue;
                };
                let is_response = end.is_listener();
                let message = Message { from, to, is_response, bytes: &bytes, topic };
                let Some((place, bits)) = find(self, &message) else { continue };
                self.changed += 1;
                for bit in (0..8).filter(|bit| self.is_tampered && bits >> bit & 1 == 1) {
                    let bit = place as u64 * 8 + bit;
                    assert!(self.run.world_mut().flip_in_flight(end, bit), "it is under way");
                }
                return;
            }
            self.step();
        }
        panic!("no such message was sent");
    }

    /// Waits for a message with a batch in which `find` knows a byte, flips those bits of it, and mends its checksum.
    #[track_caller]
    pub fn flip_mended_on_the_way(
        &mut self,
        topic: TopicId,
        (byte, bits): (usize, u8),
        find: impl Fn(&Self, &Message<'_>) -> Option<usize>,
    ) {
        let limit = self.run.now() + PATIENCE;
        while self.run.now() < limit {
            for end in self.run.world().in_flight() {
                let Some((from, to, bytes)) = self.run.world().peek_in_flight(end) else {
                    continue;
                };
                let is_response = end.is_listener();
                let message = Message { from, to, is_response, bytes: &bytes, topic };
                let Some(batch) = find(self, &message) else { continue };
                let size =
                    i32::from_be_bytes(bytes[batch + 8..batch + 12].try_into().expect("four"));
                let until = batch + 12 + usize::try_from(size).expect("a size");
                let Some(covered) = bytes.get(batch + CHECKSUM_FROM..until) else { continue };
                let mut after = covered.to_vec();
                after[byte - CHECKSUM_FROM] ^= bits;
                let mend = crc32c::crc32c(covered) ^ crc32c::crc32c(&after);
                let mut flips = vec![(batch + byte, bits)];
                flips.extend((batch + 17..).zip(mend.to_be_bytes()));
                self.changed += 1;
                for (place, bits) in flips.into_iter().filter(|_| self.is_tampered) {
                    for bit in (0..8).filter(|bit| bits >> bit & 1 == 1) {
                        let bit = place as u64 * 8 + bit;
                        assert!(self.run.world_mut().flip_in_flight(end, bit), "it is under way");
                    }
                }
                return;
            }
            self.step();
        }
        panic!("no such message was sent");
    }

    /// Nothing gets through between two hosts.
    pub fn cut(&mut self, one: HostId, other: HostId) -> [FaultId; 2] {
        let world = self.run.world_mut();
        [world.cut(one, other), world.cut(other, one)]
    }

    /// Whatever `from` sends to `to` takes longer: there is always more than `to` knows.
    pub fn delay(&mut self, from: HostId, to: HostId, millis: u64) -> FaultId {
        self.run.world_mut().delay(from, to, Span::from_millis(millis))
    }

    pub fn topic(&self) -> TopicId {
        self.partition().id.topic
    }

    /// The bytes of a file.
    pub fn peek(&self, host: HostId, path: &str) -> Bytes {
        let disk = self.run.world().disk(host, DiskId(0));
        disk.peek(path, 0, u64::MAX).expect("the file is there")
    }

    /// Flips bits of a byte of a file.
    pub fn flip_on_disk(&mut self, host: HostId, path: &str, place: usize, bits: u8) {
        self.changed += 1;
        for bit in (0..8).filter(|bit| self.is_tampered && bits >> bit & 1 == 1) {
            assert!(self.run.world_mut().flip_page(host, path, place as u64, bit), "it is there");
        }
    }

    /// Flips bits of a byte of a batch, and mends its checksum.
    pub fn flip_mended(&mut self, host: HostId, path: &str, place: usize, bits: u8) {
        let (batch, size) = self.batch_around(host, path, place);
        self.flip_on_disk(host, path, place, bits);
        self.mend(host, path, batch + 17, batch + CHECKSUM_FROM..batch + size, (place, bits));
    }

    /// Flips bits of a byte of a producer snapshot, and mends its checksum.
    pub fn flip_snapshot(&mut self, host: HostId, path: &str, place: usize, bits: u8) {
        let length = self.peek(host, path).len();
        self.flip_on_disk(host, path, place, bits);
        self.mend(host, path, 2, 6..length, (place, bits));
    }

    /// The checksum at `at` covers these bytes, of which one has been changed.
    fn mend(
        &mut self,
        host: HostId,
        path: &str,
        at: usize,
        covered: Range<usize>,
        (place, bits): (usize, u8),
    ) {
        if !self.is_tampered {
            return;
        }
        let after = self.peek(host, path).slice(covered.clone()).to_vec();
        let mut before = after.clone();
        before[place - covered.start] ^= bits;
        let mend = crc32c::crc32c(&before) ^ crc32c::crc32c(&after);
        for (byte, bits) in (at..).zip(mend.to_be_bytes()) {
            for bit in (0..8).filter(|bit| bits >> bit & 1 == 1) {
                assert!(
                    self.run.world_mut().flip_page(host, path, byte as u64, bit),
                    "it is there"
                );
            }
        }
    }

    /// Where the batch with this byte begins in its file, and how long it is.
    fn batch_around(&self, host: HostId, path: &str, place: usize) -> (usize, usize) {
        let bytes = self.peek(host, path);
        let mut at = 0;
        loop {
            let size = i32::from_be_bytes(bytes[at + 8..at + 12].try_into().expect("four"));
            let size = 12 + usize::try_from(size).expect("a size");
            if place < at + size {
                return (at, size);
            }
            at += size;
        }
    }

    /// Where the last batch of a log begins in its file.
    pub fn last_batch(&self, host: HostId, path: &str) -> usize {
        let bytes = self.peek(host, path);
        let (mut last, mut at) = (0, 0);
        while at + 12 <= bytes.len() {
            last = at;
            let size = i32::from_be_bytes(bytes[at + 8..at + 12].try_into().expect("four"));
            at += 12 + usize::try_from(size).expect("a size");
        }
        last
    }

    /// Where a log ends by the bytes of its file.
    pub fn end_on_disk(&self, host: HostId, path: &str) -> i64 {
        let (bytes, batch) = (self.peek(host, path), self.last_batch(host, path));
        let base = i64::from_be_bytes(bytes[batch..batch + 8].try_into().expect("eight"));
        let delta = i32::from_be_bytes(bytes[batch + 23..batch + 27].try_into().expect("four"));
        base + i64::from(delta) + 1
    }
}

impl Message<'_> {
    /// Where the first partition of the topic begins.
    fn partition(&self) -> Option<usize> {
        let id = self.topic.0.to_be_bytes();
        let at = self.bytes.windows(16).position(|window| window == id)?;
        Some(at + 17).filter(|at| at + 20 < self.bytes.len())
    }

    fn is(&self, is_response: bool, from: HostId, to: HostId) -> bool {
        (self.is_response, self.from, self.to) == (is_response, from, to)
    }

    /// In a fetch: where the offset lies that is asked for; behind it the epoch that was fetched last.
    pub fn fetch_offset(&self, from: HostId, to: HostId) -> Option<usize> {
        self.is(false, from, to).then(|| self.partition())?.map(|at| at + 8)
    }

    /// In an answer to a produce or fetch: where the error lies; behind it the offset that is told, or the high
    /// watermark.
    pub fn answer(&self, from: HostId, to: HostId) -> Option<usize> {
        self.is(true, from, to).then(|| self.partition())?.map(|at| at + 4)
    }

    /// In an answer to a fetch: where its first batch lies.
    pub fn batch(&self, from: HostId, to: HostId) -> Option<usize> {
        // Error, three offsets, no aborted transactions, the preferred replica.
        let mut at = self.answer(from, to)? + 2 + 24 + 1 + 4;
        let is_there = self.bytes.get(at).is_some_and(|length| *length > 1);
        while *self.bytes.get(at)? >= 0x80 {
            at += 1;
        }
        Some(at + 1).filter(|_| is_there)
    }

    /// A bit that makes the offset at `at` larger, and not larger than `end`: its byte and itself.
    pub fn larger(&self, at: usize, end: i64) -> Option<(usize, u8)> {
        let offset = self.number(at);
        let is_larger = |bit: &i32| offset & 1 << bit == 0 && offset | 1 << bit <= end;
        (0..8).find(is_larger).map(|bit| (at + 7, 1 << bit))
    }

    /// The number of eight bytes at `at`.
    pub fn number(&self, at: usize) -> i64 {
        i64::from_be_bytes(self.bytes[at..at + 8].try_into().expect("eight"))
    }
}
