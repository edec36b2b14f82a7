//! The records of control batches: who leads the quorum, who votes, where a snapshot begins and ends, and how a
//! transaction ended.
//!
//! In Kafka:   `ControlRecordType`, `ControlRecordUtils`, `EndTransactionMarker` (KIP-98), KIP-595, KIP-630, KIP-853.
//! Invariants: CTRL-1 the key is two numbers, a version (0) and the type; the value is version 0 of its message, with
//!             the version in front of it only for the markers of transactions.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    EndTxnMarker, Fault, KRaftVersionRecord, LeaderChangeMessage, Message, Reader,
    SnapshotFooterRecord, SnapshotHeaderRecord, VotersRecord, WireError,
};

/// A record of a control batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlRecord {
    /// A transaction was aborted.
    Abort(EndTxnMarker),
    /// A transaction was committed.
    Commit(EndTxnMarker),
    /// The first record of a leader's epoch.
    LeaderChange(LeaderChangeMessage),
    /// The first record of a snapshot.
    SnapshotHeader(SnapshotHeaderRecord),
    /// The last record of a snapshot.
    SnapshotFooter(SnapshotFooterRecord),
    /// The `kraft.version` from here on.
    KRaftVersion(KRaftVersionRecord),
    /// The voters from here on.
    Voters(VotersRecord),
}

impl ControlRecord {
    /// The number of the type.
    #[must_use]
    pub const fn type_number(&self) -> i16 {
        match self {
            Self::Abort(_) => 0,
            Self::Commit(_) => 1,
            Self::LeaderChange(_) => 2,
            Self::SnapshotHeader(_) => 3,
            Self::SnapshotFooter(_) => 4,
            Self::KRaftVersion(_) => 5,
            Self::Voters(_) => 6,
        }
    }

    /// The key of the record.
    #[must_use]
    pub fn key(&self) -> Bytes {
        let mut into = BytesMut::with_capacity(4);
        into.put_i16(0);
        into.put_i16(self.type_number());
        into.freeze()
    }

    /// The value of the record.
    #[must_use]
    pub fn value(&self) -> Bytes {
        match self {
            // A marker's value begins with its version; the others have it among their fields.
            Self::Abort(marker) | Self::Commit(marker) => {
                let mut into = BytesMut::with_capacity(6);
                into.put_i16(0);
                marker.encode(0, &mut into);
                into.freeze()
            }
            Self::LeaderChange(message) => message.to_bytes(0),
            Self::SnapshotHeader(record) => record.to_bytes(0),
            Self::SnapshotFooter(record) => record.to_bytes(0),
            Self::KRaftVersion(record) => record.to_bytes(0),
            Self::Voters(record) => record.to_bytes(0),
        }
    }

    /// The control record that a key and a value make.
    ///
    /// # Errors
    /// The type is not known, or the bytes are not such a record.
    pub fn from_bytes(key: &Bytes, value: &Bytes) -> Result<Self, WireError> {
        let mut from = Reader::new(key);
        from.int16("ControlRecordKey.version")?;
        let type_number = from.int16("ControlRecordKey.type")?;
        Ok(match type_number {
            0 => Self::Abort(marker(value)?),
            1 => Self::Commit(marker(value)?),
            2 => Self::LeaderChange(LeaderChangeMessage::from_bytes(0, value)?),
            3 => Self::SnapshotHeader(SnapshotHeaderRecord::from_bytes(0, value)?),
            4 => Self::SnapshotFooter(SnapshotFooterRecord::from_bytes(0, value)?),
            5 => Self::KRaftVersion(KRaftVersionRecord::from_bytes(0, value)?),
            6 => Self::Voters(VotersRecord::from_bytes(0, value)?),
            other => {
                let fault = Fault::Unknown(i64::from(other));
                return Err(from.fault("ControlRecordKey.type", fault));
            }
        })
    }
}

fn marker(value: &Bytes) -> Result<EndTxnMarker, WireError> {
    let mut from = Reader::new(value);
    let version = from.int16("EndTxnMarker.version")?;
    // Kafka reads a later version than it knows as the latest that it knows.
    let marker = EndTxnMarker::decode(version.min(0), &mut from)?;
    from.end("EndTxnMarker")?;
    Ok(marker)
}
