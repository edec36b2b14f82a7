//! What a follower does with each answer of its leader: whole lists of effects.
//!
//! Holds: tables after Kafka's `AbstractFetcherThreadTest` and `ReplicaFetcherThreadTest`.

use trial_log::{EpochEndOffset, LeaderEpoch, Offset};
use trial_sim::{Span, Time};

use super::leading::{Leading, steps};
use crate::error_code::ErrorCode;
use crate::ids::BrokerId;
use crate::note::partition::{PartitionEvent, TruncationCause};
use crate::partition::fixture::epochs;
use crate::partition::follower::Phase;
use crate::partition::{Effect, FetchPartition, FetchedPartition, FollowerAppend, LogEdge};

const NOW: Time = Time(1_000_000_000);

/// Broker 1 follows broker 2 in epoch 3; log from 0 to 10 with epochs 0 and 2 from 6, high watermark 4.
fn following() -> Leading {
    let mut following = Leading::new(1, &[1, 2]);
    following.append(10);
    following.fetch(2, 4);
    following.epochs = epochs(&[(0, 0), (2, 6)]);
    following.follow(BrokerId(2), 3, 1);
    following
}

fn sent() -> FetchPartition {
    FetchPartition {
        fetch_offset: Offset(10),
        log_start_offset: Offset(0),
        max_bytes: 100,
        current_leader_epoch: Some(LeaderEpoch(3)),
        last_fetched_epoch: Some(LeaderEpoch(2)),
    }
}

fn answer(high_watermark: i64) -> FetchedPartition {
    FetchedPartition {
        error: ErrorCode::None,
        high_watermark: Offset(high_watermark),
        log_start_offset: Offset(0),
        diverging_epoch: None,
        has_records: false,
    }
}

fn error(error: ErrorCode) -> FetchedPartition {
    FetchedPartition { error, ..answer(-1) }
}

fn respond(
    following: &mut Leading,
    sent: &FetchPartition,
    answer: &FetchedPartition,
) -> Vec<Effect> {
    let mut effects = Vec::new();
    following.partition.on_fetch_response(NOW, sent, answer, &following.epochs, &mut effects);
    steps(effects)
}

/// Noted before anybody is woken by it.
fn moved(from: i64, to: i64) -> [Effect; 2] {
    let (from, to) = (Offset(from), Offset(to));
    let leader_epoch = LeaderEpoch(3);
    [
        Effect::Note(PartitionEvent::FollowerHighWatermarkMoved { from, to, leader_epoch }),
        Effect::HighWatermarkMoved { from, to },
    ]
}

#[test]
fn it_asks_from_its_end_with_the_epoch_of_its_last_batch() {
    assert_eq!(following().partition.to_fetch(NOW, 100), Some(sent()));
}

#[test]
fn the_leaders_high_watermark_is_clamped_to_the_own_log_and_may_go_back() {
    let mut following = following();
    assert_eq!(respond(&mut following, &sent(), &answer(7)), moved(4, 7));
    assert_eq!(respond(&mut following, &sent(), &answer(99)), moved(7, 10));
    assert_eq!(respond(&mut following, &sent(), &answer(10)), []);
    assert_eq!(respond(&mut following, &sent(), &answer(3)), moved(10, 3));
    assert_eq!(respond(&mut following, &sent(), &answer(-1)), moved(3, 0));
}

#[test]
fn records_are_in_the_log_before_the_high_watermark_follows() {
    let mut following = following();
    let answer = FetchedPartition { has_records: true, ..answer(12) };
    let append = Effect::AppendAsFollower { leader_epoch: LeaderEpoch(3) };
    assert_eq!(respond(&mut following, &sent(), &answer), [append]);
    let appended = FollowerAppend::Appended {
        log_start_offset: Offset(0),
        log_end_offset: Offset(12),
        last_epoch: Some(LeaderEpoch(3)),
    };
    let mut effects = Vec::new();
    following.partition.on_follower_append(NOW, &answer, appended, &mut effects);
    assert_eq!(steps(effects), moved(4, 12));
    let next = FetchPartition {
        fetch_offset: Offset(12),
        last_fetched_epoch: Some(LeaderEpoch(3)),
        ..sent()
    };
    assert_eq!(following.partition.to_fetch(NOW, 100), Some(next));
}

#[test]
fn batches_that_are_all_of_a_later_epoch_leave_it_where_it_was() {
    let mut following = following();
    let answer = FetchedPartition { has_records: true, ..answer(4) };
    respond(&mut following, &sent(), &answer);
    let appended = FollowerAppend::Appended {
        log_start_offset: Offset(0),
        log_end_offset: Offset(10),
        last_epoch: None,
    };
    following.partition.on_follower_append(NOW, &answer, appended, &mut Vec::new());
    assert_eq!(following.partition.to_fetch(NOW, 100), Some(sent()));
}

#[test]
fn the_leaders_log_start_is_followed() {
    let mut following = following();
    let answer = FetchedPartition { log_start_offset: Offset(3), ..answer(4) };
    let advance = Effect::AdvanceLogStart { to: Offset(3) };
    assert_eq!(respond(&mut following, &sent(), &answer), [advance]);
    assert_eq!(following.partition.offsets().log_start_offset(), Offset(3));
}

#[test]
fn an_answer_to_another_offset_or_epoch_is_not_applied() {
    for stale in [
        FetchPartition { fetch_offset: Offset(9), ..sent() },
        FetchPartition { current_leader_epoch: Some(LeaderEpoch(2)), ..sent() },
    ] {
        let mut following = following();
        let note = PartitionEvent::StaleFetchResponse {
            fetch_offset: stale.fetch_offset,
            leader_epoch: stale.current_leader_epoch.expect("it was set"),
            current_leader_epoch: LeaderEpoch(3),
        };
        assert_eq!(respond(&mut following, &stale, &answer(7)), [Effect::Note(note)]);
        assert_eq!(following.high_watermark(), 4, "R18");
    }
}

#[test]
fn a_divergence_is_cut_before_the_high_watermark_is_touched() {
    let mut following = following();
    let diverging = EpochEndOffset { leader_epoch: LeaderEpoch(2), end_offset: Offset(8) };
    let answer = FetchedPartition { diverging_epoch: Some(diverging), ..answer(8) };
    assert_eq!(respond(&mut following, &sent(), &answer), [Effect::Truncate { to: Offset(8) }]);
    assert_eq!(following.high_watermark(), 4, "KAFKA-14704");
    assert_eq!(following.partition.to_fetch(NOW, 100), None, "not before the cut is done");
    let mut effects = Vec::new();
    following.partition.on_truncated(Offset(8), &following.epochs, &mut effects);
    let truncated = PartitionEvent::Truncated {
        from: Offset(10),
        to: Offset(8),
        high_watermark: Offset(4),
        cause: TruncationCause::Divergence,
        asked_in: sent().current_leader_epoch.expect("fetches are fenced"),
    };
    assert_eq!(steps(effects), [Effect::Note(truncated)]);
    let next = FetchPartition { fetch_offset: Offset(8), ..sent() };
    assert_eq!(following.partition.to_fetch(NOW, 100), Some(next));
}

#[test]
fn errors_that_pass_make_it_wait_a_second() {
    for code in [
        ErrorCode::UnknownLeaderEpoch,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::UnknownTopicId,
        ErrorCode::KafkaStorageError,
    ] {
        let mut following = following();
        let delayed = Effect::Note(PartitionEvent::FetchDelayed { error: code });
        assert_eq!(respond(&mut following, &sent(), &error(code)), [delayed]);
        let due = NOW + Span::from_millis(1_000);
        let almost = Time(due.0 - 1);
        assert_eq!(following.partition.next_deadline(NOW), Some(due), "{code}");
        assert_eq!(following.partition.to_fetch(almost, 100), None, "{code}");
        assert_eq!(following.partition.to_fetch(due, 100), Some(sent()), "{code}");
        // What arrives meanwhile is not applied either.
        assert!(
            matches!(
                respond(&mut following, &sent(), &answer(7))[..],
                [Effect::Note(PartitionEvent::StaleFetchResponse { .. })]
            ),
            "{code}"
        );
    }
}

#[test]
fn a_fenced_epoch_and_a_failed_append_park_it_until_the_next_epoch() {
    let mut fenced = following();
    respond(&mut fenced, &sent(), &error(ErrorCode::FencedLeaderEpoch));
    let mut failed = following();
    failed.partition.on_follower_append(NOW, &answer(4), FollowerAppend::Failed, &mut Vec::new());
    for mut parked in [fenced, failed] {
        assert_eq!(parked.partition.follower().map(|one| one.phase()), Some(Phase::Parked));
        parked.follow(BrokerId(2), 3, 2);
        assert_eq!(parked.partition.to_fetch(Time::MAX, 100), None, "the epoch is the same");
        parked.follow(BrokerId(2), 4, 3);
        assert!(parked.partition.to_fetch(NOW, 100).is_some(), "a new epoch");
    }
}

#[test]
fn a_corrupt_batch_is_fetched_again_after_a_pause() {
    let mut following = following();
    following.partition.on_follower_append(
        NOW,
        &answer(4),
        FollowerAppend::Corrupt,
        &mut Vec::new(),
    );
    assert_eq!(following.partition.to_fetch(NOW, 100), None);
    assert!(following.partition.to_fetch(NOW + Span::from_secs(1), 100).is_some(), "later");
}

/// OFFSET_OUT_OF_RANGE, then the leader's ends; wants the last effects.
#[track_caller]
fn check_out_of_range(ends: &[(LogEdge, i64)], want: &[Effect]) {
    let mut following = following();
    let mut effects = respond(&mut following, &sent(), &error(ErrorCode::OffsetOutOfRange));
    for (edge, offset) in ends {
        let ask = Effect::AskLeaderEdge { edge: *edge, leader_epoch: LeaderEpoch(3) };
        assert_eq!(effects, [ask]);
        effects.clear();
        let found = Ok(Offset(*offset));
        following.partition.on_leader_edge(NOW, *edge, LeaderEpoch(3), found, &mut effects);
    }
    assert_eq!(steps(effects), want, "{ends:?}");
}

#[test]
fn out_of_range_cuts_restarts_or_goes_on_by_the_ends_of_the_leader() {
    use LogEdge::{Earliest, Latest};
    check_out_of_range(&[(Latest, 7)], &[Effect::Truncate { to: Offset(7) }]);
    check_out_of_range(&[(Latest, 40), (Earliest, 20)], &[Effect::RestartLog { at: Offset(20) }]);
    check_out_of_range(&[(Latest, 40), (Earliest, 10)], &[]);
    check_out_of_range(&[(Latest, 40), (Earliest, 5)], &[]);
}

#[test]
fn an_end_that_could_not_be_told_is_asked_for_again_by_the_next_fetch() {
    let mut following = following();
    respond(&mut following, &sent(), &error(ErrorCode::OffsetOutOfRange));
    let edge = |following: &mut Leading, epoch: i32, found| {
        let mut effects = Vec::new();
        let epoch = LeaderEpoch(epoch);
        following.partition.on_leader_edge(NOW, LogEdge::Latest, epoch, found, &mut effects);
        steps(effects)
    };
    assert_eq!(edge(&mut following, 2, Ok(Offset(0))), [], "R18: of another epoch");
    edge(&mut following, 3, Err(ErrorCode::NotLeaderOrFollower));
    assert_eq!(following.partition.to_fetch(NOW, 100), None);
    assert_eq!(following.partition.to_fetch(NOW + Span::from_secs(1), 100), Some(sent()));
}

#[test]
fn an_empty_log_takes_a_batch_that_begins_before_its_start() {
    let mut following = following();
    let mut effects = Vec::new();
    respond(&mut following, &sent(), &error(ErrorCode::OffsetOutOfRange));
    for (edge, offset) in [(LogEdge::Latest, 40), (LogEdge::Earliest, 20)] {
        let found = Ok(Offset(offset));
        following.partition.on_leader_edge(NOW, edge, LeaderEpoch(3), found, &mut effects);
    }
    following.partition.on_restarted(Offset(20), &epochs(&[]), &mut effects);
    let fetch = following.partition.to_fetch(NOW, 100).expect("it goes on");
    assert_eq!((fetch.fetch_offset, fetch.last_fetched_epoch), (Offset(20), None));
    let answer = FetchedPartition { has_records: true, log_start_offset: Offset(20), ..answer(30) };
    respond(&mut following, &fetch, &answer);
    let appended = FollowerAppend::Appended {
        log_start_offset: Offset(18),
        log_end_offset: Offset(25),
        last_epoch: Some(LeaderEpoch(3)),
    };
    following.partition.on_follower_append(NOW, &answer, appended, &mut effects);
    let offsets = following.partition.offsets();
    let got = (offsets.log_start_offset(), offsets.high_watermark(), offsets.log_end_offset());
    assert_eq!(got, (Offset(20), Offset(25), Offset(25)), "18, and then the leader's start again");
}
