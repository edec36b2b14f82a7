//! Applies the metadata log to this broker: its image at once, its replicas one after another.
//!
//! In Kafka:   `BrokerMetadataPublisher`, `ReplicaManager.applyDelta`.
//! Inputs:     publications of the loader. Effects: a job per partition that changed here, on the metadata lane.
//! Invariants: MP-1 a job applies the registration of its own publication, however late it runs.
//!             MP-2 the applied offset moves when all jobs of a publication are done.

use trial_log::{Log, OpenLog, write_partition_metadata};

use super::groups::GroupPublication;
use super::reconfigure::min_insync_replicas;
use super::recovery_points::WrittenRecoveryPoint;
use super::replicas::{BrokersInImage, Replica, folder_of, log_config};
use super::task::{Assign, METADATA, Task, lock_of};
use super::{Broker, Cx, DISK, LOG_DIRECTORY_FAILED};
use crate::ids::{Offset, TopicPartition};
use crate::image::{LeaderRecoveryState, MetadataDelta, MetadataImage, Publication};
use crate::note::Note;
use crate::note::partition::PartitionNote;
use crate::partition::{
    Effect, Offsets, Partition, PartitionMetadata, PartitionSettings, WallTime,
};
use crate::storage::SimulatedDisk;

impl Broker {
    /// The metadata log has gone on.
    pub fn on_publication(&mut self, publication: &Publication, cx: &mut Cx<'_>) {
        self.image = publication.new.clone();
        let reconfigured = self.reconfigure(&publication.delta, cx);
        if self.publishes {
            self.apply_delta(&publication.old, &publication.delta, cx);
            if reconfigured {
                self.reconfigure_logs();
            }
        } else {
            self.applied_offset = self.image.highest_offset();
        }
        self.poll_control(cx);
    }

    /// From now on metadata reaches the replicas; the first time all of it does.
    pub(super) fn install_publisher(&mut self, cx: &mut Cx<'_>) {
        self.publishes = true;
        self.start_groups();
        let all = MetadataDelta {
            partitions: self.image.topics().partitions().map(|(id, _, _)| id).collect(),
            ..MetadataDelta::default()
        };
        self.apply_delta(&MetadataImage::default(), &all, cx);
    }

    fn apply_delta(&mut self, old: &MetadataImage, delta: &MetadataDelta, cx: &mut Cx<'_>) {
        if let Some(apply) = self.pace.apply_metadata
            && !(delta.partitions.is_empty() && delta.deleted_topics.is_empty())
        {
            let lasting = apply.draw(cx.random("apply-metadata"));
            self.submit_metadata(Task::Lag(lasting), cx);
        }
        for (id, topic) in &delta.deleted_topics {
            for index in topic.partitions.keys() {
                self.drop_if_hosted(TopicPartition { topic: *id, partition: *index }, cx);
            }
        }
        let mut followers = Vec::new();
        for id in &delta.partitions {
            let registration = self.image.topics().partition(*id).cloned();
            let Some(registration) =
                registration.filter(|found| found.replicas.contains(&self.identity.id))
            else {
                self.drop_if_hosted(*id, cx);
                continue;
            };
            let topic = self.image.topics().topic(id.topic).expect("it has the partition");
            let topic = topic.name.clone();
            let leads = registration.leader == Some(self.identity.id);
            let assign = Assign { id: *id, topic, registration, effects: Vec::new(), done: None };
            // Leaders before followers, as Kafka has it.
            if leads {
                self.submit_metadata(Task::Assign(Box::new(assign)), cx);
            } else {
                followers.push(assign);
            }
        }
        for assign in followers {
            self.submit_metadata(Task::Assign(Box::new(assign)), cx);
        }
        self.apply_configs(delta);
        let groups = GroupPublication::of(self.identity.id, old, &self.image, delta);
        let offset = self.image.highest_offset();
        self.submit_metadata(Task::Published(offset, Box::new(groups)), cx);
    }

    fn submit_metadata(&mut self, task: Task, cx: &mut Cx<'_>) {
        let lock = match &task {
            Task::Assign(assign) => Some(lock_of(self.replicas.reserve(assign.id))),
            Task::Drop(id) => Some(lock_of(self.replicas.reserve(*id))),
            _ => None,
        };
        let token = u64::from(self.tasks.insert(task));
        cx.submit(METADATA, token, lock);
    }

    fn drop_if_hosted(&mut self, id: TopicPartition, cx: &mut Cx<'_>) {
        if self.replicas.slot(id).is_some() {
            self.submit_metadata(Task::Drop(id), cx);
        }
    }

    /// First half: the log exists, the machine knows its role, and what that asks of the log is done.
    pub(super) fn start_assign(&mut self, assign: &mut Assign, cx: &mut Cx<'_>) {
        if self.closing {
            return;
        }
        if self.replicas.slot(assign.id).is_none() && !self.create_replica(assign, cx) {
            return;
        }
        let now = WallTime(cx.wall_ms());
        let slot = self.replicas.reserve(assign.id);
        let brokers = BrokersInImage { image: &self.image, local_epoch: self.lifecycle.epoch() };
        let replica = self.replicas.get_mut(slot).expect("it was created just now");
        let registration = &assign.registration;
        let metadata = PartitionMetadata {
            leader: registration.leader.unwrap_or(crate::ids::BrokerId::NONE),
            leader_epoch: registration.leader_epoch,
            partition_epoch: registration.partition_epoch,
            replicas: &registration.replicas,
            isr: &registration.isr,
            recovering: registration.leader_recovery_state == LeaderRecoveryState::Recovering,
        };
        let epochs = replica.log.epochs();
        let mut effects = Vec::new();
        replica.partition.on_metadata(now, &metadata, &brokers, epochs, &mut effects);
        if replica.partition.leader().is_none() {
            self.on_group_leadership_lost(assign.id);
        }
        for effect in effects {
            match effect {
                Effect::AssignEpoch { .. } | Effect::Truncate { .. } => {
                    let done = self.do_log_work(slot, &effect, cx);
                    assign.done = done.or(assign.done);
                }
                // The machine has changed, and who reads without the lock may act on it: it is noted now.
                Effect::Note(event) => {
                    cx.note(Note::Partition(PartitionNote { partition: assign.id, event }));
                }
                later => assign.effects.push(later),
            }
        }
    }

    /// Second half: everybody may see it.
    pub(super) fn finish_assign(&mut self, assign: Assign, cx: &mut Cx<'_>) {
        let Some(slot) = self.replicas.slot(assign.id) else { return };
        self.apply(slot, assign.effects, cx);
        self.publish_log_work(slot, assign.done, cx);
    }

    fn create_replica(&mut self, assign: &Assign, cx: &mut Cx<'_>) -> bool {
        let settings = self.topic_config(&assign.topic);
        let folder = folder_of(&assign.topic, assign.id.partition);
        let now_ms = cx.wall_ms();
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        let mut events = Vec::new();
        let config = log_config(&settings, &self.config, &self.rules);
        let open = OpenLog { config, ..OpenLog::new(&folder) };
        let log = Log::open(&mut disk, open, now_ms, &mut events).and_then(|log| {
            write_partition_metadata(&mut disk, &folder, &assign.id.topic.to_string())?;
            Ok(log)
        });
        match log {
            Ok(log) => {
                let replica = self.new_replica(assign.id, assign.topic.clone(), log, Offset::ZERO);
                self.replicas.insert(Replica { events, ..replica });
                true
            }
            Err(_) => {
                cx.halt(LOG_DIRECTORY_FAILED);
                false
            }
        }
    }

    /// A partition whose log was opened, before metadata says anything of it.
    pub(super) fn new_replica(
        &self,
        id: TopicPartition,
        topic: std::sync::Arc<str>,
        mut log: Log,
        checkpointed: Offset,
    ) -> Replica {
        let settings = PartitionSettings {
            local: self.identity.id,
            replica_lag_time_max: self.config.node.replica_lag_time_max,
            replica_fetch_backoff: self.config.node.replica_fetch_backoff,
            min_insync_replicas: min_insync_replicas(&self.topic_config(&topic)),
        };
        let offsets = Offsets::new(log.log_start_offset(), log.log_end_offset(), checkpointed);
        log.on_high_watermark_updated(offsets.high_watermark());
        let partition = Partition::new(id, offsets, settings, self.rules.clone());
        let written = WrittenRecoveryPoint::new(Offset::ZERO);
        let (fetched_from, events, log_done) = (None, Vec::new(), None);
        Replica { topic, partition, log, fetched_from, events, log_done, written }
    }

    /// First half: the log is gone from disk.
    pub(super) fn start_drop(&mut self, id: TopicPartition, cx: &mut Cx<'_>) {
        if self.closing {
            return;
        }
        let Some(slot) = self.replicas.slot(id) else { return };
        let name = self.replicas.get(slot).map(super::replicas::Replica::name);
        let name = name.expect("it is hosted");
        self.stop_cleaning(slot, cx);
        self.resume_cleaning(&name);
        let Some((_, replica)) = self.replicas.remove(id) else { return };
        self.on_group_leadership_lost(id);
        if let Some(leader) = replica.fetched_from
            && let Some(fetcher) = self.fetchers.get_mut(&leader)
        {
            fetcher.remove(id);
        }
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        let deleted = replica.log.delete(&mut disk);
        // A topic of the same name must not find what the files say of this one.
        let forgotten = deleted.and_then(|()| {
            self.forget_cleaned(&name, cx)?;
            self.write_recovery_points(cx)?;
            self.write_log_starts(cx)
        });
        if forgotten.is_err() {
            cx.halt(LOG_DIRECTORY_FAILED);
        }
        self.high_watermarks.remove(&id);
        self.dropped.push(slot);
    }

    /// Second half of housekeeping: whoever waited for a partition that is gone is told.
    pub(super) fn finish_housekeeping(&mut self, cx: &mut Cx<'_>) {
        for slot in std::mem::take(&mut self.dropped) {
            self.check_parked(slot, cx);
        }
    }

    /// All jobs of a publication are done.
    pub(super) fn finish_published(
        &mut self,
        offset: Offset,
        groups: GroupPublication,
        cx: &mut Cx<'_>,
    ) {
        self.publish_to_groups(groups, cx);
        self.applied_offset = self.applied_offset.max(offset);
        self.on_first_publication(cx);
    }
}
