//! A run's scenario without anything left to decide: what its swarm drew, as lines that were written.
//!
//! Holds:      nothing; the faults come from the plan, what became of them from the player.
//! Invariants: PR-1 played under its seed it takes the steps of the run that it was made of, as far as that went: what
//!             the budget spared is not written, and what kept its power is written so.

use trial_sim::Time;
use trial_sim::fault::{Effect, Fault, Group, HostExpr, When};

use super::outcome::{ByBudget, Outcome, within_budget};
use super::plan::lasting;
use super::trial_run::Run;
use crate::scenario::ScenarioError;

impl Run {
    /// Every fault in the order of the scenario, with what the seed drew in the place of each swarm.
    #[must_use]
    pub fn faults_as_played(&self) -> Vec<Fault> {
        let swarms = |fault: &&Fault| matches!(fault.effect, Effect::Swarm { .. });
        let mut written: Vec<Fault> = self.scenario.faults.clone();
        let Some(place) = self.scenario.faults.iter().position(|fault| swarms(&fault)) else {
            return written;
        };
        written.retain(|fault| !swarms(&fault));
        let drawn = self.player.timed().filter(|(_, planned, _)| planned.drawn);
        let lines =
            drawn.flat_map(|(at, planned, outcome)| self.lines(at, &planned.fault, outcome));
        written.splice(place..place, lines);
        written
    }

    /// Whether a fault that was written did what the budget would not have let a swarm do.
    #[must_use]
    pub fn is_over_budget(&self) -> bool {
        self.player.is_over_budget()
    }

    /// The text of a scenario that plays to the same under this run's seed, and needs no draw to be read.
    ///
    /// # Errors
    /// If what the seed has picked cannot be written into the scenario's text.
    pub fn pinned(&self) -> Result<String, ScenarioError> {
        let has_swarm =
            self.scenario.faults.iter().any(|fault| matches!(fault.effect, Effect::Swarm { .. }));
        let faults: Vec<String> = self.faults_as_played().iter().map(Fault::to_string).collect();
        self.scenario.pinned(&faults, !has_swarm)
    }

    /// What was drawn, as the budget let it be; and who had to be started again after it.
    fn lines(&self, at: Time, drawn: &Fault, outcome: &Outcome) -> Vec<Fault> {
        if outcome.budget == ByBudget::Spared {
            return Vec::new();
        }
        let fault = within_budget(drawn, outcome.budget);
        let Some(ends) = lasting(drawn).map(|length| at + length) else { return vec![fault] };
        let mut lines = vec![fault];
        if let Effect::Disk { .. } = drawn.effect {
            let theirs = |(when, host): &&(Time, _)| *when == ends && outcome.hosts.contains(host);
            for (when, host) in self.player.revived().iter().filter(theirs) {
                let name = self.world.host_name(*host).to_owned();
                let hosts = Group::from(HostExpr::Name(name));
                let effect = Effect::Restart { hosts, profile: None, config: Vec::new() };
                lines.push(Fault { when: When::At(*when), effect, lasting: None });
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::asked::Asked;
    use crate::run::Run;
    use crate::scenario::Scenario;
    use trial_sim::fault::Effect;

    /// A disk that fails begins a restart even of whoever did not go down: that call, which does nothing, is not
    /// written.
    fn has_failing_disk(run: &Run) -> bool {
        run.faults_as_played().iter().any(|fault| {
            let text = fault.to_string();
            text.contains(" eio ") || text.contains(" full")
        })
    }

    #[test]
    fn a_pinned_run_takes_the_same_steps() {
        let mut asked = Asked::open("everything_at_once").expect("it comes with Trial");
        asked.settings = vec!["time=25s".to_owned()];
        asked.switches = vec!["trunc_to_hw_loss".to_owned()];
        let scenario = Arc::new(asked.scenario().expect("it can be played"));
        let (mut same, mut spared) = (0, 0);
        for seed in 0..12 {
            let mut run = Run::new(&scenario, seed);
            run.play();
            let text = run.pinned().expect("it can be written");
            let pinned = Scenario::from_text("pinned", &text, None, &[]).expect("it can be played");
            let swarm = |effect: &Effect| matches!(effect, Effect::Swarm { .. });
            assert!(!pinned.faults.iter().any(|fault| swarm(&fault.effect)), "PN-1: {text}");
            let mut again = Run::new(&Arc::new(pinned), seed);
            again.play();
            let found = |run: &Run| run.judge().violations().to_vec();
            assert_eq!(found(&again), found(&run), "PR-1: seed {seed}\n{text}");
            assert!(!again.is_over_budget(), "PR-1: seed {seed}\n{text}");
            if !has_failing_disk(&run) {
                assert_eq!(again.digest(), run.digest(), "PR-1: seed {seed}\n{text}");
                same += 1;
            }
            spared += run
                .player
                .timed()
                .filter(|(.., outcome)| outcome.budget != super::ByBudget::Allowed)
                .count();
        }
        assert!(same > 6 && spared > 1, "{same} with the same digest, {spared} faults spared");
    }

    /// A lone controller that kept its power, by the budget: the judge was told that it had lost it.
    #[test]
    fn what_the_budget_spared_is_not_held_against_a_run() {
        let mut asked = Asked::open("everything_at_once").expect("it comes with Trial");
        asked.settings = vec!["cluster.controllers=1".to_owned()];
        let scenario = Arc::new(asked.scenario().expect("it can be played"));
        let mut run = Run::new(&scenario, 12);
        run.play();
        let kept = |outcome: &super::Outcome| outcome.budget == super::ByBudget::KeptPower;
        assert!(run.player.timed().any(|(.., outcome)| kept(outcome)), "it is about such a fault");
        assert_eq!(run.beyond_budget(), None);
    }
}
