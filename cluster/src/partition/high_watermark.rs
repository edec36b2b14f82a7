//! How far a leader may expose records: the high watermark.
//!
//! In Kafka:   `Partition.maybeIncrementLeaderHW` (KIP-101, KIP-497, KIP-966; KAFKA-15583, KAFKA-15021).
//! Inputs:     an append of the leader, a fetch of a follower, a change of the in-sync set.
//! Effects:    `HighWatermarkMoved`, and a note with what it was decided on.
//! Invariants: R10 it never passes the log end. R11 it rests while fewer than min(min.insync.replicas,
//!             replicas) are committed as in sync. R7, R8 it never passes a member of the maximal set.

use trial_log::Offset;

use super::effect::{Brokers, Effect, WallTime};
use super::hosted::Core;
use super::leader::Leader;
use crate::mark;
use crate::note::partition::PartitionEvent;

impl Leader {
    /// Moves the high watermark to the smallest log end of those that count, if that is further. Answers
    /// whether it moved.
    pub(super) fn maybe_advance_high_watermark(
        &self,
        core: &mut Core,
        now: WallTime,
        brokers: &dyn Brokers,
        effects: &mut Vec<Effect>,
    ) -> bool {
        if self.is_under_min_isr(core) {
            mark::sometimes!(
                effects,
                self.smallest_end(core, now, brokers) > core.offsets.high_watermark(),
                "high_watermark_waits_for_min_isr",
                "a high watermark rested with too few replicas in sync, though they had the records (KIP-966)"
            );
            return false;
        }
        let to = self.smallest_end(core, now, brokers);
        if to <= core.offsets.high_watermark() {
            return false;
        }
        let from = core.offsets.advance_high_watermark(to).expect("it was compared just now");
        effects.push(Effect::Note(PartitionEvent::LeaderHighWatermarkMoved {
            from,
            to,
            leader_epoch: core.leader_epoch,
            committed_isr: small(self.isr.committed_count()),
            maximal_isr: small(self.isr.maximal_count()),
            min_isr: small(self.effective_min_isr(core)),
        }));
        // After the note: whoever is woken by it may answer at once.
        effects.push(Effect::HighWatermarkMoved { from, to });
        self.check_high_watermark(core);
        true
    }

    /// The smallest log end among this replica, the maximal in-sync set, and those that have caught up and are
    /// about to be let in. Waiting for these lets a follower of a lone leader ever reach the high watermark.
    fn smallest_end(&self, core: &Core, now: WallTime, brokers: &dyn Brokers) -> Offset {
        let leader_end = core.offsets.log_end_offset();
        let lag_max_ms = core.replica_lag_time_max_ms();
        let mut smallest = leader_end;
        for replica in &self.followers {
            let counts = || {
                self.isr.maximal_contains(replica.id())
                    || replica.is_caught_up(now, leader_end, lag_max_ms)
                        && (replica.is_eligible(brokers, &core.rules)
                            || !core.rules.waits_for_eligible_only())
            };
            if replica.log_end_offset() < smallest && counts() {
                smallest = replica.log_end_offset();
            }
        }
        smallest
    }

    /// `min.insync.replicas`, or the number of replicas if that is less.
    pub(super) fn effective_min_isr(&self, core: &Core) -> usize {
        core.settings.min_insync_replicas.min(self.followers.len() + 1)
    }

    pub(super) fn is_under_min_isr(&self, core: &Core) -> bool {
        self.isr.committed_count() < self.effective_min_isr(core)
    }

    /// At every move, and only then: a member that is let in later may lie below for a moment (R22 judges that).
    fn check_high_watermark(&self, core: &Core) {
        let high_watermark = core.offsets.high_watermark();
        assert!(
            !self.is_under_min_isr(core),
            "R11: {high_watermark} moved under min ISR: {self:?}"
        );
        for replica in &self.followers {
            assert!(
                !self.isr.maximal_contains(replica.id())
                    || replica.log_end_offset() >= high_watermark,
                "R8: high watermark {high_watermark} passed in-sync {replica:?}"
            );
        }
    }
}

/// A count of replicas as notes carry it.
pub(super) fn small(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
