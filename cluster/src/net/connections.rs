//! The connections of a network client, and when the first of them times out.
//!
//! Holds:      one connection per node; the earliest deadline of all, once it was asked for.
//! Invariants: CS-1 the deadline that is answered is the one that a look at every connection would find: it is
//!             forgotten whenever a connection is lent to be changed.

use std::collections::BTreeMap;

use trial_sim::Time;

use super::connection::Connection;
use crate::ids::BrokerId;

/// Connections by node.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    by_node: BTreeMap<BrokerId, Connection>,
    /// As it was when it was last looked for.
    earliest: Option<Time>,
    /// Whether a connection may have changed since.
    changed: bool,
}

impl Connections {
    /// None.
    pub(super) const fn new() -> Self {
        Self { by_node: BTreeMap::new(), earliest: None, changed: false }
    }

    pub(super) fn insert(&mut self, node: BrokerId, connection: Connection) {
        self.changed = true;
        self.by_node.insert(node, connection);
    }

    pub(super) fn remove(&mut self, node: BrokerId) {
        self.changed = true;
        self.by_node.remove(&node);
    }

    pub(super) fn get(&self, node: BrokerId) -> Option<&Connection> {
        self.by_node.get(&node)
    }

    /// Lends a connection to be changed.
    pub(super) fn get_mut(&mut self, node: BrokerId) -> Option<&mut Connection> {
        self.changed = true;
        self.by_node.get_mut(&node)
    }

    /// As [`super::NetworkClient::least_loaded`].
    pub(super) fn least_loaded(
        &self,
        nodes: &[BrokerId],
        start: usize,
        now: Time,
        max_in_flight: usize,
    ) -> Option<BrokerId> {
        let in_turn = (0..nodes.len()).map(|i| nodes[(start + i) % nodes.len()]);
        in_turn
            .filter_map(|node| {
                let connection = self.by_node.get(&node)?;
                let rank = if connection.is_ready(max_in_flight) {
                    (0, connection.in_flight.len() as u64)
                } else if connection.is_preparing() {
                    (1, 0)
                } else if connection.can_connect(now) {
                    (2, connection.last_attempt.map_or(0, |last| last.0))
                } else {
                    return None;
                };
                Some((rank, node))
            })
            .min_by_key(|&(rank, _)| rank)
            .map(|(_, node)| node)
    }

    /// The earliest moment at which something times out on any of them.
    pub(super) fn next_deadline(&mut self) -> Option<Time> {
        if self.changed {
            self.changed = false;
            self.earliest = self.look();
        }
        debug_assert_eq!(self.earliest, self.look(), "CS-1: a change went unseen");
        self.earliest
    }

    /// The nodes whose connections have something that times out by `now`.
    pub(super) fn due(&mut self, now: Time) -> Vec<BrokerId> {
        if self.next_deadline().is_none_or(|at| at > now) {
            return Vec::new();
        }
        let due = |connection: &Connection| connection.next_deadline().is_some_and(|at| at <= now);
        let nodes = self.by_node.iter().filter(|(_, connection)| due(connection));
        nodes.map(|(node, _)| *node).collect()
    }

    fn look(&self) -> Option<Time> {
        self.by_node.values().filter_map(Connection::next_deadline).min()
    }
}
