//! ListOffsets and its answers, as far as the checkers need them (versions 6 to 11): the ends that consumers are told.
//!
//! Left out: what is asked for by other timestamps than "the end", and by others than consumers who read uncommitted.

use bytes::Bytes;

use super::{Cursor, Malformed, TopicRef};

/// "The end of the log".
const LATEST: i64 = -1;
/// A consumer, and the isolation level that hides nothing of what is committed.
const CONSUMER: i32 = -1;
const READ_UNCOMMITTED: i8 = 0;

/// Where a log ends, as a broker told it to a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndAnswer {
    /// The topic.
    pub topic: TopicRef,
    /// The partition.
    pub partition: i32,
    /// The end: the high watermark.
    pub offset: i64,
    /// The leader epoch in which it was told; -1 if the log has none.
    pub leader_epoch: i32,
}

/// The partitions whose end a consumer asks for.
pub(super) fn request(body: Bytes) -> Result<Vec<(String, i32)>, Malformed> {
    let mut cursor = Cursor::new(body);
    let replica = cursor.i32()?;
    let isolation = cursor.i8()?;
    let counts = replica == CONSUMER && isolation == READ_UNCOMMITTED;
    let mut asked = Vec::new();
    cursor.compact_array(|cursor| {
        let topic = cursor.compact_string()?;
        cursor.compact_array(|cursor| {
            let partition = cursor.i32()?;
            cursor.skip(4)?;
            if cursor.i64()? == LATEST && counts {
                asked.push((topic.clone(), partition));
            }
            cursor.skip_tags()
        })?;
        cursor.skip_tags()
    })?;
    Ok(asked)
}

/// What was told of those that were `asked` for, errors left out.
pub(super) fn response(asked: &[(String, i32)], body: Bytes) -> Result<Vec<EndAnswer>, Malformed> {
    let mut cursor = Cursor::new(body);
    cursor.skip(4)?;
    let mut told = Vec::new();
    cursor.compact_array(|cursor| {
        let topic = cursor.compact_string()?;
        cursor.compact_array(|cursor| {
            let (partition, error) = (cursor.i32()?, cursor.i16()?);
            cursor.skip(8)?;
            let (offset, leader_epoch) = (cursor.i64()?, cursor.i32()?);
            let is_asked = asked.iter().any(|(name, index)| *name == topic && *index == partition);
            if error == 0 && is_asked {
                let topic = TopicRef::Name(topic.clone());
                told.push(EndAnswer { topic, partition, offset, leader_epoch });
            }
            cursor.skip_tags()
        })?;
        cursor.skip_tags()
    })?;
    Ok(told)
}
