//! Plays the plan against a World: resolves who is meant, carries faults out, ends them, and tells what they did.
//!
//! Holds:      the plan with its cursor, what is active, who is down and when they start again.
//! Invariants: PY-1 every planned fault has an outcome, also one that never came to be or found nobody.
//!             PY-2 after `end_all` no fault is active and every host runs or is starting, but who is left down.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::client::ClientProgram;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::note::Note;
use trial_reports::{EffectNumber, FaultEffect, FaultOutcome};
use trial_sim::fault::{Condition, Effect, Fault, HostExpr, When};
use trial_sim::{FaultId, HostId, Plan as Draws, Span, Time, World};

use super::carrier::Carrier;
use super::operator::Operator;
use super::outcome::{ByBudget, Outcome, within_budget};
use super::plan::{Plan, Planned, lasting};
use super::programs::Programs;
use super::told;

/// How long a swizzle lasts that nobody gave a length.
pub(crate) const SWIZZLE: Span = Span::from_secs(10);

/// From when to when a host is isolated by a swizzle that begins at `at`: it goes in the first half and comes back in
/// the second.
pub(crate) fn swizzled(draws: Draws, host: &str, at: Time, lasting: Span) -> (Time, Time) {
    let half = lasting.0 / 2;
    let draw = |operation: u64| draws.below("swizzle", host, operation, half.max(1));
    let key = at.0 << 1;
    (at + Span(draw(key)), at + Span(half + draw(key | 1)))
}

/// What the player asks about the cluster.
pub trait Situation {
    /// The host that a name or a function stands for now.
    fn resolve(&self, host: &HostExpr) -> Vec<HostId>;
    /// Whether a condition holds now.
    fn holds(&self, condition: &Condition) -> bool;
    /// Whether the budget allows these hosts to crash, losing what they have not synced or not.
    fn may_crash(&self, hosts: &[HostId], losing: bool) -> bool;
    /// The broker id of a host; none if it is no broker.
    fn broker(&self, host: HostId) -> Option<i32>;
    /// Every host, for an isolation.
    fn all_hosts(&self) -> Vec<HostId>;
}

/// A filter that holds frames.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) label: String,
    pub(super) from: HostId,
    pub(super) to: HostId,
    pub(super) fault: FaultId,
}

/// A host that a swizzle isolates in a while.
#[derive(Debug, Clone)]
pub(super) struct Swizzled {
    begins: Time,
    ends: Option<Time>,
    host: HostId,
    pub(super) index: usize,
}

/// How an active fault ends.
#[derive(Debug, Clone)]
pub(super) struct Active {
    /// Of its outcome.
    pub(super) index: usize,
    ends: Option<Time>,
    faults: Vec<FaultId>,
    pub(super) restarts: Vec<HostId>,
    /// Those that start again if they went down by it.
    revives: Vec<HostId>,
}

/// What was done, for the judge and the record.
#[derive(Debug, Clone)]
pub struct Done {
    /// Which of the plan's faults.
    pub index: usize,
    /// The fault, as it happened.
    pub fault: Fault,
    /// Whom it hit.
    pub hosts: Vec<HostId>,
}

/// The player.
#[derive(Debug, Clone)]
pub struct Player {
    pub(super) timed: Vec<(Time, Planned, usize)>,
    pub(super) cursor: usize,
    pub(super) triggered: Vec<(Planned, usize)>,
    pub(super) active: Vec<Active>,
    pub(super) outcomes: Vec<Outcome>,
    /// Hosts that shall run again as soon as they are down.
    pub(super) to_restart: BTreeSet<HostId>,
    /// Hosts that are down on purpose, with how many faults keep them so.
    pub(super) kept_down: BTreeMap<HostId, u32>,
    holds: Vec<Held>,
    pub(super) swizzled: Vec<Swizzled>,
    /// Who started again because the disk fault that had ended it was over, and when.
    revived: Vec<(Time, HostId)>,
    /// Hosts that nobody starts again at the end.
    left_down: BTreeSet<HostId>,
    is_over: bool,
    operator: Operator,
    programs: Programs,
    draws: Draws,
}

impl Player {
    /// Before the first fault.
    #[must_use]
    pub fn new(plan: Plan, draws: Draws, programs: Programs) -> Self {
        let mut player = Self {
            timed: Vec::new(),
            cursor: 0,
            triggered: Vec::new(),
            active: Vec::new(),
            outcomes: Vec::new(),
            to_restart: BTreeSet::new(),
            kept_down: BTreeMap::new(),
            holds: Vec::new(),
            swizzled: Vec::new(),
            revived: Vec::new(),
            left_down: BTreeSet::new(),
            is_over: false,
            operator: Operator::default(),
            programs,
            draws,
        };
        player.add(plan);
        player
    }

    /// Those of these who are down when the faults end stay so.
    pub(super) fn leave_down(&mut self, hosts: impl IntoIterator<Item = HostId>) {
        self.left_down.extend(hosts);
    }

    /// Every fault with a time: when it falls due, what it is, and what became of it.
    pub(super) fn timed(&self) -> impl Iterator<Item = (Time, &Planned, &Outcome)> {
        let outcome = |index: usize| &self.outcomes[index];
        self.timed.iter().map(move |(at, planned, index)| (*at, planned, outcome(*index)))
    }

    /// Who was started again, and when, because the disk fault that had ended it was over.
    pub(super) fn revived(&self) -> &[(Time, HostId)] {
        &self.revived
    }

    /// What every fault that has begun and not ended is made of, with the host of each part that acts on one host.
    pub(super) fn acting(&self) -> impl Iterator<Item = (usize, FaultId, Option<HostId>)> {
        self.active.iter().flat_map(|active| {
            let hosts = &self.outcomes[active.index].hosts;
            // One part for each host, in their order, or parts of links.
            let each = hosts.len() == active.faults.len();
            let host = move |place: usize| hosts.get(place).copied().filter(|_| each);
            let parts = active.faults.iter().enumerate();
            parts.map(move |(place, fault)| (active.index, *fault, host(place)))
        })
    }

    /// Whether a written fault did what the budget would not have let a swarm do.
    pub(super) fn is_over_budget(&self) -> bool {
        self.outcomes.iter().any(|outcome| outcome.over_budget)
    }

    /// What runs on the nodes.
    #[cfg(test)]
    pub(super) fn programs(&self) -> Programs {
        self.programs.clone()
    }

    /// When something has to be done.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        let begins = self.timed.get(self.cursor).map(|(at, ..)| *at);
        let ends = self.active.iter().filter_map(|active| active.ends).min();
        let swizzled = self.swizzled.iter().map(|swizzled| swizzled.begins).min();
        [begins, ends, swizzled].into_iter().flatten().min()
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
        self.swizzle_due(world, situation);
    }

    /// Isolates the hosts of a swizzle whose time has come.
    fn swizzle_due(&mut self, world: &mut World<Note>, situation: &dyn Situation) {
        let now = world.now();
        let (due, rest) =
            self.swizzled.drain(..).partition(|swizzled: &Swizzled| swizzled.begins <= now);
        self.swizzled = rest;
        let due: Vec<Swizzled> = due;
        for Swizzled { ends, host, index, .. } in due {
            let others = situation.all_hosts().into_iter().filter(|other| *other != host);
            let faults: Vec<FaultId> =
                others.flat_map(|other| [world.cut(host, other), world.cut(other, host)]).collect();
            self.outcomes[index].faults.extend(&faults);
            let (restarts, revives) = (Vec::new(), Vec::new());
            self.active.push(Active { index, ends, faults, restarts, revives });
        }
    }

    /// When each host of a swizzle is isolated, in its first half, and comes back, in its second.
    fn swizzle(&mut self, hosts: &[HostId], lasting: Span, index: usize, world: &World<Note>) {
        let now = world.now();
        for host in hosts {
            let (begins, ends) = swizzled(self.draws, world.host_name(*host), now, lasting);
            let ends = Some(ends);
            self.swizzled.push(Swizzled { begins, ends, host: *host, index });
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
            let (planned, _) = &self.triggered[place];
            let When::When { conditions, after } = &planned.fault.when else {
                unreachable!("only they wait for conditions")
            };
            if !conditions.iter().all(|condition| situation.holds(condition)) {
                place += 1;
                continue;
            }
            let after = *after;
            let (planned, index) = self.triggered.remove(place);
            if after > Span::ZERO {
                self.set_time(world.now() + after, planned, index);
            } else {
                self.carry_out(&planned, index, world, situation, done);
            }
        }
    }

    /// A host went down by itself or by a stop: it starts again if it is wanted, or looked after and not kept down.
    pub fn on_down(&mut self, host: HostId, halt: Option<&str>, world: &mut World<Note>) {
        let stays = self.kept_down.contains_key(&host) || self.left_down.contains(&host);
        let wanted = self.to_restart.remove(&host);
        if wanted || !stays && self.operator.starts_again(host, halt, self.is_over) {
            world.restart(host);
        }
    }

    /// No fault begins from here on; those that have begun go on to their end, and what ends them still happens.
    pub(super) fn begin_nothing_more(&mut self) {
        let ends = |planned: &Planned| {
            matches!(planned.fault.effect, Effect::Restart { .. } | Effect::Release { .. })
        };
        let begun = self.cursor;
        let mut place = 0;
        self.timed.retain(|(_, planned, _)| {
            place += 1;
            place <= begun || ends(planned)
        });
        self.triggered.retain(|(planned, _)| ends(planned));
    }

    /// The faults are over: heals everything and starts everybody.
    pub fn end_all(&mut self, world: &mut World<Note>) {
        self.cursor = self.timed.len();
        self.is_over = true;
        self.triggered.clear();
        let left = |host: &HostId| self.left_down.contains(host) && !world.is_up(*host);
        let left_down: BTreeSet<HostId> = self.left_down.iter().copied().filter(left).collect();
        for mut active in std::mem::take(&mut self.active) {
            active.restarts.retain(|host| !left_down.contains(host));
            active.revives.retain(|host| !left_down.contains(host));
            self.end(active, world);
        }
        self.kept_down.clear();
        self.holds.clear();
        self.swizzled.clear();
        let hosts = (0..world.host_count()).map(|host| HostId(u16::try_from(host).expect("few")));
        let down: Vec<HostId> = hosts.filter(|host| !world.is_up(*host)).collect();
        down.iter().filter(|host| !left_down.contains(host)).for_each(|host| world.restart(*host));
    }

    pub(super) fn end(&mut self, active: Active, world: &mut World<Note>) {
        for fault in active.faults {
            world.heal(fault);
        }
        for host in active.revives {
            if !self.kept_down.contains_key(&host) {
                if !world.is_up(host) {
                    self.revived.push((world.now(), host));
                }
                world.restart(host);
            }
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
        let ends = lasting(&planned.fault).map(|length| now + length);
        let mut carrier = Carrier {
            world: &mut *world,
            situation,
            outcome: &mut self.outcomes[index],
            holds: &mut self.holds,
            programs: &mut self.programs,
            ticket: index as u64,
            restarts: Vec::new(),
            revives: Vec::new(),
        };
        carrier.outcome.at = Some(now);
        carrier.effect(&planned.fault.effect, planned.drawn);
        let restarts = std::mem::take(&mut carrier.restarts);
        let revives = std::mem::take(&mut carrier.revives);
        if let Effect::Swizzle { .. } = planned.fault.effect {
            let hosts = self.outcomes[index].hosts.clone();
            let lasting = lasting(&planned.fault).unwrap_or(SWIZZLE);
            self.swizzle(&hosts, lasting, index, world);
            self.swizzle_due(world, situation);
        }
        for host in &restarts {
            *self.kept_down.entry(*host).or_insert(0) += 1;
        }
        let outcome = &self.outcomes[index];
        // The judge hears of what happened, not of what was drawn.
        if outcome.budget != ByBudget::Spared {
            let fault = within_budget(&planned.fault, outcome.budget);
            done.push(Done { index, fault, hosts: outcome.hosts.clone() });
        }
        if !outcome.faults.is_empty() || !restarts.is_empty() {
            let faults = outcome.faults.clone();
            self.active.push(Active { index, ends, faults, restarts, revives });
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
                let harms: Vec<_> =
                    outcome.faults.iter().flat_map(|fault| world.disk_harms(*fault)).collect();
                if let Some(harm) = told::harm(&harms) {
                    effect.text = format!("{}: {harm}", effect.text);
                }
                let answer = outcome.asked.map(|asked| admins_answer(world, asked));
                effect.happened |= outcome.did || answer == Some(Some(ErrorCode::None));
                if effect.happened && effect.text == told::WITHOUT {
                    effect.text.clear();
                }
                if outcome.at.is_none() {
                    effect =
                        FaultEffect { text: "its time never came".into(), ..Default::default() };
                } else if let Some(remark) = outcome.remark.clone().or(answer.map(told::answer)) {
                    effect.text = if effect.happened && !effect.text.is_empty() {
                        format!("{}; {remark}", effect.text)
                    } else {
                        remark
                    };
                }
                if outcome.text.contains('(') && !hosts.is_empty() {
                    effect.text = format!("{}: {}", hosts.join(" "), effect.text);
                }
                FaultOutcome {
                    text: outcome.text.clone(),
                    at_ms: outcome.at.map(Time::as_millis),
                    effect,
                    required: outcome.required,
                }
            })
            .collect()
    }
}

/// What an admin was told; none if it was told nothing, or its process has ended since.
fn admins_answer(world: &World<Note>, (admin, ticket): (HostId, u64)) -> Option<ErrorCode> {
    let program = world.program(admin)?.as_any().downcast_ref::<ClientProgram>()?;
    program.told(ticket)
}

/// A figure for the report, if it is not zero.
pub(super) fn number(name: &str, value: u64) -> Option<EffectNumber> {
    (value > 0).then(|| EffectNumber { name: name.to_owned(), value })
}
