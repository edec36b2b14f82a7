//! Reads the log of a shard, a piece at a time, and has its coordinator replay it.
//!
//! In Kafka:   `CoordinatorLoaderImpl`.
//! Holds:      where the next piece begins; how much was read; records of transactions whose marker was not met.
//! Invariants: LO-1 a shard is loaded by the last loading that was begun for it: another one changes nothing. G9 the
//!             state is that which the log says, compacted or not.
//! Left out:   commits of transactions that are open when the log ends: nobody is there to end them.

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_log::{Batches, ControlRecordType, RecordBatch};

use super::context::{Shard, ShardState};
use crate::group::record::{GroupRecord, UnreadableRecord};
use crate::ids::Offset;

/// Why a log was not loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadFault {
    /// This broker does not lead the partition, or has no such log.
    NotLeader,
    /// The disk could not be read.
    Disk,
    /// A batch or a record at this offset means nothing.
    Unreadable(Offset),
}

/// What was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadStats {
    /// Records, those that mean nothing here included.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A loading that is going on.
#[derive(Debug, Clone)]
pub struct Loading {
    /// Its number.
    pub load: u64,
    /// Where the next piece begins; none before the first.
    pub next: Option<Offset>,
    /// What was read.
    pub stats: LoadStats,
    /// By producer: what a transaction has written that has not ended.
    open: BTreeMap<i64, Vec<(Offset, GroupRecord)>>,
}

impl Loading {
    /// One that has read nothing.
    #[must_use]
    pub const fn new(load: u64) -> Self {
        let stats = LoadStats { records: 0, bytes: 0 };
        Self { load, next: None, stats, open: BTreeMap::new() }
    }
}

impl Shard {
    /// Whether this loading is the one that the shard waits for (LO-1).
    #[must_use]
    pub fn awaits(&self, load: u64) -> bool {
        self.state == ShardState::Loading && self.load == load
    }

    /// Replays whole batches, as they stand in the log.
    ///
    /// # Errors
    /// A batch or a record that nobody can read.
    pub fn replay_batches(
        &mut self,
        loading: &mut Loading,
        records: &Bytes,
        high_watermark: Offset,
    ) -> Result<(), LoadFault> {
        assert!(self.awaits(loading.load), "LO-1: loading {} was overtaken", loading.load);
        loading.stats.bytes += records.len() as u64;
        let from = loading.next.unwrap_or(Offset::ZERO);
        for batch in Batches::new(records.clone()) {
            let batch = batch.map_err(|_| LoadFault::Unreadable(from))?;
            let timeline = self.timeline.as_mut().expect("it is being loaded");
            timeline.before_loaded_from(batch.base_offset(), high_watermark);
            self.replay_batch(loading, &batch)?;
            loading.next = Some(batch.next_offset());
            let timeline = self.timeline.as_mut().expect("it is being loaded");
            timeline.on_loaded_to(batch.next_offset(), high_watermark);
        }
        Ok(())
    }

    fn replay_batch(
        &mut self,
        loading: &mut Loading,
        batch: &RecordBatch,
    ) -> Result<(), LoadFault> {
        let machine = &mut self.timeline.as_mut().expect("it is being loaded").machine;
        let fault = LoadFault::Unreadable(batch.base_offset());
        let producer = batch.producer_id();
        for record in batch.records() {
            let record = record.map_err(|_| fault)?;
            loading.stats.records += 1;
            let offset = record.offset;
            let key = record.key().map(|key| batch.share(key));
            if batch.is_control() {
                let kind = key.as_ref().and_then(|key| ControlRecordType::of_key(key));
                let ended = loading.open.remove(&producer).unwrap_or_default();
                if kind == Some(ControlRecordType::Commit) {
                    for (offset, record) in &ended {
                        machine.replay(*offset, record);
                    }
                }
                continue;
            }
            let key = key.ok_or(LoadFault::Unreadable(offset))?;
            let value = record.value().map(|value| batch.share(value));
            let read = match GroupRecord::from_bytes(&key, value.as_ref()) {
                Ok(read) => read,
                // It may be of a later Kafka, or of a protocol that is not served here.
                Err(UnreadableRecord::Unknown(_)) => continue,
                Err(_) => return Err(LoadFault::Unreadable(offset)),
            };
            if batch.is_transactional() {
                loading.open.entry(producer).or_default().push((offset, read));
            } else {
                machine.replay(offset, &read);
            }
        }
        Ok(())
    }
}
