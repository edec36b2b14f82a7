//! What administrators ask for, as far as the checkers need it: starts of logs, and what is told of them; settings.
//!
//! In Kafka:   `DeleteRecords` 2, `IncrementalAlterConfigs` 0 and 1, `AlterConfigs` 0 to 2,
//!             `CreateTopics` 2 to 7.
//! Left out:   whether the rest was granted: what was asked for may come to be.

use bytes::Bytes;

use super::{Cursor, Malformed};

/// A partition whose log is to start later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartAsked {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Where; -1 for the high watermark.
    pub offset: i64,
}

/// How far the logs of a partition have come to start later, as a broker told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartTold {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The earliest start among the replicas that are alive.
    pub low_watermark: i64,
}

/// A setting that is to have another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingAsked {
    /// The topic; none for all of a broker, or of all brokers.
    pub topic: Option<String>,
    /// Kafka's name of the setting.
    pub name: String,
    /// The value; none: it is taken back.
    pub value: Option<String>,
}

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

pub(super) fn delete_records(body: Bytes) -> Result<Vec<StartAsked>, Malformed> {
    let mut cursor = Cursor::new(body);
    let mut asked = Vec::new();
    cursor.compact_array(|cursor| {
        let topic = cursor.compact_string()?;
        cursor.compact_array(|cursor| {
            let (partition, offset) = (cursor.i32()?, cursor.i64()?);
            asked.push(StartAsked { topic: topic.clone(), partition, offset });
            cursor.skip_tags()
        })?;
        cursor.skip_tags()
    })?;
    Ok(asked)
}

/// What was told of those partitions whose records were deleted everywhere; errors are left out.
pub(super) fn records_deleted(body: Bytes) -> Result<Vec<StartTold>, Malformed> {
    let mut cursor = Cursor::new(body);
    cursor.skip(size_of::<i32>())?;
    let mut told = Vec::new();
    cursor.compact_array(|cursor| {
        let topic = cursor.compact_string()?;
        cursor.compact_array(|cursor| {
            let (partition, low_watermark) = (cursor.i32()?, cursor.i64()?);
            if cursor.i16()? == 0 {
                told.push(StartTold { topic: topic.clone(), partition, low_watermark });
            }
            cursor.skip_tags()
        })?;
        cursor.skip_tags()
    })?;
    Ok(told)
}

/// What follows the rest of a request header: the client id (not compact, even in a flexible one) and, there, the tags.
pub(super) fn body(flexible: bool, mut cursor: Cursor) -> Result<Bytes, Malformed> {
    let length = cursor.i16()?;
    if let Ok(length) = usize::try_from(length) {
        cursor.skip(length)?;
    }
    if flexible {
        cursor.skip_tags()?;
    }
    Ok(cursor.rest())
}

/// The fields of a version that is flexible, or is not.
struct Fields {
    cursor: Cursor,
    flexible: bool,
}

impl Fields {
    fn string(&mut self) -> Result<Option<String>, Malformed> {
        let bytes = if self.flexible {
            self.cursor.compact_bytes()?
        } else {
            let length = usize::try_from(self.cursor.i16()?).ok();
            length.map(|length| self.cursor.take(length)).transpose()?
        };
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// How many members an array has; null has none.
    fn count(&mut self) -> Result<usize, Malformed> {
        if self.flexible {
            Ok(self.cursor.compact_length()?.unwrap_or(0))
        } else {
            Ok(usize::try_from(self.cursor.i32()?).unwrap_or(0))
        }
    }

    fn each(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        for _ in 0..self.count()? {
            read(self)?;
            if self.flexible {
                self.cursor.skip_tags()?;
            }
        }
        Ok(())
    }
}

/// `incrementally`: what is not named stays as it is. Otherwise it is taken back, which nobody can see here.
pub(super) fn alter_configs(
    flexible: bool,
    body: Bytes,
    incrementally: bool,
) -> Result<Vec<SettingAsked>, Malformed> {
    let mut fields = Fields { cursor: Cursor::new(body), flexible };
    let mut asked = Vec::new();
    fields.each(|fields| {
        let kind = fields.cursor.i8()?;
        let resource = fields.string()?.unwrap_or_default();
        let topic = (kind == TOPIC).then_some(resource);
        fields.each(|fields| {
            let name = fields.string()?.unwrap_or_default();
            let operation = if incrementally { fields.cursor.i8()? } else { SET };
            let value = fields.string()?;
            let is_told = match operation {
                SET | APPEND => value.is_some(),
                operation => operation == DELETE && value.is_none(),
            };
            if matches!(kind, TOPIC | BROKER) && is_told {
                asked.push(SettingAsked { topic: topic.clone(), name, value });
            }
            Ok(())
        })
    })?;
    Ok(asked)
}

/// The settings of topics that are to be made.
pub(super) fn create_topics(flexible: bool, body: Bytes) -> Result<Vec<SettingAsked>, Malformed> {
    let mut fields = Fields { cursor: Cursor::new(body), flexible };
    let mut asked = Vec::new();
    fields.each(|fields| {
        let topic = fields.string()?;
        fields.cursor.skip(size_of::<i32>() + size_of::<i16>())?;
        fields.each(|fields| {
            fields.cursor.skip(size_of::<i32>())?;
            let brokers = fields.count()?;
            fields.cursor.skip(brokers.saturating_mul(size_of::<i32>()))
        })?;
        fields.each(|fields| {
            let name = fields.string()?.unwrap_or_default();
            let value = fields.string()?;
            if value.is_some() {
                asked.push(SettingAsked { topic: topic.clone(), name, value });
            }
            Ok(())
        })
    })?;
    Ok(asked)
}
