//! What clients say of themselves: C1, C3, and the history that the end judges.
//!
//! In Kafka:   `Callback.onCompletion`, `delivery.timeout.ms`, `KafkaConsumer.poll`; Jepsen's `tests/kafka.clj`.
//! Holds:      the fate of every record, what was polled at each offset, where every consumer stands.
//! Invariants: C1 each send is told once, within its delivery timeout. C3 a poll goes on from its position, upwards.
//!             inconsistent-offsets, nonmonotonic-poll and S1 are judged here as they happen.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::ids::TopicPartition;
use trial_cluster::note::client::{ClientNote, PolledRecord, RecordId};
use trial_reports::RecordCounts;
use trial_sim::{HostId, Span, Time};

use super::poll::Poll;
use super::promise::FaultSeen;
use super::told::Told;
use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Chunked, Facts, Role};

/// How much later than its delivery timeout a send may be told: the producer looks when something happens to it.
const LATE: Span = Span::from_secs(1);
const NUMBER_BITS: u32 = 40;

/// What became of a send, as its producer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody has said that it was sent.
    Unsent,
    /// Not told yet.
    Pending,
    /// Safe.
    Acked,
    /// Given up.
    Failed,
}

/// The fate of one record.
#[derive(Debug, Clone, Copy)]
pub struct Fate {
    /// Where it went; the place in `Clients::partitions`.
    pub partition: u16,
    /// What its producer was told.
    pub outcome: Outcome,
    /// When it was sent.
    pub sent_at: Time,
    /// When that was told.
    pub told_at: Time,
    /// The offset that was told, or -1.
    pub offset: i64,
    /// The offset at which a consumer saw it first, or -1.
    pub seen: i64,
}

const NO_FATE: Fate = Fate {
    partition: 0,
    outcome: Outcome::Unsent,
    sent_at: Time::ZERO,
    told_at: Time::ZERO,
    offset: -1,
    seen: -1,
};

/// A consumer in a partition.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stream {
    /// The offset that it polls next.
    pub position: Option<i64>,
    /// The offset that it polled last.
    pub last: Option<(i64, Time)>,
}

/// What a consumer went over, from where its position was set.
#[derive(Debug, Clone, Copy)]
struct Walk {
    host: HostId,
    from: i64,
    to: i64,
}

/// Offsets that a consumer left out.
#[derive(Debug, Clone, Copy)]
pub struct Gap {
    /// Who.
    pub host: HostId,
    /// Where.
    pub partition: TopicPartition,
    /// The first that it left out.
    pub from: i64,
    /// The one at which it went on.
    pub to: i64,
    /// When.
    pub at: Time,
}

/// Records of one partition that consumers saw at two offsets.
#[derive(Debug, Clone, Copy)]
pub struct Doubles {
    /// How many.
    pub count: u64,
    /// The first such record.
    pub id: RecordId,
    /// Its two offsets.
    pub offsets: (i64, i64),
    /// When the second was seen.
    pub at: Time,
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct Clients {
    fates: BTreeMap<u64, Chunked<Fate>>,
    /// Who sends the records of each incarnation of a client.
    senders: BTreeMap<u64, HostId>,
    /// When an idempotent producer was given its id: before that it sends nothing, and gives nothing up either.
    ids: BTreeMap<HostId, Time>,
    /// Incarnations that were killed: nobody is told what became of their sends.
    dead: BTreeSet<u64>,
    /// Partitions in the order in which records went to them.
    pub partitions: Vec<TopicPartition>,
    polled: BTreeMap<TopicPartition, Chunked<u64>>,
    /// Where consumers stand.
    pub streams: BTreeMap<(HostId, TopicPartition), Stream>,
    /// What consumers went over, in the order in which they set out.
    walks: BTreeMap<TopicPartition, Vec<Walk>>,
    /// What consumers left out.
    pub gaps: Vec<Gap>,
    /// What consumers saw twice.
    pub doubles: BTreeMap<TopicPartition, Doubles>,
    /// Producers whose workload is over.
    pub done: BTreeSet<HostId>,
    /// Records of all clients.
    pub counts: RecordCounts,
    /// The same of each producer.
    pub told: BTreeMap<HostId, Told>,
}

impl Clients {
    /// A client wrote a note.
    pub fn on(
        &mut self,
        at: Time,
        host: HostId,
        note: &ClientNote,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        match note {
            ClientNote::ProducerIdAssigned { .. } => {
                self.ids.insert(host, at);
            }
            ClientNote::Sent { id, partition } => self.on_sent(at, host, *id, *partition),
            ClientNote::Acked { id, partition, offset } => {
                self.counts.acked += 1;
                self.told.entry(host).or_default().acked += 1;
                let offset = offset.map_or(-1, |offset| offset.0);
                let place = self.place(*partition);
                self.on_told(at, host, *id, Outcome::Acked, facts, verdicts);
                let fate = self.fate_mut(*id);
                (fate.offset, fate.partition) = (offset, place);
            }
            ClientNote::Failed { id, partition, error, .. } => {
                self.counts.failed += 1;
                let told = self.told.entry(host).or_default();
                *told.failed.entry(*error).or_default() += 1;
                if partition.is_some() {
                    self.on_told(at, host, *id, Outcome::Failed, facts, verdicts);
                } else {
                    // It never joined a batch.
                    self.counts.sent += 1;
                    told.sent += 1;
                    self.senders.insert(id.0 >> NUMBER_BITS, host);
                    let fate = self.fate_mut(*id);
                    (fate.outcome, fate.sent_at, fate.told_at) = (Outcome::Failed, at, at);
                }
            }
            ClientNote::WorkloadDone => {
                self.done.insert(host);
            }
            ClientNote::Polled { partition, records, position } => {
                let poll = Poll { at, host, partition: *partition, facts };
                self.on_polled(&poll, records, verdicts);
                self.streams.entry((host, *partition)).or_default().position = Some(position.0);
                self.walk_on(host, *partition, position.0);
            }
            ClientNote::PositionReset { partition, offset, .. } => {
                self.on_reset(at, host, *partition, offset.0, facts);
            }
            // The group has come so far; what a member of it has read before may come again.
            ClientNote::PositionCommitted { partition, offset } => {
                self.streams.entry((host, *partition)).or_default().position = Some(offset.0);
                self.set_out(host, *partition, offset.0);
            }
            ClientNote::GroupAssigned { added, .. } => {
                for partition in added {
                    self.streams.remove(&(host, *partition));
                }
            }
            // The consumer goes on where the logs part.
            ClientNote::TruncationDetected { partition, divergent: Some(offset), .. } => {
                self.streams.entry((host, *partition)).or_default().position = Some(offset.0);
                self.set_out(host, *partition, offset.0);
            }
            ClientNote::CorruptBatch { partition, position } => {
                corrupt(at, host, *partition, position.0, facts, verdicts);
            }
            _ => {}
        }
    }

    /// What a reset to the beginning leaves out has to be below it.
    fn on_reset(
        &mut self,
        at: Time,
        host: HostId,
        partition: TopicPartition,
        to: i64,
        facts: &Facts,
    ) {
        let stream = self.streams.entry((host, partition)).or_default();
        let before = stream.position.replace(to);
        if let Some(from) = before.filter(|from| *from < to && !facts.setup.resets_to_end(host)) {
            self.gaps.push(Gap { host, partition, from, to, at });
        }
        self.set_out(host, partition, to);
    }

    fn set_out(&mut self, host: HostId, partition: TopicPartition, from: i64) {
        self.walks.entry(partition).or_default().push(Walk { host, from, to: from });
    }

    fn walk_on(&mut self, host: HostId, partition: TopicPartition, to: i64) {
        let walks = self.walks.entry(partition).or_default();
        match walks.iter_mut().rev().find(|walk| walk.host == host) {
            Some(walk) => walk.to = walk.to.max(to),
            None => walks.push(Walk { host, from: 0, to }),
        }
    }

    /// Whether a consumer went over this offset: one that began behind it, by `auto.offset.reset=latest` say, did not.
    #[must_use]
    pub fn went_over(&self, partition: TopicPartition, offset: i64) -> bool {
        let walks = self.walks.get(&partition).map_or(&[][..], Vec::as_slice);
        walks.iter().any(|walk| (walk.from..walk.to).contains(&offset))
    }

    /// A client's process is gone.
    pub fn on_down(&mut self, host: HostId) {
        let killed = self.senders.iter().filter(|(_, sender)| **sender == host);
        self.dead.extend(killed.map(|(key, _)| *key));
        self.done.remove(&host);
        self.streams.retain(|(reader, _), _| *reader != host);
    }

    /// Every record that was sent, with its sender.
    pub fn fates(&self) -> impl Iterator<Item = (RecordId, HostId, &Fate)> + '_ {
        self.fates.iter().flat_map(|(key, fates)| {
            let sender = self.senders.get(key).copied().unwrap_or(HostId(u16::MAX));
            let known =
                fates.iter().enumerate().filter(|(_, fate)| fate.outcome != Outcome::Unsent);
            known.map(move |(number, fate)| {
                (RecordId(key << NUMBER_BITS | number as u64), sender, fate)
            })
        })
    }

    /// The record that consumers saw at an offset.
    #[must_use]
    pub fn polled_at(&self, partition: TopicPartition, offset: i64) -> Option<RecordId> {
        let found = self.polled.get(&partition)?.get(usize::try_from(offset).ok()?)?;
        (*found != 0).then(|| RecordId(*found - 1))
    }

    /// The first offset beyond everything that consumers saw.
    #[must_use]
    pub fn polled_end(&self, partition: TopicPartition) -> i64 {
        self.polled.get(&partition).map_or(0, |polled| polled.len() as i64)
    }

    /// The run is over: what should have been told by now?
    pub fn finish(&self, at: Time, facts: &Facts, faults: &[FaultSeen], verdicts: &mut Verdicts) {
        for (key, fates) in &self.fates {
            let Some(sender) = self.senders.get(key).copied() else { continue };
            if self.dead.contains(key) || is_hit(sender, faults) {
                continue;
            }
            let Some(limit) = timeout(facts, sender) else { continue };
            let Some(ready) = self.ready_at(sender, facts) else { continue };
            for (number, fate) in fates.iter().enumerate() {
                let begun = fate.sent_at.max(ready);
                let late = fate.outcome == Outcome::Pending && at.0 > begun.0 + limit.0;
                if late {
                    let id = RecordId(key << NUMBER_BITS | number as u64);
                    let told = format!("{} it has not been told anything", words::when(at));
                    untold(at, sender, id, fate, told, facts, verdicts);
                }
                let took = fate.told_at.0.saturating_sub(begun.0);
                if fate.outcome == Outcome::Acked && Span(took) > limit {
                    let id = RecordId(key << NUMBER_BITS | number as u64);
                    let told = format!("{} it was told", words::when(fate.told_at));
                    untold(fate.told_at, sender, id, fate, told, facts, verdicts);
                }
            }
        }
    }

    /// From when on a producer counts the time of its records; none: it does not yet. (Kafka's looks for what has
    /// expired when it sends, and sends nothing while it asks for an id.)
    fn ready_at(&self, sender: HostId, facts: &Facts) -> Option<Time> {
        match facts.setup.role(sender) {
            Some(Role::Producer { idempotent: true, .. }) => self.ids.get(&sender).copied(),
            _ => Some(Time::ZERO),
        }
    }

    fn place(&mut self, partition: TopicPartition) -> u16 {
        let known = self.partitions.iter().position(|known| *known == partition);
        let place = known.unwrap_or_else(|| {
            self.partitions.push(partition);
            self.partitions.len() - 1
        });
        u16::try_from(place).expect("few partitions")
    }

    fn fate_mut(&mut self, id: RecordId) -> &mut Fate {
        let fates = self.fates.entry(id.0 >> NUMBER_BITS).or_default();
        while fates.len() <= number(id) {
            fates.push(NO_FATE);
        }
        fates.get_mut(number(id)).expect("it was made just now")
    }

    fn on_sent(&mut self, at: Time, host: HostId, id: RecordId, partition: TopicPartition) {
        self.counts.sent += 1;
        self.told.entry(host).or_default().sent += 1;
        self.senders.insert(id.0 >> NUMBER_BITS, host);
        let place = self.place(partition);
        let fate = self.fate_mut(id);
        (fate.outcome, fate.sent_at, fate.partition) = (Outcome::Pending, at, place);
    }

    fn on_told(
        &mut self,
        at: Time,
        host: HostId,
        id: RecordId,
        outcome: Outcome,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let fate = self.fate_mut(id);
        let before = *fate;
        (fate.outcome, fate.told_at) = (outcome, at);
        if before.outcome == Outcome::Unsent {
            self.senders.insert(id.0 >> NUMBER_BITS, host);
        }
        let why = match before.outcome {
            Outcome::Pending => return,
            Outcome::Unsent => "was told of a record that it never sent",
            Outcome::Acked | Outcome::Failed => "was told twice what became of a record",
        };
        let name = facts.setup.name(host);
        let breach = Breach {
            invariant: "C1",
            at,
            message: format!("{name} {why}"),
            facts: [
                format!("{} record {:x}: {:?}", words::when(before.told_at), id.0, before.outcome),
                format!("{} record {:x}: {outcome:?}", words::who(facts, at, host), id.0),
            ],
        };
        verdicts.always(name, breach);
    }

    fn on_polled(&mut self, poll: &Poll<'_>, records: &[PolledRecord], verdicts: &mut Verdicts) {
        let mut stream =
            self.streams.get(&(poll.host, poll.partition)).copied().unwrap_or_default();
        for record in records {
            let offset = record.offset.0;
            if let Some(position) = stream.position {
                if offset < position {
                    poll.backwards(offset, position, verdicts);
                } else if offset > position {
                    let Poll { at, host, partition, .. } = *poll;
                    self.gaps.push(Gap { host, partition, from: position, to: offset, at });
                }
            }
            if let Some((last, since)) = stream.last.filter(|(last, _)| offset <= *last) {
                poll.nonmonotonic(offset, last, since, verdicts);
            }
            stream.position = Some(offset + 1);
            stream.last = Some((offset, poll.at));
            if let Some(id) = record.id {
                self.saw(poll, offset, id, verdicts);
            }
        }
        self.streams.insert((poll.host, poll.partition), stream);
    }

    fn saw(&mut self, poll: &Poll<'_>, offset: i64, id: RecordId, verdicts: &mut Verdicts) {
        let polled = self.polled.entry(poll.partition).or_default();
        let Ok(place) = usize::try_from(offset) else { return };
        while polled.len() <= place {
            polled.push(0);
        }
        let slot = polled.get_mut(place).expect("it was made just now");
        let before = *slot;
        if before == id.0 + 1 {
            return;
        }
        *slot = id.0 + 1;
        if before != 0 {
            poll.inconsistent(offset, RecordId(before - 1), id, verdicts);
        }
        let fate = self.fate_mut(id);
        if fate.seen < 0 {
            fate.seen = offset;
            self.counts.read += 1;
        } else if fate.seen != offset {
            let (first, at) = (fate.seen, poll.at);
            let double = Doubles { count: 0, id, offsets: (first, offset), at };
            self.doubles.entry(poll.partition).or_insert(double).count += 1;
        }
    }
}

fn number(id: RecordId) -> usize {
    usize::try_from(id.0 & ((1 << NUMBER_BITS) - 1)).expect("forty bits")
}

/// Whether a client was hit itself: then its clock or its process explains why it is late.
fn is_hit(host: HostId, faults: &[FaultSeen]) -> bool {
    faults.iter().any(|fault| fault.hosts.contains(&host))
}

fn timeout(facts: &Facts, sender: HostId) -> Option<Span> {
    match facts.setup.role(sender)? {
        Role::Producer { delivery_timeout_ms, .. } => {
            Some(Span::from_millis(delivery_timeout_ms) + LATE)
        }
        _ => None,
    }
}

fn untold(
    at: Time,
    sender: HostId,
    id: RecordId,
    fate: &Fate,
    told: String,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let name = facts.setup.name(sender);
    let breach = Breach {
        invariant: "C1",
        at,
        message: format!("{name} was not told within delivery.timeout.ms what became of a record"),
        facts: [
            format!("{} sent record {:x}", words::who(facts, fate.sent_at, sender), id.0),
            told,
        ],
    };
    verdicts.always(&format!("{name} late"), breach);
}

fn corrupt(
    at: Time,
    host: HostId,
    partition: TopicPartition,
    position: i64,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let Some(partition) = facts.partition(partition) else { return };
    let (name, reader) = (partition.name(), facts.setup.name(host));
    let breach = Breach {
        invariant: "S1",
        at,
        message: format!(
            "{name}: {reader} got a batch at offset {position} that fails its checksum"
        ),
        facts: [
            format!("{reader} asked for offset {position}"),
            format!("{} found that the checksum is wrong", words::who(facts, at, host)),
        ],
    };
    verdicts.always(&format!("{name} {reader}"), breach);
}
