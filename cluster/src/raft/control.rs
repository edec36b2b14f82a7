//! The records that the quorum writes for itself, among those of its users.
//!
//! In Kafka:   `ControlRecordType`, `LeaderChangeMessage`, `KRaftVersionRecord`, `VotersRecord`; and the history
//!             of voters by offset, `VoterSetHistory`. The bytes are `wire`'s.
//! Holds:      every set of voters that the log has had, with its offset; -1 stands for the bootstrap checkpoint.
//! Invariants: CR-1 the set in force is the last one in the log, committed or not.

use bytes::Bytes;
use trial_log::{BatchBuilder, RecordBatch};

use super::voters::{Endpoint, ReplicaKey, VoterNode, VoterSet};
use crate::ids::{BrokerId, LeaderEpoch, Offset};
use crate::wire::{self, leader_change_message, voters_record};

/// A control record of the quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlRecord {
    /// The first record of each epoch.
    LeaderChange {
        /// Who leads.
        leader: BrokerId,
        /// Who votes.
        voters: Vec<ReplicaKey>,
        /// Who voted for the leader.
        granting: Vec<ReplicaKey>,
    },
    /// The first record of a snapshot.
    SnapshotHeader {
        /// The time of the last record that is in it.
        last_contained_ms: i64,
    },
    /// The last record of a snapshot.
    SnapshotFooter,
    /// The version of the quorum's own rules.
    KRaftVersion(i16),
    /// Who votes from here on.
    Voters(VoterSet),
}

impl ControlRecord {
    fn to_wire(&self) -> wire::ControlRecord {
        match self {
            Self::LeaderChange { leader, voters, granting } => {
                // As in Kafka the directories are left out: version 0 of the message.
                let voter = |key: &ReplicaKey| leader_change_message::Voter {
                    voter_id: key.id.0,
                    ..leader_change_message::Voter::default()
                };
                let grant = |key: &ReplicaKey| leader_change_message::GrantingVoter {
                    voter_id: key.id.0,
                    ..leader_change_message::GrantingVoter::default()
                };
                wire::ControlRecord::LeaderChange(wire::LeaderChangeMessage {
                    version: 0,
                    leader_id: leader.0,
                    voters: voters.iter().map(voter).collect(),
                    granting_voters: granting.iter().map(grant).collect(),
                })
            }
            Self::SnapshotHeader { last_contained_ms } => {
                wire::ControlRecord::SnapshotHeader(wire::SnapshotHeaderRecord {
                    version: 0,
                    last_contained_log_timestamp: *last_contained_ms,
                })
            }
            Self::SnapshotFooter => {
                wire::ControlRecord::SnapshotFooter(wire::SnapshotFooterRecord { version: 0 })
            }
            Self::KRaftVersion(version) => {
                wire::ControlRecord::KRaftVersion(wire::KRaftVersionRecord {
                    version: 0,
                    kraft_version: *version,
                })
            }
            Self::Voters(set) => wire::ControlRecord::Voters(wire::VotersRecord {
                version: 0,
                voters: set.nodes().map(voter_to_wire).collect(),
            }),
        }
    }

    fn from_wire(record: wire::ControlRecord) -> Option<Self> {
        let key = |id: i32| ReplicaKey { id: BrokerId(id), directory: None };
        Some(match record {
            wire::ControlRecord::LeaderChange(message) => Self::LeaderChange {
                leader: BrokerId(message.leader_id),
                voters: message.voters.iter().map(|voter| key(voter.voter_id)).collect(),
                granting: message.granting_voters.iter().map(|voter| key(voter.voter_id)).collect(),
            },
            wire::ControlRecord::SnapshotHeader(header) => {
                Self::SnapshotHeader { last_contained_ms: header.last_contained_log_timestamp }
            }
            wire::ControlRecord::SnapshotFooter(_) => Self::SnapshotFooter,
            wire::ControlRecord::KRaftVersion(record) => Self::KRaftVersion(record.kraft_version),
            wire::ControlRecord::Voters(record) => {
                Self::Voters(VoterSet::new(record.voters.into_iter().map(voter_from_wire)))
            }
            // The markers of transactions have no place in this log.
            wire::ControlRecord::Abort(_) | wire::ControlRecord::Commit(_) => return None,
        })
    }
}

fn voter_to_wire(node: &VoterNode) -> voters_record::Voter {
    let endpoint = |endpoint: &Endpoint| voters_record::Endpoint {
        name: endpoint.listener.to_string(),
        host: endpoint.host.to_string(),
        port: endpoint.port,
    };
    voters_record::Voter {
        voter_id: node.key.id.0,
        voter_directory_id: node.key.directory_or_zero(),
        endpoints: node.endpoints.iter().map(endpoint).collect(),
        kraft_version_feature: voters_record::KraftVersionFeature {
            min_supported_version: node.kraft_versions.0,
            max_supported_version: node.kraft_versions.1,
        },
    }
}

fn voter_from_wire(voter: voters_record::Voter) -> VoterNode {
    let endpoint = |endpoint: voters_record::Endpoint| Endpoint {
        listener: endpoint.name.into(),
        host: endpoint.host.into(),
        port: endpoint.port,
    };
    let versions = voter.kraft_version_feature;
    VoterNode {
        key: ReplicaKey::new(BrokerId(voter.voter_id), voter.voter_directory_id),
        endpoints: voter.endpoints.into_iter().map(endpoint).collect(),
        kraft_versions: (versions.min_supported_version, versions.max_supported_version),
    }
}

/// The batch that holds `records`, sealed.
#[must_use]
pub fn control_batch(
    base_offset: Offset,
    epoch: LeaderEpoch,
    timestamp_ms: i64,
    records: &[ControlRecord],
) -> Bytes {
    let mut builder = BatchBuilder::new(base_offset).leader_epoch(epoch).control();
    for record in records {
        let record = record.to_wire();
        builder.append(timestamp_ms, Some(&record.key()), Some(&record.value()), &[]);
    }
    builder.build().into_bytes()
}

/// The control records of a control batch; none if the bytes are something else.
#[must_use]
pub fn control_records(batch: &RecordBatch) -> Option<Vec<ControlRecord>> {
    let mut found = Vec::new();
    for record in batch.records() {
        let record = record.ok()?;
        let (key, value) = (batch.share(record.key()?), batch.share(record.value()?));
        let record = wire::ControlRecord::from_bytes(&key, &value).ok()?;
        found.push(ControlRecord::from_wire(record)?);
    }
    Some(found)
}

/// The sets of voters by offset.
#[derive(Debug, Clone, Default)]
pub struct VoterHistory {
    sets: Vec<(Offset, VoterSet)>,
}

impl VoterHistory {
    /// The offset that stands for the bootstrap checkpoint.
    pub const BOOTSTRAP: Offset = Offset(-1);

    /// The set in force (CR-1).
    #[must_use]
    pub fn last(&self) -> VoterSet {
        self.sets.last().map(|(_, set)| set.clone()).unwrap_or_default()
    }

    /// Where the set in force was written.
    #[must_use]
    pub fn last_offset(&self) -> Option<Offset> {
        self.sets.last().map(|&(offset, _)| offset)
    }

    /// Learns the control records of a batch that starts at `base_offset`.
    pub fn on_records(&mut self, base_offset: Offset, records: &[ControlRecord]) {
        for (delta, record) in (0..).zip(records) {
            if let ControlRecord::Voters(set) = record {
                self.add(Offset(base_offset.0 + delta), set.clone());
            }
        }
    }

    /// Learns the set of the bootstrap checkpoint.
    pub fn on_bootstrap(&mut self, set: VoterSet) {
        self.add(Self::BOOTSTRAP, set);
    }

    /// The log was cut at `end`.
    pub fn on_truncation(&mut self, end: Offset) {
        self.sets.retain(|&(offset, _)| offset < end);
    }

    fn add(&mut self, offset: Offset, set: VoterSet) {
        let last = self.last_offset();
        assert!(last < Some(offset), "CR-1: voters at {offset} after those at {last:?}");
        self.sets.push((offset, set));
    }
}

#[cfg(test)]
mod tests {
    use super::super::voters::tests::voters;
    use super::*;

    #[test]
    fn control_records_read_back_as_they_were_written() {
        let key = |id: i32| ReplicaKey { id: BrokerId(id), directory: None };
        let records = vec![
            ControlRecord::LeaderChange {
                leader: BrokerId(2),
                voters: vec![key(1), key(2), key(3)],
                granting: vec![key(2), key(3)],
            },
            ControlRecord::KRaftVersion(1),
            ControlRecord::Voters(voters(&[1, 2, 3])),
            ControlRecord::SnapshotHeader { last_contained_ms: 77 },
            ControlRecord::SnapshotFooter,
        ];
        let bytes = control_batch(Offset(9), LeaderEpoch(4), 5, &records);
        let batch = RecordBatch::new(bytes).expect("a batch");
        assert!(batch.is_control() && batch.is_valid(), "a sealed control batch");
        assert_eq!(control_records(&batch), Some(records));
    }

    #[test]
    fn a_truncation_brings_the_voters_of_before_back() {
        let mut history = VoterHistory::default();
        assert!(history.last().is_empty(), "nobody is known at first");
        history.on_bootstrap(voters(&[1, 2, 3]));
        let written = [ControlRecord::KRaftVersion(1), ControlRecord::Voters(voters(&[1, 2]))];
        history.on_records(Offset(4), &written);
        assert_eq!((history.last(), history.last_offset()), (voters(&[1, 2]), Some(Offset(5))));
        history.on_truncation(Offset(6));
        assert_eq!(history.last_offset(), Some(Offset(5)), "it is below the cut");
        history.on_truncation(Offset(5));
        assert_eq!(history.last(), voters(&[1, 2, 3]));
        assert_eq!(history.last_offset(), Some(VoterHistory::BOOTSTRAP));
    }
}
