//! What is committed in a partition of `__consumer_offsets`, record by record: what groups rest on.
//!
//! In Kafka:   the records of `GroupCoordinatorRecordSerde`, as far as a high watermark has passed them.
//! Holds:      the records of batches that were written and are not committed yet, and those that are, in their order.
//!             They are made of bytes on disks; what a coordinator says of itself is not in here.
//! Invariants: OT-1 the list only grows: it follows the ledger of the partition. OT-2 a list whose partition has lost
//!             something that was committed says so, and since when: it is not what coordinators can know any more.
//! Left out:   records of share groups and streams groups, which are skipped.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::group::{GroupRecord, UnreadableRecord};
use trial_sim::{HostId, Time};

use super::chunked::Chunked;
use super::replica_log::Stored;
use crate::tap::{BatchHead, batches, records};

/// The topic's name.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The records of a batch, each with its offset.
type Records = Arc<[(i64, GroupRecord)]>;

/// A batch that is committed.
#[derive(Debug, Clone)]
pub struct GroupBatch {
    /// When its leader wrote it.
    pub written: Time,
    /// When a leader's high watermark passed it.
    pub at: Time,
    /// Which leader's.
    pub leader: HostId,
    /// The offset of its last record.
    pub last: i64,
    /// Its records, each with its offset.
    pub records: Records,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct OffsetsLog {
    /// By base offset, epoch and checksum; since when.
    written: BTreeMap<(i64, i32, u32), (Time, Records)>,
    committed: Chunked<GroupBatch>,
    end: i64,
    /// Since when something that was committed has been missing, if it has.
    pub shaken: Option<Time>,
    /// Records that are none of Kafka's, in words; the first.
    pub unreadable: Option<String>,
}

impl OffsetsLog {
    /// Somebody wrote these batches into a log.
    pub fn wrote(&mut self, at: Time, bytes: &Bytes) {
        for head in batches(bytes, true).unwrap_or_default() {
            let key = (head.base_offset, head.leader_epoch, head.crc);
            if head.last_offset < self.end || head.is_control || self.written.contains_key(&key) {
                continue;
            }
            let found = self.read(&head);
            self.written.insert(key, (at, found));
        }
    }

    fn read(&mut self, head: &BatchHead) -> Records {
        let mut found = Vec::new();
        for record in records(head).unwrap_or_default() {
            let key = record.key.unwrap_or_default();
            match GroupRecord::from_bytes(&key, record.value.as_ref()) {
                Ok(group) => found.push((record.offset, group)),
                Err(UnreadableRecord::Unknown(_)) => {}
                Err(why) => {
                    let text = format!("the record at offset {}: {why:?}", record.offset);
                    self.unreadable.get_or_insert(text);
                }
            }
        }
        found.into()
    }

    /// A leader's high watermark has passed a batch.
    pub fn commit(&mut self, batch: &Stored, at: Time, leader: HostId) {
        self.end = self.end.max(batch.last + 1);
        let records = self.written.remove(&(batch.base, batch.epoch, batch.crc));
        self.written.retain(|(base, _, _), _| *base > batch.last);
        let (written, records) = records.unwrap_or_else(|| (at, Arc::new([])));
        self.committed.push(GroupBatch { written, at, leader, last: batch.last, records });
    }

    /// A leader begins whose log ends here.
    pub fn on_leader(&mut self, at: Time, end: i64) {
        if end < self.end {
            self.shaken.get_or_insert(at);
        }
    }

    /// What is committed from the batch of this number on.
    pub fn from(&self, number: usize) -> impl Iterator<Item = &GroupBatch> + '_ {
        self.committed.iter_from(number)
    }

    /// How many batches are committed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.committed.len()
    }

    /// Whether nothing is committed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trial_cluster::wire::{OffsetCommitKey, OffsetCommitValue};
    use trial_log::{BatchBuilder, LeaderEpoch, Offset};

    fn commit_of(offset: i64, epoch: i32, position: i64) -> Bytes {
        let key = OffsetCommitKey { group: "g".into(), topic: "orders".into(), partition: 0 };
        let value = OffsetCommitValue { offset: position, ..Default::default() };
        let record = GroupRecord::OffsetCommit(key, Some(value));
        let mut builder = BatchBuilder::new(Offset(offset)).leader_epoch(LeaderEpoch(epoch));
        builder.append(0, Some(&record.key_bytes()), record.value_bytes().as_deref(), &[]);
        builder.build().into_bytes()
    }

    fn stored(bytes: &Bytes) -> Stored {
        Stored::of(&batches(bytes, false).expect("a batch")[0], 0)
    }

    /// OT-1, and what another epoch put at the same place is not what was committed.
    #[test]
    fn what_was_committed_is_read_and_nothing_else() {
        let (lost, kept) = (commit_of(0, 1, 7), commit_of(0, 2, 9));
        let mut log = OffsetsLog::default();
        log.wrote(Time(0), &lost);
        log.wrote(Time(0), &kept);
        assert!(log.is_empty());
        log.commit(&stored(&kept), Time(1), HostId(1));
        log.wrote(Time(0), &lost);
        let found: Vec<_> = log.from(0).flat_map(|it| it.records.iter().cloned()).collect();
        let [(0, GroupRecord::OffsetCommit(_, Some(value)))] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(value.offset, 9);
        assert_eq!(log.shaken, None);
        log.on_leader(Time(2), 1);
        assert_eq!(log.shaken, None);
        log.on_leader(Time(3), 0);
        assert_eq!(log.shaken, Some(Time(3)), "OT-2");
    }
}
