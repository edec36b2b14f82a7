//! Hands everything that is seen to the fold, and everything that became known to the checkers.
//!
//! Holds:      the facts, the checkers, their verdicts; a clone goes on by itself.
//! Invariants: JU-1 a checker sees facts that already contain what it is told.

use std::sync::Arc;

use trial_cluster::note::Note;
use trial_reports::RecordCounts;
use trial_sim::{HostId, Seen, Time};

use super::verdicts::{Excuse, Verdicts, Violation};
use crate::facts::{Disks, Facts, Known, Setup};

/// The judge of one run.
#[derive(Debug, Clone)]
pub struct Judge {
    facts: Facts,
    verdicts: Verdicts,
    known: Vec<Known>,
}

impl Judge {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let facts = Facts::new(Arc::new(setup));
        Self { facts, verdicts: Verdicts::default(), known: Vec::new() }
    }

    /// Takes one thing in.
    pub fn on_seen(&mut self, seen: &Seen<Note>, disks: &dyn Disks) {
        self.known.clear();
        self.facts.on_seen(seen, disks, &mut self.known);
    }

    /// A fault was carried out on these hosts.
    pub fn on_fault(&mut self, at: Time, text: &str, hosts: &[HostId]) {
        let _ = (at, text, hosts);
    }

    /// The run is over.
    pub fn finish(&mut self, at: Time, disks: &dyn Disks) {
        let _ = (at, disks);
    }

    /// What is known.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Invariants that did not hold, in the order of their discovery.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.verdicts.violations()
    }

    /// Losses that the settings allow.
    #[must_use]
    pub fn excused(&self) -> &[Excuse] {
        self.verdicts.excuses()
    }

    /// What could not be decided.
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        self.verdicts.unknowns()
    }

    /// Records of all clients, by their notes.
    #[must_use]
    pub fn records(&self) -> RecordCounts {
        RecordCounts::default()
    }

    /// What is still missing before the cluster is live, with the rule's id; empty if nothing is.
    #[must_use]
    pub fn is_live(&self) -> Vec<String> {
        Vec::new()
    }
}
