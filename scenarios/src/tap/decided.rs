//! What controllers are asked and what they answer, as far as the checkers need it.
//!
//! In Kafka:   `BrokerRegistration` 0 to 4, `BrokerHeartbeat` 0 to 2, `AlterPartition` 2 and 3, `CreateTopics` 7.
//! Invariants: DE-1 frames are numbered in the order in which they were sent, over all connections.
//! Left out:   what a broker passes on in an envelope: the answer that its client gets is read.

use bytes::Bytes;
use trial_cluster::ids::{TopicId, TopicPartition, Uuid};

use super::{Cursor, Malformed};

pub(super) const CREATE_TOPICS: i16 = 19;
pub(super) const ALTER_PARTITION: i16 = 56;
pub(super) const BROKER_REGISTRATION: i16 = 62;
pub(super) const BROKER_HEARTBEAT: i16 = 63;

/// A question to a controller that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The number of the frame with the question.
    pub asked: u64,
    /// The number of the frame with the answer.
    pub answered: u64,
    /// The error of the whole; 0 for none.
    pub error: i16,
    /// What was decided.
    pub what: Decision,
}

/// What a controller has decided, by its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A broker is registered.
    Registered {
        /// Who asked.
        broker: i32,
        /// The epoch that it was given.
        epoch: i64,
    },
    /// A broker is alive.
    Heartbeat {
        /// Who asked.
        broker: i32,
        /// In which epoch.
        epoch: i64,
    },
    /// Partitions have other in-sync sets.
    AlterPartition {
        /// Who asked.
        broker: i32,
        /// In which epoch.
        epoch: i64,
        /// Those that were not refused, and the partition epoch that each has by the answer.
        partitions: Vec<(TopicPartition, i32)>,
    },
    /// Topics were made; those that were refused are left out.
    TopicsCreated(Vec<TopicId>),
}

/// A question whose answer is awaited.
#[derive(Debug, Clone)]
pub(super) struct Question {
    asked: u64,
    of: Of,
}

#[derive(Debug, Clone, Copy)]
enum Of {
    Registration { broker: i32 },
    Heartbeat { broker: i32, epoch: i64 },
    AlterPartition { broker: i32, epoch: i64 },
    CreateTopics,
}

/// Reads the question in a request's body, if it is one of these.
pub(super) fn question(
    api: i16,
    version: i16,
    asked: u64,
    body: Bytes,
) -> Result<Option<Question>, Malformed> {
    let mut cursor = Cursor::new(body);
    let of = match (api, version) {
        (BROKER_REGISTRATION, 0..=4) => Of::Registration { broker: cursor.i32()? },
        (BROKER_HEARTBEAT, 0..=2) => Of::Heartbeat { broker: cursor.i32()?, epoch: cursor.i64()? },
        (ALTER_PARTITION, 2..=3) => {
            Of::AlterPartition { broker: cursor.i32()?, epoch: cursor.i64()? }
        }
        (CREATE_TOPICS, 7) => Of::CreateTopics,
        _ => return Ok(None),
    };
    Ok(Some(Question { asked, of }))
}

impl Question {
    pub(super) fn api(&self) -> i16 {
        match self.of {
            Of::Registration { .. } => BROKER_REGISTRATION,
            Of::Heartbeat { .. } => BROKER_HEARTBEAT,
            Of::AlterPartition { .. } => ALTER_PARTITION,
            Of::CreateTopics => CREATE_TOPICS,
        }
    }

    /// Reads the answer in a response's body.
    pub(super) fn answer(&self, answered: u64, body: Bytes) -> Result<Decided, Malformed> {
        let mut cursor = Cursor::new(body);
        cursor.i32()?;
        let error = if matches!(self.of, Of::CreateTopics) { 0 } else { cursor.i16()? };
        let what = match self.of {
            Of::Registration { broker } => Decision::Registered { broker, epoch: cursor.i64()? },
            Of::Heartbeat { broker, epoch } => Decision::Heartbeat { broker, epoch },
            Of::AlterPartition { broker, epoch } => {
                let partitions = altered(&mut cursor)?;
                Decision::AlterPartition { broker, epoch, partitions }
            }
            Of::CreateTopics => Decision::TopicsCreated(created(&mut cursor)?),
        };
        Ok(Decided { asked: self.asked, answered, error, what })
    }
}

fn altered(cursor: &mut Cursor) -> Result<Vec<(TopicPartition, i32)>, Malformed> {
    let mut partitions = Vec::new();
    cursor.compact_array(|cursor| {
        let topic = Uuid(cursor.u128()?);
        cursor.compact_array(|cursor| {
            let partition = cursor.i32()?;
            let error = cursor.i16()?;
            cursor.skip(4 + 4)?;
            cursor.compact_array(|cursor| cursor.i32())?;
            cursor.i8()?;
            let epoch = cursor.i32()?;
            if error == 0 {
                partitions.push((TopicPartition { topic, partition }, epoch));
            }
            cursor.skip_tags()
        })?;
        cursor.skip_tags()
    })?;
    Ok(partitions)
}

fn created(cursor: &mut Cursor) -> Result<Vec<TopicId>, Malformed> {
    let mut topics = Vec::new();
    cursor.compact_array(|cursor| {
        cursor.compact_bytes()?;
        let id = Uuid(cursor.u128()?);
        let error = cursor.i16()?;
        cursor.compact_bytes()?;
        cursor.skip(4 + 2)?;
        cursor.compact_array(|cursor| {
            cursor.compact_bytes()?;
            cursor.compact_bytes()?;
            cursor.skip(1 + 1 + 1)?;
            cursor.skip_tags()
        })?;
        if error == 0 {
            topics.push(id);
        }
        cursor.skip_tags()
    })?;
    Ok(topics)
}
