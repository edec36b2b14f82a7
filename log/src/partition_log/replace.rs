//! Puts new segments in the place of old ones, so that a crash leaves all of the one or all of the other.
//!
//! In Kafka:   `LocalLog.replaceSegments`, `splitOverflowedSegment`, `createNewCleanedSegment`; KAFKA-6264.
//! Holds:      a segment that is being written under the suffix `.cleaned`.
//! Invariants: RS-1 new segments are whole and synced, then get the suffix `.swap` from the last one down, then the old
//!             ones get `.deleted`, then the new ones their names. Once the first of the new ones is a `.swap`, all
//!             are, and loading finishes what a crash interrupts (see `load/temporary.rs`); before that it drops them.
//!             RS-2 what is replaced lies below the active segment, and the new ones begin where the old ones did.
//!             RS-3 loading drops the old ones by their offsets: from the first new base up to where the last new one
//!             ends. Where nothing is left of the last old one an empty one stands for it until the swap is done.
//!             (In Kafka a crash then leaves the new segments and that old one.)

use bytes::Bytes;

use crate::Batches;
use crate::Offset;
use crate::batch::BatchSummary;
use crate::disk::{Disk, DiskError};
use crate::error::{BatchError, LogError};
use crate::event::LogEvent;
use crate::found_segment::FoundSegment;
use crate::index_file::relative;
use crate::mark;
use crate::scanner::{ScanError, Scanner};
use crate::segment::{CLEANED_SUFFIX, SEGMENT_SUFFIXES, SWAP_SUFFIX, Segment, segment_file};
use crate::transaction_index::{AbortedTxn, TXN_INDEX_SUFFIX};

use super::doomed::remove_if_there;
use super::log::Log;

/// A segment to be split is copied so many bytes at a time.
const COPY_BYTES: usize = 1 << 20;

/// A segment that will take the place of others: its files end in `.cleaned` until [`Log::replace_segments`].
#[derive(Debug, Clone)]
pub struct CleanedSegment {
    segment: Segment,
}

impl CleanedSegment {
    /// The first offset it stands for.
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        self.segment.base_offset
    }

    /// How many bytes of batches it holds.
    #[must_use]
    pub fn size_in_bytes(&self) -> u64 {
        self.segment.size
    }

    /// Counts as written when the last segment was whose records it takes over.
    pub(crate) fn modified_as(&mut self, source: &Segment) {
        self.segment.modified_as(source);
    }

    /// Whether a batch that ends at `last_offset` can be in it: within 2^31 of its base.
    #[must_use]
    pub fn can_hold(&self, last_offset: Offset) -> bool {
        relative(self.segment.base_offset, last_offset).is_some()
    }
}

impl Log {
    /// Begins a segment that will take the place of others; one that an earlier attempt left is removed.
    pub fn create_cleaned_segment(
        &mut self,
        disk: &mut dyn Disk,
        base_offset: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<CleanedSegment, LogError> {
        self.guarded(events, |log, _| {
            let (folder, config) = (&log.folder, &log.config);
            let name = (base_offset, CLEANED_SUFFIX);
            let segment = Segment::create_named(disk, folder, name, config, now_ms)?;
            Ok(CleanedSegment { segment })
        })
    }

    /// Writes whole batches at the end of such a segment, with their offsets and epochs as they are.
    pub fn append_to_cleaned_segment(
        &mut self,
        disk: &mut dyn Disk,
        cleaned: &mut CleanedSegment,
        records: Bytes,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let batches: Result<Vec<BatchSummary>, _> =
            Batches::new(records.clone()).map(|batch| batch.map(|batch| batch.summary())).collect();
        let batches = batches?;
        let size: usize = batches.iter().map(|batch| batch.size).sum();
        assert!(size == records.len(), "a cleaned segment holds whole batches");
        self.guarded(events, |log, _| {
            cleaned.segment.append(disk, records, &batches, &log.config, now_ms)?;
            Ok(())
        })
    }

    /// Enters an aborted transaction, whose marker was written to such a segment.
    pub fn abort_in_cleaned_segment(
        &mut self,
        disk: &mut dyn Disk,
        cleaned: &mut CleanedSegment,
        aborted: AbortedTxn,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        self.guarded(events, |log, _| {
            if !cleaned.segment.txn_index.can_append(&aborted) {
                // An index of the old segments names a marker that is none. (Kafka gives the log up too.)
                let (base_offset, position) = (cleaned.segment.base_offset, cleaned.segment.size);
                let error = BatchError::BaseOffset { base_offset: aborted.last_offset };
                return Err(LogError::CorruptSegment { base_offset, position, error });
            }
            Ok(cleaned.segment.txn_index.append(disk, &log.folder, aborted)?)
        })
    }

    /// Removes such segments, of which nothing will come.
    pub fn remove_cleaned_segments(
        &mut self,
        disk: &mut dyn Disk,
        cleaned: Vec<CleanedSegment>,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        self.guarded(events, |log, _| {
            for CleanedSegment { segment } in cleaned {
                for suffix in SEGMENT_SUFFIXES {
                    let path = segment_file(&log.folder, segment.base_offset, suffix);
                    remove_if_there(disk, &format!("{path}{CLEANED_SUFFIX}"))?;
                }
            }
            Ok(())
        })
    }

    /// Ends such segments and puts them in the place of `old` ones, given by their bases; those of `old` that are not
    /// there any more have been dropped in the meantime. Once this has returned the change is durable.
    pub fn replace_segments(
        &mut self,
        disk: &mut dyn Disk,
        new: Vec<CleanedSegment>,
        old: &[Offset],
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let mut new: Vec<Segment> = new.into_iter().map(|cleaned| cleaned.segment).collect();
        new.sort_by_key(|segment| segment.base_offset);
        let first = new.first().expect("RS-1: something takes the place of what goes").base_offset;
        let active = self.active().base_offset;
        assert!(old.iter().all(|&base| base < active), "RS-2: the active segment is not replaced");
        assert!(
            new.iter().all(|segment| segment.base_offset < active),
            "RS-2: nor what lies beyond"
        );
        assert!(
            old.iter().all(|&base| base >= first),
            "RS-2: new segments begin where old ones did"
        );
        self.guarded(events, |log, events| {
            let stand_in = log.stand_in(disk, &new, old, now_ms)?;
            new.extend(stand_in.clone());
            for segment in &mut new {
                segment.finish(disk)?;
                segment.sync(disk)?;
            }
            let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut log.segments)
                .into_iter()
                .partition(|segment| old.contains(&segment.base_offset));
            let bases: Vec<Offset> = new.iter().map(|segment| segment.base_offset).collect();
            let gone: Vec<_> = gone.iter().map(|s| (s.base_offset, s.size)).collect();
            log.segments = kept;
            log.swap_in(disk, &bases, &gone, now_ms, events)?;
            if let Some(stand_in) = stand_in {
                new.pop();
                log.doom(disk, (stand_in.base_offset, 0), now_ms, events)?;
                disk.sync_dir(&log.folder)?;
            }
            let count = new.len();
            new.iter_mut().for_each(|segment| segment.txn_index.in_place());
            log.segments.extend(new);
            log.segments.sort_by_key(|segment| segment.base_offset);
            log.tail.clear();
            events.push(LogEvent::SegmentsReplaced {
                base_offset: first,
                old: gone.len(),
                new: count,
            });
            log.invariants();
            Ok(())
        })
    }

    /// RS-3: an empty segment in the place of the last old one, if the new ones end before it.
    fn stand_in(
        &self,
        disk: &mut dyn Disk,
        new: &[Segment],
        old: &[Offset],
        now_ms: i64,
    ) -> Result<Option<Segment>, LogError> {
        let there = |base: &&Offset| self.segments.iter().any(|s| s.base_offset == **base);
        let (Some(&last_old), Some(last_new)) = (old.iter().filter(there).max(), new.last()) else {
            return Ok(None);
        };
        if last_old <= last_new.base_offset || last_old < last_new.next_offset(disk)? {
            return Ok(None);
        }
        let (folder, config) = (&self.folder, &self.config);
        let name = (last_old, CLEANED_SUFFIX);
        Ok(Some(Segment::create_named(disk, folder, name, config, now_ms)?))
    }

    /// Splits a segment that holds offsets too far from its base, as old versions could write it.
    pub(super) fn split_overflowed_segment(
        &mut self,
        disk: &mut dyn Disk,
        overflowed: &FoundSegment,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        mark::reachable!(
            events,
            "overflowed_segment_split",
            "loading split a segment whose offsets lay too far from its base (KAFKA-6264)"
        );
        let parts = self.parts_of(disk, overflowed)?;
        assert!(!parts.is_empty(), "KAFKA-6264: a segment that overflows has a batch");
        let mut bases = Vec::with_capacity(parts.len());
        for Part { base_offset, batches, from, to } in parts {
            let (folder, config) = (&self.folder, &self.config);
            let name = (base_offset, CLEANED_SUFFIX);
            let mut segment = Segment::create_named(disk, folder, name, config, now_ms)?;
            let mut at = from;
            for batch in &batches {
                let bytes = disk.read(overflowed.file, at, batch.size)?;
                segment.append(disk, bytes, std::slice::from_ref(batch), config, now_ms)?;
                at += batch.size as u64;
            }
            segment.finish(disk)?;
            // What is no batch any more ends the last part as it ended the whole: the scan that follows finds it there.
            while at < to {
                let rest = usize::try_from(to - at).unwrap_or(usize::MAX).min(COPY_BYTES);
                let bytes = disk.read(overflowed.file, at, rest)?;
                at += bytes.len() as u64;
                disk.append(segment.file, bytes)?;
            }
            segment.sync(disk)?;
            bases.push(base_offset);
        }
        let gone = (overflowed.base_offset, overflowed.size);
        self.swap_in(disk, &bases, &[gone], now_ms, events)?;
        let (base_offset, new) = (overflowed.base_offset, bases.len());
        events.push(LogEvent::SegmentsReplaced { base_offset, old: 1, new });
        Ok(())
    }

    /// The stretches of a segment that one segment each can hold.
    fn parts_of(
        &self,
        disk: &mut dyn Disk,
        overflowed: &FoundSegment,
    ) -> Result<Vec<Part>, DiskError> {
        let mut parts: Vec<Part> = Vec::new();
        let mut scanner = Scanner::new(overflowed.file, 0, overflowed.size, COPY_BYTES);
        loop {
            let batch = match scanner.next_header(disk) {
                Ok(Some(batch)) => batch,
                Err(ScanError::Disk(error)) => return Err(error),
                Ok(None) | Err(ScanError::Corrupt { .. }) => break,
            };
            let last_offset = batch.summary.last_offset;
            let last = parts.last().and_then(|part| part.batches.last());
            if last.is_some_and(|last| batch.summary.base_offset <= last.last_offset) {
                // No checksum covers the offset that a batch begins at: what goes back is none either.
                break;
            }
            let fits = parts.last().is_some_and(|p| relative(p.base_offset, last_offset).is_some());
            if fits {
                let part = parts.last_mut().expect("it fits into it");
                part.batches.push(batch.summary);
            } else {
                if let Some(part) = parts.last_mut() {
                    part.to = batch.position;
                }
                let (base_offset, from) = (batch.summary.base_offset, batch.position);
                let batches = vec![batch.summary];
                parts.push(Part { base_offset, batches, from, to: overflowed.size });
            }
        }
        Ok(parts)
    }

    /// RS-1: the renames, in the order that loading relies on.
    fn swap_in(
        &mut self,
        disk: &mut dyn Disk,
        new: &[Offset],
        old: &[(Offset, u64)],
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), DiskError> {
        assert!(new.is_sorted(), "RS-1: new segments are in order");
        for &base_offset in new.iter().rev() {
            self.rename_segment(disk, base_offset, (CLEANED_SUFFIX, SWAP_SUFFIX))?;
        }
        for &segment in old {
            self.doom_files(disk, segment, now_ms, events)?;
            if !new.contains(&segment.0) {
                self.doom_snapshot(disk, segment.0, now_ms)?;
            }
        }
        for &base_offset in new {
            self.rename_segment(disk, base_offset, (SWAP_SUFFIX, ""))?;
        }
        disk.sync_dir(&self.folder)
    }

    fn rename_segment(
        &self,
        disk: &mut dyn Disk,
        base_offset: Offset,
        (from, to): (&str, &str),
    ) -> Result<(), DiskError> {
        for suffix in SEGMENT_SUFFIXES {
            let path = segment_file(&self.folder, base_offset, suffix);
            match disk.rename(&format!("{path}{from}"), &format!("{path}{to}")) {
                // Without aborted transactions there is no index of them.
                Err(DiskError::NotFound) if suffix == TXN_INDEX_SUFFIX => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }
}

/// A stretch of a segment that one segment can hold.
struct Part {
    base_offset: Offset,
    batches: Vec<BatchSummary>,
    from: u64,
    to: u64,
}
