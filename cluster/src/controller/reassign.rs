//! Moves partitions to other brokers: begins, cancels and lists reassignments.
//!
//! In Kafka:   `ReplicationControlManager.{alterPartitionReassignments, cancelPartitionReassignment,
//!             changePartitionReassignment, listPartitionReassignments}`; KIP-455, KIP-860.
//! Inputs:     AlterPartitionReassignments, ListPartitionReassignments. Effects: one change record a partition. The
//!             last step is nobody's request: whatever changes the in-sync set takes it (`partition_change.rs`).
//! Invariants: RA-1 each partition is judged by what stood before the request, and has an error of its own.
//! Left out:   authorization.

use std::collections::BTreeMap;

use super::decision::{Decision, Draft};
use super::election::{ElectedFrom, Election};
use super::machine::Controller;
use super::partition_change::{BuiltChange, PartitionChangeBuilder};
use super::reassignment::{Reassignment, Revert};
use super::request::ControllerResponse;
use super::settings::ControllerSettings;
use super::state::ControllerState;
use crate::error_code::ErrorCode;
use crate::ids::TopicPartition;
use crate::image::record::{broker_ids, numbers};
use crate::image::{PartitionRegistration, TopicImage};
use crate::mark;
use crate::note::controller::ChangeReason;
use crate::wire::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    alter_partition_reassignments_request as asked,
    alter_partition_reassignments_response as answered,
    list_partition_reassignments_response as listed,
};

/// Why a partition is not reassigned; without words if there are none but the error's own (`ApiError`).
type Refusal = (ErrorCode, Option<String>);

impl Controller {
    pub(super) fn decide_reassignments(
        &self,
        body: &AlterPartitionReassignmentsRequest,
    ) -> Decision {
        if body.topics.is_empty() {
            // Kafka answers this before it looks at anything, with an empty text where it says nothing otherwise.
            let response = AlterPartitionReassignmentsResponse {
                error_message: Some(String::new()),
                ..AlterPartitionReassignmentsResponse::default()
            };
            let response = ControllerResponse::AlterPartitionReassignments(response);
            let (draft, reason) = (Draft::default(), ChangeReason::Reassignment);
            return Decision { answers_at_once: true, ..Decision::of(draft, response, reason) };
        }
        let mut draft = Draft::default();
        let mut response = AlterPartitionReassignmentsResponse {
            allow_replication_factor_change: body.allow_replication_factor_change,
            error_message: None,
            ..AlterPartitionReassignmentsResponse::default()
        };
        for topic in &body.topics {
            let mut partitions = Vec::new();
            for partition in &topic.partitions {
                let may_resize = body.allow_replication_factor_change;
                let refusal = self.reassign(&topic.name, partition, may_resize, &mut draft).err();
                let (error, error_message) = match refusal {
                    Some(refusal) => refusal,
                    None => (ErrorCode::None, None),
                };
                partitions.push(answered::Partition {
                    partition_index: partition.partition_index,
                    error_code: error.code(),
                    error_message,
                });
            }
            let name = topic.name.clone();
            response.responses.push(answered::Response { name, partitions });
        }
        let response = ControllerResponse::AlterPartitionReassignments(response);
        Decision::atomic_of(draft, response, ChangeReason::Reassignment)
    }

    /// RA-1.
    fn reassign(
        &self,
        name: &str,
        target: &asked::Partition,
        may_resize: bool,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let index = target.partition_index;
        let unknown = |what: String| (ErrorCode::UnknownTopicOrPartition, Some(what));
        let topic = self.state.image().topics().topic_by_name(name);
        let topic =
            topic.ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
        let partition = topic.partitions.get(&index);
        let partition = partition
            .ok_or_else(|| unknown(format!("Unable to find partition {name}:{index}.")))?;
        let built = match &target.replicas {
            None => self.cancel_reassignment(topic, index, partition, draft)?,
            Some(replicas) => {
                let replicas = broker_ids(replicas);
                self.check_assignment(&replicas, None)
                    .map_err(|(error, why)| (error, Some(why)))?;
                if !may_resize {
                    check_replication_factor(partition, replicas.len())?;
                }
                let way = Reassignment::towards(&partition.replicas, &replicas);
                let built = self.begin_reassignment(topic, partition, way);
                let after = built.as_ref().map(|built| partition.merge(&built.change));
                let stranded = after.is_some_and(|after| after.waits_for_whom_it_removes());
                mark::sometimes!(
                    draft.reached,
                    stranded,
                    "reassignment_turned_back",
                    "a reassignment was turned back by another one, and will not end by itself"
                );
                built
            }
        };
        let Some(built) = built else { return Ok(()) };
        if draft.records.len() >= ControllerSettings::RECORDS_PER_BATCH_MAX {
            return Err((ErrorCode::UnknownServerError, None));
        }
        draft.push_change(TopicPartition { topic: topic.id, partition: index }, &built);
        Ok(())
    }

    /// The first step, or the only one if nothing has to be waited for. Who was being added or removed before stays so,
    /// unless this says otherwise: Kafka sets the lists only if they are not empty.
    fn begin_reassignment(
        &self,
        topic: &TopicImage,
        partition: &PartitionRegistration,
        way: Reassignment,
    ) -> Option<BuiltChange> {
        let or = |new: Vec<_>, old: &Vec<_>| if new.is_empty() { old.clone() } else { new };
        let removing = or(way.removing, &partition.removing_replicas);
        let adding = or(way.adding, &partition.adding_replicas);
        let active = |id| self.state.image().cluster().is_active(id);
        self.with_change_context(topic, partition, &active, |context| {
            PartitionChangeBuilder::new(partition, context)
                .target_replicas(way.replicas)
                .target_reassignment(removing, adding)
                .build()
        })
    }

    fn cancel_reassignment(
        &self,
        topic: &TopicImage,
        index: i32,
        partition: &PartitionRegistration,
        draft: &mut Draft,
    ) -> Result<Option<BuiltChange>, Refusal> {
        if !partition.is_reassignment_in_progress() {
            return Err((ErrorCode::NoReassignmentInProgress, None));
        }
        let invalid = |message: String| (ErrorCode::InvalidReplicaAssignment, Some(message));
        let everybody = "Invalid replica assignment: addingReplicas contains all replicas.";
        let revert = Revert::of(partition).ok_or_else(|| invalid(everybody.to_owned()))?;
        let allows_unclean = self.allows_unclean_election(&topic.name);
        mark::sometimes!(
            draft.reached,
            revert.unclean,
            "reassignment_stranded",
            "only replicas that a reassignment adds were in sync when it was to be cancelled"
        );
        if revert.unclean && !allows_unclean {
            return Err(invalid(format!(
                "Unable to revert partition assignment for {}:{index} because it would require an \
                 unclean leader election.",
                topic.name
            )));
        }
        mark::reachable!(
            draft.reached,
            "reassignment_cancelled",
            "a reassignment was undone before all who were added were in sync"
        );
        let active = |id| self.state.image().cluster().is_active(id);
        let election = if allows_unclean { Election::Unclean } else { Election::Online };
        let unclean = revert.unclean;
        let built = self.with_change_context(topic, partition, &active, |context| {
            PartitionChangeBuilder::new(partition, context)
                .election(election)
                .target_isr(revert.isr)
                .target_replicas(revert.replicas)
                .target_reassignment(Vec::new(), Vec::new())
                .build()
        });
        // Its place in the in-sync set is borrowed: whoever leads from there may lack records.
        let told = |from| if unclean { ElectedFrom::Unclean } else { from };
        Ok(built.map(|built| BuiltChange { elected: built.elected.map(told), ..built }))
    }

    /// Which reassignments are under way. Names and the list of all are read as far as `committed` knows, and what each
    /// partition is moving to as the newest records say, committed or not: so does Kafka.
    #[must_use]
    pub fn list_reassignments(
        &self,
        committed: &ControllerState,
        body: &ListPartitionReassignmentsRequest,
    ) -> ControllerResponse {
        let topics = committed.image().topics();
        let wanted: Vec<_> = match &body.topics {
            Some(named) => {
                let known = |name: &str| topics.topic_by_name(name).map(|topic| topic.id);
                let named = named.iter();
                named
                    .filter_map(|it| Some((known(&it.name)?, it.partition_indexes.clone())))
                    .collect()
            }
            None => {
                let mut moving: BTreeMap<_, Vec<i32>> = BTreeMap::new();
                for (of, _, partition) in topics.partitions() {
                    if partition.is_reassignment_in_progress() {
                        moving.entry(of.topic).or_default().push(of.partition);
                    }
                }
                moving.into_iter().collect()
            }
        };
        let now = self.state.image().topics();
        let of_topic = |(id, indexes): (_, Vec<i32>)| {
            let topic = now.topic(id)?;
            let partitions: Vec<_> =
                indexes.into_iter().filter_map(|index| ongoing(topic, index)).collect();
            let name = topic.name.to_string();
            (!partitions.is_empty()).then_some(listed::Topic { name, partitions })
        };
        let topics = wanted.into_iter().filter_map(of_topic).collect();
        ControllerResponse::ListPartitionReassignments(ListPartitionReassignmentsResponse {
            error_message: None,
            topics,
            ..ListPartitionReassignmentsResponse::default()
        })
    }
}

fn ongoing(topic: &TopicImage, index: i32) -> Option<listed::Partition> {
    let partition = topic.partitions.get(&index).filter(|it| it.is_reassignment_in_progress())?;
    Some(listed::Partition {
        partition_index: index,
        replicas: numbers(&partition.replicas),
        adding_replicas: numbers(&partition.adding_replicas),
        removing_replicas: numbers(&partition.removing_replicas),
    })
}

/// KIP-860. What counts as the present factor is what an unfinished reassignment leads to.
fn check_replication_factor(
    partition: &PartitionRegistration,
    wanted: usize,
) -> Result<(), Refusal> {
    let stays = |id| !partition.removing_replicas.contains(id);
    let leads_to = partition.replicas.iter().filter(|id| stays(id)).count();
    let more = |id| !partition.replicas.contains(id) && stays(id);
    let present = leads_to + partition.adding_replicas.iter().filter(|id| more(id)).count();
    if present == wanted {
        return Ok(());
    }
    let message = format!("The replication factor is changed from {present} to {wanted}");
    Err((ErrorCode::InvalidReplicationFactor, Some(message)))
}
