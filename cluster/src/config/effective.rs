//! Every setting with its value and where that comes from, as brokers and controllers tell it.
//!
//! In Kafka:   `KafkaConfigSchema.resolveEffectiveTopicConfigs`; `ConfigHelper.configSynonyms`.
//! Holds:      what is set for one node at each level, by name.
//! Invariants: EF-1 what is set nearest counts: the topic's own, the broker's, the cluster's, the node's file, Kafka's.
//!             EF-2 a setting that is internal to Kafka is told only of a topic that has set it.

use std::collections::BTreeMap;

use super::TopicConfig;
use super::schema::{self, Section, broker_synonyms};
use crate::ids::BrokerId;
use crate::image::{ConfigMap, ConfigResource, ConfigsImage};

/// Where a value comes from (`DescribeConfigsResponse.ConfigSource`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic's own.
    Topic,
    /// One broker's, set while it runs.
    Broker,
    /// The cluster's, set while it runs.
    Cluster,
    /// A node's file.
    Static,
    /// Kafka's own.
    Default,
    /// The group's own.
    Group,
}

impl ConfigSource {
    /// Kafka's number.
    #[must_use]
    pub const fn id(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::Broker => 2,
            Self::Cluster => 3,
            Self::Static => 4,
            Self::Default => 5,
            Self::Group => 8,
        }
    }
}

/// A setting as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Where that comes from.
    pub source: ConfigSource,
}

/// What is set for one node, level by level.
#[derive(Debug)]
pub struct Levels<'a> {
    broker: Option<&'a ConfigMap>,
    cluster: Option<&'a ConfigMap>,
    file: &'a BTreeMap<String, String>,
}

/// A value under one of a setting's names, and who has set it.
pub type Synonym = (&'static str, String, ConfigSource);

impl<'a> Levels<'a> {
    /// Of the node `node`, whose file says this.
    #[must_use]
    pub fn new(
        configs: &'a ConfigsImage,
        node: BrokerId,
        file: &'a BTreeMap<String, String>,
    ) -> Self {
        let broker = configs.resource(&ConfigResource::Broker(node));
        Self { broker, cluster: configs.resource(&ConfigResource::Cluster), file }
    }

    /// All that is set under a name of one of a broker's settings or under other names for it, what counts first
    /// comes first, and begins with that name itself.
    #[must_use]
    pub fn synonyms(&self, name: &str) -> Vec<Synonym> {
        let names = broker_synonyms(name);
        let keys: Vec<_> =
            schema::keys(Section::Broker).filter(|key| names.contains(&key.name)).collect();
        let mut found = Vec::new();
        let sources = [
            ConfigSource::Broker,
            ConfigSource::Cluster,
            ConfigSource::Static,
            ConfigSource::Default,
        ];
        for source in sources {
            for of in &names {
                let Some(key) = keys.iter().find(|key| key.name == *of) else { continue };
                let value = match source {
                    ConfigSource::Broker => dynamic(self.broker, of),
                    ConfigSource::Cluster => dynamic(self.cluster, of),
                    ConfigSource::Static => self.file.get(*of).cloned(),
                    ConfigSource::Default | ConfigSource::Topic | ConfigSource::Group => {
                        key.default.map(str::to_owned)
                    }
                };
                found.extend(value.map(|value| (key.name, value, source)));
            }
        }
        found.into_iter().skip_while(|(of, _, _)| *of != name).collect()
    }
}

fn dynamic(map: Option<&ConfigMap>, name: &str) -> Option<String> {
    map.and_then(|map| map.get(name)).map(|value| value.to_string())
}

/// The settings of a topic that has set `own`, in the order of their names, as a node with these levels sees them.
pub fn effective<'a>(
    own: impl Fn(&str) -> Option<String> + 'a,
    levels: &'a Levels<'a>,
) -> impl Iterator<Item = Effective> + 'a {
    let mut keys: Vec<_> = schema::keys(Section::Topic).collect();
    keys.sort_by_key(|key| key.name);
    keys.into_iter().filter_map(move |key| {
        let name = key.name;
        if let Some(value) = own(name) {
            return Some(Effective { name, value, source: ConfigSource::Topic });
        }
        if key.internal {
            return None;
        }
        let of_brokers = name_on_brokers(name);
        let set = of_brokers.and_then(|name| levels.synonyms(name).into_iter().next());
        let set = set.filter(|(_, _, source)| *source != ConfigSource::Default);
        let (value, source) = match set {
            Some((_, value, source)) => (value, source),
            None => (key.default.unwrap_or_default().to_owned(), ConfigSource::Default),
        };
        Some(Effective { name, value, source })
    })
}

/// What a broker calls a topic's setting; none if it has none like it (`ServerTopicConfigSynonyms`).
#[must_use]
pub fn name_on_brokers(name: &str) -> Option<&str> {
    // Those of them that we do not obey.
    const OTHERS: [(&str, &str); 3] = [
        ("log.preallocate", "preallocate"),
        ("log.local.retention.ms", "local.retention.ms"),
        ("log.local.retention.bytes", "local.retention.bytes"),
    ];
    let mut synonyms = TopicConfig::SYNONYMS.iter().chain(&OTHERS);
    match synonyms.find(|(_, topic_name)| *topic_name == name) {
        Some((broker_name, _)) => Some(broker_name),
        None => schema::key(Section::Broker, name).map(|_| name),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{ConfigSource, Levels, effective};
    use crate::config::TopicConfig;
    use crate::ids::BrokerId;
    use crate::image::ConfigsImage;

    fn file(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_told_by_default_is_what_a_topic_obeys_by_default() {
        let (configs, file) = (ConfigsImage::default(), file(&[]));
        let levels = Levels::new(&configs, BrokerId(1), &file);
        let told: Vec<_> = effective(|_| None, &levels).collect();
        assert!(told.is_sorted_by_key(|it| it.name), "in the order of their names");
        assert_eq!(told.len(), 33, "EF-2: all but the internal one");
        for name in TopicConfig::NAMES.iter().filter(|name| **name != "internal.segment.bytes") {
            let told = told.iter().find(|it| it.name == *name);
            let told = told.unwrap_or_else(|| panic!("{name} is not told"));
            let mut config = TopicConfig::default();
            // -1 is no level that may be set; it is only told.
            if *name != "compression.gzip.level" {
                config.set(name, &told.value).unwrap_or_else(|why| panic!("{why}"));
            }
            assert_eq!(config, TopicConfig::default(), "{name}");
        }
    }

    #[test]
    fn what_is_set_nearest_counts() {
        let configs = ConfigsImage::default();
        let own = |name: &str| (name == "retention.ms").then(|| "1".to_owned());
        let file = file(&[("log.retention.ms", "2"), ("log.segment.bytes", "3")]);
        let levels = Levels::new(&configs, BrokerId(1), &file);
        let told: Vec<_> = effective(own, &levels).collect();
        let of = |name: &str| {
            let found = told.iter().find(|it| it.name == name).expect("it is told");
            (found.value.as_str(), found.source)
        };
        assert_eq!(of("retention.ms"), ("1", ConfigSource::Topic));
        assert_eq!(of("segment.bytes"), ("3", ConfigSource::Static));
        assert_eq!(of("segment.ms"), ("604800000", ConfigSource::Default));
    }

    #[test]
    fn synonyms_begin_with_the_name_that_is_asked_for() {
        let configs = ConfigsImage::default();
        let file = file(&[("log.retention.hours", "1"), ("num.partitions", "4")]);
        let levels = Levels::new(&configs, BrokerId(1), &file);
        let of = |name: &str| {
            let told = levels.synonyms(name).into_iter();
            told.map(|(name, value, source)| format!("{name}={value} {}", source.id())).collect()
        };
        let none: [String; 0] = [];
        let told: Vec<String> = of("log.retention.ms");
        assert_eq!(told, none, "who asks for milliseconds is not told of hours");
        let told: Vec<String> = of("log.retention.hours");
        assert_eq!(told, ["log.retention.hours=1 4", "log.retention.hours=168 5"]);
        let told: Vec<String> = of("num.partitions");
        assert_eq!(told, ["num.partitions=4 4", "num.partitions=1 5"]);
    }
}
