//! How long each partition was nobody's in a group: what a rebalance costs.
//!
//! In Kafka:   what `ConsumerRebalanceListener` says: a partition is read from `onPartitionsAssigned` to
//!             `onPartitionsRevoked`, `onPartitionsLost` or the end of the process.
//! Inputs:     notes of members, and that their hosts go down.
//! Invariants: PA-1 nothing here changes a step of the run. PA-2 what was never anybody's has no pause yet.
//! Left out:   a member that is frozen: its partitions are still its own, and nobody's else.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::client::NamedPartition;
use trial_cluster::client::member::is_mended_by_polling;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::note::Note;
use trial_cluster::note::client::ClientNote;
use trial_reports::{GroupOutcome, MemberEnd, PartitionPause};
use trial_sim::{HostId, Seen, Span, Time};

use crate::facts::Facts;

/// A partition in a group.
#[derive(Debug, Clone, Default)]
struct Paused {
    owners: BTreeSet<HostId>,
    /// Since when it is nobody's, if it was somebody's before.
    since: Option<Time>,
    whole: Span,
    longest: Span,
    times: u64,
}

impl Paused {
    fn begin(&mut self, at: Time, host: HostId) {
        if self.owners.remove(&host) && self.owners.is_empty() {
            self.since = Some(at);
        }
    }

    fn end(&mut self, at: Time, host: HostId) {
        self.owners.insert(host);
        if let Some(since) = self.since.take() {
            let took = at.since(since);
            self.whole += took;
            self.longest = self.longest.max(took);
            self.times += 1;
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Group {
    /// Generations, or epochs, that a member was told.
    generations: BTreeSet<i32>,
    ended: Vec<(Time, HostId, ErrorCode)>,
    partitions: BTreeMap<NamedPartition, Paused>,
}

/// What groups paused.
#[derive(Debug, Clone, Default)]
pub(super) struct Pauses {
    groups: BTreeMap<String, Group>,
}

impl Pauses {
    /// Takes one thing in.
    pub(super) fn on_seen(&mut self, seen: &Seen<Note>, facts: &Facts) {
        match seen {
            Seen::Note { at, host, note: Note::Client(note), .. } => {
                if let Some(group) = facts.setup.group(*host) {
                    self.on_note(*at, *host, group, note);
                }
            }
            Seen::Crashed { at, host, .. } | Seen::Stopped { at, host, .. } => {
                if let Some(group) = facts.setup.group(*host) {
                    self.gives_up_all(*at, *host, group);
                }
            }
            _ => {}
        }
    }

    fn on_note(&mut self, at: Time, host: HostId, group: &str, note: &ClientNote) {
        match note {
            ClientNote::GroupAssigned { generation, owned, .. } => {
                let group = self.groups.entry(group.to_owned()).or_default();
                group.generations.insert(*generation);
                for partition in owned {
                    group.partitions.entry(partition.clone()).or_default().end(at, host);
                }
            }
            ClientNote::GroupRevoked { partitions, .. }
            | ClientNote::GroupLost { partitions, .. } => {
                let group = self.groups.entry(group.to_owned()).or_default();
                for partition in partitions {
                    group.partitions.entry(partition.clone()).or_default().begin(at, host);
                }
            }
            ClientNote::MemberClosed => self.gives_up_all(at, host, group),
            ClientNote::PollFailed { error } if !is_mended_by_polling(*error) => {
                let group = self.groups.entry(group.to_owned()).or_default();
                group.ended.push((at, host, *error));
            }
            _ => {}
        }
    }

    fn gives_up_all(&mut self, at: Time, host: HostId, group: &str) {
        let Some(group) = self.groups.get_mut(group) else { return };
        group.partitions.values_mut().for_each(|partition| partition.begin(at, host));
    }

    /// Of every group, by its name; a pause that lasts is as long as it is by `now`.
    pub(super) fn outcomes(&self, now: Time, facts: &Facts) -> Vec<GroupOutcome> {
        let outcome = |(name, group): (&String, &Group)| GroupOutcome {
            group: name.clone(),
            protocol: protocol_of(name, facts),
            generations: group.generations.len() as u64,
            partitions: group
                .partitions
                .iter()
                .map(|(partition, paused)| {
                    let open = paused.since.map_or(Span::ZERO, |since| now.since(since));
                    PartitionPause {
                        partition: format!("{}/{}", partition.topic, partition.partition),
                        pauses: paused.times + u64::from(paused.since.is_some()),
                        paused_ms: (paused.whole + open).as_millis(),
                        longest_ms: paused.longest.max(open).as_millis(),
                    }
                })
                .collect(),
            ended: group
                .ended
                .iter()
                .map(|(at, host, error)| MemberEnd {
                    member: facts.setup.name(*host).to_owned(),
                    at_ms: at.as_millis(),
                    error: error.to_string(),
                })
                .collect(),
        };
        self.groups.iter().map(outcome).collect()
    }
}

/// How its members agree, in words.
fn protocol_of(group: &str, facts: &Facts) -> String {
    let members = facts.setup.hosts.iter().filter_map(|host| host.member.as_ref());
    let ours = members.filter(|member| member.group == group);
    let words: BTreeSet<&str> = ours.map(|member| member.protocol.as_str()).collect();
    words.into_iter().collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Time {
        Time(millis * 1_000_000)
    }

    #[test]
    fn a_pause_lasts_from_the_last_owner_to_the_next() {
        let (one, other) = (HostId(1), HostId(2));
        let mut paused = Paused::default();
        paused.begin(at(1), one);
        assert_eq!(paused.since, None, "PA-2");
        paused.end(at(2), one);
        paused.end(at(3), other);
        paused.begin(at(4), one);
        assert_eq!(paused.since, None, "the other has it, too");
        paused.begin(at(5), other);
        paused.end(at(9), one);
        paused.begin(at(10), one);
        paused.end(at(11), other);
        let told = (paused.whole, paused.longest, paused.times);
        assert_eq!(told, (Span::from_millis(5), Span::from_millis(4), 2));
    }
}
