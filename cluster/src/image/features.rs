//! The feature levels of the cluster.
//!
//! In Kafka:   `FeaturesImage`, `MetadataVersion`, `EligibleLeaderReplicasVersion`; KIP-584, KIP-778.
//! Holds:      one finalized level per feature; a level of zero is an absent one, except the metadata version.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Names of the features that we know.
pub mod feature {
    /// The version of the metadata records.
    pub const METADATA_VERSION: &str = "metadata.version";
    /// The version of the quorum's own records; it is not finalized in the metadata log but by the quorum.
    pub const KRAFT_VERSION: &str = "kraft.version";
    /// Eligible leader replicas (KIP-966): 0 off, 1 on.
    pub const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";
    /// Transactions, as coordinators and partitions know them (KIP-890).
    pub const TRANSACTION_VERSION: &str = "transaction.version";
    /// The new group protocol (KIP-848).
    pub const GROUP_VERSION: &str = "group.version";
    /// Share groups (KIP-932).
    pub const SHARE_VERSION: &str = "share.version";
    /// Streams groups (KIP-1071).
    pub const STREAMS_VERSION: &str = "streams.version";
}

/// `metadata.version` 4.3-IV0: the only one that we write.
pub const METADATA_VERSION_4_3: i16 = 30;
/// `metadata.version` 3.3-IV3, the oldest that Kafka 4 reads.
pub const METADATA_VERSION_MINIMUM: i16 = 7;

/// What a node supports of one feature, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionRange {
    /// The lowest level.
    pub lowest: i16,
    /// The highest level.
    pub highest: i16,
}

impl VersionRange {
    /// Whether `level` lies within.
    #[must_use]
    pub const fn contains(self, level: i16) -> bool {
        self.lowest <= level && level <= self.highest
    }
}

/// What our brokers and controllers support, by name.
pub const SUPPORTED_FEATURES: &[(&str, VersionRange)] = &[
    (feature::ELIGIBLE_LEADER_REPLICAS_VERSION, VersionRange { lowest: 0, highest: 1 }),
    (feature::GROUP_VERSION, VersionRange { lowest: 0, highest: 1 }),
    (feature::KRAFT_VERSION, VersionRange { lowest: 0, highest: 1 }),
    (
        feature::METADATA_VERSION,
        VersionRange { lowest: METADATA_VERSION_MINIMUM, highest: METADATA_VERSION_4_3 },
    ),
    (feature::SHARE_VERSION, VersionRange { lowest: 0, highest: 1 }),
    (feature::STREAMS_VERSION, VersionRange { lowest: 0, highest: 1 }),
    (feature::TRANSACTION_VERSION, VersionRange { lowest: 0, highest: 2 }),
];

/// The finalized levels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeaturesImage {
    levels: Arc<BTreeMap<Arc<str>, i16>>,
}

impl FeaturesImage {
    /// The level of `name`; zero if it was never finalized.
    #[must_use]
    pub fn level(&self, name: &str) -> i16 {
        self.levels.get(name).copied().unwrap_or(0)
    }

    /// The metadata version; none while the log is empty.
    #[must_use]
    pub fn metadata_version(&self) -> Option<i16> {
        self.levels.get(feature::METADATA_VERSION).copied()
    }

    /// Whether eligible leader replicas are kept.
    #[must_use]
    pub fn keeps_eligible_leader_replicas(&self) -> bool {
        self.level(feature::ELIGIBLE_LEADER_REPLICAS_VERSION) >= 1
    }

    /// Every feature whose level is not zero, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i16)> {
        self.levels.iter().map(|(name, &level)| (&**name, level))
    }

    pub(super) fn set(&mut self, name: &str, level: i16) {
        let levels = Arc::make_mut(&mut self.levels);
        if level == 0 && name != feature::METADATA_VERSION {
            levels.remove(name);
        } else {
            levels.insert(name.into(), level);
        }
    }
}
