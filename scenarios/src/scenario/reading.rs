//! Reads a scenario file as a whole: rules, settings, faults; points at the place of whatever is wrong.
//!
//! Invariants: RD-1 nothing that was written is ignored: a word that is not known is an error.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde_spanned::Spanned;
use trial_cluster::config::{ConfigError, TopicConfig, ValueError};
use trial_cluster::rules::{Profile, Rules, Switch};
use trial_sim::Span;
use trial_sim::fault::{Fault, FaultError, When, parse_span};

use super::error::{ScenarioError, SourceText, allowed_are, did_you_mean};
use super::file::{ConfigTable, ScenarioFile};
use super::names;
use super::scenario::Scenario;

/// How long faults last where the scenario does not say.
const TIME: Span = Span::from_secs(60);
/// The shortest time between two of a fault that comes again and again.
const EVERY_MIN: Span = Span::from_millis(1);
/// How long producers go on after the faults where it does not say.
const CALM: Span = Span::from_secs(2);

/// How Kafka writes a list.
const LIST_HELP: &str = "a list is one string, as in \"compact,delete\"";
/// What TOML makes of a name with dots.
const DOTS_HELP: &str =
    "a setting's name has dots, and stands in quotes: config.\"cleanup.policy\"";

/// One file on its way to a scenario.
pub(super) struct Reading<'a> {
    pub(super) name: &'a str,
    pub(super) source: &'a SourceText,
    pub(super) path: Option<&'a Path>,
}

impl Reading<'_> {
    pub(super) fn scenario(&self, file: ScenarioFile) -> Result<Scenario, ScenarioError> {
        let rules = self.rules(&file)?;
        let cluster = self.cluster(&file)?;
        let mut topics = BTreeMap::new();
        for (name, table) in &file.topics {
            self.collides(name, &topics)?;
            topics.insert(name.get_ref().clone(), self.topic(name, table, &cluster)?);
        }
        let mut clients = BTreeMap::new();
        for (name, table) in &file.clients {
            for (own, client) in self.clients(name, table, &cluster, &topics)? {
                if clients.insert(own.clone(), client).is_some() {
                    let message = format!("there are two clients with the name `{own}`");
                    let label = "with `members` it stands for NAME1, NAME2, …";
                    return Err(self.source.error(name.span(), message, label));
                }
            }
        }
        let places = self.places(&file, &cluster, &clients)?;
        let network = self.network(&file.network)?;
        let lanes = self.lanes(&file.lanes)?;
        let time = self.span(file.time.as_ref(), TIME)?;
        let calm = self.span(file.calm.as_ref(), CALM)?;
        let mut faults = Vec::new();
        for text in &file.faults {
            faults.push(self.fault(
                text,
                &names::Known {
                    cluster: &cluster,
                    topics: &topics,
                    clients: &clients,
                    places: &places,
                    outside: false,
                },
            )?);
        }
        Ok(Scenario {
            name: self.name.to_owned(),
            title: file.title.get_ref().clone(),
            story: file.story.trim().to_owned(),
            expect: self.expect(&file, rules.profile())?,
            time,
            calm,
            faults,
            must_happen: self.must_happen(&file, rules.profile())?,
            rules,
            left_down: self.left_down(&file.left_down, &cluster)?,
            exceeds_budget: file.exceeds_budget,
            require_effect: file.require_effect,
            picks: self.picks(&file)?,
            picked: Vec::new(),
            source: Arc::default(),
            network,
            lanes,
            places,
            cluster,
            topics,
            clients,
            guests: None,
        })
    }

    pub(super) fn span(
        &self,
        given: Option<&Spanned<String>>,
        default: Span,
    ) -> Result<Span, ScenarioError> {
        let Some(text) = given else { return Ok(default) };
        parse_span(text.get_ref()).map_err(|error| {
            self.source.error(text.span(), error.what.clone(), "a duration such as 30s or 2m")
        })
    }

    pub(super) fn unknown(
        &self,
        text: &Spanned<String>,
        kind: &str,
        allowed: &[&str],
    ) -> ScenarioError {
        let given = text.get_ref();
        let near = did_you_mean(given, allowed.iter().copied());
        let label =
            near.map_or_else(|| "unknown".to_owned(), |near| format!("did you mean `{near}`?"));
        self.source
            .error(text.span(), format!("there is no {kind} `{given}`"), label)
            .with_help(allowed_are(&allowed.join(", ")))
    }

    pub(super) fn rules(&self, file: &ScenarioFile) -> Result<Rules, ScenarioError> {
        let profile = match &file.profile {
            None => Profile::Kafka43,
            Some(text) => text.get_ref().parse().map_err(|_| {
                let names: Vec<_> = Profile::ALL.iter().map(|profile| profile.name()).collect();
                self.unknown(text, "profile", &names)
            })?,
        };
        let mut switches = Vec::new();
        for text in &file.switches {
            switches.push(text.get_ref().parse::<Switch>().map_err(|_| {
                let names: Vec<_> = Switch::ALL.iter().map(|switch| switch.name()).collect();
                self.unknown(text, "switch", &names)
            })?);
        }
        Ok(Rules::new(profile, switches))
    }

    pub(super) fn count(
        &self,
        given: Option<&Spanned<i64>>,
        default: i64,
        what: &str,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Result<i64, ScenarioError> {
        let Some(given) = given else { return Ok(default) };
        if bounds.contains(given.get_ref()) {
            return Ok(*given.get_ref());
        }
        let label = format!("from {} to {}", bounds.start(), bounds.end());
        let message = format!("{} is no possible number of {what}", given.get_ref());
        Err(self.source.error(given.span(), message, label))
    }

    /// Hands every setting to `set`; points at the name or the value that is refused.
    pub(super) fn settings(
        &self,
        table: &ConfigTable,
        mut set: impl FnMut(&str, &str) -> Result<(), ConfigError>,
    ) -> Result<Vec<(String, String)>, ScenarioError> {
        let mut given = Vec::new();
        for (name, value) in table {
            let text = match value.get_ref() {
                toml::Value::String(text) => text.clone(),
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(flag) => flag.to_string(),
                toml::Value::Float(number) => number.to_string(),
                toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
                    let message = format!("`{}` takes one value", name.get_ref());
                    let label = "a number, a flag or a string";
                    let error = self.source.error(value.span(), message, label);
                    return Err(match value.get_ref() {
                        toml::Value::Array(_) => error.with_help(LIST_HELP),
                        toml::Value::Table(_) => error.with_help(DOTS_HELP),
                        _ => error,
                    });
                }
            };
            set(name.get_ref(), &text).map_err(|error| {
                let span = match error.what {
                    ValueError::UnknownName => name.span(),
                    ValueError::BadValue => value.span(),
                };
                self.source.error(span, error.headline(), "this one").with_help(allowed(&error))
            })?;
            given.push((name.get_ref().clone(), text));
        }
        Ok(given)
    }

    /// Settings that do not go together, at the one of them that was given; `otherwise` if none of them was.
    pub(super) fn unfit(
        &self,
        table: &ConfigTable,
        error: &ConfigError,
        otherwise: Range<usize>,
    ) -> ScenarioError {
        let mut names = std::iter::once(error.name.as_str()).chain(error.others.iter().copied());
        let given = names.find_map(|name| {
            table.iter().find(|(given, _)| TopicConfig::name_of(given.get_ref()) == name)
        });
        let span = given.map_or(otherwise, |(_, value)| value.span());
        self.source
            .error(span, error.headline(), "this one")
            .with_help(format!("allowed: `{}` {}", error.name, error.allowed))
    }

    pub(super) fn fault(
        &self,
        text: &Spanned<String>,
        known: &names::Known<'_>,
    ) -> Result<Fault, ScenarioError> {
        // The span covers the quotes; inside a plain string a byte of the fault is a byte of the file.
        let start = text.span().start + 1;
        let fault: Fault = text.get_ref().parse().map_err(|error: FaultError| {
            let at = start + error.at.start..start + error.at.end.max(error.at.start + 1);
            let refused = self.source.error(at, error.what.clone(), "here");
            if error.expected.is_empty() {
                refused
            } else {
                refused.with_help(format!("allowed: {}", error.expected.join(", ")))
            }
        })?;
        if matches!(fault.when, When::Every(length) if length < EVERY_MIN) {
            let message = "a fault cannot come again so soon";
            return Err(self.source.error(text.span(), message, "every 1ms at the most often"));
        }
        known.check(&fault).map_err(|unfit| {
            let within = unfit.name.as_deref().and_then(|name| text.get_ref().find(name));
            let at = match (within, &unfit.name) {
                (Some(offset), Some(name)) => start + offset..start + offset + name.len(),
                _ => text.span(),
            };
            let refused = self.source.error(at, unfit.what, "here");
            match unfit.allowed {
                Some(allowed) => refused.with_help(allowed_are(&allowed)),
                None => refused,
            }
        })?;
        Ok(fault)
    }
}

/// What would have been right, with the nearest name first.
fn allowed(error: &ConfigError) -> String {
    let names = error.allowed.strip_prefix("one of ").unwrap_or_default();
    let near = match error.what {
        ValueError::UnknownName => did_you_mean(&error.name, names.split(", ")),
        ValueError::BadValue => None,
    };
    let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    format!("{near}allowed: {}", error.allowed)
}
