//! What leaves the front of a log, and where logs start: which of it is legal (S7).
//!
//! In Kafka:   `UnifiedLog.deleteOldSegments`, `maybeIncrementLogStartOffset`; `DeleteRecords` (KIP-107).
//! Inputs:     files that get the suffix `.deleted`; what logs note of their starts; what leaders told of theirs, and
//!             what clients asked for.
//! Invariants: FR-1 a segment may go if it is the oldest of several, all of it lies below its owner's high watermark,
//!             and it lies below the log's start, or the topic lets it go by size or by age: the ages of a file are
//!             those of its bytes, by the owner's wall clock. FR-2 a start rises as long as a process runs; to the
//!             first segment that is left, to where a client asked for it, or to where the leader has told. FR-3 it
//!             moves with the segments that go, and is told after them: a follower's high watermark may have fallen.
//! Left out:   segments without any timestamp: by age they may go at any time. Starts that a client of another
//!             version asks for (`DeleteRecords` before 2): any start is believed from then on.

use std::sync::Arc;

use trial_cluster::ids::TopicPartition;
use trial_log::{LogEvent, LogStartReason};
use trial_sim::{HostId, Time};

use super::clocks::WallTime;
use super::fact::{Fact, Known};
use super::facts::Facts;
use super::keeping::Keeping;
use super::partition::{Gone, Opened, PartitionFacts};
use super::replica_log::{ReplicaLog, Stored};

/// Why a segment may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// The log starts behind it: whether it may start there was judged before.
    BelowStart,
    /// By size or by age.
    BySetting,
}

/// A segment of several, at the front of a log.
struct Front<'a> {
    log: &'a ReplicaLog,
    base: i64,
    next: i64,
}

impl Front<'_> {
    /// FR-1. Answers why; the error says which rule is broken.
    fn may_go(&self, keeping: &Keeping, wall: WallTime) -> Result<Due, String> {
        let Self { log, base, next } = *self;
        let Some(segment) = log.segment(base).map(|it| &it.batches).filter(|it| !it.is_empty())
        else {
            return Ok(Due::BelowStart);
        };
        let last = segment.last().map_or(base, |batch| batch.last);
        if last >= log.high_watermark {
            return Err("nothing at the high watermark or beyond may go".to_owned());
        }
        if next <= log.log_start {
            return Ok(Due::BelowStart);
        }
        let mut kept = vec![format!("its log starts at {}", log.begin())];
        if !keeping.deletes {
            kept.push("cleanup.policy has no delete".to_owned());
            return Err(kept.join(", "));
        }
        match keeping.retention_bytes {
            Some(bytes) => {
                let left = log.bytes_from(next);
                if left >= bytes {
                    return Ok(Due::BySetting);
                }
                kept.push(format!("{left} bytes are left and retention.bytes is {bytes}"));
            }
            None => kept.push("retention.bytes is -1".to_owned()),
        }
        match keeping.retention_ms {
            Some(ms) => {
                let newest = segment.iter().map(|batch| batch.max_timestamp).max().unwrap_or(-1);
                let age = wall.latest_ms.saturating_sub(newest);
                if newest < 0 || age > ms {
                    return Ok(Due::BySetting);
                }
                kept.push(format!("its newest record is {age} ms old and retention.ms is {ms}"));
            }
            None => kept.push("retention.ms is -1".to_owned()),
        }
        Err(kept.join(", "))
    }
}

impl Facts {
    /// The file of a segment is not there any more, or has another name.
    pub(super) fn on_segment_gone(
        &mut self,
        at: Time,
        (host, wall): (HostId, WallTime),
        (id, base): (TopicPartition, i64),
        known: &mut Vec<Known>,
    ) {
        let keeping = self.keeping(id);
        let partition = self.partitions.get_mut(&id).expect("the caller has looked");
        let log = partition.log_mut(host);
        let front = log.first_two().filter(|(first, _)| *first == base);
        let judged = front.map(|(base, next)| {
            (next, log.high_watermark, Front { log, base, next }.may_go(&keeping, wall))
        });
        if matches!(judged, Some((_, _, Ok(_)))) {
            log.dropped_at = log.high_watermark;
        }
        let mut removed = Vec::new();
        log.on_remove(base, &mut removed);
        match judged {
            Some((next, high_watermark, judged)) => {
                let dropped = Dropped { at, host, base, high_watermark };
                dropped.told(partition, &removed, next, judged, known);
            }
            None => self.on_removed(at, host, id, &removed, false, known),
        }
    }

    /// After a crash: what the retention that it interrupted had dropped is no loss. Answers the rest.
    pub(super) fn without_dropped(
        &mut self,
        at: Time,
        (host, wall): (HostId, WallTime),
        id: TopicPartition,
        mut before: ReplicaLog,
        known: &mut Vec<Known>,
    ) -> Vec<Stored> {
        let keeping = self.keeping(id);
        let partition = self.partitions.get_mut(&id).expect("its log was read again");
        while let Some((base, next)) = before.first_two() {
            let there = partition.logs.get(&host).is_some_and(|log| log.segment(base).is_some());
            let behind = partition.logs.get(&host).is_some_and(|log| log.segment(next).is_some());
            let due = Front { log: &before, base, next }.may_go(&keeping, wall);
            if there || !behind || due.is_err() {
                break;
            }
            let mut removed = Vec::new();
            let high_watermark = before.high_watermark;
            before.on_remove(base, &mut removed);
            Dropped { at, host, base, high_watermark }.told(partition, &removed, next, due, known);
        }
        partition.logs.get(&host).map_or_else(Vec::new, |log| log.lacks_of(&before))
    }

    /// A broker's log told what it did.
    pub(super) fn on_log_event(
        &mut self,
        at: Time,
        host: HostId,
        id: TopicPartition,
        event: &LogEvent,
        known: &mut Vec<Known>,
    ) {
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        let asked = partition.asked_start;
        if let LogEvent::Opened { log_start_offset: start, log_end_offset: end, .. } = *event {
            let opened = Opened { at, start: start.0, end: end.0 };
            partition.opened.entry(host).or_default().push(opened);
        }
        let log = partition.log_mut(host);
        let (from, to, refused) = match *event {
            LogEvent::LogStartMoved { from, to, why } => {
                (from.0, to.0, move_refused(log, asked, (from.0, to.0), why))
            }
            LogEvent::Opened { log_start_offset, .. } => {
                let (from, to) = (log.begin(), log_start_offset.0);
                let refused = (to > from).then(|| "nothing had moved it there before".to_owned());
                (from, to, refused)
            }
            _ => return,
        };
        let why = match *event {
            LogEvent::LogStartMoved { why, .. } => Some(why),
            _ => None,
        };
        log.log_start = to;
        // The others follow: segments that were dropped, and a leader, of which each is judged by itself.
        if refused.is_none() && why == Some(LogStartReason::ClientRecordDeletion) {
            partition.legal_start = partition.legal_start.max(to);
        }
        let refused = refused.map(Arc::from);
        let fact = Fact::LogStartMoved { host, from, to, why, refused };
        known.push(Known { at, partition: id, fact });
    }

    /// What a topic keeps.
    pub(super) fn keeping(&self, id: TopicPartition) -> Keeping {
        let topic = self.partitions.get(&id).map(|partition| &*partition.topic);
        topic.and_then(|topic| self.keeping.get(topic)).cloned().unwrap_or_default()
    }
}

/// FR-2: the rule that a move of a log's start breaks.
fn move_refused(
    log: &ReplicaLog,
    asked: Option<i64>,
    (from, to): (i64, i64),
    why: LogStartReason,
) -> Option<String> {
    if why == LogStartReason::Truncation {
        return None;
    }
    if to < from.max(log.log_start) {
        return Some("as long as a process runs a log's start only rises".to_owned());
    }
    // FR-3
    let at_drop = if why == LogStartReason::SegmentDeletion { log.dropped_at } else { 0 };
    if to > log.high_watermark.max(at_drop) {
        return Some(format!("it lies beyond the high watermark {}", log.high_watermark));
    }
    match why {
        LogStartReason::SegmentDeletion if to > log.start() => {
            Some(format!("the first segment that is left begins at {}", log.start()))
        }
        LogStartReason::LeaderOffsetIncremented if to > log.told_start => {
            Some(format!("its leaders have told a start of {} at most", log.told_start))
        }
        LogStartReason::ClientRecordDeletion if asked.is_none_or(|asked| to > asked) => {
            Some(match asked {
                Some(asked) => format!("clients have asked for {asked} at most"),
                None => "no client has asked for it".to_owned(),
            })
        }
        _ => None,
    }
}

/// A segment that its owner dropped from the front.
struct Dropped {
    at: Time,
    host: HostId,
    base: i64,
    high_watermark: i64,
}

impl Dropped {
    fn told(
        &self,
        partition: &mut PartitionFacts,
        removed: &[Stored],
        next: i64,
        judged: Result<Due, String>,
        known: &mut Vec<Known>,
    ) {
        let Self { at, host, base, high_watermark } = *self;
        let (Some(first), Some(last)) = (removed.first(), removed.last()) else { return };
        if judged == Ok(Due::BySetting) {
            partition.legal_start = partition.legal_start.max(next);
        }
        let how = if judged.is_ok() { Gone::LetGo } else { Gone::Cut };
        partition.removed(at, host, removed, how);
        let (from, to, refused) = (first.base, last.last, judged.err().map(Arc::from));
        let fact = Fact::Dropped { host, segment: base, from, to, high_watermark, refused };
        known.push(Known { at, partition: partition.id, fact });
    }
}
