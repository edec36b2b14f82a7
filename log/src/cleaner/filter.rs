//! Decides what stays of a batch, and writes it anew if that is not all of it.
//!
//! In Kafka:   the `RecordFilter` of `Cleaner.cleanInto`, `Cleaner.shouldRetainRecord`, `MemoryRecords.filterTo`;
//!             KIP-98, KIP-534.
//! Inputs:     a batch, what is known of the keys and of the transactions, when the cleaning began.
//! Invariants: CL-2, CL-3, CL-4. What is written anew has the offsets, the sequence, the producer, the epoch and the
//!             codec of what was there. FL-1 the first cleaning that keeps a tombstone, or a marker of whose
//!             transaction nothing is left, writes into its batch when it may go; a later one lets it go.

use std::collections::BTreeMap;

use crate::batch::Header;
use crate::{
    AbortedTxn, BatchBuilder, BatchError, Log, LogEvent, Offset, Record, RecordBatch, mark,
};

use super::offset_map::OffsetMap;
use super::stats::CleanerStats;
use super::transactions::{CleanedTransactions, ControlRead};

/// What has to be kept of a producer: the batch with this offset or, if it has written none, the markers of its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastRecord {
    last_data_offset: Option<Offset>,
    producer_epoch: i16,
}

/// The last records of the producers that a log knows.
pub(super) fn last_records_of_active_producers(log: &Log) -> BTreeMap<i64, LastRecord> {
    let last = |offset: Offset| (offset >= Offset::ZERO).then_some(offset);
    let entries = log.producers().active_producers().map(|entry| {
        let last_data_offset = last(entry.last_data_offset());
        (
            entry.producer_id(),
            LastRecord { last_data_offset, producer_epoch: entry.producer_epoch() },
        )
    });
    entries.collect()
}

/// Whether a producer's last record now lies below `end_offset` and was another before.
pub(super) fn went_back(
    before: &BTreeMap<i64, LastRecord>,
    now: &BTreeMap<i64, LastRecord>,
    end_offset: Offset,
) -> bool {
    now.iter().any(|(id, now)| {
        let before = before.get(id);
        match now.last_data_offset {
            Some(last) => last < end_offset && before != Some(now),
            // A marker is its last record again, of an earlier epoch or of the one in which it had written since.
            None => before.is_some_and(|before| {
                now.producer_epoch < before.producer_epoch
                    || now.producer_epoch == before.producer_epoch
                        && before.last_data_offset.is_some()
            }),
        }
    })
}

/// What stays of a batch.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// The batch as it is from here on.
    pub(super) batch: RecordBatch,
    /// If it is a marker: the aborted transaction that it ends, for the index.
    pub(super) aborted: Option<AbortedTxn>,
}

/// What a cleaning knows when it looks at a batch.
pub(super) struct Filter<'a> {
    pub(super) map: &'a OffsetMap,
    pub(super) last_records: &'a BTreeMap<i64, LastRecord>,
    /// The batch that ends here is kept whatever is in it.
    pub(super) last_kept: Offset,
    /// When the cleaning began.
    pub(super) began_ms: i64,
    pub(super) delete_retention_ms: i64,
}

impl Filter<'_> {
    /// What stays of a batch, if anything does.
    pub(super) fn keep(
        &self,
        batch: RecordBatch,
        transactions: &mut CleanedTransactions,
        stats: &mut CleanerStats,
        events: &mut Vec<LogEvent>,
    ) -> Result<Option<Kept>, BatchError> {
        stats.bytes_read += batch.size_in_bytes() as u64;
        let (is_unneeded, aborted) = if batch.is_control() {
            match transactions.on_control_batch(&batch)? {
                ControlRead::Unneeded => (true, None),
                ControlRead::Needed => (false, None),
                ControlRead::NeededWith(txn) => (false, Some(txn)),
            }
        } else {
            (transactions.on_batch(&batch), None)
        };
        let is_over = batch.delete_horizon_ms().is_some_and(|horizon| horizon <= self.began_ms);
        let goes = is_unneeded && (is_over || !batch.is_control());
        let stays_empty =
            self.is_last_of_producer(&batch, events) || self.is_last_to_keep(&batch, goes, events);
        note_unneeded(&batch, (is_unneeded, goes), events);
        if goes && !stays_empty {
            return Ok(None);
        }
        let records = self.retained(&batch, goes, stats, events)?;
        let kept = self.rebuilt(&batch, &records, is_unneeded && batch.is_control(), events)?;
        let kept = match kept {
            Rebuilt::Whole => batch.clone(),
            Rebuilt::Anew(batch) => batch,
            Rebuilt::Empty if stays_empty => batch.emptied(),
            Rebuilt::Empty => return Ok(None),
        };
        stats.messages_written += records.len() as u64;
        stats.bytes_written += kept.size_in_bytes() as u64;
        Ok(Some(Kept { batch: kept, aborted }))
    }

    /// The records that stay.
    fn retained<'b>(
        &self,
        batch: &'b RecordBatch,
        goes: bool,
        stats: &mut CleanerStats,
        events: &mut Vec<LogEvent>,
    ) -> Result<Vec<Record<'b>>, BatchError> {
        let mut retained = Vec::new();
        let mut at_least = batch.base_offset();
        for (record, index) in batch.records().zip(0..) {
            let record = record?;
            let offset = record.offset;
            if offset < at_least || offset > batch.last_offset() {
                let got =
                    i32::try_from(offset.0.wrapping_sub(batch.base_offset().0)).unwrap_or(i32::MAX);
                return Err(BatchError::OffsetDelta { index, got });
            }
            at_least = offset.next();
            stats.messages_read += 1;
            if !goes && (batch.is_control() || self.retains(batch, &record, stats, events)) {
                retained.push(record);
            }
        }
        Ok(retained)
    }

    fn retains(
        &self,
        batch: &RecordBatch,
        record: &Record<'_>,
        stats: &mut CleanerStats,
        events: &mut Vec<LogEvent>,
    ) -> bool {
        if Some(record.offset) > self.map.latest_offset() {
            return true;
        }
        let Some(key) = record.key() else {
            stats.invalid_messages_read += 1;
            return false;
        };
        let is_latest = self.map.get(key).is_none_or(|latest| record.offset >= latest);
        let waits = batch.delete_horizon_ms().is_none_or(|horizon| self.began_ms < horizon);
        mark::sometimes!(
            events,
            is_latest && record.value().is_none() && !waits,
            "tombstone_removed",
            "a tombstone was removed after delete.retention.ms"
        );
        is_latest && (record.value().is_some() || waits)
    }

    /// The batch with these records alone.
    fn rebuilt(
        &self,
        batch: &RecordBatch,
        records: &[Record<'_>],
        is_unneeded_marker: bool,
        events: &mut Vec<LogEvent>,
    ) -> Result<Rebuilt, BatchError> {
        if records.is_empty() {
            return Ok(Rebuilt::Empty);
        }
        let has_tombstone = records.iter().any(|record| record.value().is_none());
        let horizon = batch.delete_horizon_ms();
        let needs_horizon = (has_tombstone || is_unneeded_marker) && horizon.is_none();
        mark::sometimes!(
            events,
            needs_horizon,
            "delete_horizon_set",
            "a cleaning wrote into a batch when its tombstones or its marker may go (KIP-534)"
        );
        let is_whole = i32::try_from(records.len()).is_ok_and(|count| count == batch.count());
        if is_whole && !needs_horizon {
            return Ok(Rebuilt::Whole);
        }
        // (Kafka lets a time beyond all numbers wrap, and then removes at once.)
        let new = needs_horizon.then(|| self.began_ms.saturating_add(self.delete_retention_ms));
        let mut builder = BatchBuilder::like(batch)?;
        if let Some(horizon) = new.or(horizon) {
            builder = builder.delete_horizon_ms(horizon);
        }
        for record in records {
            let headers: Vec<Header<'_>> = record.headers().collect();
            let (offset, timestamp) = (record.offset, record.timestamp);
            builder.append_at(offset, timestamp, record.key(), record.value(), &headers);
        }
        builder.extend_to(batch.last_offset());
        Ok(Rebuilt::Anew(builder.build()))
    }

    /// Whether a producer's last sequence is known by this batch alone, or its epoch by this marker.
    fn is_last_of_producer(&self, batch: &RecordBatch, events: &mut Vec<LogEvent>) -> bool {
        let is_last = match self.last_records.get(&batch.producer_id()) {
            Some(LastRecord { last_data_offset: Some(last), .. }) => batch.last_offset() == *last,
            Some(LastRecord { producer_epoch, .. }) => {
                batch.is_control() && batch.producer_epoch() == *producer_epoch
            }
            None => false,
        };
        mark::sometimes!(
            events,
            is_last,
            "last_batch_of_producer_kept",
            "a cleaning met the last batch, or the last marker, of a producer, and kept it whatever was in it"
        );
        is_last
    }

    /// Whether it would be known no more up to where the log went if the batch went.
    fn is_last_to_keep(&self, batch: &RecordBatch, goes: bool, events: &mut Vec<LogEvent>) -> bool {
        let is_last = batch.next_offset() == self.last_kept;
        mark::sometimes!(
            events,
            is_last && goes,
            "last_batch_kept_without_records",
            "a cleaning kept the last batch, though none of its records, so that its offset is not forgotten"
        );
        is_last
    }
}

/// What some of the records of a batch make.
enum Rebuilt {
    /// There is none.
    Empty,
    /// All are there, and the batch says what it has to.
    Whole,
    /// A batch with fewer records, or with the time when they may go.
    Anew(RecordBatch),
}

fn note_unneeded(
    batch: &RecordBatch,
    (is_unneeded, goes): (bool, bool),
    events: &mut Vec<LogEvent>,
) {
    mark::sometimes!(
        events,
        is_unneeded && !batch.is_control(),
        "aborted_records_removed",
        "a cleaning removed the records of an aborted transaction"
    );
    mark::sometimes!(
        events,
        goes && batch.is_control(),
        "marker_removed",
        "a cleaning removed a marker of whose transaction nothing was left, after delete.retention.ms"
    );
}
