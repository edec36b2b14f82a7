//! Chooses the log that is cleaned next, says who may not clean meanwhile, and keeps the checkpoint.
//!
//! In Kafka:   `LogCleanerManager`, and of `LogCleaner` which logs it deletes old segments of.
//! Holds:      the state of each log that has one (see `state.rs`); the logs that could not be cleaned, which are left
//!             alone until the process ends or they are deleted. The checkpoint is in its file: it is read whenever it
//!             is wanted, and whoever calls holds the file's lock.
//! Invariants: MG-1 one thing at a time is done with a log: its cleaning, the deletion of its old segments, or what it
//!             is paused for. MG-2 the checkpoint rises only after a cleaning was done, never for one that was aborted.
//!             MG-3 whoever cuts a log sets the checkpoint back to where the cut log's active segment begins.
//! Left out:   several log directories. Whoever pauses a log that is being cleaned waits, in Kafka, for the cleaner's
//!             thread; here it is told, and hears of it from [`LogCleanerManager::done_cleaning`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::checkpoint::{
    CLEANER_OFFSET_CHECKPOINT, PartitionOffsets, read_offset_checkpoint, write_offset_checkpoint,
};
use crate::disk::Disk;
use crate::{Log, LogError, LogEvent, Offset, mark};

use super::cleanable::{base_of_start, cleanable_offsets};
use super::dirty_log::{LogToClean, max_compaction_delay_ms};
use super::state::{LogCleaningState, Pause};
use super::stats::PreCleanStats;

/// A log by its topic and the number of its partition.
type Partition = (Arc<str>, i32);

/// A log that may be chosen, with what it does not know itself.
#[derive(Debug)]
pub struct CleanerCandidate<'a> {
    /// Its topic and the number of its partition.
    pub partition: Partition,
    /// The log.
    pub log: &'a mut Log,
    /// Its high watermark.
    pub high_watermark: Offset,
}

/// Why no log was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrabError {
    /// The checkpoint could not be read or written.
    Checkpoint(LogError),
    /// A log could not be looked at; it counts as uncleanable from here on.
    Log(Partition, LogError),
}

/// Which logs are cleaned, and which are not.
#[derive(Debug, Clone, Default)]
pub struct LogCleanerManager {
    states: BTreeMap<Partition, LogCleaningState>,
    uncleanable: BTreeSet<Partition>,
}

impl LogCleanerManager {
    /// What is done with a log; none if nothing is.
    #[must_use]
    pub fn cleaning_state(&self, partition: &Partition) -> Option<LogCleaningState> {
        self.states.get(partition).copied()
    }

    /// The checkpoint: where each compacted log is dirty.
    pub fn all_cleaner_checkpoints(
        &self,
        disk: &mut dyn Disk,
    ) -> Result<PartitionOffsets, LogError> {
        read_offset_checkpoint(disk, CLEANER_OFFSET_CHECKPOINT)
    }

    /// Chooses the log to clean: of those that are dirty enough, or have waited long enough, the one of which the
    /// largest part is dirty; of several the first by name. (Kafka takes any of these.) It is in progress then, until
    /// [`LogCleanerManager::done_cleaning`]. A checkpoint outside its log is set to where the
    /// segment begins in which the log starts.
    pub fn grab_filthiest_compacted_log<'a>(
        &mut self,
        disk: &mut dyn Disk,
        candidates: impl IntoIterator<Item = CleanerCandidate<'a>>,
        now_ms: i64,
        stats: &mut PreCleanStats,
        events: &mut Vec<LogEvent>,
    ) -> Result<Option<(Partition, LogToClean)>, GrabError> {
        let mut checkpoints = self.all_cleaner_checkpoints(disk).map_err(GrabError::Checkpoint)?;
        let mut filthiest: Option<(Partition, LogToClean)> = None;
        for candidate in candidates {
            if !self.is_free(&candidate.partition, candidate.log) {
                continue;
            }
            let partition = candidate.partition.clone();
            let found = match look(disk, candidate, &mut checkpoints, now_ms, events) {
                Ok((found, delay_ms)) => {
                    stats.saw_delay(delay_ms);
                    found
                }
                Err(LookError::Log(error)) => {
                    self.mark_partition_uncleanable(partition.clone());
                    return Err(GrabError::Log(partition, error));
                }
                Err(LookError::Checkpoint(error)) => return Err(GrabError::Checkpoint(error)),
            };
            let Some(found) = found else { continue };
            stats.cleanable_partitions += 1;
            let is_filthier = filthiest.as_ref().is_none_or(|(name, best)| {
                found.cmp_ratio(best).then_with(|| name.cmp(&partition)).is_gt()
            });
            if is_filthier {
                filthiest = Some((partition, found));
            }
        }
        if let Some((partition, _)) = &filthiest {
            self.states.insert(partition.clone(), LogCleaningState::InProgress);
        }
        Ok(filthiest)
    }

    fn is_free(&self, partition: &Partition, log: &Log) -> bool {
        log.config().compacted
            && !self.states.contains_key(partition)
            && !self.uncleanable.contains(partition)
    }

    /// Whether the cleaning of a log is to end with its next step.
    #[must_use]
    pub fn is_aborted(&self, partition: &Partition) -> bool {
        self.cleaning_state(partition) == Some(LogCleaningState::Aborted)
    }

    /// The cleaning of a log has ended, and the log is clean up to an offset: the checkpoint says so, unless the
    /// cleaning was aborted. Then the log is paused, and whoever waited for that may go on: answers whether somebody
    /// did. Entries of logs that do not `exist` any more go.
    ///
    /// After a cleaning that failed, or was stopped, the offset is the one where the log was dirty before.
    ///
    /// # Panics
    ///
    /// If the log is not in progress.
    pub fn done_cleaning(
        &mut self,
        disk: &mut dyn Disk,
        partition: &Partition,
        end_offset: Offset,
        exists: impl Fn(&Partition) -> bool,
    ) -> Result<bool, LogError> {
        if self.leave(partition) {
            return Ok(true);
        }
        self.update_checkpoints(disk, Some((partition, end_offset)), None, exists)?;
        Ok(false)
    }

    /// Takes the logs of which the cleaner may delete old segments: those that are compacted, whatever else, since
    /// their start may have moved. They are in progress then, until [`LogCleanerManager::done_deleting`].
    pub fn deletable_logs<'a>(
        &mut self,
        logs: impl IntoIterator<Item = (Partition, &'a Log)>,
    ) -> Vec<Partition> {
        let free = logs.into_iter().filter(|(partition, log)| self.is_free(partition, log));
        let found: Vec<Partition> = free.map(|(partition, _)| partition).collect();
        for partition in &found {
            self.states.insert(partition.clone(), LogCleaningState::InProgress);
        }
        found
    }

    /// The old segments of a log were deleted; answers whether somebody waited for that.
    ///
    /// # Panics
    ///
    /// If the log is not in progress.
    pub fn done_deleting(&mut self, partition: &Partition) -> bool {
        self.leave(partition)
    }

    /// MG-1: takes the logs that are not compacted and pauses them, so that retention may delete segments of them
    /// even if one becomes compacted meanwhile (KAFKA-7322). They are to be resumed.
    pub fn pause_cleaning_for_non_compacted_partitions<'a>(
        &mut self,
        logs: impl IntoIterator<Item = (Partition, &'a Log)>,
    ) -> Vec<Partition> {
        let free = logs.into_iter().filter(|(partition, log)| {
            !log.config().compacted && !self.states.contains_key(partition)
        });
        let found: Vec<Partition> = free.map(|(partition, _)| partition).collect();
        for partition in &found {
            self.states.insert(partition.clone(), LogCleaningState::Paused(1));
        }
        found
    }

    /// Whether a cut to `target` may reach what is cleaned: then the log is paused before, and the checkpoint set back
    /// after.
    #[must_use]
    pub fn stops_cleaner(log: &Log, target: Offset) -> bool {
        log.segment_base_offsets().next_back().is_some_and(|active| target < active)
    }

    /// Asks that a log be not cleaned until it is resumed.
    ///
    /// # Panics
    ///
    /// If somebody waits for that already.
    pub fn abort_and_pause_cleaning(&mut self, partition: &Partition) -> Pause {
        let (next, pause) = match self.cleaning_state(partition) {
            None => (LogCleaningState::Paused(1), Pause::Paused),
            Some(LogCleaningState::InProgress) => (LogCleaningState::Aborted, Pause::Aborting),
            Some(LogCleaningState::Paused(count)) => {
                (LogCleaningState::Paused(count + 1), Pause::Paused)
            }
            Some(LogCleaningState::Aborted) => {
                panic!("MG-1: the cleaning of {partition:?} is being aborted for somebody else")
            }
        };
        self.states.insert(partition.clone(), next);
        pause
    }

    /// Undoes one pause of a log.
    ///
    /// # Panics
    ///
    /// If it is not paused.
    pub fn resume_cleaning(&mut self, partition: &Partition) {
        match self.cleaning_state(partition) {
            Some(LogCleaningState::Paused(1)) => {
                self.states.remove(partition);
            }
            Some(LogCleaningState::Paused(count)) => {
                self.states.insert(partition.clone(), LogCleaningState::Paused(count - 1));
            }
            state => panic!("MG-1: {partition:?} is resumed and was not paused: {state:?}"),
        }
    }

    /// MG-3: a log was cut, and its active segment begins at an offset: nothing behind that is clean. Only for logs
    /// that are compacted.
    pub fn maybe_truncate_checkpoint(
        &mut self,
        disk: &mut dyn Disk,
        (partition, log): (&Partition, &Log),
        offset: Offset,
    ) -> Result<(), LogError> {
        if !log.config().compacted {
            return Ok(());
        }
        let mut checkpoints = self.all_cleaner_checkpoints(disk)?;
        match checkpoints.get_mut(partition) {
            Some(clean) if *clean > offset => *clean = offset,
            _ => return Ok(()),
        }
        write_offset_checkpoint(disk, CLEANER_OFFSET_CHECKPOINT, &checkpoints)
    }

    /// Writes the checkpoint with an entry more, or less, and without those of logs that do not `exist` any more.
    pub fn update_checkpoints(
        &mut self,
        disk: &mut dyn Disk,
        update: Option<(&Partition, Offset)>,
        remove: Option<&Partition>,
        exists: impl Fn(&Partition) -> bool,
    ) -> Result<(), LogError> {
        let mut checkpoints = self.all_cleaner_checkpoints(disk)?;
        checkpoints.retain(|partition, _| exists(partition) && Some(partition) != remove);
        if let Some((partition, offset)) = update {
            checkpoints.insert(partition.clone(), offset);
        }
        write_offset_checkpoint(disk, CLEANER_OFFSET_CHECKPOINT, &checkpoints)
    }

    /// The logs that could not be cleaned.
    pub fn uncleanable_partitions(&self) -> impl Iterator<Item = &Partition> {
        self.uncleanable.iter()
    }

    /// A log could not be cleaned: it is not tried again.
    pub fn mark_partition_uncleanable(&mut self, partition: Partition) {
        self.uncleanable.insert(partition);
    }

    /// Forgets the uncleanable logs that do not `exist` any more.
    pub fn maintain_uncleanable_partitions(&mut self, exists: impl Fn(&Partition) -> bool) {
        self.uncleanable.retain(|partition| exists(partition));
    }

    /// What was in progress has ended; answers whether somebody waited for that, who has it paused now.
    fn leave(&mut self, partition: &Partition) -> bool {
        match self.cleaning_state(partition) {
            Some(LogCleaningState::InProgress) => {
                self.states.remove(partition);
                false
            }
            Some(LogCleaningState::Aborted) => {
                self.states.insert(partition.clone(), LogCleaningState::Paused(1));
                true
            }
            state => panic!("MG-1: {partition:?} is left and was not in progress: {state:?}"),
        }
    }
}

/// Why a log could not be looked at.
enum LookError {
    Checkpoint(LogError),
    Log(LogError),
}

/// How dirty a log is, if it is dirty enough; and by how much its oldest record is late, in milliseconds.
fn look(
    disk: &mut dyn Disk,
    candidate: CleanerCandidate<'_>,
    checkpoints: &mut PartitionOffsets,
    now_ms: i64,
    events: &mut Vec<LogEvent>,
) -> Result<(Option<LogToClean>, i64), LookError> {
    let CleanerCandidate { partition, log, high_watermark } = candidate;
    let last_clean = checkpoints.get(&partition).copied();
    let offsets = cleanable_offsets(log, last_clean, high_watermark, now_ms, events);
    let first_dirty = offsets.first_dirty_offset;
    if offsets.force_update_checkpoint {
        checkpoints.insert(partition, base_of_start(log));
        write_offset_checkpoint(disk, CLEANER_OFFSET_CHECKPOINT, checkpoints)
            .map_err(LookError::Checkpoint)?;
    }
    let delay_ms = max_compaction_delay_ms(log, disk, first_dirty, now_ms, events);
    let delay_ms = delay_ms.map_err(LookError::Log)?;
    let uncleanable = offsets.first_uncleanable_dirty_offset;
    let found = LogToClean::new(log, first_dirty, uncleanable, delay_ms > 0);
    let is_due = found.need_compaction_now && found.cleanable_bytes > 0;
    mark::sometimes!(
        events,
        is_due,
        "max_compaction_lag_passed",
        "a log was to be cleaned because max.compaction.lag.ms had passed for a record"
    );
    let is_dirty = found.is_dirtier_than(log.config().min_cleanable_dirty_millionths);
    Ok(((is_due || is_dirty).then_some(found), delay_ms))
}
