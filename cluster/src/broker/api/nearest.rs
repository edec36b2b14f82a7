//! Where a consumer stands that fetches, and which replica is nearest to it.
//!
//! In Kafka:   `ClientMetadata`, `ReplicaManager.findPreferredReadReplica`,
//!             `KRaftMetadataCache.getPartitionReplicaEndpoints`; KIP-392, KAFKA-15390.
//! Holds:      the rack of a consumer, and the listener at which it came in.
//! Left out:   selectors other than the one by racks see more of a client: its id, its address, its principal.

use super::super::Broker;
use super::super::request::Request;
use crate::config::ReplicaSelector;
use crate::ids::{BrokerId, Offset};
use crate::image::MetadataImage;
use crate::partition::{Partition, Reader};
use crate::wire::FetchRequest;

/// Where a consumer stands.
#[derive(Debug, Clone)]
pub(super) struct Nearest {
    rack: String,
    listener: String,
}

impl Nearest {
    /// None of a reader that reads from the leader in any case: a follower, one that knows no racks or stands in none,
    /// any if there is no selector.
    pub(super) fn of(
        broker: &Broker,
        request: &Request,
        message: &FetchRequest,
        reader: &Reader,
    ) -> Option<Self> {
        let Some(ReplicaSelector::RackAware) = broker.config().node.replica_selector else {
            return None;
        };
        let may_be_sent = matches!(reader, Reader::Consumer { leader_only: false, .. });
        let (rack, listener) = (message.rack_id.clone(), broker.listener_of(request.conn));
        (may_be_sent && !rack.is_empty()).then(|| Self { rack, listener: listener.to_owned() })
    }

    /// Whom a leader sends it to. Replicas that the newest metadata does not have, brokers that are fenced and those
    /// without a listener of that name stand in no rack.
    pub(super) fn replica(
        &self,
        partition: &Partition,
        offset: Offset,
        image: &MetadataImage,
    ) -> Option<BrokerId> {
        let registered = image.topics().partition(partition.id())?;
        partition.nearest_replica(offset, |id| {
            let broker = image.cluster().broker(id).filter(|broker| !broker.fenced);
            registered.replicas.contains(&id)
                && broker.is_some_and(|broker| {
                    broker.endpoint(&self.listener).is_some()
                        && broker.rack.as_deref() == Some(&*self.rack)
                })
        })
    }
}
