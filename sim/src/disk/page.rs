//! Pages of a file and the extents that hold 64 of them, both shared until written.
//!
//! In Kafka:   nothing; this is the operating system's page cache, which Kafka relies on.
//! Holds:      per page the cached bytes, the durable bytes if they differ, and when the cached
//!             ones become durable by themselves.
//! Invariants: PG-1 a page whose `due` has come is durable as cached, and any later change first
//!             remembers that; so writeback needs no events. PG-2 a page that was forgotten reads
//!             as cached until it goes cold, then and after a power loss as the device has it.

use std::sync::Arc;

use super::keyed::keyed;
use crate::time::{Span, Time};

/// Bytes of a page.
pub const PAGE_BYTES: u64 = 4096;
/// Pages of an extent.
pub const EXTENT_PAGES: u64 = 64;
/// Bytes that a device writes whole or not at all.
pub const SECTOR_BYTES: u64 = 512;

/// The bytes of a page; what is missing up to the page's end reads as zero.
pub(super) type PageBytes = Option<Arc<Vec<u8>>>;

/// From when on something is durable by itself; or that the cache believes it is, and it never will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Due(u64);

impl Due {
    const NEVER: u64 = 1 << 63;

    /// Durable from `time` on.
    pub fn at(time: Time) -> Self {
        assert!(time.0 < Self::NEVER, "time ends after 292 years");
        Self(time.0)
    }

    /// Not durable yet.
    pub fn is_pending(self, now: Time) -> bool {
        self.0 > now.0
    }

    /// The same, forgotten by the cache.
    pub fn never(self) -> Self {
        Self(self.0 | Self::NEVER)
    }

    /// Whether nobody will write it any more.
    pub fn is_never(self) -> bool {
        self.0 & Self::NEVER != 0
    }

    /// Whether both were set by the same change, forgotten since or not.
    pub fn is_of_one_change(self, other: Self) -> bool {
        (self.0 ^ other.0) & !Self::NEVER == 0
    }
}

/// When and under which circumstances a change of pages happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    /// The time of the call.
    pub now: Time,
    /// No page becomes durable before the device could have written it.
    pub device_free: Time,
    /// Bounds of the delay after which a page becomes durable by itself.
    pub delay: (Span, Span),
    /// The cache's clock: pages that went through it.
    pub traffic: u64,
    /// Pages last touched before this are cold.
    pub cold: u64,
}

impl Stamp {
    /// When what is dirtied now becomes durable by itself.
    pub fn date(&self, key: u64, item: u64) -> Time {
        let (min, max) = self.delay;
        let range = max.0.saturating_sub(min.0) + 1;
        let delay = Span(min.0 + keyed(key, item, self.now.0) % range);
        (self.now + delay).max(self.device_free)
    }

    /// The same, as a page and a length keep it.
    pub fn due(&self, key: u64, item: u64) -> Due {
        Due::at(self.date(key, item))
    }
}

/// One page of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    /// What the cache holds.
    pub bytes: PageBytes,
    /// What a power loss falls back to while `due` has not come.
    pub durable: PageBytes,
    /// From here on `bytes` is durable; never, if the page was forgotten.
    pub due: Due,
    /// The cache's clock when the page was last brought in; 0 for never.
    pub touched: u64,
}

impl Page {
    /// Whether the cache holds, or held, what the device does not.
    pub fn is_dirty(&self, now: Time) -> bool {
        self.due.is_pending(now)
    }

    /// Whether it will still be written back.
    pub fn is_awaited(&self, now: Time) -> bool {
        self.is_dirty(now) && !self.is_forgotten()
    }

    /// Whether neither the cache nor the device holds anything of it.
    pub fn is_blank(&self) -> bool {
        self.bytes.is_none() && self.durable.is_none()
    }

    /// Whether the cache takes it for clean although the device has something else.
    pub fn is_forgotten(&self) -> bool {
        self.due.is_never()
    }

    /// What a read sees: a forgotten page that has gone cold comes from the device (PG-2).
    pub fn seen(&self, cold: u64) -> &PageBytes {
        if self.is_forgotten() && self.touched < cold { &self.durable } else { &self.bytes }
    }

    /// A forgotten page that has gone cold is brought in again.
    pub fn bring_in(&mut self, cold: u64) {
        if self.is_forgotten() && self.touched < cold {
            self.bytes = self.durable.take();
            self.clean();
        }
    }

    /// The cache takes it for clean from now on, whatever the device has.
    pub fn forget(&mut self) {
        self.due = self.due.never();
    }

    /// The device gets bytes that were meant for another place.
    pub fn stray(&mut self, now: Time, bytes: PageBytes) {
        if !self.is_dirty(now) {
            self.forget();
        }
        self.durable = bytes;
    }

    /// Prepares a change: remembers what is durable and sets the date.
    fn dirty(&mut self, stamp: &Stamp, key: u64, page: u64) {
        if !self.is_dirty(stamp.now) {
            self.durable = self.bytes.clone();
            self.due = stamp.due(key, page);
        } else if self.is_forgotten() {
            self.due = stamp.due(key, page);
        }
        self.touched = stamp.traffic;
    }

    /// Writes `bytes` at `offset` within the page.
    pub fn write(&mut self, offset: usize, bytes: &[u8], stamp: &Stamp, key: u64, page: u64) {
        self.bring_in(stamp.cold);
        self.dirty(stamp, key, page);
        let held = Arc::make_mut(self.bytes.get_or_insert_default());
        if held.len() == offset {
            held.extend_from_slice(bytes);
            return;
        }
        let end = offset + bytes.len();
        if held.len() < end {
            held.resize(end, 0);
        }
        held[offset..end].copy_from_slice(bytes);
    }

    /// Forgets everything from `offset` within the page on.
    pub fn cut(&mut self, offset: usize, stamp: &Stamp, key: u64, page: u64) {
        self.bring_in(stamp.cold);
        let holds_less = self.bytes.as_ref().is_none_or(|bytes| bytes.len() <= offset);
        // A cut dirties the page it goes through, whatever that holds: what was forgotten of it is written after all.
        if holds_less && !self.is_forgotten() {
            return;
        }
        self.dirty(stamp, key, page);
        if offset == 0 {
            self.bytes = None;
        } else {
            Arc::make_mut(self.bytes.get_or_insert_default()).truncate(offset);
        }
    }

    /// The page is durable as cached.
    pub fn clean(&mut self) {
        self.durable = None;
        self.due = Due::default();
    }
}

/// Sixty-four pages: what a file shares between clones.
#[derive(Debug, Clone)]
pub(super) struct Extent {
    pub pages: [Page; EXTENT_PAGES as usize],
}

impl Default for Extent {
    fn default() -> Self {
        Self { pages: std::array::from_fn(|_| Page::default()) }
    }
}

/// The bytes of a page from `from` to `to`, zeros where it holds none, appended to `into`.
pub(super) fn copy_out(bytes: &PageBytes, from: usize, to: usize, into: &mut Vec<u8>) {
    let held =
        bytes.as_ref().map_or(&[][..], |held| &held[from.min(held.len())..to.min(held.len())]);
    let wanted = into.len() + (to - from);
    into.extend_from_slice(held);
    into.resize(wanted, 0);
}

/// Where two pages differ: first byte, and one past the last; none if they read the same.
pub(super) fn difference(one: &PageBytes, other: &PageBytes) -> Option<(usize, usize)> {
    let (one, other) = (view(one), view(other));
    let longest = one.len().max(other.len());
    let at = |bytes: &[u8], i: usize| bytes.get(i).copied().unwrap_or(0);
    let first = (0..longest).find(|&i| at(one, i) != at(other, i))?;
    let last = (0..longest).rfind(|&i| at(one, i) != at(other, i))?;
    Some((first, last + 1))
}

fn view(bytes: &PageBytes) -> &[u8] {
    bytes.as_ref().map_or(&[][..], |held| held.as_slice())
}

/// The first `sectors` sectors of `new`, the rest of `old`.
pub(super) fn tear(new: &PageBytes, old: &PageBytes, sectors: usize) -> PageBytes {
    let (new, old) = (view(new), view(old));
    let cut = sectors * SECTOR_BYTES as usize;
    let mut torn = new[..cut.min(new.len())].to_vec();
    torn.resize(cut, 0);
    torn.extend_from_slice(&old[cut.min(old.len())..]);
    Some(Arc::new(torn))
}
