//! Whether the cluster is live again: L1 to L5, L8.
//!
//! In Kafka:   the liveness properties of the specifications; `replica.lag.time.max.ms`, session and delivery timeouts.
//! Inputs:     the facts, and where clients stand.
//! Invariants: L1 a controller is active. L2 every broker is unfenced. L3 every partition has a leader. L4 everybody is
//!             in sync and holds everything. L5 every send was told, and consumers have read to the end. L8 no
//!             partition is on its way to other replicas.

use trial_cluster::ids::TopicPartition;
use trial_sim::HostId;

use super::clients::Clients;
use super::words;
use crate::facts::{Facts, PartitionFacts, ReplicaLog, Role};

/// What is still missing, with the rule's id.
#[must_use]
pub fn missing(facts: &Facts, clients: &Clients) -> Vec<String> {
    let mut missing = Vec::new();
    if facts.active_controller.is_none() {
        missing.push("L1: no controller is active".to_owned());
    }
    let brokers = facts.setup.hosts.iter().filter_map(|host| match host.role {
        Role::Broker { id, .. } => Some((&host.name, id)),
        _ => None,
    });
    for (name, id) in brokers {
        if !facts.is_running(id) {
            missing.push(format!("L2: {name} is not registered or fenced"));
        }
    }
    for (topic, setup) in &facts.setup.topics {
        for index in 0..setup.partitions {
            let id = facts.topic_id(topic).map(|topic| TopicPartition { topic, partition: index });
            match id.and_then(|id| facts.partition(id)) {
                Some(partition) => of_partition(facts, partition, &mut missing),
                None => missing.push(format!("L3: {topic}/{index} does not exist")),
            }
        }
    }
    // Those that came later, or that clients from outside have made.
    let is_foreign = |found: &&PartitionFacts| {
        let planned = facts.setup.topics.get(&*found.topic);
        planned.is_none_or(|planned| found.id.partition >= planned.partitions)
    };
    for partition in facts.partitions().filter(is_foreign) {
        of_partition(facts, partition, &mut missing);
    }
    for place in 0..facts.setup.hosts.len() {
        of_client(HostId(u16::try_from(place).expect("few hosts")), facts, clients, &mut missing);
    }
    missing
}

fn of_partition(facts: &Facts, partition: &PartitionFacts, missing: &mut Vec<String>) {
    let name = partition.name();
    let Some(registration) = partition.registration.as_deref() else { return };
    if registration.is_reassignment_in_progress() {
        missing.push(format!("L8: {name} is on its way to other replicas"));
    }
    let leader = registration.leader.and_then(|id| facts.setup.host_of(id));
    let Some(leader) = leader else {
        missing.push(format!("L3: {name} has no leader"));
        return;
    };
    let absent: Vec<_> =
        registration.replicas.iter().copied().filter(|id| !registration.isr.contains(id)).collect();
    if !absent.is_empty() {
        missing.push(format!("L4: {} not in sync in {name}", words::nodes(facts, &absent)));
    }
    let end_of = |host: HostId| partition.logs.get(&host).map_or(0, ReplicaLog::end);
    let end = end_of(leader);
    let high_watermark = partition.logs.get(&leader).map_or(0, |log| log.high_watermark);
    if high_watermark != end {
        missing.push(format!("L4: {name} is committed up to {high_watermark} of {end}"));
    }
    for replica in &registration.replicas {
        let Some(host) = facts.setup.host_of(*replica) else { continue };
        let own = end_of(host);
        if own != end {
            missing.push(format!("L4: {} has {own} of {end} in {name}", facts.setup.name(host)));
        }
    }
}

fn of_client(host: HostId, facts: &Facts, clients: &Clients, missing: &mut Vec<String>) {
    let name = facts.setup.name(host);
    match facts.setup.role(host) {
        Some(Role::Producer { .. }) if !clients.done.contains(&host) => {
            missing.push(format!("L5: {name} has not been told of all its sends"));
        }
        Some(Role::Consumer) => {
            let reads = |partition: &&PartitionFacts| facts.setup.reads(host, &partition.topic);
            for partition in facts.partitions().filter(reads) {
                let stream = clients.streams.get(&(host, partition.id));
                let position = stream.and_then(|stream| stream.position).unwrap_or(0);
                let leader = partition.leader().and_then(|id| facts.setup.host_of(id));
                let log = leader.and_then(|leader| partition.logs.get(&leader));
                let end = log.map_or(0, ReplicaLog::end);
                if position < end {
                    let partition = partition.name();
                    missing.push(format!("L5: {name} has read {position} of {end} in {partition}"));
                }
            }
        }
        _ => {}
    }
}
