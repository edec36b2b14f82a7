//! Which batch on a disk is the one that a producer sent, where a leader writes batches anew.
//!
//! In Kafka:   `LogValidator`, where `compression.type` is not `producer` or `message.timestamp.type` is
//!             `LogAppendTime`: codec, timestamps and so the checksum are the leader's.
//! Holds:      for each offset at which a batch begins a fingerprint of what producers put into its records, and its
//!             checksum; of each leader that wrote another there.
//! Invariants: RW-1 a batch counts as what was sent only if keys, values and headers of all records are the same.

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_sim::Hasher;

use crate::tap::{BatchHead, batches, records};

/// The batches of one partition.
#[derive(Debug, Clone, Default)]
pub struct Rewritten {
    by_base: BTreeMap<i64, Vec<(u128, u32)>>,
}

impl Rewritten {
    /// Somebody wrote these batches into a log.
    pub fn wrote(&mut self, bytes: &Bytes) {
        for head in batches(bytes, true).unwrap_or_default() {
            let Some(content) = content(&head) else { continue };
            let known = self.by_base.entry(head.base_offset).or_default();
            if !known.contains(&(content, head.crc)) {
                known.push((content, head.crc));
            }
        }
    }

    /// The checksum that a batch has on disks which was sent like this and stands at `base`.
    #[must_use]
    pub fn crc_of(&self, base: i64, sent: &BatchHead) -> Option<u32> {
        let known = self.by_base.get(&base)?;
        let content = content(sent)?;
        known.iter().rev().find(|(of, _)| *of == content).map(|(_, crc)| *crc)
    }
}

/// What producers put into the records; none if they cannot be read.
fn content(head: &BatchHead) -> Option<u128> {
    let mut into = Hasher::new();
    let mut part = |bytes: Option<&[u8]>| {
        into.bool(bytes.is_some());
        into.u64(bytes.map_or(0, |bytes| bytes.len() as u64));
        into.bytes(bytes.unwrap_or_default());
    };
    for record in records(head).ok()? {
        part(record.key.as_deref());
        part(record.value.as_deref());
        for (name, value) in &record.headers {
            part(Some(name));
            part(value.as_deref());
        }
    }
    Some(into.digest().0)
}
