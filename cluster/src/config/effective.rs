//! Every setting of a topic with its value and where that comes from, as brokers and controllers tell it.
//!
//! In Kafka:   `KafkaConfigSchema.resolveEffectiveTopicConfigs`; `LogConfig`'s names, in their order, and defaults.
//! Holds:      the names of Kafka 4.3, with those whose value cannot be another one here: they are what they are by
//!             default.
//! Invariants: EF-1 what is set nearest counts: the topic's own, the broker's, the cluster's, the node's file, Kafka's.
//!             EF-2 a setting that is internal to Kafka is told only of a topic that has set it.

use super::TopicConfig;
use crate::ids::BrokerId;
use crate::image::{ConfigResource, ConfigsImage};

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

/// Set by nobody, it is not told of.
const INTERNAL: &str = "internal.segment.bytes";

/// Each setting of a topic, in the order of their names, with Kafka's default.
const DEFAULTS: &[(&str, &str)] = &[
    ("cleanup.policy", "delete"),
    ("compression.gzip.level", "-1"),
    ("compression.lz4.level", "9"),
    ("compression.type", "producer"),
    ("compression.zstd.level", "3"),
    ("delete.retention.ms", "86400000"),
    ("file.delete.delay.ms", "60000"),
    ("flush.messages", "9223372036854775807"),
    ("flush.ms", "9223372036854775807"),
    ("follower.replication.throttled.replicas", ""),
    ("index.interval.bytes", "4096"),
    (INTERNAL, ""),
    ("leader.replication.throttled.replicas", ""),
    ("local.retention.bytes", "-2"),
    ("local.retention.ms", "-2"),
    ("max.compaction.lag.ms", "9223372036854775807"),
    ("max.message.bytes", "1048588"),
    ("message.timestamp.after.max.ms", "3600000"),
    ("message.timestamp.before.max.ms", "9223372036854775807"),
    ("message.timestamp.type", "CreateTime"),
    ("min.cleanable.dirty.ratio", "0.5"),
    ("min.compaction.lag.ms", "0"),
    ("min.insync.replicas", "1"),
    ("preallocate", "false"),
    ("remote.log.copy.disable", "false"),
    ("remote.log.delete.on.disable", "false"),
    ("remote.storage.enable", "false"),
    ("retention.bytes", "-1"),
    ("retention.ms", "604800000"),
    ("segment.bytes", "1073741824"),
    ("segment.index.bytes", "10485760"),
    ("segment.jitter.ms", "0"),
    ("segment.ms", "604800000"),
    ("unclean.leader.election.enable", "false"),
];

/// The settings of a topic that has set `own`, as node `node` sees them; `given` is what its file says.
pub fn effective<'a>(
    own: impl Fn(&str) -> Option<String> + 'a,
    configs: &'a ConfigsImage,
    node: BrokerId,
    given: impl Fn(&str) -> Option<String> + 'a,
) -> impl Iterator<Item = Effective> + 'a {
    DEFAULTS.iter().filter_map(move |&(name, default)| {
        let dynamic = |resource: &ConfigResource| {
            let mut names = names_on_brokers(name);
            names.find_map(|name| configs.value(resource, name).map(str::to_owned))
        };
        let found = own(name)
            .map(|value| (value, ConfigSource::Topic))
            .or_else(|| Some((dynamic(&ConfigResource::Broker(node))?, ConfigSource::Broker)))
            .or_else(|| Some((dynamic(&ConfigResource::Cluster)?, ConfigSource::Cluster)))
            .or_else(|| Some((names_on_brokers(name).find_map(&given)?, ConfigSource::Static)));
        let (value, source) = match found {
            Some(found) => found,
            None if name == INTERNAL => return None,
            None => (default.to_owned(), ConfigSource::Default),
        };
        (name != INTERNAL || source == ConfigSource::Topic).then_some(Effective {
            name,
            value,
            source,
        })
    })
}

/// What a broker calls a topic's setting: by its own name for it, or by the topic's.
fn names_on_brokers(name: &'static str) -> impl Iterator<Item = &'static str> {
    let synonyms = TopicConfig::SYNONYMS.iter().filter(move |(_, topic_name)| *topic_name == name);
    synonyms.map(|(broker_name, _)| *broker_name).chain([name])
}

#[cfg(test)]
mod tests {
    use super::{ConfigSource, DEFAULTS, INTERNAL, effective};
    use crate::config::TopicConfig;
    use crate::ids::BrokerId;
    use crate::image::ConfigsImage;

    #[test]
    fn what_is_told_by_default_is_what_a_topic_obeys_by_default() {
        assert!(DEFAULTS.is_sorted(), "in the order of their names");
        for name in TopicConfig::NAMES.iter().filter(|name| **name != INTERNAL) {
            let told = DEFAULTS.iter().find(|(known, _)| known == name);
            let (_, told) = told.unwrap_or_else(|| panic!("{name} is not told"));
            let mut config = TopicConfig::default();
            // -1 is no level that may be set; it is only told.
            if *name != "compression.gzip.level" {
                config.set(name, told).unwrap_or_else(|why| panic!("{why}"));
            }
            assert_eq!(config, TopicConfig::default(), "{name}");
        }
    }

    #[test]
    fn what_is_set_nearest_counts() {
        let configs = ConfigsImage::default();
        let own = |name: &str| (name == "retention.ms").then(|| "1".to_owned());
        let given = |name: &str| match name {
            "log.retention.ms" => Some("2".to_owned()),
            "log.segment.bytes" => Some("3".to_owned()),
            _ => None,
        };
        let told: Vec<_> = effective(own, &configs, BrokerId(1), given).collect();
        let of = |name: &str| {
            let found = told.iter().find(|it| it.name == name).expect("it is told");
            (found.value.as_str(), found.source)
        };
        assert_eq!(of("retention.ms"), ("1", ConfigSource::Topic));
        assert_eq!(of("segment.bytes"), ("3", ConfigSource::Static));
        assert_eq!(of("segment.ms"), ("604800000", ConfigSource::Default));
        assert!(!told.iter().any(|it| it.name == INTERNAL), "EF-2");
    }
}
