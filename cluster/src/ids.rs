//! Who and what is meant: nodes, topics, partitions and the epochs that fence them.
//!
//! In Kafka: `org.apache.kafka.common.{Uuid, TopicIdPartition}`, KIP-516 (topic ids), KIP-841 (broker epochs),
//!           KIP-858 (directory ids).
//! Holds:    newtypes over the integers that travel on the wire.

use std::fmt;

pub use trial_log::{LeaderEpoch, Offset};

/// A node of the cluster: broker, controller or both (`node.id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BrokerId(pub i32);

impl BrokerId {
    /// Kafka's "nobody".
    pub const NONE: Self = Self(-1);
}

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A registration of a broker: the metadata offset of its registration record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerEpoch(pub i64);

impl BrokerEpoch {
    /// Kafka's "no epoch".
    pub const NONE: Self = Self(-1);
}

impl Default for BrokerEpoch {
    fn default() -> Self {
        Self::NONE
    }
}

/// The version of a partition's registration; every change of leader, in-sync set or replicas bumps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PartitionEpoch(pub i32);

/// A 128-bit id; prints as Kafka prints it (URL-safe base64 without padding).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub u128);

/// The id of one topic; a topic that is created again under its name gets another.
pub type TopicId = Uuid;
/// The id of one log directory.
pub type DirectoryId = Uuid;

impl Uuid {
    /// All zero: "none" in every message.
    pub const ZERO: Self = Self(0);
    /// The directory id that says "none was assigned yet".
    pub const UNASSIGNED_DIRECTORY: Self = Self(0);
    /// The directory id that says "its directory is offline".
    pub const LOST_DIRECTORY: Self = Self(1);
    /// The directory id that a broker of an older release is given.
    pub const MIGRATING_DIRECTORY: Self = Self(2);
    /// The topic id of the metadata log.
    pub const METADATA_TOPIC: Self = Self(1);
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for group in 0..22u32 {
            // 22 digits of 6 bits hold 132: the last one is padded with four zero bits.
            let digit = match 122u32.checked_sub(group * 6) {
                Some(shift) => (self.0 >> shift) & 63,
                None => (self.0 << 4) & 63,
            };
            let letter = usize::try_from(digit).expect("six bits fit");
            write!(f, "{}", char::from(ALPHABET[letter]))?;
        }
        Ok(())
    }
}

/// A text that is not the base64 form of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAUuid;

impl std::str::FromStr for Uuid {
    type Err = NotAUuid;

    fn from_str(text: &str) -> Result<Self, NotAUuid> {
        let mut value = 0u128;
        for (position, letter) in text.bytes().enumerate() {
            let digit = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return Err(NotAUuid),
            };
            match position {
                0..21 => value = value << 6 | u128::from(digit),
                // The last digit holds two bits and four zeros.
                21 if digit & 15 == 0 => value = value << 2 | u128::from(digit >> 4),
                _ => return Err(NotAUuid),
            }
        }
        if text.len() == 22 { Ok(Self(value)) } else { Err(NotAUuid) }
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One partition of one topic, by the topic's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicId,
    /// The partition's index, from zero.
    pub partition: i32,
}

#[cfg(test)]
mod tests {
    use super::Uuid;

    #[test]
    fn a_uuid_prints_as_kafka_prints_it() {
        // `org.apache.kafka.common.Uuid.METADATA_TOPIC_ID` and two others, printed by Kafka 4.3.0.
        assert_eq!(Uuid::METADATA_TOPIC.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(Uuid(u128::MAX).to_string(), "_____________________w");
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    }

    #[test]
    fn a_uuid_reads_back_and_nothing_else_does() {
        for id in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0011_2233_4455_6677] {
            assert_eq!(Uuid(id).to_string().parse(), Ok(Uuid(id)));
        }
        for text in
            ["", "A", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAA=AA"]
        {
            assert!(text.parse::<Uuid>().is_err(), "{text}");
        }
    }
}
