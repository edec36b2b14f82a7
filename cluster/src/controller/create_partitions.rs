//! Decides on more partitions for topics that exist.
//!
//! In Kafka:   `ControllerApis.createPartitions`, `ReplicationControlManager.createPartitions`; KIP-195.
//! Inputs:     CreatePartitions. Effects: a record for each new partition.
//! Invariants: CP-1 a topic gets all its new partitions or none, and one that fails does not stop the others.
//! Left out:   quotas, authorization.

use std::collections::BTreeMap;

use trial_sim::Stream;

use super::decision::{Decision, Draft};
use super::machine::{Circumstances, Controller};
use super::placement;
use super::request::ControllerResponse;
use super::settings::ControllerSettings;
use crate::error_code::ErrorCode;
use crate::ids::TopicPartition;
use crate::image::record::broker_ids;
use crate::image::{PartitionRegistration, TopicImage};
use crate::note::controller::ChangeReason;
use crate::wire::{
    CreatePartitionsRequest, CreatePartitionsResponse, create_partitions_request as asked,
    create_partitions_response as answered,
};

/// Why a topic gets no more partitions.
type Refusal = (ErrorCode, Option<String>);

impl Controller {
    pub(super) fn decide_create_partitions(
        &self,
        at: &mut Circumstances<'_>,
        body: &CreatePartitionsRequest,
    ) -> Decision {
        let mut times = BTreeMap::new();
        for topic in &body.topics {
            *times.entry(topic.name.as_str()).or_insert(0) += 1;
        }
        let result = |name: &str, refused: Option<Refusal>| {
            let (error, error_message) = refused.unwrap_or((ErrorCode::None, None));
            let (name, error_code) = (name.to_owned(), error.code());
            answered::CreatePartitionsResponseResult { name, error_code, error_message }
        };
        // Kafka tells first of those that were named twice.
        let twice = times.iter().filter(|&(_, &times)| times > 1).map(|(name, _)| {
            result(name, Some((ErrorCode::InvalidRequest, Some("Duplicate topic name.".into()))))
        });
        let mut results: Vec<_> = twice.collect();
        let mut draft = Draft::default();
        let once = |topic: &&asked::Topic| times[topic.name.as_str()] == 1;
        let mut asks = false;
        for topic in body.topics.iter().filter(once) {
            asks = true;
            let mut own = Draft::default();
            let refused = self.create_partitions(topic, at.random, &mut own).err();
            let room = ControllerSettings::RECORDS_PER_BATCH_MAX - draft.records.len();
            let refused = refused.or_else(|| {
                (own.records.len() > room).then_some((ErrorCode::UnknownServerError, None))
            });
            if refused.is_none() {
                draft.records.append(&mut own.records);
            }
            results.push(result(&topic.name, refused));
        }
        if body.validate_only {
            draft = Draft::default();
        }
        let response = CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() };
        let response = ControllerResponse::CreatePartitions(response);
        // Without a topic to look at there is no write to wait for.
        let answers_at_once = !asks;
        Decision { answers_at_once, ..Decision::atomic_of(draft, response, ChangeReason::Topics) }
    }

    /// CP-1. The checks are in Kafka's order.
    fn create_partitions(
        &self,
        asked: &asked::Topic,
        random: &mut Stream,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let topic = self.state.image().topics().topic_by_name(&asked.name);
        let topic = topic.ok_or((ErrorCode::UnknownTopicOrPartition, None))?;
        let present = i32::try_from(topic.partitions.len()).expect("counted by an i32");
        if asked.count <= present {
            let message = if asked.count == present {
                format!("Topic already has {present} partition(s).")
            } else {
                format!(
                    "The topic {} currently has {present} partition(s); {} would not be an increase.",
                    asked.name, asked.count
                )
            };
            return Err((ErrorCode::InvalidPartitions, Some(message)));
        }
        let more = usize::try_from(asked.count - present).expect("it is positive");
        let made = match &asked.assignments {
            Some(by_hand) => self.take_more_assignments(topic, by_hand, present, more)?,
            None => self.place_more(topic, more, random)?,
        };
        for (partition, registration) in (present..).zip(made) {
            draft.push(registration.to_record(TopicPartition { topic: topic.id, partition }));
        }
        Ok(())
    }

    fn take_more_assignments(
        &self,
        topic: &TopicImage,
        by_hand: &[asked::Assignment],
        first: i32,
        more: usize,
    ) -> Result<Vec<PartitionRegistration>, Refusal> {
        let invalid = |message: String| (ErrorCode::InvalidReplicaAssignment, Some(message));
        if by_hand.len() != more {
            return Err(invalid(format!(
                "Attempted to add {more} additional partition(s), but only {} assignment(s) were \
                 specified.",
                by_hand.len()
            )));
        }
        let factor = Some(replication_factor(topic));
        let made = (first..).zip(by_hand).map(|(index, assignment)| {
            let replicas = broker_ids(&assignment.broker_ids);
            self.check_assignment(&replicas, factor)
                .map_err(|(error, message)| (error, Some(message)))?;
            self.new_partition(replicas).ok_or_else(|| {
                invalid(format!(
                    "All brokers specified in the manual partition assignment for partition \
                     {index} are fenced or in controlled shutdown."
                ))
            })
        });
        made.collect()
    }

    fn place_more(
        &self,
        topic: &TopicImage,
        more: usize,
        random: &mut Stream,
    ) -> Result<Vec<PartitionRegistration>, Refusal> {
        let factor = replication_factor(topic);
        let cannot = |why: String| {
            let message = format!("Unable to replicate the partition {factor} time(s): {why}");
            (ErrorCode::InvalidReplicationFactor, Some(message))
        };
        if more > ControllerSettings::RECORDS_PER_BATCH_MAX {
            return Err((ErrorCode::UnknownServerError, None));
        }
        let placed = placement::place(&self.usable_brokers(), more, factor, random)
            .map_err(|error| cannot(error.to_string()))?;
        let made = placed.into_iter().map(|replicas| {
            let fenced = "All brokers are currently fenced or in controlled shutdown.";
            self.new_partition(replicas).ok_or_else(|| cannot(fenced.to_owned()))
        });
        made.collect()
    }
}

/// That of the first partition.
fn replication_factor(topic: &TopicImage) -> usize {
    let first = topic.partitions.values().next();
    first.expect("a topic has a partition").replicas.len()
}
