//! Drops what is old: segments by age, size and log start, later their files, and producers that were idle for long.
//!
//! In Kafka:   `LogManager.cleanupLogs` (`kafka-log-retention`), the `delete-file` tasks of `LocalLog`,
//!             `UnifiedLog.removeExpiredProducers`, the flush of `LeaderEpochFileCache`.
//! Holds:      which logs the round at hand has not looked at yet; when which log has files to remove.
//! Invariants: RN-1 a round pauses the cleaner for its logs, and resumes it after the last of them (KAFKA-7322).
//!             RN-2 a leader as well as a follower drops on its own, up to its own high watermark.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use trial_sim::{Span, Time};

use super::task::Task;
use super::{Broker, Cx, DISK, costs};
use crate::partition::WallTime;
use crate::storage::SimulatedDisk;

/// A round of retention, and files that are to go.
#[derive(Debug, Clone, Default)]
pub struct Retention {
    /// Slots that the round has not looked at.
    left: VecDeque<u32>,
    /// Logs that the round has paused.
    paused: Vec<(Arc<str>, i32)>,
    /// When which slot has files to remove.
    files_due: BTreeSet<(Time, u32)>,
}

impl Retention {
    /// When the next files are due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.files_due.first().map(|(at, _)| *at)
    }
}

impl Broker {
    /// A round begins, unless the last one is still at it.
    pub(super) fn begin_retention(&mut self, cx: &mut Cx<'_>) {
        if !self.retention.paused.is_empty() || self.closing {
            return;
        }
        let logs = self.replicas.iter().map(|replica| (replica.name(), &replica.log));
        let manager = &mut self.cleaners.manager;
        let paused = manager.pause_cleaning_for_non_compacted_partitions(logs);
        let mut left = VecDeque::new();
        for slot in self.replicas.slots() {
            let replica = self.replicas.get(slot).expect("its slot is taken");
            if paused.contains(&replica.name()) {
                left.push_back(slot);
            }
        }
        self.retention.paused = paused;
        self.retention.left = left;
        self.next_retained(cx);
    }

    fn next_retained(&mut self, cx: &mut Cx<'_>) {
        match self.retention.left.pop_front() {
            Some(slot) => self.then(Task::Retain(slot), cx),
            None => {
                for name in std::mem::take(&mut self.retention.paused) {
                    self.resume_cleaning(&name);
                }
            }
        }
    }

    /// First half: the segments are renamed, and gone from the log.
    pub(super) fn start_retain(&mut self, slot: u32, cx: &mut Cx<'_>) -> Span {
        let now_ms = cx.wall_ms();
        if self.closing {
            return costs::HOUSEKEEPING;
        }
        let Some(replica) = self.replicas.get_mut(slot) else { return costs::HOUSEKEEPING };
        let high_watermark = replica.partition.offsets().high_watermark();
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        // A log that the disk refuses says so in its events.
        let _ =
            replica.log.delete_old_segments(&mut disk, high_watermark, now_ms, &mut replica.events);
        costs::HOUSEKEEPING
    }

    /// Second half, of a round over logs that are not compacted.
    pub(super) fn finish_retain(&mut self, slot: u32, cx: &mut Cx<'_>) {
        self.publish_log_start(slot, cx);
        self.next_retained(cx);
    }

    /// The log starts later, perhaps: everybody may see it.
    pub(super) fn publish_log_start(&mut self, slot: u32, cx: &mut Cx<'_>) {
        self.on_log_events(slot, cx);
        let Some(replica) = self.replicas.get_mut(slot) else { return };
        let start = replica.log.log_start_offset();
        if start <= replica.partition.offsets().log_start_offset() {
            return;
        }
        replica.partition.on_log_start(start);
        replica.log.on_high_watermark_updated(replica.partition.offsets().high_watermark());
        self.changed_follower(slot, cx);
    }

    /// A segment was dropped: its files go a while later.
    pub(super) fn file_dropped(&mut self, slot: u32, cx: &mut Cx<'_>) {
        let Some(due_ms) =
            self.replicas.get(slot).and_then(|replica| replica.log.next_deletion_ms())
        else {
            return;
        };
        self.retention.files_due.insert((time_of(due_ms, cx), slot));
    }

    /// Whatever is due is removed.
    pub(super) fn delete_due_files(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now();
        while let Some((_, slot)) = self.retention.files_due.first().filter(|(at, _)| *at <= now) {
            let slot = *slot;
            self.retention.files_due.pop_first();
            self.then(Task::DeleteFiles(slot), cx);
        }
    }

    /// First half: files are removed.
    pub(super) fn start_delete_files(&mut self, slot: u32, cx: &mut Cx<'_>) -> Span {
        let now_ms = cx.wall_ms();
        if self.closing {
            return costs::HOUSEKEEPING;
        }
        let Some(replica) = self.replicas.get_mut(slot) else { return costs::HOUSEKEEPING };
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        // A log that the disk refuses says so in its events.
        let _ = replica.log.delete_due_files(&mut disk, now_ms, &mut replica.events);
        costs::HOUSEKEEPING
    }

    /// Second half: others may be due later, or this clock was slow.
    pub(super) fn finish_delete_files(&mut self, slot: u32, cx: &mut Cx<'_>) {
        self.on_log_events(slot, cx);
        self.file_dropped(slot, cx);
    }

    /// First half: producers are forgotten.
    pub(super) fn start_expire_producers(&mut self, slot: u32, cx: &mut Cx<'_>) -> Span {
        let WallTime(now_ms) = WallTime(cx.wall_ms());
        if let Some(replica) = self.replicas.get_mut(slot) {
            replica.log.remove_expired_producers(now_ms, &mut replica.events);
        }
        costs::HOUSEKEEPING
    }

    /// First half: the epochs that are left are written down.
    pub(super) fn start_checkpoint_epochs(&mut self, slot: u32, cx: &mut Cx<'_>) -> Span {
        if self.closing {
            return costs::HOUSEKEEPING;
        }
        let Some(replica) = self.replicas.get_mut(slot) else { return costs::HOUSEKEEPING };
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        // A log that the disk refuses says so in its events.
        let _ = replica.log.write_epoch_checkpoint(&mut disk, &mut replica.events);
        costs::HOUSEKEEPING
    }

    /// A segment begins: how much earlier than its age says it will be closed (`segment.jitter.ms`).
    pub(super) fn draw_segment_jitter(&mut self, slot: u32, cx: &mut Cx<'_>) {
        let Some(topic) = self.replicas.get(slot).map(|replica| Arc::clone(&replica.topic)) else {
            return;
        };
        let settings = self.topic_config(&topic);
        let bound = settings.segment_jitter.min(settings.segment_ms).as_millis();
        if bound == 0 {
            return;
        }
        let jitter = cx.random("segment-jitter").below(bound);
        let replica = self.replicas.get_mut(slot).expect("it was there");
        let mut config = replica.log.config().clone();
        config.segment_jitter_ms = i64::try_from(jitter).unwrap_or(i64::MAX);
        replica.log.set_config(config);
    }
}

/// When this host's clock will show so many milliseconds, if it runs on as it does; a millisecond from now at least.
fn time_of(wall_ms: i64, cx: &Cx<'_>) -> Time {
    let wait = u64::try_from(wall_ms.saturating_sub(cx.wall_ms())).unwrap_or(0).max(1);
    cx.now() + Span::from_millis(wait)
}
