//! What is still missing before every group has come to rest: L7, and L5 of its members.
//!
//! In Kafka:   a group is Stable, and everything that its members subscribe to is somebody's and is read.
//! Inputs:     what members were told, and how far they have come.
//! Invariants: L7 (EventuallyConverges) every member that runs was told what it has; each partition of the topics that
//!             they subscribe to has one owner. Who has left is not missed, unless its poll threw and nobody is left
//!             in the group. Kafka 4.3.0 breaks that in one place, which is let pass: a classic
//!             member that joins a consumer group gets its timers when its joining is written
//!             (`GroupMetadataManager.classicGroupJoinToConsumerGroup`), and none if that takes longer than
//!             `offsets.commit.timeout.ms`. Then it was refused, and stands in the group until another coordinator
//!             loads it; if its client does not come back under that id, nobody else is given what it has.

use std::collections::BTreeSet;

use trial_cluster::group::GroupRecord;
use trial_cluster::ids::TopicPartition;
use trial_sim::{HostId, Span};

use super::Groups;
use super::view::Member;
use crate::check::clients::Clients;
use crate::facts::{Facts, GroupBatch, PartitionFacts, ReplicaLog, Role};

/// What groups still lack, with the rule's id.
pub fn missing(groups: &Groups, clients: &Clients, facts: &Facts, missing: &mut Vec<String>) {
    let hosts = (0..facts.setup.hosts.len()).map(|host| HostId(u16::try_from(host).expect("few")));
    let runs = |host: &HostId| {
        let owner = groups.owners.get(host);
        facts.setup.role(*host) == Some(Role::Member)
            && !facts.down.contains(host)
            && owner.is_none_or(|owner| !owner.has_left)
    };
    let members: Vec<HostId> = hosts.filter(runs).collect();
    for host in &members {
        if groups.owners.get(host).is_none_or(|owner| !owner.has_assignment) {
            let (name, group) = (facts.setup.name(*host), facts.setup.group(*host).unwrap_or(""));
            missing.push(format!("L7: {name} was not told what it has in group {group}"));
        }
    }
    ended(groups, facts, &members, missing);
    for partition in facts.partitions() {
        of_partition(groups, clients, facts, partition, &members, missing);
    }
}

/// A group whose members have all ended, one of them at least by what its poll threw, reads no more.
fn ended(groups: &Groups, facts: &Facts, members: &[HostId], missing: &mut Vec<String>) {
    let by_error = groups.owners.iter().filter_map(|(host, owner)| {
        let group = facts.setup.group(*host)?;
        (owner.has_left && !facts.down.contains(host)).then_some((group, *host, owner.ended_by?))
    });
    let mut told = BTreeSet::new();
    for (group, host, error) in by_error {
        let lives = members.iter().any(|member| facts.setup.group(*member) == Some(group));
        if !lives && told.insert(group) {
            let name = facts.setup.name(host);
            missing.push(format!(
                "L7: nobody is left in group {group}: the poll of {name} threw {error}"
            ));
        }
    }
}

fn of_partition(
    groups: &Groups,
    clients: &Clients,
    facts: &Facts,
    partition: &PartitionFacts,
    members: &[HostId],
    missing: &mut Vec<String>,
) {
    if groups.gone.contains(&partition.id.topic) {
        return;
    }
    let mut of_group: std::collections::BTreeMap<&str, Vec<HostId>> = Default::default();
    for host in members.iter().filter(|host| facts.setup.subscribes(**host, &partition.topic)) {
        if let Some(group) = facts.setup.group(*host) {
            of_group.entry(group).or_default().push(*host);
        }
    }
    for (group, members) in of_group {
        let has = |host: &&HostId| owns(groups, **host, partition.id);
        let owners: Vec<HostId> = members.iter().filter(has).copied().collect();
        match owners[..] {
            [owner] => {
                let stream = clients.streams.get(&(owner, partition.id));
                let position = stream.and_then(|stream| stream.position).unwrap_or(0);
                let leader = partition.leader().and_then(|id| facts.setup.host_of(id));
                let log = leader.and_then(|leader| partition.logs.get(&leader));
                let end = log.map_or(0, ReplicaLog::end);
                if position < end {
                    let (name, partition) = (facts.setup.name(owner), partition.name());
                    missing.push(format!("L5: {name} has read {position} of {end} in {partition}"));
                }
            }
            _ => {
                let holder = groups.holder(group, partition.id);
                if owners.is_empty() && holder.is_some_and(|id| groups.untimed.contains_key(id)) {
                    continue;
                }
                let by_records = match holder {
                    Some(id) => format!("by its records it is {id}'s"),
                    None => "by its records it is nobody's".to_owned(),
                };
                let (partition, owners) = (partition.name(), owners.len());
                missing.push(format!(
                    "L7: {partition} has {owners} owners in group {group}; {by_records}"
                ));
            }
        }
    }
}

/// The classic members that joined a consumer group with this batch, if their coordinator has not waited for it.
pub(super) fn untimed<'a>(
    batch: &'a GroupBatch,
    facts: &Facts,
) -> impl Iterator<Item = String> + use<'a> {
    let timeout = Span::from_millis(facts.setup.coordinator_write_timeout_ms);
    let is_late = batch.at.since(batch.written) >= timeout;
    let records = batch.records.iter().filter(move |_| is_late);
    records.filter_map(|(_, record)| match record {
        GroupRecord::ConsumerGroupMemberMetadata(key, Some(value))
            if value.classic_member_metadata.is_some() =>
        {
            Some(key.member_id.clone())
        }
        _ => None,
    })
}

impl Groups {
    /// The member that has a partition by the committed records, or, if none has, the one that is to have it.
    fn holder(&self, group: &str, partition: TopicPartition) -> Option<&str> {
        let shape = &self.groups.get(group)?.shape;
        let holds = |member: &&Member| {
            member.assigned.contains_key(&partition) || member.revoking.contains_key(&partition)
        };
        let holder = shape.members.iter().find(|(_, member)| holds(member)).map(|(id, _)| id);
        let targets = || shape.target.iter().find(|(_, target)| target.contains(&partition));
        holder.or_else(|| targets().map(|(id, _)| id)).map(String::as_str)
    }
}

fn owns(groups: &Groups, host: HostId, partition: TopicPartition) -> bool {
    groups.owners.get(&host).is_some_and(|owner| owner.owned.contains(&partition))
}
