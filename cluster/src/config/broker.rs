//! The settings of a node: broker, controller, quorum.
//!
//! In Kafka:   `ServerConfigs`, `SocketServerConfigs`, `ReplicationConfigs`, `KRaftConfigs`, `QuorumConfig`,
//!             `ServerLogConfigs` (Kafka 4.3, defaults and validators).
//! Holds:      what our nodes obey. A setting of Kafka's that is not here is refused, not ignored.
//! Invariants: BC-1 the topic settings that a node gives as defaults stand in `topic`, under the topic's names
//!             too (`min.insync.replicas`).

use std::collections::BTreeMap;

use trial_sim::Span;

use super::effective::name_on_brokers;
use super::group::GroupSettings;
use super::schema::{self, Section};
use super::{ConfigError, Ratio, ReplicaSelector, TopicConfig, ValueError, settings};

settings! {
    /// What a node is told by its `server.properties`, as far as we obey it.
    pub struct NodeSettings {
        /// Threads that read and write the sockets of one listener.
        num_network_threads: usize = "num.network.threads", 3, 1..=64;
        /// Threads that handle requests.
        num_io_threads: usize = "num.io.threads", 8, 1..=64;
        /// Requests that may wait for a handler before the network threads stop reading.
        queued_max_requests: usize = "queued.max.requests", 500, 1..;
        /// The largest request, in bytes.
        socket_request_max_bytes: usize = "socket.request.max.bytes", 104_857_600, 1..;
        /// A follower that has not caught up for this long leaves the in-sync set.
        replica_lag_time_max: Span = "replica.lag.time.max.ms", Span::from_millis(30_000), 1..;
        /// How long a follower's fetch waits for data at the leader.
        replica_fetch_wait_max: Span = "replica.fetch.wait.max.ms", Span::from_millis(500), 0..;
        /// Bytes that a follower's fetch waits for.
        replica_fetch_min_bytes: i32 = "replica.fetch.min.bytes", 1, 0..;
        /// Bytes of one partition in a follower's fetch.
        replica_fetch_max_bytes: i32 = "replica.fetch.max.bytes", 1_048_576, 0..;
        /// Bytes of a follower's whole fetch.
        replica_fetch_response_max_bytes: i32 = "replica.fetch.response.max.bytes", 10_485_760, 0..;
        /// How long a follower leaves a partition alone after an error.
        replica_fetch_backoff: Span = "replica.fetch.backoff.ms", Span::from_millis(1_000), 0..;
        /// Fetcher threads for each leader.
        num_replica_fetchers: usize = "num.replica.fetchers", 1, 1..=64;
        /// How long a follower waits for a connection to its leader.
        replica_socket_timeout: Span = "replica.socket.timeout.ms", Span::from_millis(30_000), 1..;
        /// How often high watermarks are written down.
        high_watermark_checkpoint_interval: Span = "replica.high.watermark.checkpoint.interval.ms", Span::from_millis(5_000), 1..;
        /// How often recovery points are written down.
        recovery_point_checkpoint_interval: Span = "log.flush.offset.checkpoint.interval.ms", Span::from_millis(60_000), 1..;
        /// How often log starts are written down.
        log_start_checkpoint_interval: Span = "log.flush.start.offset.checkpoint.interval.ms", Span::from_millis(60_000), 1..;
        /// How long after the start of a broker its logs are looked after for the first time.
        log_initial_task_delay: Span = "log.initial.task.delay.ms", Span::from_millis(30_000), 0..;
        /// How often logs that are not compacted are looked at for segments that are to go.
        log_retention_check_interval: Span = "log.retention.check.interval.ms", Span::from_millis(300_000), 1..;
        /// Whether compacted topics are compacted.
        log_cleaner_enable: bool = "log.cleaner.enable", true, ..;
        /// Threads that compact.
        log_cleaner_threads: usize = "log.cleaner.threads", 1, 1..=64;
        /// How long a cleaner waits that found nothing to do.
        log_cleaner_backoff: Span = "log.cleaner.backoff.ms", Span::from_millis(15_000), 0..;
        /// Bytes of all cleaners for keys.
        log_cleaner_dedupe_buffer_size: usize = "log.cleaner.dedupe.buffer.size", 134_217_728, 1_048_576..;
        /// The part of them that is used.
        log_cleaner_io_buffer_load_factor: Ratio = "log.cleaner.io.buffer.load.factor", Ratio(900_000), ..;
        /// Bytes of all cleaners for what they read and write.
        log_cleaner_io_buffer_size: usize = "log.cleaner.io.buffer.size", 524_288, 0..;
        /// How long a producer may be idle before a log forgets it.
        producer_id_expiration: Span = "producer.id.expiration.ms", Span::from_millis(86_400_000), 1..;
        /// How often logs look for producers that are to be forgotten.
        producer_id_expiration_check_interval: Span = "producer.id.expiration.check.interval.ms", Span::from_millis(600_000), 1..;
        /// Partitions of a topic that is created without saying how many.
        num_partitions: i32 = "num.partitions", 1, 1..;
        /// Replicas of a topic that is created without saying how many.
        default_replication_factor: i32 = "default.replication.factor", 1, 1..;
        /// Whether a topic is made because a client asks where it is.
        auto_create_topics_enable: bool = "auto.create.topics.enable", true, ..;
        /// Whether the controller gives leaderships back to preferred leaders.
        auto_leader_rebalance_enable: bool = "auto.leader.rebalance.enable", true, ..;
        /// How often it looks, in seconds.
        leader_imbalance_check_interval_seconds: i64 = "leader.imbalance.check.interval.seconds", 300, 1..;
        /// How often it looks for a leader at any price, where that is allowed.
        unclean_leader_election_interval: Span = "unclean.leader.election.interval.ms", Span::from_millis(300_000), 1..;
        /// How often a broker reports to the controller.
        broker_heartbeat_interval: Span = "broker.heartbeat.interval.ms", Span::from_millis(2_000), 1..;
        /// How long the controller waits for a heartbeat before it fences a broker.
        broker_session_timeout: Span = "broker.session.timeout.ms", Span::from_millis(9_000), 1..;
        /// How long a broker tries to register before it gives up.
        initial_broker_registration_timeout: Span = "initial.broker.registration.timeout.ms", Span::from_millis(60_000), 1..;
        /// Bytes of one fetch answer to a consumer.
        fetch_max_bytes: i32 = "fetch.max.bytes", 57_671_680, 1024..;
        /// Which replica a consumer is sent to, if not to the leader.
        replica_selector: Option<ReplicaSelector> = "replica.selector.class", None, ..;
        /// Fetch sessions that a broker remembers.
        fetch_session_cache_slots: usize = "max.incremental.fetch.session.cache.slots", 1_000, 0..;
        /// A voter without a leader stands for election after one to two times this.
        quorum_election_timeout: Span = "controller.quorum.election.timeout.ms", Span::from_millis(1_000), 1..;
        /// A follower of the quorum that hears nothing for this long stands for election.
        quorum_fetch_timeout: Span = "controller.quorum.fetch.timeout.ms", Span::from_millis(2_000), 1..;
        /// The longest wait after a lost election.
        quorum_election_backoff_max: Span = "controller.quorum.election.backoff.max.ms", Span::from_millis(1_000), 0..;
        /// How long the quorum's leader gathers records before it writes them.
        quorum_append_linger: Span = "controller.quorum.append.linger.ms", Span::from_millis(25), 0..;
        /// How long a node waits for an answer of the quorum.
        quorum_request_timeout: Span = "controller.quorum.request.timeout.ms", Span::from_millis(2_000), 1..;
        /// How long it waits before it asks again.
        quorum_retry_backoff: Span = "controller.quorum.retry.backoff.ms", Span::from_millis(20), 0..;
        /// How often an idle controller writes a no-op record.
        metadata_max_idle_interval: Span = "metadata.max.idle.interval.ms", Span::from_millis(500), 0..;
        /// How long a follower waits for its leader to answer.
        request_timeout: Span = "request.timeout.ms", Span::from_millis(30_000), 1..;
        /// How long a broker waits for its controller to answer, or less: a heartbeat waits half a session.
        controller_socket_timeout: Span = "controller.socket.timeout.ms", Span::from_millis(30_000), 1..;
    }
}

/// All that one node is told: its own settings, and the defaults of the topics it creates or holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrokerConfig {
    /// The node's own settings.
    pub node: NodeSettings,
    /// What its group coordinators obey.
    pub group: GroupSettings,
    /// Defaults for topics that do not say otherwise.
    pub topic: TopicConfig,
    /// What was set, by the names that were used for it.
    given: BTreeMap<String, String>,
}

impl BrokerConfig {
    /// Sets `name`: one of the node's own or, as Kafka allows, a topic's default under the broker's name for it
    /// (`log.segment.bytes`, `message.max.bytes`) or the topic's (`min.insync.replicas`).
    ///
    /// # Errors
    /// If there is no such setting, or the text is no value that it takes.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        self.take(name, text)?;
        self.given.insert(name.to_owned(), text.to_owned());
        Ok(())
    }

    /// What was set, by the names that brokers have for it.
    #[must_use]
    pub fn file(&self) -> BTreeMap<String, String> {
        let named = |name: &String| match schema::key(Section::Broker, name) {
            Some(_) => name.clone(),
            None => name_on_brokers(name).unwrap_or(name).to_owned(),
        };
        self.given.iter().map(|(name, value)| (named(name), value.clone())).collect()
    }

    /// Sets what is not of the node's file.
    pub(super) fn take(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        for set in [self.node.set(name, text), self.group.set(name, text)] {
            match set {
                Err(error) if error.what == ValueError::UnknownName => {}
                done => return done,
            }
        }
        self.topic.set(TopicConfig::name_of(name), text).map_err(|error| match error.what {
            ValueError::BadValue => error,
            ValueError::UnknownName => {
                let mut names = NodeSettings::NAMES.to_vec();
                names.extend(GroupSettings::NAMES);
                names.extend(TopicConfig::NAMES);
                names.extend(TopicConfig::SYNONYMS.iter().map(|(broker_name, _)| *broker_name));
                ConfigError::unknown(name, &names)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{BrokerConfig, ReplicaSelector};
    use trial_sim::Span;

    #[test]
    fn a_broker_takes_its_own_settings_and_defaults_for_topics() {
        let mut config = BrokerConfig::default();
        config.set("replica.lag.time.max.ms", "10000").expect("it is Kafka's");
        config.set("min.insync.replicas", "2").expect("it is Kafka's");
        config.set("log.segment.bytes", "1048576").expect("a synonym of segment.bytes");
        assert_eq!(config.node.replica_lag_time_max, Span::from_secs(10));
        assert_eq!((config.topic.min_insync_replicas, config.topic.segment_bytes), (2, 1_048_576));
    }

    /// A pool of the simulation has 64 lanes at most.
    #[test]
    fn threads_beyond_the_lanes_of_a_pool_are_refused() {
        for name in ["num.io.threads", "num.network.threads", "log.cleaner.threads"] {
            let mut config = BrokerConfig::default();
            config.set(name, "64").expect("as many as there can be");
            let refused = config.set(name, "65").expect_err("no pool has room for them");
            assert!(refused.to_string().contains("64"), "{refused}");
        }
    }

    #[test]
    fn replicas_are_selected_by_rack_or_not_at_all() {
        let mut config = BrokerConfig::default();
        assert_eq!(config.node.replica_selector, None, "Kafka's default");
        let package = "org.apache.kafka.common.replica";
        let rack_aware = format!("{package}.RackAwareReplicaSelector");
        config.set("replica.selector.class", &rack_aware).expect("it is Kafka's");
        assert_eq!(config.node.replica_selector, Some(ReplicaSelector::RackAware));
        for class in ["", "RackAwareReplicaSelector", &format!("{package}.LeaderSelector")] {
            let refused = config.set("replica.selector.class", class).expect_err("no such class");
            assert_eq!(
                refused.to_string(),
                format!(
                    "`replica.selector.class` takes {rack_aware}; without it consumers read from leaders"
                )
            );
        }
    }

    #[test]
    fn a_bad_setting_says_what_is_allowed() {
        let mut config = BrokerConfig::default();
        let unknown = config.set("replica.lag.max", "3").expect_err("no such setting");
        assert!(unknown.to_string().contains("replica.lag.time.max.ms"), "{unknown}");
        assert!(unknown.to_string().contains("log.retention.ms"), "{unknown}");
        let bad = config.set("num.io.threads", "-1").expect_err("no negative threads");
        assert_eq!(bad.to_string(), "`num.io.threads` takes a whole number from 1 to 64");
    }
}
