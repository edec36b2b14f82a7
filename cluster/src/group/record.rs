//! A record of `__consumer_offsets`: a key, and a value or a tombstone, in Kafka's binary form.
//!
//! In Kafka:   `CoordinatorRecord`, `CoordinatorRecordSerde`, `GroupCoordinatorRecordSerde`, `CoordinatorRecordType`,
//!             `GroupCoordinatorRecordHelpers` (which version of a value is written).
//! Invariants: GRC-1 a key is its type (two bytes), then the message in its version 0; a value is its version (two
//!             bytes), then the message, and nothing behind it. GRC-2 what was encoded is read back as it was.
//! Left out:   the records of share and streams groups: they are read as [`UnreadableRecord::Unknown`].

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::{Message, Reader, WireError};

/// Why the bytes of a record mean nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnreadableRecord {
    /// A type that is not known: of a later Kafka, or one that is left out. Kafka skips it, and so do we.
    Unknown(i16),
    /// The bytes are none that Kafka writes.
    Wrong(WireError),
    /// There is no key, or too little of it to say what it is.
    NoKey,
}

impl From<WireError> for UnreadableRecord {
    fn from(error: WireError) -> Self {
        Self::Wrong(error)
    }
}

/// A message that bytes behind a number of two bytes hold.
fn behind_number<M: Message>(version: Option<i16>, bytes: &Bytes) -> Result<M, WireError> {
    let body = bytes.slice(2.min(bytes.len())..);
    let number = || i16::from_be_bytes([bytes[0], bytes[1]]);
    let version = match version {
        Some(version) => version,
        None if bytes.len() >= 2 => number(),
        None => -1,
    };
    let mut from = Reader::new(&body);
    let message = M::decode(version, &mut from)?;
    from.end(M::NAME)?;
    Ok(message)
}

fn with_number<M: Message>(number: i16, version: i16, message: &M) -> Bytes {
    let mut into = BytesMut::new();
    into.put_i16(number);
    message.encode(version, &mut into);
    into.freeze()
}

macro_rules! group_records {
    ($($name:ident $key:ident $value:ident $written:literal;)*) => {
        /// A record of `__consumer_offsets`. Without a value it is a tombstone.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum GroupRecord {
            $(
                #[doc = concat!("`", stringify!($name), "`; written in version ", stringify!($written), ".")]
                $name(crate::wire::$key, Option<crate::wire::$value>),
            )*
        }

        impl GroupRecord {
            /// Kafka's name of the record's type.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(..) => stringify!($name),)*
                }
            }

            /// Its key as bytes.
            #[must_use]
            pub fn key_bytes(&self) -> Bytes {
                match self {
                    $(Self::$name(key, _) => with_number(crate::wire::$key::KEY, 0, key),)*
                }
            }

            /// Its value as bytes; none of a tombstone.
            #[must_use]
            pub fn value_bytes(&self) -> Option<Bytes> {
                match self {
                    $(Self::$name(_, value) => {
                        let version = self.value_version($written);
                        value.as_ref().map(|value| with_number(version, version, value))
                    })*
                }
            }

            /// The record that bytes hold.
            ///
            /// # Errors
            /// The type or the version is not known, or the bytes are not such a record.
            pub fn from_bytes(key: &Bytes, value: Option<&Bytes>) -> Result<Self, UnreadableRecord> {
                let kind = match key.get(..2) {
                    Some(kind) => i16::from_be_bytes([kind[0], kind[1]]),
                    None => return Err(UnreadableRecord::NoKey),
                };
                match kind {
                    $(crate::wire::$key::KEY => {
                        let key = behind_number(Some(0), key)?;
                        let value = value.map(|value| behind_number(None, value)).transpose()?;
                        Ok(Self::$name(key, value))
                    })*
                    _ => Err(UnreadableRecord::Unknown(kind)),
                }
            }
        }
    };
}

group_records! {
    LegacyOffsetCommit LegacyOffsetCommitKey LegacyOffsetCommitValue 0;
    OffsetCommit OffsetCommitKey OffsetCommitValue 4;
    GroupMetadata GroupMetadataKey GroupMetadataValue 3;
    ConsumerGroupMetadata ConsumerGroupMetadataKey ConsumerGroupMetadataValue 0;
    ConsumerGroupPartitionMetadata ConsumerGroupPartitionMetadataKey ConsumerGroupPartitionMetadataValue 0;
    ConsumerGroupMemberMetadata ConsumerGroupMemberMetadataKey ConsumerGroupMemberMetadataValue 0;
    ConsumerGroupTargetAssignmentMetadata ConsumerGroupTargetAssignmentMetadataKey
        ConsumerGroupTargetAssignmentMetadataValue 0;
    ConsumerGroupTargetAssignmentMember ConsumerGroupTargetAssignmentMemberKey
        ConsumerGroupTargetAssignmentMemberValue 0;
    ConsumerGroupCurrentMemberAssignment ConsumerGroupCurrentMemberAssignmentKey
        ConsumerGroupCurrentMemberAssignmentValue 0;
    ConsumerGroupRegularExpression ConsumerGroupRegularExpressionKey ConsumerGroupRegularExpressionValue 0;
}

impl GroupRecord {
    /// An offset with a time at which it expires, as clients up to OffsetCommit 4 may ask for, goes into version 1,
    /// which alone has room for it (`offsetCommitValueVersion`).
    const fn value_version(&self, written: i16) -> i16 {
        match self {
            Self::OffsetCommit(_, Some(value)) if value.expire_timestamp != -1 => 1,
            _ => written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::consumer_group_member_metadata_value::ClassicMemberMetadata;
    use crate::wire::{
        ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, GroupMetadataKey,
        GroupMetadataValue, OffsetCommitKey, OffsetCommitValue,
    };

    fn again(record: &GroupRecord) -> Result<GroupRecord, UnreadableRecord> {
        GroupRecord::from_bytes(&record.key_bytes(), record.value_bytes().as_ref())
    }

    #[test]
    fn records_are_read_back_as_they_were() {
        let key = OffsetCommitKey { group: "g".into(), topic: "orders".into(), partition: 3 };
        let value = OffsetCommitValue { offset: 7, metadata: "here".into(), ..Default::default() };
        let old = OffsetCommitValue { expire_timestamp: 9, ..value.clone() };
        for (value, version) in [(Some(value), 4), (Some(old), 1), (None, 0)] {
            let record = GroupRecord::OffsetCommit(key.clone(), value);
            assert_eq!(again(&record).as_ref(), Ok(&record), "GRC-2");
            let bytes = record.value_bytes();
            assert_eq!(bytes.map_or(0, |bytes| bytes[1]), version);
        }
        let record = GroupRecord::GroupMetadata(
            GroupMetadataKey { group: "g".into() },
            Some(GroupMetadataValue { protocol_type: "consumer".into(), ..Default::default() }),
        );
        assert_eq!(&record.key_bytes()[..], b"\x00\x02\x00\x01g", "GRC-1");
        assert_eq!(again(&record).as_ref(), Ok(&record));
    }

    /// What Apache Kafka 4.3.0 writes: a member's classic part that is not there is told by a varint.
    #[test]
    fn a_member_with_and_without_a_classic_part_is_as_kafka_writes_it() {
        let key = ConsumerGroupMemberMetadataKey { group_id: "g".into(), member_id: "m".into() };
        let told = |classic_member_metadata| {
            let value = ConsumerGroupMemberMetadataValue {
                client_id: "c".into(),
                client_host: "h".into(),
                subscribed_topic_names: vec!["t".into()],
                subscribed_topic_regex: Some(String::new()),
                rebalance_timeout_ms: 5,
                classic_member_metadata,
                ..ConsumerGroupMemberMetadataValue::default()
            };
            let record = GroupRecord::ConsumerGroupMemberMetadata(key.clone(), Some(value));
            assert_eq!(again(&record).as_ref(), Ok(&record));
            let bytes = record.value_bytes().expect("it is no tombstone");
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let classic = ClassicMemberMetadata { session_timeout_ms: 7, ..Default::default() };
        assert_eq!(told(None), "000001010263026802027401000000050101000100");
        assert_eq!(told(Some(classic)), "000001010263026802027401000000050101000701000000070100");
        let nothing = ClassicMemberMetadata::default();
        assert_eq!(told(Some(nothing)), "000001010263026802027401000000050100", "Kafka's default");
    }

    #[test]
    fn other_bytes_are_no_record() {
        let read = |key: &'static [u8], value: &'static [u8]| {
            GroupRecord::from_bytes(&Bytes::from_static(key), Some(&Bytes::from_static(value)))
        };
        assert_eq!(read(b"", b""), Err(UnreadableRecord::NoKey));
        assert_eq!(read(b"\x00\x63g", b""), Err(UnreadableRecord::Unknown(99)));
        for value in [&b""[..], b"\x00", b"\x00\x09", b"\x00\x03\x00"] {
            let wrong = read(b"\x00\x02\x00\x01g", value);
            assert!(matches!(wrong, Err(UnreadableRecord::Wrong(_))), "{wrong:?}");
        }
    }
}
