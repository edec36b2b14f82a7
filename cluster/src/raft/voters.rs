//! Who votes: replicas by id and log directory, and where they listen.
//!
//! In Kafka:   `ReplicaKey`, `Endpoints`, `VoterSet` (KIP-853); kraft.version 1.
//! Holds:      one node per id; the set is a value, replaced and never edited in place.
//! Invariants: VS-1 a replica with another directory is not the voter of that id.
//! Left out:   changes of the set (AddVoter, RemoveVoter, UpdateVoter): the voters are those of the format.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::ids::{BrokerId, DirectoryId, Uuid};

/// A replica of the metadata log: a node and the directory that holds its copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaKey {
    /// The node.
    pub id: BrokerId,
    /// Its directory; none where a request or a file of kraft.version 0 does not say.
    pub directory: Option<DirectoryId>,
}

impl ReplicaKey {
    /// The replica of `id` in `directory`; the zero directory says "unknown".
    #[must_use]
    pub fn new(id: BrokerId, directory: DirectoryId) -> Self {
        Self { id, directory: (directory != Uuid::ZERO).then_some(directory) }
    }

    /// The directory as messages carry it: zero if unknown.
    #[must_use]
    pub fn directory_or_zero(self) -> DirectoryId {
        self.directory.unwrap_or(Uuid::ZERO)
    }

    /// Whether `other` is this replica; an unknown directory of `self` matches every one of `other`.
    #[must_use]
    pub fn matches(self, other: Self) -> bool {
        self.id == other.id && (self.directory.is_none() || self.directory == other.directory)
    }
}

impl fmt::Debug for ReplicaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.directory {
            Some(directory) => write!(f, "{}@{directory}", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

impl fmt::Display for ReplicaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Where a node listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The listener's name.
    pub listener: Arc<str>,
    /// The host's name.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// The name of the listener that the quorum uses everywhere.
    pub const CONTROLLER: &'static str = "CONTROLLER";

    /// The controller listener of a host.
    #[must_use]
    pub fn controller(host: &str, port: u16) -> Self {
        Self { listener: Arc::from(Self::CONTROLLER), host: Arc::from(host), port }
    }
}

/// One voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterNode {
    /// Which replica votes.
    pub key: ReplicaKey,
    /// Where it listens; the first one is where requests go.
    pub endpoints: Vec<Endpoint>,
    /// The kraft.version that it supports, from and to.
    pub kraft_versions: (i16, i16),
}

impl VoterNode {
    /// A voter that supports every kraft.version that exists.
    #[must_use]
    pub fn new(key: ReplicaKey, endpoint: Endpoint) -> Self {
        Self { key, endpoints: vec![endpoint], kraft_versions: (0, 1) }
    }
}

/// The voters, by id. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VoterSet {
    nodes: Arc<BTreeMap<BrokerId, VoterNode>>,
}

impl VoterSet {
    /// The set of `nodes`; ids are unique.
    #[must_use]
    pub fn new(nodes: impl IntoIterator<Item = VoterNode>) -> Self {
        let mut by_id = BTreeMap::new();
        for node in nodes {
            let key = node.key;
            let before = by_id.insert(key.id, node);
            assert!(before.is_none(), "two voters have the id {}", key.id);
        }
        Self { nodes: Arc::new(by_id) }
    }

    /// Every voter, by id.
    pub fn nodes(&self) -> impl Iterator<Item = &VoterNode> {
        self.nodes.values()
    }

    /// Every voter's key, by id.
    pub fn keys(&self) -> impl Iterator<Item = ReplicaKey> + '_ {
        self.nodes.values().map(|node| node.key)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nobody votes, or nothing is known yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The smallest number of voters that any other such number overlaps.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.nodes.len() / 2 + 1
    }

    /// Whether exactly this replica votes (VS-1).
    #[must_use]
    pub fn is_voter(&self, key: ReplicaKey) -> bool {
        self.nodes.get(&key.id).is_some_and(|node| node.key.matches(key))
    }

    /// Whether this replica is the only one that votes.
    #[must_use]
    pub fn is_only_voter(&self, key: ReplicaKey) -> bool {
        self.nodes.len() == 1 && self.is_voter(key)
    }

    /// Where the voter of this id listens.
    #[must_use]
    pub fn endpoint(&self, id: BrokerId) -> Option<&Endpoint> {
        self.nodes.get(&id)?.endpoints.first()
    }

    /// Whether `node` is a voter that the set describes otherwise than it describes itself.
    #[must_use]
    pub fn needs_update(&self, node: &VoterNode) -> bool {
        self.is_voter(node.key) && self.nodes.get(&node.key.id) != Some(node)
    }

    /// The same voters, with `node`'s own description of itself.
    #[must_use]
    pub fn with_updated(&self, node: &VoterNode) -> Self {
        assert!(self.is_voter(node.key), "VS-1: {} is not one of {self:?}", node.key);
        let mut nodes = (*self.nodes).clone();
        nodes.insert(node.key.id, node.clone());
        Self { nodes: Arc::new(nodes) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The replica `id` in the directory that tests give it.
    pub(crate) fn key(id: i32) -> ReplicaKey {
        ReplicaKey::new(BrokerId(id), Uuid(1_000 + u128::from(id.unsigned_abs())))
    }

    /// The voter `id` on host `c<id>`.
    pub(crate) fn node(id: i32) -> VoterNode {
        VoterNode::new(key(id), Endpoint::controller(&format!("c{id}"), 9093))
    }

    /// The voters `ids`.
    pub(crate) fn voters(ids: &[i32]) -> VoterSet {
        VoterSet::new(ids.iter().map(|&id| node(id)))
    }

    #[test]
    fn a_replica_in_another_directory_is_not_the_voter() {
        let set = voters(&[1, 2, 3]);
        let moved = ReplicaKey::new(BrokerId(2), Uuid(77));
        assert!(set.is_voter(key(2)), "the voter itself");
        assert!(!set.is_voter(moved), "VS-1");
        assert!(!set.is_voter(key(4)), "a stranger");
        assert!(
            !set.is_voter(ReplicaKey { id: BrokerId(2), directory: None }),
            "an unknown directory"
        );
    }

    #[test]
    fn a_majority_overlaps_every_other() {
        for (count, want) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)] {
            let ids: Vec<i32> = (1..=count).collect();
            assert_eq!(voters(&ids).majority(), want, "{count} voters");
        }
    }

    #[test]
    fn a_voter_that_moved_needs_an_update() {
        let set = voters(&[1, 2]);
        let moved = VoterNode::new(key(2), Endpoint::controller("elsewhere", 9093));
        assert!(!set.needs_update(&node(2)), "as described");
        assert!(set.needs_update(&moved), "it listens elsewhere");
        assert!(!set.needs_update(&node(3)), "not a voter");
        assert_eq!(set.with_updated(&moved).endpoint(BrokerId(2)), moved.endpoints.first());
    }
}
