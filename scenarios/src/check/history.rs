//! The history of all clients, judged at the end: poll-skip, unseen, duplicate.
//!
//! In Kafka:   nothing; Jepsen's `tests/kafka.clj` (`poll-skip`, `unseen`, `duplicate`).
//! Inputs:     what consumers left out or saw twice; the ledger.
//! Invariants: poll-skip a consumer leaves nothing committed out. unseen what was told safe is read by the end.
//!             duplicate a record stands at one offset, if its producer is idempotent and no broker has forgotten it.

use std::ops::{Range, RangeInclusive};

use trial_cluster::ids::TopicPartition;
use trial_sim::{HostId, Time};

use super::clients::{Clients, Doubles};
use super::compaction;
use super::losses::Lost;
use super::promise::FaultSeen;
use super::verdicts::{Breach, Excuse, Verdicts, replica_hosts};
use super::words;
use crate::facts::{Facts, PartitionFacts, ReplicaLog, Role, Term};
use crate::tap::Sequence;

/// The run is over.
pub fn finish(clients: &Clients, facts: &Facts, faults: &[FaultSeen], verdicts: &mut Verdicts) {
    skipped(clients, facts, verdicts);
    for (id, doubles) in &clients.doubles {
        if let Some(partition) = facts.partition(*id) {
            duplicate(partition, doubles, clients, facts, faults, verdicts);
        }
    }
}

fn skipped(clients: &Clients, facts: &Facts, verdicts: &mut Verdicts) {
    for gap in &clients.gaps {
        let Some(partition) = facts.partition(gap.partition) else { continue };
        // What may be gone may be left out.
        let from = gap.from.max(partition.legal_start);
        let entry = if partition.keeps_records {
            compaction::first_left_out(partition, (from, gap.to), gap.at)
        } else {
            let place = partition.ledger.partition_point(|entry| entry.batch.last < from);
            let entry = partition.ledger.get(place).filter(|entry| entry.batch.base < gap.to);
            entry.filter(|entry| entry.at <= gap.at)
        };
        let Some(entry) = entry else { continue };
        let (name, reader) = (partition.name(), facts.setup.name(gap.host));
        let breach = Breach {
            invariant: "poll-skip",
            at: gap.at,
            message: format!(
                "{name}: {reader} went from offset {} to {} and left committed records out",
                gap.from, gap.to
            ),
            facts: [
                words::committed(facts, entry),
                format!(
                    "{} went on at offset {} from a position of {}",
                    words::who(facts, gap.at, gap.host),
                    gap.to,
                    gap.from
                ),
            ],
        };
        verdicts.durable(facts, partition, breach);
    }
}

/// Who has read a partition to its end at the end; none if nobody has.
fn reader_at_end(clients: &Clients, partition: &PartitionFacts, facts: &Facts) -> Option<HostId> {
    let leader = partition.leader().and_then(|id| facts.setup.host_of(id))?;
    let end = partition.logs.get(&leader).map_or(0, ReplicaLog::end);
    let at_end = |id: &TopicPartition, position: Option<i64>| {
        *id == partition.id && position.is_some_and(|position| position >= end)
    };
    let mut streams = clients.streams.iter();
    streams.find(|((_, id), stream)| at_end(id, stream.position)).map(|((host, _), _)| *host)
}

/// A record that was told safe lies beyond everything that was read: somebody at the end should have read it.
pub(super) fn unseen(
    at: Time,
    lost: &Lost<'_>,
    partition: &PartitionFacts,
    clients: &Clients,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let Some(reader) = reader_at_end(clients, partition, facts) else { return };
    let (name, fate) = (partition.name(), lost.fate);
    let told = words::who(facts, fate.told_at, lost.sender);
    let breach = Breach {
        invariant: "unseen",
        at,
        message: format!(
            "{name} offset {} was told safe and nobody has read it by the end",
            fate.offset
        ),
        facts: [
            format!("{told} was told that record {:x} is at offset {}", lost.id.0, fate.offset),
            format!("{} stands at the end without it", words::who(facts, at, reader)),
        ],
    };
    verdicts.durable(facts, partition, breach);
}

fn duplicate(
    partition: &PartitionFacts,
    doubles: &Doubles,
    clients: &Clients,
    facts: &Facts,
    faults: &[FaultSeen],
    verdicts: &mut Verdicts,
) {
    let name = partition.name();
    let sender = clients.fates().find(|(id, ..)| *id == doubles.id).map(|(_, sender, _)| sender);
    let Some(sender) = sender else { return };
    let producer = facts.setup.name(sender);
    let idempotent =
        matches!(facts.setup.role(sender), Some(Role::Producer { idempotent: true, .. }));
    let (first, second) = doubles.offsets;
    if idempotent {
        let lost = || lost_uncleanly(partition, doubles, faults);
        let bumped = || sent_in_the_next_epoch(partition, doubles, sender, facts, faults);
        let excuse = forgotten(partition, doubles, clients, facts, faults).or_else(lost);
        if let Some(excuse) = excuse.or_else(bumped) {
            verdicts.excused(excuse);
            return;
        }
        let breach = Breach {
            invariant: "duplicate",
            at: doubles.at,
            message: format!(
                "{name}: {} records of {producer} stand at two offsets",
                doubles.count
            ),
            facts: [
                format!("record {:x} was read at offset {first}", doubles.id.0),
                format!("{} it was read at offset {second}", words::when(doubles.at)),
            ],
        };
        verdicts.always(&name, breach);
        return;
    }
    let what = written_twice(partition, doubles);
    let before = faults.iter().rev().find(|fault| fault.at <= doubles.at);
    let fault = match before {
        Some(fault) => format!("a retry by {producer} after {}", fault.text),
        None => format!("a retry by {producer}"),
    };
    let (setting, host) = ("enable.idempotence=false".to_owned(), String::new());
    verdicts.excused(Excuse { what, fault, setting, host, at: doubles.at });
}

/// A leader that was elected for want of others may lack the first copy, which was read before it was gone, and knows
/// nothing of its sequence: the producer, which was not told, sends it again (seed 1474 of `any_cluster`).
fn lost_uncleanly(
    partition: &PartitionFacts,
    doubles: &Doubles,
    faults: &[FaultSeen],
) -> Option<Excuse> {
    let (first, second) = doubles.offsets;
    let since = partition.unclean_election?;
    let lacks = elected_without(partition, first.min(second), since..=doubles.at)?;
    Some(Excuse {
        what: written_twice(partition, doubles),
        fault: election_without("the first", lacks, faults),
        setting: UNCLEAN.to_owned(),
        host: String::new(),
        at: doubles.at,
    })
}

/// A producer whose next batch is called out of order takes the broker's word for it, bumps its epoch
/// (`TransactionManager.canRetry`), and sends once more what it has not been told of. What some leader has by then is
/// there twice. Brokers may say so in two ways although nothing is missing:
///
/// - A producer may send its second batch to a new leader while the first is still on its way to the one before
///   (`RecordAccumulator.shouldStopDrainBatchesForPartition` asks about batches that are sent again only). A leader
///   that knows nothing of a producer takes any sequence as its first (`ProducerAppendInfo.checkSequence`), so that
///   batch is appended, and the first one is out of order for ever. (Apache Kafka 4.3.0 does: `produce/overtaken`.
///   Seeds 2228, 7924, 9690, 13160 and 13824 of `groups_at_once`.)
/// - A Produce names no leader epoch, and who was deposed and has not heard of it looks at it as if it led; its log
///   lacks what came since. A producer that has started again from its bootstrap servers (KIP-899) has forgotten ids of
///   topics, and with them the newest epochs (`Metadata.updateLatestMetadata`): an old broker's metadata sends it
///   there. (Seed 19200.)
fn sent_in_the_next_epoch(
    partition: &PartitionFacts,
    doubles: &Doubles,
    sender: HostId,
    facts: &Facts,
    faults: &[FaultSeen],
) -> Option<Excuse> {
    let (first, second) = doubles.offsets;
    let sequence = |offset| partition.committed_at(offset)?.batch.sequence;
    let (before, after) = (sequence(first)?, sequence(second)?);
    if before.producer != after.producer || before.epoch >= after.epoch {
        return None;
    }
    let refusals = partition.out_of_order.iter().filter(|((_, to), _)| *to == sender);
    let refusals: Vec<(HostId, Time)> = refusals.map(|((by, _), at)| (*by, *at)).collect();
    let overtaken = || {
        let of_it = |sequence: &Sequence| {
            (sequence.producer, sequence.epoch) == (before.producer, before.epoch)
        };
        let mut began = partition.ledger.iter().filter_map(|it| Some((it.at, it.batch.sequence?)));
        let (at, began) = began.find(|(_, sequence)| of_it(sequence))?;
        let is_it = began.first != 0 && !refusals.is_empty();
        let what = format!("sequence {} came to a leader before the first", began.first);
        let setting = "a leader that knows nothing of a producer, which takes any first sequence";
        is_it.then_some((at, what, setting))
    };
    let deposed = || {
        let led = |at: Time| partition.terms.values().rfind(|term| term.at <= at);
        let is_over = |(by, at): &&(HostId, Time)| led(*at).is_some_and(|it| it.leader != *by);
        let (by, at) = *refusals.iter().find(is_over)?;
        let what = format!("{}, which did not lead any more, refused it", facts.setup.name(by));
        Some((at, what, "a produce request, which names no leader epoch"))
    };
    let (at, what, setting) = overtaken().or_else(deposed)?;
    let fault = faults.iter().rev().find(|fault| fault.at <= at);
    Some(Excuse {
        what: written_twice(partition, doubles),
        fault: fault.map_or_else(|| what.clone(), |it| format!("{what}, after {}", it.text)),
        setting: setting.to_owned(),
        host: String::new(),
        at: doubles.at,
    })
}

/// The setting by which leaders are elected that may lack what is committed.
pub(super) const UNCLEAN: &str = "unclean.leader.election.enable";

/// A leader that began within these times, and whose log ended at this offset or before, of a partition that has had an
/// unclean election: by that one what the leader lacks may have been lost, or may have come back.
pub(super) fn elected_without(
    partition: &PartitionFacts,
    offset: i64,
    within: RangeInclusive<Time>,
) -> Option<&Term> {
    partition.unclean_election?;
    let lacks = |term: &&Term| within.contains(&term.at) && term.start <= offset;
    partition.terms.values().find(lacks)
}

/// Such an election as what explains something.
pub(super) fn election_without(what: &str, term: &Term, faults: &[FaultSeen]) -> String {
    let fault = faults.iter().rev().find(|fault| fault.at <= term.at);
    let elected = format!("a leader was elected that lacks {what}");
    fault.map_or_else(|| elected.clone(), |fault| format!("{elected}, after {}", fault.text))
}

/// A broker that restarts may forget what a producer has sent, in two ways, and Kafka's does so too:
///
/// - Of each producer its snapshot holds the last batch alone. Of two batches that wait for their answers it takes the
///   first one for out of order, whereupon the producer bumps its epoch and sends both again. (Apache Kafka 4.3.0
///   answers OUT_OF_ORDER_SEQUENCE_NUMBER to the first of three batches that it has, after `kill -9` as well as after
///   a stop in good order; `TransactionManager.canRetry` does the rest.)
/// - A snapshot at the start of the log is dropped (`ProducerStateManager.truncateAndReload`): of whom the log holds
///   no record any more, nothing is known, and any sequence is its first. (Apache Kafka 4.3.0 answers the retry of
///   such a batch with its first offset as long as it runs, and writes it again after `kill -9`.)
fn forgotten(
    partition: &PartitionFacts,
    doubles: &Doubles,
    clients: &Clients,
    facts: &Facts,
    faults: &[FaultSeen],
) -> Option<Excuse> {
    let (_, sender, fate) = clients.fates().find(|(id, ..)| *id == doubles.id)?;
    let out_of_order = |host| {
        let refused_at = *partition.out_of_order.get(&(host, sender))?;
        let restarts = facts.restarts.get(&host)?;
        restarts.iter().rev().find(|at| (fate.sent_at..=refused_at).contains(at)).copied()
    };
    let (first, second) = doubles.offsets;
    let unknown = |host| {
        let by_sender = |held: Range<i64>| {
            clients.fates().any(|(_, by, other)| {
                by == sender && other.partition == fate.partition && held.contains(&other.offset)
            })
        };
        let forgetting = partition.opened.get(&host)?.iter().rev().find(|opened| {
            (fate.sent_at..=doubles.at).contains(&opened.at)
                && first < opened.start
                && second >= opened.end
                && !by_sender(opened.start..opened.end)
        });
        forgetting.map(|opened| opened.at)
    };
    let (host, at, setting) = replica_hosts(facts, partition).into_iter().find_map(|host| {
        let told =
            out_of_order(host).map(|at| (host, at, "a producer's snapshot, which holds one batch"));
        told.or_else(|| {
            unknown(host)
                .map(|at| (host, at, "retention, which took all that a broker knew a producer by"))
        })
    })?;
    let before = |fault: &&FaultSeen| fault.at <= at && fault.hosts.contains(&host);
    let ending = faults.iter().rev().filter(before).find(|fault| fault.ends_processes);
    let fault = ending.or_else(|| faults.iter().rev().find(before));
    let restarted = format!("{} had restarted", facts.setup.name(host));
    Some(Excuse {
        what: written_twice(partition, doubles),
        fault: fault
            .map_or_else(|| restarted.clone(), |it| format!("{restarted} after {}", it.text)),
        setting: setting.to_owned(),
        host: String::new(),
        at: doubles.at,
    })
}

fn written_twice(partition: &PartitionFacts, doubles: &Doubles) -> String {
    let (first, second) = doubles.offsets;
    let many = match doubles.count {
        1 => "1 record was written twice, at offsets".to_owned(),
        more => format!("{more} records were written twice, the first at offsets"),
    };
    format!("{}: {many} {first} and {second}", partition.name())
}
