//! What faults do to bytes: bits that rot or are misread, writes that go astray.
//!
//! Invariants: HM-1 without a fault nothing here changes or draws anything; HM-2 a stray write
//!             changes no length and no name, and no byte that the cache shows.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::file::index;
use super::keyed::keyed;
use super::model::{Disk, FileId};
use super::page::PAGE_BYTES;
use super::scope::{BitFlip, DiskHarm, is_within};
use super::trouble::DiskTrouble;
use crate::random::Stream;
use crate::time::Time;

impl Disk {
    /// Flips one bit of a file, in the cache and on the device; false if there is no such byte.
    pub fn flip(&mut self, path: &str, offset: u64, bit: u8) -> bool {
        let Some(held) = self.names.file(path).and_then(|file| self.file_mut(file)) else {
            return false;
        };
        if offset >= held.len {
            return false;
        }
        let within = index(offset % PAGE_BYTES);
        let page = held.page_mut(offset / PAGE_BYTES);
        for bytes in [&mut page.bytes, &mut page.durable] {
            if let Some(bytes) = bytes.as_mut().filter(|bytes| within < bytes.len()) {
                Arc::make_mut(bytes)[within] ^= 1 << (bit & 7);
            }
        }
        true
    }

    /// A drawn bit of a drawn byte rots, of all files or of those below a path; none if there are no bytes.
    pub fn rot(&mut self, path: Option<&str>, draws: &mut Stream) -> Option<BitFlip> {
        let within = |file: &str| path.is_none_or(|of| is_within(file, of));
        let lens: Vec<(Arc<str>, u64)> = self.files().filter(|(file, _)| within(file)).collect();
        let total: u64 = lens.iter().map(|(_, len)| len).sum();
        if total == 0 {
            return None;
        }
        let mut offset = draws.below(total);
        let bit = u8::try_from(draws.below(8)).expect("below eight");
        for (path, len) in lens {
            if offset < len {
                self.flip(&path, offset, bit);
                return Some(BitFlip { path, offset, bit });
            }
            offset -= len;
        }
        None
    }

    /// What a read of a file at `offset` answers, if a fault flips a bit of it on its way.
    pub(super) fn misread(&mut self, file: FileId, offset: u64, bytes: Bytes) -> Bytes {
        if bytes.is_empty() || self.troubles.is_empty() {
            return bytes;
        }
        let Some(path) = self.file(file).ok().map(|held| Arc::clone(&held.path)) else {
            return bytes;
        };
        let (key, size) = (self.key, bytes.len() as u64);
        let misreads = |trouble| trouble == DiskTrouble::Misread;
        let Some(fault) = self.next(Some(&path), misreads) else { return bytes };
        let active = &mut self.troubles[fault];
        let draw = keyed(key, active.number(), offset);
        let (at, bit) = ((draw >> 3) % size, u8::try_from(draw & 7).expect("below eight"));
        let harm = DiskHarm::Misread(BitFlip { path, offset: offset + at, bit });
        active.count(|effect| effect.reads_flipped += 1, harm);
        let mut wrong = bytes.to_vec();
        wrong[index(at)] ^= 1 << bit;
        Bytes::from(wrong)
    }

    /// A write of `bytes` at `offset` was made: if a fault leads it astray, its pages reach the device elsewhere.
    pub(super) fn misdirect(&mut self, now: Time, file: FileId, bytes: Range<u64>) {
        if self.troubles.is_empty() {
            return;
        }
        let Some(path) = self.file(file).ok().map(|held| Arc::clone(&held.path)) else { return };
        let strays = |trouble| trouble == DiskTrouble::Misdirect;
        let Some(fault) = self.next(Some(&path), strays) else { return };
        let pages = bytes.start / PAGE_BYTES..bytes.end.div_ceil(PAGE_BYTES);
        let target = self.drawn_page(self.troubles[fault].number(), file, &pages);
        if let Some((other, first)) = target {
            self.stray(now, (file, &pages), (other, first));
        }
        if let Some(held) = self.file_mut(file) {
            pages.for_each(|page| held.page_mut(page).forget());
        }
        let went = target.and_then(|(other, first)| {
            Some((Arc::clone(&self.file(other).ok()?.path), first * PAGE_BYTES))
        });
        let (offset, length) = (bytes.start, bytes.end - bytes.start);
        let harm = DiskHarm::Misdirected { path, offset, length, went };
        self.troubles[fault].count(|effect| effect.writes_misdirected += 1, harm);
    }

    /// A drawn page of any file that holds something, other than these of this file.
    fn drawn_page(&self, number: u64, but: FileId, pages: &Range<u64>) -> Option<(FileId, u64)> {
        let mut all = Vec::new();
        for (_, file) in self.names.files() {
            let Ok(held) = self.file(file) else { continue };
            let holds = |page: &u64| held.page(*page).is_some_and(|page| !page.is_blank());
            let taken = |page: &u64| file == but && pages.contains(page);
            let own = (0..held.len.div_ceil(PAGE_BYTES)).filter(|page| holds(page) && !taken(page));
            all.extend(own.map(|page| (file, page)));
        }
        let draw = keyed(self.key, number, all.len() as u64) >> 8;
        (!all.is_empty()).then(|| all[index(draw % all.len() as u64)])
    }

    /// Pages of a file reach the device elsewhere, from this page of another file (or the same) on; what has no place
    /// there is lost.
    fn stray(&mut self, now: Time, from: (FileId, &Range<u64>), to: (FileId, u64)) {
        let (file, pages) = from;
        for page in pages.clone() {
            let bytes = self.files[file.0 as usize]
                .as_ref()
                .and_then(|held| held.page(page))
                .and_then(|page| page.bytes.clone());
            let at = to.1 + (page - pages.start);
            let Some(held) = self.file_mut(to.0) else { return };
            let room = held.len.saturating_sub(at * PAGE_BYTES);
            if room == 0 || (file == to.0 && pages.contains(&at)) {
                continue;
            }
            let bytes = bytes.map(|mut bytes| {
                if bytes.len() as u64 > room {
                    Arc::make_mut(&mut bytes).truncate(index(room));
                }
                bytes
            });
            held.mark_unsynced(at * PAGE_BYTES, (at + 1) * PAGE_BYTES);
            held.page_mut(at).stray(now, bytes);
        }
    }
}
