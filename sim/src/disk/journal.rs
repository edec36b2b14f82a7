//! What the jobs that have not finished yet did to a disk, so that a crash can take it back.
//!
//! Holds:      per running job its operations in order, and what it has to pay.
//! Invariants: JR-1 operations of all jobs carry one common order, and are undone backwards in it.

use std::sync::Arc;

use super::device::Cost;
use super::file::File;
use super::model::FileId;
use crate::ids::FaultId;
use crate::time::Time;

/// Names a running job of the host; unique among those that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// One operation and what is needed to take it back.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    /// Bytes `offset..end` were written at or beyond `old_len`, the end of the file.
    Extended { file: FileId, old_len: u64, offset: u64, end: u64 },
    /// Bytes `offset..end` were written over `old`, and perhaps beyond.
    Overwrote { file: FileId, old_len: u64, offset: u64, end: u64, old: Vec<u8> },
    /// The file was cut to `len`; `tail` is what stood there.
    Cut { file: FileId, len: u64, tail: Vec<u8> },
    /// A name changed.
    Named,
    /// A file is to be durable as it was at `began`, on the device's clock.
    Synced { file: FileId, state: Arc<File>, began: Time },
    /// A directory is to be durable as it was.
    SyncedDirectory { path: Arc<str> },
}

impl Operation {
    /// Whether it changes nothing but what a power loss may take.
    pub fn is_sync(&self) -> bool {
        matches!(self, Self::Synced { .. } | Self::SyncedDirectory { .. })
    }
}

/// An operation in the common order.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub order: u64,
    pub operation: Operation,
}

/// One running job.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub job: JobId,
    pub entries: Vec<Entry>,
    pub cost: Cost,
    /// When it first touched the disk, in global time.
    pub began: Time,
    /// The hang that is known to hold it.
    pub held_by: Option<FaultId>,
}

/// All running jobs of a host that have touched a disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal {
    running: Vec<Running>,
    /// Room kept from finished jobs.
    spare: Vec<Vec<Entry>>,
}

impl Journal {
    /// Where the job stands; begins it if it is new.
    pub fn enter(&mut self, job: JobId, began: Time) -> usize {
        if let Some(at) = self.running.iter().rposition(|running| running.job == job) {
            return at;
        }
        let entries = self.spare.pop().unwrap_or_default();
        let cost = Cost::default();
        self.running.push(Running { job, entries, cost, began, held_by: None });
        self.running.len() - 1
    }

    /// The job at a place that `enter` answered.
    pub fn at(&mut self, place: usize) -> &mut Running {
        &mut self.running[place]
    }

    /// The job, if it has touched the disk.
    pub fn get(&self, job: JobId) -> Option<&Running> {
        self.running.iter().find(|running| running.job == job)
    }

    /// All running jobs.
    pub fn running_mut(&mut self) -> impl Iterator<Item = &mut Running> {
        self.running.iter_mut()
    }

    /// Ends a job.
    pub fn leave(&mut self, job: JobId) -> Option<Running> {
        let at = self.running.iter().position(|running| running.job == job)?;
        Some(self.running.swap_remove(at))
    }

    /// Ends all jobs, in the order of their ids.
    pub fn leave_all(&mut self) -> Vec<Running> {
        let mut all = std::mem::take(&mut self.running);
        all.sort_unstable_by_key(|running| running.job);
        all
    }

    /// Keeps the room of a finished job's list.
    pub fn recycle(&mut self, mut entries: Vec<Entry>) {
        entries.clear();
        if self.spare.len() < 16 {
            self.spare.push(entries);
        }
    }
}
