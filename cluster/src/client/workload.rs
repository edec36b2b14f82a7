//! What a producer sends, and when: records at a rate, made up or from a list.
//!
//! Holds:      how many were sent, and when the next one is due.
//! Inputs:     the clock. Effects: the next record.
//! Invariants: WL-1 no record is sent after the end; WL-2 what is missed while the program cannot send (its producer
//!             blocks, its host pauses) is not made up for.

use std::sync::Arc;

use bytes::Bytes;
use trial_sim::{Span, Time};

use super::producer::ProducerRecord;
use crate::net::Wires;
use crate::note::client::{RECORD_ID_HEADER, RecordId};

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordSource {
    /// Made up.
    Generated {
        /// How many different keys; none for records without.
        keys: Option<u64>,
        /// How many of a hundred records with a key have no value: tombstones.
        tombstone_percent: u64,
        /// Bytes of a value, at least as many as its name takes.
        value_size: usize,
    },
    /// From a list, key and value, in its order; when it is through, from its start again.
    List(Arc<[(Option<Bytes>, Bytes)]>),
}

/// What is sent, how fast, and from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Where records come from.
    pub source: RecordSource,
    /// From one record to the next.
    pub interval: Span,
    /// When the first may be sent.
    pub start: Time,
    /// When none is sent any more; none for never.
    pub end: Option<Time>,
    /// How many are sent at most; none for any number.
    pub count: Option<u64>,
}

impl Workload {
    /// `per_second` records a second of `value_size` bytes without keys, from the beginning and without end.
    #[must_use]
    pub fn at_rate(per_second: u64, value_size: usize) -> Self {
        assert!(per_second > 0, "a rate is above zero");
        Self {
            source: RecordSource::Generated { keys: None, tombstone_percent: 0, value_size },
            interval: Span(1_000_000_000 / per_second),
            start: Time::ZERO,
            end: None,
            count: None,
        }
    }
}

/// A workload that is under way.
#[derive(Debug, Clone)]
pub(super) struct RunningWorkload {
    spec: Workload,
    topic: Arc<str>,
    client: u16,
    incarnation: u32,
    /// Records with an id: those of the workload and those that were ordered.
    sent: u64,
    /// Records of the workload.
    made: u64,
    due: Time,
    stopped: bool,
}

impl RunningWorkload {
    const STREAM: &'static str = "workload";

    /// Begins; where in its first interval is drawn, so that not all clients send at once.
    pub(super) fn begin(
        spec: Workload,
        topic: Arc<str>,
        client: u16,
        incarnation: u32,
        wires: &mut dyn Wires,
    ) -> Self {
        let phase = Span(wires.below(Self::STREAM, spec.interval.0.max(1)));
        let due = spec.start.max(wires.now()) + phase;
        Self { spec, topic, client, incarnation, sent: 0, made: 0, due, stopped: false }
    }

    /// When the next record is due; none if there is none left.
    pub(super) fn next_due(&self) -> Option<Time> {
        let limit = self.spec.count;
        let over = self.stopped
            || limit.is_some_and(|limit| self.made >= limit)
            || self.spec.end.is_some_and(|end| self.due >= end);
        (!over).then_some(self.due)
    }

    /// Whether it makes no record, from its beginning on.
    pub(super) fn is_empty(&self) -> bool {
        self.spec.count == Some(0)
    }

    /// Ends it.
    pub(super) const fn stop(&mut self) {
        self.stopped = true;
    }

    /// The record that is due now, if one is.
    pub(super) fn take_due(&mut self, wires: &mut dyn Wires) -> Option<ProducerRecord> {
        let now = wires.now();
        let due = self.next_due().filter(|due| *due <= now)?;
        if self.spec.end.is_some_and(|end| now >= end) {
            self.stopped = true; // WL-1: it was due before the end, but could not be sent
            return None;
        }
        let (key, value) = self.content(wires);
        self.made += 1;
        self.due = due + self.spec.interval;
        if self.due <= now {
            self.due = now + self.spec.interval; // WL-2
        }
        let topic = self.topic.clone();
        Some(self.record(topic, None, key, value))
    }

    /// A record with the next id.
    pub(super) fn record(
        &mut self,
        topic: Arc<str>,
        partition: Option<i32>,
        key: Option<Bytes>,
        value: Option<Bytes>,
    ) -> ProducerRecord {
        let id = RecordId::new(self.client, self.incarnation, self.sent);
        self.sent += 1;
        let id_bytes = Bytes::copy_from_slice(&id.0.to_be_bytes());
        let headers = vec![(Bytes::from_static(RECORD_ID_HEADER), id_bytes)];
        ProducerRecord { id: id.0, topic, partition, key, value, headers }
    }

    fn content(&self, wires: &mut dyn Wires) -> (Option<Bytes>, Option<Bytes>) {
        match &self.spec.source {
            RecordSource::List(list) => {
                let place = usize::try_from(self.made).expect("few records") % list.len();
                let (key, value) = list[place].clone();
                (key, Some(value))
            }
            RecordSource::Generated { keys, tombstone_percent, value_size } => {
                let key = keys.map(|keys| wires.below(Self::STREAM, keys.max(1)));
                let key = key.map(|key| Bytes::from(format!("key-{key}")));
                let buries = key.is_some()
                    && *tombstone_percent > 0
                    && wires.below(Self::STREAM, 100) < *tombstone_percent;
                if buries {
                    return (key, None);
                }
                let name = format!("{}.{}.{} ", self.client, self.incarnation, self.sent);
                let mut value = name.into_bytes();
                value.resize(value.len().max(*value_size), b'.');
                (key, Some(Bytes::from(value)))
            }
        }
    }
}
