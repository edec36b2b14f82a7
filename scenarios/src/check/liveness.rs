//! Whether the cluster is live again: L1 to L5.
//!
//! In Kafka: EventuallyLeaderElected, EventuallyUnfenced, EventuallyAcknowledgedValueFullyReplicated,
//!           EventuallyWriteIsAcceptedOrRejected of the published specifications.

use trial_cluster::ids::BrokerId;
use trial_sim::HostId;

use super::history::History;
use crate::facts::{Facts, ReplicaLog, Role};

/// What is missing, in words; empty if nothing is.
pub(super) fn missing(facts: &Facts, history: &History) -> Vec<String> {
    let mut missing = Vec::new();
    if facts.active_controller.is_none() {
        missing.push("L1: no controller is active".to_owned());
    }
    let hosts = || facts.setup.hosts.iter().enumerate();
    for (_, host) in hosts() {
        if let Role::Broker { id, .. } = host.role
            && facts.unfenced.get(&id) != Some(&true)
        {
            missing.push(format!("L2: {} is not unfenced", host.name));
        }
    }
    let expected: i32 = facts.setup.topics.values().map(|topic| topic.partitions).sum();
    if (facts.partitions().count() as i64) < i64::from(expected) {
        missing.push("L3: not all topics were created".to_owned());
    }
    for partition in facts.partitions() {
        let name = partition.name();
        let Some(registration) = &partition.registration else { continue };
        let Some(leader) = registration.leader else {
            missing.push(format!("L3: {name} has no leader"));
            continue;
        };
        if registration.isr.len() < registration.replicas.len() {
            let out = registration.replicas.iter().filter(|id| !registration.isr.contains(id));
            let names: Vec<&str> = out.map(|id| host_name(facts, *id)).collect();
            missing.push(format!("L4: {} not in sync with {name}", names.join(", ")));
            continue;
        }
        let end_of = |id: BrokerId| {
            let log = facts.setup.host_of(id).and_then(|host| partition.logs.get(&host));
            log.map_or(0, ReplicaLog::end)
        };
        let end = end_of(leader);
        if registration.replicas.iter().any(|id| end_of(*id) != end)
            || partition.high_watermark != end
        {
            missing.push(format!("L4: {name} is not replicated up to its end {end}"));
        }
        for (place, host) in hosts().filter(|(_, host)| host.role == Role::Consumer) {
            let id = HostId(u16::try_from(place).expect("few hosts"));
            let position = history.position(id, partition.id);
            if facts.setup.reads(id, &partition.topic) && position < end {
                missing.push(format!(
                    "L5: {} stands at {position} of {name}, not at {end}",
                    host.name
                ));
            }
        }
    }
    for (place, host) in hosts() {
        let id = HostId(u16::try_from(place).expect("few hosts"));
        if matches!(host.role, Role::Producer { .. }) && !history.is_done(id) {
            missing.push(format!("L5: {} waits for answers", host.name));
        }
    }
    missing
}

fn host_name(facts: &Facts, id: BrokerId) -> &str {
    facts.setup.host_of(id).map_or("somebody", |host| facts.setup.name(host))
}
