//! Plays the plan against a World: resolves who is meant, carries faults out, ends them, and tells what they did.
//!
//! Holds:      the plan with its cursor, what is active, who is down and when they start again.
//! Invariants: PY-1 every planned fault has an outcome, also one that never came to be or found nobody.
//!             PY-2 after `end_all` no fault is active and every host runs or is starting.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::note::Note;
use trial_reports::{EffectNumber, FaultEffect, FaultOutcome};
use trial_sim::disk::{DiskCall, DiskHarm, DiskScope};
use trial_sim::fault::{ClockFault, Condition, DiskFault, Effect, Group, HostExpr, Sides};
use trial_sim::{CrashKind, CrashReport, FaultId, HostId, Time, World};

use super::plan::{Plan, Planned, lasting};
use super::told;

/// What the player asks about the cluster.
pub trait Situation {
    /// The host that a name or a function stands for now.
    fn resolve(&self, host: &HostExpr) -> Vec<HostId>;
    /// Whether a condition holds now.
    fn holds(&self, condition: &Condition) -> bool;
    /// Whether the budget allows these hosts to crash, losing what they have not synced or not.
    fn may_crash(&self, hosts: &[HostId], losing: bool) -> bool;
    /// Every host, for an isolation.
    fn all_hosts(&self) -> Vec<HostId>;
}

/// What happened to a planned fault.
#[derive(Debug, Clone)]
struct Outcome {
    text: String,
    at: Option<Time>,
    hosts: Vec<HostId>,
    faults: Vec<FaultId>,
    crashes: Vec<CrashReport>,
    remark: Option<String>,
}

/// How an active fault ends.
#[derive(Debug, Clone)]
struct Active {
    ends: Option<Time>,
    faults: Vec<FaultId>,
    restarts: Vec<HostId>,
}

/// What was done, for the judge.
#[derive(Debug, Clone)]
pub struct Done {
    /// The fault's text.
    pub text: String,
    /// Whom it hit.
    pub hosts: Vec<HostId>,
}

/// The player.
#[derive(Debug, Clone)]
pub struct Player {
    timed: Vec<(Time, Planned, usize)>,
    cursor: usize,
    triggered: Vec<(Vec<Condition>, Planned, usize)>,
    active: Vec<Active>,
    outcomes: Vec<Outcome>,
    /// Hosts that shall run again as soon as they are down.
    to_restart: BTreeSet<HostId>,
    /// Hosts that are down on purpose, with how many faults keep them so.
    kept_down: BTreeMap<HostId, u32>,
}

impl Player {
    /// Before the first fault.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let mut outcomes = Vec::new();
        let mut enter = |planned: &Planned| {
            outcomes.push(Outcome {
                text: planned.fault.to_string(),
                at: None,
                hosts: Vec::new(),
                faults: Vec::new(),
                crashes: Vec::new(),
                remark: None,
            });
            outcomes.len() - 1
        };
        let timed: Vec<_> =
            plan.timed.into_iter().map(|(at, planned)| (at, enter(&planned), planned)).collect();
        let timed = timed.into_iter().map(|(at, index, planned)| (at, planned, index)).collect();
        let triggered: Vec<_> = plan
            .triggered
            .into_iter()
            .map(|(conditions, planned)| (conditions, enter(&planned), planned))
            .collect();
        let triggered = triggered
            .into_iter()
            .map(|(conditions, index, planned)| (conditions, planned, index))
            .collect();
        Self {
            timed,
            cursor: 0,
            triggered,
            active: Vec::new(),
            outcomes,
            to_restart: BTreeSet::new(),
            kept_down: BTreeMap::new(),
        }
    }

    /// When something has to be done.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        let begins = self.timed.get(self.cursor).map(|(at, ..)| *at);
        let ends = self.active.iter().filter_map(|active| active.ends).min();
        [begins, ends].into_iter().flatten().min()
    }

    /// Whether faults wait for conditions.
    #[must_use]
    pub fn has_triggers(&self) -> bool {
        !self.triggered.is_empty()
    }

    /// Ends and begins what is due now.
    pub fn play_due(
        &mut self,
        world: &mut World<Note>,
        situation: &dyn Situation,
        done: &mut Vec<Done>,
    ) {
        let now = world.now();
        let (over, active) =
            self.active.drain(..).partition(|active| active.ends.is_some_and(|ends| ends <= now));
        self.active = active;
        let over: Vec<Active> = over;
        for ended in over {
            self.end(ended, world);
        }
        while self.timed.get(self.cursor).is_some_and(|(at, ..)| *at <= now) {
            let (_, planned, index) = self.timed[self.cursor].clone();
            self.cursor += 1;
            self.carry_out(&planned, index, world, situation, done);
        }
    }

    /// Begins what has come to be true.
    pub fn play_triggered(
        &mut self,
        world: &mut World<Note>,
        situation: &dyn Situation,
        done: &mut Vec<Done>,
    ) {
        let mut place = 0;
        while place < self.triggered.len() {
            if self.triggered[place].0.iter().all(|condition| situation.holds(condition)) {
                let (_, planned, index) = self.triggered.remove(place);
                self.carry_out(&planned, index, world, situation, done);
            } else {
                place += 1;
            }
        }
    }

    /// A host went down by itself or by a stop: it starts again if it is wanted.
    pub fn on_down(&mut self, host: HostId, world: &mut World<Note>) {
        if self.to_restart.remove(&host) {
            world.restart(host);
        }
    }

    /// The faults are over: heals everything and starts everybody.
    pub fn end_all(&mut self, world: &mut World<Note>) {
        self.cursor = self.timed.len();
        self.triggered.clear();
        for active in std::mem::take(&mut self.active) {
            self.end(active, world);
        }
        self.kept_down.clear();
        for host in (0..world.host_count()).map(|host| HostId(u16::try_from(host).expect("few"))) {
            if !world.is_up(host) {
                world.restart(host);
            }
        }
    }

    fn end(&mut self, active: Active, world: &mut World<Note>) {
        for fault in active.faults {
            world.heal(fault);
        }
        for host in active.restarts {
            let keepers = self.kept_down.entry(host).or_insert(1);
            *keepers -= 1;
            if *keepers > 0 {
                continue;
            }
            self.kept_down.remove(&host);
            if world.is_up(host) {
                // It is still on its way out, in good order.
                self.to_restart.insert(host);
            } else {
                world.restart(host);
            }
        }
    }

    fn carry_out(
        &mut self,
        planned: &Planned,
        index: usize,
        world: &mut World<Note>,
        situation: &dyn Situation,
        done: &mut Vec<Done>,
    ) {
        let now = world.now();
        let mut carrier =
            Carrier { world, situation, outcome: &mut self.outcomes[index], restarts: Vec::new() };
        carrier.outcome.at = Some(now);
        carrier.effect(&planned.fault.effect, planned.drawn);
        let restarts = std::mem::take(&mut carrier.restarts);
        for host in &restarts {
            *self.kept_down.entry(*host).or_insert(0) += 1;
        }
        let outcome = &self.outcomes[index];
        done.push(Done { text: outcome.text.clone(), hosts: outcome.hosts.clone() });
        let ends = lasting(&planned.fault).map(|length| now + length);
        if !outcome.faults.is_empty() || !restarts.is_empty() {
            self.active.push(Active { ends, faults: outcome.faults.clone(), restarts });
        }
    }

    /// What became of every planned fault.
    pub fn outcomes(&self, world: &mut World<Note>) -> Vec<FaultOutcome> {
        let name = |world: &World<Note>, host: &HostId| world.host_name(*host).to_owned();
        self.outcomes
            .iter()
            .map(|outcome| {
                let hosts: Vec<String> =
                    outcome.hosts.iter().map(|host| name(world, host)).collect();
                let effects: Vec<_> =
                    outcome.faults.iter().map(|fault| world.effect(*fault)).collect();
                let mut effect = told::effect(&effects, &outcome.crashes);
                if outcome.at.is_none() {
                    effect =
                        FaultEffect { text: "its time never came".into(), ..Default::default() };
                } else if let Some(remark) = &outcome.remark {
                    effect.text = if effect.happened {
                        format!("{}; {remark}", effect.text)
                    } else {
                        remark.clone()
                    };
                }
                if outcome.text.contains('(') && !hosts.is_empty() {
                    effect.text = format!("{}: {}", hosts.join(" "), effect.text);
                }
                FaultOutcome {
                    text: outcome.text.clone(),
                    at_ms: outcome.at.map(Time::as_millis),
                    effect,
                }
            })
            .collect()
    }
}

/// Carries one fault out.
struct Carrier<'a> {
    world: &'a mut World<Note>,
    situation: &'a dyn Situation,
    outcome: &'a mut Outcome,
    restarts: Vec<HostId>,
}

impl Carrier<'_> {
    fn hosts(&mut self, group: &Group) -> Vec<HostId> {
        let mut hosts: Vec<HostId> =
            group.0.iter().flat_map(|host| self.situation.resolve(host)).collect();
        hosts.dedup();
        for host in &hosts {
            if !self.outcome.hosts.contains(host) {
                self.outcome.hosts.push(*host);
            }
        }
        if hosts.is_empty() {
            self.outcome.remark = Some("found nobody".to_owned());
        }
        hosts
    }

    fn between(
        &mut self,
        from: &Group,
        to: &Group,
        mut set_off: impl FnMut(&mut World<Note>, HostId, HostId) -> FaultId,
    ) {
        let (from, to) = (self.hosts(from), self.hosts(to));
        for one in &from {
            for other in &to {
                if one != other {
                    let fault = set_off(self.world, *one, *other);
                    self.outcome.faults.push(fault);
                }
            }
        }
    }

    fn on_each(
        &mut self,
        group: &Group,
        mut set_off: impl FnMut(&mut World<Note>, HostId) -> FaultId,
    ) {
        for host in self.hosts(group) {
            let fault = set_off(self.world, host);
            self.outcome.faults.push(fault);
        }
    }

    fn effect(&mut self, effect: &Effect, drawn: bool) {
        match effect {
            Effect::Cut { sides } => {
                let (Sides::Both(a, b) | Sides::OneWay(a, b)) = sides;
                self.between(a, b, |world, from, to| world.cut(from, to));
                if let Sides::Both(..) = sides {
                    self.between(b, a, |world, from, to| world.cut(from, to));
                }
            }
            Effect::Isolate { hosts } => {
                let inside = self.hosts(hosts);
                for other in self.situation.all_hosts() {
                    if inside.contains(&other) {
                        continue;
                    }
                    for host in &inside {
                        let cuts = [self.world.cut(*host, other), self.world.cut(other, *host)];
                        self.outcome.faults.extend(cuts);
                    }
                }
            }
            Effect::Delay { from, to, by } => {
                self.between(from, to, |world, from, to| world.delay(from, to, *by));
            }
            Effect::Throttle { from, to, rate } => {
                self.between(from, to, |world, from, to| world.throttle(from, to, rate.0));
            }
            Effect::Stall { from, to } => {
                self.between(from, to, |world, from, to| world.stall(from, to))
            }
            Effect::Reset { one, other } => {
                self.between(one, other, |world, from, to| world.reset(from, to));
            }
            Effect::Pause { hosts } => self.on_each(hosts, |world, host| world.pause(host)),
            Effect::Slow { hosts, factor } => {
                self.on_each(hosts, |world, host| world.slow(host, factor.0));
            }
            Effect::Crash { hosts, losing_unsynced } => self.crash(hosts, *losing_unsynced, drawn),
            Effect::Stop { hosts } => {
                for host in self.hosts(hosts) {
                    self.world.stop(host);
                    self.restarts.push(host);
                }
                self.outcome.remark.get_or_insert("asked to stop in good order".to_owned());
            }
            Effect::Restart { hosts, .. } => {
                for host in self.hosts(hosts) {
                    self.world.restart(host);
                }
                self.outcome.remark.get_or_insert("started".to_owned());
            }
            Effect::Wipe { hosts } => {
                for host in self.hosts(hosts) {
                    if self.world.wipe(host, None).is_none() {
                        self.outcome.remark = Some("a running machine keeps its disks".to_owned());
                    }
                }
            }
            Effect::Disk { hosts, fault } => self.disk(hosts, fault),
            Effect::Clock { hosts, fault } => match fault {
                ClockFault::Ahead(by) => {
                    let by = i64::try_from(by.0).unwrap_or(i64::MAX);
                    self.on_each(hosts, |world, host| world.clock_ahead(host, by));
                }
                ClockFault::Drift(ppm) => {
                    self.on_each(hosts, |world, host| world.clock_drift(host, *ppm));
                }
                ClockFault::Step(by) => {
                    self.on_each(hosts, |world, host| world.clock_step(host, *by))
                }
            },
            Effect::Hold { .. } | Effect::Release { .. } | Effect::Swarm { .. } => {
                unreachable!("refused or drawn before the run: {effect:?}")
            }
        }
    }

    fn crash(&mut self, group: &Group, losing_unsynced: bool, drawn: bool) {
        let hosts = self.hosts(group);
        let mut kind = if losing_unsynced { CrashKind::PowerLoss } else { CrashKind::Process };
        if drawn && !self.situation.may_crash(&hosts, losing_unsynced) {
            if !losing_unsynced || !self.situation.may_crash(&hosts, false) {
                self.outcome.remark = Some("spared, by the budget".to_owned());
                return;
            }
            // The process dies, the machine keeps its power.
            kind = CrashKind::Process;
            self.outcome.remark = Some("kept its power, by the budget".to_owned());
        }
        for host in hosts {
            let report = self.world.crash(host, kind);
            self.outcome.crashes.push(report);
            self.restarts.push(host);
        }
    }

    fn disk(&mut self, hosts: &Group, fault: &DiskFault) {
        match fault {
            DiskFault::Slow(factor) => {
                self.on_each(hosts, |world, host| world.disk_slow(host, None, factor.0));
            }
            DiskFault::Eio { once } => self.on_each(hosts, |world, host| {
                world.disk_eio(host, &DiskScope::ALL, DiskCall::Any, *once)
            }),
            DiskFault::Full => self.on_each(hosts, |world, host| world.disk_full(host, None)),
            DiskFault::Dies => self.on_each(hosts, |world, host| world.disk_dies(host, None)),
            DiskFault::Rot => {
                for host in self.hosts(hosts) {
                    let fault = self.world.disk_rot(host, &DiskScope::ALL);
                    let first = self.world.disk_harms(fault).into_iter().next();
                    self.outcome.remark = Some(match first {
                        Some(DiskHarm::Rotted(rot)) => format!(
                            "flipped bit {} of byte {} in {}",
                            rot.bit, rot.offset, rot.path
                        ),
                        _ => "the disk is empty".to_owned(),
                    });
                }
            }
        }
    }
}

/// A figure for the report, if it is not zero.
pub(super) fn number(name: &str, value: u64) -> Option<EffectNumber> {
    (value > 0).then(|| EffectNumber { name: name.to_owned(), value })
}
