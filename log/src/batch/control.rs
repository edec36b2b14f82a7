//! Control records: what brokers and controllers write for each other between the users' records.
//!
//! In Kafka: `ControlRecordType`; KIP-98 (markers), KIP-595 and KIP-853 (the quorum's).
//! Left out: the values: they are messages, and `wire` has those.

/// What a control record is, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlRecordType {
    /// A transaction was aborted.
    Abort,
    /// A transaction was committed.
    Commit,
    /// A leader of the quorum begins its epoch.
    LeaderChange,
    /// A snapshot begins.
    SnapshotHeader,
    /// A snapshot ends.
    SnapshotFooter,
    /// The version of the quorum's own records.
    KRaftVersion,
    /// The voters of the quorum.
    KRaftVoters,
    /// One that this release does not know.
    Unknown(i16),
}

impl ControlRecordType {
    /// The number in the key.
    #[must_use]
    pub fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KRaftVersion => 5,
            Self::KRaftVoters => 6,
            Self::Unknown(id) => id,
        }
    }

    /// The record's key: a version, which is zero, and the number.
    #[must_use]
    pub fn key(self) -> [u8; 4] {
        let [high, low] = self.id().to_be_bytes();
        [0, 0, high, low]
    }

    /// Reads a record's key; none if it is too short or its version negative. Later versions may append to it.
    #[must_use]
    pub fn of_key(key: &[u8]) -> Option<Self> {
        let version = i16::from_be_bytes(key.get(..2)?.try_into().ok()?);
        let id = i16::from_be_bytes(key.get(2..4)?.try_into().ok()?);
        (version >= 0).then_some(match id {
            0 => Self::Abort,
            1 => Self::Commit,
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KRaftVersion,
            6 => Self::KRaftVoters,
            _ => Self::Unknown(id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ControlRecordType as Type;

    #[test]
    fn a_key_names_its_type_and_back() {
        for id in -1..9i16 {
            let key = [0, 0, id.to_be_bytes()[0], id.to_be_bytes()[1]];
            let found = Type::of_key(&key).expect("the key is long enough");
            assert_eq!((found.id(), found.key()), (id, key), "{found:?}");
        }
        assert_eq!(Type::of_key(&[0, 9, 0, 2, 7]), Some(Type::LeaderChange), "a later version");
        assert_eq!(Type::of_key(&[0, 0, 0]), None, "too short");
        assert_eq!(Type::of_key(&[255, 255, 0, 1]), None, "a negative version");
    }
}
