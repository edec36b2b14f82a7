//! The broker's talk with the controller: registration and heartbeats, in-sync sets, forwarded requests.
//!
//! In Kafka:   `BrokerLifecycleManager`, `DefaultAlterPartitionManager`, `ForwardingManager`, each with a
//!             `NodeToControllerChannelManager` of its own.
//! Holds:      nothing; it joins the machines to their channels.

use std::collections::BTreeMap;

use trial_sim::Span;

use super::alter_partition::{IsrAnswer, IsrChange};
use super::broker::{BrokerIdentity, Listener};
use super::controller_channel::{Answered, Ask, ControllerChannel};
use super::lifecycle::{HeartbeatAnswer, LifecycleEffect};
use super::{Broker, Cx};
use crate::config::broker::NodeSettings;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch, TopicPartition};
use crate::image::SUPPORTED_FEATURES;
use crate::net::{Completed, ExponentialBackoff, NetSettings};
use crate::note::Note;
use crate::note::broker::BrokerNote;
use crate::wire::{
    AlterPartitionRequest, AlterPartitionResponse, BrokerHeartbeatRequest,
    BrokerRegistrationRequest, alter_partition_request as alter,
    broker_registration_request as reg,
};

/// A channel waits this long before it connects again, however often it failed.
const RECONNECT_BACKOFF: Span = Span::from_millis(50);

/// How long a forwarded request is tried.
const FORWARDING_RETRY_TIMEOUT: Span = Span::from_secs(60);

/// Heartbeats, in-sync sets, forwarded requests: three connections, as in Kafka.
///
/// Nobody waits for an answer longer than for the whole request. A heartbeat is tried for half a session
/// (KAFKA-14392), so that one which a dead controller swallowed leaves time to find the next.
pub(super) fn channels(identity: &BrokerIdentity, node: &NodeSettings) -> [ControllerChannel; 3] {
    let client = |name: &str, stream: &'static str, retry: Span| {
        let mut settings = NetSettings::new(&format!("broker-{}-{name}", identity.id), stream);
        settings.request_timeout = node.controller_socket_timeout.min(retry);
        settings.reconnect_backoff = ExponentialBackoff::new(RECONNECT_BACKOFF, RECONNECT_BACKOFF);
        let mut channel = ControllerChannel::new(settings, retry);
        for (id, host, port) in &identity.controllers {
            channel.set_node(*id, host, *port);
        }
        channel
    };
    [
        client("heartbeat", "net.heartbeat", Span(node.broker_session_timeout.0 / 2)),
        client("alter-partition", "net.alter-partition", Span::MAX),
        client("forwarding", "net.forwarding", FORWARDING_RETRY_TIMEOUT),
    ]
}

/// A listener as the registration tells it.
fn advertised(listener: &Listener) -> reg::Listener {
    reg::Listener {
        name: listener.name.to_string(),
        host: listener.advertised_host.to_string(),
        port: listener.advertised_port,
        security_protocol: 0,
    }
}

impl Broker {
    /// Lets every channel go on, and handles what came back.
    pub(super) fn poll_control(&mut self, cx: &mut Cx<'_>) {
        if let Some(changes) = self.alter_partition.take_request() {
            let request = self.alter_partition_request(&changes);
            self.alterations.enqueue(Ask::AlterPartition(request), cx.now());
        }
        let leader = self.quorum_leader;
        let mut answered = Vec::new();
        self.heartbeats.poll(leader, &mut answered, cx);
        self.alterations.poll(leader, &mut answered, cx);
        self.forwarding.poll(leader, &mut answered, cx);
        if answered.is_empty() {
            return;
        }
        for answer in answered {
            self.on_answered(answer, cx);
        }
        self.poll_control(cx);
    }

    fn on_answered(&mut self, answered: Answered, cx: &mut Cx<'_>) {
        let Answered { ask, response } = answered;
        let mut effects = Vec::new();
        match ask {
            Ask::Register(_) => {
                let answer = response
                    .and_then(|found| found.response::<BrokerRegistrationRequest>().ok())
                    .map(|found| {
                        (ErrorCode::from_code(found.error_code), BrokerEpoch(found.broker_epoch))
                    });
                self.lifecycle.on_registration_answer(cx.now(), answer, &mut effects);
            }
            Ask::Heartbeat(_) => {
                let answer = response
                    .and_then(|found| found.response::<BrokerHeartbeatRequest>().ok())
                    .map(|found| HeartbeatAnswer {
                        error: ErrorCode::from_code(found.error_code),
                        caught_up: found.is_caught_up,
                        fenced: found.is_fenced,
                        should_shut_down: found.should_shut_down,
                    });
                self.lifecycle.on_heartbeat_answer(cx.now(), answer, &mut effects);
            }
            Ask::AlterPartition(_) => self.on_alter_partition_answer(response, cx),
            Ask::CreateTopics(_, mark) | Ask::Forward(_, mark) => {
                self.on_forwarded(mark, response, cx)
            }
            Ask::AllocateProducerIds(_) => self.on_producer_ids(response, cx),
        }
        self.on_lifecycle(effects, cx);
    }

    /// Carries out what the lifecycle asks for.
    pub(super) fn on_lifecycle(&mut self, effects: Vec<LifecycleEffect>, cx: &mut Cx<'_>) {
        for effect in effects {
            match effect {
                LifecycleEffect::Register { previous } => {
                    let request = self.registration_request(previous);
                    self.heartbeats.enqueue(Ask::Register(request), cx.now());
                }
                LifecycleEffect::Heartbeat { epoch, want_fence, want_shut_down } => {
                    let request = BrokerHeartbeatRequest {
                        broker_id: self.identity.id.0,
                        broker_epoch: epoch.0,
                        current_metadata_offset: self.applied_offset.0,
                        want_fence,
                        want_shut_down,
                        ..Default::default()
                    };
                    self.heartbeats.enqueue(Ask::Heartbeat(request), cx.now());
                }
                LifecycleEffect::Registered { epoch } => {
                    cx.note(Note::Broker(BrokerNote::Registered { epoch }));
                }
                LifecycleEffect::CaughtUp => self.on_caught_up(cx),
                LifecycleEffect::Unfenced => {
                    let epoch = self.lifecycle.epoch();
                    cx.note(Note::Broker(BrokerNote::Unfenced { epoch }));
                }
                LifecycleEffect::ShutDown => self.on_may_shut_down(cx),
            }
        }
    }

    fn registration_request(&self, previous: BrokerEpoch) -> BrokerRegistrationRequest {
        let identity = &self.identity;
        BrokerRegistrationRequest {
            broker_id: identity.id.0,
            cluster_id: identity.cluster_id.to_string(),
            incarnation_id: self.incarnation,
            listeners: identity.listeners.iter().map(advertised).collect(),
            features: SUPPORTED_FEATURES
                .iter()
                .map(|(name, range)| reg::Feature {
                    name: (*name).to_owned(),
                    min_supported_version: range.lowest,
                    max_supported_version: range.highest,
                })
                .collect(),
            rack: identity.rack.as_deref().map(str::to_owned),
            log_dirs: vec![identity.directory],
            previous_broker_epoch: previous.0,
            ..Default::default()
        }
    }

    fn alter_partition_request(
        &self,
        changes: &[(TopicPartition, IsrChange)],
    ) -> AlterPartitionRequest {
        let mut request = AlterPartitionRequest {
            broker_id: self.identity.id.0,
            broker_epoch: self.lifecycle.epoch().0,
            ..Default::default()
        };
        for (id, change) in changes {
            if request.topics.last().is_none_or(|topic| topic.topic_id != id.topic) {
                let topic = alter::Topic { topic_id: id.topic, ..Default::default() };
                request.topics.push(topic);
            }
            let topic = request.topics.last_mut().expect("it was pushed just now");
            topic.partitions.push(alter::Partition {
                partition_index: id.partition,
                leader_epoch: change.leader_epoch.0,
                new_isr_with_epochs: change
                    .isr
                    .iter()
                    .map(|(broker, epoch)| alter::NewIsrWithEpoch {
                        broker_id: broker.0,
                        broker_epoch: epoch.0,
                    })
                    .collect(),
                leader_recovery_state: i8::from(change.recovering),
                partition_epoch: change.partition_epoch.0,
                ..Default::default()
            });
        }
        request
    }

    fn on_alter_partition_answer(&mut self, response: Option<Completed>, cx: &mut Cx<'_>) {
        let answer = match response.map(|found| found.response::<AlterPartitionRequest>()) {
            Some(Ok(found)) => match ErrorCode::from_code(found.error_code) {
                ErrorCode::None => Ok(answers_by_partition(&found)),
                error => Err(error),
            },
            Some(Err(_)) | None => Err(ErrorCode::NetworkException),
        };
        for (id, change, answer) in self.alter_partition.on_answer(cx.now(), answer) {
            if let Some(slot) = self.replicas.slot(id) {
                self.with_partition(slot, cx, |partition, now, brokers, _, effects| {
                    partition.on_isr_answer(now, &change, answer, brokers, effects);
                });
            }
        }
    }
}

fn answers_by_partition(
    response: &AlterPartitionResponse,
) -> BTreeMap<TopicPartition, Result<IsrAnswer, ErrorCode>> {
    let mut answers = BTreeMap::new();
    for topic in &response.topics {
        for found in &topic.partitions {
            let id = TopicPartition { topic: topic.topic_id, partition: found.partition_index };
            let answer = match ErrorCode::from_code(found.error_code) {
                ErrorCode::None => Ok(IsrAnswer {
                    leader: BrokerId(found.leader_id),
                    leader_epoch: LeaderEpoch(found.leader_epoch),
                    isr: found.isr.iter().map(|id| BrokerId(*id)).collect(),
                    recovering: found.leader_recovery_state == 1,
                    partition_epoch: PartitionEpoch(found.partition_epoch),
                }),
                error => Err(error),
            };
            answers.insert(id, answer);
        }
    }
    answers
}
