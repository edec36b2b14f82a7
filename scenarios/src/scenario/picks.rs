//! `[picks]`: what each seed picks for itself, such as the number of brokers or a setting.
//!
//! Holds:      the paths, as `--set` takes them, and the values to choose from. What depends on each other is picked
//!             together: `"cluster.brokers, topics.orders.replicas" = [[3, 3], [9, 5]]`.
//! Invariants: PI-1 a pick is keyed by its path: another pick more or less changes none. PI-2 every combination was
//!             read once before anything is played, so that no seed finds one that is impossible.

use std::collections::BTreeMap;

use serde_spanned::Spanned;
use trial_sim::Plan as Draws;

use super::error::ScenarioError;
use super::file::ScenarioFile;
use super::reading::Reading;

/// More combinations than these are not tried out before a run.
const COMBINATIONS_MAX: usize = 2_000;

/// One thing that each seed picks.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// Where it stands in the file: its key in `[picks]`, which names one path, or several behind commas.
    pub key: String,
    /// The paths.
    pub paths: Vec<String>,
    /// What there is to choose from, as TOML: a value for each path.
    pub values: Vec<Vec<String>>,
}

impl Pick {
    /// What `seed` picks, as `--set` takes it.
    #[must_use]
    pub fn of_seed(&self, seed: u64) -> Vec<String> {
        let count = self.values.len() as u64;
        let place = Draws::new(seed).below("pick", &self.key, 0, count);
        self.settings(usize::try_from(place).expect("it lies within"))
    }

    /// The place of each value that is not there twice: a value that is, is picked more often.
    fn distinct(&self) -> Vec<usize> {
        let is_first = |place: &usize| !self.values[..*place].contains(&self.values[*place]);
        (0..self.values.len()).filter(is_first).collect()
    }

    fn settings(&self, place: usize) -> Vec<String> {
        let both = self.paths.iter().zip(&self.values[place]);
        both.map(|(path, value)| format!("{path}={value}")).collect()
    }
}

/// The paths that a key of `[picks]` names.
pub(super) fn paths(key: &str) -> Vec<&str> {
    let mut quote = None;
    let mut commas = Vec::new();
    for (at, letter) in key.char_indices() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, ',') => commas.push(at),
            _ => {}
        }
    }
    let starts = std::iter::once(0).chain(commas.iter().map(|comma| comma + 1));
    let ends = commas.iter().copied().chain(std::iter::once(key.len()));
    starts.zip(ends).map(|(start, end)| key[start..end].trim()).collect()
}

/// Every combination, as `--set` takes it.
pub(super) fn combinations(picks: &[Pick]) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for pick in picks {
        let longer = |chosen: &Vec<String>| {
            let chosen = chosen.clone();
            pick.distinct().into_iter().map(move |place| {
                let mut chosen = chosen.clone();
                chosen.extend(pick.settings(place));
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
        let mut known: Vec<Vec<String>> = Vec::new();
        let mut picks = Vec::new();
        let mut combinations = 1_usize;
        for (key, values) in &file.picks {
            if values.get_ref().is_empty() {
                let message = format!("`{}` has nothing to pick from", key.get_ref());
                return Err(self.source.error(values.span(), message, "one value or more"));
            }
            let paths = paths(key.get_ref());
            for path in &paths {
                let keys = self.picked_path(key, path, &tables, &known)?;
                known.push(keys);
            }
            let pick = Pick {
                key: key.get_ref().clone(),
                values: self.values_of(values, paths.len())?,
                paths: paths.into_iter().map(str::to_owned).collect(),
            };
            combinations = combinations.saturating_mul(pick.distinct().len());
            if combinations > COMBINATIONS_MAX {
                let message = format!("more than {COMBINATIONS_MAX} combinations");
                return Err(self.source.error(values.span(), message, "with these"));
            }
            picks.push(pick);
        }
        Ok(picks)
    }

    /// A path that may be picked, in its parts.
    fn picked_path(
        &self,
        key: &Spanned<String>,
        path: &str,
        tables: &BTreeMap<&str, Vec<String>>,
        known: &[Vec<String>],
    ) -> Result<Vec<String>, ScenarioError> {
        let refuse = |message: String, label: &str| {
            Err(self.source.error(key.span(), message, label.to_owned()))
        };
        let Ok(keys) = toml_edit::Key::parse(path) else {
            return refuse(
                format!("`{path}` is no path in a scenario file"),
                "as in cluster.brokers",
            );
        };
        let keys: Vec<String> = keys.iter().map(|key| key.get().to_owned()).collect();
        let first = keys.first().map_or("", String::as_str);
        if let (Some(names), Some(name)) = (tables.get(first), keys.get(1))
            && !names.contains(name)
        {
            let message = format!("there is no `[{first}.{name}]` to pick a value for");
            return refuse(message, "a name of this file");
        }
        if let Some(other) = known.iter().find(|other| {
            let shared = other.len().min(keys.len());
            other[..shared] == keys[..shared]
        }) {
            let message = format!("`{}` is picked already, as a part or a whole", other.join("."));
            return refuse(message, "another pick");
        }
        if matches!(first, "picks" | "title" | "story" | "expect") {
            let message = format!("a seed cannot pick its `{first}`");
            return refuse(message, "a path such as cluster.brokers, as `--set` takes it");
        }
        Ok(keys)
    }

    /// What there is to choose from: of several paths a list with a value for each.
    fn values_of(
        &self,
        values: &Spanned<Vec<toml::Value>>,
        paths: usize,
    ) -> Result<Vec<Vec<String>>, ScenarioError> {
        let of_one = |value: &toml::Value| match value {
            value if paths == 1 => Some(vec![value.to_string()]),
            toml::Value::Array(parts) if parts.len() == paths => {
                Some(parts.iter().map(toml::Value::to_string).collect())
            }
            _ => None,
        };
        values.get_ref().iter().map(of_one).collect::<Option<Vec<_>>>().ok_or_else(|| {
            let message = format!("{paths} paths are picked together");
            let label = format!("lists of {paths} values, one for each path");
            self.source.error(values.span(), message, label)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::paths;

    #[test]
    fn commas_outside_quotes_part_paths() {
        assert_eq!(paths("cluster.brokers"), ["cluster.brokers"]);
        assert_eq!(paths("a.b, c.\"d,e\" ,f"), ["a.b", "c.\"d,e\"", "f"]);
    }
}
