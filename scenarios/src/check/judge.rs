//! Hands everything that is seen to the fold, and everything that became known to the checkers.
//!
//! Holds:      the facts, the checkers, their verdicts; a clone goes on by itself.
//! Invariants: JU-1 a checker sees facts that already contain what it is told.

use std::sync::Arc;

use trial_cluster::note::Note;
use trial_reports::RecordCounts;
use trial_sim::{HostId, Seen, Time};

use super::history::History;
use super::verdicts::{Excuse, Verdicts, Violation};
use super::{commit, liveness};
use crate::facts::{Disks, Facts, Known, Setup};

/// The judge of one run.
#[derive(Debug, Clone)]
pub struct Judge {
    facts: Facts,
    verdicts: Verdicts,
    history: History,
    known: Vec<Known>,
}

impl Judge {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let facts = Facts::new(Arc::new(setup));
        let (verdicts, history) = (Verdicts::default(), History::default());
        Self { facts, verdicts, history, known: Vec::new() }
    }

    /// Takes one thing in.
    pub fn on_seen(&mut self, seen: &Seen<Note>, disks: &dyn Disks) {
        self.known.clear();
        self.facts.on_seen(seen, disks, &mut self.known);
        for known in &self.known {
            commit::on(known, &self.facts, &mut self.verdicts);
        }
        if let Seen::Note { at, host, note: Note::Client(note), .. } = seen {
            self.history.on_note(*at, *host, note, &self.facts, &mut self.verdicts);
        }
    }

    /// A fault was carried out on these hosts.
    pub fn on_fault(&mut self, at: Time, text: &str, hosts: &[HostId]) {
        self.history.on_fault(at, text, hosts);
    }

    /// The run is over.
    pub fn finish(&mut self, at: Time, _disks: &dyn Disks) {
        self.history.finish(at, &mut self.facts, &mut self.verdicts);
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
        self.history.counts()
    }

    /// What is still missing before the cluster is live, with the rule's id; empty if nothing is.
    #[must_use]
    pub fn is_live(&self) -> Vec<String> {
        liveness::missing(&self.facts, &self.history)
    }
}
