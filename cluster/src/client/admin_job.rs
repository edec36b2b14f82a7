//! What an admin is asked to do besides creating its topics, and how it asks for it.
//!
//! In Kafka:   `Admin.{alterPartitionReassignments, createPartitions, electLeaders, incrementalAlterConfigs}` in
//!             `KafkaAdminClient`.
//! Holds:      jobs in the order in which they were given, and what became of each by its ticket.
//! Invariants: AJ-1 each job ends in one answer. One that gets none, or comes to a broker whose controller is gone, is
//!             asked again until `default.api.timeout.ms`; what a controller refuses is told as it is.
//! Left out:   several at a time: this admin asks for one after the other.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use trial_sim::{Span, Time};

use crate::config::altered::AlterOp;
use crate::error_code::ErrorCode;
use crate::ids::BrokerId;
use crate::net::{Completed, NetworkClient, Wires};
use crate::wire::{
    AlterPartitionReassignmentsRequest, ApiKey, CreatePartitionsRequest, ElectLeadersRequest,
    IncrementalAlterConfigsRequest, alter_partition_reassignments_request,
    create_partitions_request, elect_leaders_request, incremental_alter_configs_request,
};

/// `default.api.timeout.ms` of an admin.
const API_TIMEOUT: Span = Span::from_secs(60);

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminJob {
    /// Other replicas for a partition.
    Reassign {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The replicas; none: a reassignment that is under way is taken back.
        replicas: Option<Vec<i32>>,
    },
    /// More partitions.
    CreatePartitions {
        /// The topic.
        topic: String,
        /// How many there are to be.
        count: i32,
    },
    /// Other settings.
    Configure {
        /// Of what.
        of: Configured,
        /// Each with its value; none: it is taken back.
        changes: Vec<(String, Option<String>)>,
    },
    /// The preferred leader is to lead.
    ElectPreferred {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
}

/// Whose settings a job changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Configured {
    /// Those of a topic.
    Topic(String),
    /// Those of a broker.
    Broker(BrokerId),
    /// Those of all brokers.
    Brokers,
    /// Those of a group.
    Group(String),
}

impl Configured {
    /// Kafka's number and name of it.
    fn resource(&self) -> (i8, String) {
        match self {
            Self::Topic(name) => (2, name.clone()),
            Self::Broker(id) => (4, id.to_string()),
            Self::Brokers => (4, String::new()),
            Self::Group(name) => (32, name.clone()),
        }
    }
}

/// A job, and what its answer is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminOrder {
    /// No two orders have the same.
    pub ticket: u64,
    /// The job.
    pub job: AdminJob,
}

impl AdminOrder {
    /// As bytes, for `World::order`.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let ticket = self.ticket;
        let text = match &self.job {
            AdminJob::Reassign { topic, partition, replicas: None } => {
                format!("{ticket} cancel {topic} {partition}")
            }
            AdminJob::Reassign { topic, partition, replicas: Some(replicas) } => {
                let replicas: Vec<_> = replicas.iter().map(ToString::to_string).collect();
                format!("{ticket} reassign {topic} {partition} {}", replicas.join(","))
            }
            AdminJob::CreatePartitions { topic, count } => format!("{ticket} grow {topic} {count}"),
            AdminJob::ElectPreferred { topic, partition } => {
                format!("{ticket} elect {topic} {partition}")
            }
            AdminJob::Configure { of, changes } => {
                let (kind, name) = of.resource();
                let change = |(key, value): &(String, Option<String>)| match value {
                    Some(value) => format!(" {key}={value}"),
                    None => format!(" {key}"),
                };
                let changes: String = changes.iter().map(change).collect();
                format!("{ticket} configure {kind}/{name}{changes}")
            }
        };
        Bytes::from(text)
    }

    /// Reads what `encode` wrote; none if it is anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let words: Vec<&str> = text.split(' ').collect();
        if let [ticket, "configure", resource, ref changes @ ..] = words[..] {
            return Some(Self {
                ticket: ticket.parse().ok()?,
                job: configuring(resource, changes)?,
            });
        }
        let [ticket, word, topic, number, ref rest @ ..] = words[..] else { return None };
        let (topic, number) = (topic.to_owned(), number.parse().ok()?);
        let job = match (word, rest) {
            ("cancel", []) => AdminJob::Reassign { topic, partition: number, replicas: None },
            ("reassign", [replicas]) => {
                let replicas = replicas.split(',').filter(|id| !id.is_empty());
                let replicas = replicas.map(|id| id.parse().ok()).collect::<Option<_>>()?;
                AdminJob::Reassign { topic, partition: number, replicas: Some(replicas) }
            }
            ("grow", []) => AdminJob::CreatePartitions { topic, count: number },
            ("elect", []) => AdminJob::ElectPreferred { topic, partition: number },
            _ => return None,
        };
        Some(Self { ticket: ticket.parse().ok()?, job })
    }
}

fn configuring(resource: &str, changes: &[&str]) -> Option<AdminJob> {
    let of = match resource.split_once('/')? {
        ("2", name) => Configured::Topic(name.to_owned()),
        ("4", "") => Configured::Brokers,
        ("4", id) => Configured::Broker(BrokerId(id.parse().ok()?)),
        ("32", name) => Configured::Group(name.to_owned()),
        _ => return None,
    };
    let changes = changes.iter().map(|change| match change.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => ((*change).to_owned(), None),
    });
    Some(AdminJob::Configure { of, changes: changes.collect() })
}

#[derive(Debug, Clone)]
struct Waiting {
    order: AdminOrder,
    until: Time,
}

/// The jobs of one admin.
#[derive(Debug, Clone, Default)]
pub(super) struct AdminJobs {
    waiting: VecDeque<Waiting>,
    told: BTreeMap<u64, ErrorCode>,
}

impl AdminJobs {
    /// Takes one in.
    pub(super) fn push(&mut self, now: Time, order: AdminOrder) {
        self.waiting.push_back(Waiting { order, until: now + API_TIMEOUT });
    }

    /// Whether there is something to ask for.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What became of the order with this ticket, if anything has.
    pub(super) fn told(&self, ticket: u64) -> Option<ErrorCode> {
        self.told.get(&ticket).copied()
    }

    /// Which API the next job needs, in which versions.
    pub(super) fn needs(&self) -> Option<(ApiKey, std::ops::RangeInclusive<i16>)> {
        self.waiting.front().map(|next| match next.order.job {
            AdminJob::Reassign { .. } => (ApiKey::AlterPartitionReassignments, 0..=1),
            AdminJob::CreatePartitions { .. } => (ApiKey::CreatePartitions, 0..=3),
            AdminJob::ElectPreferred { .. } => (ApiKey::ElectLeaders, 0..=2),
            AdminJob::Configure { .. } => (ApiKey::IncrementalAlterConfigs, 0..=1),
        })
    }

    /// Who has to be asked: a broker for its own settings.
    pub(super) fn asks(&self) -> Option<BrokerId> {
        match self.waiting.front()?.order.job {
            AdminJob::Configure { of: Configured::Broker(id), .. } => Some(id),
            _ => None,
        }
    }

    /// Sends the next job.
    pub(super) fn send(
        &self,
        net: &mut NetworkClient,
        (node, version, token): (BrokerId, i16, u64),
        wires: &mut dyn Wires,
    ) {
        let next = self.waiting.front().expect("it was asked what it needs");
        let request = match next.order.job.clone() {
            AdminJob::Reassign { topic, partition, replicas } => {
                net.request(version, token, &reassignment(topic, partition, replicas))
            }
            AdminJob::CreatePartitions { topic, count } => {
                net.request(version, token, &more_partitions(topic, count))
            }
            AdminJob::ElectPreferred { topic, partition } => {
                net.request(version, token, &election(topic, partition))
            }
            AdminJob::Configure { of, changes } => {
                net.request(version, token, &settings(&of, changes))
            }
        };
        net.send(node, request, wires);
    }

    /// The next job was answered, or its connection is gone. Answers the ticket and what it was told, if it has ended.
    pub(super) fn on_completed(&mut self, now: Time, done: &Completed) -> Option<(u64, ErrorCode)> {
        let error = match done.api {
            ApiKey::AlterPartitionReassignments => {
                done.response::<AlterPartitionReassignmentsRequest>().ok().and_then(|response| {
                    let own = response.responses.first().and_then(|it| it.partitions.first());
                    worst(response.error_code, own.map(|own| own.error_code))
                })
            }
            ApiKey::CreatePartitions => {
                let response = done.response::<CreatePartitionsRequest>().ok();
                response.and_then(|it| worst(0, it.results.first().map(|own| own.error_code)))
            }
            ApiKey::IncrementalAlterConfigs => {
                let response = done.response::<IncrementalAlterConfigsRequest>().ok();
                response.and_then(|it| worst(0, it.responses.first().map(|own| own.error_code)))
            }
            _ => done.response::<ElectLeadersRequest>().ok().and_then(|response| {
                let topic = response.replica_election_results.first();
                let own = topic.and_then(|it| it.partition_result.first());
                worst(response.error_code, own.map(|own| own.error_code))
            }),
        };
        let until = self.waiting.front()?.until;
        let error = match error {
            None | Some(ErrorCode::NotController) if now < until => return None,
            None | Some(ErrorCode::NotController) => ErrorCode::RequestTimedOut,
            Some(error) => error,
        };
        let Waiting { order, .. } = self.waiting.pop_front()?;
        self.told.insert(order.ticket, error);
        Some((order.ticket, error))
    }
}

/// The error of the whole, else that of the part; none if there is no answer to the part.
fn worst(whole: i16, part: Option<i16>) -> Option<ErrorCode> {
    let code = if whole == 0 { part? } else { whole };
    Some(ErrorCode::from_code(code))
}

fn reassignment(
    name: String,
    partition_index: i32,
    replicas: Option<Vec<i32>>,
) -> AlterPartitionReassignmentsRequest {
    let partition = alter_partition_reassignments_request::Partition { partition_index, replicas };
    let partitions = vec![partition];
    let topics = vec![alter_partition_reassignments_request::Topic { name, partitions }];
    AlterPartitionReassignmentsRequest { topics, ..AlterPartitionReassignmentsRequest::default() }
}

fn more_partitions(name: String, count: i32) -> CreatePartitionsRequest {
    let topic = create_partitions_request::Topic { name, count, assignments: None };
    CreatePartitionsRequest { topics: vec![topic], timeout_ms: 30_000, validate_only: false }
}

fn settings(
    of: &Configured,
    changes: Vec<(String, Option<String>)>,
) -> IncrementalAlterConfigsRequest {
    let (resource_type, resource_name) = of.resource();
    let configs = changes.into_iter().map(|(name, value)| {
        let config_operation = if value.is_some() { AlterOp::Set } else { AlterOp::Delete }.id();
        incremental_alter_configs_request::Config { name, config_operation, value }
    });
    let configs = configs.collect();
    let resource =
        incremental_alter_configs_request::Resource { resource_type, resource_name, configs };
    IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false }
}

fn election(topic: String, partition: i32) -> ElectLeadersRequest {
    let wanted = elect_leaders_request::TopicPartition { topic, partitions: vec![partition] };
    ElectLeadersRequest {
        topic_partitions: Some(vec![wanted]),
        timeout_ms: 30_000,
        ..ElectLeadersRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{AdminJob, AdminOrder, Configured};
    use crate::ids::BrokerId;

    #[test]
    fn an_order_reads_back_as_itself() {
        let topic = || "orders".to_owned();
        let moved = |replicas| AdminJob::Reassign { topic: topic(), partition: 2, replicas };
        let jobs = [
            moved(None),
            moved(Some(Vec::new())),
            moved(Some(vec![3, 1])),
            AdminJob::CreatePartitions { topic: topic(), count: 6 },
            AdminJob::ElectPreferred { topic: topic(), partition: 0 },
        ];
        let all = [
            Configured::Topic(topic()),
            Configured::Broker(BrokerId(3)),
            Configured::Brokers,
            Configured::Group("readers".to_owned()),
        ];
        let changes = vec![("a.b".to_owned(), Some("1".to_owned())), ("c".to_owned(), None)];
        let configure = |of| AdminJob::Configure { of, changes: changes.clone() };
        for job in jobs.into_iter().chain(all.map(configure)) {
            let order = AdminOrder { ticket: 7, job };
            assert_eq!(AdminOrder::decode(&order.encode()), Some(order.clone()), "{order:?}");
        }
        for text in ["", "7 grow orders", "x grow orders 6", "7 grow orders 6 6", "7 eat orders 1"]
        {
            assert_eq!(AdminOrder::decode(text.as_bytes()), None, "`{text}` is no order");
        }
    }
}
