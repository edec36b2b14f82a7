//! What is committed and not read yet: a fault lets this node learn of the metadata late.
//!
//! In Kafka:   the event queue of `MetadataLoader`, whose thread may be held up for any time: the log is there and
//!             committed, and neither the metadata cache nor the replicas, nor what heartbeats tell of them, know it.
//! Holds:      committed batches, in their order, with the time at which each came.
//! Invariants: BG-1 batches leave in the order in which they came, and none is passed by a later one.

use std::collections::VecDeque;

use trial_sim::{Lag, Span, Time};

use crate::raft::effect::CommittedBatch;

/// How often is looked whether a fault without a length has ended.
const LOOK: Span = Span::from_millis(10);

/// The batches that wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<(Time, CommittedBatch)>,
}

impl Backlog {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A batch has come.
    pub(super) fn push(&mut self, now: Time, batch: CommittedBatch) {
        self.waiting.push_back((now, batch));
    }

    /// The next one that may be read now.
    pub(super) fn next(&mut self, now: Time, lag: Option<Lag>) -> Option<CommittedBatch> {
        let (came, _) = self.waiting.front()?;
        let is_due = match lag {
            None => true,
            Some(Lag::By(by)) => *came + by <= now,
            Some(Lag::UntilItEnds) => false,
        };
        if is_due { self.waiting.pop_front().map(|(_, batch)| batch) } else { None }
    }

    /// When to look again.
    pub(super) fn next_deadline(&self, now: Time, lag: Option<Lag>) -> Option<Time> {
        let (came, _) = self.waiting.front()?;
        Some(match lag {
            None => now,
            Some(Lag::By(by)) => *came + by,
            Some(Lag::UntilItEnds) => now + LOOK,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LeaderEpoch, Offset};

    fn batch(offset: i64) -> CommittedBatch {
        CommittedBatch {
            base_offset: Offset(offset),
            last_offset: Offset(offset),
            epoch: LeaderEpoch(1),
            timestamp_ms: 0,
            records: Vec::new(),
        }
    }

    #[test]
    fn bg1_batches_are_read_in_their_order_when_they_are_due() {
        let at = |millis: u64| Time::ZERO + Span::from_millis(millis);
        let mut backlog = Backlog::default();
        backlog.push(at(0), batch(0));
        backlog.push(at(50), batch(1));
        let by = Some(Lag::By(Span::from_millis(100)));
        assert_eq!(backlog.next(at(99), by), None);
        assert_eq!(backlog.next_deadline(at(99), by), Some(at(100)));
        assert_eq!(backlog.next(at(100), by), Some(batch(0)));
        assert_eq!(backlog.next(at(100), by), None);
        // Another fault holds everything back, and when it ends what is left is read at once.
        assert_eq!(backlog.next(at(900), Some(Lag::UntilItEnds)), None);
        assert_eq!(backlog.next(at(900), None), Some(batch(1)));
        assert!(backlog.is_empty());
        assert_eq!(backlog.next_deadline(at(900), by), None);
    }
}
