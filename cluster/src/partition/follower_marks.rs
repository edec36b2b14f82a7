//! The states of followers that matter: what a leader refuses, and where a log is cut.
//!
//! In Kafka: `AbstractFetcherThread.{processFetchRequest, truncateOnFetchResponse, getOffsetTruncationState}`.
//! Holds:    nothing.

use trial_log::{EpochEndOffset, Offset};

use super::effect::Effect;
use super::offsets::Offsets;
use super::truncation::Cut;
use crate::error_code::ErrorCode;
use crate::mark;

/// Why a leader gives nothing.
pub(super) fn refused(error: ErrorCode, effects: &mut Vec<Effect>) {
    mark::sometimes!(
        effects,
        error == ErrorCode::OffsetOutOfRange,
        "follower_out_of_range",
        "a follower asked for an offset that its leader does not have"
    );
    mark::sometimes!(
        effects,
        error == ErrorCode::FencedLeaderEpoch,
        "follower_fenced",
        "a follower fetched in an old epoch and rests until it learns of the new one"
    );
    mark::sometimes!(
        effects,
        error == ErrorCode::UnknownLeaderEpoch,
        "follower_ahead_of_leader",
        "a follower knew a leader epoch of which its leader had not heard yet"
    );
}

/// A log that ended at `from` ends at `to`.
pub(super) fn truncated(
    from: Offset,
    to: Offset,
    high_watermark: Offset,
    effects: &mut Vec<Effect>,
) {
    mark::sometimes!(effects, to < from, "truncation", "a follower cut its log");
    mark::sometimes!(
        effects,
        to < high_watermark,
        "truncation_below_high_watermark",
        "a follower cut its log below its own high watermark"
    );
}

/// Marks which of the cases a cut is.
pub(super) fn diverged(cut: Cut, leader: EpochEndOffset, own: &Offsets, effects: &mut Vec<Effect>) {
    mark::sometimes!(
        effects,
        !cut.is_final,
        "divergence_in_unknown_epoch",
        "a follower never had the epoch that its leader named, and compares once more further down"
    );
    mark::sometimes!(
        effects,
        cut.is_final && cut.to == leader.end_offset && cut.to < own.log_end_offset(),
        "divergence_at_leaders_epoch_end",
        "a follower cut its log to where the leader's epoch ends"
    );
    mark::sometimes!(
        effects,
        cut.is_final && cut.to < leader.end_offset,
        "divergence_at_own_epoch_end",
        "a follower cut its log to where its own epoch ends, which the leader has more of"
    );
    mark::sometimes!(
        effects,
        cut.to == own.log_end_offset(),
        "divergence_without_batches",
        "a follower's last epoch differs from its leader's, and it has no batch to cut"
    );
}

/// What came cannot be appended.
pub(super) fn corrupt(effects: &mut Vec<Effect>) {
    mark::reachable!(
        effects,
        "follower_gets_corrupt_batch",
        "a follower refused a batch whose bytes are not what their checksum says"
    );
}
