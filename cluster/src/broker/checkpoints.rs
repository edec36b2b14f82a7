//! What a broker does every so often: checkpoints, a look at lagging followers.
//!
//! In Kafka:   `KafkaScheduler` with `ReplicaManager.checkpointHighWatermarks` and `maybeShrinkIsr`,
//!             `LogManager.checkpointLogRecoveryOffsets`.
//! Holds:      when each is due.
//! Left out:   `flush.ms`, whose task has no period by default in Kafka, so that it never runs there either.

use trial_log::{
    LOG_START_OFFSET_CHECKPOINT, LogError, PartitionOffsets, REPLICATION_OFFSET_CHECKPOINT,
    write_offset_checkpoint,
};
use trial_sim::{Span, Time};

use super::task::Task;
use super::{Broker, Cx, DISK, LOG_DIRECTORY_FAILED, costs};
use crate::storage::SimulatedDisk;

/// When what is due.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    high_watermarks: Option<Time>,
    recovery_points: Option<Time>,
    log_starts: Option<Time>,
    retention: Option<Time>,
    producer_expiration: Option<Time>,
    shrink_check: Option<Time>,
}

impl Schedule {
    /// Whether it has been started.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.shrink_check.is_some()
    }

    /// The first thing that is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        [
            self.high_watermarks,
            self.recovery_points,
            self.log_starts,
            self.retention,
            self.producer_expiration,
            self.shrink_check,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// Whether `due` has come; moves it on by `interval`.
fn take_due(due: &mut Option<Time>, now: Time, interval: Span) -> bool {
    let is_due = due.is_some_and(|at| at <= now);
    if is_due {
        *due = Some(now + interval);
    }
    is_due
}

impl Broker {
    pub(super) fn start_schedule(&mut self, now: Time) {
        let node = &self.config.node;
        self.schedule = Schedule {
            high_watermarks: Some(now + node.high_watermark_checkpoint_interval),
            recovery_points: Some(now + node.log_initial_task_delay),
            log_starts: Some(now + node.log_initial_task_delay),
            retention: Some(now + node.log_initial_task_delay),
            producer_expiration: Some(now + node.producer_id_expiration_check_interval),
            shrink_check: Some(now + node.replica_lag_time_max / 2),
        };
    }

    pub(super) fn run_schedule(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now();
        let node = self.config.node.clone();
        let schedule = &mut self.schedule;
        let high_watermarks =
            take_due(&mut schedule.high_watermarks, now, node.high_watermark_checkpoint_interval);
        let recovery_points =
            take_due(&mut schedule.recovery_points, now, node.recovery_point_checkpoint_interval);
        let log_starts =
            take_due(&mut schedule.log_starts, now, node.log_start_checkpoint_interval);
        let retention = take_due(&mut schedule.retention, now, node.log_retention_check_interval);
        let interval = node.producer_id_expiration_check_interval;
        let expiration = take_due(&mut schedule.producer_expiration, now, interval);
        let shrink = take_due(&mut schedule.shrink_check, now, node.replica_lag_time_max / 2);
        if high_watermarks {
            self.then(Task::CheckpointHighWatermarks, cx);
        }
        if recovery_points {
            self.then(Task::CheckpointRecoveryPoints, cx);
        }
        if log_starts {
            self.then(Task::CheckpointLogStarts, cx);
        }
        if retention {
            self.begin_retention(cx);
        }
        if expiration {
            let slots: Vec<u32> = self.replicas.slots().collect();
            for slot in slots {
                self.then(Task::ExpireProducers(slot), cx);
            }
        }
        if shrink {
            let slots: Vec<u32> = self.replicas.slots().collect();
            for slot in slots {
                self.with_partition(slot, cx, |partition, now, brokers, _, effects| {
                    partition.on_shrink_check(now, brokers, effects);
                });
            }
        }
    }

    pub(super) fn start_checkpoint_high_watermarks(&mut self, cx: &mut Cx<'_>) -> Span {
        if self.write_high_watermarks(cx).is_err() {
            cx.halt(LOG_DIRECTORY_FAILED);
        }
        costs::HOUSEKEEPING
    }

    pub(super) fn start_checkpoint_log_starts(&mut self, cx: &mut Cx<'_>) -> Span {
        if self.write_log_starts(cx).is_err() {
            cx.halt(LOG_DIRECTORY_FAILED);
        }
        costs::HOUSEKEEPING
    }

    /// Only of logs whose first segment does not say it already.
    pub(super) fn write_log_starts(&mut self, cx: &mut Cx<'_>) -> Result<(), LogError> {
        let known = self.replicas.iter().filter_map(|replica| {
            let start = replica.log.log_start_to_checkpoint()?;
            Some((replica.name(), start))
        });
        let offsets: PartitionOffsets = known.collect();
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        write_offset_checkpoint(&mut disk, LOG_START_OFFSET_CHECKPOINT, &offsets)
    }

    pub(super) fn write_high_watermarks(&mut self, cx: &mut Cx<'_>) -> Result<(), LogError> {
        let offsets: PartitionOffsets = self
            .replicas
            .iter()
            .map(|replica| (replica.name(), replica.partition.offsets().high_watermark()))
            .collect();
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        write_offset_checkpoint(&mut disk, REPLICATION_OFFSET_CHECKPOINT, &offsets)
    }
}
