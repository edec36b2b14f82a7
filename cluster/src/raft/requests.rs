//! At most one request in flight to each node, and a pause after one that failed.
//!
//! In Kafka:   `RequestManager`.
//! Holds:      per node the correlation id and send time of the request in flight, or the time of the failure.
//! Invariants: RM-1 while any request is in flight no Fetch goes to a bootstrap server: two fetches from the same
//!             end would append the same records twice.

use std::collections::BTreeMap;

use trial_sim::{Span, Time};

use super::draws::Draws;
use super::voters::Endpoint;
use crate::ids::BrokerId;

/// Whom a request goes to. A bootstrap server has a negative id: who it is turns out when it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The node's id.
    pub id: BrokerId,
    /// Where it listens.
    pub endpoint: Endpoint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    Awaiting { correlation: u64, sent: Time },
    BackingOff { since: Time },
}

/// The state of every node that was talked to lately.
#[derive(Debug, Clone)]
pub struct RequestManager {
    connections: BTreeMap<BrokerId, Connection>,
    bootstrap: Vec<Peer>,
    retry_backoff: Span,
    request_timeout: Span,
}

impl RequestManager {
    /// `bootstrap`: whom to ask when no leader is known.
    #[must_use]
    pub fn new(bootstrap: &[Endpoint], retry_backoff: Span, request_timeout: Span) -> Self {
        let id = |position: usize| -2 - i32::try_from(position).expect("a handful of servers");
        let peers = bootstrap.iter().enumerate();
        let bootstrap = peers.map(|(position, endpoint)| Peer {
            id: BrokerId(id(position)),
            endpoint: endpoint.clone(),
        });
        Self {
            connections: BTreeMap::new(),
            bootstrap: bootstrap.collect(),
            retry_backoff,
            request_timeout,
        }
    }

    /// Whether a request is in flight to anybody.
    pub fn has_any_in_flight(&mut self, now: Time) -> bool {
        self.forget_expired(now);
        self.connections
            .values()
            .any(|connection| matches!(connection, Connection::Awaiting { .. }))
    }

    /// A bootstrap server that may be asked now; none while any request is in flight (RM-1).
    pub fn ready_bootstrap(&mut self, now: Time, draws: &mut Draws) -> Option<Peer> {
        if self.bootstrap.is_empty() || self.has_any_in_flight(now) {
            return None;
        }
        let count = self.bootstrap.len();
        let first = usize::try_from(draws.below(count as u64)).expect("below the count");
        let mut order = (0..count).map(|step| &self.bootstrap[(first + step) % count]);
        order.find(|peer| !self.connections.contains_key(&peer.id)).cloned()
    }

    /// How long until [`Self::ready_bootstrap`] can find one.
    pub fn bootstrap_wait(&mut self, now: Time) -> Span {
        self.forget_expired(now);
        let mut wait = self.retry_backoff;
        for connection in self.connections.values() {
            match *connection {
                Connection::Awaiting { sent, .. } => {
                    return (sent + self.request_timeout).since(now);
                }
                Connection::BackingOff { since } => {
                    wait = wait.min((since + self.retry_backoff).since(now));
                }
            }
        }
        if self.bootstrap.is_empty() {
            return Span::MAX;
        }
        let ready = self.bootstrap.iter().any(|peer| !self.connections.contains_key(&peer.id));
        if ready { Span::ZERO } else { wait }
    }

    /// Whether the request in flight to `peer` has waited too long.
    #[must_use]
    pub fn has_timed_out(&self, peer: BrokerId, now: Time) -> bool {
        match self.connections.get(&peer) {
            Some(&Connection::Awaiting { sent, .. }) => now >= sent + self.request_timeout,
            _ => false,
        }
    }

    /// Whether `peer` may be sent a request.
    #[must_use]
    pub fn is_ready(&self, peer: BrokerId, now: Time) -> bool {
        match self.connections.get(&peer) {
            None => true,
            Some(&Connection::Awaiting { .. }) => self.has_timed_out(peer, now),
            Some(&Connection::BackingOff { .. }) => self.backoff(peer, now) == Span::ZERO,
        }
    }

    /// How long `peer` is still left alone after a failure.
    #[must_use]
    pub fn backoff(&self, peer: BrokerId, now: Time) -> Span {
        match self.connections.get(&peer) {
            Some(&Connection::BackingOff { since }) => (since + self.retry_backoff).since(now),
            _ => Span::ZERO,
        }
    }

    /// How long the request in flight to `peer` may still take.
    #[must_use]
    pub fn remaining(&self, peer: BrokerId, now: Time) -> Span {
        match self.connections.get(&peer) {
            Some(&Connection::Awaiting { sent, .. }) => (sent + self.request_timeout).since(now),
            _ => Span::ZERO,
        }
    }

    /// Whether the answer to this request is still waited for.
    #[must_use]
    pub fn is_expected(&self, peer: BrokerId, answered: u64) -> bool {
        match self.connections.get(&peer) {
            Some(&Connection::Awaiting { correlation, .. }) => correlation == answered,
            _ => false,
        }
    }

    /// A request was sent.
    pub fn on_sent(&mut self, peer: BrokerId, correlation: u64, now: Time) {
        self.connections.insert(peer, Connection::Awaiting { correlation, sent: now });
    }

    /// A request was answered; without success the node is left alone for a while.
    pub fn on_answered(&mut self, peer: BrokerId, correlation: u64, success: bool, now: Time) {
        if !self.is_expected(peer, correlation) {
            return;
        }
        if success {
            self.reset(peer);
        } else {
            self.connections.insert(peer, Connection::BackingOff { since: now });
        }
    }

    /// Forgets what was in flight to `peer`.
    pub fn reset(&mut self, peer: BrokerId) {
        self.connections.remove(&peer);
    }

    /// Forgets everything in flight: the replica has changed its state.
    pub fn reset_all(&mut self) {
        self.connections.clear();
    }

    fn forget_expired(&mut self, now: Time) {
        let (timeout, backoff) = (self.request_timeout, self.retry_backoff);
        self.connections.retain(|_, connection| match *connection {
            Connection::Awaiting { sent, .. } => now < sent + timeout,
            Connection::BackingOff { since } => now < since + backoff,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::draws::tests::middle;
    use super::*;

    fn at(ms: u64) -> Time {
        Time(ms * 1_000_000)
    }

    fn manager() -> RequestManager {
        let servers = ["a", "b", "c"].map(|host| Endpoint::controller(host, 1));
        RequestManager::new(&servers, Span::from_millis(20), Span::from_millis(100))
    }

    #[test]
    fn one_request_in_flight_keeps_bootstrap_servers_waiting() {
        let mut manager = manager();
        let first = manager.ready_bootstrap(at(0), &mut middle()).map(|peer| peer.id);
        assert_eq!(first, Some(BrokerId(-3)), "the middle one of three");
        manager.on_sent(BrokerId(7), 1, at(0));
        assert_eq!(manager.ready_bootstrap(at(99), &mut middle()), None, "RM-1");
        assert_eq!(manager.bootstrap_wait(at(99)), Span::from_millis(1));
        assert!(manager.ready_bootstrap(at(100), &mut middle()).is_some(), "it has timed out");
        assert_eq!(manager.bootstrap_wait(at(100)), Span::ZERO);
    }

    #[test]
    fn a_failure_pauses_one_node_and_only_the_expected_answer_counts() {
        let mut manager = manager();
        let node = BrokerId(1);
        manager.on_sent(node, 5, at(0));
        manager.on_answered(node, 4, false, at(1));
        assert!(!manager.is_ready(node, at(1)), "an answer to something else");
        manager.on_answered(node, 5, false, at(1));
        assert_eq!(manager.backoff(node, at(11)), Span::from_millis(10));
        assert!(!manager.is_ready(node, at(20)), "it is left alone");
        assert!(manager.is_ready(node, at(21)), "and then asked again");
        manager.on_sent(node, 6, at(21));
        manager.on_answered(node, 6, true, at(22));
        assert!(manager.is_ready(node, at(22)), "after a success at once");
    }

    #[test]
    fn a_request_that_waits_too_long_is_forgotten() {
        let mut manager = manager();
        manager.on_sent(BrokerId(1), 5, at(0));
        assert!(!manager.has_timed_out(BrokerId(1), at(99)), "not yet");
        assert_eq!(manager.remaining(BrokerId(1), at(99)), Span::from_millis(1));
        assert!(manager.has_timed_out(BrokerId(1), at(100)), "now");
        assert!(!manager.has_any_in_flight(at(100)), "and it blocks nobody");
        assert!(!manager.is_expected(BrokerId(1), 5), "a late answer is ignored");
    }
}
