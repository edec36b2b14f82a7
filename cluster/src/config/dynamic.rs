//! What of a broker's settings may change while it runs, who may change it, and what holds then.
//!
//! In Kafka:   `DynamicBrokerConfig`, `DynamicConfig.Broker`; KIP-226.
//! Holds:      nothing: what is set stands in the metadata log, what a node's file says in `BrokerConfig`.
//! Invariants: DY-1 one broker's setting goes before that of all, and that before the file.
//!             DY-2 what could not be obeyed while the broker runs is refused, not ignored.
//! Left out:   settings of what is not there (listeners of TLS and SASL, limits of connections,
//!             quotas, tiered storage); names that are not Kafka's.

use std::collections::BTreeMap;

use super::schema::{self, ConfigKey, Dynamic, Section};
use super::{BrokerConfig, TopicConfig, broker::NodeSettings};
use crate::ids::BrokerId;
use crate::image::{ConfigResource, ConfigsImage};

/// Whether brokers obey a change of this setting at once.
fn is_obeyed(key: &ConfigKey) -> bool {
    let of_topics = TopicConfig::NAMES.contains(&TopicConfig::name_of(key.name));
    let known = of_topics || NodeSettings::NAMES.contains(&key.name);
    known && key.dynamic != Dynamic::ReadOnly
}

/// Whose settings are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// One broker's.
    Broker,
    /// All brokers'.
    Cluster,
}

impl BrokerConfig {
    /// What holds on the node `node`, of which this is the file (DY-1).
    #[must_use]
    pub fn running(&self, configs: &ConfigsImage, node: BrokerId) -> Self {
        let mut config = self.clone();
        for resource in [ConfigResource::Cluster, ConfigResource::Broker(node)] {
            config.take_all(configs, &resource);
        }
        config
    }

    fn take_all(&mut self, configs: &ConfigsImage, resource: &ConfigResource) {
        for (name, value) in configs.resource(resource).into_iter().flatten() {
            if schema::key(Section::Broker, name).is_some_and(|key| is_obeyed(&key)) {
                // What is no value is passed over, as Kafka's `removeInvalidConfigs` does.
                let _ = self.take(name, value);
            }
        }
    }

    /// Whether `given` may be all that is set at a level of the node `node`, of which this is the file, and where `now`
    /// holds; `configs` says what is set at the other level.
    ///
    /// # Errors
    /// If it cannot be changed, is no such value, or is not obeyed (DY-2); in words.
    pub fn check_dynamic(
        &self,
        now: &Self,
        (configs, node): (&ConfigsImage, BrokerId),
        level: Level,
        given: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        for name in given.keys() {
            check_name(name, level)?;
        }
        let mut config = self.clone();
        if level != Level::Cluster {
            config.take_all(configs, &ConfigResource::Cluster);
        }
        for (name, value) in given {
            config.take(name, value).map_err(|error| error.to_string())?;
        }
        if level == Level::Cluster {
            config.take_all(configs, &ConfigResource::Broker(node));
        }
        check_threads(&now.node, &config.node)
    }
}

/// Threads become at most twice as many, and at least half of them stay (`DynamicThreadPool`, `LogCleaner`,
/// `Acceptor`).
fn check_threads(now: &NodeSettings, then: &NodeSettings) -> Result<(), String> {
    let pools = [
        ("num.io.threads", now.num_io_threads, then.num_io_threads),
        ("num.replica.fetchers", now.num_replica_fetchers, then.num_replica_fetchers),
        ("num.network.threads", now.num_network_threads, then.num_network_threads),
        ("log.cleaner.threads", now.log_cleaner_threads, then.log_cleaner_threads),
    ];
    for (name, now, then) in pools {
        if then < now / 2 || then > now * 2 {
            let (least, most) = (now / 2, now * 2);
            return Err(format!("{name} cannot become {then}: from {now} to {least} to {most}"));
        }
    }
    Ok(())
}

fn check_name(name: &str, level: Level) -> Result<(), String> {
    let Some(key) = schema::key(Section::Broker, name) else {
        return Err(format!("There is no setting {name}, and none is taken that is not obeyed."));
    };
    match (key.dynamic, level) {
        (Dynamic::ReadOnly, _) => Err(format!("Cannot update these configs dynamically: [{name}]")),
        (Dynamic::PerBroker, Level::Cluster) => Err(format!(
            "Cannot update these configs at default cluster level, broker id must be specified: \
             [{name}]"
        )),
        _ if is_obeyed(&key) => Ok(()),
        _ => Err(format!("A change of {name} is not obeyed while a broker runs, and so refused.")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Level;
    use crate::config::BrokerConfig;
    use crate::ids::BrokerId;
    use crate::image::{ConfigResource, ConfigsImage};

    const NODE: BrokerId = BrokerId(1);

    fn running(set: &[(ConfigResource, &str, &str)]) -> BrokerConfig {
        let mut configs = ConfigsImage::default();
        for (resource, name, value) in set {
            configs.set(resource, name, Some(value));
        }
        let mut file = BrokerConfig::default();
        file.set("log.retention.ms", "3").expect("it is Kafka's");
        file.running(&configs, NODE)
    }

    #[test]
    fn the_nearest_level_holds() {
        use ConfigResource::{Broker, Cluster};
        let retention = |set: &[_]| running(set).topic.retention_ms;
        let (all, one) =
            ((Cluster, "log.retention.ms", "2"), (Broker(NODE), "log.retention.ms", "1"));
        let other = (Broker(BrokerId(2)), "log.retention.ms", "9");
        assert_eq!(retention(&[]), 3);
        assert_eq!(retention(std::slice::from_ref(&all)), 2);
        assert_eq!(retention(&[all, one, other]), 1);
    }

    #[test]
    fn what_brokers_read_at_their_start_does_not_change() {
        use ConfigResource::Cluster;
        let changed = running(&[
            (Cluster, "num.partitions", "7"),
            (Cluster, "retention.ms", "1"),
            (Cluster, "log.cleanup.policy", "burn"),
        ]);
        assert_eq!(changed, running(&[]));
    }

    #[test]
    fn a_change_is_refused_for_what_is_wrong_with_it() {
        #[track_caller]
        fn check(level: Level, name: &str, value: &str, want: Option<&str>) {
            let given = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let configs = ConfigsImage::default();
            let got = BrokerConfig::default();
            let got = got.check_dynamic(&got, (&configs, NODE), level, &given).err();
            let starts = got.as_deref().zip(want).is_some_and(|(got, want)| got.starts_with(want));
            assert!(
                got.is_none() == want.is_none() && (starts || want.is_none()),
                "{name}: {got:?}"
            );
        }
        check(Level::Broker, "log.retention.ms", "1", None);
        check(Level::Cluster, "log.cleaner.backoff.ms", "1", None);
        check(Level::Broker, "log.retention.ms", "long", Some("`retention.ms` takes"));
        check(Level::Broker, "num.partitions", "1", Some("Cannot update these configs dynam"));
        check(Level::Cluster, "listeners", "x", Some("Cannot update these configs at default"));
        check(Level::Broker, "listeners", "x", Some("A change of listeners is not obeyed"));
        check(Level::Broker, "num.io.threads", "16", None);
        check(Level::Broker, "num.io.threads", "17", Some("num.io.threads cannot become 17"));
        check(Level::Broker, "num.io.threads", "3", Some("num.io.threads cannot become 3"));
        check(Level::Cluster, "num.replica.fetchers", "2", None);
        check(Level::Broker, "num.replica.fetchers", "0", Some("`num.replica.fetchers` takes"));
        check(Level::Broker, "num.replica.fetchers", "3", Some("num.replica.fetchers cannot bec"));
        check(Level::Broker, "retention.ms", "9", Some("There is no setting retention.ms"));
    }
}
