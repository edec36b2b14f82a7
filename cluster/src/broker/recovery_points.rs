//! Recovery points: what is flushed once a segment is closed, and the file that says so.
//!
//! In Kafka:   `UnifiedLog.flush` after a roll, `LogManager.checkpointRecoveryOffsetsInDir`, `LogManager.truncateTo`,
//!             which writes the file anew after each truncation.
//! Holds:      nothing; what the file says of a log stands in its [`Replica`].
//! Invariants: RP-1 the file never vouches for more of a log than the log does itself when a follower appends: after a
//!             truncation below it nothing is fetched before it was written anew. Else a start believes, without a
//!             look, what a power loss tore. (Kafka writes it before the fetcher goes on, too; after a start that
//!             found less than the file says, it does not.)

use trial_log::{LogError, PartitionOffsets, RECOVERY_POINT_CHECKPOINT, write_offset_checkpoint};
use trial_sim::Span;

use super::replicas::Replica;
use super::task::Task;
use super::{Broker, Cx, DISK, LOG_DIRECTORY_FAILED, costs};
use crate::ids::Offset;
use crate::mark;
use crate::storage::SimulatedDisk;

/// What the file says of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenRecoveryPoint {
    /// As it stands on the disk.
    on_disk: Offset,
    /// What is being written.
    under_way: Option<Offset>,
}

impl WrittenRecoveryPoint {
    /// What a start has read; zero if the file does not know the log.
    #[must_use]
    pub const fn new(on_disk: Offset) -> Self {
        Self { on_disk, under_way: None }
    }
}

impl Replica {
    /// RP-1: whether the file has to be written before a follower may append.
    #[must_use]
    pub fn awaits_recovery_point(&self) -> bool {
        self.log.recovery_point() < self.written.on_disk
    }
}

impl Broker {
    /// First half: the disk is asked for everything below the active segment, which a roll has closed.
    pub(super) fn start_flush(
        &mut self,
        slot: u32,
        to: &mut Option<Offset>,
        cx: &mut Cx<'_>,
    ) -> Span {
        let Some(replica) = self.replicas.get_mut(slot) else { return costs::HOUSEKEEPING };
        *to = replica.log.segment_base_offsets().next_back();
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        if let Some(to) = *to
            && replica.log.flush(&mut disk, to, &mut replica.events).is_err()
        {
            cx.halt(LOG_DIRECTORY_FAILED);
        }
        costs::HOUSEKEEPING
    }

    /// Second half: that was paid for.
    pub(super) fn finish_flush(&mut self, slot: u32, to: Option<Offset>, cx: &mut Cx<'_>) {
        if let Some(replica) = self.replicas.get_mut(slot)
            && let Some(to) = to
        {
            replica.log.mark_flushed(to, &mut replica.events);
            self.on_log_events(slot, cx);
        }
    }

    /// A log was cut: the file may have to say less of it, before anything else happens to the log.
    pub(super) fn on_recovery_point_moved(&mut self, slot: u32, cx: &mut Cx<'_>) {
        if self.replicas.get(slot).is_some_and(Replica::awaits_recovery_point) {
            mark::reachable!(
                cx,
                "truncation_lowers_recovery_point_file",
                "a log was cut below its checkpointed recovery point, which was written anew before the next fetch"
            );
            self.then(Task::CheckpointRecoveryPoints, cx);
        }
    }

    pub(super) fn start_checkpoint_recovery_points(&mut self, cx: &mut Cx<'_>) -> Span {
        if self.write_recovery_points(cx).is_err() {
            cx.halt(LOG_DIRECTORY_FAILED);
        }
        costs::HOUSEKEEPING
    }

    /// Second half: the file says it, and who waited for that may fetch.
    pub(super) fn finish_checkpoint_recovery_points(&mut self, cx: &mut Cx<'_>) {
        let slots: Vec<u32> = self.replicas.slots().collect();
        for slot in slots {
            let Some(replica) = self.replicas.get_mut(slot) else { continue };
            let waited = replica.awaits_recovery_point();
            if let Some(written) = replica.written.under_way.take() {
                replica.written.on_disk = written;
            }
            if waited && !replica.awaits_recovery_point() {
                self.changed_follower(slot, cx);
            }
        }
    }

    pub(super) fn write_recovery_points(&mut self, cx: &mut Cx<'_>) -> Result<(), LogError> {
        let mut offsets = PartitionOffsets::default();
        let slots: Vec<u32> = self.replicas.slots().collect();
        for slot in slots {
            let Some(replica) = self.replicas.get_mut(slot) else { continue };
            let point = replica.log.recovery_point();
            replica.written.under_way = Some(point);
            offsets.insert(replica.name(), point);
        }
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        write_offset_checkpoint(&mut disk, RECOVERY_POINT_CHECKPOINT, &offsets)
    }
}
