//! Reads what a run should come to: its verdict and what must have happened on the way, for each profile.
//!
//! Invariants: RE-1 every word of a table is read, also those of profiles that are not played.

use serde_spanned::Spanned;
use trial_cluster::rules::Profile;
use trial_reports::Verdict;

use super::error::ScenarioError;
use super::file::{Expect, MustHappen, ScenarioFile};
use super::reading::Reading;
use crate::probe::{self, Probe};

impl Reading<'_> {
    pub(super) fn expect(
        &self,
        file: &ScenarioFile,
        profile: Profile,
    ) -> Result<Verdict, ScenarioError> {
        let Some(expect) = &file.expect else { return Ok(Verdict::Holds) };
        let words = match expect.get_ref() {
            Expect::One(word) => return self.verdict(expect, word),
            Expect::ByProfile(words) => words,
        };
        let mut found = Verdict::Holds;
        for (name, word) in words {
            let known = self.profile_of_table(&expect.span(), name)?;
            let verdict = self.verdict(expect, word)?;
            if known == profile {
                found = verdict;
            }
        }
        Ok(found)
    }

    pub(super) fn must_happen(
        &self,
        file: &ScenarioFile,
        profile: Profile,
    ) -> Result<Vec<Probe>, ScenarioError> {
        let tables = match &file.must_happen {
            MustHappen::Always(list) => return list.iter().map(|text| self.probe(text)).collect(),
            MustHappen::ByProfile(tables) => tables,
        };
        let mut found = Vec::new();
        for (name, list) in tables {
            let known = self.profile_of_table(&name.span(), name.get_ref())?;
            let probes: Vec<Probe> =
                list.iter().map(|text| self.probe(text)).collect::<Result<_, _>>()?;
            if known == profile {
                found = probes;
            }
        }
        Ok(found)
    }

    fn verdict(&self, expect: &Spanned<Expect>, word: &str) -> Result<Verdict, ScenarioError> {
        match word {
            "holds" => Ok(Verdict::Holds),
            "violated" => Ok(Verdict::Violated),
            "stuck" => Ok(Verdict::Stuck),
            other => Err(self
                .source
                .error(expect.span(), format!("`{other}` is no verdict to expect"), "this one")
                .with_help("allowed: holds, violated, stuck")),
        }
    }

    fn probe(&self, text: &Spanned<String>) -> Result<Probe, ScenarioError> {
        let wanted = probe::wanted();
        let found = wanted.iter().copied().find(|probe| probe.name == text.get_ref());
        found.ok_or_else(|| {
            let names: Vec<_> = wanted.iter().map(|probe| probe.name).collect();
            self.unknown(text, "probe", &names).with_help("`trial list probes` names them all")
        })
    }

    /// A table for a profile that there is not would never be asked.
    fn profile_of_table(
        &self,
        at: &std::ops::Range<usize>,
        name: &str,
    ) -> Result<Profile, ScenarioError> {
        name.parse().map_err(|_| {
            let names: Vec<_> = Profile::ALL.iter().map(|profile| profile.name()).collect();
            self.source
                .error(at.clone(), format!("there is no profile `{name}`"), "unknown")
                .with_help(format!("allowed: {}", names.join(", ")))
        })
    }
}
