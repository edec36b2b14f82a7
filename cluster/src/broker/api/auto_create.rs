//! Topics that are made because somebody asks for them.
//!
//! In Kafka:   `AutoTopicCreationManager`; `auto.create.topics.enable`.
//! Holds:      names that a controller was asked to make and has not answered.
//! Inputs:     names without a topic, as Metadata finds them; `__consumer_offsets`, when somebody looks for a
//!             coordinator. Effects: CreateTopics, passed on as if the client had sent it, or in the broker's own name;
//!             the client is told that there is no such topic, and asks again.
//! Invariants: AU-1 a topic is asked for once at a time.
//! Left out:   the topics of transactions and share groups, which nobody needs yet; quotas.

use std::sync::Arc;

use bytes::BytesMut;

use super::super::controller_channel::Ask;
use super::super::request::Request;
use super::super::{Broker, Cx};
use super::forwarded::Forwarded;
use crate::controller::topic_names::{self, GROUP_METADATA_TOPIC};
use crate::wire::header::put_request;
use crate::wire::{CreateTopicsRequest, create_topics_request as wire};

/// In which version brokers ask.
const VERSION: i16 = 7;

impl Broker {
    /// Has those made whose name may be one, and which are not being made already (AU-1).
    pub(super) fn auto_create(
        &mut self,
        request: &Arc<Request>,
        names: &[String],
        cx: &mut Cx<'_>,
    ) {
        let mut topics = Vec::new();
        for name in names {
            let is_made = name == GROUP_METADATA_TOPIC || !topic_names::is_internal(name);
            let is_one = is_made && topic_names::validate(name).is_ok();
            if is_one && self.auto_created.insert(name.clone()) {
                topics.push(self.topic_to_create(name));
            }
        }
        if topics.is_empty() {
            return;
        }
        let names = topics.iter().map(|topic| topic.name.clone()).collect();
        let message = self.creation_of(topics);
        let header = &request.header;
        let mut frame = BytesMut::new();
        let client_id = header.client_id.as_deref();
        put_request(&mut frame, VERSION, header.correlation_id, client_id, &message);
        self.forward(Forwarded::Creation(names), frame.freeze(), cx);
    }

    /// Has an internal topic made, in this broker's own name (AU-1).
    pub(super) fn create_internal_topic(&mut self, name: &str, cx: &mut Cx<'_>) {
        if !self.auto_created.insert(name.to_owned()) {
            return;
        }
        let message = self.creation_of(vec![self.topic_to_create(name)]);
        let mark = self.forwarded.insert(Forwarded::Creation(vec![name.to_owned()]));
        self.forwarding.enqueue(Ask::CreateTopics(message, mark), cx.now());
        self.poll_control(cx);
    }

    fn creation_of(&self, topics: Vec<wire::Topic>) -> CreateTopicsRequest {
        let timeout_ms = i32::try_from(self.config.node.request_timeout.as_millis());
        let timeout_ms = timeout_ms.unwrap_or(i32::MAX);
        CreateTopicsRequest { topics, timeout_ms, validate_only: false }
    }

    fn topic_to_create(&self, name: &str) -> wire::Topic {
        match name {
            GROUP_METADATA_TOPIC => self.group_metadata_topic(),
            _ => self.topic_of_defaults(name),
        }
    }

    /// `__consumer_offsets`, by the settings of the coordinators (`groupMetadataTopicConfigs`).
    fn group_metadata_topic(&self) -> wire::Topic {
        let settings = &self.config.group;
        let segment_bytes = settings.offsets_topic_segment_bytes.to_string();
        let configs = [
            ("cleanup.policy", "compact"),
            ("compression.type", "producer"),
            ("segment.bytes", segment_bytes.as_str()),
        ];
        let factor = i16::try_from(settings.offsets_topic_replication_factor);
        wire::Topic {
            name: GROUP_METADATA_TOPIC.to_owned(),
            num_partitions: settings.offsets_topic_num_partitions,
            replication_factor: factor.expect("bounded when it is read"),
            configs: configs
                .map(|(name, value)| wire::Config {
                    name: name.to_owned(),
                    value: Some(value.to_owned()),
                })
                .into(),
            ..Default::default()
        }
    }

    /// What this broker's file says of partitions and copies, else whatever the controller's does.
    fn topic_of_defaults(&self, name: &str) -> wire::Topic {
        let file = self.file_config.file();
        let node = &self.config.node;
        let partitions = file.contains_key("num.partitions").then_some(node.num_partitions);
        let factor = file.contains_key("default.replication.factor");
        let factor = factor.then_some(node.default_replication_factor);
        wire::Topic {
            name: name.to_owned(),
            num_partitions: partitions.unwrap_or(-1),
            replication_factor: factor.and_then(|it| i16::try_from(it).ok()).unwrap_or(-1),
            ..Default::default()
        }
    }
}
