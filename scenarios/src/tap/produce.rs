//! Produce requests and their answers, as far as the checkers need them (versions 9 to 13).

use bytes::Bytes;

use super::{Cursor, Malformed, TopicRef};
use trial_cluster::ids::Uuid;

/// What a producer asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceRequestSeen {
    /// 0, 1 or -1 for all.
    pub acks: i16,
    /// The records for each partition.
    pub partitions: Vec<(TopicRef, i32, Bytes)>,
}

/// What a broker answered for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceAnswer {
    /// The topic.
    pub topic: TopicRef,
    /// The partition.
    pub partition: i32,
    /// Kafka's error code; 0 is success.
    pub error: i16,
    /// Offset of the first record.
    pub base_offset: i64,
}

pub(super) fn topic(cursor: &mut Cursor, by_id: bool) -> Result<TopicRef, Malformed> {
    if by_id {
        Ok(TopicRef::Id(Uuid(cursor.u128()?)))
    } else {
        Ok(TopicRef::Name(cursor.compact_string()?))
    }
}

pub(super) fn request(version: i16, body: Bytes) -> Result<ProduceRequestSeen, Malformed> {
    let mut cursor = Cursor::new(body);
    cursor.compact_bytes()?;
    let acks = cursor.i16()?;
    cursor.i32()?;
    let mut partitions = Vec::new();
    cursor.compact_array(|cursor| {
        let topic = topic(cursor, version >= 13)?;
        cursor.compact_array(|cursor| {
            let index = cursor.i32()?;
            let records = cursor.compact_bytes()?.unwrap_or_default();
            partitions.push((topic.clone(), index, records));
            cursor.skip_tags()
        })?;
        cursor.skip_tags()
    })?;
    Ok(ProduceRequestSeen { acks, partitions })
}

pub(super) fn response(version: i16, body: Bytes) -> Result<Vec<ProduceAnswer>, Malformed> {
    let mut cursor = Cursor::new(body);
    let mut answers = Vec::new();
    cursor.compact_array(|cursor| {
        let topic = topic(cursor, version >= 13)?;
        cursor.compact_array(|cursor| {
            let partition = cursor.i32()?;
            let error = cursor.i16()?;
            let base_offset = cursor.i64()?;
            cursor.skip(16)?;
            cursor.compact_array(|cursor| {
                cursor.i32()?;
                cursor.compact_bytes()?;
                cursor.skip_tags()
            })?;
            cursor.compact_bytes()?;
            answers.push(ProduceAnswer { topic: topic.clone(), partition, error, base_offset });
            cursor.skip_tags()
        })?;
        cursor.skip_tags()
    })?;
    Ok(answers)
}
