//! What a crash leaves of a disk, and the report of what it took.
//!
//! In Kafka:   nothing promises more than this below `log.flush.*` and `RecordBatch` checksums.
//! Invariants: CR-1 a process crash only takes operations of unfinished jobs, per job from some
//!             operation on, that one partially; CR-2 a power loss moreover decides for every
//!             unsynced page on its own; CR-3 what was synced stays; CR-4 within a job no operation
//!             outlives a crash that a sync before it did not (written, synced, renamed: never torn).

use std::sync::Arc;

use super::file::{File, index};
use super::journal::Operation;
use super::model::{Disk, FileId};
use super::names::NameChange;
use super::page::{Due, PAGE_BYTES, PageBytes, SECTOR_BYTES, Stamp, difference, tear};
use super::settings::PowerLossOdds;
use crate::random::Stream;
use crate::seen::CrashKind;
use crate::time::Time;

/// A file that reads differently after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDamage {
    /// Its path when the host crashed.
    pub path: Arc<str>,
    /// Its length before.
    pub len_before: u64,
    /// Its length after.
    pub len_after: u64,
    /// The first byte that changed or vanished; all before read as ever.
    pub first_changed: u64,
}

/// What a crash did to a disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiskCrash {
    /// Operations of unfinished jobs that never happened.
    pub operations_undone: u64,
    /// Writes of unfinished jobs that happened in part.
    pub writes_torn: u64,
    /// Syncs that did not come to their end.
    pub syncs_dropped: u64,
    /// Unsynced pages that made it to the device nevertheless.
    pub pages_kept: u64,
    /// Unsynced pages that fell back to what was durable.
    pub pages_lost: u64,
    /// Unsynced pages of which some sectors made it.
    pub pages_torn: u64,
    /// Bytes that changed or vanished.
    pub bytes_lost: u64,
    /// Creations, removals and renames undone, the latest first.
    pub names_undone: Vec<NameChange>,
    /// Files that read differently now, in the order of their handles.
    pub files: Vec<FileDamage>,
}

impl DiskCrash {
    /// Whether the disk reads as if nothing had happened.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        self.files.is_empty() && self.names_undone.is_empty()
    }

    fn damaged(&mut self, damage: FileDamage) {
        match self.files.iter_mut().find(|known| known.path == damage.path) {
            Some(known) => {
                known.len_after = damage.len_after;
                known.first_changed = known.first_changed.min(damage.first_changed);
            }
            None => self.files.push(damage),
        }
    }
}

impl Disk {
    /// The host crashes: tears what its jobs had not finished, and with the power more than that.
    pub fn crash(&mut self, now: Time, kind: CrashKind, draws: &mut Stream) -> DiskCrash {
        self.book_hang(now);
        let now = self.device.clock(now);
        let mut report = DiskCrash::default();
        self.tear_jobs(now, draws, &mut report);
        if kind == CrashKind::PowerLoss {
            self.device.power_loss(now);
            let cold = self.cold;
            self.traffic += 1;
            self.cold = self.traffic;
            self.lose_pages(now, cold, draws, &mut report);
            self.lose_names(now, draws, &mut report);
        }
        self.used = self.files().map(|(_, len)| len).sum();
        report
    }

    /// Per job some operations happened, the next one partially, the rest never. A sync that another operation
    /// follows had come to its end before that one began; the last operation of a job never has. What another job
    /// built on must have happened, and then all that its job did before it (CR-4).
    fn tear_jobs(&mut self, now: Time, draws: &mut Stream, report: &mut DiskCrash) {
        let mut undo = Vec::new();
        let mut jobs = Vec::new();
        for running in self.journal.leave_all() {
            let count = running.entries.len() as u64;
            let happened = draws.below(count + 1);
            for (place, entry) in (0_u64..).zip(running.entries) {
                let operation = entry.operation;
                if place >= happened || operation.is_sync() && place + 1 == count {
                    undo.push((entry.order, jobs.len(), place, operation));
                } else if operation.is_sync() {
                    self.persist(now, entry.order, operation);
                }
            }
            jobs.push((happened, happened));
        }
        undo.sort_unstable_by_key(|(order, ..)| std::cmp::Reverse(*order));
        for (order, job, place, operation) in undo {
            let (drawn, happened) = &mut jobs[job];
            if operation.is_sync() {
                if place < *happened && *drawn < *happened {
                    self.persist(now, order, operation);
                } else {
                    report.syncs_dropped += 1;
                }
                continue;
            }
            if place < *happened {
                continue;
            }
            let partial = (place == *drawn).then_some(&mut *draws);
            if !self.undo(now, order, operation, partial, report) {
                *happened = place + 1;
            }
        }
    }

    /// Takes one operation back; with draws, a write keeps some of its first bytes. False if it must have happened.
    fn undo(
        &mut self,
        now: Time,
        order: u64,
        operation: Operation,
        draws: Option<&mut Stream>,
        report: &mut DiskCrash,
    ) -> bool {
        let stamp = self.stamp(now);
        let damage = match operation {
            Operation::Extended { file, old_len, offset, end } => {
                let kept = draws.map_or(0, |draws| draws.below(end - offset + 1));
                if kept == end - offset {
                    return true;
                }
                report.writes_torn += u64::from(kept > 0);
                report.bytes_lost += end - offset - kept;
                let first = if kept == 0 { old_len } else { offset + kept };
                self.damage(file, first, |held| held.take_back(first, end, &stamp))
            }
            Operation::Overwrote { file, old_len, offset, end, old } => {
                let kept = draws.map_or(0, |draws| draws.below(end - offset + 1));
                if kept == end - offset {
                    return true;
                }
                report.writes_torn += u64::from(kept > 0);
                report.bytes_lost += end - offset - kept;
                let first = offset + kept;
                self.damage(file, first, |held| {
                    if end > old_len {
                        held.take_back(first.max(old_len), end, &stamp);
                    }
                    let restored = old.get(index(kept)..).unwrap_or_default();
                    held.write(first, restored, &stamp);
                })
            }
            Operation::Cut { file, len, tail } => {
                self.damage(file, len, |held| held.write(len, &tail, &stamp))
            }
            Operation::Named => {
                let Some(change) = self.names.undo(order) else { return false };
                self.reverted(&change);
                report.names_undone.push(change);
                None
            }
            Operation::Synced { .. } | Operation::SyncedDirectory { .. } => None,
        };
        report.operations_undone += 1;
        if let Some(damage) = damage {
            report.damaged(damage);
        }
        true
    }

    fn damage(
        &mut self,
        file: FileId,
        first: u64,
        change: impl FnOnce(&mut File),
    ) -> Option<FileDamage> {
        let held = self.file_mut(file)?;
        let len_before = held.len;
        change(held);
        Some(FileDamage {
            path: Arc::clone(&held.path),
            len_before,
            len_after: held.len,
            first_changed: first,
        })
    }

    /// Follows an undone change of names: which files are reachable, and how they are called.
    fn reverted(&mut self, change: &NameChange) {
        match change {
            NameChange::Created { file, .. } => self.forget(&[*file]),
            NameChange::Removed { path, file } => self.link(*file, Some(path)),
            NameChange::Renamed { from, to, file, replaced } => {
                self.link(*file, Some(from));
                if let Some(replaced) = replaced {
                    self.link(*replaced, Some(to));
                }
            }
            NameChange::DirectoryRenamed { from, .. } => self.relink_below(from),
            NameChange::DirectoryCreated { .. } | NameChange::DirectoryRemoved { .. } => {}
        }
    }

    fn lose_pages(&mut self, now: Time, cold: u64, draws: &mut Stream, report: &mut DiskCrash) {
        let odds = self.settings.power_loss;
        for held in self.files.iter_mut().flatten() {
            if held.unsynced.is_empty() && !held.len_due.is_pending(now) {
                continue;
            }
            if let Some(damage) = Arc::make_mut(held).power_loss(now, cold, odds, draws, report) {
                report.files.retain(|known| known.path != damage.path);
                report.files.push(damage);
            }
        }
    }

    fn lose_names(&mut self, now: Time, draws: &mut Stream, report: &mut DiskCrash) {
        let (undone, orphans) = self.names.power_loss(now, draws);
        self.forget(&orphans);
        for change in &undone {
            self.reverted(change);
        }
        report.names_undone.extend(undone);
    }
}

impl File {
    /// Takes bytes `from..end` back: cuts them off at the end of the file, zeroes them within.
    fn take_back(&mut self, from: u64, end: u64, stamp: &Stamp) {
        if self.len <= end {
            self.truncate(from.min(self.len), stamp);
        } else {
            self.write(from, &vec![0; index(end - from)], stamp);
        }
    }

    /// Decides for every unsynced page and for the length what the device holds. Pages that were
    /// last touched before `cold` were cold before.
    fn power_loss(
        &mut self,
        now: Time,
        cold: u64,
        odds: PowerLossOdds,
        draws: &mut Stream,
        report: &mut DiskCrash,
    ) -> Option<FileDamage> {
        let len_before = self.len;
        let mut first_changed = u64::MAX;
        let mut kept_until = 0;
        for page in self.unsynced.clone() {
            let Some(held) = self.page(page).filter(|held| held.is_dirty(now)) else { continue };
            let shown = held.seen(cold).clone();
            let Some((from, to)) = difference(&shown, &held.durable) else {
                let held = self.page_mut(page);
                held.bring_in(u64::MAX);
                held.clean();
                continue;
            };
            let (bytes, fate) = if held.is_forgotten() {
                (held.durable.clone(), Fate::Lost)
            } else {
                decide(&shown, &held.durable, (from, to), odds, draws)
            };
            if let Some((from, to)) = difference(&shown, &bytes) {
                first_changed = first_changed.min(page * PAGE_BYTES + from as u64);
                report.bytes_lost += (to - from) as u64;
            }
            match fate {
                Fate::Kept => report.pages_kept += 1,
                Fate::Lost => report.pages_lost += 1,
                Fate::Torn => report.pages_torn += 1,
            }
            if fate != Fate::Lost {
                kept_until = (page + 1) * PAGE_BYTES;
            }
            let held = self.page_mut(page);
            held.bytes = bytes;
            held.clean();
        }
        let reach = std::mem::take(&mut self.unsynced).end * PAGE_BYTES;
        let len = self.decide_len(now, kept_until, draws);
        self.settle_len(len, reach, now);
        if len != len_before {
            first_changed = first_changed.min(len).min(len_before);
        }
        let path = Arc::clone(&self.path);
        let first_changed = first_changed.min(len.max(len_before));
        let changed = first_changed < len.max(len_before);
        changed.then_some(FileDamage { path, len_before, len_after: len, first_changed })
    }

    /// The length that survives: the new one, the durable one, or up to the last page kept.
    fn decide_len(&self, now: Time, kept_until: u64, draws: &mut Stream) -> u64 {
        if !self.len_due.is_pending(now) || self.durable_len == self.len {
            return self.len;
        }
        if self.len_due.is_never() {
            return self.durable_len;
        }
        match draws.below(8) {
            0..4 => self.len,
            4..7 if self.len > self.durable_len => kept_until.clamp(self.durable_len, self.len),
            _ => self.durable_len,
        }
    }

    /// The file has this length, durably; what pages hold beyond, until `reach`, is gone.
    fn settle_len(&mut self, len: u64, reach: u64, now: Time) {
        self.len = self.len.max(self.durable_len).max(reach);
        let delay = Default::default();
        let at_once = Stamp { now, device_free: Time::ZERO, delay, traffic: 0, cold: 0 };
        self.truncate(len, &at_once);
        for page in std::mem::take(&mut self.unsynced) {
            if self.page(page).is_some() {
                self.page_mut(page).clean();
            }
        }
        self.len = len;
        self.durable_len = len;
        self.len_due = Due::default();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Lost,
    Torn,
}

/// Draws the fate of a page that differs from the durable one in bytes `from..to`.
fn decide(
    new: &PageBytes,
    old: &PageBytes,
    (from, to): (usize, usize),
    odds: PowerLossOdds,
    draws: &mut Stream,
) -> (PageBytes, Fate) {
    let sector = SECTOR_BYTES as usize;
    let (first, last) = (from / sector, (to - 1) / sector);
    let total = u64::from(odds.kept) + u64::from(odds.lost) + u64::from(odds.torn);
    let draw = draws.below(total);
    if draw < u64::from(odds.kept) {
        return (new.clone(), Fate::Kept);
    }
    if draw < u64::from(odds.kept) + u64::from(odds.lost) || first == last {
        return (old.clone(), Fate::Lost);
    }
    let at = first + 1 + index(draws.below((last - first) as u64));
    let backwards = draws.below(4) == 0;
    let torn = if backwards { tear(old, new, at) } else { tear(new, old, at) };
    (torn, Fate::Torn)
}
