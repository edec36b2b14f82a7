//! Decides on topics that go.
//!
//! In Kafka:   `ControllerApis.deleteTopics`, `ReplicationControlManager.deleteTopics`; KIP-516.
//! Inputs:     DeleteTopics, by name or by id. Effects: one record for each; brokers delete in their own time.
//! Invariants: DT-1 what is named twice, in whatever way, is not deleted.
//! Left out:   authorization, quotas, `delete.topic.enable`.

use std::collections::BTreeSet;

use super::decision::{Decision, Draft};
use super::machine::Controller;
use super::request::ControllerResponse;
use crate::error_code::ErrorCode;
use crate::ids::{TopicId, Uuid};
use crate::note::controller::ChangeReason;
use crate::wire::{
    DeleteTopicsRequest, DeleteTopicsResponse, MetadataRecord, RemoveTopicRecord,
    delete_topics_response as answered,
};

/// What is said of a topic that does not go, or went: its name, its id, and why not.
type Answer = (Option<String>, TopicId, Result<(), (ErrorCode, &'static str)>);

impl Controller {
    pub(super) fn decide_delete_topics(&self, body: &DeleteTopicsRequest) -> Decision {
        let mut draft = Draft::default();
        let topics = self.state.image().topics();
        let (named, mut answers) = sorted_out(body);
        let mut gone = BTreeSet::new();
        for id in named.ids {
            match topics.topic(id) {
                Some(topic) => {
                    gone.insert(id);
                    draft.push(RemoveTopicRecord { topic_id: id });
                    answers.push((Some(topic.name.to_string()), id, Ok(())));
                }
                None => answers.push((None, id, Err((ErrorCode::UnknownTopicId, UNKNOWN_ID)))),
            }
        }
        for name in named.names {
            let Some(topic) = topics.topic_by_name(&name) else {
                let why = (ErrorCode::UnknownTopicOrPartition, UNKNOWN_NAME);
                answers.push((Some(name), Uuid::ZERO, Err(why)));
                continue;
            };
            // DT-1: an id that was there too is not deleted by either.
            if gone.remove(&topic.id) || named.ids_twice.contains(&topic.id) {
                answers.retain(|(_, id, done)| *id != topic.id || done.is_err());
                draft.records.retain(|record| !removes(record, topic.id));
                answers.push((Some(name), topic.id, Err((ErrorCode::InvalidRequest, BOTH_WAYS))));
            } else {
                draft.push(RemoveTopicRecord { topic_id: topic.id });
                answers.push((Some(name), topic.id, Ok(())));
            }
        }
        let responses = answers.into_iter().map(|(name, topic_id, done)| answered::Response {
            name,
            topic_id,
            error_code: done.err().map_or(ErrorCode::None, |(error, _)| error).code(),
            error_message: done.err().map(|(_, message)| message.to_owned()),
        });
        let responses = responses.collect();
        let response = DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() };
        let response = ControllerResponse::DeleteTopics(response);
        Decision::atomic_of(draft, response, ChangeReason::Topics)
    }
}

const UNKNOWN_ID: &str = "There is no topic with this id.";
const UNKNOWN_NAME: &str = "There is no topic of this name.";
const BOTH_WAYS: &str = "The topic is named by its id too.";

fn removes(record: &MetadataRecord, id: TopicId) -> bool {
    matches!(record, MetadataRecord::RemoveTopic(record) if record.topic_id == id)
}

/// What a request names, once each.
#[derive(Default)]
struct Named {
    names: Vec<String>,
    ids: Vec<TopicId>,
    ids_twice: Vec<TopicId>,
}

/// What a request names, and what is wrong with the rest of it.
fn sorted_out(body: &DeleteTopicsRequest) -> (Named, Vec<Answer>) {
    let (mut names, mut ids, mut answers) = (body.topic_names.clone(), Vec::new(), Vec::new());
    let invalid = |why| Err((ErrorCode::InvalidRequest, why));
    for topic in &body.topics {
        match (&topic.name, topic.topic_id) {
            (None, Uuid::ZERO) => {
                let why = "Neither a name nor an id is given.";
                answers.push((None, Uuid::ZERO, invalid(why)));
            }
            (None, id) => ids.push(id),
            (Some(name), Uuid::ZERO) => names.push(name.clone()),
            (Some(name), id) => {
                let why = "A name and an id are given.";
                answers.push((Some(name.clone()), id, invalid(why)));
            }
        }
    }
    let (names, twice) = once(names);
    let named_twice = twice.into_iter();
    answers.extend(named_twice.map(|it| (Some(it), Uuid::ZERO, invalid("Duplicate topic name."))));
    let (ids, ids_twice) = once(ids);
    answers.extend(ids_twice.iter().map(|id| (None, *id, invalid("Duplicate topic id."))));
    (Named { names, ids, ids_twice }, answers)
}

/// Those that are there once, and those that are there more than once.
fn once<T: Clone + Ord>(all: Vec<T>) -> (Vec<T>, Vec<T>) {
    let count = |one: &T| all.iter().filter(|it| *it == one).count();
    let (single, several): (Vec<T>, Vec<T>) = all.iter().cloned().partition(|one| count(one) == 1);
    let several: BTreeSet<T> = several.into_iter().collect();
    (single, several.into_iter().collect())
}
