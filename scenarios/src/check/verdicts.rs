//! What the checkers found: violations, losses that are allowed, and what nobody can say.
//!
//! Holds:      the findings, in the order of their discovery.
//! Invariants: VE-1 one breach is told once: the same invariant about the same subject is not told again.

use std::collections::BTreeSet;

use trial_sim::Time;

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its id.
    pub invariant: &'static str,
    /// When it was noticed.
    pub at: Time,
    /// How it was broken, in a sentence.
    pub message: String,
    /// The two facts that contradict each other, oldest first.
    pub facts: [String; 2],
}

/// A breach that the settings allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excuse {
    /// What was lost.
    pub what: String,
    /// The fault that explains it, as a scenario would write it.
    pub fault: String,
    /// The setting that allows it.
    pub setting: String,
    /// The host on which the last copy vanished.
    pub host: String,
    /// When it vanished.
    pub at: Time,
}

/// Everything that was found.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    violations: Vec<Violation>,
    excused: Vec<Excuse>,
    unknown: Vec<String>,
    told: BTreeSet<(&'static str, String)>,
}

impl Verdicts {
    /// Whether the breach of `invariant` about `subject` is news. It is not from then on.
    pub fn is_news(&mut self, invariant: &'static str, subject: &str) -> bool {
        self.told.insert((invariant, subject.to_owned()))
    }

    /// An invariant did not hold.
    pub fn violated(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// Something was lost, and may be.
    pub fn excused(&mut self, excuse: Excuse) {
        self.excused.push(excuse);
    }

    /// Nobody can say.
    pub fn unknown(&mut self, what: String) {
        self.unknown.push(what);
    }

    /// The violations.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The losses that are allowed.
    #[must_use]
    pub fn excuses(&self) -> &[Excuse] {
        &self.excused
    }

    /// What could not be decided.
    #[must_use]
    pub fn unknowns(&self) -> &[String] {
        &self.unknown
    }
}
