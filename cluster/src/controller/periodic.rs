//! When the active controller does what nobody asks for.
//!
//! In Kafka:   `PeriodicTaskControlManager`, `QuorumController.register*`.
//! Holds:      the deadline of each task; none while the controller is not active.
//! Invariants: PT-1 a task runs one period after it ran, or soon if it had more to do.

use std::collections::BTreeMap;

use trial_sim::{Span, Time};

use super::decision::{Decision, Draft};
use super::machine::Controller;
use super::settings::ControllerSettings;
use crate::wire::NoOpRecord;

/// What is done periodically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ControllerTask {
    /// Fences a broker whose session ran out.
    FenceStaleBroker,
    /// Writes a record, so that idle readers see the log move.
    NoOp,
    /// Gives the lead back to preferred replicas.
    ElectPreferred,
    /// Looks for a leader at any price, where that is allowed.
    ElectUnclean,
}

/// The deadlines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeriodicTasks {
    due: BTreeMap<ControllerTask, Time>,
}

impl PeriodicTasks {
    /// Every task, one period from `now`; those that are switched off have none.
    #[must_use]
    pub fn activate(now: Time, settings: &ControllerSettings) -> Self {
        let all = [
            ControllerTask::FenceStaleBroker,
            ControllerTask::NoOp,
            ControllerTask::ElectPreferred,
            ControllerTask::ElectUnclean,
        ];
        let due = all.into_iter().filter_map(|task| Some((task, now + period(task, settings)?)));
        Self { due: due.collect() }
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.due.values().min().copied()
    }

    /// The first task that is due.
    #[must_use]
    pub fn due(&self, now: Time) -> Option<ControllerTask> {
        let (task, at) = self.due.iter().min_by_key(|&(task, at)| (*at, *task))?;
        (*at <= now).then_some(*task)
    }

    /// PT-1.
    pub fn ran(
        &mut self,
        now: Time,
        task: ControllerTask,
        more: bool,
        settings: &ControllerSettings,
    ) {
        let wait = if more {
            ControllerSettings::IMMEDIATE_PERIOD
        } else {
            period(task, settings).expect("a task that is off does not run")
        };
        self.due.insert(task, now + wait);
    }
}

fn period(task: ControllerTask, settings: &ControllerSettings) -> Option<Span> {
    let node = &settings.config.node;
    match task {
        ControllerTask::FenceStaleBroker => Some(settings.fence_stale_broker_interval()),
        ControllerTask::NoOp => {
            Some(node.metadata_max_idle_interval).filter(|&interval| interval > Span::ZERO)
        }
        ControllerTask::ElectPreferred => {
            let seconds = u64::try_from(node.leader_imbalance_check_interval_seconds).ok()?;
            node.auto_leader_rebalance_enable.then_some(Span::from_secs(seconds))
        }
        ControllerTask::ElectUnclean => Some(node.unclean_leader_election_interval),
    }
}

impl Controller {
    pub(super) fn decide_no_op() -> Decision {
        let mut draft = Draft::default();
        draft.push(NoOpRecord::default());
        Decision { draft, ..Decision::nothing() }
    }
}
