//! Answers what faults ask about the cluster, from the facts.

use trial_cluster::group::partition_for;
use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_sim::HostId;
use trial_sim::fault::{Budget, Condition, HostExpr};

use super::player::Situation;
use crate::facts::{Facts, OFFSETS_TOPIC, Role};
use crate::scenario::place_name;

impl Situation for Facts {
    fn resolve(&self, host: &HostExpr) -> Vec<HostId> {
        match host {
            HostExpr::Name(name) => self.setup.host_named(name).into_iter().collect(),
            HostExpr::Call { name, args } => {
                let partition = args.first().and_then(|text| self.partition_named(text));
                let node: Option<BrokerId> = match name.as_str() {
                    "rack" | "zone" | "region" => {
                        let wanted = args.first().map(String::as_str);
                        let there =
                            |host: &HostId| place_name(self.setup.place(*host), name) == wanted;
                        return self.all_hosts().into_iter().filter(there).collect();
                    }
                    "controller" => return self.active_controller.into_iter().collect(),
                    "leader" => partition.and_then(|partition| partition.leader()),
                    "coordinator" => coordinator(self, args.first().map_or("", String::as_str)),
                    "follower" => partition.and_then(|partition| {
                        let registration = partition.registration.as_ref()?;
                        let follows = |id: &&BrokerId| Some(**id) != registration.leader;
                        registration.isr.iter().find(follows).copied()
                    }),
                    "bystander" => partition.and_then(|partition| {
                        let registration = partition.registration.as_ref()?;
                        let active =
                            self.active_controller.and_then(|host| self.setup.node_of(host));
                        let stands_by = |id: &&BrokerId| {
                            Some(**id) != registration.leader && Some(**id) != active
                        };
                        registration.isr.iter().find(stands_by).copied()
                    }),
                    other => unreachable!("the scenario was checked: {other}"),
                };
                node.and_then(|id| self.setup.host_of(id)).into_iter().collect()
            }
        }
    }

    fn holds(&self, condition: &Condition) -> bool {
        let Some(want) = condition.number() else { return false };
        let arg = |index: usize| condition.args.get(index).map_or("", String::as_str);
        let partition = |index: usize| self.partition_named(arg(index));
        let found = match condition.name.as_str() {
            "high_watermark" => partition(0).map(|partition| partition.high_watermark),
            "log_end" => partition(1).and_then(|partition| {
                let host = self.setup.host_named(arg(0))?;
                partition.logs.get(&host).map(|log| log.end())
            }),
            "swaps" => partition(1).and_then(|partition| {
                let host = self.setup.host_named(arg(0))?;
                Some(partition.swaps.get(&host).copied().unwrap_or(0))
            }),
            "isr" => partition(0).and_then(|partition| {
                partition.registration.as_ref().map(|found| found.isr.len() as i64)
            }),
            "moving" => partition(0).and_then(|partition| {
                let found = partition.registration.as_ref()?;
                Some(i64::from(found.is_reassignment_in_progress()))
            }),
            "epoch" => partition(0).and_then(|partition| {
                partition.registration.as_ref().map(|found| i64::from(found.leader_epoch.0))
            }),
            "acked" => self.setup.host_named(arg(0)).map(|host| {
                let records = self.partitions().flat_map(|partition| partition.acked.iter());
                records.filter(|ack| ack.producer == host).map(|ack| i64::from(ack.count)).sum()
            }),
            other => unreachable!("the scenario was checked: {other}"),
        };
        found.is_some_and(|found| condition.op.holds(&found, &want))
    }

    fn may_crash(&self, hosts: &[HostId], losing: bool) -> bool {
        let is_broker =
            |host: &&HostId| matches!(self.setup.role(**host), Some(Role::Broker { .. }));
        let crashing: Vec<HostId> = hosts.iter().filter(is_broker).copied().collect();
        if crashing.is_empty() {
            // A controller syncs before it votes or acknowledges, and has nothing to lose; but it counts itself before
            // it has synced, and commits with nobody else to ask if it is alone.
            return !losing || self.setup.voters() > 1;
        }
        if !losing && self.lossy().iter().all(|lossy| crashing.contains(lossy)) {
            return true;
        }
        // KIP-966 bears fewer than min.insync.replicas unclean ends at a time. As long as nobody has lost anything,
        // more of them do no harm: whoever is elected then has everything.
        let known = self.partitions().map(|found| found.min_insync);
        let planned = self.setup.topics.values().map(|topic| topic.min_insync);
        let limit = planned.chain(known).min().map_or(0, |min| min.saturating_sub(1));
        let mut budget = Budget::new(limit);
        for host in self.unclean() {
            budget.on_lossy_crash(self.setup.name(host));
        }
        budget.allows_all(crashing.iter().map(|host| self.setup.name(*host)))
    }

    fn broker(&self, host: HostId) -> Option<i32> {
        match self.setup.role(host) {
            Some(Role::Broker { id, .. }) => Some(id.0),
            _ => None,
        }
    }

    fn all_hosts(&self) -> Vec<HostId> {
        (0..self.setup.hosts.len())
            .map(|place| HostId(u16::try_from(place).expect("few")))
            .collect()
    }
}

/// Who leads the partition of `__consumer_offsets` that a group is on.
fn coordinator(facts: &Facts, group: &str) -> Option<BrokerId> {
    let topic = facts.topic_id(OFFSETS_TOPIC)?;
    let count = facts.partitions().filter(|partition| partition.id.topic == topic).count();
    let count = i32::try_from(count).ok().filter(|count| *count > 0)?;
    let partition = partition_for(group, count);
    facts.partition(TopicPartition { topic, partition })?.leader()
}
