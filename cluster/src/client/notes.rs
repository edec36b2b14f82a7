//! What clients write down: the events of their machines as notes, with topics by their ids.
//!
//! Invariants: PR-1 one note for each event.

use std::collections::BTreeSet;

use super::admin::AdminEvent;
use super::consumer::{ConsumedRecord, ConsumerEvent, GroupEvent, Polled};
use super::member::Heard;
use super::producer::ProducerEvent;
use super::purger::Purged;
use super::{Metadata, NamedPartition};
use crate::ids::{TopicPartition, Uuid};
use crate::note::client::{ClientNote, CommittedOffset, PolledRecord, RECORD_ID_HEADER, RecordId};

fn by_id(at: &NamedPartition, metadata: &Metadata) -> TopicPartition {
    let topic = metadata.last_id_of(&at.topic).unwrap_or(Uuid::ZERO);
    TopicPartition { topic, partition: at.partition }
}

pub(super) fn of_producer(event: ProducerEvent, metadata: &Metadata) -> ClientNote {
    match event {
        ProducerEvent::IdAssigned { id, epoch } => ClientNote::ProducerIdAssigned { id, epoch },
        ProducerEvent::Appended { id, partition } => {
            ClientNote::Sent { id: RecordId(id), partition: by_id(&partition, metadata) }
        }
        ProducerEvent::Delivered { id, partition, offset } => {
            ClientNote::Acked { id: RecordId(id), partition: by_id(&partition, metadata), offset }
        }
        ProducerEvent::Failed { id, partition, error, maybe_written } => ClientNote::Failed {
            id: RecordId(id),
            partition: partition.map(|at| by_id(&at, metadata)),
            error,
            maybe_written,
        },
    }
}

pub(super) fn of_poll(polled: Polled, metadata: &Metadata) -> ClientNote {
    let id_of = |record: &ConsumedRecord| {
        let header = record.headers.iter().find(|(key, _)| &key[..] == RECORD_ID_HEADER)?;
        RecordId::from_header(header.1.as_deref()?)
    };
    let records = polled.records.iter().map(|record| PolledRecord {
        offset: record.offset,
        leader_epoch: record.leader_epoch,
        id: id_of(record),
    });
    ClientNote::Polled {
        partition: by_id(&polled.partition, metadata),
        records: records.collect(),
        position: polled.position,
    }
}

pub(super) fn of_consumer(event: ConsumerEvent, metadata: &Metadata) -> ClientNote {
    let id = |at: &NamedPartition| by_id(at, metadata);
    match event {
        ConsumerEvent::PositionReset { partition, offset, cause } => {
            ClientNote::PositionReset { partition: id(&partition), offset, cause }
        }
        ConsumerEvent::TruncationDetected { partition, position, divergent } => {
            ClientNote::TruncationDetected { partition: id(&partition), position, divergent }
        }
        ConsumerEvent::Stuck { partition, cause } => {
            ClientNote::Stuck { partition: id(&partition), cause }
        }
        ConsumerEvent::CorruptBatch { partition, position } => {
            ClientNote::CorruptBatch { partition: id(&partition), position }
        }
    }
}

pub(super) fn of_purge(event: &Purged, metadata: &Metadata) -> ClientNote {
    let Purged { partition, low_watermark } = event;
    ClientNote::Purged { partition: by_id(partition, metadata), low_watermark: *low_watermark }
}

pub(super) const fn of_admin(event: AdminEvent) -> ClientNote {
    match event {
        AdminEvent::Ready { topic, partitions } => ClientNote::TopicReady { topic, partitions },
        AdminEvent::Refused { index, error } => ClientNote::TopicRefused { index, error },
        AdminEvent::Told { ticket, error } => ClientNote::AdminTold { ticket, error },
    }
}

pub(super) fn of_member(heard: Heard, metadata: &Metadata) -> ClientNote {
    let event = match heard {
        Heard::Polled(polled) => return of_poll(polled, metadata),
        Heard::Processed => return ClientNote::Processed,
        Heard::Event(GroupEvent::Position(event)) => return of_consumer(event, metadata),
        Heard::Event(event) => event,
    };
    let all = |partitions: BTreeSet<NamedPartition>| partitions.into_iter().collect();
    let offsets_of = |offsets: std::collections::BTreeMap<NamedPartition, _>| {
        let of = |(partition, (offset, leader_epoch))| CommittedOffset {
            partition,
            offset,
            leader_epoch,
        };
        offsets.into_iter().map(of).collect()
    };
    match event {
        GroupEvent::Assigned { generation, member, added, owned } => {
            ClientNote::GroupAssigned { generation, member, added: all(added), owned: all(owned) }
        }
        GroupEvent::Revoked { generation, partitions } => {
            ClientNote::GroupRevoked { generation, partitions: all(partitions) }
        }
        GroupEvent::Lost { generation, partitions } => {
            ClientNote::GroupLost { generation, partitions: all(partitions) }
        }
        GroupEvent::Committed { cause, generation, offsets } => {
            ClientNote::OffsetsCommitted { cause, generation, offsets: offsets_of(offsets) }
        }
        GroupEvent::CommitFailed { cause, offsets, failure } => {
            ClientNote::CommitFailed { cause, offsets: offsets_of(offsets), failure }
        }
        GroupEvent::PositionCommitted { partition, offset } => {
            ClientNote::PositionCommitted { partition, offset }
        }
        GroupEvent::PollFailed { error } => ClientNote::PollFailed { error },
        GroupEvent::Closed => ClientNote::MemberClosed,
        GroupEvent::Position(event) => of_consumer(event, metadata),
    }
}
