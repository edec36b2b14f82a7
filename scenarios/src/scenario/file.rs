//! The form of a scenario file, as serde reads it: every part with its place in the text.
//!
//! Holds:      the tables and keys that a file may have; an unknown key is refused by serde with the allowed ones.
//! Invariants: SF-1 nothing is judged here but form; `scenario.rs` judges meaning.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_spanned::Spanned;

use super::forms::{Bandwidth, Duration, Latency, Percent, Rate, text};

/// A scenario file, whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioFile {
    pub(super) title: Spanned<String>,
    #[serde(default)]
    pub(super) story: String,
    pub(super) profile: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) switches: Vec<Spanned<String>>,
    pub(super) expect: Option<Spanned<Expect>>,
    #[serde(default, deserialize_with = "text::<Duration, _>")]
    pub(super) time: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "text::<Duration, _>")]
    pub(super) calm: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) faults: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) must_happen: MustHappen,
    #[serde(default)]
    pub(super) left_down: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) exceeds_budget: bool,
    #[serde(default)]
    pub(super) require_effect: bool,
    #[serde(default)]
    pub(super) picks: BTreeMap<Spanned<String>, Spanned<Vec<toml::Value>>>,
    #[serde(default)]
    pub(super) network: NetworkTable,
    #[serde(default)]
    pub(super) lanes: LanesTable,
    #[serde(default)]
    pub(super) racks: BTreeMap<Spanned<String>, RackTable>,
    #[serde(default)]
    pub(super) cluster: ClusterTable,
    #[serde(default)]
    pub(super) topics: BTreeMap<Spanned<String>, TopicTable>,
    #[serde(default)]
    pub(super) clients: BTreeMap<Spanned<String>, ClientTable>,
}

/// One verdict, or one for each profile.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Expect {
    One(String),
    ByProfile(BTreeMap<String, String>),
}

/// Probes that must be reached: under every profile, or for each.
#[derive(Debug)]
pub(super) enum MustHappen {
    Always(Vec<Spanned<String>>),
    ByProfile(BTreeMap<Spanned<String>, Vec<Spanned<String>>>),
}

impl Default for MustHappen {
    fn default() -> Self {
        Self::Always(Vec::new())
    }
}

/// By hand: an untagged enum would lose the places of its words.
impl<'de> Deserialize<'de> for MustHappen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ListOrTable;

        impl<'de> Visitor<'de> for ListOrTable {
            type Value = MustHappen;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of probes, or a table of profiles with one for each")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<MustHappen, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(MustHappen::Always)
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<MustHappen, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(table)).map(MustHappen::ByProfile)
            }
        }

        from.deserialize_any(ListOrTable)
    }
}

/// A topic, or a list of topics.
#[derive(Debug)]
pub(super) struct OneOrMore(pub(super) Vec<Spanned<String>>);

/// By hand: an untagged enum would lose the places of its words.
impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TopicOrList;

        impl<'de> Visitor<'de> for TopicOrList {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a topic, or a list of topics")
            }

            fn visit_str<E: Error>(self, topic: &str) -> Result<OneOrMore, E> {
                // The place of the only one is that of the whole.
                Ok(OneOrMore(vec![Spanned::new(0..0, topic.to_owned())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMore, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMore)
            }
        }

        from.deserialize_any(TopicOrList)
    }
}

/// `[cluster]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClusterTable {
    pub(super) brokers: Option<Spanned<i64>>,
    pub(super) controllers: Option<Spanned<i64>>,
    #[serde(default)]
    pub(super) config: ConfigTable,
}

/// `[network]`: latencies one way, and what a link carries.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkTable {
    #[serde(default, deserialize_with = "text::<Latency, _>")]
    pub(super) latency: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "text::<Latency, _>")]
    pub(super) between_racks: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "text::<Latency, _>")]
    pub(super) between_zones: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "text::<Latency, _>")]
    pub(super) between_regions: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "text::<Bandwidth, _>")]
    pub(super) bandwidth: Option<Spanned<String>>,
}

/// `[lanes]`: how threads take turns.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LanesTable {
    pub(super) scheduler: Option<Spanned<String>>,
    pub(super) depth: Option<Spanned<i64>>,
    pub(super) steps: Option<Spanned<i64>>,
    pub(super) yields: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "text::<Latency, _>")]
    pub(super) apply_metadata: Option<Spanned<String>>,
}

/// `[racks.NAME]`: which hosts stand together, and where.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RackTable {
    pub(super) hosts: Vec<Spanned<String>>,
    pub(super) zone: Option<Spanned<String>>,
    pub(super) region: Option<Spanned<String>>,
}

/// `[topics.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicTable {
    pub(super) partitions: Option<Spanned<i64>>,
    pub(super) replicas: Option<Spanned<i64>>,
    pub(super) assignment: Option<Spanned<Vec<Vec<i32>>>>,
    #[serde(default)]
    pub(super) config: ConfigTable,
}

/// `[clients.NAME]`: a producer or a consumer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientTable {
    pub(super) produce: Option<Spanned<String>>,
    pub(super) consume: Option<Spanned<OneOrMore>>,
    pub(super) consume_pattern: Option<Spanned<String>>,
    pub(super) consume_regex: Option<Spanned<String>>,
    pub(super) group: Option<Spanned<String>>,
    pub(super) commit: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "text::<Duration, _>")]
    pub(super) per_record: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "text::<Duration, _>")]
    pub(super) per_poll: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "text::<Duration, _>")]
    pub(super) pause: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "text::<Duration, _>")]
    pub(super) callback: Option<Spanned<String>>,
    pub(super) by_hand: Option<Spanned<bool>>,
    #[serde(default, deserialize_with = "text::<Rate, _>")]
    pub(super) rate: Option<Spanned<String>>,
    pub(super) size: Option<Spanned<i64>>,
    pub(super) keys: Option<Spanned<i64>>,
    #[serde(default, deserialize_with = "text::<Percent, _>")]
    pub(super) tombstones: Option<Spanned<String>>,
    pub(super) records: Option<Spanned<String>>,
    pub(super) key: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "text::<Duration, _>")]
    pub(super) purge: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) config: ConfigTable,
}

/// Kafka's own settings by their names.
pub(super) type ConfigTable = BTreeMap<Spanned<String>, Spanned<toml::Value>>;
