//! The disk itself: files, names, the device behind them, and what went wrong with it.
//!
//! Holds:      everything that a crash, a clone or an audit can find; a clone shares all bytes.
//! Inputs:     calls of jobs (`access.rs`), the end of a job (`settle`), faults, crashes (`crash.rs`).
//! Invariants: DK-1 what a settled sync covered survives any crash; DK-2 equal calls and equal
//!             draws give equal disks.
//! Left out:   events: writeback is worked out when somebody looks, nothing needs to be scheduled.

use std::sync::Arc;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::access::DiskAccess;
use super::device::{Device, DiskTimes};
use super::error::DiskError;
use super::file::File;
use super::journal::{JobId, Journal, Operation};
use super::keyed::keyed;
use super::names::Names;
use super::page::{Page, Stamp};
use super::seen::DiskSeen;
use super::settings::DiskSettings;
use super::trouble::Active;
use crate::ids::FaultId;
use crate::time::{Span, Time};

/// Leads to a file of one disk without a look at its name; valid for one incarnation of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A simulated disk. Cloning it costs a count per 256 KiB at most; clones go on by themselves.
#[derive(Debug, Clone)]
pub struct Disk {
    pub(super) settings: DiskSettings,
    pub(super) key: u64,
    pub(super) files: Vec<Option<Arc<File>>>,
    pub(super) names: Names,
    pub(super) device: Device,
    pub(super) journal: Journal,
    pub(super) order: u64,
    pub(super) used: u64,
    pub(super) troubles: Vec<Active>,
    /// Faults that acted, once, and nobody was told.
    pub(super) spent: Vec<FaultId>,
    /// Until when hanging is booked, in global time.
    pub(super) hang_booked: Time,
    pub(super) errors: u64,
    /// Pages that went through the cache.
    pub(super) traffic: u64,
    /// Pages last touched before this are cold.
    pub(super) cold: u64,
    pub(super) operations: u64,
    pub(super) mark: u64,
    pub(super) observed: bool,
    pub(super) seen: Vec<DiskSeen>,
}

impl Disk {
    /// An empty disk. `key` decides its delays (draw it from the host's and the disk's name).
    #[must_use]
    pub fn new(key: u64, settings: DiskSettings) -> Self {
        Self {
            settings,
            key,
            files: Vec::new(),
            names: Names::default(),
            device: Device::new(),
            journal: Journal::default(),
            order: 0,
            used: 0,
            troubles: Vec::new(),
            spent: Vec::new(),
            hang_booked: Time::ZERO,
            errors: 0,
            traffic: 1,
            cold: 1,
            operations: 0,
            mark: 0,
            observed: false,
            seen: Vec::new(),
        }
    }

    /// The calls of `job`, which runs since `now`.
    pub fn access(&mut self, now: Time, job: JobId) -> DiskAccess<'_> {
        DiskAccess::new(self, now, job)
    }

    /// What the job has to pay for its calls so far.
    #[must_use]
    pub fn cost(&self, job: JobId) -> Span {
        self.journal.get(job).map_or(Span::ZERO, |running| running.cost.real)
    }

    /// The job's cost has elapsed: its syncs hold, and no crash tears its writes any more.
    pub fn settle(&mut self, now: Time, job: JobId) {
        let now = self.device.clock(now);
        let Some(mut running) = self.journal.leave(job) else { return };
        for entry in running.entries.drain(..) {
            self.persist(now, entry.order, entry.operation);
        }
        self.journal.recycle(running.entries);
    }

    /// What a sync was asked to make durable, is; other operations have nothing more to do. `now` is on the device's
    /// clock.
    pub(super) fn persist(&mut self, now: Time, order: u64, operation: Operation) {
        match operation {
            Operation::Synced { file, state, began } => {
                let Some(held) = self.file_mut(file) else { return };
                held.persist(&state, began, now);
                let path = Arc::clone(&held.path);
                self.see(|| DiskSeen::Synced { path });
            }
            Operation::SyncedDirectory { path } => {
                let mut orphans = Vec::new();
                self.names.sync(&path, order, &mut orphans);
                self.forget(&orphans);
                self.see(|| DiskSeen::Synced { path });
            }
            Operation::Extended { .. }
            | Operation::Overwrote { .. }
            | Operation::Cut { .. }
            | Operation::Named => {}
        }
    }

    /// Whether changes are kept for an observer; whoever turns this on must drain them.
    pub fn set_observed(&mut self, observed: bool) {
        self.observed = observed;
        self.seen.clear();
    }

    /// The changes since the last time, in order.
    pub fn drain_seen(&mut self) -> std::vec::Drain<'_, DiskSeen> {
        self.seen.drain(..)
    }

    /// A running hash over all calls and over the bytes of all reads, for the digest.
    #[must_use]
    pub fn mark(&self) -> u64 {
        self.mark
    }

    // ---- draws ----

    /// Other delays from now on, of what it holds and of what will be written.
    pub fn rekey(&mut self, salt: u64) {
        self.key = keyed(self.key, 2, salt);
        for file in self.files.iter_mut().flatten() {
            let file = Arc::make_mut(file);
            file.key = keyed(file.key, 2, salt);
        }
    }

    /// What its delays follow from, and how many device operations drew a stall.
    #[must_use]
    pub const fn draws(&self) -> (u64, u64) {
        (self.key, self.operations)
    }

    // ---- faults: see also `trouble.rs` and `harm.rs` ----

    /// An empty, healthy disk stands in its place, no faster than the old one. Only while no job of the host runs.
    /// Answers how many bytes are gone.
    pub fn wipe(&mut self, now: Time) -> u64 {
        let fresh = Self::new(keyed(self.key, 1, now.0), self.settings);
        let old = std::mem::replace(self, fresh);
        self.device = old.device;
        self.device.power_loss(self.device.clock(now));
        self.troubles = old.troubles;
        self.end_of_medium();
        self.spent = old.spent;
        self.hang_booked = old.hang_booked;
        self.errors = old.errors;
        self.operations = old.operations;
        self.mark = old.mark;
        self.observed = old.observed;
        self.seen = old.seen;
        self.see(|| DiskSeen::Wiped);
        old.used
    }

    /// Tells the observer of all that is here, as if it had been written just now in the place of what was.
    pub(crate) fn show_all(&mut self) {
        if !self.observed {
            return;
        }
        self.seen.push(DiskSeen::Wiped);
        self.seen.extend(
            self.names.directories().map(|path| DiskSeen::Created { path: Arc::clone(path) }),
        );
        for (path, len) in self.files().collect::<Vec<_>>() {
            self.seen.push(DiskSeen::Created { path: Arc::clone(&path) });
            if let Some(bytes) = self.peek(&path, 0, len) {
                self.seen.push(DiskSeen::Wrote { path, offset: 0, bytes });
            }
        }
    }

    // ---- what an outsider may look at, without cost ----

    /// Where the disk's time went until `now`.
    #[must_use]
    pub fn times(&self, now: Time) -> DiskTimes {
        self.device.times(now)
    }

    /// Calls that failed because of a fault.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// Bytes in files.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.used
    }

    /// Every file and its length, in the order of paths.
    pub fn files(&self) -> impl Iterator<Item = (Arc<str>, u64)> + '_ {
        self.names.files().filter_map(|(path, file)| {
            self.file(file).ok().map(|held| (Arc::clone(path), held.len))
        })
    }

    /// Every directory but the root, in the order of paths.
    pub fn directories(&self) -> impl Iterator<Item = &Arc<str>> + '_ {
        self.names.directories()
    }

    /// The length of a file, as its programs see it.
    #[must_use]
    pub fn peek_len(&self, path: &str) -> Option<u64> {
        self.names.file(path).and_then(|file| self.file(file).ok()).map(|held| held.len)
    }

    /// The bytes of a file, as its programs see them; fewer at its end.
    #[must_use]
    pub fn peek(&self, path: &str, offset: u64, count: u64) -> Option<Bytes> {
        let held = self.names.file(path).and_then(|file| self.file(file).ok())?;
        Some(held.read(offset, count, self.cold).bytes)
    }

    /// How many pages a power loss at `now` would have to decide about.
    #[must_use]
    pub fn unsynced_pages(&self, now: Time) -> u64 {
        let now = self.device.clock(now);
        self.count_pages(|page| page.is_awaited(now))
    }

    /// How many pages the device has otherwise than the cache, which takes them for clean.
    #[must_use]
    pub fn forgotten_pages(&self) -> u64 {
        self.count_pages(Page::is_forgotten)
    }

    fn count_pages(&self, counts: impl Fn(&Page) -> bool) -> u64 {
        let of_file = |held: &Arc<File>| {
            held.unsynced.clone().filter(|page| held.page(*page).is_some_and(&counts)).count()
                as u64
        };
        self.files.iter().flatten().map(of_file).sum()
    }

    // ---- for the other files of this folder ----

    /// A file that a name leads to.
    pub(super) fn file(&self, file: FileId) -> Result<&File, DiskError> {
        let held = self.files.get(file.0 as usize).and_then(Option::as_deref);
        held.filter(|held| held.linked).ok_or(DiskError::NotFound)
    }

    /// A file, reachable or not, to be changed.
    pub(super) fn file_mut(&mut self, file: FileId) -> Option<&mut File> {
        self.files.get_mut(file.0 as usize)?.as_mut().map(Arc::make_mut)
    }

    /// Drops files that nothing leads to any more.
    pub(super) fn forget(&mut self, orphans: &[FileId]) {
        for orphan in orphans {
            self.files[orphan.0 as usize] = None;
        }
    }

    /// The circumstances of a change at `now`, on the device's clock.
    pub(super) fn stamp(&self, now: Time) -> Stamp {
        let delay = (self.settings.writeback_min, self.settings.writeback_max);
        let device_free = self.device.free_at();
        Stamp { now, device_free, delay, traffic: self.traffic, cold: self.cold }
    }

    /// The next number in the common order of operations.
    pub(super) fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// Tells the observer, if there is one.
    pub(super) fn see(&mut self, what: impl FnOnce() -> DiskSeen) {
        if self.observed {
            self.seen.push(what());
        }
    }

    /// Chains a call into the mark.
    pub(super) fn mark_call(&mut self, kind: u64, place: u64, size: u64) {
        self.mark = keyed(self.mark ^ kind, place, size);
    }

    /// Chains bytes that a program has read into the mark.
    pub(super) fn mark_bytes(&mut self, bytes: &[u8]) {
        self.mark = xxh3_64_with_seed(bytes, self.mark);
    }
}
