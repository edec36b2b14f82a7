//! The settings of a producer.
//!
//! In Kafka: `ProducerConfig` (Kafka 4.3, defaults and validators).
//! Holds:    what our producer obeys. `enable.idempotence` is on, unless another setting that was given excludes it.
//! Left out: transactions, racks, `partitioner.availability.timeout.ms`: refused, not ignored.

use std::ops::RangeBounds;

use trial_log::{Compression, CompressionType};
use trial_sim::Span;

use super::client::ClientSettings;
use super::storage::with_level;
use super::{ConfigError, GzipLevel, Value, ValueError, settings};

/// What several others have to go together with.
const IDEMPOTENCE: &[&str] = &["enable.idempotence"];

/// How many replicas must have a record before the producer is told (`acks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acks {
    /// `0`: nobody; there is no response.
    None,
    /// `1`: the leader.
    Leader,
    /// `all`, `-1`: the in-sync set.
    All,
}

impl Acks {
    /// As it stands in a Produce request.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

impl Value for Acks {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        match text.trim() {
            "all" | "-1" => Ok(Self::All),
            "1" => Ok(Self::Leader),
            "0" => Ok(Self::None),
            _ => Err(ConfigError::bad(name, "all, -1, 0 or 1")),
        }
    }
}

settings! {
    /// What a producer is told beyond what every client is.
    pub struct ProducerSettings {
        /// Who must have a record before the producer is told.
        acks: Acks = "acks", Acks::All, ..;
        /// Whether brokers recognise a batch that is sent twice.
        enable_idempotence: Option<bool> = "enable.idempotence", None, ..;
        /// How long a batch waits for more records.
        linger: Span = "linger.ms", Span::from_millis(5), 0..;
        /// Bytes of a full batch.
        batch_size: usize = "batch.size", 16_384, 0..;
        /// The codec of its batches.
        compression_type: CompressionType = "compression.type", CompressionType::None, ..;
        /// The level of gzip: -1 is what the library takes for the best.
        compression_gzip_level: GzipLevel = "compression.gzip.level", GzipLevel::DEFAULT, 1..=9;
        /// The level of lz4.
        compression_lz4_level: i32 = "compression.lz4.level", 9, 1..=17;
        /// The level of zstd.
        compression_zstd_level: i32 = "compression.zstd.level", 3, -131_072..=22;
        /// Bytes of all batches that are not completed.
        buffer_memory: usize = "buffer.memory", 33_554_432, 0..;
        /// How long a send waits for metadata and memory.
        max_block: Span = "max.block.ms", Span::from_millis(60_000), 0..;
        /// Bytes of a request, and of a record.
        max_request_size: usize = "max.request.size", 1_048_576, 0..;
        /// Requests to one broker that wait for their responses.
        max_in_flight: usize = "max.in.flight.requests.per.connection", 5, 1..;
        /// How often a batch is sent again.
        retries: i32 = "retries", i32::MAX, 0..;
        /// From a record's send to its success or failure, at the latest.
        delivery_timeout: Span = "delivery.timeout.ms", Span::from_millis(120_000), 0..;
        /// Whether a record's key has no say in its partition.
        partitioner_ignore_keys: bool = "partitioner.ignore.keys", false, ..;
        /// Whether partitions with long queues get fewer records without keys.
        adaptive_partitioning: bool = "partitioner.adaptive.partitioning.enable", true, ..;
    }
}

impl ProducerSettings {
    /// Requests in flight of an idempotent producer.
    const MAX_IN_FLIGHT_IDEMPOTENT: usize = 5;

    /// Whether brokers recognise its batches. That is the default, which gives way to `acks` and `retries`.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.enable_idempotence.unwrap_or(self.acks == Acks::All && self.retries > 0)
    }

    /// The codec of its batches, with its level.
    #[must_use]
    pub fn compression(&self) -> Compression {
        let (gzip, lz4) = (self.compression_gzip_level, self.compression_lz4_level);
        with_level(self.compression_type, (gzip, lz4, self.compression_zstd_level))
    }
}

/// All that one producer is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProducerConfig {
    /// What every client is told.
    pub client: ClientSettings,
    /// The producer's own settings.
    pub producer: ProducerSettings,
}

impl ProducerConfig {
    /// Sets `name` to `text`.
    ///
    /// # Errors
    /// If there is no such setting, or the text is no value that it takes.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        set_either(name, [ProducerSettings::NAMES, ClientSettings::NAMES], |own| match own {
            true => self.producer.set(name, text),
            false => self.client.set(name, text),
        })
    }

    /// What only several settings together can break.
    ///
    /// # Errors
    /// If a batch would expire before its first request can time out, or order is asked for that idempotence with
    /// so many requests in flight, or with fewer acks, does not give.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (own, least) = (&self.producer, self.producer.linger + self.client.request_timeout);
        if own.delivery_timeout < least {
            let least =
                format!("at least linger.ms + request.timeout.ms = {}", least.0 / 1_000_000);
            let error = ConfigError::bad("delivery.timeout.ms", least);
            return Err(error.beside(&["linger.ms", "request.timeout.ms"]));
        }
        let is_asked_for = own.enable_idempotence == Some(true);
        if is_asked_for && own.acks != Acks::All {
            let allowed = "all, as long as enable.idempotence is true";
            return Err(ConfigError::bad("acks", allowed).beside(IDEMPOTENCE));
        }
        if is_asked_for && own.retries == 0 {
            let allowed = "at least 1, as long as enable.idempotence is true";
            return Err(ConfigError::bad("retries", allowed).beside(IDEMPOTENCE));
        }
        let is_on = own.enable_idempotence != Some(false);
        if is_on && own.max_in_flight > ProducerSettings::MAX_IN_FLIGHT_IDEMPOTENT {
            let allowed = "at most 5, unless enable.idempotence is false";
            let error = ConfigError::bad("max.in.flight.requests.per.connection", allowed);
            return Err(error.beside(IDEMPOTENCE));
        }
        Ok(())
    }
}

/// Sets `name` where it belongs: `set(true)` for the first list of names, `set(false)` for the second. An unknown name
/// is told the names of both.
pub(super) fn set_either(
    name: &str,
    names: [&[&str]; 2],
    mut set: impl FnMut(bool) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    match set(true) {
        Err(error) if error.what == ValueError::UnknownName => {}
        done => return done,
    }
    set(false).map_err(|error| match error.what {
        ValueError::BadValue => error,
        ValueError::UnknownName => ConfigError::unknown(name, &names.concat()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_taken_by_kafkas_names() {
        let mut config = ProducerConfig::default();
        for (name, text) in [("acks", "1"), ("linger.ms", "0"), ("retry.backoff.ms", "20")] {
            config.set(name, text).expect("it is Kafka's");
        }
        assert_eq!(config.producer.acks, Acks::Leader, "its own");
        assert_eq!(config.client.retry_backoff, Span::from_millis(20), "every client's");
        assert_eq!(config.check(), Ok(()), "the defaults fit together");
    }

    #[test]
    fn a_bad_setting_says_what_is_allowed() {
        let check = |name: &str, text: &str, want: &str| {
            let error =
                ProducerConfig::default().set(name, text).expect_err("it is wrong").to_string();
            assert!(error.contains(want), "{error} does not say {want}");
        };
        check("acks", "2", "`acks` takes all, -1, 0 or 1");
        check("batch.size", "-5", "`batch.size` takes a whole number from 0 on");
        check(
            "compression.type",
            "lzma",
            "`compression.type` takes none, gzip, snappy, lz4 or zstd",
        );
        check("compression", "lz4", "allowed: one of acks, batch.size");
        check("compression", "lz4", "metadata.max.age.ms");
    }

    #[test]
    fn settings_that_do_not_fit_together_are_refused() {
        let mut config = ProducerConfig::default();
        config.set("delivery.timeout.ms", "30004").expect("a number");
        let error = config.check().expect_err("5 + 30000 is more").to_string();
        assert!(error.contains("linger.ms + request.timeout.ms = 30005"), "{error}");
        let mut config = ProducerConfig::default();
        config.set("enable.idempotence", "true").expect("it can be asked for");
        config.set("acks", "1").expect("a value");
        assert!(config.check().is_err(), "idempotence needs acks=all");
        let mut config = ProducerConfig::default();
        assert!(config.producer.is_idempotent(), "by default");
        config.set("max.in.flight.requests.per.connection", "6").expect("a number");
        assert!(config.check().is_err(), "idempotence needs order");
        config.set("enable.idempotence", "false").expect("a value");
        assert_eq!(config.check(), Ok(()), "it was not asked for");
        for (name, text) in [("acks", "1"), ("retries", "0")] {
            let mut config = ProducerConfig::default();
            config.set(name, text).expect("a value");
            assert!(!config.producer.is_idempotent(), "{name}={text} turns it off");
            assert_eq!(config.check(), Ok(()), "without a word");
        }
    }
}
