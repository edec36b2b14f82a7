//! What a smaller scenario has to show: the same violation, within the same budget.
//!
//! Holds:      the fingerprint, the seed, and whether the failure that is to be shrunk kept to the budget.
//! Invariants: TA-1 another failure is not the same one, however bad it is.
//!             TA-2 where the faults of the failure kept to what Kafka promises to survive, those of a smaller one do.

use std::sync::Arc;

use trial_sim::{Span, Time};

use crate::fingerprint::Fingerprint;
use crate::play::{End, OurFault, guarded};
use crate::run::{Phase, Run};
use crate::scenario::Scenario;

/// How often a run is looked at, to be stopped as soon as it has shown what it has to.
const LOOK: Span = Span::from_millis(500);

/// What is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Under which seed.
    pub(crate) seed: u64,
    /// Which failure.
    pub(crate) fingerprint: Fingerprint,
    /// Whether faults have to keep to the budget.
    pub(crate) within_budget: bool,
}

/// A scenario shows what is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    /// When, in virtual time: the violation, or the end of the run that came to something else.
    pub(crate) at: Time,
    /// Whether faults still happened then.
    pub(crate) amid_faults: bool,
}

impl Target {
    /// Plays until the failure shows; none if it never does.
    pub(crate) fn shown_by(&self, scenario: &Arc<Scenario>) -> Option<Shown> {
        let played = guarded(scenario, self.seed, || {
            let mut run = Run::new(scenario, self.seed);
            let shown = self.play_on(&mut run, Time::MAX);
            shown.filter(|_| self.allows(&run))
        });
        match played {
            Ok(shown) => shown,
            Err(fault) => {
                self.is_fault(&fault).then_some(Shown { at: Time::MAX, amid_faults: false })
            }
        }
    }

    /// Plays on until the failure shows, the run ends or `limit` is reached.
    pub(crate) fn play_on(&self, run: &mut Run, limit: Time) -> Option<Shown> {
        loop {
            if let Some(shown) = self.violated(run) {
                return Some(shown);
            }
            if matches!(run.phase(), Phase::Over { .. }) {
                let at = run.now();
                return self.ended_so(run).then_some(Shown { at, amid_faults: false });
            }
            if run.now() >= limit {
                return None;
            }
            run.play_until((run.now() + LOOK).min(limit));
        }
    }

    /// Whether a fault of Trial's own is what is looked for.
    fn is_fault(&self, fault: &OurFault) -> bool {
        Fingerprint::of_fault(fault) == self.fingerprint
    }

    /// TA-2, as far as the run was played.
    fn allows(&self, run: &Run) -> bool {
        !self.within_budget || (run.beyond_budget().is_none() && !run.is_over_budget())
    }

    fn violated(&self, run: &Run) -> Option<Shown> {
        let violations = run.judge().violations();
        let same = |message: &str, invariant: &str| {
            Fingerprint::new(invariant, message) == self.fingerprint
        };
        let found = violations.iter().find(|found| same(&found.message, found.invariant))?;
        Some(Shown { at: found.at, amid_faults: run.phase() == Phase::Faults })
    }

    /// What only the end shows: a cluster that is stuck, a probe that was missed.
    fn ended_so(&self, run: &mut Run) -> bool {
        let expected = run.scenario().expect;
        let end = End::of(run, expected);
        let document = run.document(0, String::new());
        Fingerprint::all(&document, &end).contains(&self.fingerprint)
    }
}
