//! What of the cluster a member's assignment depends on.
//!
//! In Kafka:   `ConsumerCoordinator.MetadataSnapshot`, `PartitionRackInfo`.
//! Holds:      for each topic its partitions, and for each partition the racks of its replicas, if the member has one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::client::Metadata;

/// The topics of a group at one moment.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Snapshot {
    version: u64,
    topics: BTreeMap<Arc<str>, Vec<BTreeSet<Arc<str>>>>,
}

impl Snapshot {
    /// Of these topics, as metadata has them now.
    pub(super) fn take(
        metadata: &Metadata,
        topics: &BTreeSet<Arc<str>>,
        is_rack_aware: bool,
    ) -> Self {
        let of = |name: &Arc<str>| {
            let mut partitions = metadata.racks(name);
            if !is_rack_aware {
                partitions.iter_mut().for_each(BTreeSet::clear);
            }
            (!partitions.is_empty()).then(|| (name.clone(), partitions))
        };
        let topics = topics.iter().filter_map(of).collect();
        Self { version: metadata.version(), topics }
    }

    /// Whether metadata has been updated since.
    pub(super) const fn is_older_than(&self, metadata: &Metadata) -> bool {
        self.version < metadata.version()
    }

    /// Whether an assignment by the one is as good as one by the other.
    pub(super) fn matches(&self, other: &Self) -> bool {
        self.version == other.version || self.topics == other.topics
    }
}
