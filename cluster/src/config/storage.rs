//! The words that settings of logs are made of: policies, codecs, ratios.
//!
//! In Kafka: `BrokerCompressionType`, `TimestampType`, `GzipCompression`; `TopicConfig.CLEANUP_POLICY_*`.
//! Holds:    types that settings have, and how their text is read.

use std::ops::RangeBounds;

use trial_log::{Compression, CompressionType, TimestampType};

use super::{ConfigError, Value};

/// What becomes of old records (`cleanup.policy`): a list of both, one or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Whether of each key the last record is kept.
    pub compact: bool,
    /// Whether segments go by age and size.
    pub delete: bool,
}

impl CleanupPolicy {
    /// `delete`.
    pub const DELETE: Self = Self { compact: false, delete: true };
}

impl Value for CleanupPolicy {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        let mut policy = Self { compact: false, delete: false };
        let text = text.trim();
        for word in text.split(',').filter(|_| !text.is_empty()) {
            let said = match word.trim() {
                "compact" => &mut policy.compact,
                "delete" => &mut policy.delete,
                _ => return Err(ConfigError::bad(name, "compact, delete, both or nothing")),
            };
            if std::mem::replace(said, true) {
                return Err(ConfigError::bad(name, "compact and delete once each"));
            }
        }
        Ok(policy)
    }
}

/// What a topic stores its batches with (`compression.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerCompressionType {
    /// What the producer chose.
    Producer,
    /// This, whatever the producer chose.
    Always(CompressionType),
}

impl Value for BrokerCompressionType {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        match text.trim() {
            "producer" => Ok(Self::Producer),
            "uncompressed" => Ok(Self::Always(CompressionType::None)),
            "gzip" => Ok(Self::Always(CompressionType::Gzip)),
            "snappy" => Ok(Self::Always(CompressionType::Snappy)),
            "lz4" => Ok(Self::Always(CompressionType::Lz4)),
            "zstd" => Ok(Self::Always(CompressionType::Zstd)),
            _ => Err(ConfigError::bad(name, "producer, uncompressed, gzip, snappy, lz4 or zstd")),
        }
    }
}

/// A producer's `compression.type`.
impl Value for CompressionType {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        text.trim().parse().map_err(|_| ConfigError::bad(name, "none, gzip, snappy, lz4 or zstd"))
    }
}

impl Value for TimestampType {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        match text.trim() {
            "CreateTime" => Ok(Self::CreateTime),
            "LogAppendTime" => Ok(Self::LogAppendTime),
            _ => Err(ConfigError::bad(name, "CreateTime or LogAppendTime")),
        }
    }
}

/// A level of gzip: one of its nine, or -1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GzipLevel(pub i32);

impl GzipLevel {
    /// What the library takes for the best.
    pub const DEFAULT: Self = Self(-1);
}

impl Value for GzipLevel {
    fn parse(name: &str, text: &str, bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        if text.trim() == "-1" {
            return Ok(Self::DEFAULT);
        }
        let level = i32::parse(name, text, bounds);
        level.map(Self).map_err(|error| ConfigError::bad(name, format!("{}, or -1", error.allowed)))
    }
}

/// A codec with the level that settings give it.
pub(super) fn with_level(
    codec: CompressionType,
    (gzip, lz4, zstd): (GzipLevel, i32, i32),
) -> Compression {
    let level = match codec {
        CompressionType::None | CompressionType::Snappy => return codec.into(),
        CompressionType::Gzip => gzip.0,
        CompressionType::Lz4 => lz4,
        CompressionType::Zstd => zstd,
    };
    Compression::with_level(codec, level).expect("bounds are checked when it is read")
}

/// A part of something, from none to all, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(pub u32);

impl Ratio {
    /// One half.
    pub const HALF: Self = Self(500_000);
    /// All of it.
    pub const ALL: Self = Self(1_000_000);

    /// How many of a hundred.
    #[must_use]
    pub const fn percent(self) -> u32 {
        self.0 / 10_000
    }
}

impl Value for Ratio {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        let number = text.trim().parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
        let number = number.ok_or_else(|| ConfigError::bad(name, "a number from 0 to 1"))?;
        // Between 0 and a million: the cast is exact.
        Ok(Self((number * 1_000_000.0).round() as u32))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{
        BrokerCompressionType, BrokerConfig, CleanupPolicy, GzipLevel, Ratio, TopicConfig,
    };
    use trial_log::{CompressionType, TimestampType};
    use trial_sim::Span;

    fn topic(settings: &[(&str, &str)]) -> TopicConfig {
        let mut config = TopicConfig::default();
        for (name, text) in settings {
            config.set(name, text).expect("it is Kafka's");
        }
        config
    }

    #[test]
    fn a_topic_says_what_becomes_of_old_records() {
        let policy = |text| topic(&[("cleanup.policy", text)]).cleanup_policy;
        assert_eq!(TopicConfig::default().cleanup_policy, CleanupPolicy::DELETE);
        assert_eq!(policy("compact"), CleanupPolicy { compact: true, delete: false });
        assert_eq!(policy("compact, delete"), CleanupPolicy { compact: true, delete: true });
        assert_eq!(policy(""), CleanupPolicy { compact: false, delete: false });
    }

    #[test]
    fn words_and_numbers_of_logs_are_read_as_kafka_reads_them() {
        let config = topic(&[
            ("compression.type", "lz4"),
            ("compression.gzip.level", "-1"),
            ("message.timestamp.type", "LogAppendTime"),
            ("min.cleanable.dirty.ratio", "0.01"),
            ("retention.ms", "-1"),
            ("internal.segment.bytes", "2000"),
        ]);
        assert_eq!(config.compression_type, BrokerCompressionType::Always(CompressionType::Lz4));
        assert_eq!(config.compression_gzip_level, GzipLevel::DEFAULT);
        assert_eq!(config.message_timestamp_type, TimestampType::LogAppendTime);
        assert_eq!(config.min_cleanable_dirty_ratio, Ratio(10_000));
        assert_eq!((config.retention_ms, config.internal_segment_bytes), (-1, Some(2000)));
    }

    #[test]
    fn a_broker_knows_other_names_for_them() {
        let mut config = BrokerConfig::default();
        config.set("log.retention.ms", "5000").expect("a synonym of retention.ms");
        config.set("log.cleaner.delete.retention.ms", "7").expect("a synonym");
        assert_eq!(config.topic.retention_ms, 5_000);
        assert_eq!(config.topic.delete_retention, Span::from_millis(7));
    }

    #[test]
    fn what_is_no_such_word_or_number_is_refused_with_what_is_allowed() {
        let refused = |name: &str, text: &str, want: &str| {
            let error = TopicConfig::default().set(name, text).expect_err("it is wrong");
            assert_eq!(error.to_string(), format!("`{name}` takes {want}"));
        };
        refused("cleanup.policy", "compact,keep", "compact, delete, both or nothing");
        refused("cleanup.policy", "compact,compact", "compact and delete once each");
        refused("compression.gzip.level", "0", "a whole number from 1 to 9, or -1");
        refused("min.cleanable.dirty.ratio", "1.5", "a number from 0 to 1");
        refused("min.cleanable.dirty.ratio", "NaN", "a number from 0 to 1");
        refused("retention.ms", "-2", "a whole number from -1 on");
        let most = "9223372036854775807";
        let beyond = "99999999999999999999";
        refused("retention.ms", beyond, &format!("a whole number from -1 to {most}"));
        refused("retention.bytes", beyond, &format!("a whole number up to {most}"));
        refused("segment.ms", "-99999999999999999999", "a whole number from 1 on");
        refused("segment.ms", "0", "a whole number from 1 on");
        refused("segment.ms", "soon", "a whole number from 1 on");
        refused("max.message.bytes", "3000000000", "a whole number from 0 to 2147483647");
        let words = "producer, uncompressed, gzip, snappy, lz4 or zstd";
        refused("compression.type", "none", words);
    }

    #[test]
    fn lags_that_exclude_each_other_are_refused() {
        let config = topic(&[("min.compaction.lag.ms", "11"), ("max.compaction.lag.ms", "10")]);
        let error = config.check().expect_err("11 is more than 10").to_string();
        assert_eq!(error, "`min.compaction.lag.ms` takes at most max.compaction.lag.ms = 10");
    }
}
