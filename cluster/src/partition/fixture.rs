//! Values that the tests of this folder share.
//!
//! Holds: an epoch cache from a list, brokers as a map, and a partition with a short name.

use std::collections::BTreeMap;

use trial_log::{Disk, LeaderEpoch, LeaderEpochCache, MemoryDisk, Offset};
use trial_sim::Span;

use super::effect::{Brokers, Registration};
use super::hosted::PartitionSettings;
use crate::ids::{BrokerEpoch, BrokerId, TopicPartition, Uuid};

/// A cache with entries (epoch, start offset), oldest first.
pub(super) fn epochs(entries: &[(i32, i64)]) -> LeaderEpochCache {
    let mut disk = MemoryDisk::new();
    disk.create_dir("t-0").expect("a new disk takes a folder");
    let mut cache = LeaderEpochCache::load(&mut disk, "t-0").expect("there is no checkpoint");
    for (epoch, start) in entries {
        cache.assign(&mut disk, LeaderEpoch(*epoch), Offset(*start)).expect("nothing fails here");
    }
    cache
}

/// What a broker's metadata says about brokers.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    pub(super) local: BrokerId,
    pub(super) registered: BTreeMap<BrokerId, Registration>,
}

impl Cluster {
    /// Brokers 1 to 3, unfenced, broker i with epoch 100 + i, as broker 1 sees it.
    pub(super) fn of_three() -> Self {
        let registered = |id: i32| Registration {
            epoch: BrokerEpoch(100 + i64::from(id)),
            fenced: false,
            in_controlled_shutdown: false,
        };
        let registered = (1..=3).map(|id| (BrokerId(id), registered(id))).collect();
        Self { local: BrokerId(1), registered }
    }

    pub(super) fn change(mut self, id: i32, change: impl FnOnce(&mut Registration)) -> Self {
        change(self.registered.get_mut(&BrokerId(id)).expect("one of three"));
        self
    }
}

impl Brokers for Cluster {
    fn registration(&self, broker: BrokerId) -> Option<Registration> {
        self.registered.get(&broker).copied()
    }

    fn local_epoch(&self) -> BrokerEpoch {
        self.registered.get(&self.local).map_or(BrokerEpoch::NONE, |found| found.epoch)
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
