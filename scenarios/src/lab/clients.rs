//! What a Lab's clients send and read.
//!
//! Holds:      orders on their way to producers, as events of the World; what programs have heard, looked at.
//! Invariants: LC-1 records of a script have ids and notes as those of a workload: the judge knows them.

use std::fmt;
use std::sync::Arc;

use trial_cluster::client::{Answer, ClientProgram, Order};
use trial_cluster::error_code::ErrorCode;
use trial_sim::{HostId, Span};

use super::lab::Lab;
use super::record::{Consumed, Payload};
use crate::scenario::Client;

/// Longer than any producer is allowed to take by its defaults: `max.block.ms` and `delivery.timeout.ms`.
const TOLD_WITHIN: Span = Span::from_secs(600);

/// Where a record stands, as its producer was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its partition, as faults write it: `orders/0`.
    pub partition: String,
    /// Its offset; -1 if nobody told, as with `acks=0`.
    pub offset: i64,
}

/// Why a record was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// The producer gave it up.
    Failed {
        /// Kafka's error. What the producer gave up by itself is `REQUEST_TIMED_OUT` (Kafka's `TimeoutException`).
        error: ErrorCode,
        /// It may stand in the log all the same.
        maybe_written: bool,
    },
    /// The producer's process is gone, or was when the record was sent: nobody was told anything.
    ProducerDown,
}

impl SendError {
    /// Kafka's name of the error; none if the producer was down.
    #[must_use]
    pub fn kafka(&self) -> Option<ErrorCode> {
        match self {
            Self::Failed { error, .. } => Some(*error),
            Self::ProducerDown => None,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { error, maybe_written: false } => write!(f, "{error}"),
            Self::Failed { error, maybe_written: true } => {
                write!(f, "{error}; the record may be written all the same")
            }
            Self::ProducerDown => f.write_str("the producer's process is down"),
        }
    }
}

impl std::error::Error for SendError {}

/// A record that was handed to its producer; [`Lab::outcome`] says what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    client: HostId,
    ticket: u64,
    /// Which life of the producer's process; none if it was down.
    incarnation: Option<u32>,
}

impl Lab {
    /// Has a producer send a record to its topic, and waits until it was told what became of it.
    ///
    /// # Errors
    /// If it was not acknowledged.
    ///
    /// # Panics
    /// If there is no such producer, or an invariant breaks meanwhile.
    #[track_caller]
    pub fn produce(
        &mut self,
        client: &str,
        key: impl Payload,
        value: impl Payload,
    ) -> Result<Stored, SendError> {
        let sent = self.send(client, key, value);
        self.wait_for(sent)
    }

    /// The same for one partition (`orders/1`), or another topic (`orders`).
    ///
    /// # Errors
    /// If it was not acknowledged.
    ///
    /// # Panics
    /// If there is no such producer or partition, or an invariant breaks meanwhile.
    #[track_caller]
    pub fn produce_to(
        &mut self,
        client: &str,
        to: &str,
        key: impl Payload,
        value: impl Payload,
    ) -> Result<Stored, SendError> {
        let sent = self.send_to(client, to, key, value);
        self.wait_for(sent)
    }

    /// Has a producer send a record to its topic, without waiting.
    ///
    /// # Panics
    /// If there is no such producer.
    #[track_caller]
    pub fn send(&mut self, client: &str, key: impl Payload, value: impl Payload) -> Sent {
        let (_, topic) = self.producer(client);
        self.send_to(client, &topic, key, value)
    }

    /// The same for one partition, or another topic.
    ///
    /// # Panics
    /// If there is no such producer or partition.
    #[track_caller]
    pub fn send_to(
        &mut self,
        client: &str,
        to: &str,
        key: impl Payload,
        value: impl Payload,
    ) -> Sent {
        let (client, _) = self.producer(client);
        let (topic, partition) = self.destination(to);
        self.tickets += 1;
        let ticket = self.tickets;
        let (key, value) = (key.into_payload(), value.into_payload());
        let order = Order::Send { ticket, topic: Arc::from(topic), partition, key, value };
        let incarnation = self.program(client).map(ClientProgram::incarnation);
        let given = self.run.order(client, &order);
        Sent { client, ticket, incarnation: incarnation.filter(|_| given) }
    }

    /// What became of a record; none as long as its producer has not been told.
    #[must_use]
    pub fn outcome(&self, sent: Sent) -> Option<Result<Stored, SendError>> {
        let process = self
            .program(sent.client)
            .filter(|program| Some(program.incarnation()) == sent.incarnation);
        let Some(process) = process else { return Some(Err(SendError::ProducerDown)) };
        match process.heard().and_then(|heard| heard.answer(sent.ticket)) {
            // The order is on its way.
            None | Some((_, Answer::Pending)) => None,
            Some((topic, Answer::Delivered { partition, offset })) => Some(Ok(Stored {
                partition: format!("{topic}/{partition}"),
                offset: offset.map_or(-1, |offset| offset.0),
            })),
            Some((_, Answer::Failed { error, maybe_written })) => {
                Some(Err(SendError::Failed { error: *error, maybe_written: *maybe_written }))
            }
        }
    }

    /// Waits until a record's producer was told what became of it.
    ///
    /// # Errors
    /// If it was not acknowledged.
    ///
    /// # Panics
    /// If an invariant breaks meanwhile, or nobody is told for ten minutes.
    #[track_caller]
    pub fn wait_for(&mut self, sent: Sent) -> Result<Stored, SendError> {
        if !self.waits(TOLD_WITHIN, |lab| lab.outcome(sent).is_some()) {
            let name = self.facts().setup.name(sent.client);
            panic!(
                "{name} has not been told what became of its record for {TOLD_WITHIN}\n\n{self}"
            );
        }
        self.outcome(sent).expect("it was waited for")
    }

    /// What a consumer, or a member of a group, has read since it was last polled, in the order in which it read.
    ///
    /// # Panics
    /// If there is no such consumer.
    #[track_caller]
    pub fn poll(&mut self, client: &str) -> Vec<Consumed> {
        let host = self.consumer(client);
        let Some(incarnation) = self.program(host).map(ClientProgram::incarnation) else {
            return Vec::new();
        };
        let all = self.consumed(client);
        let (life, seen) = self.polled.get(&host).copied().unwrap_or((incarnation, 0));
        let seen = if life == incarnation { seen } else { 0 };
        self.polled.insert(host, (incarnation, all.len()));
        all.into_iter().skip(seen).collect()
    }

    /// Waits until a consumer has read so many records since it was last polled, and polls.
    ///
    /// # Panics
    /// If they do not come within a minute, or an invariant breaks meanwhile.
    #[track_caller]
    pub fn consume(&mut self, client: &str, count: usize) -> Vec<Consumed> {
        let mut read = self.poll(client);
        let what = format!("{client} to read {count} records");
        if read.len() < count {
            let host = self.consumer(client);
            let missing = count - read.len();
            self.wait_until(&what, |lab| lab.unpolled(host) >= missing);
            read.extend(self.poll(client));
        }
        read
    }

    /// Everything that the process of a consumer or of a member has read since it was started.
    ///
    /// # Panics
    /// If there is no such consumer.
    #[must_use]
    #[track_caller]
    pub fn consumed(&self, client: &str) -> Vec<Consumed> {
        let host = self.consumer(client);
        let heard = self.program(host).and_then(ClientProgram::heard);
        let polled = heard.map_or(&[][..], |heard| heard.polled());
        polled
            .iter()
            .map(|(partition, record)| Consumed {
                partition: format!("{}/{}", partition.topic, partition.partition),
                offset: record.offset.0,
                leader_epoch: record.leader_epoch.0,
                timestamp: record.timestamp,
                key: record.key.clone(),
                value: record.value.clone(),
            })
            .collect()
    }

    fn unpolled(&self, host: HostId) -> usize {
        let Some(program) = self.program(host) else { return 0 };
        let all = program.heard().map_or(0, |heard| heard.polled().len());
        match self.polled.get(&host) {
            Some((life, seen)) if *life == program.incarnation() => all - seen,
            _ => all,
        }
    }

    fn program(&self, client: HostId) -> Option<&ClientProgram> {
        self.run.world().program(client)?.as_any().downcast_ref()
    }

    /// A producer and its topic.
    #[track_caller]
    fn producer(&self, name: &str) -> (HostId, String) {
        let topic = |client: &Client| match client {
            Client::Producer { topic, .. } => Some(topic.clone()),
            Client::Consumer { .. } | Client::Member { .. } => None,
        };
        self.client("producer", name, topic)
    }

    /// A consumer, by itself or as a member of a group.
    #[track_caller]
    fn consumer(&self, name: &str) -> HostId {
        let reads = |client: &Client| (!matches!(client, Client::Producer { .. })).then_some(());
        self.client("consumer", name, reads).0
    }

    #[track_caller]
    fn client<T>(
        &self,
        kind: &str,
        name: &str,
        as_it: impl Fn(&Client) -> Option<T>,
    ) -> (HostId, T) {
        let clients = &self.run.scenario().clients;
        if let Some(it) = clients.get(name).and_then(&as_it) {
            return (self.facts().setup.host_named(name).expect("a client is a host"), it);
        }
        let known = clients.iter().filter(|(_, client)| as_it(client).is_some());
        let known: Vec<_> = known.map(|(name, _)| name.as_str()).collect();
        let known = if known.is_empty() {
            format!("none: give the scenario a `.client({kind}(..))`")
        } else {
            known.join(", ")
        };
        panic!("there is no {kind} `{name}`; there is {known}")
    }

    /// `orders` or `orders/1`.
    #[track_caller]
    fn destination<'t>(&self, to: &'t str) -> (&'t str, Option<i32>) {
        if self.run.scenario().topics.contains_key(to) {
            return (to, None);
        }
        self.known_partition(to);
        let (topic, partition) = to.rsplit_once('/').expect("it is known");
        (topic, partition.parse().ok())
    }
}
