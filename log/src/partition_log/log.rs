//! A partition's log as a value: segments, epochs and offsets, without a disk.
//!
//! In Kafka:   `UnifiedLog`, `LocalLog`.
//! Holds:      the segments, the epochs, the producers, where the log starts and ends (as written: what others may see
//!             is the partition's matter), up to where it is durable, files that will be deleted.
//! Invariants: LOG-1 there is an active segment. LOG-2 start <= end. LOG-3 segments rise, the active one lies
//!             at or below the end. LOG-4 once the disk has refused, nothing is written or read any more. LOG-7 the
//!             producers reflect the log up to its end.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::batch::BatchSummary;
use crate::config::LogConfig;
use crate::disk::{Disk, DiskError};
use crate::error::LogError;
use crate::event::LogEvent;
use crate::leader_epoch_cache::{EpochEndOffset, LeaderEpochCache};
use crate::mark;
use crate::producer_state::{ProducerStateManager, ProducerUpdates};
use crate::segment::Segment;
use crate::tail::Tail;
use crate::{LeaderEpoch, Offset};

use super::doomed::{Doomed, remove_if_there};

/// An offset and where its batch lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOffsetMetadata {
    /// The offset.
    pub offset: Offset,
    /// The first offset of the segment.
    pub segment_base_offset: Offset,
    /// Where in the segment's file.
    pub position: u64,
}

impl LogOffsetMetadata {
    /// How many bytes lie between this place and an earlier one; none if they are not in one segment.
    #[must_use]
    pub fn bytes_since(&self, earlier: &Self) -> Option<u64> {
        let same = self.segment_base_offset == earlier.segment_base_offset;
        if same { self.position.checked_sub(earlier.position) } else { None }
    }
}

/// The log of one partition.
///
/// ```
/// use trial_log::{AppendOrigin, BatchBuilder, LeaderEpoch, Log, MemoryDisk, Offset, OpenLog};
///
/// let mut disk = MemoryDisk::new();
/// let mut events = Vec::new();
/// let mut log = Log::open(&mut disk, OpenLog::new("orders-0"), 0, &mut events)?;
/// let mut batch = BatchBuilder::new(Offset::ZERO);
/// batch.append(0, Some(b"key"), Some(b"value"), &[]);
/// let batch = batch.build().into_bytes();
/// let origin = AppendOrigin::Client;
/// let info = log.append_as_leader(&mut disk, batch, LeaderEpoch(3), origin, 0, &mut events)?;
/// assert_eq!((info.first_offset, log.log_end_offset()), (Offset(0), Offset(1)));
/// let read = log.read(&mut disk, Offset(0), 1024, log.log_end_offset(), true, &mut events)?;
/// assert_eq!(read.batches().count(), 1);
/// # Ok::<(), trial_log::LogError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Log {
    pub(super) folder: Arc<str>,
    pub(super) config: Arc<LogConfig>,
    pub(super) segments: Vec<Segment>,
    pub(super) epochs: LeaderEpochCache,
    pub(super) log_start_offset: Offset,
    pub(super) log_end_offset: Offset,
    pub(super) recovery_point: Offset,
    pub(super) producers: ProducerStateManager,
    /// What the append at hand makes of its producers.
    pub(super) updates: ProducerUpdates,
    /// The batches of the append at hand, if they keep their offsets: room that is used again.
    pub(super) summaries: Vec<BatchSummary>,
    pub(super) tail: Tail,
    pub(super) doomed: VecDeque<Doomed>,
    pub(super) offline: Option<DiskError>,
}

impl Log {
    /// The folder, within its log directory: `<topic>-<partition>`.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Replaces the settings; they hold from the next append on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = Arc::new(config);
    }

    /// The first offset that may be read.
    #[must_use]
    pub fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// The offset of the next record, as far as it is written.
    #[must_use]
    pub fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// The end and where it lies.
    #[must_use]
    pub fn log_end_offset_metadata(&self) -> LogOffsetMetadata {
        let active = self.active();
        LogOffsetMetadata {
            offset: self.log_end_offset,
            segment_base_offset: active.base_offset,
            position: active.size,
        }
    }

    /// The first offset that may not be durable: where a recovery begins. A truncation, and a load that finds less
    /// than there was, lower it: then its checkpoint has to be written before anything is appended, else what is
    /// appended below the old one is believed unscanned.
    #[must_use]
    pub fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// The epochs and where they begin.
    #[must_use]
    pub fn epochs(&self) -> &LeaderEpochCache {
        &self.epochs
    }

    /// The latest epoch that has an entry.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest_epoch()
    }

    /// Up to where an epoch reaches in this log; see [`LeaderEpochCache::end_offset_for`].
    #[must_use]
    pub fn end_offset_for_epoch(&self, leader_epoch: LeaderEpoch) -> Option<EpochEndOffset> {
        self.epochs.end_offset_for(leader_epoch, self.log_end_offset)
    }

    /// The first offsets of the segments, in order; the last one is the active one's.
    pub fn segment_base_offsets(&self) -> impl DoubleEndedIterator<Item = Offset> + '_ {
        self.segments.iter().map(|segment| segment.base_offset)
    }

    /// The segments, in order; the last one is active.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segments, to ask them what they have to read from the disk.
    pub(crate) fn segments_mut(&mut self) -> &mut [Segment] {
        &mut self.segments
    }

    /// How many bytes of batches it holds.
    #[must_use]
    pub fn size_in_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// What the disk said when it refused; the log answers no more.
    #[must_use]
    pub fn offline(&self) -> Option<DiskError> {
        self.offline
    }

    /// Takes the log offline, since its directory failed elsewhere.
    pub fn take_offline(&mut self, error: DiskError, events: &mut Vec<LogEvent>) {
        if self.offline.is_none() {
            self.offline = Some(error);
            mark::reachable!(events, "log_went_offline", "a disk refused, and a log went offline");
            events.push(LogEvent::WentOffline { error });
        }
    }

    /// Enters the epoch of a new leader at the log's end, before it appends anything (KAFKA-7415).
    pub fn assign_epoch_at_end(
        &mut self,
        disk: &mut dyn Disk,
        leader_epoch: LeaderEpoch,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let at = self.log_end_offset;
        self.guarded(events, |log, events| log.assign_epoch(disk, leader_epoch, at, events))
    }

    /// Asks the disk to make everything below `to` durable. It is so once the cost of the call was paid:
    /// only then say so with [`Log::mark_flushed`].
    pub fn flush(
        &mut self,
        disk: &mut dyn Disk,
        to: Offset,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        self.guarded(events, |log, _| log.sync_below(disk, to))
    }

    pub(super) fn sync_below(&mut self, disk: &mut dyn Disk, to: Offset) -> Result<(), LogError> {
        self.producers.sync_snapshots(disk)?;
        let from = self.recovery_point;
        if to <= from {
            return Ok(());
        }
        let first = self.segment_holding(from).unwrap_or(0);
        let mut found_new = false;
        for segment in self.segments[first..].iter_mut().take_while(|s| s.base_offset < to) {
            segment.sync(disk)?;
            found_new |= segment.base_offset >= from || segment.txn_index.take_is_new();
        }
        if found_new {
            disk.sync_dir(&self.folder)?;
        }
        Ok(())
    }

    /// Moves the recovery point up to `to`, after a [`Log::flush`] that was paid for.
    ///
    /// As in Kafka nothing stands between the two: a truncation in between is not noticed here.
    pub fn mark_flushed(&mut self, to: Offset, events: &mut Vec<LogEvent>) {
        if to > self.recovery_point {
            self.recovery_point = to;
            events.push(LogEvent::Flushed { recovery_point: to });
        }
    }

    /// Writes the checkpoint of the epochs: in the background, after a truncation.
    pub fn write_epoch_checkpoint(
        &mut self,
        disk: &mut dyn Disk,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        self.guarded(events, |log, _| Ok(log.epochs.write(disk)?))
    }

    /// Ends the indexes and takes a snapshot of the producers, for a clean shutdown. Flush before it, and write the
    /// marker after it. (Kafka does not sync the last entry of the index: the marker outlives a power loss that takes
    /// it, and no look-up by time finds the records any more.)
    pub fn close(
        &mut self,
        disk: &mut dyn Disk,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        self.guarded(events, |log, events| {
            log.producers.take_snapshot(disk, true, events)?;
            log.active_mut().finish(disk)?;
            Ok(log.active().time_index.sync(disk)?)
        })
    }

    /// Removes the folder with all that is in it.
    pub fn delete(self, disk: &mut dyn Disk) -> Result<(), LogError> {
        for name in disk.list(&self.folder)? {
            remove_if_there(disk, &format!("{}/{name}", self.folder))?;
        }
        Ok(remove_if_there(disk, &self.folder)?)
    }

    pub(super) fn assign_epoch(
        &mut self,
        disk: &mut dyn Disk,
        leader_epoch: LeaderEpoch,
        start_offset: Offset,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        mark::sometimes!(
            events,
            self.epochs.latest_entry().is_some_and(|latest| {
                latest.start_offset >= start_offset && latest.leader_epoch < leader_epoch
            }),
            "epoch_without_records_replaced",
            "a leader that had appended nothing lost its epoch's entry to the next leader"
        );
        if self.epochs.assign(disk, leader_epoch, start_offset)? {
            events.push(LogEvent::EpochAssigned { leader_epoch, start_offset });
        }
        Ok(())
    }

    /// Which segment holds `offset`, or would; none if it lies before the first.
    pub(super) fn segment_holding(&self, offset: Offset) -> Option<usize> {
        self.segments.partition_point(|segment| segment.base_offset <= offset).checked_sub(1)
    }

    pub(super) fn active(&self) -> &Segment {
        self.segments.last().expect("LOG-1: there is an active segment")
    }

    pub(super) fn active_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("LOG-1: there is an active segment")
    }

    /// Runs what touches the disk: not once the disk has refused, and never again after it does.
    pub(crate) fn guarded<T>(
        &mut self,
        events: &mut Vec<LogEvent>,
        run: impl FnOnce(&mut Self, &mut Vec<LogEvent>) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        if self.offline.is_some() {
            return Err(LogError::Offline);
        }
        let outcome = run(self, events);
        if let Err(LogError::Disk(error)) = outcome {
            self.take_offline(error, events);
        }
        outcome
    }

    pub(super) fn invariants(&self) {
        let (start, end) = (self.log_start_offset, self.log_end_offset);
        assert!(start <= end, "LOG-2: the log starts at {start} and ends at {end}");
        let active = self.active().base_offset;
        assert!(active <= end, "LOG-3: the active segment {active} lies beyond the end {end}");
        let reflected = self.producers.map_end_offset();
        assert!(reflected == end, "LOG-7: the producers are known up to {reflected} of {end}");
    }
}
