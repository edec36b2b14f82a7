//! `[picks]`: what each seed picks for itself, such as the number of brokers or a setting.
//!
//! Holds:      the paths, as `--set` takes them, and the values to choose from.
//! Invariants: PI-1 a pick is keyed by its path: another pick more or less changes none. PI-2 every combination was
//!             read once before anything is played, so that no seed finds one that is impossible.

use std::collections::BTreeMap;

use serde_spanned::Spanned;
use trial_sim::Plan as Draws;

use super::error::ScenarioError;
use super::file::ScenarioFile;
use super::reading::Reading;

/// More combinations than these are not tried out before a run.
const COMBINATIONS_MAX: usize = 1_000;

/// One thing that each seed picks.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// Where it stands in the file.
    pub path: String,
    /// What there is to choose from, as TOML.
    pub values: Vec<String>,
}

impl Pick {
    /// What `seed` picks, as `--set` takes it.
    #[must_use]
    pub fn of_seed(&self, seed: u64) -> String {
        let count = self.values.len() as u64;
        let place = Draws::new(seed).below("pick", &self.path, 0, count);
        self.setting(usize::try_from(place).expect("it lies within"))
    }

    /// The place of each value that is not there twice: a value that is, is picked more often.
    fn distinct(&self) -> Vec<usize> {
        let is_first = |place: &usize| !self.values[..*place].contains(&self.values[*place]);
        (0..self.values.len()).filter(is_first).collect()
    }

    fn setting(&self, place: usize) -> String {
        format!("{}={}", self.path, self.values[place])
    }
}

/// Every combination, as `--set` takes it.
pub(super) fn combinations(picks: &[Pick]) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for pick in picks {
        let longer = |chosen: &Vec<String>| {
            let chosen = chosen.clone();
            pick.distinct().into_iter().map(move |place| {
                let mut chosen = chosen.clone();
                chosen.push(pick.setting(place));
                chosen
            })
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

impl Reading<'_> {
    pub(super) fn picks(&self, file: &ScenarioFile) -> Result<Vec<Pick>, ScenarioError> {
        fn names<T>(table: &BTreeMap<Spanned<String>, T>) -> Vec<String> {
            table.keys().map(|name| name.get_ref().clone()).collect()
        }
        let tables = BTreeMap::from([
            ("topics", names(&file.topics)),
            ("clients", names(&file.clients)),
            ("racks", names(&file.racks)),
        ]);
        let mut paths: Vec<Vec<String>> = Vec::new();
        let mut picks = Vec::new();
        let mut combinations = 1_usize;
        for (path, values) in &file.picks {
            if values.get_ref().is_empty() {
                let message = format!("`{}` has nothing to pick from", path.get_ref());
                return Err(self.source.error(values.span(), message, "one value or more"));
            }
            let keys: Vec<String> = toml_edit::Key::parse(path.get_ref())
                .map(|keys| keys.iter().map(|key| key.get().to_owned()).collect())
                .map_err(|_| {
                    let message = format!("`{}` is no path in a scenario file", path.get_ref());
                    self.source.error(path.span(), message, "as in cluster.brokers")
                })?;
            let first = keys.first().map_or("", String::as_str);
            if let (true, Some(name)) = (tables.contains_key(first), keys.get(1))
                && !tables[first].contains(name)
            {
                let message = format!("there is no `[{first}.{name}]` to pick a value for");
                return Err(self.source.error(path.span(), message, "a name of this file"));
            }
            if let Some(other) = paths.iter().find(|other| {
                let shared = other.len().min(keys.len());
                other[..shared] == keys[..shared]
            }) {
                let message =
                    format!("`{}` is picked already, as a part or a whole", other.join("."));
                return Err(self.source.error(path.span(), message, "another pick"));
            }
            paths.push(keys.clone());
            if matches!(first, "picks" | "title" | "story" | "expect") {
                let message = format!("a seed cannot pick its `{first}`");
                let label = "a path such as cluster.brokers, as `--set` takes it";
                return Err(self.source.error(path.span(), message, label));
            }
            let texts = values.get_ref().iter().map(toml::Value::to_string).collect();
            let pick = Pick { path: path.get_ref().clone(), values: texts };
            combinations = combinations.saturating_mul(pick.distinct().len());
            if combinations > COMBINATIONS_MAX {
                let message = format!("more than {COMBINATIONS_MAX} combinations");
                return Err(self.source.error(values.span(), message, "with these"));
            }
            picks.push(pick);
        }
        Ok(picks)
    }
}
