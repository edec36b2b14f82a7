//! What a changing set of replicas means for what is known of a partition.
//!
//! In Kafka:   KIP-455; `ReplicaManager.stopPartitions` with its deletes, `LogManager.asyncDelete`.
//! Invariants: FA-4 whoever is taken from the replicas counts for nothing from then on, and may delete its log: until
//!             it notes a later registration. What it deletes is recorded as gone like anything else (FA-2).

use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Time};

use super::fact::{Fact, Known};
use super::facts::Facts;
use super::partition::{Gone, PartitionFacts};
use super::setup::Setup;

impl PartitionFacts {
    /// A controller registers other replicas.
    pub(super) fn on_replicas(
        &mut self,
        at: Time,
        old: &PartitionRegistration,
        new: &PartitionRegistration,
        setup: &Setup,
    ) {
        // The promise is what the smallest set has kept: a record that was committed under it may be on so few disks.
        self.min_insync = self.min_insync.min(new.replicas.len());
        if Self::is_stranded(old, new) {
            self.unclean_election.get_or_insert(at);
        }
        let gone = |id: &&BrokerId| !new.replicas.contains(id);
        for host in old.replicas.iter().filter(gone).filter_map(|id| setup.host_of(*id)) {
            self.left.insert(host, new.partition_epoch.0);
            self.lossy.remove(&host);
            self.unclean.remove(&host);
        }
    }

    /// Whether a reassignment was called off when only those who were coming were in sync: the first replica takes
    /// their place, fenced or not, whatever it lacks (`PartitionReassignmentRevert`; unclean elections are on then).
    #[must_use]
    pub fn is_stranded(old: &PartitionRegistration, new: &PartitionRegistration) -> bool {
        let stays = |id: &BrokerId| !old.adding_replicas.contains(id);
        old.is_reassignment_in_progress()
            && !new.is_reassignment_in_progress()
            && !old.isr.iter().any(stays)
            && new.replicas.iter().all(|id| old.replicas.contains(id) && stays(id))
            && matches!(new.isr[..], [only] if !old.isr.contains(&only))
    }

    /// The records from some offset on have not come to be: nobody has left by them.
    pub(super) fn undo_leaving(&mut self) {
        let newest = self.registration.as_ref().map_or(-1, |it| it.partition_epoch.0);
        self.left.retain(|_, epoch| *epoch <= newest);
    }

    /// A broker notes its role by a registration: if that is later than the one by which it left, it is back.
    pub(super) fn on_role(&mut self, host: HostId, event: &PartitionEvent) {
        if let PartitionEvent::BecameLeader { partition_epoch, .. }
        | PartitionEvent::BecameFollower { partition_epoch, .. } = event
            && self.left.get(&host).is_some_and(|epoch| *epoch < partition_epoch.0)
        {
            self.left.remove(&host);
        }
    }

    /// Whether the broker is a replica by the newest registration.
    #[must_use]
    pub fn is_replica(&self, id: BrokerId) -> bool {
        self.registration.as_ref().is_none_or(|it| it.replicas.contains(&id))
    }
}

impl Facts {
    /// A segment of a log went whose owner is no replica any more: it deletes all of it, from wherever it begins.
    pub(super) fn on_deleted(
        &mut self,
        at: Time,
        host: HostId,
        (id, base): (TopicPartition, i64),
        known: &mut Vec<Known>,
    ) {
        let partition = self.partitions.get_mut(&id).expect("the caller has looked");
        let log = partition.log_mut(host);
        let mut removed = Vec::new();
        log.on_remove(base, &mut removed);
        // The next replica here, if there ever is one, knows nothing of this one.
        if log.segments.is_empty() {
            log.forget();
        }
        let start = partition.legal_start;
        let (let_go, removed): (Vec<_>, Vec<_>) =
            removed.iter().partition(|batch| batch.last < start);
        partition.removed(at, host, &let_go, Gone::LetGo);
        partition.removed(at, host, &removed, Gone::Cut);
        if !removed.is_empty() {
            known.push(Known { at, partition: id, fact: Fact::Deleted { host } });
        }
    }

    /// A folder of a log was given another name, or removed: a replica that its broker finds it has no more.
    pub(super) fn on_folder_gone(
        &mut self,
        at: Time,
        host: HostId,
        folder: &str,
        known: &mut Vec<Known>,
    ) {
        let Some((topic, index)) = folder.rsplit_once('-') else { return };
        let Some(topic) = self.topic_id(topic) else { return };
        let Ok(partition) = index.parse() else { return };
        let id = TopicPartition { topic, partition };
        let Some(found) = self.partitions.get(&id) else { return };
        let Some(log) = found.logs.get(&host) else { return };
        let bases: Vec<i64> = log.segments.keys().copied().collect();
        for base in bases {
            self.on_deleted(at, host, (id, base), known);
        }
    }
}
