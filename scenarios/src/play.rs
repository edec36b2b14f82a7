//! Plays a run to its end, and says whether it came to what its scenario expects.
//!
//! Holds:      the rule that turns an end into an exit status.
//! Invariants: PY-1 a panic while playing is a fault of Trial, caught and told with its seed; never a verdict.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use trial_reports::Verdict;
use trial_sim::Time;

use crate::probe::Probe;
use crate::run::Run;
use crate::scenario::Scenario;

/// The exit status when Trial itself failed.
pub const EXIT_OUR_FAULT: u8 = 70;

/// A panic of Trial's own while it played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fault of Trial itself, not of the cluster: {what} (scenario {scenario}, seed {seed})")]
pub struct OurFault {
    /// What the panic said.
    pub what: String,
    /// What was played.
    pub scenario: String,
    /// Under which seed.
    pub seed: u64,
}

/// What a run came to, against what was expected of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// What it came to.
    pub verdict: Verdict,
    /// What the scenario expects.
    pub expected: Verdict,
    /// What should have happened and did not.
    pub missed: Vec<Probe>,
    /// Faults that should have done something and did not.
    pub without_effect: Vec<String>,
}

impl End {
    /// The end of a run that was played.
    #[must_use]
    pub fn of(run: &Run, expected: Verdict) -> Self {
        let without_effect = run.without_effect().to_vec();
        Self { verdict: run.verdict(), expected, missed: run.missed_probes(), without_effect }
    }

    /// Whether it is what the scenario wants.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.verdict == self.expected && self.missed.is_empty() && self.without_effect.is_empty()
    }

    /// 0 as expected; the verdict's own otherwise; 5 if what had to happen did not, or nothing broke that should.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        if self.is_as_expected() {
            0
        } else if self.verdict == self.expected || self.verdict == Verdict::Holds {
            Verdict::Unknown.exit_status()
        } else {
            self.verdict.exit_status()
        }
    }

    /// Why it is not what the scenario wants, in a sentence; none if it is.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        if self.verdict != self.expected {
            let (got, want) = (self.verdict.word(), self.expected.word());
            return Some(format!("the verdict is `{got}`, the scenario expects `{want}`"));
        }
        if !self.without_effect.is_empty() {
            let faults = self.without_effect.join("; ");
            return Some(format!("without effect, although it must have one: {faults}"));
        }
        if self.missed.is_empty() {
            return None;
        }
        let missed: Vec<String> =
            self.missed.iter().map(|probe| format!("{probe} ({})", probe.about)).collect();
        Some(format!("never happened, although it must: {}", missed.join("; ")))
    }
}

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps what a panic says and where, instead of printing it: for the command line, which prints it itself.
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string().lines().collect::<Vec<_>>().join(" ");
        LAST_PANIC.with(|last| *last.borrow_mut() = Some(text));
    }));
}

/// Plays `scenario` under `seed` to its end.
///
/// # Errors
/// If Trial itself panics.
pub fn play(scenario: &Arc<Scenario>, seed: u64) -> Result<Run, OurFault> {
    play_until(scenario, seed, Time::MAX)
}

/// The same, up to `until`.
///
/// # Errors
/// If Trial itself panics.
pub fn play_until(scenario: &Arc<Scenario>, seed: u64, until: Time) -> Result<Run, OurFault> {
    guarded(scenario, seed, || {
        let mut run = Run::new(scenario, seed);
        if until == Time::MAX {
            run.play();
        } else {
            run.play_until(until);
        }
        run
    })
}

/// Does something with Trial's own code and turns a panic into an [`OurFault`].
///
/// # Errors
/// If it panics.
pub fn guarded<T>(scenario: &Scenario, seed: u64, work: impl FnOnce() -> T) -> Result<T, OurFault> {
    caught(work).map_err(|what| OurFault { what, scenario: scenario.name.clone(), seed })
}

/// The same of work that has no scenario: what the panic said.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // What was half done is dropped with the unwinding: nobody looks at it again.
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let kept = LAST_PANIC.with(|last| last.borrow_mut().take());
        kept.unwrap_or_else(|| {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).into()));
            text.unwrap_or_else(|| "a panic without words".to_owned())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{End, guarded};
    use crate::asked::Asked;
    use crate::probe;
    use trial_reports::Verdict;

    #[test]
    fn the_exit_status_tells_what_happened() {
        use Verdict::{Holds, Stuck, Unknown, Violated};
        let missed = vec![probe::named("truncation").expect("a mark")];
        let idle = vec!["at 2s reset b1 - b2".to_owned()];
        let cases = [
            (Holds, Holds, vec![], vec![], 0),
            (Violated, Violated, vec![], vec![], 0),
            (Violated, Holds, vec![], vec![], 1),
            (Violated, Holds, missed.clone(), vec![], 1),
            (Stuck, Holds, vec![], vec![], 3),
            (Unknown, Holds, vec![], vec![], 5),
            (Holds, Holds, missed, vec![], 5),
            (Holds, Holds, vec![], idle, 5),
            (Holds, Violated, vec![], vec![], 5),
        ];
        for (verdict, expected, missed, without_effect, want) in cases {
            let end = End { verdict, expected, missed, without_effect };
            assert_eq!(end.exit_status(), want, "{end:?}");
            assert_eq!(end.complaint().is_none(), want == 0, "{end:?}");
        }
    }

    #[test]
    fn a_panic_is_told_with_its_seed() {
        let asked = Asked::open("departures").expect("it comes with Trial");
        let scenario = asked.scenario().expect("it can be played");
        let fault = guarded(&scenario, 9, || panic!("lost count")).expect_err("it panics");
        assert!(fault.what.contains("lost count"), "{fault}");
        assert_eq!((fault.scenario.as_str(), fault.seed), ("departures", 9));
    }
}
