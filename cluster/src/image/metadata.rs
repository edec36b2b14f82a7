//! The whole image, and what each record does to it.
//!
//! In Kafka:   `MetadataImage`, `MetadataDelta.replay`; the controller's managers replay the same records.
//! Holds:      shared parts: a clone costs four reference counts, a write copies the part that it changes.
//! Invariants: K14 two images that applied the same records are equal; K15 a broker's epoch only grows;
//!             K17 no topic id comes twice; R14 partition epochs grow with every change.
//! Left out:   quotas, ACLs, SCRAM, delegation tokens: carried in the log, not kept.

use std::sync::Arc;

use super::cluster::{BrokerRegistration, ClusterImage};
use super::configs::{ConfigResource, ConfigsImage};
use super::delta::MetadataDelta;
use super::features::FeaturesImage;
use super::partition::{PartitionChange, PartitionRegistration};
use super::topics::TopicsImage;
use crate::ids::{BrokerEpoch, BrokerId, Offset, TopicPartition};
use crate::wire::{
    BrokerRegistrationChangeRecord, MetadataRecord, PartitionRecord, RegisterBrokerRecord,
};

/// What the metadata log says up to an offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataImage {
    highest_offset: Offset,
    features: FeaturesImage,
    cluster: Arc<ClusterImage>,
    topics: Arc<TopicsImage>,
    configs: Arc<ConfigsImage>,
    next_producer_id: i64,
}

impl Default for MetadataImage {
    fn default() -> Self {
        Self {
            highest_offset: Offset(-1),
            features: FeaturesImage::default(),
            cluster: Arc::default(),
            topics: Arc::default(),
            configs: Arc::default(),
            next_producer_id: 0,
        }
    }
}

impl MetadataImage {
    /// The offset of the last record that it contains; -1 at first.
    #[must_use]
    pub fn highest_offset(&self) -> Offset {
        self.highest_offset
    }

    /// The feature levels.
    #[must_use]
    pub fn features(&self) -> &FeaturesImage {
        &self.features
    }

    /// Who is registered.
    #[must_use]
    pub fn cluster(&self) -> &ClusterImage {
        &self.cluster
    }

    /// The topics.
    #[must_use]
    pub fn topics(&self) -> &TopicsImage {
        &self.topics
    }

    /// The configuration.
    #[must_use]
    pub fn configs(&self) -> &ConfigsImage {
        &self.configs
    }

    /// The first producer id that no broker has been given.
    #[must_use]
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// Applies the record at `offset` and adds to `delta` what it changed.
    ///
    /// # Panics
    /// If the record does not fit what came before it: the log, or its reader, is broken.
    pub fn apply(&mut self, offset: Offset, record: &MetadataRecord, delta: &mut MetadataDelta) {
        let highest = self.highest_offset;
        assert!(offset > highest, "K14: record at {offset} after {highest}");
        self.highest_offset = offset;
        match record {
            MetadataRecord::RegisterBroker(record) => self.register_broker(record, delta),
            MetadataRecord::UnregisterBroker(record) => {
                let id = BrokerId(record.broker_id);
                self.expect_epoch(id, BrokerEpoch(record.broker_epoch));
                Arc::make_mut(&mut self.cluster).brokers.remove(&id);
                delta.brokers.insert(id);
            }
            MetadataRecord::BrokerRegistrationChange(change) => {
                self.change_registration(change, delta);
            }
            MetadataRecord::FenceBroker(record) => {
                let change = fence_change(record.id, record.epoch, 1);
                self.change_registration(&change, delta);
            }
            MetadataRecord::UnfenceBroker(record) => {
                let change = fence_change(record.id, record.epoch, -1);
                self.change_registration(&change, delta);
            }
            MetadataRecord::RegisterController(record) => {
                let id = BrokerId(record.controller_id);
                let controllers = &mut Arc::make_mut(&mut self.cluster).controllers;
                controllers.insert(id, Arc::new(record.into()));
                delta.controllers.insert(id);
            }
            MetadataRecord::Topic(record) => {
                Arc::make_mut(&mut self.topics).create(&record.name, record.topic_id);
                delta.created_topics.insert(record.topic_id);
            }
            MetadataRecord::RemoveTopic(record) => {
                let topic = Arc::make_mut(&mut self.topics).remove(record.topic_id);
                let resource = ConfigResource::Topic(topic.name.clone());
                Arc::make_mut(&mut self.configs).remove(&resource);
                delta.on_topic_removed(topic);
            }
            MetadataRecord::Partition(record) => self.put_partition(record, delta),
            MetadataRecord::PartitionChange(record) => {
                let of = TopicPartition { topic: record.topic_id, partition: record.partition_id };
                self.change_partition(of, &record.into(), delta);
            }
            MetadataRecord::ClearElr(record) => self.clear_elr(&record.topic_name, delta),
            MetadataRecord::Config(record) => {
                let resource =
                    ConfigResource::from_wire(record.resource_type, &record.resource_name);
                let value = record.value.as_deref();
                Arc::make_mut(&mut self.configs).set(&resource, &record.name, value);
                delta.configs.insert(resource);
            }
            MetadataRecord::FeatureLevel(record) => {
                self.features.set(&record.name, record.feature_level);
                delta.features = true;
            }
            MetadataRecord::ProducerIds(record) => self.next_producer_id = record.next_producer_id,
            // Transactions are the business of whoever reads the log (`loader.rs`, the controller).
            MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_)
            | MetadataRecord::NoOp(_)
            | MetadataRecord::ZkMigrationState(_)
            | MetadataRecord::DelegationToken(_)
            | MetadataRecord::RemoveDelegationToken(_)
            | MetadataRecord::UserScramCredential(_)
            | MetadataRecord::RemoveUserScramCredential(_)
            | MetadataRecord::ClientQuota(_)
            | MetadataRecord::AccessControlEntry(_)
            | MetadataRecord::RemoveAccessControlEntry(_) => {}
        }
    }

    fn expect_epoch(&self, id: BrokerId, epoch: BrokerEpoch) -> Arc<BrokerRegistration> {
        let broker = self.cluster.brokers.get(&id);
        let broker = broker.unwrap_or_else(|| panic!("broker {id} is not registered"));
        assert!(
            broker.epoch == epoch,
            "K15: a record for epoch {epoch:?} of broker {id}, which is at {:?}",
            broker.epoch
        );
        broker.clone()
    }

    fn register_broker(&mut self, record: &RegisterBrokerRecord, delta: &mut MetadataDelta) {
        let next = BrokerRegistration::from(record);
        let id = next.id;
        if let Some(before) = self.cluster.brokers.get(&id) {
            let same = before.incarnation == next.incarnation;
            assert!(
                before.epoch < next.epoch || (same && before.epoch == next.epoch),
                "K15: broker {id} went from epoch {:?} to {:?}",
                before.epoch,
                next.epoch
            );
        }
        Arc::make_mut(&mut self.cluster).brokers.insert(id, Arc::new(next));
        delta.brokers.insert(id);
    }

    fn change_registration(
        &mut self,
        change: &BrokerRegistrationChangeRecord,
        delta: &mut MetadataDelta,
    ) {
        let id = BrokerId(change.broker_id);
        let next = self.expect_epoch(id, BrokerEpoch(change.broker_epoch)).merge(change);
        Arc::make_mut(&mut self.cluster).brokers.insert(id, Arc::new(next));
        delta.brokers.insert(id);
    }

    fn put_partition(&mut self, record: &PartitionRecord, delta: &mut MetadataDelta) {
        let of = TopicPartition { topic: record.topic_id, partition: record.partition_id };
        let next = PartitionRegistration::from(record);
        if let Some(before) = self.topics.partition(of) {
            assert!(
                before.partition_epoch <= next.partition_epoch
                    && before.leader_epoch <= next.leader_epoch,
                "R14: {of:?} went back from {before:?} to {next:?}"
            );
        }
        Arc::make_mut(&mut self.topics).put(of, next);
        delta.partitions.insert(of);
    }

    fn change_partition(
        &mut self,
        of: TopicPartition,
        change: &PartitionChange,
        delta: &mut MetadataDelta,
    ) {
        let before = self.topics.partition(of);
        let before = before.unwrap_or_else(|| panic!("a change of {of:?}, which is not there"));
        let next = before.merge(change);
        Arc::make_mut(&mut self.topics).put(of, next);
        delta.partitions.insert(of);
    }

    /// A change of min.insync.replicas takes away who was eligible under the old one, and the last known leader with
    /// them. An empty name means every topic.
    fn clear_elr(&mut self, name: &str, delta: &mut MetadataDelta) {
        let named = |topic: &str| name.is_empty() || topic == name;
        let affected: Vec<_> = self
            .topics
            .partitions()
            .filter(|(_, topic, partition)| {
                let some = !partition.eligible_leader_replicas.is_empty()
                    || !partition.last_known_elr.is_empty();
                some && named(&topic.name)
            })
            .map(|(of, _, _)| of)
            .collect();
        let change = PartitionChange {
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            ..PartitionChange::default()
        };
        for of in affected {
            self.change_partition(of, &change, delta);
        }
    }
}

fn fence_change(id: i32, epoch: i64, fenced: i8) -> BrokerRegistrationChangeRecord {
    BrokerRegistrationChangeRecord {
        broker_id: id,
        broker_epoch: epoch,
        fenced,
        ..BrokerRegistrationChangeRecord::default()
    }
}
