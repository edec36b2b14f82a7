//! What a scenario file means: every name resolved, every number in its bounds, every fault read.
//!
//! Holds:      the type that is played; `reading.rs` and its neighbours lead from the file's form to it.
//! Invariants: SC-1 what was accepted here can be played: topics fit the cluster, faults name what exists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_spanned::Spanned;
use trial_cluster::broker::Pace;
use trial_cluster::client::Consumption;
use trial_cluster::config::{BrokerConfig, ConsumerConfig, ProducerConfig, TopicConfig};
use trial_cluster::rules::Rules;
use trial_reports::Verdict;
use trial_sim::fault::Fault;
use trial_sim::{Distances, Distribution, Place, Scheduler, Span, Yields};

use super::error::{ScenarioError, SourceText, did_you_mean};
use super::file::ScenarioFile;
use super::picks::{self, Pick};
use super::reading::Reading;
use super::records::Record;
use super::{Override, builtin, names, override_};
use crate::probe::Probe;

/// A scenario, ready to be played. With `picks` it is read once more for each seed, from its text: what is to be
/// changed is changed there ([`Override`]), or once the seed has picked ([`Scenario::for_seed`]).
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name: that of its file.
    pub name: String,
    /// One line.
    pub title: String,
    /// What happens, and why it matters.
    pub story: String,
    /// Which Kafka, with which guards removed.
    pub rules: Rules,
    /// What it should come to.
    pub expect: Verdict,
    /// How long faults may happen.
    pub time: Span,
    /// How long producers go on after that.
    pub calm: Span,
    /// The faults, as written.
    pub faults: Vec<Fault>,
    /// What must be reached at least once.
    pub must_happen: Vec<Probe>,
    /// Nodes that nobody starts again when the faults end.
    pub left_down: Vec<String>,
    /// Whether it exceeds, on purpose, what the protocol promises to survive.
    pub exceeds_budget: bool,
    /// Whether a fault that was written and did nothing fails the run.
    pub require_effect: bool,
    /// What each seed picks.
    pub picks: Vec<Pick>,
    /// What this seed has picked, as `--set` takes it.
    pub picked: Vec<String>,
    /// Where it was read from.
    pub(super) source: Arc<(SourceText, Option<PathBuf>)>,
    /// Latencies and bandwidth where they are not the usual ones.
    pub network: Network,
    /// How a host's threads take turns.
    pub lanes: Lanes,
    /// Where hosts stand, by their names.
    pub places: BTreeMap<String, Place>,
    /// The nodes.
    pub cluster: Cluster,
    /// The topics by name.
    pub topics: BTreeMap<String, Topic>,
    /// The clients by name.
    pub clients: BTreeMap<String, Client>,
    /// Who comes from outside the World; no file says so, whoever serves the cluster does.
    pub guests: Option<Guests>,
}

/// Clients that come from outside the World, through its outside door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guests {
    /// Where they reach the brokers, as the brokers tell them: the host.
    pub host: String,
    /// The port of broker `i` is this one plus `i`.
    pub base_port: u16,
    /// What their clocks read when the cluster is switched on, in milliseconds since 1970: the hosts' clocks agree.
    pub wall_ms: i64,
}

/// How a host's threads take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    /// Which of them goes on.
    pub scheduler: Scheduler,
    /// How often a job ends where Kafka lets go of a lock.
    pub yields: Yields,
    /// How fast nodes are.
    pub pace: Pace,
}

impl Default for Lanes {
    fn default() -> Self {
        let yields = Yields::Fixed(0);
        Self { scheduler: Scheduler::default(), yields, pace: Pace::default() }
    }
}

/// The network of a scenario: what is given here differs from the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Network {
    /// One way, between two hosts.
    pub latency: Option<Distribution>,
    /// One way, between hosts that stand apart.
    pub distances: Distances,
    /// Bytes a second of each link.
    pub bandwidth: Option<u64>,
}

/// The nodes of a scenario.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Brokers `b1`, `b2`, …
    pub brokers: u16,
    /// Controllers `c1`, `c2`, …; none: every broker is a controller too.
    pub controllers: u16,
    /// What every node is told.
    pub config: BrokerConfig,
    /// The settings that were given, as text.
    pub settings: Vec<(String, String)>,
}

/// A topic of a scenario.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Partitions.
    pub partitions: i32,
    /// Replicas of each.
    pub replicas: i16,
    /// Which brokers hold each partition, the preferred leader first; drawn by the controller if not given.
    pub assignment: Option<Vec<Vec<i32>>>,
    /// What its logs are told: its own settings, and the cluster's for the rest.
    pub config: TopicConfig,
    /// The settings that were given, as text.
    pub settings: Vec<(String, String)>,
}

/// A client of a scenario.
#[derive(Debug, Clone)]
pub enum Client {
    /// Sends records.
    Producer {
        /// Where to.
        topic: String,
        /// Which.
        load: Load,
        /// Its settings.
        config: ProducerConfig,
    },
    /// Reads all partitions of a topic.
    Consumer {
        /// Which topic.
        topic: String,
        /// Its settings.
        config: ConsumerConfig,
        /// How often it deletes what it has read; none: never.
        purge: Option<Span>,
    },
    /// Reads what its group gives it.
    Member {
        /// What, and how.
        consumption: Consumption,
        /// Its settings, with the group.
        config: ConsumerConfig,
    },
}

impl Client {
    /// The group of a member.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        match self {
            Self::Member { config, .. } => config.consumer.group_id.as_deref(),
            Self::Producer { .. } | Self::Consumer { .. } => None,
        }
    }
}

/// What a producer sends.
#[derive(Debug, Clone)]
pub struct Load {
    /// It sends nothing by itself, only what a `Lab` asks for.
    pub by_hand: bool,
    /// Time between two records.
    pub every: Span,
    /// Bytes of a value that is made up.
    pub size: usize,
    /// Different keys that are made up; none: records without keys.
    pub keys: u64,
    /// How many of a hundred records with a key are tombstones.
    pub tombstones: u64,
    /// Records from a file, in their order, again from the start when they are through.
    pub records: Vec<Record>,
}

impl Load {
    /// Whether its records have keys.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.keys > 0 || self.records.first().is_some_and(|record| record.key.is_some())
    }
}

impl Scenario {
    /// The scenario that comes with Trial under this name, or the file at this path.
    ///
    /// # Errors
    /// If there is none, or it cannot be played.
    pub fn open(name: &str, overrides: &[Override]) -> Result<Self, ScenarioError> {
        if let Some(text) = builtin::text_of(name) {
            return Self::from_text(name, text, None, overrides);
        }
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(path).map_err(|why| {
                ScenarioError::plain(format!("cannot read {}: {why}", path.display()), None)
            })?;
            let stem =
                path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
            return Self::from_text(&stem, &text, Some(path), overrides);
        }
        let known = builtin::names();
        let help = match did_you_mean(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? A path must end in .toml"),
            None => format!("there are {}; a path must end in .toml", known.join(", ")),
        };
        Err(ScenarioError::plain(format!("there is no scenario `{name}`"), Some(help)))
    }

    /// The scenario that `text` holds. Files that it names are looked for beside `path`.
    ///
    /// # Errors
    /// If it cannot be played.
    pub fn from_text(
        name: &str,
        text: &str,
        path: Option<&Path>,
        overrides: &[Override],
    ) -> Result<Self, ScenarioError> {
        let shown = path.map_or_else(|| format!("{name}.toml"), |path| path.display().to_string());
        let mut source = SourceText { name: shown, text: text.to_owned() };
        if !overrides.is_empty() {
            source.text = override_::applied(&source, overrides)?;
            source.name.push_str(" (with --set)");
        }
        let scenario = Self::read(name, source, path)?;
        // PI-2.
        for combination in picks::combinations(&scenario.picks) {
            scenario.with(&combination)?;
        }
        Ok(scenario)
    }

    /// What is played under `seed`: the scenario itself, or what the seed picks of it.
    #[must_use]
    pub fn for_seed(self: &Arc<Self>, seed: u64) -> Arc<Self> {
        if self.picks.is_empty() {
            return Arc::clone(self);
        }
        let picked: Vec<String> = self.picks.iter().flat_map(|pick| pick.of_seed(seed)).collect();
        Arc::new(self.with(&picked).expect("PI-2: every combination was read once"))
    }

    /// What is played under `seed` for clients from outside.
    #[must_use]
    pub fn for_guests(self: &Arc<Self>, seed: u64, guests: Guests) -> Arc<Self> {
        let mut scenario = Self::clone(&self.for_seed(seed));
        scenario.guests = Some(guests);
        // What the seed picks of a scenario is read from its text, which knows of no guests: it has picked.
        scenario.picks.clear();
        Arc::new(scenario)
    }

    /// The same with these values, as `--set` takes them.
    fn with(&self, picked: &[String]) -> Result<Self, ScenarioError> {
        let changed =
            picked.iter().map(|text| text.parse()).collect::<Result<Vec<Override>, _>>()?;
        let (source, path) = &*self.source;
        let mut source = source.clone();
        source.text = override_::applied(&source, &changed)?;
        source.name.push_str(&format!(" (with {})", picked.join(", ")));
        let mut scenario = Self::read(&self.name, source, path.as_deref())?;
        // The source stays as it was written, with its picks.
        scenario.source = Arc::clone(&self.source);
        scenario.picks.clear();
        scenario.picked = picked.to_vec();
        Ok(scenario)
    }

    /// Reads a fault as a line of this scenario's `faults`.
    ///
    /// # Errors
    /// If it is none, or names what this scenario has not.
    pub fn fault(&self, line: &str) -> Result<Fault, ScenarioError> {
        let source = SourceText { name: "a fault".to_owned(), text: format!("\"{line}\"") };
        let reading = Reading { name: &self.name, source: &source, path: None };
        let line = Spanned::new(0..source.text.len(), line.to_owned());
        let (cluster, topics, clients) = (&self.cluster, &self.topics, &self.clients);
        let (places, outside) = (&self.places, self.guests.is_some());
        reading.fault(&line, &names::Known { cluster, topics, clients, places, outside })
    }

    fn read(name: &str, source: SourceText, path: Option<&Path>) -> Result<Self, ScenarioError> {
        let file: ScenarioFile =
            toml::from_str(&source.text).map_err(|error| source.toml_error(&error))?;
        let mut scenario = Reading { name, source: &source, path }.scenario(file)?;
        scenario.source = Arc::new((source, path.map(Path::to_owned)));
        Ok(scenario)
    }
}
