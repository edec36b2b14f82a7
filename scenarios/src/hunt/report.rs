//! What hunts came to: for each bug how long it took, and what noticed it.
//!
//! Holds:      the chases of one bug, their medians; the two tables as Markdown, as in `scenarios/bugs/README.md`.
//! Invariants: HU-1 a bug is caught if every chase ended with an invariant that it has to break, and all seeds that
//!             were played hold with the guard in place.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};
use trial_cluster::rules::{Switch, UNBUILT};

use super::chase::Chase;

/// Every chase of one bug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunt {
    /// The bug.
    pub bug: Switch,
    /// In its own scenario, by their first seeds.
    pub chases: Vec<Chase>,
    /// What the swarm came to; none if it was not asked.
    pub swarm: Option<Swarmed>,
}

/// What the swarm found of a bug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swarmed(pub Chase);

impl Hunt {
    /// Nothing was played yet.
    #[must_use]
    pub fn new(bug: Switch) -> Self {
        Self { bug, chases: Vec::new(), swarm: None }
    }

    /// One chase more.
    pub fn add(&mut self, chase: Chase) {
        self.chases.push(chase);
    }

    /// In the order of seeds, whichever thread was first.
    pub fn sort(&mut self) {
        self.chases.sort_by_key(|chase| chase.first);
    }

    /// Whether every chase was ended by what the bug has to break.
    #[must_use]
    pub fn is_caught(&self) -> bool {
        let expected = |chase: &Chase| chase.found.as_ref().is_some_and(|found| found.is_expected);
        !self.chases.is_empty() && self.chases.iter().all(expected)
    }

    /// Whether all seeds hold with the guard in place.
    #[must_use]
    pub fn is_clean_without(&self) -> bool {
        self.chases.iter().all(|chase| chase.unclean.is_empty())
    }

    /// What noticed it: each invariant that ended a chase, most often first.
    #[must_use]
    pub fn invariants(&self) -> Vec<&str> {
        let mut counted: Vec<(usize, &str)> = Vec::new();
        for found in self.chases.iter().filter_map(|chase| chase.found.as_ref()) {
            match counted.iter_mut().find(|(_, known)| *known == found.invariant) {
                Some((count, _)) => *count += 1,
                None => counted.push((1, &found.invariant)),
            }
        }
        counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        counted.into_iter().map(|(_, invariant)| invariant).collect()
    }

    /// Seeds until it was caught: the median of the chases.
    #[must_use]
    pub fn seeds_median(&self) -> u64 {
        median(self.chases.iter().map(|chase| chase.seeds))
    }

    /// Virtual milliseconds until it was caught: the median of the chases.
    #[must_use]
    pub fn simulated_ms_median(&self) -> u64 {
        median(self.chases.iter().map(|chase| chase.simulated.as_millis()))
    }

    /// Real time of all chases, with the guard removed.
    #[must_use]
    pub fn core(&self) -> Duration {
        self.chases.iter().map(|chase| chase.core).sum()
    }
}

fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

impl Serialize for Hunt {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut hunt = to.serialize_struct("Hunt", 9)?;
        hunt.serialize_field("bug", self.bug.name())?;
        hunt.serialize_field("caught", &self.is_caught())?;
        hunt.serialize_field("invariant", &self.invariants().first())?;
        hunt.serialize_field("expected", self.bug.breaks())?;
        hunt.serialize_field("seeds_median", &self.seeds_median())?;
        hunt.serialize_field("simulated_s_median", &(self.simulated_ms_median() as f64 / 1_000.0))?;
        hunt.serialize_field("core_s", &self.core().as_secs_f64())?;
        hunt.serialize_field("clean_without", &self.is_clean_without())?;
        hunt.serialize_field("swarm", &self.swarm)?;
        hunt.end()
    }
}

impl Serialize for Swarmed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(chase) = self;
        let mut swarmed = to.serialize_struct("Swarmed", 4)?;
        swarmed.serialize_field("caught", &chase.found.is_some())?;
        swarmed
            .serialize_field("invariant", &chase.found.as_ref().map(|found| &found.invariant))?;
        swarmed.serialize_field("seeds", &chase.seeds)?;
        swarmed.serialize_field("simulated_s", &(chase.simulated.as_millis() as f64 / 1_000.0))?;
        swarmed.end()
    }
}

/// The tables as `scenarios/bugs/README.md` shows them: nothing in them depends on the machine.
#[must_use]
pub fn markdown(hunts: &[Hunt]) -> String {
    let mut text = INTRODUCTION.to_owned();
    for hunt in hunts {
        let bug = hunt.bug;
        let noticed = match (hunt.is_caught(), hunt.invariants().as_slice()) {
            (_, []) => "**not caught**".to_owned(),
            (true, found) => found.join(", "),
            (false, found) => format!("**{}, which it need not break**", found.join(", ")),
        };
        let clean = if hunt.is_clean_without() { "yes" } else { "**no**" };
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | `{}` | {} | {noticed} | {} | {:.1} | {clean} |",
            bug.name(),
            bug.issue(),
            bug.fixed_in(),
            bug.guard(),
            bug.breaks().join(", "),
            hunt.seeds_median(),
            hunt.simulated_ms_median() as f64 / 1_000.0,
        );
    }
    text.push_str(SWARM_INTRODUCTION);
    for hunt in hunts {
        let Some(Swarmed(chase)) = &hunt.swarm else { continue };
        let found = match &chase.found {
            Some(found) => format!("{} | {}", found.invariant, chase.seeds),
            None => format!("nothing | none of {}", chase.seeds),
        };
        let simulated = chase.simulated.as_millis() / 1_000;
        let _ = writeln!(text, "| `{}` | {found} | {simulated} |", hunt.bug.name());
    }
    text.push_str(
        "\n## Not re-created yet\n\n| fault | what tells of it | it needs |\n|---|---|---|\n",
    );
    for unbuilt in UNBUILT {
        let _ = writeln!(text, "| `{}` | {} | {} |", unbuilt.name, unbuilt.issue, unbuilt.needs);
    }
    text
}

const INTRODUCTION: &str = "\
# Faults that Kafka had, and whether Trial finds them

This page is written by `trial hunt all --table scenarios/bugs/README.md`; do not edit it.

Each *switch* removes one guard from Trial's Kafka, and so re-creates a fault that Apache Kafka had or documents
(`trial list bugs` says what happens). Each has a scenario here, of ten simulated seconds at most, in which the window
is reachable: it holds with the guard in place, and without it one of the invariants that it must break has to break
*first*. *Seeds* and *simulated seconds* until it is caught are the medians of several hunts, each from another seed on;
*clean* says that all seeds that were played hold with the guard in place.

| bug | what tells of it | fixed in | guard | must break | noticed by | seeds | simulated s | clean |
|---|---|---|---|---|---|---|---|---|
";

const SWARM_INTRODUCTION: &str = "
## What a swarm finds that is not told where to look

The same switches in `everything_moves`, or in `groups_at_once` if it takes a group to show them, seeds from 0 on: what
broke first, in which seed, after how many simulated seconds. Where nothing is found, the window wants more than chance:
that is what the scenarios above are for.

| bug | noticed by | seeds | simulated s |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::{Hunt, Swarmed, markdown};
    use crate::hunt::{Chase, Found};
    use std::time::Duration;
    use trial_cluster::rules::Switch;
    use trial_reports::Verdict;
    use trial_sim::Span;

    fn chase(first: u64, seeds: u64, found: Option<(&str, bool)>) -> Chase {
        let found = found.map(|(invariant, is_expected)| Found {
            seed: first + seeds - 1,
            invariant: invariant.to_owned(),
            is_expected,
        });
        let (simulated, core) = (Span::from_secs(seeds * 4), Duration::from_millis(100));
        Chase { first, seeds, simulated, core, found, unclean: Vec::new() }
    }

    fn of(chases: Vec<Chase>) -> Hunt {
        Hunt { bug: Switch::AckBeforeReplication, chases, swarm: None }
    }

    #[test]
    fn a_bug_is_caught_if_every_hunt_ended_with_what_it_must_break() {
        let good = of(vec![chase(0, 3, Some(("R12", true))), chase(500, 1, Some(("R12", true)))]);
        assert!(good.is_caught() && good.is_clean_without(), "{good:?}");
        assert!(!of(vec![chase(0, 500, None)]).is_caught(), "nothing was found");
        assert!(!of(Vec::new()).is_caught(), "nothing was played");
        let other = of(vec![chase(0, 3, Some(("R12", true))), chase(500, 1, Some(("R4", false)))]);
        assert!(!other.is_caught(), "something else broke first");
        let mut unclean = good;
        unclean.chases[0].unclean.push((2, Verdict::Violated));
        assert!(!unclean.is_clean_without(), "seed 2 is violated without it");
    }

    #[test]
    fn medians_are_of_hunts_and_json_has_every_key() {
        let found = Some(("R12", true));
        let mut hunt = of(vec![chase(0, 9, found), chase(500, 1, found), chase(1_000, 2, found)]);
        assert_eq!((hunt.seeds_median(), hunt.simulated_ms_median()), (2, 8_000));
        hunt.swarm = Some(Swarmed(chase(0, 40, None)));
        let json = serde_json::to_value(&hunt).expect("it is plain");
        for key in [
            "bug",
            "caught",
            "invariant",
            "expected",
            "seeds_median",
            "simulated_s_median",
            "core_s",
            "clean_without",
        ] {
            assert!(json.get(key).is_some(), "{key} in {json}");
        }
        assert_eq!(json["swarm"]["caught"], false, "{json}");
    }

    #[test]
    fn the_page_says_what_was_not_caught() {
        let page = markdown(&[of(vec![chase(0, 500, None)])]);
        assert!(page.contains("**not caught**"), "{page}");
        let page = markdown(&[of(vec![chase(0, 5, Some(("R4", false)))])]);
        assert!(page.contains("**R4, which it need not break**"), "{page}");
    }
}
