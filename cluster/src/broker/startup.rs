//! A broker's first hour: who it is, registration, recovery of its logs, the first publication, open doors.
//!
//! In Kafka:   `BrokerServer.startup`, `LogManager.loadLogs`, `LogLoader`; KIP-966 for the clean-shutdown marker.
//! Holds:      the order. 1 read `meta.properties` and the marker. 2 register. 3 once the metadata has reached the
//!             registration: load the logs, 4 apply all metadata, 5 listen, and ask to be unfenced.
//! Invariants: ST-1 the marker is removed before a log is opened: a crash from here on is unclean.
//! Left out:   several log directories; stray replicas are renamed and left alone, as in Kafka (with a number where it
//!             has a random id).

use std::sync::Arc;

use trial_log::{
    LOG_START_OFFSET_CHECKPOINT, Log, LogError, MetaProperties, OpenLog, RECOVERY_POINT_CHECKPOINT,
    REPLICATION_OFFSET_CHECKPOINT, read_clean_shutdown, read_meta_properties,
    read_offset_checkpoint, read_partition_metadata, remove_clean_shutdown, write_meta_properties,
};
use trial_sim::Span;

use super::lifecycle::{BrokerLifecycle, BrokerState};
use super::recovery_points::WrittenRecoveryPoint;
use super::replicas::{Replica, log_config};
use super::task::{
    CLEANER, EXTERNAL_NETWORK, FETCHERS, GROUP_LOADER, GROUPS, HANDLERS, METADATA, NETWORK,
    SCHEDULER, Task,
};
use super::{Broker, Cx, DISK, LOG_DIRECTORY_FAILED, costs};
use crate::ids::{BrokerEpoch, Offset, TopicPartition, Uuid};
use crate::mark;
use crate::note::Note;
use crate::note::broker::BrokerNote;
use crate::storage::SimulatedDisk;
use trial_log::Disk as _;

/// Lanes for fetchers: more than one leader is never waited for on the same lane unless there are many.
const FETCHER_LANES: u16 = 16;
/// Folders of a log directory that are no partitions of topics.
const METADATA_FOLDER: &str = "__cluster_metadata-0";

impl Broker {
    /// The process begins.
    pub fn boot(&mut self, cx: &mut Cx<'_>) {
        let node = &self.config.node;
        let lanes = |count: usize| u16::try_from(count).expect("bounded when it is read");
        cx.pool(NETWORK, "network", lanes(node.num_network_threads));
        cx.pool(HANDLERS, "request-handler", lanes(node.num_io_threads));
        cx.pool(FETCHERS, "replica-fetcher", FETCHER_LANES);
        cx.pool(METADATA, "metadata", 1);
        cx.pool(SCHEDULER, "scheduler", 2);
        cx.pool(CLEANER, "log-cleaner", lanes(node.log_cleaner_threads));
        cx.pool(GROUPS, "group-coordinator", lanes(self.config.group.coordinator_threads));
        cx.pool(GROUP_LOADER, "group-loader", 1);
        if self.identity.listeners.len() > 1 {
            cx.pool(EXTERNAL_NETWORK, "external-network", lanes(node.num_network_threads));
        }
        let incarnation = cx.random("incarnation");
        self.incarnation =
            Uuid((u128::from(incarnation.u64()) << 64) | u128::from(incarnation.u64()));
        self.then(Task::Open, cx);
    }

    /// First half: who this is, and how the last process ended.
    pub(super) fn start_open(&mut self, cx: &mut Cx<'_>) -> Span {
        match self.open(cx) {
            Ok(true) => {}
            Ok(false) => cx.halt("meta.properties is that of another node"),
            Err(_) => cx.halt(LOG_DIRECTORY_FAILED),
        }
        costs::HOUSEKEEPING
    }

    /// False if the log directory is somebody else's (`MetaPropertiesEnsemble.verify`).
    fn open(&mut self, cx: &mut Cx<'_>) -> Result<bool, LogError> {
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        let own = MetaProperties {
            cluster_id: self.identity.cluster_id.to_string(),
            node_id: self.identity.id.0,
            directory_id: self.identity.directory.to_string(),
        };
        let found = read_meta_properties(&mut disk)?;
        let is_new = found.is_none();
        match found {
            // The disk is new: what `kafka-storage format` would have done.
            None => write_meta_properties(&mut disk, &own)?,
            Some(found) if found.cluster_id != own.cluster_id || found.node_id != own.node_id => {
                return Ok(false);
            }
            Some(_) => {}
        }
        let marker = read_clean_shutdown(&mut disk)?;
        self.clean_start = marker.is_some();
        mark::sometimes!(
            cx,
            !is_new && !self.clean_start,
            "clean_shutdown_marker_missing",
            "a broker found its log directory without the marker of a clean shutdown"
        );
        let previous = marker.and_then(|marker| marker.broker_epoch);
        let previous = previous.map_or(BrokerEpoch::NONE, BrokerEpoch);
        self.lifecycle = BrokerLifecycle::new(self.config.node.broker_heartbeat_interval, previous);
        Ok(true)
    }

    /// Second half: the broker registers.
    pub(super) fn finish_open(&mut self, cx: &mut Cx<'_>) {
        if self.stopping {
            self.left = true;
            return;
        }
        let now = cx.now();
        let deadline = now + self.config.node.initial_broker_registration_timeout;
        let mut effects = Vec::new();
        self.lifecycle.start(now, deadline, &mut effects);
        self.on_lifecycle(effects, cx);
        self.poll_control(cx);
    }

    /// The image has reached the broker's own registration.
    pub(super) fn on_caught_up(&mut self, cx: &mut Cx<'_>) {
        self.then(Task::Recover, cx);
    }

    /// First half: every log is opened, and recovered if the last process did not end cleanly.
    pub(super) fn start_recover(&mut self, cx: &mut Cx<'_>) -> Span {
        match self.recover(cx) {
            Ok(()) => {}
            // The disk is well, and a log is not what was promised: Kafka's broker does not start either.
            Err(LogError::CorruptSegment { .. }) => cx.halt("a log cannot be loaded"),
            Err(_) => cx.halt(LOG_DIRECTORY_FAILED),
        }
        costs::HOUSEKEEPING
    }

    fn recover(&mut self, cx: &mut Cx<'_>) -> Result<(), LogError> {
        let now_ms = cx.wall_ms();
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        remove_clean_shutdown(&mut disk)?;
        let recovery_points = read_offset_checkpoint(&mut disk, RECOVERY_POINT_CHECKPOINT)?;
        let log_starts = read_offset_checkpoint(&mut disk, LOG_START_OFFSET_CHECKPOINT)?;
        let high_watermarks = read_offset_checkpoint(&mut disk, REPLICATION_OFFSET_CHECKPOINT)?;
        for folder in disk.list("")? {
            let Some((topic, index)) = parse_folder(&folder) else { continue };
            let topic_id = read_partition_metadata(&mut disk, &folder)?;
            let found = self.image.topics().topic_by_name(topic).cloned();
            // Without its id a folder holds no record: the id is flushed before the first one.
            let found = found.filter(|found| topic_id == Some(found.id.to_string()));
            let id =
                found.as_ref().map(|found| TopicPartition { topic: found.id, partition: index });
            let local = self.identity.id;
            let is_mine = id
                .and_then(|id| self.image.topics().partition(id))
                .is_some_and(|registration| registration.replicas.contains(&local));
            let (Some(id), Some(found), true) = (id, found, is_mine) else {
                set_aside(&mut disk, &folder)?;
                continue;
            };
            let key = (Arc::from(topic), index);
            let recovery_point = recovery_points.get(&key).copied().unwrap_or(Offset::ZERO);
            let open = OpenLog {
                config: log_config(&self.topic_config(topic), &self.config, &self.rules),
                clean: self.clean_start,
                recovery_point,
                log_start_offset: log_starts.get(&key).copied().unwrap_or(Offset::ZERO),
                ..OpenLog::new(&folder)
            };
            let mut events = Vec::new();
            let log = Log::open(&mut disk, open, now_ms, &mut events)?;
            let checkpointed = high_watermarks.get(&key).copied().unwrap_or(Offset::ZERO);
            let replica = self.new_replica(id, Arc::clone(&found.name), log, checkpointed);
            let written = WrittenRecoveryPoint::new(recovery_point);
            self.replicas.insert(Replica { events, written, ..replica });
        }
        if self.replicas.iter().any(Replica::awaits_recovery_point) {
            // RP-1: a log is shorter than the file says.
            self.write_recovery_points(cx)?;
        }
        Ok(())
    }

    /// Second half: all metadata is applied to what was found.
    pub(super) fn finish_recover(&mut self, cx: &mut Cx<'_>) {
        self.finish_checkpoint_recovery_points(cx);
        let slots: Vec<u32> = self.replicas.slots().collect();
        for slot in slots {
            self.on_log_events(slot, cx);
        }
        cx.note(Note::Broker(BrokerNote::LogsLoaded { clean: self.clean_start }));
        self.install_publisher(cx);
    }

    /// A publication was applied; after the first one the broker is ready.
    pub(super) fn on_first_publication(&mut self, cx: &mut Cx<'_>) {
        if self.schedule.is_running() || self.lifecycle.state() > BrokerState::Running {
            return;
        }
        self.start_schedule(cx.now());
        self.start_cleaners(cx);
        for listener in &self.identity.listeners {
            cx.listen(listener.port);
        }
        self.lifecycle.set_ready_to_unfence(cx.now());
    }
}

/// A replica that the metadata does not know here, or not any more, gets a name that no replica has.
fn set_aside(disk: &mut SimulatedDisk<'_>, folder: &str) -> Result<(), LogError> {
    let names = disk.list("")?;
    let mut name = format!("{folder}-stray");
    let mut before = 0;
    while names.contains(&name) {
        before += 1;
        name = format!("{folder}.{before}-stray");
    }
    Ok(disk.rename(folder, &name)?)
}

/// `orders-3` is partition 3 of `orders`; what was deleted or set aside is none.
fn parse_folder(folder: &str) -> Option<(&str, i32)> {
    if folder == METADATA_FOLDER {
        return None;
    }
    let (topic, index) = folder.rsplit_once('-')?;
    Some((topic, index.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse_folder;

    #[test]
    fn a_folder_names_its_partition() {
        assert_eq!(parse_folder("orders-3"), Some(("orders", 3)));
        assert_eq!(parse_folder("a-b-12"), Some(("a-b", 12)));
        assert_eq!(parse_folder("__cluster_metadata-0"), None);
        assert_eq!(parse_folder("orders-3-stray"), None);
        assert_eq!(parse_folder("meta.properties"), None);
    }
}
