//! What the checkers found: violations, losses that are allowed, and what nobody can say.
//!
//! Holds:      the findings in the order of their discovery, and breaches that only the end can judge.
//! Invariants: VE-1 one breach is told once: the same invariant of the same partition or host is not told again.
//!             VE-2 a breach of what the settings do not promise is a violation all the same if no fault explains it.

use std::collections::BTreeSet;

use trial_sim::{HostId, Time};

use super::promise::{FaultSeen, Weakness};
use crate::facts::{Facts, PartitionFacts};

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

/// A loss that the settings allow.
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

/// What a checker noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The invariant's id.
    pub invariant: &'static str,
    /// When it was noticed.
    pub at: Time,
    /// How it was broken, in a sentence.
    pub message: String,
    /// The two facts that contradict each other, oldest first.
    pub facts: [String; 2],
}

impl From<Breach> for Violation {
    fn from(breach: Breach) -> Self {
        let Breach { invariant, at, message, facts } = breach;
        Self { invariant, at, message, facts }
    }
}

/// A breach of something that its partition's settings do not promise.
#[derive(Debug, Clone)]
struct Held {
    breach: Breach,
    replicas: Vec<HostId>,
}

/// Everything that was found.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    violations: Vec<Violation>,
    excused: Vec<Excuse>,
    unknown: Vec<String>,
    told: BTreeSet<(&'static str, String)>,
    held: Vec<Held>,
    /// This fault, on this host, takes what no copies make good, in a scenario that says that it exceeds the budget.
    beyond: Option<(String, String)>,
}

impl Verdicts {
    /// From now on breaches are allowed: no invariant stands on a disk that answers with other bytes than were written.
    pub fn on_beyond(&mut self, fault: &str, host: &str) {
        self.beyond.get_or_insert((fault.to_owned(), host.to_owned()));
    }

    fn violate(&mut self, breach: Breach) {
        match &self.beyond {
            None => self.violations.push(breach.into()),
            Some((fault, host)) => self.excused.push(Excuse {
                what: format!("{}: {}", breach.invariant, breach.message),
                fault: fault.clone(),
                setting: Weakness::ExceedsBudget.to_string(),
                host: host.clone(),
                at: breach.at,
            }),
        }
    }

    /// Whether a breach of `invariant` by or in `subject` is news. It is not from then on.
    pub fn is_news(&mut self, invariant: &'static str, subject: &str) -> bool {
        self.told.insert((invariant, subject.to_owned()))
    }

    /// Something that always holds did not.
    pub fn always(&mut self, subject: &str, breach: Breach) {
        if self.is_news(breach.invariant, subject) {
            self.violate(breach);
        }
    }

    /// The same, and no fault excuses it, not even one beyond the budget: nobody but the host itself can do it.
    pub fn inexcusable(&mut self, subject: &str, breach: Breach) {
        if self.is_news(breach.invariant, subject) {
            self.violations.push(breach.into());
        }
    }

    /// Something did not hold that a durable configuration promises.
    pub fn durable(&mut self, facts: &Facts, partition: &PartitionFacts, breach: Breach) {
        if !self.is_news(breach.invariant, &partition.name()) {
            return;
        }
        if Weakness::of(facts, partition).is_none() {
            self.violate(breach);
        } else {
            self.held.push(Held { breach, replicas: replica_hosts(facts, partition) });
        }
    }

    /// The run is over: what was held is allowed if a fault explains it.
    pub fn settle(&mut self, facts: &Facts, faults: &[FaultSeen]) {
        for Held { breach, replicas } in std::mem::take(&mut self.held) {
            let lost = facts
                .crashes
                .iter()
                .any(|crash| crash.at <= breach.at && replicas.contains(&crash.host));
            let hit = faults.iter().any(|fault| fault.at <= breach.at && fault.hits_any(&replicas));
            if !(lost || hit) {
                self.violate(breach);
            }
        }
    }

    /// Something was lost, and may be.
    pub fn excused(&mut self, excuse: Excuse) {
        self.excused.push(excuse);
    }

    /// Nobody can say.
    pub fn unknown(&mut self, what: String) {
        if !self.unknown.contains(&what) {
            self.unknown.push(what);
        }
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

/// The hosts of a partition's replicas.
pub(super) fn replica_hosts(facts: &Facts, partition: &PartitionFacts) -> Vec<HostId> {
    let registration = partition.registration.as_ref();
    let replicas = registration.map_or(&[][..], |registration| &registration.replicas);
    replicas.iter().filter_map(|id| facts.setup.host_of(*id)).collect()
}
