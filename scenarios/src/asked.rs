//! What somebody asked to be played: a scenario's text, and what they changed of it.
//!
//! Holds:      the text as it was read, so that a saved failure plays the same scenario when the file has changed.
//! Invariants: AS-1 `replay_line` names every change, in a form to paste into a POSIX shell.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use trial_cluster::rules::{Profile, Switch};

use crate::scenario::{Override, Scenario, ScenarioError, allowed_are, builtin, did_you_mean};

/// A scenario and the changes to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The scenario's name.
    pub scenario: String,
    /// Its file; none: it came with Trial, or was built in Rust.
    pub path: Option<PathBuf>,
    /// Its text, whole.
    pub text: String,
    /// Every `--set`, in order.
    pub settings: Vec<String>,
    /// Every `--switch`.
    pub switches: Vec<String>,
    /// `--profile`, if it was given.
    pub profile: Option<String>,
}

impl Asked {
    /// The scenario of this name, or the file at this path, unchanged.
    ///
    /// # Errors
    /// If there is none or the file cannot be read.
    pub fn open(name: &str) -> Result<Self, ScenarioError> {
        let asked = |scenario: &str, path: Option<PathBuf>, text: String| Self {
            scenario: scenario.to_owned(),
            path,
            text,
            settings: Vec::new(),
            switches: Vec::new(),
            profile: None,
        };
        if let Some(text) = builtin::text_of(name) {
            return Ok(asked(name, None, text.to_owned()));
        }
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(path).map_err(|why| {
                let help = "give the path of a scenario file, or a name of `trial list scenarios`";
                ScenarioError::plain(format!("cannot read {name}: {why}"), Some(help.to_owned()))
            })?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            return Ok(asked(&stem, Some(path.to_owned()), text));
        }
        let known = builtin::names();
        let near = did_you_mean(name, known.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        let help = format!("{near}there are {}; a path must end in .toml", known.join(", "));
        Err(ScenarioError::plain(format!("there is no scenario `{name}`"), Some(help)))
    }

    /// One that was built in Rust: it has a text, and no file.
    #[must_use]
    pub fn built(name: &str, text: String) -> Self {
        Self {
            scenario: name.to_owned(),
            path: None,
            text,
            settings: Vec::new(),
            switches: Vec::new(),
            profile: None,
        }
    }

    /// Whether it was built in Rust: then no command plays it before its text was saved.
    #[must_use]
    pub fn is_built(&self) -> bool {
        self.path.is_none() && builtin::text_of(&self.scenario) != Some(&self.text)
    }

    /// The scenario with every change made.
    ///
    /// # Errors
    /// If it cannot be played.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        let mut changes = Vec::new();
        for text in &self.settings {
            changes.push(text.parse::<Override>()?);
        }
        if let Some(profile) = &self.profile {
            let names = Profile::ALL.iter().map(|profile| profile.name());
            known("profile", profile, names)?;
            changes.push(format!("profile={profile:?}").parse()?);
        }
        let path = self.path.as_deref();
        let scenario = Scenario::from_text(&self.scenario, &self.text, path, &changes)?;
        if self.switches.is_empty() {
            return Ok(scenario);
        }
        let mut switches: Vec<&str> = scenario.rules.switches().map(Switch::name).collect();
        for name in &self.switches {
            known("switch", name, Switch::ALL.iter().map(|switch| switch.name()))?;
            switches.push(name);
        }
        changes.push(format!("switches={switches:?}").parse()?);
        Scenario::from_text(&self.scenario, &self.text, path, &changes)
    }

    /// One line to paste that plays it again under `seed`.
    #[must_use]
    pub fn replay_line(&self, seed: u64) -> String {
        self.replay_words(seed.to_string())
    }

    /// The same with `{seed}` in the seed's place.
    #[must_use]
    pub fn replay_form(&self) -> String {
        self.replay_words("{seed}".to_owned())
    }

    fn replay_words(&self, seed: String) -> String {
        let mut words = vec!["trial".to_owned(), "run".to_owned(), self.shown(), "--seed".into()];
        words.push(seed);
        if let Some(profile) = &self.profile {
            words.extend(["--profile".to_owned(), quoted(profile)]);
        }
        for setting in &self.settings {
            words.extend(["--set".to_owned(), quoted(setting)]);
        }
        for switch in &self.switches {
            words.extend(["--switch".to_owned(), quoted(switch)]);
        }
        words.join(" ")
    }

    /// Its name or path, as it would be typed.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.path {
            None if self.is_built() => quoted(&format!("{}.toml", self.scenario)),
            None => quoted(&self.scenario),
            Some(path) => quoted(&path.display().to_string()),
        }
    }
}

/// Refuses `given` unless it is one of `allowed`.
fn known<'a>(
    kind: &str,
    given: &str,
    allowed: impl Iterator<Item = &'a str>,
) -> Result<(), ScenarioError> {
    let allowed: Vec<&str> = allowed.collect();
    if allowed.contains(&given) {
        return Ok(());
    }
    let near = did_you_mean(given, allowed.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    let help = format!("{near}{}", allowed_are(&allowed.join(", ")));
    Err(ScenarioError::plain(format!("there is no {kind} `{given}`"), Some(help)))
}

/// `text` as one word of a POSIX shell.
#[must_use]
pub fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+@".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{Asked, quoted};
    use trial_cluster::rules::Switch;

    #[test]
    fn a_replay_line_repeats_every_change_quoted_for_a_shell() {
        let mut asked = Asked::open("departures").expect("it comes with Trial");
        asked.settings.push("cluster.config.\"min.insync.replicas\"=1".to_owned());
        asked.switches.push("ack_before_replication".to_owned());
        asked.profile = Some("4.3-no-elr".to_owned());
        assert_eq!(
            asked.replay_line(7),
            "trial run departures --seed 7 --profile 4.3-no-elr \
             --set 'cluster.config.\"min.insync.replicas\"=1' --switch ack_before_replication"
        );
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn changes_reach_the_scenario() {
        let mut asked = Asked::open("departures").expect("it comes with Trial");
        asked.settings.push("cluster.brokers=5".to_owned());
        asked.switches.push("ack_before_replication".to_owned());
        asked.profile = Some("4.3-no-elr".to_owned());
        let scenario = asked.scenario().expect("it can be played");
        assert_eq!(scenario.cluster.brokers, 5);
        assert_eq!(scenario.rules.profile().name(), "4.3-no-elr");
        let switches: Vec<Switch> = scenario.rules.switches().collect();
        assert_eq!(switches, [Switch::AckBeforeReplication]);
    }
}
