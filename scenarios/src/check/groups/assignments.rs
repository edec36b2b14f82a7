//! Who has what, by the records: G1, G3, G4, G10, G12, and the invariants of KIP-848's specification under its names.
//!
//! In Kafka:   `ConsumerPartitionAssignor`s, `TargetAssignmentBuilder`, `CurrentAssignmentBuilder`,
//!             `ConsumerGroup.addPartitionEpochs`, `convertToConsumerGroup`, `convertToClassicGroup`.
//! Inputs:     the shape of a group before a committed batch, and after it: a batch is one decision, and holds whole.
//! Invariants: G1 in one generation a partition has at most one owner, and a generation is written once. G3 a partition
//!             is not given to another while its owner still lists it (cooperative). G4 generations and epochs do not
//!             go back. G10 one member per `group.instance.id`. G12 a change of the protocol keeps members and what
//!             they have. NoDoubleClientAssignment, LegalTargetAssignment, ValidMemberEpoch, ValidPartitionEpoch,
//!             ValidStableGroupState: as in the specification.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::ids::{TopicId, TopicPartition};

use super::view::{Held, Member, Protocol, Shape};
use super::{Finding, named};
use crate::facts::Facts;

/// The assignor whose members give a partition up in one generation, for another to have it in the next.
const COOPERATIVE: &str = "cooperative-sticky";

/// What is wrong with a group after a batch; of topics that are `gone` nobody has to have anything. If the batch was
/// written before the generation before it was committed, `earlier` is the one before that.
pub(super) fn audit(
    (earlier, before, after): (Option<&Shape>, &Shape, &Shape),
    gone: &BTreeSet<TopicId>,
    facts: &Facts,
    found: &mut Vec<Finding>,
) {
    instances(after, found);
    match after.protocol {
        Protocol::None => {}
        Protocol::Classic => classic(before, after, facts, found),
        Protocol::Consumer => consumer(before, after, facts, found),
    }
    if before.protocol != after.protocol && before.protocol != Protocol::None {
        converted((earlier, before, after), gone, facts, found);
    }
}

fn instances(after: &Shape, found: &mut Vec<Finding>) {
    let mut seen = BTreeMap::new();
    for (id, member) in &after.members {
        let Some(instance) = &member.instance else { continue };
        if let Some(other) = seen.insert(instance, id) {
            found.push(Finding::new(
                "G10",
                format!("two members have the group.instance.id {instance}"),
                format!("{other} is the member of {instance}"),
                format!("{id} is it, too"),
            ));
        }
    }
}

/// The first partition that two members have, by what `of` says that they have.
fn doubled<'a>(
    shape: &'a Shape,
    of: impl Fn(&'a Member) -> Vec<TopicPartition>,
) -> Option<(TopicPartition, &'a str, &'a str)> {
    let mut owners: BTreeMap<TopicPartition, &str> = BTreeMap::new();
    for (id, member) in &shape.members {
        for partition in of(member) {
            if let Some(other) = owners.insert(partition, id) {
                return Some((partition, other, id));
            }
        }
    }
    None
}

fn classic(before: &Shape, after: &Shape, facts: &Facts, found: &mut Vec<Finding>) {
    let epoch = after.epoch;
    if let Some((partition, one, other)) =
        doubled(after, |member| member.assigned.keys().copied().collect())
    {
        let name = named(facts, partition);
        found.push(Finding::new(
            "G1",
            format!("generation {epoch} gives {name} to two members"),
            format!("{one} is given {name}"),
            format!("{other} is given it, too"),
        ));
    }
    if before.protocol != Protocol::Classic {
        return;
    }
    if epoch < before.epoch {
        found.push(back("generation", before.epoch, epoch));
    }
    if epoch == before.epoch {
        rewritten(before, after, facts, found);
    }
    if epoch == before.epoch + 1 && after.assignor.as_deref() == Some(COOPERATIVE) {
        too_early(before, after, facts, found);
    }
}

fn back(what: &str, from: i32, to: i32) -> Finding {
    Finding::new(
        "G4",
        format!("the {what} goes back from {from} to {to}"),
        format!("a record says {what} {from}"),
        format!("a later one says {what} {to}"),
    )
}

/// A generation is written again when a static member comes back under another id: with the same partitions.
fn rewritten(before: &Shape, after: &Shape, facts: &Facts, found: &mut Vec<Finding>) {
    let who = |id: &String, member: &Member| member.instance.clone().unwrap_or_else(|| id.clone());
    let mut owners = BTreeMap::new();
    for (id, member) in &before.members {
        owners.extend(member.assigned.keys().map(|partition| (*partition, who(id, member))));
    }
    for (id, member) in &after.members {
        let own = who(id, member);
        let other =
            |partition: &&TopicPartition| owners.get(*partition).is_some_and(|owner| *owner != own);
        if let Some(partition) = member.assigned.keys().find(other) {
            let (name, epoch) = (named(facts, *partition), after.epoch);
            found.push(Finding::new(
                "G1",
                format!("generation {epoch} was written twice, and {name} has another owner"),
                format!("{name} was of {}", owners[partition]),
                format!("it is of {own}, in the same generation"),
            ));
        }
    }
}

/// Its owner of the generation before has joined, and says that it has it: it is to be taken from it first.
fn too_early(before: &Shape, after: &Shape, facts: &Facts, found: &mut Vec<Finding>) {
    for (id, member) in &after.members {
        let Some(was) = before.members.get(id) else { continue };
        let claims = |it: &&TopicPartition| was.assigned.contains_key(it);
        for partition in member.claimed.iter().filter(claims) {
            let other = after
                .members
                .iter()
                .find(|(other, of)| *other != id && of.assigned.contains_key(partition));
            if let Some((other, _)) = other {
                let (name, epoch) = (named(facts, *partition), after.epoch);
                found.push(Finding::new(
                    "G3",
                    format!("generation {epoch} gives {name} to another while its owner has it"),
                    format!("{id} had {name} in generation {}, and says so", before.epoch),
                    format!("{other} is given it in generation {epoch}"),
                ));
            }
        }
    }
}

fn consumer(before: &Shape, after: &Shape, facts: &Facts, found: &mut Vec<Finding>) {
    let all = |member: &Member| -> Vec<TopicPartition> {
        member.assigned.keys().chain(member.revoking.keys()).copied().collect()
    };
    if let Some((partition, one, other)) = doubled(after, all) {
        let name = named(facts, partition);
        found.push(Finding::new(
            "NoDoubleClientAssignment",
            format!("two members have {name}"),
            format!("{one} has {name}, or has to give it back"),
            format!("so has {other}"),
        ));
    }
    targets(after, facts, found);
    for (id, member) in &after.members {
        epochs(id, member, before, after, facts, found);
    }
    if before.protocol == Protocol::Consumer && after.epoch < before.epoch {
        found.push(back("group epoch", before.epoch, after.epoch));
    }
    stable(after, facts, found);
}

fn targets(after: &Shape, facts: &Facts, found: &mut Vec<Finding>) {
    let mut owners: BTreeMap<TopicPartition, &String> = BTreeMap::new();
    for (id, partitions) in &after.target {
        if !after.members.contains_key(id) {
            found.push(Finding::new(
                "LegalTargetAssignment",
                format!("the target of epoch {} is for who is no member", after.target_epoch),
                format!("the target gives {} partitions to {id}", partitions.len()),
                format!("{id} is no member"),
            ));
        }
        for partition in partitions {
            if let Some(other) = owners.insert(*partition, id) {
                let name = named(facts, *partition);
                found.push(Finding::new(
                    "LegalTargetAssignment",
                    format!("the target of epoch {} gives {name} to two", after.target_epoch),
                    format!("it gives {name} to {other}"),
                    format!("it gives it to {id}, too"),
                ));
            }
        }
    }
}

fn epochs(
    id: &str,
    member: &Member,
    before: &Shape,
    after: &Shape,
    facts: &Facts,
    found: &mut Vec<Finding>,
) {
    if member.epoch > after.epoch {
        found.push(Finding::new(
            "ValidMemberEpoch",
            format!("a member is ahead of its group: at {}", member.epoch),
            format!("the group is at epoch {}", after.epoch),
            format!("{id} is at epoch {}", member.epoch),
        ));
    }
    let was = before.members.get(id).filter(|_| before.protocol == Protocol::Consumer);
    if let Some(was) = was.filter(|was| member.epoch >= 0 && member.epoch < was.epoch) {
        found.push(back(&format!("epoch of {id}"), was.epoch, member.epoch));
    }
    let held = member.assigned.iter().chain(&member.revoking);
    let ahead = |(_, epoch): &(&TopicPartition, &i32)| member.epoch >= 0 && **epoch > member.epoch;
    if let Some((partition, epoch)) = held.into_iter().find(ahead) {
        let name = named(facts, *partition);
        found.push(Finding::new(
            "ValidPartitionEpoch",
            format!("{name} was assigned in an epoch that its owner has not reached"),
            format!("{id} is at epoch {}", member.epoch),
            format!("it has {name} since epoch {epoch}"),
        ));
    }
}

/// Everybody has come to the target: then everybody has it, and nothing else. But who takes a static member's place
/// with a regular expression that is not resolved yet has nothing of what it may not read, and is stable: the
/// conversation `consumer-group-heartbeat/regex-static` shows it of Kafka (`CurrentAssignmentBuilder`).
fn stable(after: &Shape, facts: &Facts, found: &mut Vec<Finding>) {
    let there = |member: &Member| member.is_stable && member.epoch == after.epoch;
    if after.target_epoch != after.epoch || !after.members.values().all(there) {
        return;
    }
    for (id, member) in &after.members {
        let target = after.target.get(id).cloned().unwrap_or_default();
        let is_read = |it: &TopicPartition| {
            facts.partition(*it).is_some_and(|partition| after.reads(member, &partition.topic))
        };
        let of_target = target.iter().find(|it| is_read(it) && !member.assigned.contains_key(it));
        let beyond = member.assigned.keys().find(|it| !target.contains(it));
        let unrevoked = member.revoking.keys().next();
        if let Some(partition) = of_target.or(beyond).or(unrevoked) {
            let name = named(facts, *partition);
            found.push(Finding::new(
                "ValidStableGroupState",
                format!("all are stable at epoch {}, and {id} has not its target", after.epoch),
                format!("by the target {name} is {}", of_whom(target.contains(partition))),
                format!("by its record it is {}", of_whom(member.assigned.contains_key(partition))),
            ));
        }
    }
}

const fn of_whom(is_its: bool) -> &'static str {
    if is_its { "its own" } else { "not its own" }
}

/// A member that is gone by then was removed before, or has left. A consumer group takes over what its members have,
/// and that is nothing if the assignment of a newer generation could not be written
/// (`resetAndPropagateAssignmentWithError`), and what they had before as long as it is not committed (the coordinator
/// knows the assignment of a generation only then: `classicGroupSyncToClassicGroup`; seed 9732 of `groups_at_once`); a
/// classic one what the target gives them (`ClassicGroup.fromConsumerGroup`), and they rebalance at once.
fn converted(
    (earlier, before, after): (Option<&Shape>, &Shape, &Shape),
    gone: &BTreeSet<TopicId>,
    facts: &Facts,
    found: &mut Vec<Finding>,
) {
    for id in before.members.keys().filter(|id| after.members.contains_key(*id)) {
        let since = |before: &Shape| not_kept(id, before, after, gone);
        let Some((partition, had)) = since(before) else { continue };
        if earlier.is_some_and(|earlier| since(earlier).is_none()) {
            continue;
        }
        let name = named(facts, partition);
        found.push(Finding::new(
            "G12",
            format!("when the group changed its protocol {id} did not keep what it had"),
            format!("before {name} was {}", of_whom(had)),
            format!("afterwards it was {}", of_whom(after.has(id, &partition))),
        ));
    }
}

/// A partition that a member has lost when its group changed its protocol, or has got then; whether it had it before.
fn not_kept(
    id: &str,
    before: &Shape,
    after: &Shape,
    gone: &BTreeSet<TopicId>,
) -> Option<(TopicPartition, bool)> {
    let now = after.members.get(id)?;
    let nothing = (BTreeSet::new(), Held::new());
    let target = before.target.get(id).unwrap_or(&nothing.0);
    let assigned = before.members.get(id).map_or(&nothing.1, |member| &member.assigned);
    let had = |it: &TopicPartition| match before.protocol {
        Protocol::Consumer => target.contains(it),
        _ => assigned.contains_key(it),
    };
    let is_reset = before.protocol == Protocol::Classic && now.assigned.is_empty();
    let lost = |it: &&TopicPartition| {
        had(it) && !after.has(id, it) && !gone.contains(&it.topic) && !is_reset
    };
    let own = target.iter().chain(assigned.keys());
    let other = own.into_iter().find(lost).or_else(|| now.assigned.keys().find(|it| !had(it)));
    other.map(|it| (*it, had(it)))
}
