//! A broker's last hour: it asks to leave, waits until its leaderships have gone, and leaves its disk in order.
//!
//! In Kafka:   `BrokerServer.shutdown`, `LogManager.shutdown`; KIP-841, KIP-966 (the marker carries the broker epoch).
//! Invariants: SD-1 the marker is written after everything that it vouches for is synced: no job begins to change a
//!             log any more, those that have begun end first (the last flush of a log needs its lock), then the
//!             flushes are paid for.

use trial_log::{LogError, write_clean_shutdown};
use trial_sim::Span;

use super::lifecycle::BrokerState;
use super::task::Task;
use super::{Broker, Cx, DISK, costs};
use crate::mark;
use crate::storage::SimulatedDisk;

/// Why a broker ends that no controller has registered within `initial.broker.registration.timeout.ms`. In Kafka the
/// process exits with status 1 (`BrokerServer.startup`), so that whatever watches it starts it again.
pub const REGISTRATION_GIVEN_UP: &str = "nobody registered it in time";
/// Why a broker ends whose disk has refused something: it has no other log directory (`LogDirFailureChannel`).
pub const LOG_DIRECTORY_FAILED: &str = "its only log directory has failed";

impl Broker {
    /// Somebody wants the process to end in good order.
    pub(super) fn on_stop(&mut self, cx: &mut Cx<'_>) {
        self.stopping = true;
        if self.lifecycle.state() == BrokerState::NotRunning {
            // The first job ends the process.
            return;
        }
        let mut effects = Vec::new();
        self.lifecycle.begin_controlled_shutdown(cx.now(), &mut effects);
        self.on_lifecycle(effects, cx);
    }

    /// The controller lets the broker go, or the broker gives up.
    pub(super) fn on_may_shut_down(&mut self, cx: &mut Cx<'_>) {
        if !self.stopping {
            mark::reachable!(
                cx,
                "registration_given_up",
                "a broker ended, since no controller had registered it in time"
            );
            cx.halt(REGISTRATION_GIVEN_UP);
            return;
        }
        assert!(!self.closing, "SD-1: the broker closes its logs once");
        // Kafka stops the request handlers and the fetchers, and waits for them, before it closes the logs.
        self.closing = true;
        let slots: Vec<u32> = self.replicas.slots().collect();
        self.last_flushes = slots.len();
        if slots.is_empty() {
            self.then(Task::CleanShutdown, cx);
        }
        for slot in slots {
            self.then(Task::FlushLast(slot), cx);
        }
    }

    /// First half: the disk is asked to make a log durable. What was changing it is done: it had the lock.
    pub(super) fn start_flush_last(&mut self, slot: u32, cx: &mut Cx<'_>) -> Span {
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        if let Some(replica) = self.replicas.get_mut(slot) {
            let end = replica.log.log_end_offset();
            if replica.log.flush(&mut disk, end, &mut replica.events).is_err() {
                cx.halt(LOG_DIRECTORY_FAILED);
            }
        }
        costs::HOUSEKEEPING
    }

    /// Second half: that was paid for. After the last one the disk can be vouched for.
    pub(super) fn finish_flush_last(&mut self, slot: u32, cx: &mut Cx<'_>) {
        if let Some(replica) = self.replicas.get_mut(slot) {
            let end = replica.log.log_end_offset();
            replica.log.mark_flushed(end, &mut replica.events);
        }
        self.last_flushes -= 1;
        if self.last_flushes == 0 {
            self.then(Task::CleanShutdown, cx);
        }
    }

    /// First half: the disk is vouched for.
    pub(super) fn start_clean_shutdown(&mut self, cx: &mut Cx<'_>) -> Span {
        if self.leave_disk_in_order(cx).is_err() {
            cx.halt(LOG_DIRECTORY_FAILED);
        }
        costs::HOUSEKEEPING
    }

    fn leave_disk_in_order(&mut self, cx: &mut Cx<'_>) -> Result<(), LogError> {
        if !self.publishes {
            // No log was opened: the next process finds them as the last one left them.
            if self.clean_start {
                let mut disk = SimulatedDisk::new(cx.disk(DISK));
                write_clean_shutdown(&mut disk, self.lifecycle.epoch().0)?;
            }
            return Ok(());
        }
        self.write_high_watermarks(cx)?;
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        let slots: Vec<u32> = self.replicas.slots().collect();
        for slot in slots {
            if let Some(replica) = self.replicas.get_mut(slot) {
                replica.log.close(&mut disk, &mut replica.events)?;
            }
        }
        self.write_recovery_points(cx)?;
        self.write_log_starts(cx)?;
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        write_clean_shutdown(&mut disk, self.lifecycle.epoch().0)
    }

    /// Second half: the node may end the process.
    pub(super) fn finish_clean_shutdown(&mut self) {
        self.left = true;
    }
}
