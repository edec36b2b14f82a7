//! What became of a fault of the plan: when, to whom, what it did, and what the budget made of it.
//!
//! Holds:      the record of one planned fault; `told.rs` makes of it what a report shows.
//! Invariants: OU-1 every planned fault has one, also one whose time never came.

use trial_sim::fault::{Effect, Fault};
use trial_sim::{CrashKind, CrashReport, FaultId, HostId, Time};

use super::plan::Planned;

/// What the budget makes of a fault that a swarm drew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ByBudget {
    /// It happens as it was drawn.
    #[default]
    Allowed,
    /// The process dies, and the machine keeps its power.
    KeptPower,
    /// It does not happen.
    Spared,
}

/// A fault as the budget let it be.
pub(super) fn within_budget(fault: &Fault, budget: ByBudget) -> Fault {
    let mut fault = fault.clone();
    if let (ByBudget::KeptPower, Effect::Crash { losing_unsynced, .. }) =
        (budget, &mut fault.effect)
    {
        *losing_unsynced = false;
    }
    fault
}

/// What happened to a planned fault.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) text: String,
    pub(super) at: Option<Time>,
    pub(super) hosts: Vec<HostId>,
    pub(super) faults: Vec<FaultId>,
    pub(super) crashes: Vec<(CrashKind, CrashReport)>,
    pub(super) remark: Option<String>,
    /// Which admin was asked, and what its answer is found by.
    pub(super) asked: Option<(HostId, u64)>,
    /// It did something that no counter shows.
    pub(super) did: bool,
    /// What the budget made of a fault that a swarm drew.
    pub(super) budget: ByBudget,
    /// It was written, and the budget would not have let a swarm do it.
    pub(super) over_budget: bool,
    /// The scenario demands that it does something.
    pub(super) required: bool,
}

impl Outcome {
    /// Of a fault whose time has not come.
    pub(super) fn of(planned: &Planned, plan_requires: bool) -> Self {
        Self {
            text: planned.fault.to_string(),
            at: None,
            hosts: Vec::new(),
            faults: Vec::new(),
            crashes: Vec::new(),
            remark: None,
            asked: None,
            did: false,
            budget: ByBudget::Allowed,
            over_budget: false,
            required: plan_requires && !planned.drawn,
        }
    }
}
