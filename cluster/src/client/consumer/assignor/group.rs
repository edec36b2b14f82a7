//! What an assignor is told of a group and of the cluster, and what it answers.
//!
//! In Kafka:   `ConsumerPartitionAssignor.{Subscription, GroupSubscription, Assignment}`, and of `Cluster` the
//!             partitions and the racks of their replicas (KIP-881).
//! Holds:      plain values; `protocol.rs` has their bytes.
//! Left out:   a topic of which metadata lacks a partition between others: partitions are counted from zero.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::client::NamedPartition;

/// What a member says of itself when it joins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// The topics that it wants.
    pub topics: Vec<Arc<str>>,
    /// What its assignor has written for the leader's.
    pub user_data: Option<Bytes>,
    /// What it has at that moment (version 1 on). Nothing, if it follows the eager protocol.
    pub owned_partitions: Vec<NamedPartition>,
    /// The generation in which it got that (version 2 on); none for a negative one.
    pub generation_id: Option<i32>,
    /// Its `client.rack` (version 3 on).
    pub rack_id: Option<Arc<str>>,
    /// Its `group.instance.id`. Not part of the bytes: the JoinGroup response has it beside them.
    pub group_instance_id: Option<Arc<str>>,
}

impl Subscription {
    /// The rack, if it is one that counts.
    pub(super) fn rack(&self) -> Option<&str> {
        self.rack_id.as_deref().filter(|rack| !rack.is_empty())
    }
}

/// A member, as the JoinGroup response names it to the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its member id.
    pub id: Arc<str>,
    /// What it says of itself.
    pub subscription: Subscription,
}

/// What a member is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assignment {
    /// The partitions, in the assignor's order: topics go into the bytes in the order in which they come here first.
    pub partitions: Vec<NamedPartition>,
    /// Nothing, from the assignors of this folder.
    pub user_data: Option<Bytes>,
}

/// What an assignor looks at of the cluster: the topics, of each the partitions from zero on, and of each partition the
/// racks in which its replicas are, in sync or not, online or not. A broker without a rack adds none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterTopics(BTreeMap<Arc<str>, Vec<BTreeSet<Arc<str>>>>);

impl ClusterTopics {
    /// Adds a topic with the racks of each partition, or replaces it.
    pub fn insert(&mut self, topic: Arc<str>, racks: Vec<BTreeSet<Arc<str>>>) {
        self.0.insert(topic, racks);
    }

    /// Adds a topic of `count` partitions whose brokers have no racks, or replaces it.
    pub fn insert_without_racks(&mut self, topic: Arc<str>, count: usize) {
        self.insert(topic, vec![BTreeSet::new(); count]);
    }

    /// The racks of each partition of a topic; none if it is not known or has no partition.
    #[must_use]
    pub fn racks(&self, topic: &str) -> Option<&[BTreeSet<Arc<str>>]> {
        self.0.get(topic).map(Vec::as_slice).filter(|racks| !racks.is_empty())
    }

    /// The topics and the racks of their partitions, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &[BTreeSet<Arc<str>>])> {
        self.0.iter().map(|(topic, racks)| (topic, racks.as_slice()))
    }
}
