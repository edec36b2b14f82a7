//! Holds elections that an administrator or a periodic task asks for.
//!
//! In Kafka:   `ReplicationControlManager.electLeaders`, `maybeBalancePartitionLeaders`,
//!             `maybeElectUncleanLeaders`; KIP-183, KIP-460.
//! Inputs:     ElectLeaders, the periodic tasks. Effects: change records.
//! Invariants: EL-3 a periodic task holds a bounded number of elections and then comes again soon.
//! Lesson:     course L4, the election by the order of the assignment.

use super::decision::{Decision, Draft};
use super::election::Election;
use super::machine::Controller;
use super::partition_change::{BuiltChange, PartitionChangeBuilder};
use super::request::{ControllerRequest, ControllerResponse};
use super::settings::ControllerSettings;
use crate::error_code::ErrorCode;
use crate::ids::TopicPartition;
use crate::image::{PartitionRegistration, TopicImage};
use crate::mark;
use crate::note::controller::ChangeReason;
use crate::wire::{ElectLeadersRequest, ElectLeadersResponse, elect_leaders_response as answered};

impl Controller {
    pub(super) fn decide_elect_leaders(
        &self,
        body: &ElectLeadersRequest,
        request: &ControllerRequest,
    ) -> Decision {
        let election = match body.election_type {
            0 => Election::Preferred,
            1 => Election::Unclean,
            other => {
                let message = format!("Unknown election type {other}");
                return Decision::refused(request, ErrorCode::InvalidRequest, Some(&message));
            }
        };
        let topics = self.state.image().topics();
        let (asked, all): (Vec<(String, Vec<i32>)>, bool) = match &body.topic_partitions {
            Some(topics) => {
                let named = topics.iter().map(|it| (it.topic.clone(), it.partitions.clone()));
                (named.collect(), false)
            }
            None => {
                let every = topics.by_name().map(|topic| {
                    (topic.name.to_string(), topic.partitions.keys().copied().collect())
                });
                (every.collect(), true)
            }
        };
        let mut draft = Draft::default();
        let mut results = Vec::new();
        for (topic, partitions) in asked {
            let mut partition_result = Vec::new();
            for partition_id in partitions {
                let done = self.elect_one(&topic, partition_id, election, &mut draft);
                let (error, message) = match done {
                    Ok(()) => (ErrorCode::None, None),
                    Err((error, message)) => (error, Some(message)),
                };
                // Who asks for all is not told of those that have the wanted leader.
                if !(all && error == ErrorCode::ElectionNotNeeded) {
                    partition_result.push(answered::PartitionResult {
                        partition_id,
                        error_code: error.code(),
                        error_message: message,
                    });
                }
            }
            results.push(answered::ReplicaElectionResult { topic, partition_result });
        }
        let response = ElectLeadersResponse {
            replica_election_results: results,
            ..ElectLeadersResponse::default()
        };
        let response = ControllerResponse::ElectLeaders(response);
        Decision::of(draft, response, ChangeReason::ElectLeaders)
    }

    fn elect_one(
        &self,
        name: &str,
        index: i32,
        election: Election,
        draft: &mut Draft,
    ) -> Result<(), (ErrorCode, String)> {
        let Some(topic) = self.state.image().topics().topic_by_name(name) else {
            return Err((ErrorCode::UnknownTopicOrPartition, format!("No such topic as {name}")));
        };
        let Some(partition) = topic.partitions.get(&index) else {
            let message = format!("No such partition as {name}-{index}");
            return Err((ErrorCode::UnknownTopicOrPartition, message));
        };
        let unclean = election == Election::Unclean;
        let not_needed =
            if unclean { partition.leader.is_some() } else { partition.has_preferred_leader() };
        if not_needed {
            let message = "The partition has the leader that is asked for.";
            return Err((ErrorCode::ElectionNotNeeded, message.to_owned()));
        }
        match self.build_election(topic, partition, election) {
            Some(built) => {
                draft.push_change(TopicPartition { topic: topic.id, partition: index }, &built);
                Ok(())
            }
            None if unclean => Err((
                ErrorCode::EligibleLeadersNotAvailable,
                "Nobody who might lead is there.".to_owned(),
            )),
            None => Err((
                ErrorCode::PreferredLeaderNotAvailable,
                "The preferred leader is not there, or not in sync.".to_owned(),
            )),
        }
    }

    fn build_election(
        &self,
        topic: &TopicImage,
        partition: &PartitionRegistration,
        election: Election,
    ) -> Option<BuiltChange> {
        let active = |id| self.state.image().cluster().is_active(id);
        self.with_change_context(topic, partition, &active, |context| {
            PartitionChangeBuilder::new(partition, context).election(election).build()
        })
    }

    /// Gives the lead back to preferred replicas.
    pub(super) fn decide_elect_preferred(&self) -> Decision {
        let candidates = self.partitions_out_of_balance();
        self.decide_elections(candidates, Election::Preferred, ChangeReason::PreferredElection)
    }

    /// Looks for anybody who is alive, for partitions whose topic allows it.
    pub(super) fn decide_elect_unclean(&self) -> Decision {
        let allowed = |of: &TopicPartition| {
            let topic = self.state.image().topics().topic(of.topic);
            topic.is_some_and(|topic| self.allows_unclean_election(&topic.name))
        };
        let candidates = self.partitions_without_leader().into_iter().filter(allowed).collect();
        self.decide_elections(candidates, Election::Unclean, ChangeReason::UncleanElection)
    }

    /// EL-3.
    fn decide_elections(
        &self,
        candidates: Vec<TopicPartition>,
        election: Election,
        reason: ChangeReason,
    ) -> Decision {
        let mut draft = Draft::default();
        let topics = self.state.image().topics();
        for of in candidates {
            if draft.records.len() >= ControllerSettings::ELECTIONS_PER_IMBALANCE_MAX {
                break;
            }
            let topic = topics.topic(of.topic).expect("it was found in the image");
            let partition = &topic.partitions[&of.partition];
            if let Some(built) = self.build_election(topic, partition, election) {
                mark::sometimes!(
                    draft.reached,
                    election == Election::Preferred && built.elected.is_some(),
                    "preferred_leader_returns",
                    "the controller gave a partition back to its preferred leader"
                );
                draft.push_change(of, &built);
            }
        }
        let more = draft.records.len() >= ControllerSettings::ELECTIONS_PER_IMBALANCE_MAX;
        Decision { draft, reason, more, ..Decision::nothing() }
    }
}
