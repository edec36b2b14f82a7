//! The bootstrap checkpoint: what a directory is formatted with.
//!
//! In Kafka:   `kafka-storage format --initial-controllers`: `Formatter.writeBoostrapSnapshot` lays the snapshot
//!             `00000000000000000000-0000000000.checkpoint` into `__cluster_metadata-0`.
//! Holds:      a batch with header, kraft.version and voters; the metadata records; a batch with the footer.
//! Invariants: BS-1 it is not replicated: the first leader writes its voters into the log, and the controller its
//!             records. A directory without it learns the voters from the log.

use bytes::{Bytes, BytesMut};
use trial_log::{Batches, Disk};

use super::accumulator::{Payload, PendingBatch};
use super::control::{ControlRecord, control_batch, control_records};
use super::fault::RaftFault;
use super::store::{FOLDER, disk_fault, encode, read_file, replace_file};
use super::voters::VoterSet;
use crate::ids::{LeaderEpoch, Offset};

/// The file's name: end offset and epoch of what it holds.
pub const FILE: &str = "00000000000000000000-0000000000.checkpoint";

/// What is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bootstrap {
    /// The initial voters; none in the directory of a node that is not one.
    pub voters: Option<VoterSet>,
    /// The metadata records.
    pub records: Vec<Bytes>,
}

/// Formats a directory.
///
/// # Errors
/// The disk fails.
pub fn format(disk: &mut dyn Disk, content: &Bootstrap, now_ms: i64) -> Result<(), RaftFault> {
    disk.create_dir(FOLDER).map_err(disk_fault)?;
    disk.sync_dir("").map_err(disk_fault)?;
    let path = format!("{FOLDER}/{FILE}");
    replace_file(disk, &path, to_bytes(content, now_ms)).map_err(disk_fault)
}

fn to_bytes(content: &Bootstrap, now_ms: i64) -> Bytes {
    let epoch = LeaderEpoch(0);
    let mut head = vec![
        ControlRecord::SnapshotHeader { last_contained_ms: now_ms },
        ControlRecord::KRaftVersion(1),
    ];
    head.extend(content.voters.clone().map(ControlRecord::Voters));
    let mut bytes = BytesMut::from(control_batch(Offset::ZERO, epoch, now_ms, &head));
    let mut next = i64::try_from(head.len()).expect("three records at most");
    if !content.records.is_empty() {
        bytes.extend_from_slice(&encode(&PendingBatch {
            base_offset: Offset(next),
            epoch,
            timestamp_ms: now_ms,
            payload: Payload::Records(content.records.clone()),
        }));
        next += i64::try_from(content.records.len()).expect("a handful of records");
    }
    let footer = [ControlRecord::SnapshotFooter];
    bytes.extend_from_slice(&control_batch(Offset(next), epoch, now_ms, &footer));
    bytes.freeze()
}

/// Reads the checkpoint of a folder; none if there is none.
///
/// # Errors
/// The disk fails, or the file is not whole.
pub fn read(disk: &mut dyn Disk, folder: &str) -> Result<Option<Bootstrap>, RaftFault> {
    let path = format!("{folder}/{FILE}");
    match read_file(disk, &path).map_err(disk_fault)? {
        None => Ok(None),
        Some(bytes) => from_bytes(bytes).map(Some).ok_or(RaftFault::BootstrapUnreadable),
    }
}

fn from_bytes(bytes: Bytes) -> Option<Bootstrap> {
    let mut content = Bootstrap::default();
    let mut is_whole = false;
    for batch in Batches::new(bytes) {
        let batch = batch.ok().filter(|batch| batch.is_valid())?;
        if batch.is_control() {
            for record in control_records(&batch)? {
                match record {
                    ControlRecord::Voters(voters) => content.voters = Some(voters),
                    ControlRecord::SnapshotFooter => is_whole = true,
                    _ => {}
                }
            }
        } else {
            for record in batch.records() {
                content.records.push(batch.share(record.ok()?.value()?));
            }
        }
    }
    is_whole.then_some(content)
}

#[cfg(test)]
mod tests {
    use super::super::voters::tests::voters;
    use super::*;
    use trial_log::MemoryDisk;

    fn contents() -> Vec<Bootstrap> {
        let records = vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")];
        vec![
            Bootstrap::default(),
            Bootstrap { voters: Some(voters(&[1, 2, 3])), records: Vec::new() },
            Bootstrap { voters: Some(voters(&[1])), records },
        ]
    }

    #[test]
    fn the_checkpoint_reads_back_as_it_was_written() {
        for content in contents() {
            let mut disk = MemoryDisk::new();
            format(&mut disk, &content, 7).expect("the disk works");
            assert_eq!(read(&mut disk, FOLDER), Ok(Some(content)));
        }
    }

    #[test]
    fn a_checkpoint_that_is_not_whole_is_refused() {
        let whole = to_bytes(&contents()[2], 7);
        for length in 0..whole.len() {
            assert_eq!(from_bytes(whole.slice(..length)), None, "cut at {length}");
        }
    }
}
