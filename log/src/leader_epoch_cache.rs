//! Knows where each leader's records begin: the lineage that truncation is decided by.
//!
//! In Kafka:   `LeaderEpochFileCache`, `LeaderEpochCheckpointFile`; KIP-101, KIP-279, KIP-320.
//! Holds:      (epoch, first offset) entries; the file `leader-epoch-checkpoint` holds them too.
//! Invariants: epochs and offsets both rise strictly. The file never misses an entry, since an assignment writes
//!             it at once; after a truncation it may hold too many until it is written again.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::checkpoint::{parse_lines, write_lines};
use crate::disk::{Disk, DiskError, read_file, replace_file};
use crate::error::LogError;
use crate::{LeaderEpoch, Offset};

const FILE: &str = "leader-epoch-checkpoint";

/// Where the records of one leader begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEntry {
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// Its first offset.
    pub start_offset: Offset,
}

/// Up to where a leader's records reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The largest epoch not beyond the one that was asked for.
    pub leader_epoch: LeaderEpoch,
    /// The offset after its last record.
    pub end_offset: Offset,
}

/// The epochs of one log and where each begins.
#[derive(Debug, Clone)]
pub struct LeaderEpochCache {
    path: Arc<str>,
    entries: BTreeMap<LeaderEpoch, Offset>,
}

impl LeaderEpochCache {
    /// Reads the checkpoint in a log's folder; empty if there is none.
    pub fn load(disk: &mut dyn Disk, folder: &str) -> Result<Self, LogError> {
        let path: Arc<str> = format!("{folder}/{FILE}").into();
        let mut cache = Self { path: Arc::clone(&path), entries: BTreeMap::new() };
        let Some(contents) = read_file(disk, &path)? else {
            return Ok(cache);
        };
        let entries = parse_lines(&contents, &path, |line| {
            let mut words = line.split_whitespace();
            let leader_epoch = words.next()?.parse().ok().map(LeaderEpoch)?;
            let start_offset = words.next()?.parse().ok().map(Offset)?;
            let legal = leader_epoch.0 >= 0 && start_offset.0 >= 0 && words.next().is_none();
            legal.then_some((leader_epoch, start_offset))
        })?;
        for (leader_epoch, start_offset) in entries {
            cache.enter(leader_epoch, start_offset);
        }
        cache.invariants();
        Ok(cache)
    }

    /// Enters an epoch, unless it is the latest one already; writes the checkpoint. Answers whether it was entered.
    ///
    /// Entries that do not lie below the new one, in epoch and in offset, go: the new leader's word counts.
    pub fn assign(
        &mut self,
        disk: &mut dyn Disk,
        leader_epoch: LeaderEpoch,
        start_offset: Offset,
    ) -> Result<bool, DiskError> {
        let entered = self.enter(leader_epoch, start_offset);
        if entered {
            self.write(disk)?;
        }
        Ok(entered)
    }

    /// The latest epoch.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.latest_entry().map(|entry| entry.leader_epoch)
    }

    /// The latest epoch and where it begins.
    #[must_use]
    pub fn latest_entry(&self) -> Option<EpochEntry> {
        self.entries.last_key_value().map(entry)
    }

    /// The earliest epoch and where it begins.
    #[must_use]
    pub fn earliest_entry(&self) -> Option<EpochEntry> {
        self.entries.first_key_value().map(entry)
    }

    /// The latest epoch below this one.
    #[must_use]
    pub fn previous_epoch(&self, leader_epoch: LeaderEpoch) -> Option<LeaderEpoch> {
        self.entries.range(..leader_epoch).next_back().map(|(&epoch, _)| epoch)
    }

    /// All entries in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = EpochEntry> + '_ {
        self.entries.iter().map(entry)
    }

    /// Up to where an epoch's records reach, and which epoch that is.
    ///
    /// The latest epoch ends where the log does. An unknown one ends where the next larger one begins, and stands
    /// for the largest one below it, or for itself if there is none. None (Kafka's "undefined") for an epoch beyond
    /// the latest one, and for no epoch at all.
    #[must_use]
    pub fn end_offset_for(
        &self,
        leader_epoch: LeaderEpoch,
        log_end_offset: Offset,
    ) -> Option<EpochEndOffset> {
        if leader_epoch == LeaderEpoch::NONE {
            return None;
        }
        if self.latest_epoch() == Some(leader_epoch) {
            return Some(EpochEndOffset { leader_epoch, end_offset: log_end_offset });
        }
        let (_, &end_offset) = self.entries.range(leader_epoch.next()..).next()?;
        let floor = self.entries.range(..=leader_epoch).next_back();
        let leader_epoch = floor.map_or(leader_epoch, |(&floor, _)| floor);
        Some(EpochEndOffset { leader_epoch, end_offset })
    }

    /// The epoch whose leader wrote this offset.
    #[must_use]
    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.entries()
            .take_while(|entry| entry.start_offset <= offset)
            .last()
            .map(|e| e.leader_epoch)
    }

    /// Forgets the epochs that begin at `end_offset` or later; answers how many. The file is written later.
    pub fn truncate_from_end(&mut self, end_offset: Offset) -> usize {
        let before = self.entries.len();
        if end_offset >= Offset::ZERO {
            self.entries.retain(|_, start_offset| *start_offset < end_offset);
        }
        self.invariants();
        before - self.entries.len()
    }

    /// Forgets the epochs that end at `start_offset` or earlier, and lets the one it lies in begin there.
    /// Answers how many entries changed or went. The file is written later.
    pub fn truncate_from_start(&mut self, start_offset: Offset) -> usize {
        let below: Vec<LeaderEpoch> = self
            .entries()
            .take_while(|entry| entry.start_offset <= start_offset)
            .map(|entry| entry.leader_epoch)
            .collect();
        let Some((&last, gone)) = below.split_last() else {
            return 0;
        };
        for epoch in gone {
            self.entries.remove(epoch);
        }
        self.entries.insert(last, start_offset);
        self.invariants();
        below.len()
    }

    /// Forgets all epochs and writes the checkpoint.
    pub fn clear(&mut self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        self.entries.clear();
        self.write(disk)
    }

    /// Writes the checkpoint: a file beside it, synced, renamed over it, the folder synced.
    pub fn write(&self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        let lines =
            self.entries().map(|entry| format!("{} {}", entry.leader_epoch, entry.start_offset));
        replace_file(disk, &self.path, Bytes::from(write_lines(lines)))
    }

    fn enter(&mut self, leader_epoch: LeaderEpoch, start_offset: Offset) -> bool {
        assert!(leader_epoch.0 >= 0, "an epoch is not negative: {leader_epoch}");
        assert!(start_offset.0 >= 0, "an offset is not negative: {start_offset}");
        let needed = self.latest_entry().is_none_or(|latest| {
            latest.leader_epoch != leader_epoch || start_offset < latest.start_offset
        });
        if !needed {
            return false;
        }
        while let Some(latest) = self.latest_entry() {
            let below = latest.leader_epoch < leader_epoch && latest.start_offset < start_offset;
            if below {
                break;
            }
            self.entries.remove(&latest.leader_epoch);
        }
        self.entries.insert(leader_epoch, start_offset);
        self.invariants();
        true
    }

    fn invariants(&self) {
        let rising = self.entries.values().is_sorted_by(|earlier, later| earlier < later);
        assert!(rising, "offsets rise with epochs: {:?}", self.entries);
    }
}

fn entry((&leader_epoch, &start_offset): (&LeaderEpoch, &Offset)) -> EpochEntry {
    EpochEntry { leader_epoch, start_offset }
}
