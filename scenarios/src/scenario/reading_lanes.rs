//! Reads `[lanes]`: which scheduler lets a host's threads take turns, where they let go, how long they take.

use serde_spanned::Spanned;
use trial_cluster::broker::Pace;
use trial_sim::{Scheduler, Yields};

use super::error::ScenarioError;
use super::file::LanesTable;
use super::reading::Reading;
use super::scenario::Lanes;

/// Orderings that a fault needs, where the scenario does not say.
const DEPTH: i64 = 3;
/// Steps of a process among which its lanes fall, where it does not say: a minute of a busy broker.
const STEPS: i64 = 100_000;

impl Reading<'_> {
    pub(super) fn lanes(&self, table: &LanesTable) -> Result<Lanes, ScenarioError> {
        let depth = self.count(table.depth.as_ref(), DEPTH, "orderings", 1..=100)?;
        let steps = self.count(table.steps.as_ref(), STEPS, "steps", 1..=1_000_000_000)?;
        let scheduler = match &table.scheduler {
            None => Scheduler::Keyed,
            Some(word) => match word.get_ref().as_str() {
                "keyed" => Scheduler::Keyed,
                "pct" => Scheduler::Pct {
                    depth: u32::try_from(depth).expect("bounded"),
                    steps: u64::try_from(steps).expect("bounded"),
                },
                _ => return Err(self.unknown(word, "scheduler", &["keyed", "pct"])),
            },
        };
        let idle = [("depth", &table.depth), ("steps", &table.steps)];
        if let (Scheduler::Keyed, Some((word, Some(given)))) =
            (scheduler, idle.into_iter().find(|(_, given)| given.is_some()))
        {
            let message = format!("`{word}` means nothing without `scheduler = \"pct\"`");
            return Err(self.source.error(given.span(), message, "this one"));
        }
        let yields = match &table.yields {
            None => Lanes::default().yields,
            Some(word) => self.yields(word)?,
        };
        let pace = Pace { apply_metadata: self.latency(table.apply_metadata.as_ref())? };
        Ok(Lanes { scheduler, yields, pace })
    }

    fn yields(&self, word: &Spanned<String>) -> Result<Yields, ScenarioError> {
        let percent = || {
            let number: u32 = word.get_ref().strip_suffix('%')?.parse().ok()?;
            (number <= 100).then_some(Yields::Fixed(number * 10_000))
        };
        match word.get_ref().as_str() {
            "none" => Ok(Yields::Fixed(0)),
            "drawn" => Ok(Yields::Drawn),
            _ => percent().ok_or_else(|| {
                let allowed = ["none", "drawn", "0% to 100%"];
                self.unknown(word, "chance of letting go", &allowed)
            }),
        }
    }
}
