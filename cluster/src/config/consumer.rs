//! The settings of a consumer.
//!
//! In Kafka: `ConsumerConfig` (Kafka 4.3, defaults and validators).
//! Holds:    what our consumer obeys.
//! Left out: `isolation.level` (no transactions yet), `allow.auto.create.topics`: refused, not ignored.

use std::ops::RangeBounds;

use trial_sim::Span;

use super::client::ClientSettings;
use super::consumer_group::{AssignmentStrategy, GroupProtocol};
use super::producer::set_either;
use super::{ConfigError, Value, settings};

/// Where a consumer begins that has no valid position (`auto.offset.reset`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OffsetReset {
    /// `earliest`: at the log's start.
    Earliest,
    /// `latest`: at the high watermark.
    Latest,
    /// `none`: nowhere; it is an error.
    None,
}

impl Value for OffsetReset {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        match text.trim() {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            "none" => Ok(Self::None),
            _ => Err(ConfigError::bad(name, "earliest, latest or none")),
        }
    }
}

settings! {
    /// What a consumer is told beyond what every client is.
    pub struct ConsumerSettings {
        /// Where to begin without a valid position.
        auto_offset_reset: OffsetReset = "auto.offset.reset", OffsetReset::Latest, ..;
        /// Bytes that a fetch waits for.
        fetch_min_bytes: i32 = "fetch.min.bytes", 1, 0..;
        /// Bytes of one answer.
        fetch_max_bytes: i32 = "fetch.max.bytes", 52_428_800, 0..;
        /// How long a fetch waits for them.
        fetch_max_wait: Span = "fetch.max.wait.ms", Span::from_millis(500), 0..;
        /// Bytes of one partition in an answer.
        max_partition_fetch_bytes: i32 = "max.partition.fetch.bytes", 1_048_576, 0..;
        /// Records that one poll returns.
        max_poll_records: usize = "max.poll.records", 500, 1..;
        /// The rack that it stands in: a leader may send it to a replica there.
        client_rack: Option<String> = "client.rack", None, ..;
        /// Whether batches are checked against their checksums.
        check_crcs: bool = "check.crcs", true, ..;
        /// The group that it is a member of; none: it assigns partitions to itself.
        group_id: Option<String> = "group.id", None, ..;
        /// A name that outlives its process: a static member (KIP-345).
        group_instance_id: Option<String> = "group.instance.id", None, ..;
        /// How the group agrees on who reads what.
        group_protocol: GroupProtocol = "group.protocol", GroupProtocol::Classic, ..;
        /// The coordinator's assignor, with the consumer protocol; none: the coordinator chooses.
        group_remote_assignor: Option<String> = "group.remote.assignor", None, ..;
        /// Its own assignors, with the classic protocol.
        partition_assignment_strategy: Option<AssignmentStrategy> = "partition.assignment.strategy", None, ..;
        /// How long the coordinator waits for a sign of life, with the classic protocol.
        session_timeout_ms: Option<i32> = "session.timeout.ms", None, 0..;
        /// How often a sign of life is given, with the classic protocol.
        heartbeat_interval_ms: Option<i32> = "heartbeat.interval.ms", None, 0..;
        /// How long the application may stay away between two polls.
        max_poll_interval_ms: i32 = "max.poll.interval.ms", 300_000, 1..;
        /// Whether polls commit what polls before have returned; by default if there is a group.
        enable_auto_commit: Option<bool> = "enable.auto.commit", None, ..;
        /// How often they do.
        auto_commit_interval: Span = "auto.commit.interval.ms", Span::from_millis(5_000), 0..=2_147_483_647;
        /// How long a call blocks that has no timeout of its own.
        default_api_timeout: Span = "default.api.timeout.ms", Span::from_millis(60_000), 0..=2_147_483_647;
        /// Whether a pattern passes over Kafka's own topics.
        exclude_internal_topics: bool = "exclude.internal.topics", true, ..;
    }
}

impl ConsumerSettings {
    /// `session.timeout.ms` of a classic member, in milliseconds.
    pub const SESSION_TIMEOUT_MS: i32 = 45_000;
    /// `heartbeat.interval.ms` of a classic member, in milliseconds.
    pub const HEARTBEAT_INTERVAL_MS: i32 = 3_000;

    /// How long the coordinator waits for a sign of life, in milliseconds.
    #[must_use]
    pub fn session_timeout_ms(&self) -> i32 {
        self.session_timeout_ms.unwrap_or(Self::SESSION_TIMEOUT_MS)
    }

    /// How often a sign of life is given, in milliseconds.
    #[must_use]
    pub fn heartbeat_interval_ms(&self) -> i32 {
        self.heartbeat_interval_ms.unwrap_or(Self::HEARTBEAT_INTERVAL_MS)
    }

    /// Whether polls commit.
    #[must_use]
    pub fn auto_commits(&self) -> bool {
        self.group_id.is_some() && self.enable_auto_commit.unwrap_or(true)
    }

    /// The settings about a group that were given.
    fn of_groups(&self) -> [(&'static str, bool); 8] {
        let unlike = Self::default();
        [
            ("group.instance.id", self.group_instance_id.is_some()),
            ("group.protocol", self.group_protocol != unlike.group_protocol),
            ("group.remote.assignor", self.group_remote_assignor.is_some()),
            ("partition.assignment.strategy", self.partition_assignment_strategy.is_some()),
            ("session.timeout.ms", self.session_timeout_ms.is_some()),
            ("heartbeat.interval.ms", self.heartbeat_interval_ms.is_some()),
            ("enable.auto.commit", self.enable_auto_commit == Some(true)),
            ("max.poll.interval.ms", self.max_poll_interval_ms != unlike.max_poll_interval_ms),
        ]
    }
}

/// All that one consumer is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsumerConfig {
    /// What every client is told.
    pub client: ClientSettings,
    /// The consumer's own settings.
    pub consumer: ConsumerSettings,
}

impl ConsumerConfig {
    /// Sets `name` to `text`.
    ///
    /// # Errors
    /// If there is no such setting, or the text is no value that it takes.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        set_either(name, [ConsumerSettings::NAMES, ClientSettings::NAMES], |own| match own {
            true => self.consumer.set(name, text),
            false => self.client.set(name, text),
        })
    }

    /// What only several settings together can break.
    ///
    /// # Errors
    /// If a setting belongs to the other protocol, or means nothing without a group; if heartbeats are as far apart as
    /// a session is long.
    pub fn check(&self) -> Result<(), ConfigError> {
        let own = &self.consumer;
        let given = own.of_groups();
        let is_given = |name: &str| given.iter().any(|(given, is)| *given == name && *is);
        let Some(group) = &own.group_id else {
            return match given.iter().find(|(_, is_given)| *is_given) {
                Some((name, _)) => {
                    Err(ConfigError::bad(name, "a value only beside group.id")
                        .beside(&["group.id"]))
                }
                None => Ok(()),
            };
        };
        for (name, value) in
            [("group.id", Some(group)), ("group.instance.id", own.group_instance_id.as_ref())]
        {
            if value.is_some_and(|value| value.trim().is_empty()) {
                return Err(ConfigError::bad(name, "a name that is not empty"));
            }
        }
        let unfit: &[&str] = match own.group_protocol {
            GroupProtocol::Classic => &["group.remote.assignor"],
            GroupProtocol::Consumer => {
                &["partition.assignment.strategy", "heartbeat.interval.ms", "session.timeout.ms"]
            }
        };
        if let Some(name) = unfit.iter().find(|name| is_given(name)) {
            let allowed = match own.group_protocol {
                GroupProtocol::Classic => "a value only with group.protocol=consumer",
                GroupProtocol::Consumer => "a value only with group.protocol=classic",
            };
            return Err(ConfigError::bad(name, allowed).beside(&["group.protocol"]));
        }
        if own.group_protocol == GroupProtocol::Classic
            && own.heartbeat_interval_ms() >= own.session_timeout_ms()
        {
            let allowed = format!("less than session.timeout.ms = {}", own.session_timeout_ms());
            let error = ConfigError::bad("heartbeat.interval.ms", allowed);
            return Err(error.beside(&["session.timeout.ms"]));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_taken_by_kafkas_names() {
        let mut config = ConsumerConfig::default();
        config.set("auto.offset.reset", "earliest").expect("it is Kafka's");
        config.set("request.timeout.ms", "5000").expect("every client's");
        assert_eq!(config.consumer.auto_offset_reset, OffsetReset::Earliest, "its own");
        assert_eq!(config.client.request_timeout, Span::from_secs(5), "every client's");
        let error = config.set("auto.offset.reset", "by_duration:P1D").expect_err("not here");
        assert_eq!(error.to_string(), "`auto.offset.reset` takes earliest, latest or none");
    }

    #[track_caller]
    fn check(settings: &[(&str, &str)], want: &str) {
        let mut config = ConsumerConfig::default();
        for (name, text) in settings {
            config.set(name, text).expect("a value that it takes");
        }
        let said = config.check().map_or_else(|error| error.to_string(), |()| "fine".to_owned());
        assert_eq!(said, want, "{settings:?}");
    }

    #[test]
    fn settings_of_groups_are_refused_where_kafka_refuses_them() {
        let group = ("group.id", "g");
        let consumer = ("group.protocol", "CONSUMER");
        check(&[], "fine");
        check(&[group, ("session.timeout.ms", "6000"), ("enable.auto.commit", "false")], "fine");
        check(&[group, consumer, ("group.remote.assignor", "range")], "fine");
        check(
            &[group, consumer, ("session.timeout.ms", "45000")],
            "`session.timeout.ms` takes a value only with group.protocol=classic",
        );
        check(
            &[group, consumer, ("heartbeat.interval.ms", "3000")],
            "`heartbeat.interval.ms` takes a value only with group.protocol=classic",
        );
        check(
            &[group, ("group.remote.assignor", "uniform")],
            "`group.remote.assignor` takes a value only with group.protocol=consumer",
        );
        check(
            &[group, ("session.timeout.ms", "3000")],
            "`heartbeat.interval.ms` takes less than session.timeout.ms = 3000",
        );
        check(
            &[("enable.auto.commit", "true")],
            "`enable.auto.commit` takes a value only beside group.id",
        );
        check(&[("group.id", "")], "`group.id` takes a name that is not empty");
    }

    #[test]
    fn assignors_are_named_by_their_classes() {
        let mut config = ConsumerConfig::default();
        let name = "partition.assignment.strategy";
        let package = "org.apache.kafka.clients.consumer.";
        let text = format!("{package}StickyAssignor, {package}RangeAssignor");
        config.set(name, &text).expect("two of Kafka's");
        let strategy = config.consumer.partition_assignment_strategy.clone().expect("it was given");
        let names: Vec<&str> = strategy.0.iter().map(|assignor| assignor.name()).collect();
        assert_eq!(names, ["sticky", "range"], "the preferred one first");
        for bad in ["range", "", &format!("{package}RangeAssignor,{package}RangeAssignor")] {
            assert!(config.set(name, bad).is_err(), "{bad}");
        }
    }
}
