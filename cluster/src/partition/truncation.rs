//! Where a follower cuts its log before it copies from a new leader: one choice of five.
//!
//! In Kafka:   `AbstractFetcherThread.{partitionFetchState, getOffsetTruncationState}`; KIP-101, KIP-279, KIP-320,
//!             KAFKA-10554 (truncation by the fetch itself).
//! Holds:      nothing: `Rules::truncation` chooses, the follower's state is in `follower.rs`.
//! Invariants: R3 what is left after the last cut is a prefix of the leader's log, under KIP-279 and later ones.
//!             R15 under KIP-320 the cut is not below the own high watermark, unless an election was unclean.

use trial_log::{EpochEndOffset, LeaderEpoch, LeaderEpochCache, Offset};

use super::offsets::Offsets;
use crate::rules::Truncation;

/// What a follower does first in a new leader epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// It fetches with its last epoch; the leader says whether the logs diverge.
    Fetch,
    /// It cuts what it does not know to be committed.
    CutAtHighWatermark,
    /// It asks the leader where this epoch, its last one, ends.
    AskEpochEnd(LeaderEpoch),
}

/// A cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// The log end offset that remains.
    pub(super) to: Offset,
    /// False: the epochs differ further down, the leader has to be asked again.
    pub(super) is_final: bool,
}

/// How to begin, `latest` being the newest epoch in the own log. A log without epochs holds no batch that could
/// be told apart.
pub(super) fn start(choice: Truncation, latest: Option<LeaderEpoch>) -> Start {
    match (choice, latest) {
        (Truncation::ToHighWatermark, _) | (_, None) => Start::CutAtHighWatermark,
        (Truncation::Kip101 | Truncation::Kip279, Some(epoch)) => Start::AskEpochEnd(epoch),
        (Truncation::Kip320FirstTry | Truncation::Kip320, Some(_)) => Start::Fetch,
    }
}

/// Whether fetches carry the last epoch, so that the leader can find a divergence.
pub(super) fn by_fetch(choice: Truncation) -> bool {
    match choice {
        Truncation::Kip320FirstTry | Truncation::Kip320 => true,
        Truncation::ToHighWatermark | Truncation::Kip101 | Truncation::Kip279 => false,
    }
}

/// Where to cut, when the leader says that the follower's epoch, or the largest one below it that it knows, ends
/// at `leader`.
pub(super) fn cut(
    choice: Truncation,
    leader: EpochEndOffset,
    own: &Offsets,
    epochs: &LeaderEpochCache,
) -> Cut {
    let log_end = own.log_end_offset();
    match choice {
        Truncation::ToHighWatermark => Cut { to: own.high_watermark(), is_final: true },
        // Its answer had no epoch: what the leader calls the end may lie in an epoch that it never had.
        Truncation::Kip101 => Cut { to: leader.end_offset.min(log_end), is_final: true },
        Truncation::Kip279 | Truncation::Kip320FirstTry | Truncation::Kip320 => {
            match epochs.end_offset_for(leader.leader_epoch, log_end) {
                // We never had the leader's epoch: cut back to the one before, and compare again.
                Some(ours) if ours.leader_epoch != leader.leader_epoch => {
                    Cut { to: ours.end_offset.min(log_end), is_final: false }
                }
                Some(ours) => {
                    let to = ours.end_offset.min(leader.end_offset).min(log_end);
                    Cut { to, is_final: true }
                }
                None => Cut { to: leader.end_offset.min(log_end), is_final: true },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cut, Start, cut, start};
    use crate::partition::fixture::epochs;
    use crate::partition::offsets::Offsets;
    use crate::rules::Truncation;
    use trial_log::{EpochEndOffset, LeaderEpoch, Offset};

    /// The follower of the tables: epoch 1 from 0, epoch 3 from 10, epoch 5 from 20, end 30, high watermark 15.
    #[track_caller]
    fn check(choice: Truncation, leader: (i32, i64), want: (i64, bool)) {
        let epochs = epochs(&[(1, 0), (3, 10), (5, 20)]);
        let own = Offsets::new(Offset(0), Offset(30), Offset(15));
        let leader =
            EpochEndOffset { leader_epoch: LeaderEpoch(leader.0), end_offset: Offset(leader.1) };
        let want = Cut { to: Offset(want.0), is_final: want.1 };
        assert_eq!(cut(choice, leader, &own, &epochs), want, "{choice:?} {leader:?}");
    }

    #[test]
    fn a_known_epoch_is_cut_at_the_smaller_end() {
        check(Truncation::Kip320, (5, 25), (25, true));
        check(Truncation::Kip320, (3, 12), (12, true));
        check(Truncation::Kip320, (3, 28), (20, true));
        check(Truncation::Kip320, (5, 99), (30, true));
    }

    #[test]
    fn an_epoch_the_follower_never_had_takes_another_round() {
        check(Truncation::Kip320, (4, 28), (20, false));
        check(Truncation::Kip279, (2, 28), (10, false));
        // KIP-101 believes the offset alone, and keeps 20 to 27 although the leader has another epoch there.
        check(Truncation::Kip101, (4, 28), (28, true));
    }

    #[test]
    fn an_epoch_above_all_own_ones_leaves_the_leaders_end() {
        check(Truncation::Kip320, (7, 28), (28, true));
    }

    #[test]
    fn before_kip_101_the_own_high_watermark_decides() {
        check(Truncation::ToHighWatermark, (5, 25), (15, true));
        assert_eq!(
            start(Truncation::ToHighWatermark, Some(LeaderEpoch(5))),
            Start::CutAtHighWatermark
        );
        assert_eq!(start(Truncation::Kip320, Some(LeaderEpoch(5))), Start::Fetch);
        assert_eq!(start(Truncation::Kip320, None), Start::CutAtHighWatermark);
    }
}
