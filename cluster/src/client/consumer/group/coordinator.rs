//! Finds the group's coordinator, and forgets it when it is not one any more.
//!
//! In Kafka:   `AbstractCoordinator.ensureCoordinatorReady`, `lookupCoordinator`, `markCoordinatorUnknown`;
//!             `CoordinatorRequestManager`.
//! Holds:      which node it is, the one FindCoordinator that is under way, the back-off between two.
//! Invariants: CO-1 one FindCoordinator at a time.
//! Left out:   the classic consumer begins its back-off anew in each call that waits for a coordinator; here it grows
//!             until one is found.

use std::ops::RangeInclusive;

use trial_sim::Time;

use super::group_consumer::{GroupConsumer, Pending};
use crate::client::consumer::KafkaConsumer;
use crate::config::GroupProtocol;
use crate::error_code::ErrorCode;
use crate::ids::BrokerId;
use crate::mark;
use crate::net::{Completed, ExponentialBackoff, NetError, Wires};
use crate::wire::{self, ApiKey, FindCoordinatorRequest};

/// The key type of FindCoordinator for groups.
const GROUP: i8 = 0;

/// What is known of the coordinator.
#[derive(Debug, Clone, Default)]
pub(super) struct Coordinator {
    node: Option<BrokerId>,
    in_flight: bool,
    attempts: u32,
    retry_at: Option<Time>,
    /// The last search failed in a way that searching on does not mend.
    pub(super) fatal: Option<ErrorCode>,
}

/// What a failed request of a coordinator says of it, and of the request.
pub(super) const fn net_error(error: NetError) -> ErrorCode {
    match error {
        NetError::Disconnected => ErrorCode::NetworkException,
        NetError::TimedOut => ErrorCode::RequestTimedOut,
        NetError::UnsupportedVersion => ErrorCode::UnsupportedVersion,
    }
}

impl Coordinator {
    /// Whether a search has failed and the next one waits.
    pub(super) fn is_backing_off(&self, now: Time) -> bool {
        self.retry_at.is_some_and(|at| now < at)
    }
}

impl GroupConsumer {
    /// The coordinator, unless it is unknown or cannot be reached (`checkAndGetCoordinator`).
    pub(super) fn coordinator(&mut self, wires: &mut dyn Wires) -> Option<BrokerId> {
        let node = self.coordinator.node?;
        let net = &self.fetch.cluster.net;
        // Once the back-off is over, the next request connects (`ConsumerNetworkClient.isUnavailable`).
        let backs_off = net.retry_at(node).is_some_and(|at| at > wires.now());
        if net.connection_failed(node) && backs_off {
            self.mark_coordinator_unknown(true, wires);
        }
        self.coordinator.node
    }

    /// From now on it has to be found. `is_gone`: the connection is lost anyway.
    pub(super) fn mark_coordinator_unknown(&mut self, is_gone: bool, wires: &mut dyn Wires) {
        let Some(node) = self.coordinator.node.take() else {
            return;
        };
        mark::reachable!(
            wires,
            "consumer_loses_coordinator",
            "a member of a group has to find its coordinator again"
        );
        // Whatever is under way to it fails at once; the newer consumer lets it be.
        if !is_gone && self.protocol == GroupProtocol::Classic {
            self.fetch.cluster.net.disconnect(node, wires);
        }
    }

    /// Asks who it is, if that is not known, nobody was asked, and the last failure was waited out.
    pub(super) fn find_coordinator(&mut self, wires: &mut dyn Wires) {
        if self.coordinator(wires).is_some() || self.coordinator.in_flight {
            return; // CO-1
        }
        if self.coordinator.is_backing_off(wires.now()) {
            let at = self.coordinator.retry_at;
            self.check_at(at);
            return;
        }
        let Some(node) = self.fetch.cluster.least_loaded(wires) else {
            let at = wires.now() + self.fetch.config.client.retry_backoff;
            self.check_at(Some(at));
            return;
        };
        if !self.fetch.is_ready(node, wires) {
            return;
        }
        let request = FindCoordinatorRequest {
            key: String::new(),
            key_type: GROUP,
            coordinator_keys: vec![self.group_id.clone()],
        };
        let net = &mut self.fetch.cluster.net;
        let Some(version) = net.usable_version(node, ApiKey::FindCoordinator, 4..=6) else {
            self.on_coordinator_not_found(ErrorCode::UnsupportedVersion, wires);
            return;
        };
        let token = self.fetch.cluster.token();
        let request = self.fetch.cluster.net.request(version, token, &request);
        self.coordinator.in_flight = true;
        self.pending.insert(token, Pending::FindCoordinator);
        self.fetch.cluster.net.send(node, request, wires);
    }

    pub(super) fn on_find_coordinator(&mut self, completed: &Completed, wires: &mut dyn Wires) {
        self.coordinator.in_flight = false;
        let answer = match completed.response::<FindCoordinatorRequest>() {
            Ok(response) => response.coordinators.into_iter().find(|it| it.key == self.group_id),
            Err(error) => return self.on_coordinator_not_found(net_error(error), wires),
        };
        let Some(answer) = answer else {
            return self.on_coordinator_not_found(ErrorCode::UnknownServerError, wires);
        };
        let error = ErrorCode::from_code(answer.error_code);
        let port = u16::try_from(answer.port);
        let (true, Ok(port)) = (error.is_ok(), port) else {
            return self.on_coordinator_not_found(error, wires);
        };
        // A connection of its own, so that fetches do not hold heartbeats up.
        let node = BrokerId(i32::MAX - answer.node_id);
        self.fetch.cluster.net.set_node(node, &answer.host, port);
        self.fetch.cluster.net.ready(node, wires);
        let retry_at = self.fetch.cluster.net.retry_at(node);
        if retry_at.is_some_and(|at| at > wires.now()) {
            // It is found, and cannot be reached yet: the search backs off too.
            return self.on_coordinator_not_found(ErrorCode::CoordinatorNotAvailable, wires);
        }
        let found = Coordinator { node: Some(node), ..Coordinator::default() };
        self.coordinator = found;
        self.classic.heartbeat.reset_session(wires.now());
    }

    fn on_coordinator_not_found(&mut self, error: ErrorCode, wires: &mut dyn Wires) {
        let client = &self.fetch.config.client;
        let backoff = ExponentialBackoff::new(client.retry_backoff, client.retry_backoff_max);
        let wait = backoff.wait(self.coordinator.attempts, KafkaConsumer::STREAM, wires);
        self.coordinator.attempts = self.coordinator.attempts.saturating_add(1);
        self.coordinator.retry_at = Some(wires.now() + wait);
        self.fetch.cluster.metadata.request_update();
        if error.is_retriable() {
            self.fail_unsendable_commits(error);
        } else {
            self.coordinator.fatal = Some(error);
        }
    }

    /// Sends a request to the coordinator, on a connection of its own, in the newest of these versions that both know.
    /// False if the coordinator is not known, or knows none of them; then nothing is pending.
    pub(super) fn ask_coordinator<R: wire::Request>(
        &mut self,
        versions: RangeInclusive<i16>,
        request: impl FnOnce(i16) -> R,
        pending: Pending,
        wires: &mut dyn Wires,
    ) -> bool {
        let Some(node) = self.coordinator(wires) else {
            return false;
        };
        let Some(version) = self.fetch.cluster.net.usable_version(node, R::API, versions) else {
            self.fail(ErrorCode::UnsupportedVersion);
            return false;
        };
        let timeout = pending.timeout(&self.fetch.config);
        let token = self.fetch.cluster.token();
        let request = self.fetch.cluster.net.request(version, token, &request(version));
        let request = timeout.into_iter().fold(request, |it, timeout| it.timeout(timeout));
        self.pending.insert(token, pending);
        self.fetch.cluster.net.enqueue(node, request, wires);
        true
    }
}
