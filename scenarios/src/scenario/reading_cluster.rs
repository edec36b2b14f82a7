//! Reads `[cluster]` and `[topics.NAME]`: a topology that can be.

use std::collections::BTreeMap;

use serde_spanned::Spanned;
use trial_cluster::config::{BrokerConfig, TopicConfig};

use super::error::ScenarioError;
use super::file::{ConfigTable, ScenarioFile, TopicTable};
use super::names;
use super::reading::Reading;
use super::scenario::{Cluster, Topic};

/// The most brokers that a scenario may have.
const BROKERS_MAX: i64 = 99;
/// The most controllers.
const CONTROLLERS_MAX: i64 = 5;
/// The most partitions of a topic: it and they are one atomic append, of at most 10,000 records.
const PARTITIONS_MAX: i64 = 9_999;

/// Its name is Kafka's own (`Topic.CLUSTER_METADATA_TOPIC_NAME`): no topic can be created under it.
const METADATA_TOPIC: &str = "__cluster_metadata";

impl Reading<'_> {
    pub(super) fn cluster(&self, file: &ScenarioFile) -> Result<Cluster, ScenarioError> {
        let table = &file.cluster;
        let brokers = self.count(table.brokers.as_ref(), 3, "brokers", 1..=BROKERS_MAX)?;
        let controllers =
            self.count(table.controllers.as_ref(), 3, "controllers", 0..=CONTROLLERS_MAX)?;
        if controllers == 0 && brokers > CONTROLLERS_MAX {
            let span = table.controllers.as_ref().map_or(0..0, Spanned::span);
            let message = format!("{brokers} brokers cannot all be controllers");
            let label = format!("0 makes every broker one; at most {CONTROLLERS_MAX} may be");
            return Err(self.source.error(span, message, label));
        }
        let mut config = BrokerConfig::default();
        let settings = self.settings(&table.config, |name, value| config.set(name, value))?;
        self.named_once(&table.config)?;
        config.topic.check().map_err(|error| self.unfit(&table.config, &error, 0..0))?;
        Ok(Cluster {
            brokers: u16::try_from(brokers).expect("bounded"),
            controllers: u16::try_from(controllers).expect("bounded"),
            config,
            settings,
        })
    }

    /// Kafka refuses to make two topics whose metrics would have one name (`Topic.hasCollision`).
    pub(super) fn collides(
        &self,
        name: &Spanned<String>,
        others: &BTreeMap<String, Topic>,
    ) -> Result<(), ScenarioError> {
        let unify = |name: &str| name.replace('.', "_");
        let Some(other) = others.keys().find(|other| unify(other) == unify(name.get_ref())) else {
            return Ok(());
        };
        let message = format!("Kafka does not take `{}` beside `{other}`", name.get_ref());
        let label = "names must differ in more than `.` and `_`";
        Err(self.source.error(name.span(), message, label))
    }

    /// Only nodes can be left down: whoever sends or reads is waited for.
    pub(super) fn left_down(
        &self,
        given: &[Spanned<String>],
        cluster: &Cluster,
    ) -> Result<Vec<String>, ScenarioError> {
        let nodes = names::node_names(cluster);
        let known: Vec<&str> = nodes.iter().map(String::as_str).collect();
        let stranger = given.iter().find(|name| !nodes.contains(name.get_ref()));
        match stranger {
            Some(name) => Err(self.unknown(name, "node", &known)),
            None => Ok(given.iter().map(|name| name.get_ref().clone()).collect()),
        }
    }

    pub(super) fn topic(
        &self,
        name: &Spanned<String>,
        table: &TopicTable,
        cluster: &Cluster,
    ) -> Result<Topic, ScenarioError> {
        if !names::is_topic_name(name.get_ref()) {
            let message = format!("`{}` is no name for a topic", name.get_ref());
            let label = "letters, digits, `.`, `_` and `-`, at most 249";
            return Err(self.source.error(name.span(), message, label));
        }
        if name.get_ref() == METADATA_TOPIC {
            let message = format!("`{METADATA_TOPIC}` is the controllers' own");
            return Err(self.source.error(name.span(), message, "any other name"));
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
        let mut config = cluster.config.topic.clone();
        let settings = self.settings(&table.config, |name, value| config.set(name, value))?;
        config.check().map_err(|error| self.unfit(&table.config, &error, name.span()))?;
        Ok(Topic {
            partitions: i32::try_from(partitions).expect("bounded"),
            replicas: i16::try_from(replicas).expect("bounded"),
            assignment,
            config,
            settings,
        })
    }

    /// A broker's name for a topic's setting and the topic's own are one setting: one of two values would not count.
    fn named_once(&self, table: &ConfigTable) -> Result<(), ScenarioError> {
        let mut known = BTreeMap::new();
        for name in table.keys() {
            if let Some(other) = known.insert(TopicConfig::name_of(name.get_ref()), name) {
                let message =
                    format!("`{}` and `{}` are one setting", other.get_ref(), name.get_ref());
                return Err(self.source.error(name.span(), message, "one of the two names"));
            }
        }
        Ok(())
    }

    pub(super) fn check_assignment(
        &self,
        given: &Spanned<Vec<Vec<i32>>>,
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
}
