//! The small files of a log directory: who it belongs to, how it was left, which topic a folder is of.
//!
//! In Kafka:   `CleanShutdownFileHandler` (KIP-966), `MetaProperties`, `PartitionMetadataFile` (KIP-516).
//! Holds:      nothing. `.kafka_cleanshutdown` and `meta.properties` lie in the log directory, `partition.metadata`
//!             in a partition's folder.
//! Invariants: the marker of a clean shutdown is synced but its folder is not: a power loss may take it, as in Kafka.
//!             Its removal is, unlike in Kafka.

use bytes::Bytes;

use crate::disk::{Disk, DiskError, parent, read_file, replace_file};
use crate::error::LogError;

const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
const META_PROPERTIES: &str = "meta.properties";

/// What a clean shutdown left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanShutdown {
    /// The broker epoch of the process that was shut down; none if the marker cannot be read.
    pub broker_epoch: Option<i64>,
}

/// Writes the marker of a clean shutdown.
pub fn write_clean_shutdown(disk: &mut dyn Disk, broker_epoch: i64) -> Result<(), LogError> {
    let contents = format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}");
    let file = disk.open(CLEAN_SHUTDOWN, true)?;
    disk.truncate(file, 0)?;
    disk.append(file, Bytes::from(contents))?;
    Ok(disk.sync(file)?)
}

/// Reads the marker; none if the last shutdown was not clean.
pub fn read_clean_shutdown(disk: &mut dyn Disk) -> Result<Option<CleanShutdown>, LogError> {
    let contents = read_file(disk, CLEAN_SHUTDOWN)?;
    Ok(contents.map(|contents| CleanShutdown { broker_epoch: broker_epoch_in(&contents) }))
}

/// Removes the marker, as a starting broker does: from here on a crash is unclean.
///
/// For good: Kafka does not sync the removal, so a power loss soon after can bring the marker back, and what the same
/// power loss tore is believed whole. That holds if there is none as well: the process before may have removed it, and
/// ended before it had synced that.
pub fn remove_clean_shutdown(disk: &mut dyn Disk) -> Result<(), LogError> {
    match disk.remove(CLEAN_SHUTDOWN) {
        Ok(()) | Err(DiskError::NotFound) => Ok(disk.sync_dir(parent(CLEAN_SHUTDOWN))?),
        Err(error) => Err(error.into()),
    }
}

/// Whose log directory this is (`meta.properties`, version 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster's id.
    pub cluster_id: String,
    /// The node's id.
    pub node_id: i32,
    /// The directory's id, as Kafka prints it.
    pub directory_id: String,
}

/// Replaces `meta.properties`.
pub fn write_meta_properties(
    disk: &mut dyn Disk,
    properties: &MetaProperties,
) -> Result<(), LogError> {
    let MetaProperties { cluster_id, node_id, directory_id } = properties;
    let contents = format!(
        "#\ncluster.id={cluster_id}\ndirectory.id={directory_id}\nnode.id={node_id}\nversion=1\n"
    );
    Ok(replace_file(disk, META_PROPERTIES, Bytes::from(contents))?)
}

/// Reads `meta.properties`; none if the directory was never formatted.
pub fn read_meta_properties(disk: &mut dyn Disk) -> Result<Option<MetaProperties>, LogError> {
    let Some(contents) = read_file(disk, META_PROPERTIES)? else {
        return Ok(None);
    };
    let parsed = meta_properties_in(&contents);
    let corrupt = || LogError::CorruptFile { path: META_PROPERTIES.to_owned(), line: 1 };
    parsed.map(Some).ok_or_else(corrupt)
}

/// Replaces the `partition.metadata` of a partition's folder.
pub fn write_partition_metadata(
    disk: &mut dyn Disk,
    folder: &str,
    topic_id: &str,
) -> Result<(), LogError> {
    let contents = Bytes::from(format!("version: 0\ntopic_id: {topic_id}"));
    Ok(replace_file(disk, &partition_metadata(folder), contents)?)
}

/// The topic id of a partition's folder; none if it has no `partition.metadata`.
pub fn read_partition_metadata(
    disk: &mut dyn Disk,
    folder: &str,
) -> Result<Option<String>, LogError> {
    let path = partition_metadata(folder);
    let Some(contents) = read_file(disk, &path)? else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&contents).unwrap_or("");
    let mut lines = text.lines();
    let version = lines.next().and_then(|line| line.strip_prefix("version: "));
    let topic_id = lines.next().and_then(|line| line.strip_prefix("topic_id: "));
    match (version, topic_id) {
        (Some("0"), Some(topic_id)) if !topic_id.is_empty() => Ok(Some(topic_id.to_owned())),
        (Some("0"), _) => Err(LogError::CorruptFile { path, line: 2 }),
        _ => Err(LogError::CorruptFile { path, line: 1 }),
    }
}

fn partition_metadata(folder: &str) -> String {
    format!("{folder}/partition.metadata")
}

/// The number after `"brokerEpoch":`; Kafka reads JSON and ignores what it does not know.
fn broker_epoch_in(contents: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(contents).ok()?.trim();
    let object = text.strip_prefix('{')?.strip_suffix('}')?;
    let (_, after) = object.split_once("\"brokerEpoch\"")?;
    let value = after.trim_start().strip_prefix(':')?.trim_start();
    let end = value.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(value.len());
    value[..end].parse().ok()
}

fn meta_properties_in(contents: &[u8]) -> Option<MetaProperties> {
    let text = std::str::from_utf8(contents).ok()?;
    let value_of = |key: &str| {
        let pairs = text.lines().filter(|line| !line.starts_with('#'));
        pairs.filter_map(|line| line.split_once('=')).find(|(name, _)| *name == key).map(|(_, v)| v)
    };
    if value_of("version")? != "1" {
        return None;
    }
    Some(MetaProperties {
        cluster_id: value_of("cluster.id")?.to_owned(),
        node_id: value_of("node.id")?.parse().ok()?,
        directory_id: value_of("directory.id")?.to_owned(),
    })
}
