//! What a Lab knows of its cluster: who leads, who is in sync, what is committed.
//!
//! In Kafka:   what `kafka-topics --describe` and `kafka-metadata-quorum` print, without asking anybody.
//! Inputs:     the facts: bytes on connections and disks, and what programs note.

use std::fmt::Write as _;

use trial_cluster::ids::BrokerId;
use trial_sim::HostId;

use super::lab::Lab;
use crate::facts::{PartitionFacts, ReplicaLog};

impl Lab {
    /// The host that leads a partition, by the controller; none if nobody does.
    ///
    /// # Panics
    /// If there is no such partition.
    #[must_use]
    #[track_caller]
    pub fn leader(&self, partition: &str) -> Option<String> {
        self.partition(partition)?.leader().map(|id| self.node(id))
    }

    /// The hosts that are in sync, by the controller.
    ///
    /// # Panics
    /// If there is no such partition.
    #[must_use]
    #[track_caller]
    pub fn isr(&self, partition: &str) -> Vec<String> {
        let known = self.partition(partition).and_then(|found| found.registration.as_ref());
        known.map_or_else(Vec::new, |found| found.isr.iter().map(|id| self.node(*id)).collect())
    }

    /// The hosts that hold a partition, the preferred leader first.
    ///
    /// # Panics
    /// If there is no such partition.
    #[must_use]
    #[track_caller]
    pub fn replicas(&self, partition: &str) -> Vec<String> {
        let known = self.partition(partition).and_then(|found| found.registration.as_ref());
        let named = |ids: &[BrokerId]| ids.iter().map(|id| self.node(*id)).collect::<Vec<String>>();
        known.map_or_else(Vec::new, |found| named(&found.replicas))
    }

    /// The leader epoch, by the controller; -1 before there is one.
    ///
    /// # Panics
    /// If there is no such partition.
    #[must_use]
    #[track_caller]
    pub fn epoch(&self, partition: &str) -> i32 {
        let known = self.partition(partition).and_then(|found| found.registration.as_ref());
        known.map_or(-1, |found| found.leader_epoch.0)
    }

    /// The high watermark, as the newest leader has it.
    ///
    /// # Panics
    /// If there is no such partition.
    #[must_use]
    #[track_caller]
    pub fn high_watermark(&self, partition: &str) -> i64 {
        self.partition(partition).map_or(0, |found| found.high_watermark)
    }

    /// Where a broker's log of a partition ends.
    ///
    /// # Panics
    /// If there is no such host or partition.
    #[must_use]
    #[track_caller]
    pub fn log_end(&self, broker: &str, partition: &str) -> i64 {
        let host = self.host(broker);
        let log = self.partition(partition).and_then(|found| found.logs.get(&host));
        log.map_or(0, ReplicaLog::end)
    }

    /// Where a broker's log of a partition starts.
    ///
    /// # Panics
    /// If there is no such host or partition.
    #[must_use]
    #[track_caller]
    pub fn log_start(&self, broker: &str, partition: &str) -> i64 {
        let host = self.host(broker);
        let log = self.partition(partition).and_then(|found| found.logs.get(&host));
        log.map_or(0, ReplicaLog::begin)
    }

    /// The host of the active controller; none if there is none.
    #[must_use]
    pub fn controller(&self) -> Option<String> {
        self.facts().active_controller.map(|host| self.facts().setup.name(host).to_owned())
    }

    /// Whether a host's process runs.
    ///
    /// # Panics
    /// If there is no such host.
    #[must_use]
    #[track_caller]
    pub fn is_up(&self, host: &str) -> bool {
        self.run.world().is_up(self.host(host))
    }

    /// How many records of a partition were acknowledged.
    ///
    /// # Panics
    /// If there is no such partition.
    #[must_use]
    #[track_caller]
    pub fn acked(&self, partition: &str) -> u64 {
        self.partition(partition).map_or(0, |found| found.records_acked)
    }

    /// How things stand, as text to be printed: time, controller, who is down, every partition.
    #[must_use]
    pub fn status(&self) -> String {
        let facts = self.facts();
        let controller = self.controller().unwrap_or_else(|| "nobody".to_owned());
        let down: Vec<&str> = facts.down.iter().map(|host| facts.setup.name(*host)).collect();
        let down = if down.is_empty() { "nobody".to_owned() } else { down.join(" ") };
        let (now, seed) = (self.now(), self.seed());
        let mut text = format!("at {now}, seed {seed}: controller {controller}, down {down}");
        for partition in facts.partitions() {
            let name = partition.name();
            let leader = partition.leader().map_or_else(|| "nobody".to_owned(), |id| self.node(id));
            let (epoch, isr) = (self.epoch(&name), self.isr(&name).join(" "));
            let ends: Vec<String> = partition
                .logs
                .iter()
                .map(|(host, log)| format!("{} {}", facts.setup.name(*host), log.end()))
                .collect();
            write!(
                text,
                "\n  {name}: leader {leader}, epoch {epoch}, in sync {isr}, high watermark {}, log ends {}",
                partition.high_watermark,
                ends.join(" ")
            )
            .expect("a String takes any text");
        }
        text
    }

    fn node(&self, id: BrokerId) -> String {
        let setup = &self.facts().setup;
        setup.host_of(id).map_or_else(|| id.to_string(), |host| setup.name(host).to_owned())
    }

    #[track_caller]
    fn partition(&self, name: &str) -> Option<&PartitionFacts> {
        self.known_partition(name);
        self.facts().partition_named(name)
    }

    /// # Panics
    /// If the scenario has no such partition.
    #[track_caller]
    pub(super) fn known_partition(&self, name: &str) {
        let topics = &self.run.scenario().topics;
        let is_there = name.rsplit_once('/').is_some_and(|(topic, index)| {
            let count = topics.get(topic).map_or(0, |topic| topic.partitions);
            index.parse().is_ok_and(|index: i32| (0..count).contains(&index))
        });
        let all = topics
            .iter()
            .map(|(name, topic)| format!("{name}/0 to {name}/{}", topic.partitions - 1));
        let all: Vec<String> = all.collect();
        assert!(is_there, "there is no partition `{name}`; there is {}", all.join(", "));
    }

    #[track_caller]
    pub(super) fn host(&self, name: &str) -> HostId {
        let setup = &self.facts().setup;
        setup.host_named(name).unwrap_or_else(|| {
            let known: Vec<&str> = setup.hosts.iter().map(|host| host.name.as_str()).collect();
            panic!("there is no host `{name}`; there are {}", known.join(", "))
        })
    }
}
