//! Orders to a client: what a script asks of it, and what it has heard since.
//!
//! In Kafka:   the application: `producer.send(record).get()`, the records that its polls return.
//! Holds:      the answer to each order by the ticket that came with it, and every record that was polled.
//! Inputs:     orders as bytes, the machine's events. Effects: none; whoever gave the order looks here.
//! Invariants: OR-3 an order is answered at most once; `decode` reads what `encode` wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::NamedPartition;
use super::consumer::{ConsumedRecord, Polled};
use super::producer::ProducerEvent;
use crate::error_code::ErrorCode;
use crate::ids::Offset;

/// What a client is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// A producer sends a record.
    Send {
        /// What the answer is found by: no two orders have the same.
        ticket: u64,
        /// The topic.
        topic: Arc<str>,
        /// The partition, if the sender insists.
        partition: Option<i32>,
        /// The key.
        key: Option<Bytes>,
        /// The value; none for a tombstone.
        value: Option<Bytes>,
    },
    /// A producer makes no more records of its own, and flushes.
    EndWorkload,
}

impl Order {
    const SEND: u8 = 1;
    const END_WORKLOAD: u8 = 2;

    /// As bytes, for `World::order`.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut into = BytesMut::new();
        match self {
            Self::Send { ticket, topic, partition, key, value } => {
                into.put_u8(Self::SEND);
                into.put_u64(*ticket);
                put(&mut into, Some(topic.as_bytes()));
                into.put_i32(partition.unwrap_or(-1));
                put(&mut into, key.as_deref());
                put(&mut into, value.as_deref());
            }
            Self::EndWorkload => into.put_u8(Self::END_WORKLOAD),
        }
        into.freeze()
    }

    /// Reads what `encode` wrote; none if it is anything else.
    #[must_use]
    pub fn decode(mut bytes: Bytes) -> Option<Self> {
        match bytes.try_get_u8().ok()? {
            Self::SEND => {
                let ticket = bytes.try_get_u64().ok()?;
                let topic = take(&mut bytes)??;
                let topic = Arc::from(std::str::from_utf8(&topic).ok()?);
                let partition = bytes.try_get_i32().ok().map(|at| (at >= 0).then_some(at))?;
                let (key, value) = (take(&mut bytes)?, take(&mut bytes)?);
                bytes.is_empty().then_some(Self::Send { ticket, topic, partition, key, value })
            }
            Self::END_WORKLOAD => bytes.is_empty().then_some(Self::EndWorkload),
            _ => None,
        }
    }
}

/// A length, or -1 for nothing, and so many bytes.
fn put(into: &mut BytesMut, field: Option<&[u8]>) {
    let length = field.map_or(-1, |field| i64::try_from(field.len()).expect("fits into memory"));
    into.put_i64(length);
    into.put_slice(field.unwrap_or_default());
}

#[expect(clippy::option_option, reason = "outside: there is a field; inside: it is not null")]
fn take(bytes: &mut Bytes) -> Option<Option<Bytes>> {
    let length = bytes.try_get_i64().ok()?;
    if length == -1 {
        return Some(None);
    }
    let length = usize::try_from(length).ok().filter(|length| *length <= bytes.len())?;
    Some(Some(bytes.split_to(length)))
}

/// What became of a record that a producer was asked to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nobody knows yet.
    Pending,
    /// A broker has it, as `acks` asks.
    Delivered {
        /// Where it is.
        partition: i32,
        /// Its offset; none with acks=0.
        offset: Option<Offset>,
    },
    /// The producer gave it up.
    Failed {
        /// Why.
        error: ErrorCode,
        /// It may stand in the log all the same.
        maybe_written: bool,
    },
}

/// What a client has heard, for the script that holds it.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    answers: BTreeMap<u64, (Arc<str>, Answer)>,
    /// Tickets by the ids of their records.
    tickets: BTreeMap<u64, u64>,
    polled: Vec<(NamedPartition, ConsumedRecord)>,
}

impl Heard {
    /// The topic of the order with this ticket, and what became of it; none if this process was never given it.
    #[must_use]
    pub fn answer(&self, ticket: u64) -> Option<(&str, &Answer)> {
        self.answers.get(&ticket).map(|(topic, answer)| (&**topic, answer))
    }

    /// Every record that polls have returned to this process, in their order.
    #[must_use]
    pub fn polled(&self) -> &[(NamedPartition, ConsumedRecord)] {
        &self.polled
    }

    pub(super) fn on_order(&mut self, ticket: u64, record: u64, topic: &Arc<str>) {
        let before = self.answers.insert(ticket, (Arc::clone(topic), Answer::Pending));
        assert!(before.is_none(), "OR-3: the ticket {ticket} comes twice");
        self.tickets.insert(record, ticket);
    }

    pub(super) fn on_polled(&mut self, polled: &Polled) {
        let records = polled.records.iter();
        self.polled.extend(records.map(|record| (polled.partition.clone(), record.clone())));
    }

    pub(super) fn on_event(&mut self, event: &ProducerEvent) {
        let (id, answer) = match event {
            ProducerEvent::IdAssigned { .. } | ProducerEvent::Appended { .. } => return,
            ProducerEvent::Delivered { id, partition, offset } => {
                (id, Answer::Delivered { partition: partition.partition, offset: *offset })
            }
            ProducerEvent::Failed { id, error, maybe_written, .. } => {
                (id, Answer::Failed { error: *error, maybe_written: *maybe_written })
            }
        };
        // Records of a workload have no ticket.
        if let Some(ticket) = self.tickets.remove(id) {
            let (_, known) = self.answers.get_mut(&ticket).expect("its order has come");
            assert_eq!(*known, Answer::Pending, "OR-3: ticket {ticket}");
            *known = answer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Order;
    use bytes::Bytes;

    fn send(partition: Option<i32>, key: Option<&'static str>, value: Option<Bytes>) -> Order {
        let key = key.map(|key| Bytes::from_static(key.as_bytes()));
        Order::Send { ticket: 7, topic: "orders".into(), partition, key, value }
    }

    #[test]
    fn an_order_reads_back_as_itself_and_half_of_it_does_not() {
        let orders = [
            send(None, None, Some(Bytes::from_static(b"apples"))),
            send(Some(3), Some(""), None),
            send(Some(0), Some("k"), Some(Bytes::new())),
            Order::EndWorkload,
        ];
        for order in orders {
            let bytes = order.encode();
            assert_eq!(Order::decode(bytes.clone()), Some(order.clone()), "{order:?}");
            for length in 0..bytes.len() {
                assert_eq!(Order::decode(bytes.slice(..length)), None, "{length} of {order:?}");
            }
        }
        assert_eq!(Order::decode(Bytes::from_static(b"\x09")), None, "no such order");
    }
}
