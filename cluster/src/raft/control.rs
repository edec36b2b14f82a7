//! The records that the quorum writes for itself, among those of its users.
//!
//! In Kafka:   `ControlRecordType`, `LeaderChangeMessage`, `KRaftVersionRecord`, `VotersRecord`; and the history
//!             of voters by offset, `VoterSetHistory`.
//! Holds:      every set of voters that the log has had, with its offset; -1 stands for the bootstrap checkpoint.
//! Invariants: CR-1 the set in force is the last one in the log, committed or not.

use super::voters::{ReplicaKey, VoterSet};
use crate::ids::{BrokerId, Offset};

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
    /// A kind that nobody here writes.
    Other(i16),
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
