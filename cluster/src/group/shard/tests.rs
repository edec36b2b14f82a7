//! A shard with a log that takes what the test wants it to take.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use trial_log::{BatchBuilder, Compression, RecordBatch};
use trial_sim::{Plan, Span, Stream, Time};

use super::deferred::Origin;
use super::*;
use crate::config::group::GroupSettings;
use crate::error_code::ErrorCode;
use crate::group::record::GroupRecord;
use crate::group::request::{Asker, GroupQuestion, GroupRequest, GroupResponse};
use crate::group::state::GroupState;
use crate::group::step::{Decision, GroupEffect, Then};
use crate::group::timer::TimerKey;
use crate::ids::{LeaderEpoch, Offset};
use crate::image::MetadataImage;
use crate::note::group::GroupEvent;
use crate::wire::{HeartbeatRequest, HeartbeatResponse, OffsetCommitKey, OffsetCommitValue};

/// A log that is written to, and refuses what it is told to refuse.
struct FakeLog {
    end: Offset,
    batches: Vec<RecordBatch>,
    refusals: VecDeque<ErrorCode>,
    max_batch_size: usize,
}

impl PartitionWriter for FakeLog {
    fn max_batch_size(&self) -> Result<usize, ErrorCode> {
        Ok(self.max_batch_size)
    }

    fn append(&mut self, batch: RecordBatch) -> Result<Offset, ErrorCode> {
        if let Some(code) = self.refusals.pop_front() {
            return Err(code);
        }
        self.end = Offset(self.end.0 + i64::from(batch.count()));
        self.batches.push(batch);
        Ok(self.end)
    }
}

struct Bench {
    shard: Shard,
    log: FakeLog,
    now: Time,
    random: Stream,
    image: MetadataImage,
    effects: Vec<ShardEffect>,
}

const TIMEOUT: Span = Span::from_millis(5_000);

impl Bench {
    fn new(linger_ms: i64) -> Self {
        let settings = GroupSettings { append_linger_ms: linger_ms, ..GroupSettings::default() };
        Self {
            shard: Shard::new(Arc::new(settings), Compression::NONE),
            log: FakeLog {
                end: Offset::ZERO,
                batches: Vec::new(),
                refusals: VecDeque::new(),
                max_batch_size: 1_000_000,
            },
            now: Time::ZERO,
            random: Plan::new(1).run_stream("test", "shard"),
            image: MetadataImage::default(),
            effects: Vec::new(),
        }
    }

    /// One that is active in epoch 1, on a log that is empty.
    fn active(linger_ms: i64) -> Self {
        let mut bench = Self::new(linger_ms);
        bench.elect(1);
        bench.loaded(Ok(LoadStats::default()));
        assert_eq!(bench.shard.state(), ShardState::Active);
        bench
    }

    fn elect(&mut self, epoch: i32) {
        self.handle(ShardEvent::Load { epoch: LeaderEpoch(epoch) });
    }

    fn loaded(&mut self, outcome: Result<LoadStats, LoadFault>) {
        let load = self.shard.load;
        self.handle(ShardEvent::Loaded { load, outcome });
    }

    fn handle(&mut self, event: ShardEvent) {
        self.shard.enqueue(event);
        self.run();
    }

    fn with<R>(&mut self, call: impl FnOnce(&mut Shard, &mut ShardStep<'_>) -> R) -> R {
        let mut step = ShardStep {
            now: self.now,
            wall_ms: i64::try_from(self.now.since(Time::ZERO).as_millis()).expect("a short test"),
            random: &mut self.random,
            image: &self.image,
            log: &mut self.log,
            effects: &mut self.effects,
        };
        call(&mut self.shard, &mut step)
    }

    /// Handles all that stands in the queue.
    fn run(&mut self) {
        while self.shard.has_work() {
            self.with(Shard::process);
        }
    }

    /// As if a request had been decided: so many records, and an answer under this token.
    fn decide(&mut self, token: u32, records: usize) {
        let records = (0..records).map(|index| commit(token, index)).collect();
        let decision = Decision::reply(records, token, response(token));
        self.with(|shard, step| shard.perform(step, decision, Origin::Request));
    }

    fn high_watermark(&mut self, to: i64) {
        self.shard.on_high_watermark(Offset(to));
        self.run();
    }

    /// What was answered since the last look: tokens, and the error if there was one.
    fn answers(&mut self) -> Vec<(u32, Option<ErrorCode>)> {
        let effects = std::mem::take(&mut self.effects).into_iter();
        let answers = effects.filter_map(|effect| match effect {
            ShardEffect::Group(GroupEffect::Reply { token, answer }) => {
                Some((token, answer.err().map(|error| error.code)))
            }
            _ => None,
        });
        answers.collect()
    }

    /// Whether the newest state has offsets of a group, and the committed one.
    fn marked(&self, name: &str) -> (bool, bool) {
        let timeline = self.shard.timeline.as_ref().expect("it has a coordinator");
        let has = |state: &GroupState| state.offsets.contains_key(name);
        (has(timeline.machine.state()), has(timeline.committed()))
    }

    /// Whether nothing is due but the look for what has expired.
    fn rests(&self) -> bool {
        let expiry = GroupSettings::default().offsets_retention_check_interval;
        self.shard.next_deadline().is_none_or(|at| at >= Time::ZERO + expiry)
    }

    fn pass(&mut self, span: Span) {
        self.now += span;
        self.shard.on_time(self.now);
        self.run();
    }
}

fn commit(token: u32, index: usize) -> GroupRecord {
    let key = OffsetCommitKey {
        group: format!("g{token}"),
        topic: "orders".into(),
        partition: i32::try_from(index).expect("few"),
    };
    GroupRecord::OffsetCommit(key, Some(OffsetCommitValue { offset: 7, ..Default::default() }))
}

fn response(token: u32) -> GroupResponse {
    let throttle_time_ms = i32::try_from(token).expect("few");
    GroupResponse::Heartbeat(HeartbeatResponse { throttle_time_ms, ..Default::default() })
}

fn asker() -> Asker {
    Asker { client_id: "c".into(), client_host: "/127.0.0.1".into(), version: 0 }
}

fn request(token: u32) -> ShardEvent {
    let request = Box::new(GroupRequest::Heartbeat(HeartbeatRequest::default()));
    ShardEvent::Request { token, asker: asker(), request }
}

fn question(token: u32) -> ShardEvent {
    let question = Box::new(GroupQuestion::DescribeGroups(Vec::new()));
    ShardEvent::Question { token, asker: asker(), question }
}

const NOT_COORDINATOR: Option<ErrorCode> = Some(ErrorCode::NotCoordinator);

#[test]
fn a_batch_goes_when_all_have_had_their_turn_and_is_answered_when_it_is_committed() {
    let mut bench = Bench::active(-1);
    bench.decide(1, 2);
    bench.decide(2, 1);
    assert_eq!(bench.log.batches.len(), 0, "the flush stands at the end of the queue");
    bench.run();
    assert_eq!(bench.log.batches.len(), 1);
    assert_eq!((bench.log.batches[0].count(), bench.answers()), (3, vec![]));
    bench.decide(3, 1);
    bench.run();
    bench.high_watermark(2);
    assert_eq!(bench.answers(), [], "a part of a batch is nothing");
    bench.high_watermark(3);
    assert_eq!(bench.answers(), [(1, None), (2, None)]);
    bench.high_watermark(4);
    let released = GroupEvent::Released {
        epoch: LeaderEpoch(1),
        rests_below: Offset(4),
        high_watermark: Offset(4),
        operations: 1,
    };
    assert!(bench.effects.contains(&ShardEffect::Note(released)), "{:?}", bench.effects);
    assert_eq!(bench.answers(), [(3, None)]);
    assert_eq!(bench.shard.deferred.count(), 0);
}

#[test]
fn without_linger_each_is_written_at_once_and_with_linger_when_it_is_over() {
    let mut bench = Bench::active(0);
    bench.decide(1, 1);
    bench.decide(2, 1);
    assert_eq!(bench.log.batches.len(), 2);

    let mut bench = Bench::active(20);
    bench.decide(1, 1);
    bench.pass(Span::from_millis(19));
    bench.decide(2, 1);
    assert_eq!(bench.log.batches.len(), 0);
    bench.pass(Span::from_millis(1));
    assert_eq!(bench.log.batches.len(), 1, "the timer writes it");
    bench.decide(3, 1);
    bench.now += Span::from_millis(25);
    bench.decide(4, 1);
    assert_eq!(bench.log.batches.len(), 2, "or whoever comes too late to wait");
    bench.pass(Span::ZERO);
    assert_eq!(bench.log.batches.len(), 2, "the timer of a batch that is written writes no other");
}

#[test]
fn what_does_not_fit_goes_into_another_batch() {
    let mut bench = Bench::active(-1);
    bench.log.max_batch_size = 400;
    bench.decide(1, 3);
    bench.decide(2, 3);
    assert_eq!(bench.log.batches.len(), 1, "atomic records stay together");
    bench.run();
    let counts: Vec<i32> = bench.log.batches.iter().map(RecordBatch::count).collect();
    assert_eq!(counts, [3, 3]);
    let records = (0..9).map(|index| commit(3, index)).collect();
    let decision = Decision { is_atomic: false, ..Decision::reply(records, 3, response(3)) };
    bench.with(|shard, step| shard.perform(step, decision, Origin::Request));
    bench.run();
    assert!(bench.log.batches.len() > 3, "others do not: {}", bench.log.batches.len());
    assert!(bench.log.batches.iter().all(|batch| batch.size_in_bytes() <= 400));
    bench.high_watermark(6 + 8);
    assert_eq!(bench.answers(), [(1, None), (2, None)], "the last batch of an operation counts");
    bench.high_watermark(6 + 9);
    assert_eq!(bench.answers(), [(3, None)]);
}

#[test]
fn a_batch_that_is_refused_has_never_been() {
    let mut bench = Bench::active(-1);
    bench.decide(1, 1);
    bench.run();
    bench.log.refusals.push_back(ErrorCode::NotLeaderOrFollower);
    bench.decide(2, 1);
    bench.decide(3, 0);
    bench.run();
    let refused = Some(ErrorCode::NotLeaderOrFollower);
    assert_eq!(bench.answers(), [(2, refused), (3, refused)], "WR-1");
    assert_eq!((bench.marked("g1").0, bench.marked("g2").0), (true, false), "TL-2");
    bench.decide(4, 1);
    bench.run();
    bench.high_watermark(2);
    assert_eq!(bench.answers(), [(1, None), (4, None)], "the next one has its offset");
}

#[test]
fn what_writes_nothing_waits_for_what_was_written_before() {
    let mut bench = Bench::active(-1);
    bench.decide(1, 0);
    assert_eq!(bench.answers(), [(1, None)], "there is nothing");
    bench.decide(2, 1);
    bench.decide(3, 0);
    assert_eq!(bench.answers(), [], "WR-3: the batch at hand");
    bench.run();
    bench.decide(4, 0);
    assert_eq!(bench.answers(), [], "WR-3: a batch that is not committed");
    bench.high_watermark(1);
    assert_eq!(bench.answers(), [(2, None), (3, None), (4, None)]);
}

#[test]
fn questions_are_answered_at_once_from_what_is_committed() {
    let mut bench = Bench::active(-1);
    bench.decide(1, 1);
    bench.run();
    assert_eq!(bench.marked("g1"), (true, false), "G13");
    bench.shard.enqueue(question(9));
    bench.run();
    assert!(bench.answers().iter().any(|(token, _)| *token == 9), "it does not wait");
    bench.high_watermark(1);
    assert_eq!(bench.marked("g1"), (true, true));
}

#[test]
fn only_an_active_shard_decides() {
    let mut bench = Bench::new(-1);
    bench.handle(request(1));
    assert_eq!(bench.answers(), [(1, NOT_COORDINATOR)]);
    bench.elect(1);
    assert!(bench.effects.contains(&ShardEffect::Load(1)));
    bench.handle(request(2));
    bench.handle(question(3));
    let loading = Some(ErrorCode::CoordinatorLoadInProgress);
    assert_eq!(bench.answers(), [(2, loading), (3, loading)], "CO-2");
    bench.loaded(Err(LoadFault::Unreadable(Offset(3))));
    bench.handle(request(5));
    assert_eq!(
        (bench.shard.state(), bench.answers()),
        (ShardState::Failed, vec![(5, NOT_COORDINATOR)])
    );
    bench.elect(1);
    assert_eq!(bench.shard.state(), ShardState::Failed, "the same election changes nothing");
    bench.elect(2);
    bench.loaded(Ok(LoadStats::default()));
    assert_eq!(bench.shard.state(), ShardState::Active, "CO-1: the next one does");
}

#[test]
fn who_waits_is_told_when_a_shard_is_unloaded() {
    let mut bench = Bench::active(-1);
    bench.decide(1, 1);
    bench.run();
    bench.decide(2, 1);
    bench.shard.queue.clear();
    bench.handle(ShardEvent::Unload { epoch: Some(LeaderEpoch(1)) });
    assert_eq!(
        (bench.shard.state(), bench.answers()),
        (ShardState::Active, vec![]),
        "its own epoch"
    );
    bench.handle(ShardEvent::Unload { epoch: Some(LeaderEpoch(2)) });
    assert_eq!(bench.answers(), [(1, NOT_COORDINATOR), (2, NOT_COORDINATOR)]);
    assert_eq!((bench.shard.state(), bench.shard.next_deadline()), (ShardState::Closed, None));
    bench.high_watermark(2);
    bench.handle(request(3));
    assert_eq!(bench.answers(), [(3, NOT_COORDINATOR)]);
    bench.elect(3);
    bench.loaded(Ok(LoadStats::default()));
    assert_eq!(bench.shard.state(), ShardState::Active, "it may be elected again");
}

/// KAFKA-20634: the commit at offset 0 is lost with the leadership, and what another leader wrote in its place comes
/// here and is committed before the coordinator hears that it is none any more.
#[test]
fn a_commit_is_not_answered_for_what_another_leader_has_written() {
    let lost = |is_told: bool| {
        let mut bench = Bench::active(-1);
        bench.decide(1, 1);
        bench.run();
        if is_told {
            bench.shard.on_leadership_lost();
        }
        bench.high_watermark(1);
        bench.handle(ShardEvent::Unload { epoch: Some(LeaderEpoch(2)) });
        bench.answers()
    };
    assert_eq!(lost(true), [(1, NOT_COORDINATOR)], "G11");
    assert_eq!(lost(false), [(1, None)], "so it was before");
}

#[test]
fn a_lead_that_is_lost_before_the_shard_is_active_is_lost() {
    let mut bench = Bench::new(-1);
    bench.elect(1);
    let mut loading = Loading::new(1);
    let piece = batch_at(0, &[1]);
    assert_eq!(bench.shard.replay_batches(&mut loading, &piece, Offset(0)), Ok(()));
    bench.shard.enqueue(ShardEvent::Loaded { load: 1, outcome: Ok(loading.stats) });
    bench.shard.on_leadership_lost();
    bench.run();
    bench.decide(1, 0);
    bench.high_watermark(1);
    assert_eq!(bench.answers(), [], "G11: it rests on what may be lost");
}

#[test]
fn a_high_watermark_that_was_seen_as_leader_counts_though_the_leadership_has_ended() {
    let mut bench = Bench::active(-1);
    bench.decide(1, 1);
    bench.run();
    bench.shard.on_high_watermark(Offset(1));
    bench.shard.on_leadership_lost();
    bench.run();
    assert_eq!(bench.answers(), [(1, None)]);
}

#[test]
fn a_shard_out_of_step_with_its_log_is_loaded_again() {
    let mut bench = Bench::active(-1);
    bench.decide(1, 1);
    bench.run();
    bench.log.end = Offset(5);
    bench.decide(2, 1);
    bench.run();
    assert_eq!(bench.shard.state(), ShardState::Loading, "WR-2");
    let note = GroupEvent::OutOfSync { expected: Offset(2), found: Offset(6) };
    assert!(bench.effects.contains(&ShardEffect::Note(note)));
    assert!(bench.effects.contains(&ShardEffect::Load(2)));
    assert_eq!(bench.answers(), [(1, NOT_COORDINATOR), (2, NOT_COORDINATOR)]);
}

#[test]
fn what_waits_too_long_is_told_so_and_stays_in_the_log() {
    let mut bench = Bench::active(-1);
    bench.decide(1, 1);
    bench.run();
    bench.pass(TIMEOUT);
    assert_eq!(bench.answers(), [(1, Some(ErrorCode::RequestTimedOut))]);
    assert_eq!(bench.marked("g1"), (true, false), "and may be committed yet");
    bench.high_watermark(1);
    assert_eq!(bench.answers(), [], "DE-1");
    assert!(bench.rests());
}

#[test]
fn a_timer_that_failed_comes_again_after_a_while() {
    let mut bench = Bench::active(-1);
    let key = TimerKey::ConsumerSession("g".into(), "m".into());
    let records = vec![commit(1, 0)];
    let decision = Decision { then: Then::Nothing, ..Decision::records(records) };
    bench.log.refusals.push_back(ErrorCode::NotLeaderOrFollower);
    let origin = Origin::Timer(key.clone());
    bench.with(|shard, step| shard.perform(step, decision.clone(), origin));
    bench.run();
    let due = Some(bench.now + Span::from_millis(500));
    assert_eq!(bench.shard.next_deadline(), due);
    let once = TimerKey::ClassicJoin("g".into());
    bench.shard.timeline.as_mut().expect("active").machine.timers_mut().cancel(&key);
    bench.log.refusals.push_back(ErrorCode::NotLeaderOrFollower);
    bench.with(|shard, step| shard.perform(step, decision, Origin::Timer(once)));
    bench.run();
    assert!(bench.rests(), "those of classic groups do not");
}

fn batch_at(base: i64, groups: &[u32]) -> Bytes {
    let mut builder = BatchBuilder::new(Offset(base)).leader_epoch(LeaderEpoch(1));
    for group in groups {
        let record = commit(*group, 0);
        builder.append(0, Some(&record.key_bytes()), record.value_bytes().as_deref(), &[]);
    }
    builder.build().into_bytes()
}

#[test]
fn a_log_is_loaded_as_far_as_it_is_written_and_known_to_be_committed_as_far_as_it_is() {
    let mut bench = Bench::new(-1);
    bench.elect(1);
    let mut loading = Loading::new(1);
    assert!(bench.shard.awaits(1) && !bench.shard.awaits(2));
    // The batch that ended at the high watermark was compacted away.
    let pieces = [(batch_at(3, &[1, 2]), 6), (batch_at(8, &[3]), 6)];
    for (piece, high_watermark) in pieces {
        let done = bench.shard.replay_batches(&mut loading, &piece, Offset(high_watermark));
        assert_eq!(done, Ok(()));
    }
    let mut unknown = BatchBuilder::new(Offset(9));
    unknown.append(0, Some(b"\x00\x63g"), Some(b"?"), &[]);
    let unknown = unknown.build().into_bytes();
    assert_eq!(bench.shard.replay_batches(&mut loading, &unknown, Offset(6)), Ok(()), "skipped");
    let timeline = bench.shard.timeline.as_ref().expect("loading");
    assert_eq!((timeline.last_written(), timeline.last_committed()), (Offset(10), Offset(6)));
    assert_eq!((loading.stats.records, loading.next), (4, Some(Offset(10))));

    assert_eq!(
        timeline.uncommitted_ends(),
        [Offset(9), Offset(10)],
        "what is behind a gap is not committed"
    );

    let mut wrong = BatchBuilder::new(Offset(10));
    wrong.append(0, Some(b"\x00\x01"), Some(b""), &[]);
    let wrong = wrong.build().into_bytes();
    let fault = bench.shard.replay_batches(&mut loading, &wrong, Offset(6));
    assert_eq!(fault, Err(LoadFault::Unreadable(Offset(10))));
}

#[test]
fn a_loading_that_was_overtaken_makes_nobody_active() {
    let mut bench = Bench::new(-1);
    bench.elect(1);
    bench.handle(ShardEvent::Unload { epoch: Some(LeaderEpoch(2)) });
    bench.elect(3);
    bench.handle(ShardEvent::Loaded { load: 1, outcome: Ok(LoadStats::default()) });
    assert_eq!(bench.shard.state(), ShardState::Loading, "CO-3");
    bench.handle(ShardEvent::Loaded { load: 2, outcome: Ok(LoadStats::default()) });
    assert_eq!(bench.shard.state(), ShardState::Active);
}

#[test]
fn the_first_write_after_a_loading_goes_on_where_the_log_ends() {
    let mut bench = Bench::new(-1);
    bench.elect(1);
    let mut loading = Loading::new(1);
    let piece = batch_at(0, &[1, 2]);
    assert_eq!(bench.shard.replay_batches(&mut loading, &piece, Offset(2)), Ok(()));
    bench.log.end = Offset(2);
    bench.loaded(Ok(loading.stats));
    bench.decide(1, 1);
    bench.run();
    bench.high_watermark(3);
    assert_eq!(bench.answers(), [(1, None)]);
}
