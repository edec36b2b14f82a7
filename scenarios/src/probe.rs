//! States that matter: a scenario can demand them, and a sweep says how often they were reached.
//!
//! Holds:  how often a run reached each. A probe is a mark in the code, of `log`, `cluster` or, if only the fold of
//!         what happened can know it, of `facts`; there is no other list.
//! Inputs: notes that carry marks (`Note::reached`), and what the fold finds.

use std::collections::BTreeMap;

use trial_cluster::mark::{Mark, MarkKind, Reached};

/// A state that is worth reaching, or that nobody may reach.
pub type Probe = &'static Mark;

/// All of them, by name.
#[must_use]
pub fn all() -> Vec<Probe> {
    Mark::all()
}

/// Those that runs should reach, by name: all but the unreachable ones.
#[must_use]
pub fn wanted() -> Vec<Probe> {
    all().into_iter().filter(|probe| probe.kind != MarkKind::Unreachable).collect()
}

/// The one of this name.
#[must_use]
pub fn named(name: &str) -> Option<Probe> {
    Mark::named(name)
}

/// How often each probe was reached.
#[derive(Debug, Clone, Default)]
pub struct ProbeCounts(BTreeMap<Probe, u64>);

impl ProbeCounts {
    /// One more.
    pub fn hit(&mut self, probe: Probe) {
        *self.0.entry(probe).or_insert(0) += 1;
    }

    /// How often.
    #[must_use]
    pub fn count(&self, probe: Probe) -> u64 {
        self.0.get(&probe).copied().unwrap_or(0)
    }

    /// Those that were reached, and how often, by name.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<&'static str, u64> {
        self.0.iter().map(|(probe, hits)| (probe.name, *hits)).collect()
    }
}

/// The fold's own marks are counted where it finds them.
impl Reached<Probe> for ProbeCounts {
    fn reached(&mut self, mark: Probe) {
        self.hit(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::{all, named, wanted};
    use std::collections::BTreeMap;

    fn in_folders(folders: &[&str]) -> usize {
        let is_there = |file: &str| folders.iter().any(|folder| file.contains(folder));
        all().into_iter().filter(|probe| is_there(probe.file)).count()
    }

    #[test]
    fn a_name_stands_for_one_mark() {
        let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for probe in all() {
            places.entry(probe.name).or_default().push(format!("{}:{}", probe.file, probe.line));
        }
        places.retain(|_, places| places.len() > 1);
        assert!(places.is_empty(), "names that are given twice: {places:?}");
    }

    #[test]
    fn names_are_words_with_underscores_and_texts_are_short() {
        for probe in all() {
            let is_plain = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            assert!(
                probe.name.chars().all(is_plain) && probe.name.len() <= 40,
                "{}: lower case and underscores, 40 letters at most",
                probe.name
            );
            let about = probe.about;
            assert!(
                about.len() >= 20 && about.len() <= 100 && !about.ends_with('.'),
                "{}: one short sentence without a full stop: {about:?}",
                probe.name
            );
        }
    }

    #[test]
    fn marks_of_every_package_are_linked_and_sorted() {
        assert!(in_folders(&["log/src/"]) >= 10, "log: {}", in_folders(&["log/src/"]));
        let in_code = in_folders(&["log/src/", "cluster/src/"]);
        assert!(in_code >= 40, "log and cluster: {in_code}");
        assert!(named("lossy_leader_crash").is_some(), "the fold's own are here too");
        assert!(all().is_sorted_by_key(|probe| probe.name), "MK-2: not by name");
        assert!(wanted().len() < all().len(), "some are unreachable");
    }
}
