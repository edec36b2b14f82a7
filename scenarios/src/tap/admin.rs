//! What administrators ask for, as far as the checkers need it: starts of logs, settings.
//!
//! In Kafka:   `DeleteRecords` 2, `IncrementalAlterConfigs` 1, `AlterConfigs` 2.
//! Left out:   whether it was granted: what was asked for may come to be.

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

/// `incrementally`: what is not named stays as it is. Otherwise it is taken back, which nobody can see here.
pub(super) fn alter_configs(
    body: Bytes,
    incrementally: bool,
) -> Result<Vec<SettingAsked>, Malformed> {
    let mut cursor = Cursor::new(body);
    let mut asked = Vec::new();
    cursor.compact_array(|cursor| {
        let kind = cursor.i8()?;
        let resource = cursor.compact_string()?;
        let topic = (kind == TOPIC).then_some(resource);
        cursor.compact_array(|cursor| {
            let name = cursor.compact_string()?;
            let operation = if incrementally { cursor.i8()? } else { SET };
            let value = cursor.compact_bytes()?;
            let value = value.map(|value| String::from_utf8_lossy(&value).into_owned());
            let is_told = match operation {
                SET | APPEND => value.is_some(),
                operation => operation == DELETE && value.is_none(),
            };
            if matches!(kind, TOPIC | BROKER) && is_told {
                asked.push(SettingAsked { topic: topic.clone(), name, value });
            }
            cursor.skip_tags()
        })?;
        cursor.skip_tags()
    })?;
    Ok(asked)
}
