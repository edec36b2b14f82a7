//! Which marks a follower comes to: a hit is one of the effects, and nothing else happens.

use trial_log::{EpochEndOffset, LeaderEpoch, Offset};
use trial_sim::Time;

use super::leading::Leading;
use crate::error_code::ErrorCode;
use crate::ids::BrokerId;
use crate::note::partition::PartitionEvent;
use crate::partition::fixture::epochs;
use crate::partition::{Effect, FetchPartition, FetchedPartition};

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

fn names(effects: &[Effect]) -> Vec<&str> {
    let name = |effect: &Effect| match effect {
        Effect::Note(PartitionEvent::Reached(mark)) => Some(mark.name),
        _ => None,
    };
    effects.iter().filter_map(name).collect()
}

/// The leader answers a fetch from 10 and, if it says so, the log is cut; wants the marks of both.
#[track_caller]
fn check(error: ErrorCode, diverging: Option<(i32, i64)>, want: &[&str]) {
    let mut following = following();
    let sent = FetchPartition {
        fetch_offset: Offset(10),
        log_start_offset: Offset(0),
        max_bytes: 100,
        current_leader_epoch: Some(LeaderEpoch(3)),
        last_fetched_epoch: Some(LeaderEpoch(2)),
    };
    let answer = FetchedPartition {
        error,
        high_watermark: Offset(4),
        log_start_offset: Offset(0),
        diverging_epoch: diverging.map(|(epoch, end)| EpochEndOffset {
            leader_epoch: LeaderEpoch(epoch),
            end_offset: Offset(end),
        }),
        has_records: false,
    };
    let mut effects = Vec::new();
    let partition = &mut following.partition;
    partition.on_fetch_response(NOW, &sent, &answer, &following.epochs, &mut effects);
    let cut = effects.iter().find_map(|effect| match effect {
        Effect::Truncate { to } => Some(*to),
        _ => None,
    });
    if let Some(to) = cut {
        partition.on_truncated(to, &following.epochs, &mut effects);
    }
    assert_eq!(names(&effects), want, "{error:?}, diverging at {diverging:?}");
}

#[test]
fn an_ordinary_answer_comes_to_none() {
    check(ErrorCode::None, None, &[]);
    check(ErrorCode::NotLeaderOrFollower, None, &[]);
}

#[test]
fn a_refusal_is_marked_by_its_error() {
    check(ErrorCode::OffsetOutOfRange, None, &["follower_out_of_range"]);
    check(ErrorCode::FencedLeaderEpoch, None, &["follower_fenced"]);
    check(ErrorCode::UnknownLeaderEpoch, None, &["follower_ahead_of_leader"]);
}

#[test]
fn each_case_of_a_divergence_has_its_mark() {
    check(ErrorCode::None, Some((2, 8)), &["divergence_at_leaders_epoch_end", "truncation"]);
    check(ErrorCode::None, Some((0, 9)), &["divergence_at_own_epoch_end", "truncation"]);
    check(ErrorCode::None, Some((1, 9)), &["divergence_in_unknown_epoch", "truncation"]);
    check(ErrorCode::None, Some((2, 10)), &["divergence_without_batches"]);
    check(
        ErrorCode::None,
        Some((0, 3)),
        &[
            "divergence_at_leaders_epoch_end",
            "truncation",
            "truncation_below_high_watermark",
            "follower_high_watermark_falls",
        ],
    );
}
