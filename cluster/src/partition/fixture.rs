//! Values that the tests of this folder share.
//!
//! Holds: an epoch cache as a list, brokers as a map, and a partition with a short name.

use std::collections::BTreeMap;

use trial_log::{LeaderEpoch, Offset};
use trial_sim::Span;

use super::effect::{Brokers, EpochHistory, Registration};
use super::hosted::PartitionSettings;
use super::truncation::EpochEnd;
use crate::ids::{BrokerEpoch, BrokerId, TopicPartition, Uuid};

/// Entries of (epoch, start offset), oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Epochs(pub(super) Vec<(LeaderEpoch, Offset)>);

impl Epochs {
    pub(super) fn from(entries: &[(i32, i64)]) -> Self {
        Self(entries.iter().map(|(epoch, start)| (LeaderEpoch(*epoch), Offset(*start))).collect())
    }

    /// As Kafka's cache: an entry without records is dropped by one that starts at the same offset.
    pub(super) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if self.0.last().is_some_and(|(latest, _)| *latest >= epoch) {
            return;
        }
        self.0.retain(|(_, offset)| *offset < start);
        self.0.push((epoch, start));
    }

    pub(super) fn truncate(&mut self, end: Offset) {
        self.0.retain(|(_, start)| *start < end);
    }
}

impl EpochHistory for Epochs {
    fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.0.last().map(|(epoch, _)| *epoch)
    }

    fn end_offset_for(&self, epoch: LeaderEpoch, log_end_offset: Offset) -> Option<EpochEnd> {
        if self.latest_epoch() == Some(epoch) {
            return Some(EpochEnd { epoch, end_offset: log_end_offset });
        }
        let (_, end_offset) = *self.0.iter().find(|(entry, _)| *entry > epoch)?;
        let floor = self.0.iter().rev().find(|(entry, _)| *entry <= epoch);
        Some(EpochEnd { epoch: floor.map_or(epoch, |(entry, _)| *entry), end_offset })
    }
}

/// What metadata says about brokers; broker 1 is the local one, with epoch 101.
#[derive(Debug, Clone, Default)]
pub(super) struct Cluster(pub(super) BTreeMap<BrokerId, Registration>);

impl Cluster {
    /// Brokers 1 to 3, unfenced, broker i with epoch 100 + i.
    pub(super) fn of_three() -> Self {
        let registered = |id: i32| Registration {
            epoch: BrokerEpoch(100 + i64::from(id)),
            fenced: false,
            in_controlled_shutdown: false,
        };
        Self((1..=3).map(|id| (BrokerId(id), registered(id))).collect())
    }

    pub(super) fn change(mut self, id: i32, change: impl FnOnce(&mut Registration)) -> Self {
        change(self.0.get_mut(&BrokerId(id)).expect("one of three"));
        self
    }
}

impl Brokers for Cluster {
    fn registration(&self, broker: BrokerId) -> Option<Registration> {
        self.0.get(&broker).copied()
    }

    fn local_epoch(&self) -> BrokerEpoch {
        BrokerEpoch(101)
    }
}

pub(super) fn id() -> TopicPartition {
    TopicPartition { topic: Uuid(7), partition: 0 }
}

/// Kafka's defaults, with `min.insync.replicas`.
pub(super) fn settings(local: i32, min_insync_replicas: usize) -> PartitionSettings {
    PartitionSettings {
        local: BrokerId(local),
        replica_lag_time_max: Span::from_millis(30_000),
        replica_fetch_backoff: Span::from_millis(1_000),
        min_insync_replicas,
    }
}
