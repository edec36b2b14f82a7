//! The part of the fold that listens to controllers.
//!
//! Inputs:     notes, which a controller writes when it appends a record.
//! Invariants: FA-4 a note counts as long as its record can be on the log: a controller that takes over undoes what it
//!             does not have, and nobody but the active controller is listened to.

use std::sync::Arc;

use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::image::PartitionRegistration;
use trial_cluster::mark;
use trial_cluster::note::controller::ControllerNote;
use trial_sim::{HostId, Span, Time};

use super::fact::{Fact, Known};
use super::facts::Facts;
use super::partition::{PartitionFacts, Registered};
use super::setup::Role;

impl Facts {
    /// Whether every broker serves, a controller is active and every topic of the scenario is there, with its leaders.
    #[must_use]
    pub fn are_ready(&self) -> bool {
        let serves = self.setup.hosts.iter().all(|host| match host.role {
            Role::Broker { id, .. } => self.is_running(id),
            _ => true,
        });
        let planned: i32 = self.setup.topics.values().map(|topic| topic.partitions).sum();
        let is_led = |partition: &&PartitionFacts| {
            self.setup.topics.contains_key(&*partition.topic) && partition.leader().is_some()
        };
        let led = self.partitions().filter(is_led).count();
        self.active_controller.is_some()
            && serves
            && i32::try_from(led).is_ok_and(|led| led >= planned)
    }

    pub(super) fn on_controller_note(
        &mut self,
        at: Time,
        host: HostId,
        note: &ControllerNote,
        known: &mut Vec<Known>,
    ) {
        if let ControllerNote::Activated { next_write_offset, .. } = note {
            self.on_activated(host, next_write_offset.0);
        }
        if self.active_controller != Some(host) {
            return;
        }
        match note {
            ControllerNote::Renounced { .. } => self.active_controller = None,
            // The same process registers twice, by a request that was sent again, say: it stays what it is, in Kafka
            // too (`ClusterControlManager.registerBroker`: "Amending registration").
            ControllerNote::BrokerRegistered { epoch, previous, .. }
                if *previous == Some(*epoch) => {}
            ControllerNote::BrokerRegistered { id, offset, epoch, .. } => {
                self.on_registered(at, offset.0, *id, *epoch);
                self.fence(*id, offset.0, false);
            }
            ControllerNote::BrokerFenced { id, offset, .. } => self.fence(*id, offset.0, false),
            ControllerNote::BrokerUnfenced { id, offset, .. } => self.fence(*id, offset.0, true),
            ControllerNote::TopicCreated { id, name, .. } => {
                self.topic_ids.insert(name.to_string(), *id);
            }
            ControllerNote::PartitionChanged { partition, old, new, elected, offset, .. } => {
                let record = Registered { offset: offset.0, registration: Arc::clone(new) };
                self.on_registration(at, *partition, old.as_ref(), record);
                if let Some(elected) = elected {
                    self.on_elected(at, *partition, *elected);
                }
                let (old, new) = (old.clone(), Arc::clone(new));
                let fact = Fact::Registered { host, old, new };
                known.push(Known { at, partition: *partition, fact });
            }
            _ => {}
        }
    }

    /// A controller takes over: what others wrote at the start of its epoch and beyond is not on its log. The epoch
    /// starts with the leader-change record, just before the controller's first own one.
    fn on_activated(&mut self, host: HostId, next: i64) {
        let start = next - 1;
        self.active_controller = Some(host);
        self.activations += 1;
        mark::sometimes!(
            self.probes,
            self.activations > 1,
            "quorum_election",
            "the controllers elected another leader after the first"
        );
        self.undo_registered(start);
        for (id, states) in &mut self.fencing {
            while states.last().is_some_and(|(offset, _)| *offset >= start) {
                states.pop();
            }
            self.unfenced.insert(*id, states.last().is_some_and(|(_, unfenced)| *unfenced));
        }
        for partition in self.partitions.values_mut() {
            partition.undo_registrations(start);
        }
    }

    /// How often the active controllers have unfenced a node, if it is fenced now.
    #[must_use]
    pub fn fenced_after(&self, node: BrokerId) -> Option<usize> {
        let states = self.fencing.get(&node).map_or(&[][..], Vec::as_slice);
        let is_fenced = self.unfenced.get(&node) != Some(&true);
        is_fenced.then(|| states.iter().filter(|(_, unfenced)| *unfenced).count())
    }

    fn fence(&mut self, id: BrokerId, offset: i64, unfenced: bool) {
        self.fencing.entry(id).or_default().push((offset, unfenced));
        self.unfenced.insert(id, unfenced);
    }

    fn on_elected(&mut self, at: Time, id: TopicPartition, elected: ElectedFrom) {
        if elected.is_unclean()
            && let Some(partition) = self.partitions.get_mut(&id)
        {
            partition.unclean_election.get_or_insert(at);
        }
    }

    fn on_registration(
        &mut self,
        at: Time,
        id: TopicPartition,
        old: Option<&Arc<PartitionRegistration>>,
        record: Registered,
    ) {
        let new = Arc::clone(&record.registration);
        if !self.partitions.contains_key(&id) {
            let name = self.topic_ids.iter().find(|(_, topic)| **topic == id.topic);
            let name = name.map_or_else(String::new, |(name, _)| name.clone());
            let known = self.setup.topics.get(&name).map(|topic| topic.min_insync_set);
            let set = known.unwrap_or(self.setup.min_insync);
            let min = set.min(new.replicas.len());
            // Clients from outside send batches that a leader mends as it writes them.
            let is_foreign = known.is_none();
            let fresh = || self.setup.keeping.clone();
            let keeping = self.keeping.entry(name.clone()).or_insert_with(fresh);
            let keeps_records = keeping.compacts;
            let rewrites = keeping.rewrites || is_foreign;
            let mut partition = PartitionFacts::new(id, Arc::from(name), min);
            partition.min_insync_set = set;
            self.promises.loosen(&mut partition);
            partition.keeps_records = keeps_records;
            partition.rewritten = rewrites.then(Box::default);
            self.partitions.insert(id, partition);
        }
        let setup = Arc::clone(&self.setup);
        let partition = self.partitions.get_mut(&id).expect("it was made just now");
        if let Some(old) = old {
            partition.on_replicas(at, old, &new, &setup);
            let lost = old.isr.iter().any(|member| !new.isr.contains(member));
            let gained = new.isr.iter().any(|member| !old.isr.contains(member));
            let probes = &mut self.probes;
            mark::sometimes!(probes, lost, "isr_shrink", "an in-sync set lost a member");
            mark::sometimes!(probes, gained, "isr_expand", "an in-sync set gained a member");
            if new.leader_epoch != old.leader_epoch {
                partition.elections += u64::from(new.leader != old.leader);
                let recent = partition
                    .epoch_changed_at
                    .is_some_and(|before| at.since(before) <= Span::from_secs(10));
                mark::sometimes!(
                    self.probes,
                    recent,
                    "two_epochs_in_ten_seconds",
                    "a partition had two leader epochs within ten seconds"
                );
                partition.epoch_changed_at = Some(at);
            }
            // Who died after a leader had asked to take it in, and has not registered since, joins as what it was.
            let unregistered = &self.unregistered;
            let joins = |it: &&BrokerId| !old.isr.contains(*it) && !unregistered.contains(*it);
            for member in new.isr.iter().filter(joins) {
                if let Some(host) = setup.host_of(*member) {
                    partition.on_joined(host);
                }
            }
        } else {
            partition.epoch_changed_at = Some(at);
        }
        partition.register(record);
    }
}
