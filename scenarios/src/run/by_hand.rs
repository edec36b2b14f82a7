//! A run that somebody plays by hand: orders to clients, faults that begin and end when they say so.
//!
//! Inputs:     what a `Lab` asks for, at the run's present time.
//! Invariants: BH-1 what is done by hand is a call that the digest knows, or an event: equal seeds and equal calls give
//!             equal digests. BH-2 a fault has the index of its outcome, as those of a plan have.

use std::sync::Arc;

use trial_cluster::client::{ClientProgram, Order};
use trial_cluster::note::Note;
use trial_reports::FaultOutcome;
use trial_sim::fault::Fault;
use trial_sim::{HostId, Time, World, WorldSettings};

use super::assemble::Played;
use super::plan::{Plan, Planned};
use super::player::Player;
use super::trial_run::{Phase, Run};
use crate::scenario::Scenario;

impl Run {
    /// A run whose clients take orders, and whose faults are over when [`Run::end_faults`] says so, whatever the
    /// scenario's `time` is.
    #[must_use]
    pub fn by_hand(scenario: &Arc<Scenario>, seed: u64) -> Self {
        Self::assembled(scenario, seed, WorldSettings::default(), Played::ByHand)
    }

    /// What it plays.
    #[must_use]
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// Its seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Asks a client for something; false if its process does not run.
    pub fn order(&mut self, client: HostId, order: &Order) -> bool {
        self.world.order(client, order.encode())
    }

    /// Asks producers to make no more records of their own; whether there is anybody who has not said all, or not been
    /// told all.
    pub fn ask_for_the_end(&mut self) -> bool {
        let mut waits = false;
        for place in 0..self.world.host_count() {
            let host = HostId(u16::try_from(place).expect("few hosts"));
            let program = self.world.program(host).and_then(|it| it.as_any().downcast_ref());
            let Some(program) = program.filter(|it: &&ClientProgram| it.produces()) else {
                continue;
            };
            if !program.is_done() {
                waits = true;
                // Twice does no harm: it flushes what lingers.
                self.order(host, &Order::EndWorkload);
            }
        }
        waits
    }

    /// Takes a fault into the plan: one that is due begins at once. Answers the indices of what came of it, a swarm
    /// being many.
    pub fn begin(&mut self, fault: &Fault) -> Vec<usize> {
        let end = (Time::ZERO + self.scenario.time).max(self.world.now());
        let plan = Plan::of(&self.scenario, self.seed, fault, end);
        let begun = self.player.add(plan);
        let mut done = Vec::new();
        self.player.play_due(&mut self.world, self.judge.facts(), &mut done);
        self.player.play_triggered(&mut self.world, self.judge.facts(), &mut done);
        self.tell(&mut done);
        self.drain();
        begun
    }

    /// Ends one fault, as if the length that it was given had passed.
    pub fn end_fault(&mut self, index: usize) {
        self.player.end_one(index, &mut self.world);
        self.drain();
    }

    /// Starts a host that a fault keeps down; nothing if it runs.
    pub fn start_again(&mut self, host: HostId) {
        self.player.start_again(host, &mut self.world);
        self.drain();
    }

    /// Ends every fault, and starts everybody; others may follow.
    pub fn heal(&mut self) {
        self.player.end_all(&mut self.world);
        self.drain();
    }

    /// The second phase begins: no fault any more, and the cluster has to become live.
    pub fn end_faults(&mut self) {
        self.heal();
        self.phase = Phase::Healing { since: self.world.now() };
    }

    /// What became of every fault so far.
    pub fn fault_outcomes(&mut self) -> Vec<FaultOutcome> {
        self.player.outcomes(&mut self.world)
    }
}

impl Player {
    /// Takes more into the plan; the indices of their outcomes.
    pub(super) fn add(&mut self, plan: Plan) -> Vec<usize> {
        let mut indices = Vec::new();
        for (at, planned) in plan.timed {
            let index = self.enter(&planned, plan.require_effect);
            self.set_time(at, planned, index);
            indices.push(index);
        }
        for planned in plan.triggered {
            let index = self.enter(&planned, plan.require_effect);
            self.triggered.push((planned, index));
            indices.push(index);
        }
        indices
    }

    /// What has not begun begins at this time.
    pub(super) fn set_time(&mut self, at: Time, planned: Planned, index: usize) {
        let later = self.timed[self.cursor..].partition_point(|(other, ..)| *other <= at);
        self.timed.insert(self.cursor + later, (at, planned, index));
    }

    fn end_one(&mut self, index: usize, world: &mut World<Note>) {
        let cursor = self.cursor;
        let mut place = 0;
        self.timed.retain(|(_, _, other)| {
            place += 1;
            place <= cursor || *other != index
        });
        self.triggered.retain(|(_, other)| *other != index);
        self.swizzled.retain(|swizzled| swizzled.index != index);
        let (over, active) =
            std::mem::take(&mut self.active).into_iter().partition(|active| active.index == index);
        self.active = active;
        let over: Vec<_> = over;
        over.into_iter().for_each(|active| self.end(active, world));
    }

    fn start_again(&mut self, host: HostId, world: &mut World<Note>) {
        for active in &mut self.active {
            active.restarts.retain(|kept| *kept != host);
        }
        let kept = self.kept_down.remove(&host).is_some();
        if !world.is_up(host) {
            world.restart(host);
        } else if kept {
            // It is still on its way out, in good order.
            self.to_restart.insert(host);
        }
    }

    pub(super) fn enter(&mut self, planned: &Planned, plan_requires: bool) -> usize {
        self.outcomes.push(super::outcome::Outcome::of(planned, plan_requires));
        self.outcomes.len() - 1
    }
}
