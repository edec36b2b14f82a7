//! What is committed stays, and is the same everywhere: R1 to R5, R8, R11, R12, R15, R19, S1, C2.
//!
//! In Kafka:   `Kip320` and `AsyncIsr` of the published specifications; KIP-966's LeaderCompleteness.
//! Inputs:     bytes on disks and connections against the commit ledger; notes for who leads and how far.
//! Left out:   the audit at a leader change looks at the new leader's log only; other replicas are looked at when
//!             they write.

use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Time};

use super::verdicts::{Verdicts, Violation};
use crate::facts::{Fact, Facts, Known, PartitionFacts, Stored};

/// Whether the configuration promises durability, and nobody has broken what that rests on.
fn is_durable(facts: &Facts, partition: &PartitionFacts) -> bool {
    let topic = facts.setup.topics.get(&*partition.topic);
    !facts.setup.exceeds_budget
        && partition.min_insync >= 2
        && topic.is_some_and(|topic| !topic.unclean)
}

/// One finding about one partition.
struct Breach<'a> {
    invariant: &'static str,
    at: Time,
    partition: &'a PartitionFacts,
    place: i64,
}

impl Breach<'_> {
    fn tell(&self, verdicts: &mut Verdicts, message: String, first: String, then: String) {
        if !verdicts.is_news(self.invariant, &self.partition.name()) {
            return;
        }
        let message = format!("{} offset {}: {message}", self.partition.name(), self.place);
        let (invariant, at) = (self.invariant, self.at);
        verdicts.violated(Violation { invariant, at, message, facts: [first, then] });
    }
}

fn batch(stored: &Stored) -> String {
    format!(
        "{} to {} (epoch {}, checksum {:08x})",
        stored.base, stored.last, stored.epoch, stored.crc
    )
}

/// Judges one fact.
pub(super) fn on(known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
    let Some(partition) = facts.partition(known.partition) else { return };
    let breach = |invariant, place| Breach { invariant, at: known.at, partition, place };
    let name = |host: HostId| facts.setup.name(host);
    match &known.fact {
        Fact::Written { host, batch: new, end_before, epoch_before, first } => {
            if new.base < *end_before || new.epoch < *epoch_before {
                breach("R2", new.base).tell(
                    verdicts,
                    format!("{} wrote a batch that goes back", name(*host)),
                    format!("its log ended at {end_before} in epoch {epoch_before}"),
                    format!("{} it wrote {}", known.at, batch(new)),
                );
            }
            if *first
                && let Some(term) = partition.terms.get(&new.epoch)
                && term.leader != *host
            {
                breach("R1", new.base).tell(
                    verdicts,
                    format!("two brokers wrote records of epoch {}", new.epoch),
                    format!("{} {} became its leader", term.at, name(term.leader)),
                    format!(
                        "{} {} wrote {}, which nobody else holds",
                        known.at,
                        name(*host),
                        batch(new)
                    ),
                );
            }
            written_below_the_ledger(known.at, *host, new, partition, facts, verdicts);
        }
        Fact::BadBytes { host, place, fault } => breach("S1", 0).tell(
            verdicts,
            format!("{} holds or serves a batch that is not whole", name(*host)),
            format!("in {place}"),
            format!("{} {fault:?}", known.at),
        ),
        Fact::Noted { host, event } => noted(known.at, *host, event, partition, facts, verdicts),
        Fact::Acked { ack, on_disk } => {
            let end = ack.base + i64::from(ack.count);
            if ack.acks == -1 && partition.committed_end < end {
                breach("R12", ack.base).tell(
                    verdicts,
                    format!("{} acknowledged under acks=all what is not committed", name(ack.by)),
                    format!("no leader's high watermark has passed {}", partition.committed_end),
                    format!("{} it answered success up to offset {}", ack.at, end - 1),
                );
            }
            if on_disk.is_none_or(|stored| stored.base != ack.base || stored.crc != ack.crc) {
                let found = on_disk.as_ref().map_or_else(|| "nothing".to_owned(), batch);
                breach("C2", ack.base).tell(
                    verdicts,
                    format!(
                        "{} acknowledged a batch that its disk does not hold there",
                        name(ack.by)
                    ),
                    format!(
                        "the producer sent {} records with checksum {:08x}",
                        ack.count, ack.crc
                    ),
                    format!("{} its disk holds {found}", ack.at),
                );
            }
        }
        Fact::Fetched { host, by_consumer: true, batches, .. } => {
            for served in batches {
                let held = partition.committed_at(served.base);
                if held.is_some_and(|held| held.batch.is_same(served))
                    || !is_durable(facts, partition)
                {
                    continue;
                }
                let found = held.map_or_else(
                    || format!("only what lies below {} is committed", partition.committed_end),
                    |held| {
                        format!(
                            "{} {} committed {}",
                            held.at,
                            name(held.leader),
                            batch(&held.batch)
                        )
                    },
                );
                breach("R19", served.base).tell(
                    verdicts,
                    format!("{} handed a consumer what is not committed", name(*host)),
                    found,
                    format!("{} it answered with {}", known.at, batch(served)),
                );
            }
        }
        Fact::Fetched { .. } | Fact::Removed { .. } | Fact::Registered { .. } => {}
    }
}

/// R3: below the ledger's end every replica holds what the ledger says.
fn written_below_the_ledger(
    at: Time,
    host: HostId,
    new: &Stored,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let Some(held) = partition.committed_at(new.base) else { return };
    if held.batch.is_same(new) || !is_durable(facts, partition) {
        return;
    }
    let name = |host: HostId| facts.setup.name(host);
    Breach { invariant: "R3", at, partition, place: new.base }.tell(
        verdicts,
        format!("committed by {} and different on {}", name(held.leader), name(host)),
        format!("{} {} committed {}", held.at, name(held.leader), batch(&held.batch)),
        format!("{at} {} wrote {}", name(host), batch(new)),
    );
}

fn noted(
    at: Time,
    host: HostId,
    event: &PartitionEvent,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let name = |host: HostId| facts.setup.name(host);
    let durable = is_durable(facts, partition);
    match event {
        PartitionEvent::BecameLeader { leader_epoch, .. } if durable => {
            leader_holds_everything(at, host, leader_epoch.0, partition, facts, verdicts);
        }
        PartitionEvent::LeaderHighWatermarkMoved { to, committed_isr, min_isr, .. } => {
            if committed_isr < min_isr {
                Breach { invariant: "R11", at, partition, place: to.0 }.tell(
                    verdicts,
                    format!("{} advanced the high watermark with too few in sync", name(host)),
                    format!("{min_isr} have to be in sync"),
                    format!("{at} it moved it to {to} with {committed_isr}"),
                );
            }
            if durable {
                in_sync_replicas_hold_it(at, host, to.0, partition, facts, verdicts);
            }
        }
        PartitionEvent::Truncated { from, to, high_watermark, .. }
            if durable && to < high_watermark =>
        {
            Breach { invariant: "R15", at, partition, place: to.0 }.tell(
                verdicts,
                format!("{} cut its log below its own high watermark", name(host)),
                format!("its high watermark was {high_watermark}"),
                format!("{at} it cut from {from} to {to}"),
            );
        }
        _ => {}
    }
}

/// R4 and R5: whoever leads holds the whole ledger.
fn leader_holds_everything(
    at: Time,
    host: HostId,
    epoch: i32,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let Some(log) = partition.logs.get(&host) else { return };
    let name = |host: HostId| facts.setup.name(host);
    for held in partition.ledger.iter() {
        let here = log.at(held.batch.base);
        if here.is_some_and(|here| here.is_same(&held.batch)) {
            continue;
        }
        let (invariant, found) = match here {
            Some(here) => ("R4", batch(here)),
            None => ("R5", format!("nothing there; its log ends at {}", log.end())),
        };
        Breach { invariant, at, partition, place: held.batch.base }.tell(
            verdicts,
            format!(
                "committed by {} and missing on its new leader {}",
                name(held.leader),
                name(host)
            ),
            format!("{} {} committed {}", held.at, name(held.leader), batch(&held.batch)),
            format!("{at} {} leads epoch {epoch} and holds {found}", name(host)),
        );
        return;
    }
}

/// R8: what a high watermark passes, every running member of the in-sync set holds.
fn in_sync_replicas_hold_it(
    at: Time,
    leader: HostId,
    to: i64,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let Some(registration) = &partition.registration else { return };
    if registration.leader.and_then(|id| facts.setup.host_of(id)) != Some(leader) {
        return;
    }
    for member in &registration.isr {
        let Some(host) = facts.setup.host_of(*member) else { continue };
        if partition.unclean.contains(&host) || partition.lossy.contains(&host) {
            continue;
        }
        let end = partition.logs.get(&host).map_or(0, crate::facts::ReplicaLog::end);
        if end < to {
            let name = |host: HostId| facts.setup.name(host);
            Breach { invariant: "R8", at, partition, place: end }.tell(
                verdicts,
                format!("the high watermark passed {}, which is in sync", name(host)),
                format!("{}'s log ends at {end}", name(host)),
                format!("{at} {} moved its high watermark to {to}", name(leader)),
            );
        }
    }
}
