//! The states of fetches that matter: what a broker makes of the epochs and offsets that readers name.
//!
//! In Kafka: the errors of `FetchSession`, `Partition.fetchRecords` and `readRecords`.
//! Holds:    nothing.

use super::super::Cx;
use crate::error_code::ErrorCode;
use crate::ids::Offset;
use crate::mark;
use crate::partition::fetch_session::FetchContext;
use crate::partition::{Partition, ReadView, Reader};

/// What a request is, by its session.
pub(super) fn context(found: &FetchContext, cx: &mut Cx<'_>) {
    mark::sometimes!(
        cx,
        matches!(found, FetchContext::Error(ErrorCode::FetchSessionIdNotFound)),
        "fetch_session_not_found",
        "a fetch named a session that its broker does not have (any more)"
    );
    mark::sometimes!(
        cx,
        matches!(found, FetchContext::Error(ErrorCode::InvalidFetchSessionEpoch)),
        "fetch_session_at_wrong_epoch",
        "a fetch named an epoch of its session that is not the next one"
    );
}

/// Why one of its partitions is refused.
pub(super) fn refusal(reader: &Reader, error: ErrorCode, cx: &mut Cx<'_>) {
    mark::sometimes!(
        cx,
        error == ErrorCode::FencedLeaderEpoch,
        "fetch_in_old_epoch",
        "a fetch named an older leader epoch than the leader's (FENCED_LEADER_EPOCH)"
    );
    mark::sometimes!(
        cx,
        error == ErrorCode::UnknownLeaderEpoch,
        "fetch_in_unknown_epoch",
        "a fetch named a leader epoch that the broker has not heard of (UNKNOWN_LEADER_EPOCH)"
    );
    mark::sometimes!(
        cx,
        error == ErrorCode::OffsetOutOfRange && matches!(reader, Reader::Consumer { .. }),
        "consumer_fetch_out_of_range",
        "a consumer asked for an offset that the log does not have (OFFSET_OUT_OF_RANGE)"
    );
}

/// What one of its partitions may see.
pub(super) fn view(seen: &ReadView, offset: Offset, cx: &mut Cx<'_>) {
    mark::sometimes!(
        cx,
        seen.diverging_epoch.is_some(),
        "divergence_told",
        "a leader told a follower that their logs part (KIP-320)"
    );
    mark::sometimes!(
        cx,
        offset > seen.up_to,
        "consumer_above_high_watermark",
        "a consumer asked for records behind the high watermark, and gets nothing"
    );
}

/// A leader leaves a consumer to one of its followers.
pub(super) fn sent_elsewhere(cx: &mut Cx<'_>) {
    mark::reachable!(
        cx,
        "consumer_sent_to_follower",
        "a leader sent a consumer to a follower in its rack (KIP-392)"
    );
}

/// Records are read for somebody.
pub(super) fn records(reader: &Reader, partition: &Partition, cx: &mut Cx<'_>) {
    mark::sometimes!(
        cx,
        matches!(reader, Reader::Consumer { .. }) && partition.leader().is_none(),
        "follower_answers_consumer",
        "a follower handed records to a consumer (KIP-392)"
    );
}

/// Whether the session of an answer took the place of another.
pub(super) fn evicted(evicted: bool, cx: &mut Cx<'_>) {
    mark::sometimes!(
        cx,
        evicted,
        "fetch_session_evicted",
        "a fetch session had to go, since the cache was full"
    );
}
