//! Both sides of KIP-227, alone and against each other.
//!
//! Holds: tables after the cases of Kafka's `FetchSessionTest` and `FetchSessionHandlerTest`.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use trial_log::{LeaderEpoch, Offset};

use super::{
    AnswerFacts, AskedPartition, FetchContext, FetchManager, FetchMetadata, FetchRequestPlan,
    FetchSessionHandler, FetchSessionRequest, SessionAnswer, SessionEpoch, SessionId,
};
use crate::error_code::ErrorCode;
use crate::ids::{TopicPartition, Uuid};
use crate::partition::effect::WallTime;
use crate::partition::read::FetchPartition;

type Named = (AskedPartition, FetchPartition);

fn tp(partition: i32) -> TopicPartition {
    TopicPartition { topic: Uuid(5), partition }
}

/// The same, as a request names it: by the id of a topic that is there.
fn ask(partition: i32) -> AskedPartition {
    by_id(5, Some("t"), partition)
}

fn by_id(topic: u128, name: Option<&str>, partition: i32) -> AskedPartition {
    AskedPartition { topic: Uuid(topic), name: name.map(Arc::from), partition }
}

fn at(offset: i64) -> FetchPartition {
    FetchPartition {
        fetch_offset: Offset(offset),
        log_start_offset: Offset(0),
        max_bytes: 100,
        current_leader_epoch: Some(LeaderEpoch(1)),
        last_fetched_epoch: Some(LeaderEpoch(1)),
    }
}

fn facts(partition: i32, high_watermark: i64, has_records: bool) -> AnswerFacts {
    AnswerFacts {
        partition: ask(partition),
        error: ErrorCode::None,
        high_watermark: Offset(high_watermark),
        log_start_offset: Offset(0),
        has_records,
        is_diverging: false,
        has_preferred_replica: false,
    }
}

fn ok(session: SessionId) -> SessionAnswer {
    SessionAnswer { error: ErrorCode::None, session }
}

/// A broker with room for so many sessions, in one shard, that hands out the ids 1, 2, 3...
struct Broker {
    manager: FetchManager,
    drawn: u64,
}

impl Broker {
    fn new(slots: usize) -> Self {
        Self { manager: FetchManager::with_shards(slots, 1), drawn: 0 }
    }

    fn ask(
        &mut self,
        now: i64,
        metadata: (i32, i32),
        named: &[Named],
        forgotten: &[i32],
    ) -> FetchContext {
        self.ask_as(now, metadata, named, forgotten, true)
    }

    fn ask_as(
        &mut self,
        now: i64,
        metadata: (i32, i32),
        named: &[Named],
        forgotten: &[i32],
        is_follower: bool,
    ) -> FetchContext {
        let forgotten: Vec<_> = forgotten.iter().map(|partition| ask(*partition)).collect();
        let metadata =
            FetchMetadata { session: SessionId(metadata.0), epoch: SessionEpoch(metadata.1) };
        let request = FetchSessionRequest {
            metadata,
            is_follower,
            uses_topic_ids: true,
            partitions: named,
            forgotten: &forgotten,
        };
        self.manager.on_request(WallTime(now), &request)
    }

    fn partitions(&mut self, context: &FetchContext, named: &[Named]) -> Vec<Named> {
        let mut asked = Vec::new();
        self.manager.partitions(context, named, &|_| None, &mut asked);
        asked
    }

    fn answer(
        &mut self,
        now: i64,
        context: &FetchContext,
        named: &[Named],
        answers: &mut Vec<AnswerFacts>,
    ) -> SessionAnswer {
        let mut below = |_| {
            self.drawn += 1;
            self.drawn - 1
        };
        self.manager.on_answer(
            WallTime(now),
            context,
            named,
            answers,
            AnswerFacts::clone,
            &mut below,
        )
    }

    /// Opens a session over partitions 0 to `count`-1.
    fn open(&mut self, now: i64, count: i32, is_follower: bool) -> SessionId {
        let named: Vec<Named> = (0..count).map(|partition| (ask(partition), at(0))).collect();
        let context = self.ask_as(now, (0, 0), &named, &[], is_follower);
        let mut answers = (0..count).map(|partition| facts(partition, 0, false)).collect();
        self.answer(now, &context, &named, &mut answers).session
    }
}

#[test]
fn a_full_request_opens_a_session_and_its_answer_names_everything() {
    let mut broker = Broker::new(10);
    let named = [(ask(0), at(0)), (ask(1), at(10))];
    let context = broker.ask(0, (0, 0), &named, &[]);
    let mut answers = vec![facts(0, 5, false), facts(1, 10, false)];
    assert_eq!(broker.answer(0, &context, &named, &mut answers), ok(SessionId(1)));
    assert_eq!(answers.len(), 2, "{answers:?}");
}

#[test]
fn an_incremental_answer_leaves_out_what_has_not_changed() {
    let mut broker = Broker::new(10);
    let id = broker.open(0, 3, true);
    let context = broker.ask(1, (id.0, 1), &[(ask(1), at(7))], &[]);
    let asked = broker.partitions(&context, &[]);
    assert_eq!(
        asked,
        [(ask(0), at(0)), (ask(1), at(7)), (ask(2), at(0))],
        "epochs are remembered too"
    );
    let mut answers = vec![facts(0, 0, false), facts(1, 4, false), facts(2, 0, true)];
    assert_eq!(broker.answer(1, &context, &[], &mut answers), ok(id));
    assert_eq!(answers, [facts(1, 4, false), facts(2, 0, true)]);
}

#[test]
fn a_partition_with_an_error_is_told_again_once_the_error_is_gone() {
    let mut broker = Broker::new(10);
    let id = broker.open(0, 1, true);
    let failed = AnswerFacts { error: ErrorCode::NotLeaderOrFollower, ..facts(0, 0, false) };
    for (epoch, answer, is_told) in
        [(1, failed.clone(), true), (2, facts(0, 0, false), true), (3, facts(0, 0, false), false)]
    {
        let context = broker.ask(1, (id.0, epoch), &[], &[]);
        let mut answers = vec![answer.clone()];
        broker.answer(1, &context, &[], &mut answers);
        assert_eq!(answers.len(), usize::from(is_told), "in epoch {epoch}: {answer:?}");
    }
}

#[test]
fn divergence_log_start_and_preferred_replica_are_always_told() {
    let mut broker = Broker::new(10);
    let id = broker.open(0, 1, true);
    let quiet = facts(0, 0, false);
    let cases = [
        AnswerFacts { is_diverging: true, ..quiet.clone() },
        AnswerFacts { has_preferred_replica: true, ..quiet.clone() },
        AnswerFacts { log_start_offset: Offset(1), ..quiet },
    ];
    for (epoch, answer) in (1..).zip(cases) {
        let context = broker.ask(1, (id.0, epoch), &[], &[]);
        let mut answers = vec![answer.clone()];
        broker.answer(1, &context, &[], &mut answers);
        assert_eq!(answers, [answer]);
    }
}

#[test]
fn partitions_with_data_go_to_the_end() {
    let mut broker = Broker::new(10);
    let id = broker.open(0, 3, true);
    let context = broker.ask(1, (id.0, 1), &[], &[]);
    let mut answers = vec![facts(0, 0, true), facts(1, 9, false), facts(2, 0, false)];
    broker.answer(1, &context, &[], &mut answers);
    let asked = broker.partitions(&context, &[]);
    let order: Vec<i32> = asked.iter().map(|(partition, _)| partition.partition).collect();
    assert_eq!(order, [1, 2, 0]);
}

#[test]
fn a_wrong_session_or_epoch_is_an_error() {
    let mut broker = Broker::new(10);
    let id = broker.open(0, 1, true);
    let missing = FetchContext::Error(ErrorCode::FetchSessionIdNotFound);
    let wrong = FetchContext::Error(ErrorCode::InvalidFetchSessionEpoch);
    assert_eq!(broker.ask(1, (id.0 + 1, 1), &[], &[]), missing);
    assert_eq!(broker.ask(1, (i32::MAX, 1), &[], &[]), missing);
    assert_eq!(broker.ask(1, (-7, 1), &[], &[]), missing);
    assert_eq!(broker.ask(1, (id.0, 2), &[], &[]), wrong);
    let context = broker.ask(1, (id.0, 1), &[], &[]);
    assert_eq!(broker.ask(1, (id.0, 1), &[], &[]), wrong, "the same request twice");
    broker.ask(1, (id.0, 2), &[], &[]);
    let mut answers = vec![facts(0, 5, true)];
    let late = broker.answer(1, &context, &[], &mut answers);
    assert_eq!(late.error, ErrorCode::InvalidFetchSessionEpoch, "overtaken by the next request");
    assert_eq!(answers, []);
}

#[test]
fn a_session_speaks_of_topics_in_one_way() {
    let mut broker = Broker::new(10);
    let id = broker.open(0, 1, true);
    let request = FetchSessionRequest {
        metadata: FetchMetadata { session: id, epoch: SessionEpoch(1) },
        is_follower: true,
        uses_topic_ids: false,
        partitions: &[],
        forgotten: &[],
    };
    let context = broker.manager.on_request(WallTime(1), &request);
    assert_eq!(context, FetchContext::Error(ErrorCode::FetchSessionTopicIdError));
}

#[test]
fn a_session_ends_when_it_is_closed_or_has_forgotten_everything() {
    let mut broker = Broker::new(10);
    let id = broker.open(0, 2, true);
    assert_eq!(broker.ask(1, (id.0, 1), &[], &[0, 1]), FetchContext::Sessionless);
    assert!(broker.manager.is_empty(), "nothing is left to remember");
    let id = broker.open(0, 2, true);
    assert_eq!(broker.ask(1, (id.0, -1), &[], &[]), FetchContext::Sessionless);
    assert!(broker.manager.is_empty(), "it was closed");
    let id = broker.open(0, 2, true);
    let context = broker.ask(1, (id.0, 0), &[], &[]);
    assert_eq!(context, FetchContext::Full { is_follower: true, uses_topic_ids: true });
    assert!(broker.manager.is_empty(), "a full request closes the session that it names");
}

/// Fills a cache of two with sessions (time, partitions, of a follower); wants who is left after a third.
#[track_caller]
fn check_eviction(first: [(i64, i32, bool); 2], third: (i64, i32, bool), want: [bool; 3]) {
    let mut broker = Broker::new(2);
    let mut ids: Vec<SessionId> =
        first.iter().map(|(now, count, follower)| broker.open(*now, *count, *follower)).collect();
    // Whoever has been there for two minutes is filed as evictable when it is used.
    for id in &ids {
        broker.ask(first[1].0, (id.0, 1), &[], &[]);
    }
    ids.push(broker.open(third.0, third.1, third.2));
    let left = |id: &SessionId| broker.manager.session(*id).is_some();
    assert_eq!(ids.iter().map(left).collect::<Vec<_>>(), want, "{first:?} {third:?}");
}

#[test]
fn a_full_cache_gives_way_by_age_privilege_and_size() {
    // Young sessions of the same kind are safe.
    check_eviction([(0, 1, true), (0, 1, true)], (1, 9, true), [true, true, false]);
    check_eviction([(0, 1, false), (0, 1, false)], (1, 9, false), [true, true, false]);
    // A follower's pushes out a consumer's, the smallest.
    check_eviction([(0, 2, false), (0, 1, false)], (1, 1, true), [true, false, true]);
    check_eviction([(0, 1, true), (0, 5, false)], (1, 1, true), [true, false, true]);
    // After two minutes of silence anybody may.
    check_eviction([(0, 9, true), (0, 9, true)], (120_001, 1, false), [false, true, true]);
    check_eviction([(0, 9, true), (0, 9, true)], (120_000, 1, false), [true, true, false]);
    // Two minutes after its creation a larger one may, one of its own size may not.
    check_eviction([(0, 2, false), (120_001, 2, false)], (120_002, 3, false), [false, true, true]);
    check_eviction([(0, 2, false), (120_001, 2, false)], (120_002, 2, false), [true, true, false]);
    check_eviction([(0, 2, false), (120_001, 2, false)], (120_002, 1, false), [true, true, false]);
}

#[test]
fn without_room_a_full_request_is_answered_without_a_session() {
    let mut broker = Broker::new(0);
    assert_eq!(broker.open(0, 1, true), SessionId::NONE);
}

#[test]
fn epochs_count_up_and_start_again_at_one() {
    let next = |epoch| SessionEpoch(epoch).next().0;
    assert_eq!([next(0), next(1), next(i32::MAX), next(-1)], [1, 2, 1, -1]);
}

/// Opens a session over one partition, asked as `asked`, whose first answer is an error.
fn open_in_vain(broker: &mut Broker, asked: &AskedPartition) -> SessionId {
    let named = [(asked.clone(), at(0))];
    let request = FetchSessionRequest {
        metadata: FetchMetadata::INITIAL,
        is_follower: false,
        uses_topic_ids: asked.topic != Uuid::ZERO,
        partitions: &named,
        forgotten: &[],
    };
    let context = broker.manager.on_request(WallTime(0), &request);
    let error = ErrorCode::UnknownTopicId;
    let facts = AnswerFacts { partition: asked.clone(), error, ..facts(0, -1, false) };
    broker.answer(0, &context, &named, &mut vec![facts]).session
}

/// FS-3, KIP-516.
#[test]
fn a_session_finds_out_the_name_of_an_id_and_keeps_it() {
    let mut broker = Broker::new(10);
    let id = open_in_vain(&mut broker, &by_id(9, None, 0));
    let mut names = |epoch, name: Option<&'static str>| {
        let context = broker.ask(1, (id.0, epoch), &[], &[]);
        let mut asked = Vec::new();
        let name_of = |topic| name.filter(|_| topic == Uuid(9)).map(Arc::from);
        broker.manager.partitions(&context, &[], &name_of, &mut asked);
        asked.into_iter().map(|(asked, _)| asked.name).collect::<Vec<_>>()
    };
    assert_eq!(names(1, None), [None], "nobody knows it yet");
    assert_eq!(names(2, Some("t")), [Some("t".into())], "it has come");
    assert_eq!(names(3, None), [Some("t".into())], "it is gone, and not forgotten");
}

#[test]
fn a_session_by_names_tells_topics_apart_that_are_not_there() {
    let mut broker = Broker::new(10);
    let named =
        |name| AskedPartition { topic: Uuid::ZERO, name: Some(Arc::from(name)), partition: 0 };
    let id = open_in_vain(&mut broker, &named("a"));
    let request = FetchSessionRequest {
        metadata: FetchMetadata { session: id, epoch: SessionEpoch(1) },
        is_follower: false,
        uses_topic_ids: false,
        partitions: &[(named("b"), at(0))],
        forgotten: &[],
    };
    let context = broker.manager.on_request(WallTime(1), &request);
    let asked = broker.partitions(&context, &[]);
    let asked: Vec<_> = asked.into_iter().map(|(asked, _)| asked).collect();
    assert_eq!(asked, [named("a"), named("b")]);
}

/// A handler after a full request over partitions 0 and 1 that opened session 7.
fn handler() -> FetchSessionHandler {
    let mut handler = FetchSessionHandler::default();
    handler.set(tp(0), at(0));
    handler.set(tp(1), at(10));
    handler.build(&mut FetchRequestPlan::default());
    assert!(respond(&mut handler, ErrorCode::None, 7, &[0, 1]), "a full answer");
    handler
}

fn respond(
    handler: &mut FetchSessionHandler,
    error: ErrorCode,
    session: i32,
    named: &[i32],
) -> bool {
    let named = named.iter().map(|partition| tp(*partition));
    handler.on_response(error, SessionId(session), named, false)
}

#[track_caller]
fn check_plan(
    handler: &mut FetchSessionHandler,
    session: i32,
    epoch: i32,
    to_send: &[(i32, i64)],
    to_forget: &[i32],
) {
    let mut plan = FetchRequestPlan::default();
    handler.build(&mut plan);
    let want = FetchRequestPlan {
        metadata: FetchMetadata { session: SessionId(session), epoch: SessionEpoch(epoch) },
        to_send: to_send.iter().map(|(partition, offset)| (tp(*partition), at(*offset))).collect(),
        to_forget: to_forget.iter().map(|partition| tp(*partition)).collect(),
    };
    assert_eq!(plan, want);
}

#[test]
fn an_incremental_request_names_only_what_changed() {
    let mut handler = handler();
    check_plan(&mut handler, 7, 1, &[], &[]);
    assert!(respond(&mut handler, ErrorCode::None, 7, &[]), "nothing new");
    handler.set(tp(0), at(5));
    handler.remove(tp(1));
    handler.set(tp(2), at(1));
    check_plan(&mut handler, 7, 2, &[(0, 5), (2, 1)], &[1]);
    assert!(respond(&mut handler, ErrorCode::None, 7, &[2]), "some of it");
    // Taken out and put back in between: the broker never hears of it.
    handler.remove(tp(2));
    handler.set(tp(2), at(1));
    check_plan(&mut handler, 7, 3, &[], &[]);
}

#[test]
fn errors_make_the_next_request_a_full_one() {
    for (error, session) in [
        (ErrorCode::FetchSessionIdNotFound, 0),
        (ErrorCode::InvalidFetchSessionEpoch, 7),
        (ErrorCode::FetchSessionTopicIdError, 7),
    ] {
        let mut handler = handler();
        check_plan(&mut handler, 7, 1, &[], &[]);
        assert!(!respond(&mut handler, error, 0, &[]), "{error}");
        check_plan(&mut handler, session, 0, &[(0, 0), (1, 10)], &[]);
    }
    let mut handler = handler();
    handler.on_failure();
    check_plan(&mut handler, 7, 0, &[(0, 0), (1, 10)], &[]);
}

#[test]
fn an_answer_with_other_partitions_is_not_used() {
    let mut one = handler();
    assert!(!respond(&mut one, ErrorCode::None, 7, &[3]), "it was never asked for");
    check_plan(&mut one, 7, 0, &[(0, 0), (1, 10)], &[]);
    let mut other = FetchSessionHandler::default();
    other.set(tp(0), at(0));
    other.set(tp(1), at(0));
    other.build(&mut FetchRequestPlan::default());
    assert!(!respond(&mut other, ErrorCode::None, 7, &[0]), "a full answer names everything");
    check_plan(&mut other, 0, 0, &[(0, 0), (1, 0)], &[]);
}

#[test]
fn a_closed_session_starts_anew() {
    let mut handler = handler();
    check_plan(&mut handler, 7, 1, &[], &[]);
    assert!(respond(&mut handler, ErrorCode::None, 0, &[]), "the broker closed it");
    check_plan(&mut handler, 0, 0, &[(0, 0), (1, 10)], &[]);
    handler.close();
    check_plan(&mut handler, 0, -1, &[(0, 0), (1, 10)], &[]);
}

#[test]
fn without_partitions_there_is_no_request() {
    let mut handler = handler();
    handler.remove(tp(0));
    handler.remove(tp(1));
    assert!(handler.has_request(), "the broker has to forget them");
    check_plan(&mut handler, 7, 1, &[], &[0, 1]);
    assert!(respond(&mut handler, ErrorCode::None, 0, &[]), "it did");
    assert!(!handler.has_request(), "nothing is wanted");
}

proptest! {
    /// Whatever is set, removed, lost or answered with an error: what the broker reads is what was wanted when the
    /// request was built, and what it answers is understood.
    #[test]
    fn both_sides_agree_on_the_partitions(
        steps in prop::collection::vec((0u8..8, 0i32..6, 0i64..4), 1..150),
    ) {
        let mut broker = Broker::new(1);
        let mut handler = FetchSessionHandler::default();
        let mut wanted: BTreeMap<TopicPartition, FetchPartition> = BTreeMap::new();
        let mut plan = FetchRequestPlan::default();
        for (kind, partition, offset) in steps {
            match kind {
                0..3 => {
                    handler.set(tp(partition), at(offset));
                    wanted.insert(tp(partition), at(offset));
                }
                3 => {
                    handler.remove(tp(partition));
                    wanted.remove(&tp(partition));
                }
                4 => {
                    broker.open(0, 9, true);
                }
                _ => {
                    if !handler.has_request() {
                        prop_assert!(wanted.is_empty());
                        continue;
                    }
                    handler.build(&mut plan);
                    let forgotten: Vec<i32> = plan.to_forget.iter().map(|tp| tp.partition).collect();
                    let metadata = (plan.metadata.session.0, plan.metadata.epoch.0);
                    let named: Vec<Named> =
                        plan.to_send.iter().map(|(tp, fetch)| (ask(tp.partition), *fetch)).collect();
                    let context = broker.ask(0, metadata, &named, &forgotten);
                    let asked = broker.partitions(&context, &named);
                    if !matches!(context, FetchContext::Error(_)) {
                        let asked = asked.iter().map(|(asked, fetch)| (tp(asked.partition), *fetch));
                        prop_assert_eq!(asked.collect::<BTreeMap<_, _>>(), wanted.clone());
                    }
                    if kind == 5 {
                        handler.on_failure();
                        continue;
                    }
                    let mut answers: Vec<AnswerFacts> =
                        asked.iter().map(|(tp, _)| facts(tp.partition, offset, kind == 6)).collect();
                    let answer = broker.answer(0, &context, &named, &mut answers);
                    let named = answers.iter().map(|facts| tp(facts.partition.partition));
                    let used = handler.on_response(answer.error, answer.session, named, false);
                    prop_assert_eq!(used, answer.error == ErrorCode::None);
                }
            }
        }
    }
}
