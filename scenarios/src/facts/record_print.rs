//! Records as the checkers of compacted topics keep them: by their offsets, without their bytes.
//!
//! Holds:      of each record what makes it the same one elsewhere: a fingerprint of its key, and one of all of it.
//! Invariants: RP-1 equal fingerprints mean equal records: they are 64 bits of a good hash.
//! Left out:   control records.

use trial_sim::Hasher;

use crate::tap::{BatchFault, BatchHead, RecordSeen, records};

/// A record, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordPrint {
    /// Its offset.
    pub offset: i64,
    /// The fingerprint of its key; 0 without one.
    pub key: u64,
    /// The fingerprint of key, value, headers, timestamp, and the epoch of its batch.
    pub content: u64,
    /// Whether it has no value.
    pub is_tombstone: bool,
    /// When the tombstones of its batch may go, in milliseconds since 1970, as the batch says; -1 if it does not.
    pub horizon_ms: i64,
}

impl RecordPrint {
    /// Whether the other is the same record at the same offset.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.offset, self.content) == (other.offset, other.content)
    }
}

/// The records of a batch.
///
/// # Errors
/// If one of them cannot be read.
pub fn prints(head: &BatchHead) -> Result<Vec<RecordPrint>, BatchFault> {
    if head.is_control {
        return Ok(Vec::new());
    }
    let print = |record: RecordSeen| {
        let mut content = Hasher::new();
        let part = |into: &mut Hasher, bytes: Option<&[u8]>| {
            into.bool(bytes.is_some());
            into.u64(bytes.map_or(0, |bytes| bytes.len() as u64));
            into.bytes(bytes.unwrap_or_default());
        };
        part(&mut content, record.key.as_deref());
        part(&mut content, record.value.as_deref());
        for (name, value) in &record.headers {
            part(&mut content, Some(name));
            part(&mut content, value.as_deref());
        }
        content.i64(record.timestamp);
        content.i32(head.leader_epoch);
        let key = record.key.as_ref().map_or(0, |key| {
            let mut of_key = Hasher::new();
            of_key.bytes(key);
            low(&of_key) | 1
        });
        RecordPrint {
            offset: record.offset,
            key,
            content: low(&content),
            is_tombstone: record.value.is_none(),
            horizon_ms: head.delete_horizon_ms.unwrap_or(-1),
        }
    };
    Ok(records(head)?.into_iter().map(print).collect())
}

fn low(hasher: &Hasher) -> u64 {
    let whole = hasher.digest().0.to_le_bytes();
    u64::from_le_bytes(whole[..8].try_into().expect("eight bytes of sixteen"))
}
