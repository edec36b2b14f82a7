//! What an earlier process left unfinished in a log's folder: the first three passes of loading.
//!
//! In Kafka:   `LogLoader.removeTempFilesAndCollectSwapFiles` and the passes after it; KAFKA-6264.
//! Invariants: of a replacement of segments (see `replace.rs`) either the old ones are left or the new ones, never
//!             some of both. A crash in a pass changes nothing: the next load finds the same.

use crate::Offset;
use crate::disk::{Disk, DiskError};
use crate::error::LogError;
use crate::event::LogEvent;
use crate::found_segment::next_offset_of_file;
use crate::mark;
use crate::segment::{
    CLEANED_SUFFIX, DELETED_SUFFIX, LOG_SUFFIX, SEGMENT_SUFFIXES, SWAP_SUFFIX, offset_in_name,
};

use super::super::doomed::remove_if_there;

/// A snapshot of the metadata log that is on its way out: that log's own matter.
const DELETED_SNAPSHOT_SUFFIX: &str = ".checkpoint.deleted";

/// Drops what was to go and what was not finished, and finishes what was. Answers whether there was a log before.
pub(super) fn finish_swaps(
    disk: &mut dyn Disk,
    folder: &str,
    events: &mut Vec<LogEvent>,
) -> Result<bool, LogError> {
    let names = disk.list(folder)?;
    let swaps = drop_temporary_files(disk, folder, &names, events)?;
    if let Some(range) = range_of_swaps(disk, folder, &swaps)? {
        drop_replaced(disk, folder, range, events)?;
    }
    rename_swaps(disk, folder, &swaps)?;
    Ok(names.iter().any(|name| offset_of_file(name).is_some()))
}

/// The second pass: the segments that new ones stand for.
fn drop_replaced(
    disk: &mut dyn Disk,
    folder: &str,
    (from, to): (Offset, Offset),
    events: &mut Vec<LogEvent>,
) -> Result<(), LogError> {
    mark::reachable!(
        events,
        "swap_finished_by_load",
        "a crash interrupted a replacement of segments, and loading the log finished it"
    );
    for name in disk.list(folder)? {
        let replaced = offset_of_file(&name).is_some_and(|offset| (from..to).contains(&offset));
        if replaced && !name.ends_with(SWAP_SUFFIX) {
            remove_if_there(disk, &format!("{folder}/{name}"))?;
        }
    }
    Ok(())
}

/// The segments that a folder holds, in order. An index without its segment is removed.
pub(super) fn segments_of(disk: &mut dyn Disk, folder: &str) -> Result<Vec<Offset>, DiskError> {
    let names = disk.list(folder)?;
    let mut bases: Vec<Offset> =
        names.iter().filter_map(|name| offset_in_name(name, LOG_SUFFIX)).collect();
    bases.sort_unstable();
    for name in &names {
        let index = SEGMENT_SUFFIXES.iter().find_map(|suffix| offset_in_name(name, suffix));
        if index.is_some_and(|base| bases.binary_search(&base).is_err()) {
            remove_if_there(disk, &format!("{folder}/{name}"))?;
        }
    }
    Ok(bases)
}

/// The first pass. Segments get the suffix of a swap from the last one down: as long as one is left that has not got
/// it, all those above it are not to be believed. They go first, so that a crash here still knows.
fn drop_temporary_files(
    disk: &mut dyn Disk,
    folder: &str,
    names: &[String],
    events: &mut Vec<LogEvent>,
) -> Result<Vec<String>, DiskError> {
    let cleaned = || names.iter().filter(|name| name.ends_with(CLEANED_SUFFIX));
    let lowest = cleaned().filter_map(|name| offset_of_file(name)).min();
    let (unfinished, swaps): (Vec<&String>, Vec<&String>) = names
        .iter()
        .filter(|name| name.ends_with(SWAP_SUFFIX))
        .partition(|name| lowest.is_some_and(|lowest| offset_of_file(name) >= Some(lowest)));
    mark::sometimes!(
        events,
        !unfinished.is_empty(),
        "swap_abandoned_by_load",
        "a crash interrupted a replacement of segments before it counted, and loading the log dropped it"
    );
    let deleted = names
        .iter()
        .filter(|name| name.ends_with(DELETED_SUFFIX) && !name.ends_with(DELETED_SNAPSHOT_SUFFIX));
    for name in deleted.chain(unfinished).chain(cleaned()) {
        remove_if_there(disk, &format!("{folder}/{name}"))?;
    }
    Ok(swaps.into_iter().cloned().collect())
}

/// Which offsets the segments of a swap stand for, in whatever order they are named; none if there is no such segment.
fn range_of_swaps(
    disk: &mut dyn Disk,
    folder: &str,
    swaps: &[String],
) -> Result<Option<(Offset, Offset)>, LogError> {
    let mut range: Option<(Offset, Offset)> = None;
    for name in swaps {
        let segment = name.strip_suffix(SWAP_SUFFIX);
        let Some(base) = segment.and_then(|name| offset_in_name(name, LOG_SUFFIX)) else {
            continue;
        };
        let next = next_offset_of_file(disk, &format!("{folder}/{name}"), base)?;
        let (from, to) = range.unwrap_or((base, next));
        range = Some((from.min(base), to.max(next)));
    }
    Ok(range)
}

/// The third pass. A segment gets its name before its indexes do: an index that waits alone belongs to it.
fn rename_swaps(disk: &mut dyn Disk, folder: &str, swaps: &[String]) -> Result<(), LogError> {
    let is_segment = |name: &&String| name.ends_with(&format!("{LOG_SUFFIX}{SWAP_SUFFIX}"));
    let segments = swaps.iter().filter(is_segment);
    let indexes = swaps.iter().filter(|name| !is_segment(name));
    for name in segments.chain(indexes) {
        let target = name.strip_suffix(SWAP_SUFFIX).expect("they were chosen by their suffix");
        disk.rename(&format!("{folder}/{name}"), &format!("{folder}/{target}"))?;
    }
    Ok(())
}

/// The offset that a file's name begins with: whatever it is, it belongs to the segment there.
fn offset_of_file(name: &str) -> Option<Offset> {
    let (digits, _) = name.split_once('.')?;
    let numeric = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    numeric.then(|| digits.parse().ok().map(Offset))?
}
