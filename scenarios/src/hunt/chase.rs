//! One search: seeds from a first one on, until one shows that a guard is missing.
//!
//! Holds:      what was played, and what was found.
//! Invariants: CH-1 what counts is what is noticed first: a run is left as soon as one invariant is violated. One that
//!             becomes live again and violates nothing shows nothing. CH-2 the same seeds with the guard in place are
//!             played to their end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trial_reports::Verdict;
use trial_sim::{Span, Time};

use crate::play::{OurFault, guarded, play};
use crate::run::{Phase, Run};
use crate::scenario::Scenario;

/// How often a chase looks whether something was noticed, in virtual time.
const LOOK: Span = Span::from_millis(250);

/// What showed that a guard is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In which seed.
    pub seed: u64,
    /// The invariant that broke first; of a run that got stuck, the rule of the bug's own that was not met, or the
    /// first that was not.
    pub invariant: String,
    /// Whether it is one of those that the bug has to break.
    pub is_expected: bool,
}

/// Seeds that were played until one showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chase {
    /// The first seed.
    pub first: u64,
    /// How many were played, the last one included.
    pub seeds: u64,
    /// Virtual time of all of them.
    pub simulated: Span,
    /// Real time of all of them, on one core.
    pub core: Duration,
    /// What was found; none: nothing in any seed.
    pub found: Option<Found>,
    /// Of the same seeds with the guard in place: what did not hold.
    pub unclean: Vec<(u64, Verdict)>,
}

impl Chase {
    /// Plays seeds from `first` on until one breaks something, `most` at most.
    ///
    /// # Errors
    /// If Trial itself panics.
    pub fn play(
        scenario: &Arc<Scenario>,
        first: u64,
        most: u64,
        breaks: &[&str],
    ) -> Result<Self, OurFault> {
        let start = Instant::now();
        let mut chase = Self {
            first,
            seeds: 0,
            simulated: Span::ZERO,
            core: Duration::ZERO,
            found: None,
            unclean: Vec::new(),
        };
        for seed in first..first + most {
            let (sign, at) = guarded(scenario, seed, || first_sign(scenario, seed, breaks))?;
            chase.seeds += 1;
            chase.simulated += at.since(Time::ZERO);
            if let Some(invariant) = sign {
                let is_expected = breaks.contains(&invariant.as_str());
                chase.found = Some(Found { seed, invariant, is_expected });
                break;
            }
        }
        chase.core = start.elapsed();
        Ok(chase)
    }

    /// CH-2.
    ///
    /// # Errors
    /// If Trial itself panics.
    pub fn play_without(&mut self, scenario: &Arc<Scenario>) -> Result<(), OurFault> {
        for seed in self.first..self.first + self.seeds {
            let verdict = play(scenario, seed)?.verdict();
            if verdict != scenario.expect {
                self.unclean.push((seed, verdict));
            }
        }
        Ok(())
    }
}

/// CH-1.
fn first_sign(scenario: &Arc<Scenario>, seed: u64, breaks: &[&str]) -> (Option<String>, Time) {
    let mut run = Run::new(scenario, seed);
    loop {
        let until = run.now() + LOOK;
        run.play_until(until);
        if let Some(first) = run.judge().violations().first() {
            return (Some(first.invariant.to_owned()), first.at);
        }
        if matches!(run.phase(), Phase::Over { .. }) {
            return (unmet(run.missing(), breaks), run.now());
        }
    }
}

/// The rule of a run that never became live: one of `breaks` if it is among those that were not met.
fn unmet(missing: &[String], breaks: &[&str]) -> Option<String> {
    let rules =
        || missing.iter().filter_map(|missing| missing.split_once(':').map(|(rule, _)| rule));
    let own = rules().find(|rule| breaks.contains(rule));
    own.or_else(|| rules().next()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{Chase, unmet};
    use crate::hunt::Pair;
    use trial_cluster::rules::Switch;

    #[test]
    fn a_guard_that_is_missing_is_noticed_and_one_that_is_there_is_not() {
        let bug = Switch::AckBeforeReplication;
        let pair = Pair::of(bug.name(), bug).expect("it comes with Trial");
        let mut chase = Chase::play(&pair.with, 7, 2, bug.breaks()).expect("Trial plays it");
        chase.play_without(&pair.without).expect("Trial plays it");
        let found = chase.found.clone().expect("R12 breaks with the first answer");
        assert_eq!((found.seed, found.invariant.as_str(), found.is_expected), (7, "R12", true));
        assert_eq!((chase.seeds, chase.unclean.len()), (1, 0), "{chase:?}");
        let nothing = Chase::play(&pair.without, 7, 2, bug.breaks()).expect("Trial plays it");
        assert_eq!((nothing.seeds, nothing.found), (2, None), "CH-1");
        let other = Chase::play(&pair.with, 7, 2, &["R1"]).expect("Trial plays it");
        let found = other.found.expect("something breaks");
        assert!(!found.is_expected, "another invariant is no proof: {found:?}");
        // The guard is missing on both sides: that is not clean.
        let mut both = Chase::play(&pair.with, 7, 2, bug.breaks()).expect("Trial plays it");
        both.play_without(&pair.with).expect("Trial plays it");
        assert_eq!(both.unclean.len(), 1, "CH-2 {both:?}");
    }

    #[test]
    fn of_a_run_that_is_stuck_the_bugs_own_rule_is_told() {
        let missing = ["L3: orders/0 has no leader".to_owned(), "L4: b2 not in sync".to_owned()];
        assert_eq!(unmet(&missing, &["L4"]).as_deref(), Some("L4"));
        assert_eq!(unmet(&missing, &["R4"]).as_deref(), Some("L3"));
        assert_eq!(unmet(&[], &["L4"]), None);
    }
}
