//! What members believe that they have: G2, and the ownership of C3.
//!
//! In Kafka:   `ConsumerRebalanceListener`: a partition is a member's own from `onPartitionsAssigned` until
//!             `onPartitionsRevoked` or `onPartitionsLost` begins.
//! Holds:      of each host that is a member of a group what it has, since when, and under which ids it has had it.
//! Invariants: G2 who is given a partition is its only owner, but for members whom the records do not know any more
//!             (they were removed, and have not heard of it; they who had it, or they who are given it), for static
//!             members that joined too late for a generation and are in it with what they claimed the time before, and
//!             for what a member has behind its coordinator's back (`Owner::unknown`); who joins under a new id has
//!             nothing that others have. C3 a poll returns records of partitions that are the member's own.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::TopicPartition;
use trial_sim::{HostId, Time};

use super::view::{GroupView, Member, Protocol, Shape};
use super::{Finding, named};
use crate::check::words;
use crate::facts::Facts;

/// A host that is a member.
#[derive(Debug, Clone, Default)]
pub(super) struct Owner {
    /// The ids that it has had, the present one last.
    pub(super) ids: Vec<String>,
    pub(super) owned: BTreeSet<TopicPartition>,
    /// The generation, or the epoch, in which it was told so last.
    pub(super) told_in: i32,
    /// When it was given each partition that it has had.
    pub(super) since: BTreeMap<TopicPartition, Time>,
    /// What it has, and the records do not say so, in the two ways in which that happens to Kafka:
    ///
    /// - It missed the answer to a heartbeat in which it said what it owns, and then took what it had been told before
    ///   (`ConsumerMembershipManager.maybeReconcile`). Seed 9910 of `groups_at_once`.
    /// - Its group became a classic one, where its coordinator believes that it has its target
    ///   (`ClassicGroup.fromConsumerGroup`); it learns with its next heartbeat that there is a rebalance. Whoever
    ///   turns the group into one of the consumer protocol before is given what it has. Seeds 6877 and 10643.
    pub(super) unknown: BTreeSet<TopicPartition>,
    /// Whether it was told what it has, be it nothing.
    pub(super) has_assignment: bool,
    /// It has left its group, or will not come back.
    pub(super) has_left: bool,
    /// What its poll threw, if that ended it.
    pub(super) ended_by: Option<ErrorCode>,
}

/// All of them, by host.
pub(super) type Owners = BTreeMap<HostId, Owner>;

/// A member is told what it has from now on.
pub(super) struct Assigned<'a> {
    pub(super) at: Time,
    pub(super) host: HostId,
    pub(super) group: &'a str,
    pub(super) member: &'a str,
    pub(super) generation: i32,
    pub(super) added: &'a [TopicPartition],
    pub(super) owned: &'a [TopicPartition],
}

/// Takes it in; `view` is the group as it is committed. Who was removed before the answer came that gives it something
/// does not count: it learns that with its next heartbeat (seed 17346 of `groups_at_once`).
pub(super) fn on_assigned(
    owners: &mut Owners,
    told: &Assigned<'_>,
    view: &GroupView,
    facts: &Facts,
    found: &mut Vec<Finding>,
) {
    let shape = &*view.shape;
    let is_removed = view.former.contains(told.member);
    for partition in told.added.iter().filter(|_| !is_removed) {
        let of_group = |host: HostId| facts.setup.group(host) == Some(told.group);
        let others = owners.iter().filter(|(host, _)| **host != told.host && of_group(**host));
        let has_it =
            |owner: &Owner| owner.owned.contains(partition) && !owner.unknown.contains(partition);
        for (other, owner) in others.filter(|(_, owner)| has_it(owner)) {
            let member = owner.ids.last().and_then(|id| shape.members.get(id));
            if member.is_none_or(|member| was_late(member, owner, shape)) {
                continue;
            }
            let (name, since) = (named(facts, *partition), owner.since[partition]);
            found.push(Finding::new(
                "G2",
                format!(
                    "{} is given {name}, which {} has",
                    words_of(facts, told.host),
                    words_of(facts, *other)
                ),
                format!(
                    "{} was given {name}, and has not given it back",
                    words::who(facts, since, *other)
                ),
                format!("{} was given it, too", words::who(facts, told.at, told.host)),
            ));
        }
    }
    let own = owners.entry(told.host).or_default();
    if own.ids.last().is_none_or(|id| id != told.member) {
        own.ids.push(told.member.to_owned());
    }
    own.since.extend(told.added.iter().map(|partition| (*partition, told.at)));
    own.owned = told.owned.iter().copied().collect();
    own.unknown.extend(told.added);
    let is_unknown = |partition: &TopicPartition| {
        let member = shape.members.get(told.member);
        let was_its = member.is_some_and(|member| member.ever.contains(partition));
        told.owned.contains(partition) && was_its && !shape.has(told.member, partition)
    };
    own.unknown.retain(is_unknown);
    own.told_in = told.generation;
    (own.has_assignment, own.has_left) = (true, false);
}

/// A coordinator's decision is committed.
pub(super) fn on_decided(
    owners: &mut Owners,
    at: Time,
    (before, after): (&Shape, &Shape),
    facts: &Facts,
    found: &mut Vec<Finding>,
) {
    let came = after.members.iter().filter(|(id, _)| !before.members.contains_key(*id));
    for (id, member) in came.filter(|(_, member)| member.instance.is_none()) {
        came_with_what_others_have(owners, at, (id, member), after, facts, found);
    }
    if (before.protocol, after.protocol) != (Protocol::Consumer, Protocol::Classic) {
        return;
    }
    for owner in owners.values_mut() {
        let Some(id) = owner.ids.last() else { continue };
        let is_forgotten = |it: &&TopicPartition| before.has(id, it) && !after.has(id, it);
        let forgotten: Vec<TopicPartition> =
            owner.owned.iter().filter(is_forgotten).copied().collect();
        if after.members.contains_key(id) {
            owner.unknown.extend(forgotten);
        }
    }
}

/// Who comes under a new id is no member of the generation that it had something in, and knows it: it has lost all that
/// (`ConsumerCoordinator.onJoinPrepare`), whether it was asked to or not.
fn came_with_what_others_have(
    owners: &Owners,
    at: Time,
    (id, member): (&str, &Member),
    after: &Shape,
    facts: &Facts,
    found: &mut Vec<Finding>,
) {
    let Some(host) = facts.setup.host_named(&member.client) else { return };
    let Some(owner) = owners.get(&host).filter(|owner| !owner.ids.iter().any(|it| it == id)) else {
        return;
    };
    let group = facts.setup.group(host);
    let others = owners.iter().filter(|(other, _)| **other != host);
    for (other, has) in others.filter(|(other, _)| facts.setup.group(**other) == group) {
        let is_member = has.ids.last().is_some_and(|id| after.members.contains_key(id));
        let both =
            owner.owned.iter().find(|it| has.owned.contains(it) && !has.unknown.contains(it));
        let Some(partition) = both.filter(|_| is_member) else { continue };
        let (name, since) = (named(facts, *partition), has.since[partition]);
        found.push(Finding::new(
            "G2",
            format!(
                "{} has joined anew and has kept {name}, which {} has",
                words_of(facts, host),
                words_of(facts, *other)
            ),
            format!("{} was given {name}", words::who(facts, since, *other)),
            format!(
                "{} is a member under the id {id}, and has not given it up",
                words::who(facts, at, host)
            ),
        ));
    }
}

/// A static member that did not join again in time is kept, with what it said the time before
/// (`completeClassicGroupJoin`): its group may know nothing of what it was given since.
fn was_late(member: &Member, owner: &Owner, shape: &Shape) -> bool {
    shape.protocol == Protocol::Classic
        && member.instance.is_some()
        && member.claimed_in.unwrap_or(-1) < owner.told_in
}

fn words_of(facts: &Facts, host: HostId) -> String {
    facts.setup.name(host).to_owned()
}

/// A member begins to give up what it has, or learns that it has lost it.
pub(super) fn on_given_up(owners: &mut Owners, host: HostId, partitions: &[TopicPartition]) {
    if let Some(owner) = owners.get_mut(&host) {
        owner.owned.retain(|partition| !partitions.contains(partition));
    }
}

/// A poll has returned records.
pub(super) fn on_polled(
    owners: &Owners,
    at: Time,
    host: HostId,
    partition: TopicPartition,
    facts: &Facts,
) -> Option<Finding> {
    let owned = owners.get(&host).map(|owner| &owner.owned);
    if owned.is_some_and(|owned| owned.contains(&partition)) {
        return None;
    }
    let (name, reader) = (named(facts, partition), facts.setup.name(host));
    let has = owned.map_or_else(String::new, |owned| {
        let names: Vec<String> = owned.iter().map(|it| named(facts, *it)).collect();
        names.join(", ")
    });
    Some(Finding::new(
        "C3",
        format!("{reader} got records of {name}, which is not its own"),
        format!("{reader} has {}", if has.is_empty() { "nothing".to_owned() } else { has }),
        format!("{} polled records of {name}", words::who(facts, at, host)),
    ))
}
