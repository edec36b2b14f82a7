//! What a scenario file means: every name resolved, every number in its bounds, every fault read.
//!
//! Holds:      the type that is played, and the way from the file's form to it.
//! Invariants: SC-1 what was accepted here can be played: topics fit the cluster, faults name what exists.

use std::collections::BTreeMap;
use std::path::Path;

use trial_cluster::config::{BrokerConfig, ConsumerConfig, ProducerConfig, TopicConfig};
use trial_cluster::rules::{Profile, Rules, Switch};
use trial_reports::Verdict;
use trial_sim::Span;
use trial_sim::fault::{Fault, parse_span};

use super::error::{ScenarioError, SourceText, did_you_mean};
use super::file::{ClientTable, ConfigTable, Expect, ScenarioFile, TopicTable};
use super::names;
use super::records::{Record, RecordFileError, parse_records, read_records};
use super::{Override, builtin};
use crate::probe::Probe;

/// The most brokers that a scenario may have.
const BROKERS_MAX: i64 = 99;
/// The most controllers.
const CONTROLLERS_MAX: i64 = 5;
/// The most partitions of a topic.
const PARTITIONS_MAX: i64 = 10_000;
/// How long faults last where the scenario does not say.
const TIME: Span = Span::from_secs(30);

/// A scenario, ready to be played.
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
    /// The faults, as written.
    pub faults: Vec<Fault>,
    /// What must be reached at least once.
    pub must_happen: Vec<Probe>,
    /// Whether it exceeds, on purpose, what the protocol promises to survive.
    pub exceeds_budget: bool,
    /// The nodes.
    pub cluster: Cluster,
    /// The topics by name.
    pub topics: BTreeMap<String, Topic>,
    /// The clients by name.
    pub clients: BTreeMap<String, Client>,
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
    },
}

/// What a producer sends.
#[derive(Debug, Clone)]
pub struct Load {
    /// Time between two records.
    pub every: Span,
    /// Bytes of a value that is made up.
    pub size: usize,
    /// Different keys that are made up; none: records without keys.
    pub keys: u64,
    /// Records from a file, in their order, again from the start when they are through.
    pub records: Vec<Record>,
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
            let mut document = text
                .parse::<toml_edit::DocumentMut>()
                .map_err(|error| source.toml_edit_error(&error))?;
            for change in overrides {
                change.apply(&mut document)?;
            }
            source.text = document.to_string();
            source.name.push_str(" (with --set)");
        }
        let file: ScenarioFile =
            toml::from_str(&source.text).map_err(|error| source.toml_error(&error))?;
        Reading { name, source: &source, path }.scenario(file)
    }
}

/// One file on its way to a scenario.
struct Reading<'a> {
    name: &'a str,
    source: &'a SourceText,
    path: Option<&'a Path>,
}

impl Reading<'_> {
    fn scenario(&self, file: ScenarioFile) -> Result<Scenario, ScenarioError> {
        let rules = self.rules(&file)?;
        let cluster = self.cluster(&file)?;
        let mut topics = BTreeMap::new();
        for (name, table) in &file.topics {
            topics.insert(name.get_ref().clone(), self.topic(name, table, &cluster)?);
        }
        let mut clients = BTreeMap::new();
        for (name, table) in &file.clients {
            clients.insert(name.get_ref().clone(), self.client(name, table, &cluster, &topics)?);
        }
        let time = match &file.time {
            None => TIME,
            Some(text) => parse_span(text.get_ref()).map_err(|error| {
                self.source.error(text.span(), error.what.clone(), "a duration such as 30s or 2m")
            })?,
        };
        let mut faults = Vec::new();
        for text in &file.faults {
            faults.push(self.fault(text, &cluster, &topics, &clients)?);
        }
        let mut must_happen = Vec::new();
        for text in &file.must_happen {
            must_happen.push(self.probe(text)?);
        }
        Ok(Scenario {
            name: self.name.to_owned(),
            title: file.title.get_ref().clone(),
            story: file.story.trim().to_owned(),
            expect: self.expect(&file, rules.profile())?,
            rules,
            time,
            faults,
            must_happen,
            exceeds_budget: file.exceeds_budget,
            cluster,
            topics,
            clients,
        })
    }

    fn unknown(
        &self,
        text: &serde_spanned::Spanned<String>,
        kind: &str,
        allowed: &[&str],
    ) -> ScenarioError {
        let given = text.get_ref();
        let near = did_you_mean(given, allowed.iter().copied());
        let label =
            near.map_or_else(|| "unknown".to_owned(), |near| format!("did you mean `{near}`?"));
        self.source
            .error(text.span(), format!("there is no {kind} `{given}`"), label)
            .with_help(format!("allowed: {}", allowed.join(", ")))
    }

    fn rules(&self, file: &ScenarioFile) -> Result<Rules, ScenarioError> {
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

    fn expect(&self, file: &ScenarioFile, profile: Profile) -> Result<Verdict, ScenarioError> {
        let Some(expect) = &file.expect else { return Ok(Verdict::Holds) };
        let word = match expect.get_ref() {
            Expect::One(word) => Some(word),
            Expect::ByProfile(words) => words.get(profile.name()),
        };
        match word.map_or("holds", String::as_str) {
            "holds" => Ok(Verdict::Holds),
            "violated" => Ok(Verdict::Violated),
            "stuck" => Ok(Verdict::Stuck),
            other => Err(self
                .source
                .error(expect.span(), format!("`{other}` is no verdict to expect"), "this one")
                .with_help("allowed: holds, violated, stuck")),
        }
    }

    fn probe(&self, text: &serde_spanned::Spanned<String>) -> Result<Probe, ScenarioError> {
        text.get_ref().parse().map_err(|()| {
            let names: Vec<_> = Probe::ALL.iter().map(|probe| probe.name()).collect();
            self.unknown(text, "probe", &names)
        })
    }

    fn count(
        &self,
        given: Option<&serde_spanned::Spanned<i64>>,
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

    fn cluster(&self, file: &ScenarioFile) -> Result<Cluster, ScenarioError> {
        let table = &file.cluster;
        let brokers = self.count(table.brokers.as_ref(), 3, "brokers", 1..=BROKERS_MAX)?;
        let controllers =
            self.count(table.controllers.as_ref(), 3, "controllers", 0..=CONTROLLERS_MAX)?;
        if controllers == 0 && brokers > CONTROLLERS_MAX {
            let span = table.controllers.as_ref().map_or(0..0, serde_spanned::Spanned::span);
            let message = format!("{brokers} brokers cannot all be controllers");
            let label = format!("0 makes every broker one; at most {CONTROLLERS_MAX} may be");
            return Err(self.source.error(span, message, label));
        }
        let mut config = BrokerConfig::default();
        let settings = self.settings(&table.config, |name, value| config.set(name, value))?;
        Ok(Cluster {
            brokers: u16::try_from(brokers).expect("bounded"),
            controllers: u16::try_from(controllers).expect("bounded"),
            config,
            settings,
        })
    }

    /// Hands every setting to `set`; points at the name or the value that is refused.
    fn settings(
        &self,
        table: &ConfigTable,
        mut set: impl FnMut(&str, &str) -> Result<(), trial_cluster::config::ConfigError>,
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
                    return Err(self.source.error(value.span(), message, label));
                }
            };
            set(name.get_ref(), &text).map_err(|error| {
                let span = match error.what {
                    trial_cluster::config::ValueError::UnknownName => name.span(),
                    trial_cluster::config::ValueError::BadValue => value.span(),
                };
                self.source
                    .error(span, error.headline(), "this one")
                    .with_help(format!("allowed: {}", error.allowed))
            })?;
            given.push((name.get_ref().clone(), text));
        }
        Ok(given)
    }

    fn topic(
        &self,
        name: &serde_spanned::Spanned<String>,
        table: &TopicTable,
        cluster: &Cluster,
    ) -> Result<Topic, ScenarioError> {
        if !names::is_topic_name(name.get_ref()) {
            let message = format!("`{}` is no name for a topic", name.get_ref());
            let label = "letters, digits, `.`, `_` and `-`, at most 249";
            return Err(self.source.error(name.span(), message, label));
        }
        let default = i64::from(cluster.config.node.num_partitions);
        let partitions =
            self.count(table.partitions.as_ref(), default, "partitions", 1..=PARTITIONS_MAX)?;
        let default = i64::from(cluster.brokers.min(3));
        let replicas = self.count(table.replicas.as_ref(), default, "replicas", 1..=BROKERS_MAX)?;
        if replicas > i64::from(cluster.brokers) {
            let span = table.replicas.as_ref().map_or_else(|| name.span(), |given| given.span());
            let message = format!("{replicas} replicas need {replicas} brokers");
            let label = format!("there are {} brokers", cluster.brokers);
            return Err(self.source.error(span, message, label));
        }
        let assignment = match &table.assignment {
            None => None,
            Some(given) => {
                self.check_assignment(given, partitions, replicas, cluster)?;
                Some(given.get_ref().clone())
            }
        };
        let mut config = TopicConfig::default();
        let settings = self.settings(&table.config, |name, value| config.set(name, value))?;
        Ok(Topic {
            partitions: i32::try_from(partitions).expect("bounded"),
            replicas: i16::try_from(replicas).expect("bounded"),
            assignment,
            settings,
        })
    }

    fn check_assignment(
        &self,
        given: &serde_spanned::Spanned<Vec<Vec<i32>>>,
        partitions: i64,
        replicas: i64,
        cluster: &Cluster,
    ) -> Result<(), ScenarioError> {
        let refuse = |label: String| {
            Err(self.source.error(given.span(), "this assignment is impossible", label))
        };
        let lists = given.get_ref();
        if lists.len() as i64 != partitions {
            return refuse(format!("one list for each of the {partitions} partitions"));
        }
        for list in lists {
            let mut sorted = list.clone();
            sorted.sort_unstable();
            sorted.dedup();
            let in_range = |id: &i32| (1..=i32::from(cluster.brokers)).contains(id);
            if list.len() as i64 != replicas
                || sorted.len() != list.len()
                || !list.iter().all(in_range)
            {
                let brokers = cluster.brokers;
                return refuse(format!(
                    "{replicas} different brokers from 1 to {brokers} for each partition"
                ));
            }
        }
        Ok(())
    }

    fn client(
        &self,
        name: &serde_spanned::Spanned<String>,
        table: &ClientTable,
        cluster: &Cluster,
        topics: &BTreeMap<String, Topic>,
    ) -> Result<Client, ScenarioError> {
        if !names::is_host_name(name.get_ref()) {
            let message = format!("`{}` is no name for a client", name.get_ref());
            let label = "a letter, then letters, digits, `_`";
            return Err(self.source.error(name.span(), message, label));
        }
        if names::node_names(cluster).contains(name.get_ref()) || name.get_ref() == names::ADMIN {
            let message = format!("`{}` is the name of a node", name.get_ref());
            let label = "b1, b2, … are brokers, c1, c2, … controllers, admin creates the topics";
            return Err(self.source.error(name.span(), message, label));
        }
        let (topic, produces) = match (&table.produce, &table.consume) {
            (Some(topic), None) => (topic, true),
            (None, Some(topic)) => (topic, false),
            _ => {
                let message = format!("`{}` must either produce or consume", name.get_ref());
                return Err(self.source.error(name.span(), message, "produce = or consume ="));
            }
        };
        if !topics.contains_key(topic.get_ref()) {
            let names: Vec<&str> = topics.keys().map(String::as_str).collect();
            return Err(self.unknown(topic, "topic", &names));
        }
        let topic = topic.get_ref().clone();
        if !produces {
            let unfit = [
                table.rate.as_ref().map(serde_spanned::Spanned::span),
                table.records.as_ref().map(serde_spanned::Spanned::span),
                table.size.as_ref().map(serde_spanned::Spanned::span),
                table.keys.as_ref().map(serde_spanned::Spanned::span),
                table.key.as_ref().map(serde_spanned::Spanned::span),
            ];
            if let Some(span) = unfit.into_iter().flatten().next() {
                return Err(self.source.error(
                    span,
                    "a consumer sends nothing",
                    "this is for producers",
                ));
            }
            let mut config = ConsumerConfig::default();
            self.settings(&table.config, |name, value| config.set(name, value))?;
            return Ok(Client::Consumer { topic, config });
        }
        let mut config = ProducerConfig::default();
        self.settings(&table.config, |name, value| config.set(name, value))?;
        config.check().map_err(|error| {
            self.source
                .error(name.span(), error.headline(), "this producer")
                .with_help(format!("allowed: {}", error.allowed))
        })?;
        if config.producer.enable_idempotence {
            let key = table.config.iter().find(|(key, _)| key.get_ref() == "enable.idempotence");
            let span = key.map_or_else(|| name.span(), |(_, value)| value.span());
            let message = "brokers do not know idempotent producers yet";
            return Err(self.source.error(span, message, "false, for now"));
        }
        Ok(Client::Producer { topic, load: self.load(table)?, config })
    }

    fn load(&self, table: &ClientTable) -> Result<Load, ScenarioError> {
        let every = match &table.rate {
            None => Span::from_millis(40),
            Some(text) => parse_rate(text.get_ref()).ok_or_else(|| {
                let message = format!("`{}` is no rate", text.get_ref());
                self.source.error(text.span(), message, "records a second, as in 25/s; above 0")
            })?,
        };
        let size = self.count(table.size.as_ref(), 100, "bytes for a record", 16..=1_000_000)?;
        let keys = self.count(table.keys.as_ref(), 0, "keys", 0..=1_000_000_000)?;
        let mut records = Vec::new();
        match (&table.records, &table.key) {
            (None, None) => {}
            (None, Some(key)) => {
                let message = "a key is a column of a record file";
                return Err(self.source.error(key.span(), message, "records = is missing"));
            }
            (Some(file), key) => {
                let key = key.as_ref().map(|key| key.get_ref().as_str());
                records = self.read_records(file.get_ref(), key).map_err(|error| {
                    let at = match (&error, &table.key) {
                        (RecordFileError::NoSuchKey { .. }, Some(key)) => key.span(),
                        _ => file.span(),
                    };
                    self.source.error(at, error.to_string(), "records of this producer")
                })?;
            }
        }
        Ok(Load {
            every,
            size: usize::try_from(size).expect("bounded"),
            keys: u64::try_from(keys).expect("bounded"),
            records,
        })
    }

    /// A record file lies beside the scenario; those of the built-in ones come with Trial.
    fn read_records(&self, file: &str, key: Option<&str>) -> Result<Vec<Record>, RecordFileError> {
        match self.path {
            None => match builtin::data(file) {
                Some(text) => parse_records(Path::new(file), text, key),
                None => read_records(Path::new(file), key),
            },
            Some(path) => read_records(&path.with_file_name("").join(file), key),
        }
    }

    fn fault(
        &self,
        text: &serde_spanned::Spanned<String>,
        cluster: &Cluster,
        topics: &BTreeMap<String, Topic>,
        clients: &BTreeMap<String, Client>,
    ) -> Result<Fault, ScenarioError> {
        // The span covers the quotes; inside a plain string a byte of the fault is a byte of the file.
        let start = text.span().start + 1;
        let fault: Fault =
            text.get_ref().parse().map_err(|error: trial_sim::fault::FaultError| {
                let at = start + error.at.start..start + error.at.end.max(error.at.start + 1);
                let refused = self.source.error(at, error.what.clone(), "here");
                if error.expected.is_empty() {
                    refused
                } else {
                    refused.with_help(format!("allowed: {}", error.expected.join(", ")))
                }
            })?;
        let known = names::Known { cluster, topics, clients };
        known.check(&fault).map_err(|unfit| {
            let within = unfit.name.as_deref().and_then(|name| text.get_ref().find(name));
            let at = match (within, &unfit.name) {
                (Some(offset), Some(name)) => start + offset..start + offset + name.len(),
                _ => text.span(),
            };
            let refused = self.source.error(at, unfit.what, "here");
            match unfit.allowed {
                Some(allowed) => refused.with_help(format!("allowed: {allowed}")),
                None => refused,
            }
        })?;
        Ok(fault)
    }
}

/// `25/s`: the time between two records. At most a million a second.
fn parse_rate(text: &str) -> Option<Span> {
    let number = text.trim().strip_suffix("/s")?.trim();
    let per_second: f64 = number.parse().ok()?;
    let sane = per_second > 0.000_01 && per_second <= 1_000_000.0;
    sane.then(|| Span::from_nanos((1_000_000_000.0 / per_second).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::parse_rate;
    use trial_sim::Span;

    #[test]
    fn a_rate_is_a_number_of_records_a_second() {
        assert_eq!(parse_rate("25/s"), Some(Span::from_millis(40)));
        assert_eq!(parse_rate("0.5/s"), Some(Span::from_secs(2)));
        for bad in ["-3/s", "0/s", "25", "NaN/s", "inf/s", "x/s"] {
            assert_eq!(parse_rate(bad), None, "{bad}");
        }
    }
}
