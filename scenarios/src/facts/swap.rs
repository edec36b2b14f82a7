//! New segments on their way into the place of old ones, as a cleaning writes them.
//!
//! In Kafka:   the suffixes `.cleaned`, `.swap`, `.deleted`; `LocalLog.replaceSegments`, `LogLoader` (KAFKA-6264).
//! Holds:      what was written under `.cleaned` and `.swap`, and the old segments that went meanwhile.
//! Invariants: SW-1 once the last of the new ones has its name the old ones and the new ones are judged together.
//!             SW-2 after a crash the log is known as a load will leave it: with the new ones if all of them were
//!             `.swap`, else with the old ones. What the load then does to files is no news. SW-3 nor is it when the
//!             next process dies before it has finished, or when a power loss takes back what it has renamed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::ids::TopicPartition;
use trial_sim::disk::{Disk, DiskSeen};
use trial_sim::{HostId, Time};

use super::clocks::WallTime;
use super::fact::{Fact, Known};
use super::facts::Facts;
use super::replica_log::{ReplicaLog, Stored, segment_path};
use super::segment::Segment;
use crate::tap::BatchFault;

/// What the name of a segment's file says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffix {
    /// It is one of the log's.
    Live,
    /// It is being written, to take the place of others.
    Cleaned,
    /// It is whole, and takes the place of others.
    Swap,
    /// It is to be removed.
    Deleted,
}

/// `00000000000000000042.log.swap` is to be the segment at 42; other files are no segments.
pub(super) fn segment_file(name: &str) -> Option<(i64, Suffix)> {
    let (digits, suffix) = name.split_at_checked(20)?;
    let suffix = match suffix {
        ".log" => Suffix::Live,
        ".log.cleaned" => Suffix::Cleaned,
        ".log.swap" => Suffix::Swap,
        ".log.deleted" => Suffix::Deleted,
        _ => return None,
    };
    Some((digits.parse().ok()?, suffix))
}

/// A replacement under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Swap {
    cleaned: BTreeMap<i64, Segment>,
    swaps: BTreeMap<i64, Segment>,
    old: BTreeMap<i64, Segment>,
    new: Vec<i64>,
    /// SW-2: old segments that a load will remove, and new ones that it will rename.
    to_go: BTreeSet<i64>,
    to_come: BTreeSet<i64>,
}

impl Swap {
    fn is_over(&self) -> bool {
        self.cleaned.is_empty()
            && self.swaps.is_empty()
            && self.to_go.is_empty()
            && self.to_come.is_empty()
    }
}

/// Segments that have taken the place of others.
#[derive(Debug, Clone, Default)]
pub(super) struct Replacement {
    /// What was there.
    pub(super) old: BTreeMap<i64, Segment>,
    /// The first offsets of what is there.
    pub(super) new: Vec<i64>,
}

impl Facts {
    /// A file was touched that is to take the place of a segment.
    pub(super) fn on_swap_file(
        &mut self,
        at: Time,
        (host, wall): (HostId, WallTime),
        (id, base, suffix): (TopicPartition, i64, Suffix),
        what: &DiskSeen,
        known: &mut Vec<Known>,
    ) {
        let partition = self.partitions.get_mut(&id).expect("the caller has looked");
        if matches!((suffix, what), (Suffix::Cleaned, DiskSeen::Renamed { .. })) {
            *partition.swaps.entry(host).or_default() += 1;
        }
        let log = partition.log_mut(host);
        match (suffix, what) {
            (Suffix::Cleaned, DiskSeen::Created { .. }) => log.on_cleaned_created(base),
            (Suffix::Cleaned, DiskSeen::Wrote { offset, bytes, .. }) => {
                if let Err(fault) = log.on_cleaned_write(base, *offset, bytes) {
                    let fact = Fact::BadBytes { host, place: "its log", fault };
                    known.push(Known { at, partition: id, fact });
                }
            }
            (Suffix::Cleaned, DiskSeen::Renamed { .. }) => log.on_swap_named(base),
            (Suffix::Cleaned, DiskSeen::Removed { .. }) => log.on_cleaned_gone(base),
            (Suffix::Swap, DiskSeen::Renamed { .. }) => {
                if let Some(replaced) = log.on_swapped_in(base) {
                    self.on_replaced(at, (host, wall), id, &replaced, known);
                }
            }
            _ => {}
        }
    }
}

impl ReplicaLog {
    /// A segment is begun that will take the place of others.
    pub(super) fn on_cleaned_created(&mut self, base: i64) {
        let fresh = Segment { is_cleaned: true, ..Segment::default() };
        self.swap.get_or_insert_default().cleaned.insert(base, fresh);
    }

    /// It is written to.
    pub(super) fn on_cleaned_write(
        &mut self,
        base: i64,
        position: u64,
        bytes: &Bytes,
    ) -> Result<(), BatchFault> {
        let keeps = self.keeps_records;
        let segment = self.swap.get_or_insert_default().cleaned.entry(base).or_default();
        segment.on_write(position, bytes, keeps, &mut Vec::new())
    }

    /// It is gone: nothing comes of it.
    pub(super) fn on_cleaned_gone(&mut self, base: i64) {
        if let Some(swap) = &mut self.swap {
            swap.cleaned.remove(&base);
        }
        self.forget_swap();
    }

    /// It is whole.
    pub(super) fn on_swap_named(&mut self, base: i64) {
        let Some(swap) = &mut self.swap else { return };
        if let Some(segment) = swap.cleaned.remove(&base) {
            swap.swaps.insert(base, segment);
        }
    }

    /// A live segment lost its name. Answers whether that is part of a replacement.
    pub(super) fn gives_way(&mut self, base: i64) -> bool {
        let Some(swap) = &mut self.swap else { return false };
        if swap.to_go.remove(&base) {
            self.forget_swap();
            return true;
        }
        let from = swap.swaps.keys().next().copied();
        let to = swap.swaps.iter().map(|(base, segment)| segment.next_offset(*base)).max();
        let within = from.zip(to).is_some_and(|(from, to)| (from..to).contains(&base));
        if !within && !swap.swaps.contains_key(&base) {
            return false;
        }
        if let Some(segment) = self.segments.remove(&base) {
            swap.old.insert(base, segment);
        }
        true
    }

    /// A new segment has its name. Answers what it has taken part in once all of them have.
    pub(super) fn on_swapped_in(&mut self, base: i64) -> Option<Replacement> {
        let swap = self.swap.as_mut()?;
        if swap.to_come.remove(&base) {
            self.forget_swap();
            return None;
        }
        let segment = swap.swaps.remove(&base)?;
        if let Some(before) = self.segments.insert(base, segment) {
            swap.old.insert(base, before);
        }
        swap.new.push(base);
        if !swap.swaps.is_empty() {
            return None;
        }
        let (old, new) = (std::mem::take(&mut swap.old), std::mem::take(&mut swap.new));
        self.forget_swap();
        Some(Replacement { old, new })
    }

    /// Whether a load has left something that it should have finished.
    #[must_use]
    pub fn is_half_swapped(&self) -> bool {
        let half = |swap: &Swap| !(swap.to_go.is_empty() && swap.to_come.is_empty());
        self.swap.as_deref().is_some_and(half)
    }

    fn forget_swap(&mut self) {
        if self.swap.as_deref().is_some_and(|swap| swap.is_over() && swap.old.is_empty()) {
            self.swap = None;
        }
    }

    /// What was taken out of the log, and is not replaced, is there again.
    pub(super) fn undo(&mut self, replaced: Replacement) {
        for (base, segment) in replaced.old {
            self.segments.entry(base).or_insert(segment);
        }
    }

    /// The log as a load of the disk as it is now will leave it. Answers the log as it was known before.
    pub fn reread(&mut self, disk: &Disk, folder: &str) -> Self {
        let prefix = format!("{folder}/");
        let within = |(path, _): (Arc<str>, _)| Some(path.strip_prefix(&prefix)?.to_owned());
        let names: Vec<String> = disk.files().filter_map(within).collect();
        let with = |wanted: Suffix| {
            let files = names.iter().filter_map(|name| segment_file(name));
            files.filter(move |(_, suffix)| *suffix == wanted).map(|(base, _)| base)
        };
        // As long as one of the new ones is not a swap those above it are not believed.
        let unfinished = names.iter().filter(|name| name.ends_with(".cleaned"));
        let lowest = unfinished.filter_map(|name| name.split('.').next()?.parse().ok()).min();
        let swaps = with(Suffix::Swap).filter(|base| lowest.is_none_or(|lowest| *base < lowest));
        let read = |base: i64, suffix: &str| {
            let path = format!("{}{suffix}", segment_path(folder, base));
            let bytes = disk.peek(&path, 0, u64::MAX).unwrap_or_default();
            Segment::readable(base, &bytes, self.keeps_records)
        };
        let mut found: BTreeMap<i64, (Segment, bool)> = BTreeMap::new();
        for base in swaps {
            let (segment, whole) = read(base, ".swap");
            found.insert(base, (Segment { is_cleaned: true, ..segment }, whole));
        }
        let to_come: BTreeSet<i64> = found.keys().copied().collect();
        let from = to_come.first().copied().unwrap_or(0);
        let to = found.iter().map(|(base, (segment, _))| segment.next_offset(*base)).max();
        let mut to_go = BTreeSet::new();
        for base in with(Suffix::Live) {
            if to.is_some_and(|to| (from..to).contains(&base)) {
                to_go.insert(base);
            } else if !to_come.contains(&base) {
                found.insert(base, read(base, ""));
            }
        }
        let mut segments = BTreeMap::new();
        for (base, (segment, whole)) in found {
            segments.insert(base, segment);
            if !whole {
                // Recovery drops what follows the first bad batch.
                break;
            }
        }
        let swap = Swap { to_go, to_come, ..Swap::default() };
        let swap = (!swap.is_over()).then(|| Box::new(swap));
        let fresh = Self { segments, swap, ..self.clone_bare() };
        std::mem::replace(self, fresh)
    }

    /// What a load will put in the place of what was there `before`, which loses it; none if it will not.
    pub(super) fn interrupted(&self, before: &mut Self) -> Option<Replacement> {
        let swap = self.swap.as_deref().filter(|swap| !swap.to_come.is_empty())?;
        let from = swap.to_come.first().copied().unwrap_or(0);
        let ends =
            swap.to_come.iter().filter_map(|base| Some(self.segment(*base)?.next_offset(*base)));
        let to = ends.max().unwrap_or(from);
        let begun = before.swap.take().unwrap_or_default();
        let (mut old, mut new) = (begun.old, begun.new);
        new.extend(swap.to_come.iter().copied());
        let stays = before.segments.split_off(&from);
        for (base, segment) in stays {
            let is_old = base < to || swap.to_come.contains(&base);
            // SW-3: it has been judged, by what the process knew that made it.
            let is_there = segment.is_cleaned
                && self.segment(base).is_some_and(|coming| coming.is_same(&segment));
            match (is_old, is_there) {
                (true, true) => new.retain(|coming| *coming != base),
                (true, false) => drop(old.insert(base, segment)),
                (false, _) => drop(before.segments.insert(base, segment)),
            }
        }
        let is_news = !new.is_empty();
        let replaced = Replacement { old, new };
        if !is_news {
            before.undo(replaced);
            return None;
        }
        Some(replaced)
    }

    /// The batches of `before` that are not in this log; of one that keeps records, those of which one is not.
    pub fn lacks_of(&self, before: &Self) -> Vec<Stored> {
        let mut lacks = Vec::new();
        for segment in before.segments.values() {
            let mut records = segment.records.iter().peekable();
            for batch in segment.batches.iter() {
                let mut is_lost = !self.keeps_records
                    && !self.at(batch.base).is_some_and(|here| here.is_same(batch));
                while let Some(record) = records.next_if(|record| record.offset <= batch.last) {
                    is_lost |= !self.record(record.offset).is_some_and(|here| here.is_same(record));
                }
                if is_lost {
                    lacks.push(*batch);
                }
            }
        }
        lacks
    }
}
