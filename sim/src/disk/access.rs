//! The calls that a program makes on a disk, within one job.
//!
//! In Kafka:   `FileChannel`, `Files`, `Utils.flushDir`.
//! Holds:      nothing; lends the disk to a job, and books every call on it.
//! Invariants: AC-1 a call has its effect at once, its cost is paid by the job, and until the job
//!             is settled a crash may take the effect back; AC-2 a failed call changes nothing.

use std::sync::Arc;

use bytes::Bytes;

use super::error::DiskError;
use super::file::File;
use super::journal::{Entry, JobId, Operation};
use super::keyed::keyed;
use super::model::{Disk, FileId};
use super::names::{NameChange, parent};
use super::page::PAGE_BYTES;
use super::queue::{Kind, Work};
use super::scope::DiskCall;
use super::seen::DiskSeen;
use crate::time::{Span, Time};

/// A disk in the hands of a job.
#[derive(Debug)]
pub struct DiskAccess<'a> {
    disk: &'a mut Disk,
    /// On the device's clock.
    now: Time,
    place: usize,
}

impl<'a> DiskAccess<'a> {
    pub(super) fn new(disk: &'a mut Disk, now: Time, job: JobId) -> Self {
        let place = disk.journal.enter(job, now);
        let now = disk.device.clock(now);
        Self { disk, now, place }
    }

    /// What the job has to pay for its calls on this disk so far.
    #[must_use]
    pub fn cost(&mut self) -> Span {
        self.disk.journal.at(self.place).cost.real
    }

    // ---- files ----

    /// The file at `path`; with `create`, an empty one is made if there is none.
    pub fn open(&mut self, path: &str, create: bool) -> Result<FileId, DiskError> {
        self.alive()?;
        self.pay(self.disk.settings.call_cost);
        if let Some(file) = self.disk.names.file(path) {
            return Ok(file);
        }
        if self.disk.names.is_directory(path) {
            return Err(DiskError::IsADirectory);
        }
        if !create {
            return Err(DiskError::NotFound);
        }
        self.parent_exists(path)?;
        let path: Arc<str> = Arc::from(path);
        let file = FileId(u32::try_from(self.disk.files.len()).expect("fewer than 2^32 files"));
        let key = keyed(self.disk.key, u64::from(file.0), hash(&path));
        self.disk.files.push(Some(Arc::new(File::new(Arc::clone(&path), key))));
        self.change_names(NameChange::Created { path: Arc::clone(&path), file });
        self.disk.see(|| DiskSeen::Created { path });
        Ok(file)
    }

    /// The length of a file.
    pub fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.alive()?;
        Ok(self.disk.file(file)?.len)
    }

    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    pub fn read(&mut self, file: FileId, offset: u64, count: u64) -> Result<Bytes, DiskError> {
        self.moves_bytes(DiskCall::Read, file)?;
        let cold = self.disk.cold;
        let held = self.disk.file(file)?;
        let found = held.read(offset, count, cold);
        let size = found.bytes.len() as u64;
        self.pay(self.disk.settings.copy(size));
        if found.cold_pages > 0 {
            self.disk.traffic += found.cold_pages;
            let traffic = self.disk.traffic;
            if let Some(held) = self.disk.file_mut(file) {
                held.warm(offset, count, cold, traffic);
            }
            self.age_cache();
            let transfer = self.disk.settings.transfer(found.cold_pages * PAGE_BYTES);
            let latency = self.disk.settings.cold_read_latency.0;
            self.work(Work { kind: Kind::Ahead, other: latency, transfer });
        }
        let bytes = self.disk.misread(file, offset, found.bytes);
        self.disk.mark_bytes(&bytes);
        Ok(bytes)
    }

    /// Writes `bytes` at the end of a file; answers where they begin.
    pub fn append(&mut self, file: FileId, bytes: Bytes) -> Result<u64, DiskError> {
        let offset = self.disk.file(file)?.len;
        self.write(file, offset, bytes)?;
        Ok(offset)
    }

    /// Writes `bytes` at `offset`; what lies between the end and there reads as zero.
    pub fn write(&mut self, file: FileId, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.moves_bytes(DiskCall::Write, file)?;
        let size = bytes.len() as u64;
        let old_len = self.disk.file(file)?.len;
        let end = offset + size;
        if size == 0 {
            return Ok(());
        }
        self.take_room(end.saturating_sub(old_len))?;
        let operation = if offset >= old_len {
            Operation::Extended { file, old_len, offset, end }
        } else {
            let old = self.disk.file(file)?.read(offset, size, self.disk.cold).bytes.to_vec();
            Operation::Overwrote { file, old_len, offset, end, old }
        };
        self.record(operation);
        self.write_behind(file, offset, size);
        self.pay(self.disk.settings.copy(size));
        self.disk.traffic += end.div_ceil(PAGE_BYTES) - offset / PAGE_BYTES;
        self.age_cache();
        let stamp = self.disk.stamp(self.now);
        let held = self.disk.file_mut(file).ok_or(DiskError::NotFound)?;
        held.write(offset, &bytes, &stamp);
        self.disk.misdirect(self.now, file, offset..end);
        self.disk.mark_call(1, offset, size);
        if self.disk.observed {
            let path = Arc::clone(&self.disk.file(file)?.path);
            self.disk.seen.push(DiskSeen::Wrote { path, offset, bytes });
        }
        Ok(())
    }

    /// Cuts a file to `len`, or extends it with zeros.
    pub fn truncate(&mut self, file: FileId, len: u64) -> Result<(), DiskError> {
        self.moves_bytes(DiskCall::Write, file)?;
        let held = self.disk.file(file)?;
        let old_len = held.len;
        let operation = if len >= old_len {
            Operation::Extended { file, old_len, offset: old_len, end: len }
        } else {
            let tail = held.read(len, old_len - len, self.disk.cold).bytes.to_vec();
            Operation::Cut { file, len, tail }
        };
        self.take_room(len.saturating_sub(old_len))?;
        self.disk.used -= old_len.saturating_sub(len);
        self.record(operation);
        self.metadata();
        let stamp = self.disk.stamp(self.now);
        let held = self.disk.file_mut(file).ok_or(DiskError::NotFound)?;
        held.truncate(len, &stamp);
        let path = Arc::clone(&held.path);
        self.disk.mark_call(2, len, old_len);
        self.disk.see(|| DiskSeen::Truncated { path, len });
        Ok(())
    }

    /// Makes the bytes and the length of a file durable, once the job is settled. Not its name.
    pub fn sync(&mut self, file: FileId) -> Result<(), DiskError> {
        self.disk.file(file)?;
        self.moves_bytes(DiskCall::Sync, file)?;
        let state = self.disk.files[file.0 as usize].clone().ok_or(DiskError::NotFound)?;
        self.record(Operation::Synced { file, state, began: self.now });
        self.pay(self.disk.settings.call_cost);
        let other = self.disk.settings.sync_latency.0 + self.stall();
        self.work(Work { kind: Kind::Drain, other, transfer: 0 });
        self.disk.mark_call(3, u64::from(file.0), 0);
        Ok(())
    }

    // ---- names ----

    /// Makes the names in a directory durable, and its own, once the job is settled.
    pub fn sync_dir(&mut self, directory: &str) -> Result<(), DiskError> {
        let refusal = self.disk.refuses_at(DiskCall::Sync, directory);
        self.refused(refusal)?;
        self.directory_exists(directory)?;
        self.record(Operation::SyncedDirectory { path: Arc::from(directory) });
        self.pay(self.disk.settings.call_cost);
        let other = self.disk.settings.sync_latency.0 + self.stall();
        self.work(Work { kind: Kind::Ahead, other, transfer: 0 });
        self.disk.mark_call(4, hash(directory), 0);
        Ok(())
    }

    /// Gives a file another name, replacing what stood there; or a directory, if nothing does.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.alive()?;
        self.parent_exists(to)?;
        if from == to && self.exists(from) {
            return Ok(());
        }
        let (from, to): (Arc<str>, Arc<str>) = (Arc::from(from), Arc::from(to));
        if let Some(file) = self.disk.names.file(&from) {
            if self.disk.names.is_directory(&to) {
                return Err(DiskError::IsADirectory);
            }
            let replaced = self.disk.names.file(&to);
            let change = NameChange::Renamed {
                from: Arc::clone(&from),
                to: Arc::clone(&to),
                file,
                replaced,
            };
            self.change_names(change);
            self.disk.link(file, Some(&to));
            if let Some(replaced) = replaced {
                self.disk.link(replaced, None);
            }
        } else if self.disk.names.is_directory(&from) && !from.is_empty() {
            if self.disk.names.file(&to).is_some() {
                return Err(DiskError::NotADirectory);
            }
            if self.disk.names.is_directory(&to) || to.starts_with(&format!("{from}/")) {
                return Err(DiskError::NotEmpty);
            }
            let change =
                NameChange::DirectoryRenamed { from: Arc::clone(&from), to: Arc::clone(&to) };
            self.change_names(change);
            self.disk.relink_below(&to);
        } else {
            return Err(DiskError::NotFound);
        }
        self.disk.see(|| DiskSeen::Renamed { from, to });
        Ok(())
    }

    /// Removes a file, or an empty directory. Handles of the file are void from now on.
    pub fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        self.alive()?;
        let shared: Arc<str> = Arc::from(path);
        if let Some(file) = self.disk.names.file(path) {
            self.change_names(NameChange::Removed { path: Arc::clone(&shared), file });
            self.disk.link(file, None);
        } else if self.disk.names.is_directory(path) && !path.is_empty() {
            if !self.disk.names.list(path).is_empty() {
                return Err(DiskError::NotEmpty);
            }
            self.change_names(NameChange::DirectoryRemoved { path: Arc::clone(&shared) });
        } else {
            return Err(DiskError::NotFound);
        }
        self.disk.see(|| DiskSeen::Removed { path: shared });
        Ok(())
    }

    /// The names in a directory, sorted; files and directories alike.
    pub fn list(&mut self, directory: &str) -> Result<Vec<String>, DiskError> {
        self.alive()?;
        self.directory_exists(directory)?;
        self.metadata();
        let names = self.disk.names.list(directory);
        for name in &names {
            self.disk.mark_bytes(name.as_bytes());
        }
        Ok(names)
    }

    /// Makes a directory; its parent must be there.
    pub fn create_dir(&mut self, path: &str) -> Result<(), DiskError> {
        self.alive()?;
        if self.exists(path) {
            return Err(DiskError::AlreadyExists);
        }
        self.parent_exists(path)?;
        let path: Arc<str> = Arc::from(path);
        self.change_names(NameChange::DirectoryCreated { path: Arc::clone(&path) });
        self.disk.see(|| DiskSeen::Created { path });
        Ok(())
    }

    /// Whether a file or a directory has this path.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.disk.names.file(path).is_some() || self.disk.names.is_directory(path)
    }

    /// Whether a directory has this path.
    #[must_use]
    pub fn is_directory(&self, path: &str) -> bool {
        self.disk.names.is_directory(path)
    }

    // ---- what the calls share ----

    fn alive(&mut self) -> Result<(), DiskError> {
        self.disk.refuses_all().map_or(Ok(()), Err)
    }

    /// Whether a call that moves bytes gets through; a sync that does not forgets its pages.
    fn moves_bytes(&mut self, call: DiskCall, file: FileId) -> Result<(), DiskError> {
        let refusal = self.disk.refuses(self.now, call, file);
        self.refused(refusal)
    }

    fn refused(&mut self, refusal: Option<DiskError>) -> Result<(), DiskError> {
        let Some(error) = refusal else { return Ok(()) };
        if error == DiskError::Io {
            self.pay(self.disk.settings.call_cost);
        }
        Err(error)
    }

    /// Room for so many bytes more, all of them or none.
    fn take_room(&mut self, more: u64) -> Result<(), DiskError> {
        let used = self.disk.used + more;
        if more > 0 && self.disk.refuses_growth() || used > self.disk.settings.capacity_bytes {
            self.disk.errors += 1;
            return Err(DiskError::Full);
        }
        self.disk.used = used;
        Ok(())
    }

    fn directory_exists(&self, path: &str) -> Result<(), DiskError> {
        if self.disk.names.is_directory(path) {
            return Ok(());
        }
        let file = self.disk.names.file(path);
        Err(file.map_or(DiskError::NotFound, |_| DiskError::NotADirectory))
    }

    fn parent_exists(&self, path: &str) -> Result<(), DiskError> {
        self.directory_exists(parent(path))
    }

    fn change_names(&mut self, change: NameChange) {
        let mut orphans = Vec::new();
        self.disk.names.retire(self.now, &mut orphans);
        self.disk.forget(&orphans);
        let order = self.record(Operation::Named);
        let due = self.disk.stamp(self.now).date(self.disk.key, order);
        self.disk.names.apply(change, order, due);
        self.metadata();
        self.disk.mark_call(5, order, 0);
    }

    fn record(&mut self, operation: Operation) -> u64 {
        let order = self.disk.next_order();
        self.disk.journal.at(self.place).entries.push(Entry { order, operation });
        order
    }

    fn metadata(&mut self) {
        self.work(Work::ahead(self.disk.settings.metadata_latency));
    }

    fn pay(&mut self, length: Span) {
        self.disk.journal.at(self.place).cost.add(length);
    }

    /// Gives the device an operation.
    fn work(&mut self, work: Work) {
        self.charge(work.at_least(self.disk.settings.operation()));
    }

    fn charge(&mut self, work: Work) {
        let cost = &mut self.disk.journal.at(self.place).cost;
        self.disk.device.charge(self.now, cost, work);
    }

    /// A write for later. If all its pages are dirty already, it goes along with the operation that writes them.
    fn write_behind(&mut self, file: FileId, offset: u64, size: u64) {
        let work = Work::write_behind(&self.disk.settings, size);
        let operation = self.disk.settings.operation();
        let pages = offset / PAGE_BYTES..(offset + size).div_ceil(PAGE_BYTES);
        let joins = |held: &File| {
            let dirty = |page| held.page(page).is_some_and(|held| held.is_awaited(self.now));
            pages.clone().all(dirty)
        };
        if operation == 0 || self.disk.file(file).is_ok_and(joins) {
            self.charge(work);
        } else {
            self.charge(work.at_least(operation));
        }
    }

    /// The stall of this device operation, mostly none.
    fn stall(&mut self) -> u64 {
        let settings = &self.disk.settings;
        if settings.stall_ppm == 0 {
            return 0;
        }
        self.disk.operations += 1;
        let draw = keyed(self.disk.key, self.disk.operations, 0);
        let hit = draw % 1_000_000 < u64::from(settings.stall_ppm);
        if !hit {
            return 0;
        }
        let length = (draw >> 24) % (settings.stall_max.0 + 1);
        self.disk.device.stalled(Span(length));
        length
    }

    fn age_cache(&mut self) {
        let held = self.disk.settings.cache_bytes / PAGE_BYTES;
        self.disk.cold = self.disk.cold.max(self.disk.traffic.saturating_sub(held));
    }
}

impl Disk {
    /// A file's name changed or vanished.
    pub(super) fn link(&mut self, file: FileId, path: Option<&Arc<str>>) {
        let freed = self.file_mut(file).map_or(0, |held| {
            let before = held.linked;
            held.linked = path.is_some();
            if let Some(path) = path {
                held.path = Arc::clone(path);
            }
            if before && path.is_none() { held.len } else { 0 }
        });
        self.used -= freed;
    }

    /// The names of everything below a directory changed.
    pub(super) fn relink_below(&mut self, directory: &str) {
        for (path, file) in self.names.files_below(directory) {
            self.link(file, Some(&path));
        }
    }
}

/// A number for a name.
fn hash(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}
