//! Turns what a replayed record changed into notes.
//!
//! Holds: nothing; compares what stood before with the image after.

use std::sync::Arc;

use super::election::ElectedFrom;
use crate::ids::{BrokerId, Offset, TopicPartition};
use crate::image::{BrokerRegistration, MetadataImage, PartitionRegistration};
use crate::note::controller::{ChangeReason, ControllerNote};
use crate::wire::{BrokerRegistrationChangeRecord, MetadataRecord, RegisterBrokerRecord};

/// What a record is about to change, as it stands.
pub(super) struct Before {
    broker: Option<Arc<BrokerRegistration>>,
    partitions: Vec<(TopicPartition, Option<Arc<PartitionRegistration>>)>,
}

impl Before {
    /// To be taken before `record` is replayed.
    pub(super) fn of(image: &MetadataImage, record: &MetadataRecord) -> Self {
        let broker = match record {
            MetadataRecord::RegisterBroker(record) => Some(record.broker_id),
            MetadataRecord::BrokerRegistrationChange(record) => Some(record.broker_id),
            _ => None,
        };
        let one = |topic, partition| {
            let of = TopicPartition { topic, partition };
            vec![(of, image.topics().partition(of).cloned())]
        };
        let partitions = match record {
            MetadataRecord::Partition(record) => one(record.topic_id, record.partition_id),
            MetadataRecord::PartitionChange(record) => one(record.topic_id, record.partition_id),
            MetadataRecord::ClearElr(_) => {
                let all = image.topics().partitions();
                all.map(|(of, _, partition)| (of, Some(partition.clone()))).collect()
            }
            _ => Vec::new(),
        };
        let broker = broker.and_then(|id| image.cluster().broker(BrokerId(id)).cloned());
        Self { broker, partitions }
    }
}

/// One record that was replayed.
pub(super) struct Replayed<'a> {
    /// Its offset.
    pub offset: Offset,
    /// The record.
    pub record: &'a MetadataRecord,
    /// What stood before it.
    pub before: Before,
    /// The image after it.
    pub after: &'a MetadataImage,
}

impl Replayed<'_> {
    /// What there is to say.
    pub(super) fn notes(
        &self,
        why: ChangeReason,
        elected: Option<ElectedFrom>,
    ) -> Vec<ControllerNote> {
        let offset = self.offset;
        match self.record {
            MetadataRecord::RegisterBroker(record) => vec![self.registered(record, why)],
            MetadataRecord::BrokerRegistrationChange(record) => self.changed(record),
            MetadataRecord::Topic(record) => {
                let topic = self.after.topics().topic(record.topic_id);
                let name = topic.expect("just created").name.clone();
                vec![ControllerNote::TopicCreated { offset, id: record.topic_id, name }]
            }
            MetadataRecord::RemoveTopic(record) => {
                vec![ControllerNote::TopicDeleted { offset, id: record.topic_id }]
            }
            MetadataRecord::Partition(_)
            | MetadataRecord::PartitionChange(_)
            | MetadataRecord::ClearElr(_) => self.partitions(why, elected),
            _ => Vec::new(),
        }
    }

    fn registered(&self, record: &RegisterBrokerRecord, why: ChangeReason) -> ControllerNote {
        let id = BrokerId(record.broker_id);
        let broker = self.after.cluster().broker(id).expect("just registered");
        ControllerNote::BrokerRegistered {
            offset: self.offset,
            id,
            epoch: broker.epoch,
            incarnation: broker.incarnation,
            previous: self.before.broker.as_ref().map(|broker| broker.epoch),
            clean: !matches!(why, ChangeReason::UncleanRestart(_)),
        }
    }

    fn changed(&self, record: &BrokerRegistrationChangeRecord) -> Vec<ControllerNote> {
        let (offset, id) = (self.offset, BrokerId(record.broker_id));
        let before = self.before.broker.as_ref().expect("a change has something to change");
        let after = self.after.cluster().broker(id).expect("a change removes nobody");
        let epoch = after.epoch;
        let mut notes = Vec::new();
        match (before.fenced, after.fenced) {
            (false, true) => notes.push(ControllerNote::BrokerFenced { offset, id, epoch }),
            (true, false) => notes.push(ControllerNote::BrokerUnfenced { offset, id, epoch }),
            _ => {}
        }
        if after.in_controlled_shutdown && !before.in_controlled_shutdown {
            notes.push(ControllerNote::ControlledShutdownBegun { offset, id, epoch });
        }
        notes
    }

    /// Those that are not as they were.
    fn partitions(&self, why: ChangeReason, elected: Option<ElectedFrom>) -> Vec<ControllerNote> {
        let changed = self.before.partitions.iter().filter_map(|(partition, old)| {
            let new = self.after.topics().partition(*partition).cloned()?;
            (old.as_ref() != Some(&new)).then(|| ControllerNote::PartitionChanged {
                offset: self.offset,
                partition: *partition,
                old: old.clone(),
                new,
                why,
                elected,
            })
        });
        changed.collect()
    }
}
