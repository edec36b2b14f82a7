//! One file: its bytes in extents, its length, and which part may not be durable yet.
//!
//! Holds:      extents (shared until written), the cached and the durable length.
//! Invariants: FI-1 no page holds bytes beyond the length; FI-2 every page that is not durable
//!             lies within `unsynced`.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::page::{Due, EXTENT_PAGES, Extent, PAGE_BYTES, Page, PageBytes, Stamp, copy_out};
use crate::time::Time;

/// A file, whatever it is called.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// Its present path, for observers.
    pub path: Arc<str>,
    /// What its delays are drawn with.
    pub key: u64,
    /// Bytes that a reader sees.
    pub len: u64,
    /// The length that a power loss falls back to while `len_due` has not come.
    pub durable_len: u64,
    /// From here on `len` is durable.
    pub len_due: Due,
    /// Whether a name leads to it.
    pub linked: bool,
    /// Pages that may not be durable.
    pub unsynced: Range<u64>,
    extents: Vec<Option<Arc<Extent>>>,
}

/// How many of a read's pages were not in the cache, and the bytes.
pub(super) struct ReadResult {
    pub bytes: Bytes,
    pub cold_pages: u64,
}

impl File {
    /// An empty file.
    pub fn new(path: Arc<str>, key: u64) -> Self {
        Self {
            path,
            key,
            len: 0,
            durable_len: 0,
            len_due: Due::default(),
            linked: true,
            unsynced: 0..0,
            extents: Vec::new(),
        }
    }

    /// The page `page`, if anything was ever written there.
    pub fn page(&self, page: u64) -> Option<&Page> {
        let extent = self.extents.get(index(page / EXTENT_PAGES))?.as_ref()?;
        Some(&extent.pages[index(page % EXTENT_PAGES)])
    }

    /// The page `page`, to be changed.
    pub fn page_mut(&mut self, page: u64) -> &mut Page {
        let extent = index(page / EXTENT_PAGES);
        if self.extents.len() <= extent {
            self.extents.resize(extent + 1, None);
        }
        let held = self.extents[extent].get_or_insert_default();
        &mut Arc::make_mut(held).pages[index(page % EXTENT_PAGES)]
    }

    /// Writes `bytes` at `offset`, beyond the end too (what lies between reads as zero).
    pub fn write(&mut self, offset: u64, bytes: &[u8], stamp: &Stamp) {
        let key = self.key;
        let mut at = offset;
        let mut left = bytes;
        self.mark_unsynced(offset, offset + bytes.len() as u64);
        while !left.is_empty() {
            let within = index(at % PAGE_BYTES);
            let count = left.len().min(PAGE_BYTES as usize - within);
            let page = at / PAGE_BYTES;
            self.page_mut(page).write(within, &left[..count], stamp, key, page);
            at += count as u64;
            left = &left[count..];
        }
        if at > self.len {
            self.set_len(at, stamp);
        }
    }

    /// Cuts or extends the file.
    pub fn truncate(&mut self, len: u64, stamp: &Stamp) {
        let key = self.key;
        if len < self.len {
            self.mark_unsynced(len, self.len);
            for page in len / PAGE_BYTES..self.len.div_ceil(PAGE_BYTES) {
                if self.page(page).is_some() {
                    let from = len.saturating_sub(page * PAGE_BYTES);
                    self.page_mut(page).cut(index(from), stamp, key, page);
                }
            }
        }
        if len != self.len {
            self.set_len(len, stamp);
        }
    }

    fn set_len(&mut self, len: u64, stamp: &Stamp) {
        if !self.len_due.is_pending(stamp.now) {
            self.durable_len = self.len;
            self.len_due = stamp.due(self.key, u64::MAX);
        } else if self.len_due.is_never() {
            self.len_due = stamp.due(self.key, u64::MAX);
        }
        self.len = len;
    }

    pub fn mark_unsynced(&mut self, from: u64, to: u64) {
        let (from, to) = (from / PAGE_BYTES, to.div_ceil(PAGE_BYTES));
        self.unsynced = if self.unsynced.is_empty() {
            from..to
        } else {
            self.unsynced.start.min(from)..self.unsynced.end.max(to)
        };
    }

    /// Up to `count` bytes from `offset`; fewer at the end. Pages last touched before `cold` are cold.
    pub fn read(&self, offset: u64, count: u64, cold: u64) -> ReadResult {
        let end = offset.saturating_add(count).min(self.len);
        if offset >= end {
            return ReadResult { bytes: Bytes::new(), cold_pages: 0 };
        }
        let mut into = Vec::with_capacity(index(end - offset));
        let mut cold_pages = 0;
        let mut at = offset;
        while at < end {
            let page = at / PAGE_BYTES;
            let from = at % PAGE_BYTES;
            let to = (from + (end - at)).min(PAGE_BYTES);
            match self.page(page) {
                Some(held) => {
                    let there = held.bytes.is_some() || held.is_forgotten();
                    cold_pages += u64::from(there && held.touched < cold);
                    copy_out(held.seen(cold), index(from), index(to), &mut into);
                }
                None => copy_out(&None, index(from), index(to), &mut into),
            }
            at += to - from;
        }
        ReadResult { bytes: Bytes::from(into), cold_pages }
    }

    /// Brings the pages of a range into the cache.
    pub fn warm(&mut self, offset: u64, count: u64, cold: u64, traffic: u64) {
        let end = offset.saturating_add(count).min(self.len);
        for page in offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES) {
            if self.page(page).is_some_and(|held| held.touched < cold) {
                let held = self.page_mut(page);
                held.bring_in(cold);
                held.touched = traffic;
            }
        }
    }

    /// What `synced`, this file as it was when a sync began, holds is durable from now on. What was forgotten before
    /// it began, it does not save; what was forgotten since, it does.
    pub fn persist(&mut self, synced: &Self, began: Time, now: Time) {
        for page in synced.unsynced.clone() {
            let Some(old) = synced.page(page) else { continue };
            let (due, bytes) = (old.due, old.bytes.clone());
            let covered = due.is_pending(began) && !due.is_never();
            if !covered || !self.page(page).is_some_and(|held| held.is_dirty(now)) {
                continue;
            }
            let held = self.page_mut(page);
            if same(&held.bytes, &bytes) {
                held.clean();
            } else if held.due.is_of_one_change(due) {
                // Changed since, but not written back in between: the synced bytes are the newest durable ones.
                held.durable = bytes;
            }
        }
        let due = synced.len_due;
        let covered = due.is_pending(began) && !due.is_never();
        if covered && self.len_due.is_pending(now) && self.len_due.is_of_one_change(due) {
            self.durable_len = synced.len;
            if self.len == synced.len {
                self.len_due = Due::default();
            }
        }
        self.shrink_unsynced(now);
    }

    /// A failed sync: dirty pages stay in the cache, which takes them for clean. Answers how many.
    pub fn forget_unsynced(&mut self, now: Time) -> u64 {
        let mut count = 0;
        for page in self.unsynced.clone() {
            if self.page(page).is_some_and(|held| held.is_awaited(now)) {
                self.page_mut(page).forget();
                count += 1;
            }
        }
        if self.len_due.is_pending(now) {
            self.len_due = self.len_due.never();
        }
        count
    }

    /// Narrows `unsynced` to what is not durable.
    pub fn shrink_unsynced(&mut self, now: Time) {
        let dirty = |page: &u64| self.page(*page).is_some_and(|held| held.is_dirty(now));
        let first = self.unsynced.clone().find(dirty);
        let last = self.unsynced.clone().rfind(dirty);
        self.unsynced = match (first, last) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        };
    }
}

/// Whether two pages share their bytes.
fn same(one: &PageBytes, other: &PageBytes) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// An index into memory.
pub(super) fn index(number: u64) -> usize {
    usize::try_from(number).expect("memory is addressed with 64 bits")
}
