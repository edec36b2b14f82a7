//! Topics that are made because somebody asks for them.
//!
//! In Kafka:   `AutoTopicCreationManager`; `auto.create.topics.enable`.
//! Holds:      names that a controller was asked to make and has not answered.
//! Inputs:     names without a topic, as Metadata finds them. Effects: CreateTopics, passed on as if the client had
//!             sent it; the client is told that there is no such topic, and asks again.
//! Invariants: AU-1 a topic is asked for once at a time.
//! Left out:   Kafka's internal topics, which nobody needs yet; quotas.

use std::sync::Arc;

use bytes::BytesMut;

use super::super::request::Request;
use super::super::{Broker, Cx};
use super::forwarded::Forwarded;
use crate::controller::topic_names;
use crate::wire::header::put_request;
use crate::wire::{CreateTopicsRequest, create_topics_request as wire};

/// In which version brokers ask.
const VERSION: i16 = 7;
/// Topics that hold Kafka's own state.
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

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
            let is_one = topic_names::validate(name).is_ok() && !INTERNAL.contains(&name.as_str());
            if is_one && self.auto_created.insert(name.clone()) {
                topics.push(self.topic_of_defaults(name));
            }
        }
        if topics.is_empty() {
            return;
        }
        let names = topics.iter().map(|topic| topic.name.clone()).collect();
        let timeout_ms = i32::try_from(self.config.node.request_timeout.as_millis());
        let timeout_ms = timeout_ms.unwrap_or(i32::MAX);
        let message = CreateTopicsRequest { topics, timeout_ms, validate_only: false };
        let header = &request.header;
        let mut frame = BytesMut::new();
        let client_id = header.client_id.as_deref();
        put_request(&mut frame, VERSION, header.correlation_id, client_id, &message);
        self.forward(Forwarded::Creation(names), frame.freeze(), cx);
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
