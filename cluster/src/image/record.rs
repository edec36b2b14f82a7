//! Turns metadata records into the image's own values and back, and knows the version of each.
//!
//! In Kafka:   `PartitionRegistration(PartitionRecord)`, `toRecord`, `BrokerRegistration.fromRecord`,
//!             `MetadataVersion.partitionRecordVersion` and its like.
//! Invariants: RC-1 what was written reads back as itself.
//! Left out:   versions of metadata.version before 4.3.

use std::sync::Arc;

use super::cluster::{BrokerRegistration, ControllerRegistration, Endpoint};
use super::features::VersionRange;
use super::partition::{LeaderChange, LeaderRecoveryState, PartitionChange, PartitionRegistration};
use crate::ids::{BrokerEpoch, BrokerId, DirectoryId, LeaderEpoch, PartitionEpoch, TopicPartition};
use crate::wire::{
    BrokerRegistrationChangeRecord, MetadataRecord, PartitionChangeRecord, PartitionRecord,
    RegisterBrokerRecord, RegisterControllerRecord, register_broker_record,
    register_controller_record,
};

/// "The leader stays" in a change record.
const NO_LEADER_CHANGE: i32 = -2;
/// "The recovery state stays" in a change record.
const NO_RECOVERY_CHANGE: i8 = -1;

/// Ids from the wire.
#[must_use]
pub fn broker_ids(numbers: &[i32]) -> Vec<BrokerId> {
    numbers.iter().copied().map(BrokerId).collect()
}

/// Ids for the wire.
#[must_use]
pub fn numbers(ids: &[BrokerId]) -> Vec<i32> {
    ids.iter().map(|id| id.0).collect()
}

/// The wire's leader.
#[must_use]
pub fn leader_number(leader: Option<BrokerId>) -> i32 {
    leader.unwrap_or(BrokerId::NONE).0
}

fn leader_of(number: i32) -> Option<BrokerId> {
    (number >= 0).then_some(BrokerId(number))
}

/// The version in which a cluster at metadata.version 4.3 writes `record`.
#[must_use]
pub fn record_version(record: &MetadataRecord) -> i16 {
    match record {
        MetadataRecord::RegisterBroker(_) => 4,
        MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => 2,
        MetadataRecord::BrokerRegistrationChange(change) => registration_change_version(change),
        _ => 0,
    }
}

/// Kafka picks the lowest version that has the field it sets.
fn registration_change_version(change: &BrokerRegistrationChangeRecord) -> i16 {
    if change.cordoned_log_dirs.is_some() {
        3
    } else if !change.log_dirs.is_empty() {
        2
    } else {
        i16::from(change.in_controlled_shutdown != 0)
    }
}

/// Directories of a record that names none are of an older release.
fn directories_or_migrating(directories: &[DirectoryId], replicas: usize) -> Vec<DirectoryId> {
    if directories.is_empty() {
        vec![DirectoryId::MIGRATING_DIRECTORY; replicas]
    } else {
        directories.to_vec()
    }
}

impl From<&PartitionRecord> for PartitionRegistration {
    fn from(record: &PartitionRecord) -> Self {
        let registration = Self {
            replicas: broker_ids(&record.replicas),
            directories: directories_or_migrating(&record.directories, record.replicas.len()),
            isr: broker_ids(&record.isr),
            removing_replicas: broker_ids(&record.removing_replicas),
            adding_replicas: broker_ids(&record.adding_replicas),
            eligible_leader_replicas: broker_ids(
                record.eligible_leader_replicas.as_deref().unwrap_or_default(),
            ),
            last_known_elr: broker_ids(record.last_known_elr.as_deref().unwrap_or_default()),
            leader: leader_of(record.leader),
            leader_recovery_state: LeaderRecoveryState::from_code(record.leader_recovery_state)
                .unwrap_or_default(),
            leader_epoch: LeaderEpoch(record.leader_epoch),
            partition_epoch: PartitionEpoch(record.partition_epoch),
        };
        registration.assert_shape();
        registration
    }
}

impl PartitionRegistration {
    /// The record that creates it, or that a snapshot holds.
    #[must_use]
    pub fn to_record(&self, of: TopicPartition) -> PartitionRecord {
        let unless_empty = |ids: &[BrokerId]| (!ids.is_empty()).then(|| numbers(ids));
        PartitionRecord {
            partition_id: of.partition,
            topic_id: of.topic,
            replicas: numbers(&self.replicas),
            isr: numbers(&self.isr),
            removing_replicas: numbers(&self.removing_replicas),
            adding_replicas: numbers(&self.adding_replicas),
            leader: leader_number(self.leader),
            leader_epoch: self.leader_epoch.0,
            partition_epoch: self.partition_epoch.0,
            leader_recovery_state: self.leader_recovery_state.code(),
            directories: self.directories.clone(),
            eligible_leader_replicas: unless_empty(&self.eligible_leader_replicas),
            last_known_elr: unless_empty(&self.last_known_elr),
        }
    }
}

impl From<&PartitionChangeRecord> for PartitionChange {
    fn from(record: &PartitionChangeRecord) -> Self {
        let ids = |field: &Option<Vec<i32>>| field.as_deref().map(broker_ids);
        Self {
            isr: ids(&record.isr),
            leader: if record.leader == NO_LEADER_CHANGE {
                LeaderChange::Unchanged
            } else {
                LeaderChange::To(leader_of(record.leader))
            },
            replicas: ids(&record.replicas),
            removing_replicas: ids(&record.removing_replicas),
            adding_replicas: ids(&record.adding_replicas),
            leader_recovery_state: LeaderRecoveryState::from_code(record.leader_recovery_state),
            eligible_leader_replicas: ids(&record.eligible_leader_replicas),
            last_known_elr: ids(&record.last_known_elr),
            directories: record.directories.clone(),
        }
    }
}

impl PartitionChange {
    /// The record that says it.
    #[must_use]
    pub fn to_record(&self, of: TopicPartition) -> PartitionChangeRecord {
        let ids = |field: &Option<Vec<BrokerId>>| field.as_deref().map(numbers);
        PartitionChangeRecord {
            partition_id: of.partition,
            topic_id: of.topic,
            isr: ids(&self.isr),
            leader: match self.leader {
                LeaderChange::Unchanged => NO_LEADER_CHANGE,
                LeaderChange::To(leader) => leader_number(leader),
            },
            replicas: ids(&self.replicas),
            removing_replicas: ids(&self.removing_replicas),
            adding_replicas: ids(&self.adding_replicas),
            leader_recovery_state: self
                .leader_recovery_state
                .map_or(NO_RECOVERY_CHANGE, LeaderRecoveryState::code),
            directories: self.directories.clone(),
            eligible_leader_replicas: ids(&self.eligible_leader_replicas),
            last_known_elr: ids(&self.last_known_elr),
        }
    }
}

impl From<&RegisterBrokerRecord> for BrokerRegistration {
    fn from(record: &RegisterBrokerRecord) -> Self {
        let endpoint = |it: &register_broker_record::EndPoint| Endpoint {
            listener: it.name.as_str().into(),
            host: it.host.as_str().into(),
            port: it.port,
            security_protocol: it.security_protocol,
        };
        let feature = |it: &register_broker_record::Feature| {
            let range = VersionRange {
                lowest: it.min_supported_version,
                highest: it.max_supported_version,
            };
            (Arc::from(it.name.as_str()), range)
        };
        Self {
            id: BrokerId(record.broker_id),
            epoch: BrokerEpoch(record.broker_epoch),
            incarnation: record.incarnation_id,
            endpoints: record.end_points.iter().map(endpoint).collect(),
            features: record.features.iter().map(feature).collect(),
            rack: record.rack.as_deref().map(Arc::from),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            directories: record.log_dirs.clone(),
            cordoned_directories: record.cordoned_log_dirs.clone(),
        }
    }
}

impl BrokerRegistration {
    /// The registration after `record`, which is of the same epoch.
    #[must_use]
    pub fn merge(&self, record: &BrokerRegistrationChangeRecord) -> Self {
        let flag = |change: i8, now: bool| if change == 0 { now } else { change > 0 };
        let mut next = self.clone();
        next.fenced = flag(record.fenced, self.fenced);
        next.in_controlled_shutdown =
            flag(record.in_controlled_shutdown, self.in_controlled_shutdown);
        if !record.log_dirs.is_empty() {
            next.directories.clone_from(&record.log_dirs);
        }
        if let Some(cordoned) = &record.cordoned_log_dirs {
            next.cordoned_directories = Some(cordoned.clone());
        }
        next
    }
}

impl From<&RegisterControllerRecord> for ControllerRegistration {
    fn from(record: &RegisterControllerRecord) -> Self {
        let endpoint = |it: &register_controller_record::EndPoint| Endpoint {
            listener: it.name.as_str().into(),
            host: it.host.as_str().into(),
            port: it.port,
            security_protocol: it.security_protocol,
        };
        let feature = |it: &register_controller_record::Feature| {
            let range = VersionRange {
                lowest: it.min_supported_version,
                highest: it.max_supported_version,
            };
            (Arc::from(it.name.as_str()), range)
        };
        Self {
            id: BrokerId(record.controller_id),
            incarnation: record.incarnation_id,
            endpoints: record.end_points.iter().map(endpoint).collect(),
            features: record.features.iter().map(feature).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Uuid;

    #[test]
    fn partitions_and_their_changes_read_back_as_themselves() {
        let of = TopicPartition { topic: Uuid(7), partition: 3 };
        let registration = PartitionRegistration {
            replicas: broker_ids(&[1, 2]),
            directories: vec![Uuid(101), Uuid(102)],
            isr: broker_ids(&[2]),
            eligible_leader_replicas: broker_ids(&[1]),
            leader_recovery_state: LeaderRecoveryState::Recovering,
            leader_epoch: LeaderEpoch(4),
            partition_epoch: PartitionEpoch(5),
            ..PartitionRegistration::default()
        };
        let back = PartitionRegistration::from(&registration.to_record(of));
        assert_eq!(back, registration);
        let leaders = [LeaderChange::Unchanged, LeaderChange::To(None)];
        for leader in leaders.into_iter().chain([LeaderChange::To(Some(BrokerId(2)))]) {
            let change = PartitionChange {
                leader,
                isr: Some(vec![]),
                leader_recovery_state: Some(LeaderRecoveryState::Recovered),
                ..PartitionChange::default()
            };
            assert_eq!(PartitionChange::from(&change.to_record(of)), change);
        }
        let nothing = PartitionChange::from(&PartitionChangeRecord::default());
        assert!(nothing.is_no_op(), "Kafka's defaults mean no change, not {nothing:?}");
    }
}
