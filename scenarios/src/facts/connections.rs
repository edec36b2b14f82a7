//! The part of the fold that listens to connections: what producers were told, what was handed out.
//!
//! Holds:      every conversation, and the produces whose answers are awaited.
//! Invariants: CN-2 once one end has closed a connection nothing that the other still says counts. CN-3 what is no
//!             message is told, unless it came from outside, where anybody may say anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_sim::{ConnId, HostId, Time};

use super::fact::{Fact, Known};
use super::facts::Facts;
use super::partition::{Acked, EndTold};
use super::record_print::prints;
use super::replica_log::Stored;
use super::setup::Role;
use crate::tap::{
    BatchHead, Conversations, Decided, EndAnswer, FetchAnswer, Heard, ProduceAnswer, SettingAsked,
    StartAsked, StartTold, TopicRef, batches,
};

/// How many unread messages are told.
const UNREAD_MAX: usize = 5;

/// A produce whose answer is awaited: for each partition its batches.
type Sent = Vec<(TopicPartition, Vec<BatchHead>)>;

/// What a controller has answered, or a broker for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// When.
    pub at: Time,
    /// Who.
    pub by: HostId,
    /// What.
    pub decided: Decided,
}

/// What is going on between hosts.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections {
    conversations: Conversations,
    produces: BTreeMap<u64, VecDeque<Arc<Sent>>>,
    /// When ends of logs were asked for whose answers are awaited.
    ends_asked: BTreeMap<u64, VecDeque<Time>>,
    /// Closed by one end.
    half_closed: BTreeSet<u64>,
    /// Somebody from outside said there what is no message: nobody follows the rest.
    unheard: BTreeSet<u64>,
    heard: Vec<Heard>,
}

impl Connections {
    pub(super) fn on_closed(&mut self, conn: ConnId) {
        let conn = conn.connection().0;
        if !self.half_closed.remove(&conn) {
            self.half_closed.insert(conn);
        }
        self.conversations.on_closed(conn);
        self.produces.remove(&conn);
        self.ends_asked.remove(&conn);
        self.unheard.remove(&conn);
    }
}

impl Facts {
    pub(super) fn on_sent(
        &mut self,
        at: Time,
        conn: ConnId,
        (from, to): (HostId, HostId),
        towards_listener: bool,
        bytes: &Bytes,
        known: &mut Vec<Known>,
    ) {
        let Connections { half_closed, unheard, .. } = &self.connections;
        if half_closed.contains(&conn.0) || unheard.contains(&conn.0) {
            return;
        }
        let mut heard = std::mem::take(&mut self.connections.heard);
        self.connections.conversations.on_sent(at, conn.0, towards_listener, bytes, &mut heard);
        for said in heard.drain(..) {
            match said {
                Heard::Produce(request) => self.on_produce(conn, request.acks, &request.partitions),
                Heard::Produced { acks, answers } => {
                    self.requests += 1;
                    self.on_produced(at, conn, (from, to), acks, &answers, known);
                }
                Heard::Fetched { by, asked, answers } => {
                    self.requests += 1;
                    for answer in answers {
                        self.on_start_told(to, by.replica, &answer);
                        self.on_fetched(at, (from, to), (by.replica < 0, asked), &answer, known);
                    }
                }
                Heard::EndsAsked => {
                    self.connections.ends_asked.entry(conn.0).or_default().push_back(at);
                }
                Heard::EndsTold(told) => {
                    self.requests += 1;
                    let queue = self.connections.ends_asked.get_mut(&conn.0);
                    let asked = queue.and_then(VecDeque::pop_front).unwrap_or(at);
                    for answer in told {
                        self.on_end_told(at, asked, from, &answer, known);
                    }
                }
                Heard::StartsAsked(asked) => self.on_starts_asked(asked.as_deref()),
                Heard::StartsTold { asked, told } => {
                    self.requests += 1;
                    self.on_starts_told(at, from, asked, told, known);
                }
                Heard::SettingsAsked(asked) => self.on_settings_asked(&asked),
                Heard::TopicsAsked(mut asked) => {
                    let planned = &self.setup.topics;
                    asked
                        .retain(|it| it.topic.as_ref().is_some_and(|it| !planned.contains_key(it)));
                    self.on_settings_asked(&asked);
                }
                Heard::Decided(decided) => {
                    self.requests += 1;
                    self.answered.push(Answered { at, by: from, decided });
                }
                Heard::Answered { .. } => self.requests += 1,
                Heard::Malformed { api, .. } if self.is_of_outside(from, to, api) => {
                    self.connections.conversations.on_closed(conn.0);
                    self.connections.produces.remove(&conn.0);
                    self.connections.unheard.insert(conn.0);
                }
                Heard::Malformed { api, fault } => self.on_unread(at, from, api, fault),
            }
        }
        self.connections.heard = heard;
    }

    /// CN-3: what a client from outside said, or an answer that the tap cannot lay to what it had said.
    fn is_of_outside(&self, from: HostId, to: HostId, api: Option<i16>) -> bool {
        let is_outside = |host| self.setup.role(host) == Some(Role::Outside);
        is_outside(from) || is_outside(to) && api.is_none()
    }

    fn on_unread(
        &mut self,
        at: Time,
        from: HostId,
        api: Option<i16>,
        fault: crate::tap::Malformed,
    ) {
        if self.unread.len() < UNREAD_MAX {
            let (who, when) = (self.setup.name(from), at.as_millis());
            let api = api.map_or_else(|| "no API".to_owned(), |api| format!("API {api}"));
            let expected = fault.expected;
            self.unread.push(format!(
                "at {when} ms {who} sent bytes that nobody can read ({api}, byte {}): {expected} was expected",
                fault.at
            ));
        }
    }

    fn resolve(&self, topic: &TopicRef, partition: i32) -> Option<TopicPartition> {
        let topic = match topic {
            TopicRef::Id(id) => *id,
            TopicRef::Name(name) => self.topic_id(name)?,
        };
        Some(TopicPartition { topic, partition })
    }

    fn on_produce(&mut self, conn: ConnId, acks: i16, partitions: &[(TopicRef, i32, Bytes)]) {
        let read = partitions.iter().filter_map(|(topic, index, records)| {
            let id = self.resolve(topic, *index)?;
            Some((id, batches(records, false).unwrap_or_default()))
        });
        let sent: Arc<Sent> = Arc::new(read.collect());
        if acks != 0 {
            self.connections.produces.entry(conn.0).or_default().push_back(sent);
        }
    }

    fn on_produced(
        &mut self,
        at: Time,
        conn: ConnId,
        (broker, producer): (HostId, HostId),
        acks: i16,
        answers: &[ProduceAnswer],
        known: &mut Vec<Known>,
    ) {
        let sent = self.connections.produces.get_mut(&conn.0).and_then(|queue| queue.pop_front());
        let Some(sent) = sent else { return };
        for answer in answers {
            let Some(id) = self.resolve(&answer.topic, answer.partition) else { continue };
            if answer.error == ErrorCode::OutOfOrderSequenceNumber.code()
                && let Some(partition) = self.partitions.get_mut(&id)
            {
                partition.out_of_order.insert((broker, producer), at);
            }
            if answer.error != 0 {
                continue;
            }
            // Named twice in a request, the last one counts, as a map would have it.
            let batch = sent.iter().rev().find(|(sent_to, _)| *sent_to == id);
            let Some(head) = batch.and_then(|(_, heads)| heads.first()) else { continue };
            let Some(partition) = self.partitions.get_mut(&id) else { continue };
            let rewritten = partition.rewritten.as_ref();
            let stored = rewritten.and_then(|all| all.crc_of(answer.base_offset, head));
            // KIP-98: the numbers tell a copy, whatever a client from outside has put into it.
            let is_foreign = self.setup.role(producer) == Some(Role::Outside);
            let there = partition.logs.get(&broker).and_then(|log| log.at(answer.base_offset));
            let copy = there
                .filter(|it| is_foreign && head.sequence.is_some() && it.sequence == head.sequence);
            let stored = stored.or(copy.map(|it| it.crc));
            let ack = Acked {
                base: answer.base_offset,
                count: head.record_count,
                crc: stored.unwrap_or(head.crc),
                acks,
                at,
                by: broker,
                producer,
            };
            partition.acked.push(ack);
            partition.records_acked += u64::try_from(head.record_count).unwrap_or(0);
            let on_disk = partition.logs.get(&broker).and_then(|log| log.at(ack.base)).copied();
            known.push(Known { at, partition: id, fact: Fact::Acked { ack, on_disk } });
        }
    }

    /// A leader tells a follower where its log starts.
    fn on_start_told(&mut self, follower: HostId, replica: i32, answer: &FetchAnswer) {
        if replica >= 0
            && answer.error == 0
            && let Some(id) = self.resolve(&answer.topic, answer.partition)
            && let Some(partition) = self.partitions.get_mut(&id)
        {
            let log = partition.log_mut(follower);
            log.told_start = log.told_start.max(answer.log_start);
        }
    }

    fn on_end_told(
        &mut self,
        at: Time,
        asked: Time,
        host: HostId,
        answer: &EndAnswer,
        known: &mut Vec<Known>,
    ) {
        let Some(id) = self.resolve(&answer.topic, answer.partition) else { return };
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        let told = EndTold { at, host, epoch: answer.leader_epoch, offset: answer.offset };
        let before = partition.on_end_told(told, asked);
        known.push(Known { at, partition: id, fact: Fact::EndTold { told, before } });
    }

    fn on_starts_asked(&mut self, asked: Option<&[StartAsked]>) {
        let Some(asked) = asked else {
            for partition in self.partitions.values_mut() {
                partition.asked_start = Some(i64::MAX);
            }
            return;
        };
        for StartAsked { topic, partition, offset } in asked {
            let id = self.resolve(&TopicRef::Name(topic.clone()), *partition);
            if let Some(partition) = id.and_then(|id| self.partitions.get_mut(&id)) {
                let offset = if *offset < 0 { i64::MAX } else { *offset };
                partition.asked_start = partition.asked_start.max(Some(offset));
            }
        }
    }

    fn on_starts_told(
        &self,
        at: Time,
        host: HostId,
        asked: Time,
        told: Vec<StartTold>,
        known: &mut Vec<Known>,
    ) {
        for StartTold { topic, partition, low_watermark } in told {
            if let Some(partition) = self.resolve(&TopicRef::Name(topic), partition) {
                let fact = Fact::LowWatermarkTold { host, low_watermark, asked };
                known.push(Known { at, partition, fact });
            }
        }
    }

    fn on_settings_asked(&mut self, asked: &[SettingAsked]) {
        let promises = asked.iter().filter(|asked| self.promises.on_asked(asked)).count();
        if promises > 0 {
            self.partitions.values_mut().for_each(|partition| self.promises.loosen(partition));
        }
        for SettingAsked { topic, name, value } in asked {
            let Some(value) = value else { continue };
            if let Some(topic) = topic {
                let fresh = || self.setup.keeping.clone();
                self.keeping.entry(topic.clone()).or_insert_with(fresh);
            }
            for (of, keeping) in &mut self.keeping {
                if topic.as_ref().is_some_and(|topic| topic != of) {
                    continue;
                }
                let before = keeping.compacts;
                keeping.loosen(name, value);
                if keeping.compacts && !before {
                    self.newly_compacted.push(of.clone());
                }
                let rewrites = keeping.rewrites;
                let its = self.partitions.values_mut().filter(|partition| *partition.topic == **of);
                for partition in its.filter(|_| rewrites) {
                    partition.rewritten.get_or_insert_default();
                }
            }
        }
    }

    fn on_fetched(
        &mut self,
        at: Time,
        (host, reader): (HostId, HostId),
        (by_consumer, asked): (bool, Time),
        answer: &FetchAnswer,
        known: &mut Vec<Known>,
    ) {
        if answer.error != 0 {
            return;
        }
        let Some(id) = self.resolve(&answer.topic, answer.partition) else { return };
        if !self.partitions.contains_key(&id) {
            return;
        }
        match batches(&answer.records, true) {
            Ok(heads) => {
                let stored = |head: &BatchHead| Stored::of(head, 0);
                let batches: Vec<Stored> = heads.iter().map(stored).collect();
                if by_consumer && let Some(last) = batches.last() {
                    let partition = self.partitions.get_mut(&id).expect("looked at just now");
                    partition.read_end = partition.read_end.max(last.last + 1);
                }
                let keeps =
                    by_consumer && self.partitions.get(&id).is_some_and(|it| it.keeps_records);
                let read =
                    keeps.then(|| heads.iter().filter_map(|head| prints(head).ok()).flatten());
                let records = read.map_or_else(Vec::new, Iterator::collect);
                let fact = Fact::Fetched {
                    host,
                    reader,
                    asked,
                    diverges: answer.diverges,
                    by_consumer,
                    high_watermark: answer.high_watermark,
                    log_start: answer.log_start,
                    preferred: Some(BrokerId(answer.preferred)).filter(|id| id.0 >= 0),
                    batches,
                    records,
                };
                known.push(Known { at, partition: id, fact });
            }
            Err(fault) => {
                let fact = Fact::BadBytes { host, place: "an answer to a fetch", fault };
                known.push(Known { at, partition: id, fact });
            }
        }
    }
}
