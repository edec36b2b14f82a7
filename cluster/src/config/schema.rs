//! What Kafka's settings are: their types, their defaults, and which may be changed while brokers run.
//!
//! In Kafka:   `KafkaConfigSchema`, `AbstractKafkaConfig.CONFIG_DEF`, `LogConfig`, `GroupConfig`,
//!             `ClientMetricsConfigs`; `DynamicBrokerConfig` says what is dynamic (KIP-226).
//! Holds:      nothing: it reads the list of facts (`settings-4.3.0.txt`). What we obey of it is in `broker` and
//!             `topic`.
//! Invariants: SC-1 a section's keys come in the order in which Kafka defines them.
//! Left out:   texts (`ConfigKey.documentation`), validators: what we obey has its bounds where it is read.

const FACTS: &str = include_str!("../../settings-4.3.0.txt");

/// Of what a setting is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// A node.
    Broker,
    /// A topic.
    Topic,
    /// A group.
    Group,
    /// A subscription to metrics of clients (KIP-714).
    ClientMetrics,
}

/// The type of a setting (`ConfigDef.Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// 32 bits.
    Int,
    /// 16 bits.
    Short,
    /// 64 bits.
    Long,
    /// With a fraction.
    Double,
    /// Words with commas between them.
    List,
    /// The name of a class.
    Class,
    /// What is never told.
    Password,
}

impl ConfigType {
    /// Kafka's number (`DescribeConfigsResponse.ConfigType`).
    #[must_use]
    pub const fn id(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    fn named(word: &str) -> Self {
        match word {
            "boolean" => Self::Boolean,
            "string" => Self::String,
            "int" => Self::Int,
            "short" => Self::Short,
            "long" => Self::Long,
            "double" => Self::Double,
            "list" => Self::List,
            "class" => Self::Class,
            "password" => Self::Password,
            other => panic!("there is no type {other}"),
        }
    }

    /// A value as Kafka tells it, which has read it before: without spaces around it, numbers as it writes them
    /// (`ConfigDef.parseType`, `convertToString`).
    #[must_use]
    pub fn told(self, text: &str) -> String {
        let trimmed = text.trim();
        match self {
            Self::Boolean => trimmed.to_ascii_lowercase(),
            Self::Int | Self::Short | Self::Long => {
                trimmed.parse::<i64>().map_or(trimmed.to_owned(), |number| number.to_string())
            }
            Self::Double => match trimmed.parse::<f64>() {
                // Java's way: a digit behind the point at least. Its exponents are told as they are written.
                Ok(number) if number.abs() < 1e7 && (number == 0.0 || number.abs() >= 1e-3) => {
                    format!("{number:?}")
                }
                _ => trimmed.to_owned(),
            },
            Self::List if trimmed.is_empty() => String::new(),
            Self::List => trimmed.split(',').map(str::trim).collect::<Vec<_>>().join(","),
            Self::String | Self::Class | Self::Password => trimmed.to_owned(),
        }
    }
}

/// Who may change a setting while brokers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dynamic {
    /// It is that of one broker or of all.
    ClusterWide,
    /// It is that of one broker.
    PerBroker,
    /// Nobody: it is read when the broker starts.
    ReadOnly,
}

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigKey {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ConfigType,
    /// What it is unless it is set; none if it has no value then.
    pub default: Option<&'static str>,
    /// Who may change it.
    pub dynamic: Dynamic,
    /// Whether it is Kafka's own, and told only where it is set.
    pub internal: bool,
}

impl ConfigKey {
    fn read(line: &'static str) -> Self {
        let mut words = line.splitn(4, ' ');
        let mut next = || words.next();
        let (name, kind, flags) = (next(), next(), next());
        let (name, kind) = (name.expect("a name"), kind.expect("a type"));
        let flags = flags.expect("flags");
        Self {
            name,
            kind: ConfigType::named(kind),
            default: Some(next().unwrap_or("")).filter(|text| *text != "-"),
            dynamic: match flags.as_bytes()[0] {
                b'c' => Dynamic::ClusterWide,
                b'b' => Dynamic::PerBroker,
                _ => Dynamic::ReadOnly,
            },
            internal: flags.ends_with('i'),
        }
    }
}

/// The settings of a section (SC-1).
pub fn keys(section: Section) -> impl Iterator<Item = ConfigKey> {
    let head = match section {
        Section::Broker => "[broker]",
        Section::Topic => "[topic]",
        Section::Group => "[group]",
        Section::ClientMetrics => "[client-metrics]",
    };
    let lines = FACTS.lines().skip_while(move |line| *line != head).skip(1);
    lines.take_while(|line| !line.starts_with('[')).map(ConfigKey::read)
}

/// One of them.
#[must_use]
pub fn key(section: Section, name: &str) -> Option<ConfigKey> {
    keys(section).find(|key| key.name == name)
}

/// Other names of one of a broker's settings, itself among them, those that count first come first
/// (`DynamicBrokerConfig.brokerConfigSynonyms`).
#[must_use]
pub fn broker_synonyms(name: &str) -> Vec<&str> {
    const FAMILIES: [&[&str]; 3] = [
        &["log.roll.ms", "log.roll.hours"],
        &["log.roll.jitter.ms", "log.roll.jitter.hours"],
        &["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
    ];
    if name == "log.flush.interval.ms" {
        return vec!["log.flush.interval.ms", "log.flush.scheduler.interval.ms"];
    }
    match FAMILIES.iter().find(|family| family.contains(&name)) {
        Some(family) => family.to_vec(),
        None => vec![name],
    }
}

/// The order in which a Java hash map of these names is gone through, if they were put into it one after another.
#[must_use]
pub fn in_hash_order<T>(named: Vec<T>, name: impl Fn(&T) -> &str) -> Vec<T> {
    let least = named.len() + named.len().div_ceil(3);
    let buckets = u32::try_from(least.next_power_of_two().max(16)).expect("settings are few");
    let bucket = |name: &str| {
        let hash =
            name.encode_utf16().fold(0_u32, |hash, unit| wrapping(hash).wrapping_add(unit.into()));
        (hash ^ (hash >> 16)) & (buckets - 1)
    };
    let mut named = named;
    named.sort_by_key(|it| bucket(name(it)));
    named
}

fn wrapping(hash: u32) -> u32 {
    hash.wrapping_mul(31)
}

#[cfg(test)]
mod tests {
    use super::{ConfigType, Dynamic, Section, in_hash_order, key, keys};
    use crate::config::TopicConfig;
    use crate::config::broker::NodeSettings;
    use crate::config::group::GroupSettings;

    #[test]
    fn all_that_is_obeyed_is_known_to_kafka_and_has_its_default() {
        for name in NodeSettings::NAMES {
            let known = key(Section::Broker, name).unwrap_or_else(|| panic!("{name} is unknown"));
            let mut config = NodeSettings::default();
            match known.default {
                Some(default) => config.set(name, default).unwrap_or_else(|why| panic!("{why}")),
                // Unset: consumers read from leaders.
                None => assert_eq!(*name, "replica.selector.class"),
            }
            assert_eq!(config, NodeSettings::default(), "{name}");
        }
        for name in GroupSettings::NAMES {
            let known = key(Section::Broker, name).unwrap_or_else(|| panic!("{name} is unknown"));
            let mut config = GroupSettings::default();
            let default = known.default.expect("each has one");
            config.set(name, default).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(config, GroupSettings::default(), "{name}");
        }
        for name in TopicConfig::NAMES {
            assert!(key(Section::Topic, name).is_some(), "{name} is unknown");
        }
        for (name, _) in TopicConfig::SYNONYMS {
            let known = key(Section::Broker, name).unwrap_or_else(|| panic!("{name} is unknown"));
            assert_eq!(known.dynamic, Dynamic::ClusterWide, "{name}");
        }
    }

    #[test]
    fn sections_are_as_long_as_kafkas() {
        let count = |section| keys(section).count();
        assert_eq!(count(Section::Broker), 360);
        assert_eq!(count(Section::Topic), 34);
        assert_eq!(count(Section::Group), 17);
        assert_eq!(count(Section::ClientMetrics), 3);
    }

    #[test]
    fn values_are_told_as_kafka_tells_them() {
        let told = |kind: ConfigType, text: &str, want: &str| assert_eq!(kind.told(text), want);
        told(ConfigType::Long, " 60000 ", "60000");
        told(ConfigType::Int, "+7", "7");
        told(ConfigType::Boolean, "TRUE", "true");
        told(ConfigType::List, " compact , delete ", "compact,delete");
        told(ConfigType::List, "", "");
        told(ConfigType::Double, "1", "1.0");
        told(ConfigType::Double, ".25", "0.25");
        told(ConfigType::Double, "1.7976931348623157E308", "1.7976931348623157E308");
    }

    #[test]
    fn names_come_in_javas_order() {
        let names: Vec<&str> = keys(Section::ClientMetrics).map(|key| key.name).collect();
        assert_eq!(in_hash_order(names, |name| *name), ["interval.ms", "match", "metrics"]);
    }
}
