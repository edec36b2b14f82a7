//! The plan: every fault that will be tried, at its time or on its trigger.
//!
//! Holds:      the faults in the order in which they fall due; swarms are drawn here, once, and stand as faults of
//!             their own from then on.
//! Invariants: PL-1 equal scenario and seed give an equal plan; taking an item away leaves the others as they are
//!             (the draws are keyed by name, `trial_sim::fault::swarm`).

use std::collections::BTreeSet;

use trial_sim::fault::{Effect, Family, Fault, HostExpr, SwarmHost, SwarmSettings, When, swarm};
use trial_sim::{Plan as Draws, Span, Time};

use crate::scenario::{Client, Scenario};

/// One thing that will be tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The fault, as a scenario would write it.
    pub fault: Fault,
    /// Whether a swarm drew it: then it keeps to the budget.
    pub drawn: bool,
}

/// Everything that will be tried.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// With a time, in order.
    pub timed: Vec<(Time, Planned)>,
    /// With conditions.
    pub triggered: Vec<Planned>,
    /// Whether each fault that was written must do something.
    pub require_effect: bool,
}

impl Plan {
    /// The plan of `scenario` under `seed`.
    #[must_use]
    pub fn draw(scenario: &Scenario, seed: u64) -> Self {
        let end = Time::ZERO + scenario.time;
        let mut plan = Self { require_effect: scenario.require_effect, ..Self::default() };
        for fault in &scenario.faults {
            plan.add(scenario, seed, fault, end);
        }
        plan.timed.sort_by_key(|(at, _)| *at);
        plan
    }

    /// What one fault of `scenario` comes to, up to `end`.
    #[must_use]
    pub(super) fn of(scenario: &Scenario, seed: u64, fault: &Fault, end: Time) -> Self {
        let mut plan = Self { require_effect: scenario.require_effect, ..Self::default() };
        plan.add(scenario, seed, fault, end);
        plan
    }

    fn add(&mut self, scenario: &Scenario, seed: u64, fault: &Fault, end: Time) {
        if let Effect::Swarm { families } = &fault.effect {
            let window = match &fault.when {
                When::During { from, to } => (*from, (*to).min(end)),
                When::At(from) => {
                    (*from, fault.lasting.map_or(end, |length| *from + length).min(end))
                }
                When::Every(_) | When::When { .. } => (Time::ZERO, end),
            };
            let hosts = swarm_hosts(scenario, families);
            let settings = SwarmSettings::default();
            let drawn = swarm(Draws::new(seed), families, &hosts, window, &settings);
            for fault in drawn {
                let at = begin(&fault.when);
                self.timed.push((at, Planned { fault, drawn: true }));
            }
            return;
        }
        let planned = Planned { fault: fault.clone(), drawn: false };
        match &fault.when {
            When::At(at) | When::During { from: at, .. } => self.timed.push((*at, planned)),
            When::When { .. } => self.triggered.push(planned),
            When::Every(period) => {
                let mut at = Time::ZERO + *period;
                while at < end && *period > Span::ZERO {
                    self.timed.push((at, planned.clone()));
                    at += *period;
                }
            }
        }
    }
}

fn begin(when: &When) -> Time {
    match when {
        When::At(at) | When::During { from: at, .. } => *at,
        When::Every(_) | When::When { .. } => Time::ZERO,
    }
}

/// How long a fault lasts; none: until the faults end.
#[must_use]
pub fn lasting(fault: &Fault) -> Option<Span> {
    match &fault.when {
        When::During { from, to } => Some(to.since(*from)),
        When::At(_) | When::Every(_) | When::When { .. } => fault.lasting,
    }
}

/// What a swarm does to members of groups: they have no disks, and no clocks that anybody reads.
const OF_MEMBERS: [Family; 4] = [Family::Network, Family::Connect, Family::Crash, Family::Pause];

/// Brokers, controllers and members of groups; the loss of unsynced bytes is for whoever the budget can bear.
fn swarm_hosts(scenario: &Scenario, families: &[Family]) -> Vec<SwarmHost> {
    let families: BTreeSet<Family> = families.iter().copied().collect();
    let cluster = &scenario.cluster;
    let brokers = (1..=cluster.brokers).map(|number| (format!("b{number}"), true));
    let controllers = (1..=cluster.controllers).map(|number| (format!("c{number}"), true));
    let host = |(name, loses_unsynced)| SwarmHost {
        target: HostExpr::Name(name),
        families: families.clone(),
        loses_unsynced,
        never_with: BTreeSet::new(),
    };
    // Members speak to brokers alone.
    let is_member = |client: &Client| matches!(client, Client::Member { .. });
    let others = scenario.clients.iter().filter(|(_, client)| is_member(client));
    let others = others.map(|(name, _)| name.clone());
    let never_with: BTreeSet<HostExpr> = (1..=cluster.controllers)
        .map(|number| format!("c{number}"))
        .chain(others)
        .map(HostExpr::Name)
        .collect();
    let of_members = || OF_MEMBERS.into_iter().filter(|family| families.contains(family));
    let member = |(name, client): (&String, &Client)| {
        is_member(client).then(|| SwarmHost {
            target: HostExpr::Name(name.clone()),
            families: of_members().collect(),
            loses_unsynced: false,
            never_with: never_with.clone(),
        })
    };
    let members = scenario.clients.iter().filter_map(member);
    brokers.chain(controllers).map(host).chain(members).collect()
}
