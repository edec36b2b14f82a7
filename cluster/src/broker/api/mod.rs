//! The APIs that a broker serves: one table, one file per request.
//!
//! In Kafka:   `KafkaApis`, `ApiVersionManager`.
//! Holds:      the table. What ApiVersions answers is derived from it, so nothing can be advertised that is not served.

mod alter_configs;
mod api_versions;
mod authorized;
mod auto_create;
mod delete_records;
mod describe_cluster;
mod describe_configs;
mod describe_producers;
mod describe_topic_partitions;
mod fetch;
mod fetch_answer;
mod fetch_marks;
mod forwarded;
mod groups;
mod in_turn;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod nearest;
mod offset_for_leader_epoch;
mod produce;
mod produce_records;

use std::ops::RangeInclusive;
use std::sync::Arc;

pub use api_versions::api_versions_response;
pub(super) use delete_records::DeleteRecords;
pub(super) use fetch::Fetch;
pub(super) use forwarded::Forwarded;
pub(super) use groups::GroupCall;
pub(super) use list_offsets::ListOffsets;
pub(super) use produce::{Produce, error_of as error_of_log};

use super::request::{Refused, Request};
use super::{Broker, Cx};
use crate::wire::{AlterConfigsRequest, ApiKey, IncrementalAlterConfigsRequest};

/// Nobody says in which leader epoch he is.
const NO_EPOCH: i32 = -1;

/// What handles an API.
type Handler = fn(&mut Broker, &Arc<Request>, &mut Cx<'_>) -> Result<(), Refused>;

/// An API that brokers serve.
pub struct Served {
    /// Which.
    pub api: ApiKey,
    /// In which versions.
    pub versions: RangeInclusive<i16>,
    handler: Handler,
}

/// All of them.
pub fn served() -> impl Iterator<Item = &'static Served> {
    [SERVED, groups::SERVED].into_iter().flatten()
}

/// Those that need no coordinator of groups, but to find it. Produce counts from 3: ApiVersions says 0, as Kafka does
/// since 4.0 for the sake of old clients.
const SERVED: &[Served] = &[
    Served { api: ApiKey::Produce, versions: 3..=13, handler: produce::handle },
    Served { api: ApiKey::Fetch, versions: 4..=18, handler: fetch::handle },
    Served { api: ApiKey::ListOffsets, versions: 1..=11, handler: list_offsets::handle },
    Served { api: ApiKey::Metadata, versions: 0..=13, handler: metadata::handle },
    Served { api: ApiKey::ApiVersions, versions: 0..=4, handler: api_versions::handle },
    Served { api: ApiKey::CreateTopics, versions: 2..=7, handler: forwarded::handle },
    Served { api: ApiKey::DeleteTopics, versions: 1..=6, handler: forwarded::handle },
    Served { api: ApiKey::CreatePartitions, versions: 0..=3, handler: forwarded::handle },
    Served { api: ApiKey::ElectLeaders, versions: 0..=2, handler: forwarded::handle },
    Served {
        api: ApiKey::IncrementalAlterConfigs,
        versions: 0..=1,
        handler: alter_configs::handle::<IncrementalAlterConfigsRequest>,
    },
    Served {
        api: ApiKey::AlterConfigs,
        versions: 0..=2,
        handler: alter_configs::handle::<AlterConfigsRequest>,
    },
    Served {
        api: ApiKey::AlterPartitionReassignments,
        versions: 0..=1,
        handler: forwarded::handle,
    },
    Served { api: ApiKey::ListPartitionReassignments, versions: 0..=0, handler: forwarded::handle },
    Served { api: ApiKey::DescribeConfigs, versions: 1..=4, handler: describe_configs::handle },
    Served { api: ApiKey::DescribeCluster, versions: 0..=2, handler: describe_cluster::handle },
    Served {
        api: ApiKey::DescribeTopicPartitions,
        versions: 0..=0,
        handler: describe_topic_partitions::handle,
    },
    Served { api: ApiKey::DescribeProducers, versions: 0..=0, handler: describe_producers::handle },
    Served { api: ApiKey::DescribeQuorum, versions: 0..=2, handler: forwarded::handle },
    Served { api: ApiKey::InitProducerId, versions: 0..=5, handler: init_producer_id::handle },
    Served { api: ApiKey::DeleteRecords, versions: 0..=2, handler: delete_records::handle },
    Served {
        api: ApiKey::FindCoordinator,
        versions: 0..=6,
        handler: groups::find_coordinator::handle,
    },
    Served {
        api: ApiKey::OffsetForLeaderEpoch,
        versions: 2..=4,
        handler: offset_for_leader_epoch::handle,
    },
];

impl Broker {
    /// A handler lane takes a request: second half of the first look.
    pub(super) fn dispatch(&mut self, request: &Arc<Request>, cx: &mut Cx<'_>) {
        let version = request.header.request_api_version;
        let found =
            served().find(|served| served.api == request.api && served.versions.contains(&version));
        let handled = match found {
            Some(served) => (served.handler)(self, request, cx),
            None if request.api == ApiKey::ApiVersions => Err(Refused::ApiVersionsOfTheFuture),
            None => Err(Refused::Close),
        };
        match handled {
            Ok(()) => {}
            Err(Refused::Close) => self.close(request.conn, cx),
            Err(Refused::ApiVersionsOfTheFuture) => {
                self.respond_frame(request.conn, request.unknown_api_versions_response(), cx);
            }
        }
    }
}
