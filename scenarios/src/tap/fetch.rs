//! Fetch requests and their answers, as far as the checkers need them (versions 12 to 18).

use bytes::Bytes;

use super::produce::topic;
use super::{Cursor, Malformed, TopicRef};

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchRequestSeen {
    /// The follower's node id; -1 for a consumer.
    pub replica: i32,
}

/// What a broker answered for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchAnswer {
    /// The topic.
    pub topic: TopicRef,
    /// The partition.
    pub partition: i32,
    /// Kafka's error code; 0 is success.
    pub error: i16,
    /// The high watermark that the broker told.
    pub high_watermark: i64,
    /// Where its log starts.
    pub log_start: i64,
    /// The node that shall be asked instead; -1 for none.
    pub preferred: i32,
    /// The records.
    pub records: Bytes,
    /// Whether the broker told instead where the log of who asked parts from its own (KIP-595).
    pub diverges: bool,
}

/// The tagged field that says so.
const DIVERGING_EPOCH: u32 = 0;

pub(super) fn request(version: i16, body: Bytes) -> Result<FetchRequestSeen, Malformed> {
    let mut cursor = Cursor::new(body);
    if version < 15 {
        return Ok(FetchRequestSeen { replica: cursor.i32()? });
    }
    // Since KIP-903 the replica stands in a tagged field at the very end.
    cursor.skip(4 + 4 + 4 + 1 + 4 + 4)?;
    cursor.compact_array(|cursor| {
        cursor.skip(16)?;
        cursor.compact_array(|cursor| {
            cursor.skip(4 + 4 + 8 + 4 + 8 + 4)?;
            cursor.skip_tags()
        })?;
        cursor.skip_tags()
    })?;
    cursor.compact_array(|cursor| {
        cursor.skip(16)?;
        cursor.compact_array(|cursor| cursor.i32())?;
        cursor.skip_tags()
    })?;
    cursor.compact_bytes()?;
    let mut replica = -1;
    for _ in 0..cursor.uvarint()? {
        let tag = cursor.uvarint()?;
        let length = cursor.uvarint()? as usize;
        let field = cursor.take(length)?;
        if tag == 1 {
            replica = Cursor::new(field).i32()?;
        }
    }
    Ok(FetchRequestSeen { replica })
}

pub(super) fn response(version: i16, body: Bytes) -> Result<Vec<FetchAnswer>, Malformed> {
    let mut cursor = Cursor::new(body);
    cursor.skip(4 + 2 + 4)?;
    let mut answers = Vec::new();
    cursor.compact_array(|cursor| {
        let topic = topic(cursor, version >= 13)?;
        cursor.compact_array(|cursor| {
            let partition = cursor.i32()?;
            let error = cursor.i16()?;
            let high_watermark = cursor.i64()?;
            cursor.i64()?;
            let log_start = cursor.i64()?;
            cursor.compact_array(|cursor| {
                cursor.skip(16)?;
                cursor.skip_tags()
            })?;
            let preferred = cursor.i32()?;
            let records = cursor.compact_bytes()?.unwrap_or_default();
            let mut diverges = false;
            cursor.tags(|tag| diverges |= tag == DIVERGING_EPOCH)?;
            let topic = topic.clone();
            answers.push(FetchAnswer {
                topic,
                partition,
                error,
                high_watermark,
                log_start,
                preferred,
                records,
                diverges,
            });
            Ok(())
        })?;
        cursor.skip_tags()
    })?;
    Ok(answers)
}
