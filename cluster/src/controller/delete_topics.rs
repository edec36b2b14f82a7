//! Decides on topics that go.
//!
//! In Kafka:   `ControllerApis.deleteTopics`, `ReplicationControlManager.deleteTopics`; KIP-516.
//! Inputs:     DeleteTopics, by name or by id. Effects: one record for each; brokers delete in their own time.
//! Left out:   authorization, quotas, `delete.topic.enable`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decision::{Decision, Draft};
use super::machine::Controller;
use super::request::ControllerResponse;
use crate::error_code::ErrorCode;
use crate::ids::{TopicId, Uuid};
use crate::image::TopicImage;
use crate::note::controller::ChangeReason;
use crate::wire::{
    DeleteTopicsRequest, DeleteTopicsResponse, RemoveTopicRecord,
    delete_topics_response as answered,
};

impl Controller {
    pub(super) fn decide_delete_topics(&self, body: &DeleteTopicsRequest) -> Decision {
        let mut draft = Draft::default();
        let mut gone = BTreeSet::new();
        let mut responses = Vec::new();
        let by_name = body.topic_names.iter().map(|name| (Some(name), Uuid::ZERO));
        let by_either = body.topics.iter().map(|topic| (topic.name.as_ref(), topic.topic_id));
        for (name, id) in by_name.chain(by_either) {
            let (topic, missing) = self.find(name, id);
            let error = match topic {
                None => missing,
                Some(topic) if !gone.insert(topic.id) => ErrorCode::InvalidRequest,
                Some(topic) => {
                    draft.push(RemoveTopicRecord { topic_id: topic.id });
                    ErrorCode::None
                }
            };
            responses.push(answered::Response {
                name: topic.map(|topic| topic.name.to_string()).or(name.cloned()),
                topic_id: topic.map_or(id, |topic| topic.id),
                error_code: error.code(),
                error_message: None,
            });
        }
        let response = DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() };
        let response = ControllerResponse::DeleteTopics(response);
        Decision::atomic_of(draft, response, ChangeReason::Topics)
    }

    /// The topic, and what to say if there is none.
    fn find(&self, name: Option<&String>, id: TopicId) -> (Option<&Arc<TopicImage>>, ErrorCode) {
        let topics = self.state.image().topics();
        match name {
            Some(_) if id != Uuid::ZERO => (None, ErrorCode::InvalidRequest),
            Some(name) => (topics.topic_by_name(name), ErrorCode::UnknownTopicOrPartition),
            None if id == Uuid::ZERO => (None, ErrorCode::InvalidRequest),
            None => (topics.topic(id), ErrorCode::UnknownTopicId),
        }
    }
}
