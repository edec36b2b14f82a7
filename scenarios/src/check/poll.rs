//! A poll of a consumer, and what is wrong with it: C3, nonmonotonic-poll, inconsistent-offsets.
//!
//! In Kafka:   `KafkaConsumer.poll`; Jepsen's `tests/kafka.clj`.

use trial_cluster::ids::TopicPartition;
use trial_cluster::note::client::RecordId;
use trial_sim::{HostId, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::Facts;

/// A poll under judgement.
pub(super) struct Poll<'a> {
    pub(super) at: Time,
    pub(super) host: HostId,
    pub(super) partition: TopicPartition,
    pub(super) facts: &'a Facts,
}

impl Poll<'_> {
    fn polled(&self, offset: i64) -> String {
        format!("{} polled offset {offset}", words::who(self.facts, self.at, self.host))
    }

    pub(super) fn backwards(&self, offset: i64, position: i64, verdicts: &mut Verdicts) {
        let Some(partition) = self.facts.partition(self.partition) else { return };
        let (name, reader) = (partition.name(), self.facts.setup.name(self.host));
        let breach = Breach {
            invariant: "C3",
            at: self.at,
            message: format!(
                "{name}: {reader} polled offset {offset}, before its position {position}"
            ),
            facts: [format!("{reader} stood at {position}"), self.polled(offset)],
        };
        verdicts.always(&format!("{name} {reader}"), breach);
    }

    pub(super) fn nonmonotonic(
        &self,
        offset: i64,
        last: i64,
        since: Time,
        verdicts: &mut Verdicts,
    ) {
        let Some(partition) = self.facts.partition(self.partition) else { return };
        let (name, reader) = (partition.name(), self.facts.setup.name(self.host));
        let breach = Breach {
            invariant: "nonmonotonic-poll",
            at: self.at,
            message: format!("{name}: {reader} polled offset {offset} after offset {last}"),
            facts: [
                format!("{} polled offset {last}", words::who(self.facts, since, self.host)),
                self.polled(offset),
            ],
        };
        verdicts.durable(self.facts, partition, breach);
    }

    pub(super) fn inconsistent(
        &self,
        offset: i64,
        one: RecordId,
        other: RecordId,
        verdicts: &mut Verdicts,
    ) {
        let Some(partition) = self.facts.partition(self.partition) else { return };
        let name = partition.name();
        let breach = Breach {
            invariant: "inconsistent-offsets",
            at: self.at,
            message: format!("{name} offset {offset} was two different records to its readers"),
            facts: [
                format!("record {:x} was polled at offset {offset} before", one.0),
                format!("{} and got record {:x}", self.polled(offset), other.0),
            ],
        };
        verdicts.durable(self.facts, partition, breach);
    }
}
