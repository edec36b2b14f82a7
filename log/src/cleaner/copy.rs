//! The second part of a cleaning: copies what stays, a group of segments after another, and puts it in their place.
//!
//! In Kafka:   the second half of `Cleaner.doClean`, `cleanSegments`, `cleanInto`; KAFKA-8351 (transactions are
//!             followed across groups), KAFKA-13727 (aborted ones are indexed for whole segments).
//! Holds:      the groups to come; of this one, how far it was read and the new segments.
//! Invariants: CP-1 a group's new segments take its place all at once (see `replace.rs`). CP-2 an aborted transaction
//!             is in the index of the segment that has its marker. CP-3 what would not fit into a new segment begins
//!             another. (Kafka's trunk reads the batches again then, and so may lose a marker that it has seen before;
//!             4.3.0 fails.) CP-4 a cut beyond what is cleaned may make a batch the last one of its producer that was
//!             not when the group was begun: then the copy is not used. (Kafka uses it, and no batch has the
//!             producer's last sequence any more.)

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::BytesMut;

use crate::disk::Disk;
use crate::{CleanedSegment, Log, LogError, LogEvent, Offset, mark};

use super::cleanable::segments_between;
use super::dirty_log::LogToClean;
use super::filter::{Filter, Kept, LastRecord, last_records_of_active_producers, went_back};
use super::group::group_segments_by_size;
use super::offset_map::OffsetMap;
use super::settings::CleanerConfig;
use super::source::{Place, Source};
use super::stats::CleanerStats;
use super::transactions::CleanedTransactions;

/// The groups that are to be copied, and the one that is.
#[derive(Debug, Clone)]
pub(super) struct Copying {
    pub(super) end_offset: Offset,
    groups: VecDeque<Vec<Source>>,
    group: Option<Group>,
    transactions: CleanedTransactions,
}

/// A group of segments that becomes one, or more.
#[derive(Debug, Clone)]
struct Group {
    sources: Vec<Source>,
    /// Which one is read, and where; past the last one the copy is whole.
    at: usize,
    place: Place,
    cleaned: Vec<CleanedSegment>,
    last_records: Arc<BTreeMap<i64, LastRecord>>,
}

/// What a step is handed.
pub(super) struct StepContext<'a> {
    pub(super) map: &'a OffsetMap,
    pub(super) config: &'a CleanerConfig,
    /// The batch that ends here is kept whatever is in it.
    pub(super) last_kept: Offset,
    pub(super) began_ms: i64,
    pub(super) now_ms: i64,
    pub(super) stats: &'a mut CleanerStats,
}

impl Copying {
    /// Groups the segments up to where keys were learned.
    pub(super) fn begin(log: &Log, to_clean: &LogToClean, end_offset: Offset) -> Self {
        let segments = segments_between(log, Offset::ZERO, end_offset);
        let first_uncleanable_offset = to_clean.first_uncleanable_offset;
        let groups = group_segments_by_size(segments, log.config(), first_uncleanable_offset);
        let transactions = CleanedTransactions::default();
        Self { end_offset, groups: groups.into(), group: None, transactions }
    }

    /// Whether all is what it was that is not replaced yet: also the groups to come, for what was learned of their keys
    /// lets records of this one go. CP-4, before a group is replaced: and whether the producers are.
    pub(super) fn is_there(&self, log: &Log) -> bool {
        let current = self.group.iter().flat_map(|group| &group.sources);
        let is_whole =
            current.chain(self.groups.iter().flatten()).all(|it| it.in_log(log).is_some());
        let copied = self.group.as_ref().filter(|group| group.at == group.sources.len());
        is_whole
            && copied.is_none_or(|group| {
                let end_offset = group.sources[group.at - 1].end_offset;
                !went_back(&group.last_records, &last_records_of_active_producers(log), end_offset)
            })
    }

    /// Copies a piece, or puts a group in its place; answers whether that was all.
    pub(super) fn step(
        &mut self,
        log: &mut Log,
        disk: &mut dyn Disk,
        context: &mut StepContext<'_>,
        events: &mut Vec<LogEvent>,
    ) -> Result<bool, LogError> {
        let mut group = match self.group.take() {
            Some(group) => group,
            None => match self.groups.pop_front() {
                Some(sources) => self.begin_group(log, disk, sources, context.now_ms, events)?,
                None => return Ok(true),
            },
        };
        let Some(source) = group.sources.get(group.at).copied() else {
            return self.replace(log, disk, group, context.now_ms, events);
        };
        let place = group.place;
        let read = self.copy(log, disk, (&mut group, source), context, events);
        let group = self.group.insert(group);
        group.place = read?;
        debug_assert!(group.place != place || source.is_at_end(place), "a step reads something");
        if source.is_at_end(group.place) {
            group.at += 1;
            if let Some(next) = group.sources.get(group.at) {
                group.place = next.place(0);
                self.transactions.add_aborted(aborted_in(log, next));
            }
        }
        Ok(false)
    }

    /// The new segments that have not taken anybody's place.
    pub(super) fn unfinished(self) -> Vec<CleanedSegment> {
        self.group.map(|group| group.cleaned).unwrap_or_default()
    }

    fn begin_group(
        &mut self,
        log: &mut Log,
        disk: &mut dyn Disk,
        sources: Vec<Source>,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<Group, LogError> {
        let first = sources[0];
        self.transactions.add_aborted(aborted_in(log, &first));
        let cleaned = log.create_cleaned_segment(disk, first.base_offset, now_ms, events)?;
        let last_records = Arc::new(last_records_of_active_producers(log));
        Ok(Group { sources, at: 0, place: first.place(0), cleaned: vec![cleaned], last_records })
    }

    /// Reads a piece of a source and writes what stays of it.
    fn copy(
        &mut self,
        log: &mut Log,
        disk: &mut dyn Disk,
        (group, source): (&mut Group, Source),
        context: &mut StepContext<'_>,
        events: &mut Vec<LogEvent>,
    ) -> Result<Place, LogError> {
        let filter = Filter {
            map: context.map,
            last_records: &group.last_records,
            last_kept: context.last_kept,
            began_ms: context.began_ms,
            delete_retention_ms: log.config().delete_retention_ms,
        };
        let (mut kept, stats) = (Vec::new(), &mut *context.stats);
        let transactions = &mut self.transactions;
        let read_bytes = context.config.read_bytes;
        let place = log.guarded(events, |_, events| {
            source.read(disk, group.place, read_bytes, |batch| {
                kept.extend(filter.keep(batch, transactions, stats, events)?);
                Ok(true)
            })
        })?;
        let mut piece = Piece { bytes: BytesMut::new(), aborted: Vec::new() };
        for Kept { batch, aborted } in kept {
            let current = group.cleaned.last().expect("a group has a new segment");
            let size = current.size_in_bytes() + piece.bytes.len() as u64;
            let grown = size + batch.size_in_bytes() as u64;
            let is_too_large = size > 0 && grown > context.config.max_cleaned_segment_bytes;
            if is_too_large || !current.can_hold(batch.last_offset()) {
                mark::reachable!(
                    events,
                    "cleaned_segment_overflows",
                    "what was left of a group of segments did not fit into one"
                );
                piece.write(log, disk, (group, source), context.now_ms, events)?;
                let base_offset = batch.base_offset();
                let next = log.create_cleaned_segment(disk, base_offset, context.now_ms, events)?;
                group.cleaned.push(next);
            }
            piece.bytes.extend_from_slice(batch.as_bytes());
            piece.aborted.extend(aborted);
        }
        piece.write(log, disk, (group, source), context.now_ms, events)?;
        Ok(place)
    }

    fn replace(
        &mut self,
        log: &mut Log,
        disk: &mut dyn Disk,
        group: Group,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<bool, LogError> {
        let Group { sources, cleaned, .. } = group;
        let old: Vec<Offset> = sources.iter().map(|source| source.base_offset).collect();
        log.replace_segments(disk, cleaned, &old, now_ms, events)?;
        Ok(self.groups.is_empty())
    }
}

/// The aborted transactions that overlap with a segment, all of it: also with what was not mapped.
fn aborted_in(log: &Log, source: &Source) -> Vec<crate::AbortedTxn> {
    log.aborted_transactions(source.base_offset, source.end_offset)
}

/// What is about to be written to a new segment.
struct Piece {
    bytes: BytesMut,
    aborted: Vec<crate::AbortedTxn>,
}

impl Piece {
    fn write(
        &mut self,
        log: &mut Log,
        disk: &mut dyn Disk,
        (group, source): (&mut Group, Source),
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let cleaned = group.cleaned.last_mut().expect("a group has a new segment");
        if !self.bytes.is_empty() {
            let bytes = self.bytes.split().freeze();
            log.append_to_cleaned_segment(disk, cleaned, bytes, now_ms, events)?;
        }
        for aborted in self.aborted.drain(..) {
            log.abort_in_cleaned_segment(disk, cleaned, aborted, events)?;
        }
        if let Some(segment) = source.in_log(log) {
            cleaned.modified_as(segment);
        }
        Ok(())
    }
}
