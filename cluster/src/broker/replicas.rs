//! The partitions that a broker hosts: each with its log, its lock, and who it copies from.
//!
//! In Kafka:   `ReplicaManager.allPartitions`, `HostedPartition`, `LogManager.currentLogs`.
//! Holds:      partitions in slots that nothing else ever uses, so that a slot is a lock.
//! Invariants: RM-1 a slot's partition machine and its log are changed only under the slot's lock (TK-1).

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_log::{Log, LogConfig, LogEvent};

use super::fetcher_id::FetcherId;
use super::recovery_points::WrittenRecoveryPoint;
use super::task::LogDone;
use crate::config::{BrokerConfig, TopicConfig};
use crate::ids::{BrokerEpoch, BrokerId, TopicPartition};
use crate::image::MetadataImage;
use crate::partition::{Brokers, Partition, Registration};
use crate::rules::Rules;

/// A partition on this broker.
#[derive(Debug, Clone)]
pub struct Replica {
    /// The topic's name.
    pub topic: Arc<str>,
    /// What it is to the cluster.
    pub partition: Partition,
    /// What is on disk.
    pub log: Log,
    /// The fetcher that has it.
    pub fetched_from: Option<FetcherId>,
    /// What the log has told since the last second half.
    pub events: Vec<LogEvent>,
    /// What a first half did to the log, until the second half publishes it.
    pub log_done: Option<LogDone>,
    /// What the checkpoint of recovery points says of the log.
    pub written: WrittenRecoveryPoint,
}

impl Replica {
    /// As checkpoints and the cleaner name it: the topic and the number of the partition.
    #[must_use]
    pub fn name(&self) -> (Arc<str>, i32) {
        (Arc::clone(&self.topic), self.partition.id().partition)
    }
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Replicas {
    by_id: BTreeMap<TopicPartition, u32>,
    /// Slots of partitions that are about to come or have gone: a partition keeps its lock.
    reserved: BTreeMap<TopicPartition, u32>,
    slots: Vec<Option<Replica>>,
}

impl Replicas {
    /// The slot that a partition has or will have, and so its lock.
    pub fn reserve(&mut self, id: TopicPartition) -> u32 {
        *self.reserved.entry(id).or_insert_with(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("a broker has few partitions")
        })
    }

    /// Takes one in.
    pub fn insert(&mut self, replica: Replica) -> u32 {
        let id = replica.partition.id();
        let slot = self.reserve(id);
        let before = self.by_id.insert(id, slot);
        assert!(before.is_none(), "RM-1: {id:?} is hosted already");
        self.slots[slot as usize] = Some(replica);
        slot
    }

    /// Takes one out.
    pub fn remove(&mut self, id: TopicPartition) -> Option<(u32, Replica)> {
        let slot = self.by_id.remove(&id)?;
        let replica = self.slots[slot as usize].take().expect("it is indexed");
        Some((slot, replica))
    }

    /// Where a partition is.
    #[must_use]
    pub fn slot(&self, id: TopicPartition) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// The partition in a slot; none if it was taken out.
    #[must_use]
    pub fn get(&self, slot: u32) -> Option<&Replica> {
        self.slots.get(slot as usize)?.as_ref()
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Replica> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// The slots that are taken, in the order of their partitions.
    pub fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_id.values().copied()
    }

    /// Every partition with its slot, in the order of the slots, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Replica)> + '_ {
        let all = (0..).zip(self.slots.iter_mut());
        all.filter_map(|(slot, replica)| replica.as_mut().map(|replica| (slot, replica)))
    }

    /// Every partition, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Replica> + '_ {
        self.by_id.values().filter_map(|slot| self.slots[*slot as usize].as_ref())
    }
}

/// What a partition asks about brokers, answered from the image.
#[derive(Debug, Clone, Copy)]
pub struct BrokersInImage<'a> {
    /// The image.
    pub image: &'a MetadataImage,
    /// This broker's own epoch.
    pub local_epoch: BrokerEpoch,
}

impl Brokers for BrokersInImage<'_> {
    fn registration(&self, broker: BrokerId) -> Option<Registration> {
        self.image.cluster().broker(broker).map(|found| Registration {
            epoch: found.epoch,
            fenced: found.fenced,
            in_controlled_shutdown: found.in_controlled_shutdown,
        })
    }

    fn local_epoch(&self) -> BrokerEpoch {
        self.local_epoch
    }
}

/// The folder of a partition.
#[must_use]
pub fn folder_of(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// What a log is told of its topic's settings and its broker's, and of the rules.
#[must_use]
pub fn log_config(topic: &TopicConfig, broker: &BrokerConfig, rules: &Rules) -> LogConfig {
    let wide = |number: i32| u64::try_from(number).expect("bounds are checked when it is read");
    let millis = |span: trial_sim::Span| match span {
        trial_sim::Span::MAX => i64::MAX,
        span => i64::try_from(span.as_millis()).unwrap_or(i64::MAX),
    };
    LogConfig {
        segment_bytes: wide(topic.internal_segment_bytes.unwrap_or(topic.segment_bytes)),
        segment_ms: millis(topic.segment_ms),
        segment_jitter_ms: 0,
        segment_index_bytes: wide(topic.segment_index_bytes),
        index_interval_bytes: wide(topic.index_interval_bytes),
        max_message_bytes: wide(topic.max_message_bytes) as usize,
        compression: topic.compression(),
        message_timestamp_type: topic.message_timestamp_type,
        message_timestamp_before_max_ms: millis(topic.message_timestamp_before_max),
        message_timestamp_after_max_ms: millis(topic.message_timestamp_after_max),
        file_delete_delay_ms: millis(topic.file_delete_delay),
        flush_messages: topic.flush_messages,
        deletes: topic.cleanup_policy.delete,
        retention_ms: topic.retention_ms,
        retention_bytes: topic.retention_bytes,
        compacted: topic.cleanup_policy.compact,
        min_cleanable_dirty_millionths: topic.min_cleanable_dirty_ratio.0,
        min_compaction_lag_ms: millis(topic.min_compaction_lag),
        max_compaction_lag_ms: millis(topic.max_compaction_lag),
        delete_retention_ms: millis(topic.delete_retention),
        producer_id_expiration_ms: millis(broker.node.producer_id_expiration),
        holes_refused: rules.refuses_holes(),
        truncation_synced: rules.syncs_truncations(),
        epochs_of_short_logs_trimmed: rules.trims_epochs_of_short_logs(),
        ..LogConfig::default()
    }
}
