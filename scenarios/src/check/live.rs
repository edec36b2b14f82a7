//! Whether the cluster is live again: L1 to L5, L8, L10.
//!
//! In Kafka:   the liveness properties of the specifications; `replica.lag.time.max.ms`, session and delivery timeouts.
//! Inputs:     the facts, and where clients stand.
//! Invariants: L1 a controller is active. L2 every broker is unfenced, and one that stays down is fenced. L3 every
//!             partition has a leader that runs. L4 everybody else is in sync and holds everything. L5 every send was
//!             told, and consumers have read to the end. L8 no partition is on its way to other replicas. L10 no leader
//!             waits for a change of its in-sync set.

use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_sim::HostId;

use super::clients::Clients;
use super::pending::PendingChanges;
use super::words;
use crate::facts::{Facts, PartitionFacts, ReplicaLog, Role};

/// What is still missing, with the rule's id.
#[must_use]
pub fn missing(facts: &Facts, clients: &Clients, pending: &PendingChanges) -> Vec<String> {
    let mut missing = Vec::new();
    if facts.active_controller.is_none() {
        missing.push("L1: no controller is active".to_owned());
    }
    let brokers = facts.setup.hosts.iter().filter_map(|host| match host.role {
        Role::Broker { id, .. } => Some((&host.name, id)),
        _ => None,
    });
    for (name, id) in brokers {
        let stays_down = facts.setup.host_of(id).is_some_and(|host| stays_down(facts, host));
        if stays_down && facts.unfenced.get(&id) == Some(&true) {
            missing.push(format!("L2: {name} is down, and nobody has fenced it"));
        } else if !stays_down && !facts.is_running(id) {
            missing.push(format!("L2: {name} is not registered or fenced"));
        }
    }
    pending.missing(facts, &mut missing);
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

/// Whether a host is down and nobody will start it.
fn stays_down(facts: &Facts, host: HostId) -> bool {
    facts.setup.left_down.contains(&host) && facts.down.contains(&host)
}

fn of_partition(facts: &Facts, partition: &PartitionFacts, missing: &mut Vec<String>) {
    let name = partition.name();
    let Some(registration) = partition.registration.as_deref() else { return };
    let is_moving = registration.is_reassignment_in_progress();
    // Kafka never ends one that was turned back by another one: it waits for an admin to call it off.
    if is_moving && !registration.waits_for_whom_it_removes() {
        missing.push(format!("L8: {name} is on its way to other replicas"));
    }
    let leader = registration.leader.and_then(|id| facts.setup.host_of(id));
    let Some(leader) = leader else {
        missing.push(format!("L3: {name} has no leader"));
        return;
    };
    if stays_down(facts, leader) {
        missing.push(format!("L3: {name} is led by {}, which is down", facts.setup.name(leader)));
        return;
    }
    let is_gone =
        |id: &BrokerId| facts.setup.host_of(*id).is_some_and(|host| stays_down(facts, host));
    let is_absent = |id: &BrokerId| !registration.isr.contains(id) && !is_gone(id);
    let absent: Vec<_> = registration.replicas.iter().copied().filter(is_absent).collect();
    if !absent.is_empty() {
        missing.push(format!("L4: {} not in sync in {name}", words::nodes(facts, &absent)));
    }
    let end_of = |host: HostId| partition.logs.get(&host).map_or(0, ReplicaLog::end);
    let end = end_of(leader);
    let high_watermark = partition.logs.get(&leader).map_or(0, |log| log.high_watermark);
    if high_watermark != end {
        missing.push(format!("L4: {name} is committed up to {high_watermark} of {end}"));
    }
    for replica in registration.replicas.iter().filter(|id| !is_gone(id)) {
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
