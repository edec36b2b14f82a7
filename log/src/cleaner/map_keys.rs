//! The first part of a cleaning: learns of each key where its last record lies, in what is dirty.
//!
//! In Kafka:   `Cleaner.buildOffsetMap`, `buildOffsetMapForSegment`.
//! Holds:      the dirty segments and how far they were read.
//! Invariants: aborted records and markers have no say. If the map is full the cleaning goes as far as it was filled,
//!             and the rest is for the next one. Offsets without a batch before the next segment count as read.

use crate::disk::Disk;
use crate::{BatchError, Log, LogError, LogEvent, Offset, RecordBatch, mark};

use super::cleanable::segments_between;
use super::dirty_log::LogToClean;
use super::offset_map::OffsetMap;
use super::settings::CleanerConfig;
use super::source::{Place, Source};
use super::stats::CleanerStats;
use super::transactions::CleanedTransactions;

/// The dirty segments, and how far they were read.
#[derive(Debug, Clone)]
pub(super) struct MapKeys {
    start: Offset,
    sources: Vec<Source>,
    /// Which one is read, and where.
    at: usize,
    place: Place,
    transactions: CleanedTransactions,
}

impl MapKeys {
    /// Begins where the log is dirty; none if nothing is.
    pub(super) fn begin(log: &Log, to_clean: &LogToClean) -> Option<Self> {
        let (start, end) = (to_clean.first_dirty_offset, to_clean.first_uncleanable_offset);
        let segments = segments_between(log, start, end);
        let nexts = segments.iter().skip(1).map(|it| it.base_offset).chain([end]);
        let sources: Vec<Source> =
            segments.iter().zip(nexts).map(|(segment, next)| Source::of(segment, next)).collect();
        let first = segments.first()?;
        let place = sources[0].place(first.index.lookup(start));
        let mut transactions = CleanedTransactions::default();
        transactions.add_aborted(log.aborted_transactions(start, end));
        Some(Self { start, sources, at: 0, place, transactions })
    }

    /// Whether all is what it was: also what was read, for what it says of a key lets earlier records go.
    pub(super) fn is_there(&self, log: &Log) -> bool {
        self.sources.iter().all(|source| source.in_log(log).is_some())
    }

    /// Reads a piece; answers whether that was the last one.
    pub(super) fn step(
        &mut self,
        disk: &mut dyn Disk,
        config: &CleanerConfig,
        (map, stats): (&mut OffsetMap, &mut CleanerStats),
        events: &mut Vec<LogEvent>,
    ) -> Result<bool, LogError> {
        let source = self.sources[self.at];
        let keys_max = keys_max(map, config);
        let mut is_full = false;
        let place = source.read(disk, self.place, config.read_bytes, |batch| {
            stats.map_bytes_read += batch.size_in_bytes() as u64;
            is_full = !self.take(&batch, (map, keys_max), stats)?;
            Ok(!is_full)
        })?;
        self.place = place;
        if is_full {
            mark::reachable!(
                events,
                "cleaner_map_full",
                "the cleaner had no room for all keys, and cleaned a part of what was dirty"
            );
            return Ok(true);
        }
        if source.is_at_end(place) {
            map.update_latest_offset(source.end_offset.plus(-1));
            self.at += 1;
            match self.sources.get(self.at) {
                Some(next) => self.place = next.place(0),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Learns from a batch; false if there is no room left.
    fn take(
        &mut self,
        batch: &RecordBatch,
        (map, keys_max): (&mut OffsetMap, usize),
        stats: &mut CleanerStats,
    ) -> Result<bool, BatchError> {
        if batch.is_control() {
            self.transactions.on_control_batch(batch)?;
            stats.map_messages_read += 1;
        } else if self.transactions.on_batch(batch) {
            stats.map_messages_read += u64::try_from(batch.count()).unwrap_or(0);
        } else {
            for record in batch.records() {
                let record = record?;
                let is_dirty = record.offset >= self.start;
                if let Some(key) = record.key().filter(|_| is_dirty) {
                    if map.len() >= keys_max {
                        return Ok(false);
                    }
                    map.put(key, record.offset);
                }
                stats.map_messages_read += 1;
            }
        }
        if batch.last_offset() >= self.start {
            map.update_latest_offset(batch.last_offset());
        }
        Ok(true)
    }
}

/// How many keys are learned at most; one at least, so that it goes on.
fn keys_max(map: &OffsetMap, config: &CleanerConfig) -> usize {
    let percent = u128::from(config.dedupe_buffer_load_percent.min(100));
    let part = map.slots() as u128 * percent / 100;
    usize::try_from(part).expect("a part of the slots").max(1)
}
