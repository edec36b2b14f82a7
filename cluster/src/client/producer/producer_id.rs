//! Asks any broker for a producer id, before the first batch and when the last epoch is used up.
//!
//! In Kafka:   `TransactionManager.InitProducerIdHandler`, `Sender.maybeSendAndPollTransactionalRequest`; KIP-98.
//! Holds:      who was asked.
//! Invariants: PI-1 while an id is being asked for nothing else is sent, and nothing expires: so it is in Kafka, whose
//!             one thread waits.

use trial_sim::Time;

use super::idempotence::ProducerIdAndEpoch;
use super::kafka_producer::{KafkaProducer, ProducerEvent};
use crate::error_code::ErrorCode;
use crate::ids::BrokerId;
use crate::net::{Completed, NetError, Wires};
use crate::wire::{ApiKey, InitProducerIdRequest};

/// Whom a producer asks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AskedForId {
    node: Option<BrokerId>,
    token: Option<u64>,
}

impl KafkaProducer {
    /// Does what an idempotent producer has to do before it sends. True if it cannot send now.
    pub(super) fn prepare_idempotence(&mut self, wires: &mut dyn Wires) -> bool {
        let Some(idempotence) = &mut self.idempotence else { return false };
        let now = wires.now();
        if let Some(error) = idempotence.fatal() {
            for id in self.accumulator.abort() {
                self.fail(id, error, false);
            }
            return true;
        }
        let accumulator = &self.accumulator;
        let rewritten = idempotence.prepare(now, |id| accumulator.count(id));
        self.accumulator.rewrite(rewritten);
        let Some(idempotence) = &self.idempotence else { return false };
        if !idempotence.awaits_id() {
            return false;
        }
        self.next_check = None;
        if let Some(at) = idempotence.wants_id() {
            if at > now {
                self.next_check = Some(at);
            } else {
                self.ask_for_id(wires);
            }
        }
        true
    }

    fn ask_for_id(&mut self, wires: &mut dyn Wires) {
        let now = wires.now();
        let retry_at = now + self.config.client.retry_backoff;
        let failed = |node: &BrokerId| self.cluster.net.connection_failed(*node);
        let node = self.asked_for_id.node.filter(|node| !failed(node));
        let node = node.or_else(|| self.cluster.least_loaded(wires));
        self.asked_for_id.node = node;
        let Some(node) = node else {
            self.next_check = Some(retry_at);
            return;
        };
        if !self.cluster.net.ready(node, wires) {
            // The end of the attempt to connect comes as an input.
            self.next_check = self.cluster.net.retry_at(node).filter(|at| *at > now);
            return;
        }
        let version = self.cluster.net.usable_version(node, ApiKey::InitProducerId, 0..=5);
        let Some(idempotence) = &mut self.idempotence else { return };
        let Some(version) = version else {
            idempotence.on_id(Err(ErrorCode::UnsupportedVersion), retry_at);
            return;
        };
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            producer_id: -1,
            producer_epoch: -1,
            ..InitProducerIdRequest::default()
        };
        idempotence.asked();
        let token = self.cluster.token();
        self.asked_for_id.token = Some(token);
        let request = self.cluster.net.request(version, token, &request);
        self.cluster.net.send(node, request, wires);
    }

    /// Takes the answer to the wish for an id; false if it is the answer to something else.
    pub(super) fn on_id(&mut self, completed: &Completed, now: Time) -> bool {
        if self.asked_for_id.token != Some(completed.token) {
            return false;
        }
        self.asked_for_id = AskedForId::default();
        let retry_at = now + self.config.client.retry_backoff;
        let answer = match completed.response::<InitProducerIdRequest>() {
            Ok(answer) if answer.error_code == ErrorCode::None.code() => {
                Ok(ProducerIdAndEpoch { id: answer.producer_id, epoch: answer.producer_epoch })
            }
            Ok(answer) => Err(ErrorCode::from_code(answer.error_code)),
            Err(NetError::UnsupportedVersion) => Err(ErrorCode::UnsupportedVersion),
            Err(NetError::Disconnected | NetError::TimedOut) => Err(ErrorCode::NetworkException),
        };
        if let Ok(ProducerIdAndEpoch { id, epoch }) = answer {
            self.events.push_back(ProducerEvent::IdAssigned { id, epoch });
        }
        let idempotence = self.idempotence.as_mut().expect("it has asked for an id");
        idempotence.on_id(answer, retry_at);
        true
    }
}
