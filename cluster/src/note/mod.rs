//! What nodes and clients write about themselves, as plain data; text only when somebody looks.
//!
//! Holds:      one type for the whole cluster, one file per part that writes.
//! Invariants: NO-1 a note goes into the digest whole: every variant and field is hashed. A mark is its name.

pub mod broker;
pub mod client;
pub mod controller;
pub mod group;
pub mod image;
pub mod partition;
pub mod raft;

use std::hash::Hash;

use trial_log::LogEvent;
use trial_log::mark::{Mark, Reached};
use trial_sim::Context;

use crate::ids::TopicPartition;

/// A note of a node or a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// Of a broker as a whole.
    Broker(broker::BrokerNote),
    /// Of the controller.
    Controller(controller::ControllerNote),
    /// Of a client.
    Client(client::ClientNote),
    /// Of a replica of the quorum.
    Raft(raft::RaftNote),
    /// Of what a node has read of the metadata log.
    Image(image::ImageNote),
    /// Of a shard of the group coordinator.
    Group(group::GroupNote),
    /// Of one partition on a broker.
    Partition(partition::PartitionNote),
    /// Of one partition's log on a broker.
    Log {
        /// The partition.
        partition: TopicPartition,
        /// What its log told.
        event: LogEvent,
    },
    /// A node or client as a whole came to a state that matters.
    Reached(&'static Mark),
}

impl Note {
    /// The mark that was reached, whoever reached it.
    #[must_use]
    pub fn reached(&self) -> Option<&'static Mark> {
        match self {
            Self::Reached(mark)
            | Self::Log { event: LogEvent::Reached(mark), .. }
            | Self::Raft(raft::RaftNote::Reached(mark))
            | Self::Controller(controller::ControllerNote::Reached(mark)) => Some(mark),
            Self::Partition(note) => match note.event {
                partition::PartitionEvent::Reached(mark) => Some(mark),
                _ => None,
            },
            _ => None,
        }
    }
}

impl From<&'static Mark> for Note {
    fn from(mark: &'static Mark) -> Self {
        Self::Reached(mark)
    }
}

/// Shells write what they reach straight down.
impl Reached<Note> for Context<'_, Note> {
    fn reached(&mut self, mark: &'static Mark) {
        self.note(Note::Reached(mark));
    }
}

impl trial_sim::Note for Note {
    fn digest(&self, into: &mut trial_sim::Hasher) {
        let mut adapter = Adapter(into);
        match self {
            Self::Broker(note) => (0u8, note).hash(&mut adapter),
            Self::Partition(note) => (1u8, note).hash(&mut adapter),
            Self::Controller(note) => note.digest(adapter.0),
            Self::Raft(note) => (3u8, note).hash(&mut adapter),
            Self::Log { partition, event } => (2u8, partition, event).hash(&mut adapter),
            Self::Client(note) => (4u8, note).hash(&mut adapter),
            Self::Reached(mark) => (5u8, mark).hash(&mut adapter),
            Self::Image(note) => (6u8, note).hash(&mut adapter),
            Self::Group(note) => (7u8, note).hash(&mut adapter),
        }
    }
}

/// Lets `derive(Hash)` feed the digest. Numbers go in little-endian on every machine.
struct Adapter<'a>(&'a mut trial_sim::Hasher);

impl std::hash::Hasher for Adapter<'_> {
    fn finish(&self) -> u64 {
        unreachable!("the digest is asked for, not this")
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.bytes(bytes);
    }

    fn write_u8(&mut self, number: u8) {
        self.0.u8(number);
    }

    fn write_u16(&mut self, number: u16) {
        self.0.u16(number);
    }

    fn write_u32(&mut self, number: u32) {
        self.0.u32(number);
    }

    fn write_u64(&mut self, number: u64) {
        self.0.u64(number);
    }

    fn write_u128(&mut self, number: u128) {
        self.0.u128(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.0.u64(number as u64);
    }
}
