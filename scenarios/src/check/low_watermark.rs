//! What is deleted everywhere when DeleteRecords says so: R26.
//!
//! In Kafka:   `Partition.lowWatermarkIfLeader`, `DelayedDeleteRecords`; KIP-107.
//! Holds:      of each partition who leads in the registered epoch, since when each member is in sync in it, and whom
//!             the leader has heard; when brokers last forgot where their logs start.
//! Inputs:     registrations, leaders' notes, answers to followers' fetches and to DeleteRecords, ends of processes.
//! Invariants: R26 when a leader tells a low watermark, the log of every member of its in-sync set that runs starts
//!             there or later. Not judged: a leader that was asked before it led in the registered epoch (its metadata
//!             is old, and its epoch may be over); a member that has joined since it was asked (it was fenced perhaps,
//!             and nobody waits for those); a member that has forgotten its start in a crash, to its checkpoint, and of
//!             which the leader has heard nothing since: it goes by what it heard before. So it does of one that it
//!             has not heard since it was elected again: it keeps what it knew.
//! Left out:   answers in versions before 2, which the tap does not read.

use std::collections::BTreeMap;

use trial_cluster::ids::{BrokerId, LeaderEpoch, TopicPartition};
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::Note;
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::disk::DiskSeen;
use trial_sim::{HostId, Seen, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known, PartitionFacts, ReplicaLog};

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct LowWatermarks {
    partitions: BTreeMap<TopicPartition, Watched>,
    /// When each host's process last ended without writing down where its logs start, or its disk was lost.
    forgot: BTreeMap<HostId, Time>,
}

/// What is known of one partition.
#[derive(Debug, Clone, Default)]
struct Watched {
    /// When the newest leader epoch was registered.
    epoch_since: Time,
    /// Who has been in sync in that epoch without a break, since when.
    members: BTreeMap<BrokerId, Time>,
    leading: Option<Leading>,
}

/// A leader, by its word.
#[derive(Debug, Clone)]
struct Leading {
    host: HostId,
    epoch: LeaderEpoch,
    since: Time,
    was_leader: bool,
    /// Followers whose fetches of this epoch it has answered, since when.
    heard: BTreeMap<HostId, Time>,
}

impl LowWatermarks {
    /// Something was seen.
    pub fn on_seen(&mut self, seen: &Seen<Note>) {
        match seen {
            Seen::Crashed { at, host, .. } | Seen::Stopped { at, host, halt: Some(_) } => {
                self.on_down(*host);
                self.on_forgot(*at, *host);
            }
            Seen::Stopped { host, .. } => self.on_down(*host),
            Seen::Disk { at, host, what: DiskSeen::Wiped, .. } => self.on_forgot(*at, *host),
            _ => {}
        }
    }

    fn on_down(&mut self, host: HostId) {
        for watched in self.partitions.values_mut() {
            if watched.leading.as_ref().is_some_and(|leading| leading.host == host) {
                watched.leading = None;
            }
        }
    }

    fn on_forgot(&mut self, at: Time, host: HostId) {
        self.forgot.insert(host, at);
        for leading in self.partitions.values_mut().filter_map(|it| it.leading.as_mut()) {
            leading.heard.remove(&host);
        }
    }

    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let at = known.at;
        match &known.fact {
            Fact::Registered { old, new, .. } => {
                self.watched(known).on_registered(at, old.as_deref(), new);
            }
            Fact::Noted {
                host,
                event: PartitionEvent::BecameLeader { leader_epoch, was_leader, .. },
            } => self.watched(known).on_leader(at, *host, (*leader_epoch, *was_leader)),
            Fact::Fetched { host, reader, by_consumer: false, diverges: false, asked, .. } => {
                let forgot = self.forgot.get(reader).copied();
                self.watched(known).on_heard((at, *asked), *host, *reader, forgot);
            }
            Fact::LowWatermarkTold { host, low_watermark, asked } => {
                let told = Told { at, host: *host, low_watermark: *low_watermark, asked: *asked };
                if let Some(partition) = facts.partition(known.partition) {
                    self.judge(&told, partition, facts, verdicts);
                }
            }
            _ => {}
        }
    }

    fn watched(&mut self, known: &Known) -> &mut Watched {
        self.partitions.entry(known.partition).or_default()
    }

    fn judge(
        &self,
        told: &Told,
        partition: &PartitionFacts,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let Some(watched) = self.partitions.get(&partition.id) else { return };
        let Some(registration) = partition.registration.as_deref() else { return };
        let Some(leading) = watched.leading.as_ref().filter(|it| it.is(told, registration, facts))
        else {
            return;
        };
        for member in &registration.isr {
            let Some(host) = facts.setup.host_of(*member) else { continue };
            let has_joined = watched.members.get(member).is_none_or(|since| *since >= told.asked);
            let forgot = self.forgot.get(&host).copied();
            let is_known = host == leading.host || watched.is_known(leading, host, told, forgot);
            if has_joined || !is_known || facts.down.contains(&host) {
                continue;
            }
            let start = partition.logs.get(&host).map_or(0, ReplicaLog::begin);
            if start < told.low_watermark {
                told.contradicted(partition, (host, start), facts, verdicts);
            }
        }
    }
}

impl Watched {
    fn on_registered(
        &mut self,
        at: Time,
        old: Option<&PartitionRegistration>,
        new: &PartitionRegistration,
    ) {
        if old.is_none_or(|old| old.leader_epoch != new.leader_epoch) {
            self.epoch_since = at;
            self.members.clear();
        }
        // By what it was before, too: a controller that takes over may have undone what was seen last.
        let was_in = |id: &BrokerId| old.is_some_and(|old| old.isr.contains(id));
        self.members.retain(|id, _| new.isr.contains(id) && was_in(id));
        for id in &new.isr {
            self.members.entry(*id).or_insert(at);
        }
    }

    fn on_leader(&mut self, at: Time, host: HostId, (epoch, was_leader): (LeaderEpoch, bool)) {
        if self.leading.as_ref().is_none_or(|known| known.epoch < epoch) {
            let heard = BTreeMap::new();
            self.leading = Some(Leading { host, epoch, since: at, was_leader, heard });
        }
    }

    /// A leader has answered a fetch of a follower.
    fn on_heard(
        &mut self,
        (at, asked): (Time, Time),
        host: HostId,
        follower: HostId,
        forgot: Option<Time>,
    ) {
        let leading = self.leading.as_mut().filter(|leading| leading.host == host);
        if let Some(leading) = leading.filter(|it| asked > it.since)
            && forgot.is_none_or(|forgot| forgot < asked)
        {
            leading.heard.entry(follower).or_insert(at);
        }
    }

    /// Whether all that the leader knew of a follower's start, when it was asked or later, still holds: starts rise.
    fn is_known(
        &self,
        leading: &Leading,
        follower: HostId,
        told: &Told,
        forgot: Option<Time>,
    ) -> bool {
        // A new leader knows nothing of anybody, and does not answer before it has heard.
        let hears_first =
            !leading.was_leader && forgot.is_none_or(|forgot| forgot < self.epoch_since);
        hears_first || leading.heard.get(&follower).is_some_and(|heard| *heard < told.asked)
    }
}

impl Leading {
    /// Whether it is who has told, in the registered epoch, and was so when it was asked.
    fn is(&self, told: &Told, registration: &PartitionRegistration, facts: &Facts) -> bool {
        self.host == told.host
            && self.since < told.asked
            && registration.leader_epoch == self.epoch
            && registration.leader.and_then(|id| facts.setup.host_of(id)) == Some(self.host)
    }
}

/// An answer to DeleteRecords.
struct Told {
    at: Time,
    host: HostId,
    low_watermark: i64,
    asked: Time,
}

impl Told {
    fn contradicted(
        &self,
        partition: &PartitionFacts,
        (host, start): (HostId, i64),
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let (name, low_watermark) = (partition.name(), self.low_watermark);
        let (leader, member) = (facts.setup.name(self.host), facts.setup.name(host));
        let breach = Breach {
            invariant: "R26",
            at: self.at,
            message: format!(
                "{name}: {leader} told that every log starts at {low_watermark} or later, and that of {member}, which \
                 is in sync, starts at {start}"
            ),
            facts: [
                format!("{} had a log that starts at {start}", words::who(facts, self.at, host)),
                format!(
                    "{} answered a DeleteRecords with a low watermark of {low_watermark}",
                    words::who(facts, self.at, self.host)
                ),
            ],
        };
        verdicts.always(&format!("{name} {member}"), breach);
    }
}
