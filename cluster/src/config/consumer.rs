//! The settings of a consumer.
//!
//! In Kafka: `ConsumerConfig` (Kafka 4.3, defaults and validators).
//! Holds:    what our consumer obeys.
//! Left out: groups and commits, `isolation.level` (no transactions yet): refused, not ignored.

use std::ops::RangeBounds;

use trial_sim::Span;

use super::client::ClientSettings;
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
}
