//! Who has lost bytes earns its place again: R17.
//!
//! In Kafka:   `ReplicationControlManager.handleBrokerShutdown`, `CleanShutdownFileHandler`; KIP-966, KIP-903.
//! Holds:      for each partition the replicas that lost bytes and have not caught up since, and whose new
//!             registration a controller has handled.
//! Invariants: R17 once the restart is registered such a replica is in no in-sync set and not eligible, until it joins
//!             with all that the leader of the present epoch has committed. Not judged: a last known leader, or any
//!             live replica, that was elected for want of others; without eligible leader replicas, the last one in
//!             sync.

use std::collections::BTreeMap;

use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::image::{LeaderRecoveryState, PartitionRegistration};
use trial_cluster::note::Note;
use trial_cluster::note::controller::ControllerNote;
use trial_sim::disk::DiskSeen;
use trial_sim::{CrashKind, HostId, Seen, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known, PartitionFacts, ReplicaLog};

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct Exclusion {
    /// Replicas that lost bytes and have not caught up since, and when they did.
    suspects: BTreeMap<(TopicPartition, HostId), Time>,
    /// The offset of the registration of a host's present process.
    registered: BTreeMap<HostId, i64>,
}

impl Exclusion {
    /// Something was seen; the facts know it already.
    pub fn on_seen(&mut self, seen: &Seen<Note>, facts: &Facts, verdicts: &mut Verdicts) {
        match seen {
            Seen::Crashed { at, host, kind, .. } => {
                self.registered.remove(host);
                if *kind == CrashKind::PowerLoss {
                    self.suspect(*at, *host, facts);
                }
            }
            Seen::Stopped { host, .. } => {
                self.registered.remove(host);
            }
            Seen::Disk { at, host, what: DiskSeen::Wiped, .. } => self.suspect(*at, *host, facts),
            Seen::Note { at, host, note: Note::Controller(note), .. }
                if facts.active_controller == Some(*host) =>
            {
                self.on_note(*at, note, facts, verdicts);
            }
            _ => {}
        }
    }

    fn suspect(&mut self, at: Time, host: HostId, facts: &Facts) {
        for partition in facts.partitions().filter(|it| it.lossy.contains(&host)) {
            self.suspects.insert((partition.id, host), at);
        }
    }

    fn on_note(&mut self, at: Time, note: &ControllerNote, facts: &Facts, verdicts: &mut Verdicts) {
        match note {
            // What the last controller wrote just before may not be on this one's log.
            ControllerNote::Activated { next_write_offset, .. } => {
                self.registered.retain(|_, offset| *offset < next_write_offset.0 - 1);
            }
            ControllerNote::BrokerRegistered { id, epoch, previous, offset, .. }
                if *previous != Some(*epoch) =>
            {
                let Some(host) = facts.setup.host_of(*id) else { return };
                self.registered.insert(host, offset.0);
                for ((of, _), since) in self.suspects.iter().filter(|((_, it), _)| *it == host) {
                    let Some(partition) = facts.partition(*of) else { continue };
                    let Some(found) = partition.registration.as_deref() else { continue };
                    if let Some(place) = place(found, *id).filter(|_| !is_last(found, *id, facts)) {
                        let now = format!(
                            "a controller registered {} anew and left it {place}",
                            facts.setup.name(host)
                        );
                        tell(at, *since, (partition, host), &now, facts, verdicts);
                    }
                }
            }
            _ => {}
        }
    }

    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let Fact::Registered { old, new, .. } = &known.fact else { return };
        let Some(partition) = facts.partition(known.partition) else { return };
        let here = (known.partition, HostId(0))..=(known.partition, HostId(u16::MAX));
        let suspects: Vec<(HostId, Time)> =
            self.suspects.range(here).map(|((_, host), since)| (*host, *since)).collect();
        for (host, since) in suspects {
            let Some(id) = facts.setup.node_of(host) else { continue };
            if !self.registered.contains_key(&host) {
                // The controller does not know of the loss yet.
                continue;
            }
            let before = old.as_deref().and_then(|old| place(old, id));
            let Some(now) = place(new, id) else { continue };
            if before.is_some() {
                // It was there: that was judged when it came.
                continue;
            }
            // Who leads let it in; a reassignment that ends gives the partition to another in the same record.
            let asked = old.as_deref().filter(|old| old.leader.is_some()).unwrap_or(new);
            if is_elected_for_want(new, id) || has_caught_up(host, asked, partition, facts) {
                self.suspects.remove(&(known.partition, host));
                continue;
            }
            let text = format!(
                "a controller took {} in, which is {now} from then on",
                words::node(facts, id)
            );
            tell(known.at, since, (partition, host), &text, facts, verdicts);
        }
    }
}

/// What `id` is in a registration that it may not be.
fn place(registration: &PartitionRegistration, id: BrokerId) -> Option<&'static str> {
    if registration.isr.contains(&id) {
        Some("in sync")
    } else if registration.eligible_leader_replicas.contains(&id) {
        Some("eligible to lead")
    } else {
        None
    }
}

/// Without eligible leader replicas the last one in sync stays so.
fn is_last(registration: &PartitionRegistration, id: BrokerId, facts: &Facts) -> bool {
    !facts.setup.rules.promises_eligible_leader_replicas() && registration.isr == [id]
}

/// Elected uncleanly: what it has is the partition from now on.
fn is_elected_for_want(registration: &PartitionRegistration, id: BrokerId) -> bool {
    registration.leader == Some(id)
        && registration.isr == [id]
        && registration.leader_recovery_state == LeaderRecoveryState::Recovering
}

/// Whether its log reaches what its leader has committed, and the start of the leader's epoch.
fn has_caught_up(
    host: HostId,
    registration: &PartitionRegistration,
    partition: &PartitionFacts,
    facts: &Facts,
) -> bool {
    let leader = registration.leader.and_then(|id| facts.setup.host_of(id));
    let Some(leader) = leader.filter(|leader| *leader != host) else { return false };
    let Some(term) = partition.terms.get(&registration.leader_epoch.0) else { return false };
    let high_watermark = partition.logs.get(&leader).map_or(0, |log| log.high_watermark);
    let end = partition.logs.get(&host).map_or(0, ReplicaLog::end);
    end >= high_watermark.max(term.start)
}

fn tell(
    at: Time,
    since: Time,
    (partition, host): (&PartitionFacts, HostId),
    now: &str,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let (name, broker) = (partition.name(), facts.setup.name(host));
    let breach = Breach {
        invariant: "R17",
        at,
        message: format!(
            "{name}: {broker} lost bytes and kept a place that it has not earned since"
        ),
        facts: [
            format!("{} lost bytes of it", words::who(facts, since, host)),
            format!("{} {now}", words::when(at)),
        ],
    };
    verdicts.always(&format!("{name} {broker}"), breach);
}
