//! Shows the first event in which two runs differ, with what came before it.
//!
//! Holds:      nothing; text made of two records.
//! Invariants: DF-1 two records without a difference are of one digest; DF-2 that one run ends
//!             before the other is a difference too.

use std::fmt;

use crate::recording::Recording;
use crate::time::Time;

/// Events that are shown before the first difference.
const BEFORE: usize = 20;

/// One event of a run, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Counts the events of the run, from 1.
    pub number: u64,
    /// When.
    pub at: Time,
    /// What happened, to whom.
    pub event: String,
    /// What it told besides: notes of programs, calls of faults since the event before, bytes that
    /// were received, jobs, disks.
    pub told: Vec<String>,
    /// The first half of the run's digest after it.
    pub digest: u64,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.at.0 / 1_000_000_000, self.at.0 % 1_000_000_000);
        write!(f, "  {} at {seconds}.{nanos:09}s: {}", self.number, self.event)?;
        self.told.iter().try_for_each(|told| write!(f, "\n      {told}"))
    }
}

/// Where two runs part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The first event that is not the same, in the one run.
    pub one: Moment,
    /// And in the other.
    pub other: Moment,
    /// Up to twenty events before it, the same in both.
    pub before: Vec<Moment>,
}

impl Difference {
    /// Where, in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let at = self.one.at.min(self.other.at);
        format!("they differ first in event {} at {at}", self.one.number)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "two runs, and {}", self.summary())?;
        writeln!(f, "before it, in both:")?;
        self.before.iter().try_for_each(|moment| writeln!(f, "{moment}"))?;
        for (side, moment) in [("one", &self.one), ("the other", &self.other)] {
            writeln!(f, "then {side}:\n{moment}\n      digest {:016x}", moment.digest)?;
        }
        Ok(())
    }
}

impl Recording {
    /// Where the two runs part; none if they are the same. Both records have to begin at the same
    /// event, else they part at once.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<Difference> {
        let place = self.first_place_apart(other)?;
        let before = (place.saturating_sub(BEFORE)..place).map(|at| self.moment(at)).collect();
        Some(Difference { one: self.moment(place), other: other.moment(place), before })
    }
}
