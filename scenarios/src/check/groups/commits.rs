//! What becomes of committed offsets: G5, G6, G7, G8, G11 and G13.
//!
//! In Kafka:   `OffsetMetadataManager` (`commitOffset`, `fetchOffsets`, `cleanupExpiredOffsets`), `OffsetFetcher`.
//! Inputs:     what members note, and what is committed in `__consumer_offsets`.
//! Invariants: G5 a commit is taken from who is a member, in its generation, or in an epoch in which the partition was
//!             its own (KIP-1251). G6 a commit that was acknowledged before a member began on a partition is not older
//!             than what that member is told. G7 nothing is committed beyond what the member's application has
//!             processed. G8 no offset expires while a member reads its topic. G11 a commit is acknowledged once its
//!             record is committed. G13 a position that is told is a committed one.
//! Left out:   commits of clients from outside, whose notes nobody has: their records are read all the same.

use std::collections::BTreeMap;

use trial_cluster::ids::TopicPartition;
use trial_sim::{HostId, Time};

use super::view::{Committed, GroupView, Protocol, Shape};
use super::{Finding, named};
use crate::check::words;
use crate::facts::Facts;

/// Commits that were acknowledged, and how far members have come.
#[derive(Debug, Clone, Default)]
pub(super) struct Commits {
    /// By group and partition: when, and the place in the list of what is committed up to which acknowledged commits
    /// are known to reach, both rising.
    acked: BTreeMap<(String, TopicPartition), Vec<(Time, usize)>>,
    /// The furthest position up to which each member's application is through.
    furthest: BTreeMap<(HostId, TopicPartition), i64>,
    /// How far polls have come since.
    polled: BTreeMap<(HostId, TopicPartition), i64>,
}

/// A member, and the partition that it tells of.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) at: Time,
    pub(super) host: HostId,
    pub(super) group: &'a str,
    pub(super) partition: TopicPartition,
    pub(super) facts: &'a Facts,
}

impl Place<'_> {
    fn committed<'v>(&self, view: &'v GroupView) -> &'v [Committed] {
        let Some(known) = self.facts.partition(self.partition) else { return &[] };
        view.committed(&known.topic, self.partition.partition)
    }

    fn is_of_topic(&self, entry: &Committed) -> bool {
        entry.topic.is_none_or(|topic| topic == self.partition.topic)
    }

    fn who(&self) -> String {
        words::who(self.facts, self.at, self.host)
    }

    fn name(&self) -> String {
        named(self.facts, self.partition)
    }

    fn member(&self) -> &str {
        self.facts.setup.name(self.host)
    }
}

/// Who sent a commit.
pub(super) struct Sender<'a> {
    /// The ids that the member has had.
    pub(super) ids: &'a [String],
    pub(super) generation: i32,
}

impl Commits {
    /// A member's position.
    pub(super) fn on_position(&mut self, host: HostId, partition: TopicPartition, position: i64) {
        let furthest = self.furthest.entry((host, partition)).or_insert(position);
        *furthest = position.max(*furthest);
    }

    /// A poll has returned records: the application works on them.
    pub(super) fn on_polled(&mut self, host: HostId, partition: TopicPartition, position: i64) {
        self.polled.insert((host, partition), position);
    }

    /// The application is through with what polls have returned.
    pub(super) fn on_processed(&mut self, host: HostId) {
        for ((reader, partition), position) in std::mem::take(&mut self.polled) {
            if reader == host {
                self.on_position(host, partition, position);
            } else {
                self.polled.insert((reader, partition), position);
            }
        }
    }

    /// A process is gone, and its successor has read nothing.
    pub(super) fn on_down(&mut self, host: HostId) {
        self.furthest.retain(|(reader, _), _| *reader != host);
        self.polled.retain(|(reader, _), _| *reader != host);
    }

    /// A commit was acknowledged.
    pub(super) fn on_acked(
        &mut self,
        place: &Place<'_>,
        offset: i64,
        sender: &Sender<'_>,
        view: &GroupView,
        found: &mut Vec<Finding>,
    ) {
        let Place { at, host, partition, .. } = *place;
        let furthest = self.furthest.get(&(host, partition)).copied();
        if furthest.is_none_or(|furthest| offset > furthest) {
            let come = furthest.map_or("nothing".to_owned(), |to| format!("up to {to}"));
            found.push(Finding::new(
                "G7",
                format!(
                    "{} committed {offset} of {}, beyond what it has processed",
                    place.member(),
                    place.name()
                ),
                format!("{} has processed {come} of {}", place.member(), place.name()),
                format!("{} was told that {offset} is committed", place.who()),
            ));
        }
        let entries = place.committed(view);
        let is_it = |entry: &&Committed| entry.offset == Some(offset) && place.is_of_topic(entry);
        let Some(first) = entries.iter().position(|entry| is_it(&entry)) else {
            let last = entries.last().and_then(|entry| entry.offset);
            let last = last.map_or("nothing".to_owned(), |offset| offset.to_string());
            found.push(Finding::new(
                "G11",
                format!(
                    "{} was told that its commit of {} stands, and it does not",
                    place.member(),
                    place.name()
                ),
                format!("of {} {last} is committed in group {}", place.name(), place.group),
                format!("{} was told that {offset} is committed", place.who()),
            ));
            return;
        };
        let may = |entry: &Committed| may_commit(&entry.shape, sender, partition);
        if !entries.iter().filter(is_it).any(may) {
            let shape = &entries[first].shape;
            let ids = sender.ids.join(", ");
            found.push(Finding::new(
                "G5",
                format!("a commit of {} was taken from who may not commit it", place.name()),
                format!(
                    "the group was at {}, {}",
                    shape.epoch,
                    as_member(shape, sender, partition)
                ),
                format!(
                    "{} ({ids}) was told that its commit in {} stands",
                    place.who(),
                    sender.generation
                ),
            ));
        }
        let acked = self.acked.entry((place.group.to_owned(), partition)).or_default();
        let reached = acked.last().map_or(0, |(_, reached)| *reached).max(first);
        acked.push((at, reached));
    }

    /// A member was told what its group has committed, or that there is nothing; it was given the partition `since`.
    pub(super) fn on_told(
        &self,
        place: &Place<'_>,
        told: Option<i64>,
        since: Time,
        view: &GroupView,
        found: &mut Vec<Finding>,
    ) {
        let entries = place.committed(view);
        let acked = self.acked.get(&(place.group.to_owned(), place.partition));
        let before =
            acked.map_or(&[][..], |acked| &acked[..acked.partition_point(|(at, _)| *at < since)]);
        let from = before.last().map(|(_, reached)| *reached);
        let is_it = |entry: &Committed| {
            entry.offset == told && (told.is_none() || place.is_of_topic(entry))
        };
        let latest = entries.iter().rposition(is_it);
        let what = told.map_or("nothing".to_owned(), |offset| offset.to_string());
        if told.is_some() && latest.is_none() {
            found.push(Finding::new(
                "G13",
                format!(
                    "{} was told a position in {} that is not committed",
                    place.member(),
                    place.name()
                ),
                format!(
                    "{} positions of {} are committed, none of them {what}",
                    entries.len(),
                    place.name()
                ),
                format!("{} was told {what}", place.who()),
            ));
            return;
        }
        let Some(from) = from.filter(|from| latest.is_none_or(|latest| latest < *from)) else {
            return;
        };
        // Another topic of this name: nothing that was committed before it counts.
        if !place.is_of_topic(&entries[from]) {
            return;
        }
        let stood = entries[from].offset.map_or("nothing".to_owned(), |it| it.to_string());
        found.push(Finding::new(
            "G6",
            format!(
                "{} was told a position in {} that is older than an acknowledged commit",
                place.member(),
                place.name()
            ),
            format!(
                "{} the commit of {stood} stood, and was acknowledged before {} was given {}",
                words::when(entries[from].at),
                place.member(),
                place.name()
            ),
            format!("{} was told {what}", place.who()),
        ));
    }
}

fn may_commit(shape: &Shape, sender: &Sender<'_>, partition: TopicPartition) -> bool {
    let generation = sender.generation;
    let members = sender.ids.iter().filter_map(|id| shape.members.get(id));
    match shape.protocol {
        // Who is no member may commit as long as nobody is.
        Protocol::None => generation < 0,
        Protocol::Classic => generation == shape.epoch && members.count() > 0,
        Protocol::Consumer => members.into_iter().any(|member| {
            let since = member.assigned.get(&partition).or_else(|| member.revoking.get(&partition));
            generation == member.epoch
                || generation < member.epoch && since.is_some_and(|since| generation >= *since)
        }),
    }
}

fn as_member(shape: &Shape, sender: &Sender<'_>, partition: TopicPartition) -> String {
    let found = sender.ids.iter().rev().find_map(|id| shape.members.get(id));
    let Some(member) = found else { return "and the sender no member".to_owned() };
    let since = member.assigned.get(&partition).or_else(|| member.revoking.get(&partition));
    match since {
        Some(since) => format!("the sender at {}, with the partition since {since}", member.epoch),
        None => format!("the sender at {}, without the partition", member.epoch),
    }
}

/// An offset has ended: whoever reads its topic, and is a member or is joining, would have to begin anew (G8).
pub(super) fn on_tombstone(
    (group, written): (&str, Time),
    (topic, partition): (&str, i32),
    before: Option<&Committed>,
    view: &GroupView,
    found: &mut Vec<Finding>,
) {
    let Some(before) = before.filter(|before| before.offset.is_some()) else { return };
    if let Some(since) = view.prepares_since.filter(|since| written > *since) {
        found.push(Finding::new(
            "G8",
            format!(
                "the offset of {topic}/{partition} is gone from group {group}, which rebalances"
            ),
            format!(
                "{} offset {} was committed",
                words::when(before.at),
                before.offset.unwrap_or(-1)
            ),
            format!("{} its coordinator began to wait for members", words::when(since)),
        ));
        return;
    }
    let reader = view.shape.members.iter().find(|(_, member)| member.topics.contains(topic));
    if let Some((id, _)) = reader {
        found.push(Finding::new(
            "G8",
            format!("the offset of {topic}/{partition} is gone from group {group}, which reads it"),
            format!(
                "{} offset {} was committed",
                words::when(before.at),
                before.offset.unwrap_or(-1)
            ),
            format!("{id} is a member, and subscribes to {topic}"),
        ));
    }
}
