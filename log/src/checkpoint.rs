//! Kafka's text checkpoints: a version, a count, and a line for each entry.
//!
//! In Kafka:   `CheckpointFile`, `OffsetCheckpointFile`.
//! Holds:      nothing. `recovery-point-offset-checkpoint`, `replication-offset-checkpoint` (high watermarks) and
//!             `log-start-offset-checkpoint` lie in the log directory, with a line `topic partition offset` each.
//! Invariants: a checkpoint is replaced whole; an empty file is an empty checkpoint, a cut one is an error.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;

use crate::Offset;
use crate::disk::{Disk, read_file, replace_file};
use crate::error::LogError;

/// The name of the checkpoint of recovery points.
pub const RECOVERY_POINT_CHECKPOINT: &str = "recovery-point-offset-checkpoint";
/// The name of the checkpoint of high watermarks.
pub const REPLICATION_OFFSET_CHECKPOINT: &str = "replication-offset-checkpoint";
/// The name of the checkpoint of log starts.
pub const LOG_START_OFFSET_CHECKPOINT: &str = "log-start-offset-checkpoint";
/// The name of the checkpoint of where each compacted log is dirty.
pub const CLEANER_OFFSET_CHECKPOINT: &str = "cleaner-offset-checkpoint";

const VERSION: &str = "0";

/// An offset for each partition, by topic and number.
pub type PartitionOffsets = BTreeMap<(Arc<str>, i32), Offset>;

/// Reads a checkpoint of offsets; empty if there is none.
pub fn read_offset_checkpoint(
    disk: &mut dyn Disk,
    path: &str,
) -> Result<PartitionOffsets, LogError> {
    let Some(contents) = read_file(disk, path)? else {
        return Ok(PartitionOffsets::new());
    };
    let entries = parse_lines(&contents, path, |line| {
        let mut words = line.split_whitespace();
        let topic: Arc<str> = words.next()?.into();
        let partition = words.next()?.parse().ok()?;
        let offset = words.next()?.parse().ok().map(Offset)?;
        // (Kafka reads a negative one, and opens a log there.)
        let legal = offset >= Offset::ZERO && words.next().is_none();
        legal.then_some(((topic, partition), offset))
    })?;
    Ok(entries.into_iter().collect())
}

/// Replaces a checkpoint of offsets.
pub fn write_offset_checkpoint(
    disk: &mut dyn Disk,
    path: &str,
    offsets: &PartitionOffsets,
) -> Result<(), LogError> {
    let lines =
        offsets.iter().map(|((topic, partition), offset)| format!("{topic} {partition} {offset}"));
    Ok(replace_file(disk, path, Bytes::from(write_lines(lines)))?)
}

/// The text of a checkpoint.
pub(crate) fn write_lines(lines: impl Iterator<Item = impl Display>) -> String {
    let lines: Vec<String> = lines.map(|line| format!("{line}\n")).collect();
    format!("{VERSION}\n{}\n{}", lines.len(), lines.concat())
}

/// The entries of a checkpoint; `entry` reads one line.
pub(crate) fn parse_lines<E>(
    contents: &[u8],
    path: &str,
    entry: impl Fn(&str) -> Option<E>,
) -> Result<Vec<E>, LogError> {
    let corrupt = |line| LogError::CorruptFile { path: path.to_owned(), line };
    let text = std::str::from_utf8(contents).map_err(|_| corrupt(1))?;
    let mut lines = text.lines();
    match lines.next() {
        None => return Ok(Vec::new()),
        Some(VERSION) => {}
        Some(_) => return Err(corrupt(1)),
    }
    let Some(count) = lines.next() else {
        return Ok(Vec::new());
    };
    let count: usize = count.parse().map_err(|_| corrupt(2))?;
    let mut entries = Vec::new();
    for (line, number) in lines.zip(3..) {
        entries.push(entry(line).ok_or_else(|| corrupt(number))?);
    }
    if entries.len() != count {
        return Err(corrupt(entries.len() + 3));
    }
    Ok(entries)
}
