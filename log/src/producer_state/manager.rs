//! Remembers the producers of one partition, and takes snapshots of them.
//!
//! In Kafka:   `ProducerStateManager`; KIP-98, KIP-360, KIP-890.
//! Holds:      an entry per producer, the transactions that are open or not replicated, who asks a coordinator; up to
//!             where the log is reflected in them; which snapshots there are.
//! Invariants: PS-4 a snapshot at an offset says what all batches below it say. PS-5 a producer with an open
//!             transaction does not expire.
//! Left out:   the log's clock and settings: now and the time to expire are arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::append_info::ProducerAppendInfo;
use super::entry::ProducerStateEntry;
use super::snapshot::{read_snapshot, write_snapshot};
use super::snapshot_files::SnapshotFiles;
use super::transactions::{CompletedTxn, Transactions, TxnMetadata};
use super::updates::ProducerUpdates;
use super::verification::{VerificationStateEntry, Verifications};
use crate::batch::AppendOrigin;
use crate::disk::{Disk, DiskError};
use crate::event::LogEvent;
use crate::{Offset, mark};

/// How long after the largest timeout of a transaction one that is open counts as late, in milliseconds.
const LATE_TRANSACTION_BUFFER_MS: i64 = 5 * 60 * 1000;

/// The producers of one partition.
#[derive(Debug, Clone)]
pub struct ProducerStateManager {
    /// Shared between clones of a log until one of them appends.
    producers: Arc<BTreeMap<i64, ProducerStateEntry>>,
    transactions: Transactions,
    verifications: Verifications,
    snapshots: SnapshotFiles,
    /// All batches below are reflected.
    map_end_offset: Offset,
    last_snapshot_offset: Offset,
}

impl ProducerStateManager {
    /// Knows no producer, and which snapshots the folder has.
    pub fn open(disk: &mut dyn Disk, folder: &str) -> Result<Self, DiskError> {
        Ok(Self {
            producers: Arc::new(BTreeMap::new()),
            transactions: Transactions::default(),
            verifications: Verifications::default(),
            snapshots: SnapshotFiles::load(disk, folder)?,
            map_end_offset: Offset::ZERO,
            last_snapshot_offset: Offset::ZERO,
        })
    }

    /// What is known of a producer.
    #[must_use]
    pub fn last_entry(&self, producer_id: i64) -> Option<&ProducerStateEntry> {
        self.producers.get(&producer_id)
    }

    /// All producers, by id.
    pub fn active_producers(&self) -> impl ExactSizeIterator<Item = &ProducerStateEntry> {
        self.producers.values()
    }

    /// Up to where the log is reflected.
    #[must_use]
    pub fn map_end_offset(&self) -> Offset {
        self.map_end_offset
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty() && !self.transactions.has_unreplicated()
    }

    /// The offsets of the snapshots that are on the disk, in order.
    pub fn snapshot_offsets(&self) -> impl DoubleEndedIterator<Item = Offset> + '_ {
        self.snapshots.offsets()
    }

    /// The first transaction that is open, or whose marker may not be replicated: a reader of committed records
    /// may not pass it.
    #[must_use]
    pub fn first_unstable(&self) -> Option<&TxnMetadata> {
        self.transactions.first_unstable()
    }

    /// Where the first open transaction begins.
    #[must_use]
    pub fn first_undecided_offset(&self) -> Option<Offset> {
        self.transactions.first_ongoing().map(|txn| txn.first_offset)
    }

    /// Whether the first open transaction has been so for longer than any may be, and a bit.
    #[must_use]
    pub fn has_late_transaction(&self, now_ms: i64, max_transaction_timeout_ms: i64) -> bool {
        let oldest = self.transactions.first_ongoing();
        let entry = oldest.and_then(|txn| self.last_entry(txn.producer_id));
        let since = entry.map_or(-1, ProducerStateEntry::last_timestamp);
        let allowed = max_transaction_timeout_ms.saturating_add(LATE_TRANSACTION_BUFFER_MS);
        since > 0 && now_ms.saturating_sub(since) > allowed
    }

    /// Who asks its coordinator whether a transaction is open.
    #[must_use]
    pub fn verification_state_entry(&self, producer_id: i64) -> Option<&VerificationStateEntry> {
        self.verifications.get(producer_id)
    }

    /// Lets a producer ask, unless it does already; a lower sequence or a later epoch is noticed.
    pub fn maybe_create_verification_state_entry(
        &mut self,
        producer_id: i64,
        (sequence, epoch): (i32, i16),
        supports_epoch_bump: bool,
        now_ms: i64,
    ) -> VerificationStateEntry {
        let (asks, bumps) = ((sequence, epoch), supports_epoch_bump);
        self.verifications.get_or_begin(producer_id, asks, bumps, now_ms)
    }

    /// Forgets that a producer asked.
    pub fn clear_verification_state_entry(&mut self, producer_id: i64) {
        self.verifications.remove(producer_id);
    }

    /// Begins an append of a producer; nothing changes before [`ProducerStateManager::update`].
    #[must_use]
    pub fn prepare_update(&self, producer_id: i64, origin: AppendOrigin) -> ProducerAppendInfo {
        let entry = self.last_entry(producer_id).copied();
        let entry = entry.unwrap_or_else(|| ProducerStateEntry::empty(producer_id));
        let asks = self.verification_state_entry(producer_id).copied();
        ProducerAppendInfo::new(entry, origin, asks)
    }

    /// Enters what an append made of a producer, and the transactions that it began.
    pub fn update(&mut self, info: &ProducerAppendInfo, started: &[TxnMetadata]) {
        assert!(info.producer_id() >= 0, "PS-1: only a producer with an id is remembered");
        let producers = Arc::make_mut(&mut self.producers);
        let entry = producers.entry(info.producer_id());
        entry.and_modify(|entry| entry.update(info.updated())).or_insert(*info.updated());
        for txn in started {
            self.transactions.begin(*txn);
        }
    }

    /// Enters what an append made of its producers; what it completed is still to be completed.
    pub(crate) fn update_all(&mut self, updates: &ProducerUpdates) {
        for info in &updates.producers {
            self.update(info, &[]);
        }
        for txn in &updates.started {
            self.transactions.begin(*txn);
        }
    }

    /// Up to where a reader of committed records may come once this transaction is completed: for the index of
    /// aborted transactions, which is written first.
    #[must_use]
    pub fn last_stable_offset(&self, completed: &CompletedTxn) -> Offset {
        self.transactions.last_stable_offset(completed)
    }

    /// Completes a transaction, which stays unstable until the high watermark has passed its marker.
    pub fn complete_txn(&mut self, completed: &CompletedTxn, events: &mut Vec<LogEvent>) {
        if !self.transactions.complete(completed) {
            mark::unreachable!(
                events,
                "unknown_transaction_completed",
                "a transaction that an entry says is open is in the list of those that are open"
            );
        }
    }

    /// All batches below `offset` are reflected.
    pub fn update_map_end_offset(&mut self, offset: Offset) {
        self.map_end_offset = offset;
    }

    /// The high watermark moved: completed transactions below it are stable.
    pub fn on_high_watermark_updated(&mut self, high_watermark: Offset) {
        self.transactions.replicated_below(high_watermark);
    }

    /// The log's start moved.
    pub fn on_log_start_offset_incremented(&mut self, log_start_offset: Offset) {
        self.transactions.replicated_below(log_start_offset);
        self.map_end_offset = self.map_end_offset.max(log_start_offset);
        self.last_snapshot_offset = self.snapshots.latest().unwrap_or(log_start_offset);
    }

    /// Forgets who wrote nothing for `producer_id_expiration_ms`; answers how many.
    pub fn remove_expired_producers(
        &mut self,
        now_ms: i64,
        producer_id_expiration_ms: i64,
    ) -> usize {
        self.verifications.expire(now_ms, producer_id_expiration_ms);
        let expired =
            |entry: &ProducerStateEntry| is_expired(entry, now_ms, producer_id_expiration_ms);
        let before = self.producers.len();
        if self.producers.values().any(expired) {
            Arc::make_mut(&mut self.producers).retain(|_, entry| !expired(entry));
        }
        before - self.producers.len()
    }

    /// Writes a snapshot at the end of what is reflected, if that lies beyond the last one; answers where.
    pub fn take_snapshot(
        &mut self,
        disk: &mut dyn Disk,
        sync: bool,
        events: &mut Vec<LogEvent>,
    ) -> Result<Option<Offset>, DiskError> {
        let offset = self.map_end_offset;
        if offset <= self.last_snapshot_offset {
            return Ok(None);
        }
        self.snapshots.write(disk, offset, write_snapshot(self.producers.values()), sync)?;
        self.last_snapshot_offset = offset;
        let producers = self.producers.len();
        events.push(LogEvent::ProducerSnapshotTaken { offset, producers });
        Ok(Some(offset))
    }

    /// Makes the snapshots durable that were taken without a sync.
    pub fn sync_snapshots(&mut self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        self.snapshots.sync(disk)
    }

    /// Goes back to what the batches below `log_end_offset` say, as far as snapshots know it: the latest one that
    /// can be read. Those outside the log go. Up to [`ProducerStateManager::map_end_offset`] it is reflected then;
    /// the rest is to be read from the log.
    ///
    /// What begins below the log's start is kept in memory, not on the disk (KIP-360).
    pub fn truncate_and_reload(
        &mut self,
        disk: &mut dyn Disk,
        (log_start_offset, log_end_offset): (Offset, Offset),
        (now_ms, producer_id_expiration_ms): (i64, i64),
        events: &mut Vec<LogEvent>,
    ) -> Result<(), DiskError> {
        let outside = |offset: &Offset| *offset > log_end_offset || *offset <= log_start_offset;
        let gone: Vec<Offset> = self.snapshots.offsets().filter(outside).collect();
        for offset in gone {
            self.snapshots.remove(disk, offset)?;
        }
        if log_end_offset == self.map_end_offset {
            self.on_log_start_offset_incremented(log_start_offset);
            return Ok(());
        }
        // A truncation goes no further back than the high watermark, so no marker above it is left to wait for.
        self.forget_all();
        let expires = (now_ms, producer_id_expiration_ms);
        self.load_from_snapshot(disk, log_start_offset, expires, events)
    }

    fn load_from_snapshot(
        &mut self,
        disk: &mut dyn Disk,
        log_start_offset: Offset,
        (now_ms, producer_id_expiration_ms): (i64, i64),
        events: &mut Vec<LogEvent>,
    ) -> Result<(), DiskError> {
        while let Some(offset) = self.snapshots.latest() {
            let contents = self.snapshots.read(disk, offset)?.unwrap_or_default();
            if let Ok(producers) = read_snapshot(&contents) {
                let kept = producers
                    .into_iter()
                    .filter(|entry| !is_expired(entry, now_ms, producer_id_expiration_ms));
                kept.for_each(|entry| self.load_producer_entry(entry));
                self.map_end_offset = offset;
                self.last_snapshot_offset = offset;
                return Ok(());
            }
            mark::reachable!(
                events,
                "producer_snapshot_corrupt",
                "a producer snapshot could not be read, was removed, and an older one taken"
            );
            self.snapshots.remove(disk, offset)?;
        }
        self.map_end_offset = log_start_offset;
        self.last_snapshot_offset = log_start_offset;
        Ok(())
    }

    /// Takes a producer from a snapshot.
    pub fn load_producer_entry(&mut self, entry: ProducerStateEntry) {
        let producer_id = entry.producer_id();
        if let Some(first_offset) = entry.current_txn_first_offset() {
            let (position, last_offset) = (None, None);
            let txn = TxnMetadata { producer_id, first_offset, position, last_offset };
            self.transactions.begin(txn);
        }
        Arc::make_mut(&mut self.producers).insert(producer_id, entry);
    }

    /// Forgets everything, removes all snapshots, and goes on at `offset`.
    pub fn truncate_fully_and_start_at(
        &mut self,
        disk: &mut dyn Disk,
        offset: Offset,
    ) -> Result<(), DiskError> {
        self.forget_all();
        let all: Vec<Offset> = self.snapshots.offsets().collect();
        for snapshot in all {
            self.snapshots.remove(disk, snapshot)?;
        }
        self.last_snapshot_offset = Offset::ZERO;
        self.map_end_offset = offset;
        Ok(())
    }

    /// Looks again which snapshots there are, and removes those that belong to no segment, save the largest if it
    /// lies beyond all segments: a clean shutdown took it.
    pub fn remove_stray_snapshots(
        &mut self,
        disk: &mut dyn Disk,
        folder: &str,
        segment_base_offsets: &BTreeSet<Offset>,
    ) -> Result<(), DiskError> {
        self.snapshots = SnapshotFiles::load(disk, folder)?;
        let strays: Vec<Offset> = self
            .snapshots
            .offsets()
            .filter(|offset| !segment_base_offsets.contains(offset))
            .collect();
        let Some((&last, below)) = strays.split_last() else {
            return Ok(());
        };
        for &stray in below {
            self.snapshots.remove(disk, stray)?;
        }
        if segment_base_offsets.last().is_some_and(|active| last < *active) {
            self.snapshots.remove(disk, last)?;
        }
        Ok(())
    }

    /// Removes the snapshots below `offset`.
    pub fn delete_snapshots_before(
        &mut self,
        disk: &mut dyn Disk,
        offset: Offset,
    ) -> Result<(), DiskError> {
        let below: Vec<Offset> = self.snapshots.offsets().filter(|other| *other < offset).collect();
        for snapshot in below {
            self.snapshots.remove(disk, snapshot)?;
        }
        Ok(())
    }

    /// Forgets a snapshot whose file will be renamed and removed with its segment; answers its path, if it was
    /// known.
    pub fn remove_for_deletion(&mut self, offset: Offset) -> Option<String> {
        let known = self.snapshots.contains(offset);
        let path = known.then(|| self.snapshots.path(offset));
        self.snapshots.forget(offset);
        path
    }

    fn forget_all(&mut self) {
        if !self.producers.is_empty() {
            self.producers = Arc::new(BTreeMap::new());
        }
        self.transactions.clear();
    }
}

fn is_expired(entry: &ProducerStateEntry, now_ms: i64, producer_id_expiration_ms: i64) -> bool {
    let idle_ms = now_ms.saturating_sub(entry.last_timestamp());
    entry.current_txn_first_offset().is_none() && idle_ms >= producer_id_expiration_ms
}
