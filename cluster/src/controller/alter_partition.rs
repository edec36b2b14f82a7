//! Judges a leader's wish for another in-sync set, check by check in Kafka's order.
//!
//! In Kafka:   `ReplicationControlManager.alterPartition`, `validateAlterPartitionData`; KIP-497, KIP-841, KIP-903
//!             (broker epochs in the request), KIP-704 (recovery state).
//! Inputs:     AlterPartition, versions 2 and 3. Effects: change records, one error code for each partition.
//! Invariants: AP-1 a wish that builds on old epochs changes nothing; AP-2 nobody joins who is fenced, leaving, or
//!             of another incarnation than the leader saw (R22 rests on it).

use super::decision::{Decision, Draft};
use super::election::Election;
use super::machine::Controller;
use super::partition_change::PartitionChangeBuilder;
use super::request::{ControllerRequest, ControllerResponse};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch, TopicPartition};
use crate::image::partition::LeaderChange;
use crate::image::record::{leader_number, numbers};
use crate::image::{LeaderRecoveryState, PartitionRegistration, TopicImage};
use crate::mark;
use crate::note::controller::{ChangeReason, ControllerNote};
use crate::wire::{
    AlterPartitionRequest, AlterPartitionResponse, alter_partition_request as asked,
    alter_partition_response as answered,
};

/// From this version on the in-sync set comes with broker epochs.
const KNOWS_BROKER_EPOCHS: i16 = 3;

/// A member of the wanted set and the broker epoch that the leader knows of it; none skips the check.
type Member = (BrokerId, Option<BrokerEpoch>);

impl Controller {
    pub(super) fn decide_alter_partition(
        &self,
        version: i16,
        body: &AlterPartitionRequest,
        request: &ControllerRequest,
    ) -> Decision {
        let leader = match self.check_broker_epoch(body.broker_id, body.broker_epoch) {
            Ok(id) => id,
            Err(error) => {
                let note = refusal(BrokerId(body.broker_id), None, (-1, -1), error);
                let mut notes = vec![note];
                mark_refusal(error, &mut notes);
                return Decision { notes, ..Decision::refused(request, error, None) };
            }
        };
        let mut draft = Draft::default();
        let mut notes = Vec::new();
        let mut response = AlterPartitionResponse::default();
        for topic in &body.topics {
            let mut partitions = Vec::new();
            for wish in &topic.partitions {
                let of = TopicPartition { topic: topic.topic_id, partition: wish.partition_index };
                let answer = match self.judge(leader, of, wish, version, &mut draft) {
                    Ok(answer) => answer,
                    Err(error) => {
                        let epochs = (wish.leader_epoch, wish.partition_epoch);
                        notes.push(refusal(leader, Some(of), epochs, error));
                        mark_refusal(error, &mut notes);
                        answered::Partition {
                            partition_index: of.partition,
                            error_code: error.code(),
                            ..answered::Partition::default()
                        }
                    }
                };
                partitions.push(answer);
            }
            response.topics.push(answered::Topic { topic_id: topic.topic_id, partitions });
        }
        let response = ControllerResponse::AlterPartition(response);
        let reason = ChangeReason::AlterPartition(leader);
        Decision { notes, ..Decision::of(draft, response, reason) }
    }

    /// Drafts the change that `wish` asks for, and answers what the partition is then.
    fn judge(
        &self,
        leader: BrokerId,
        of: TopicPartition,
        wish: &asked::Partition,
        version: i16,
        draft: &mut Draft,
    ) -> Result<answered::Partition, ErrorCode> {
        let topics = self.state.image().topics();
        let topic = topics.topic(of.topic).ok_or(ErrorCode::UnknownTopicId)?;
        let partition = topics.partition(of).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if wish.leader_epoch == partition.leader_epoch.0 && Some(leader) != partition.leader {
            mark::unreachable!(
                draft.reached,
                "alter_partition_by_another",
                "another leader means another leader epoch, so a broker that names this one leads (R14)"
            );
        }
        let members = members(version, wish);
        let recovery_state = self.validate(leader, partition, wish, &members)?;
        let isr = members.iter().map(|&(id, _)| id).collect();
        let built = self.build_isr_change(topic, partition, isr, recovery_state);
        let mut after = (**partition).clone();
        if let Some(built) = built {
            draft.push_change(of, &built);
            after = partition.merge(&built.change);
            // The change completed a reassignment that takes the leader away: who asked must read the metadata first.
            let elected = matches!(built.change.leader, LeaderChange::To(to) if to != Some(leader));
            if elected {
                return Err(ErrorCode::NewLeaderElected);
            }
        }
        Ok(answered::Partition {
            partition_index: of.partition,
            error_code: ErrorCode::None.code(),
            leader_id: leader_number(after.leader),
            leader_epoch: after.leader_epoch.0,
            isr: numbers(&after.isr),
            leader_recovery_state: after.leader_recovery_state.code(),
            partition_epoch: after.partition_epoch.0,
        })
    }

    fn build_isr_change(
        &self,
        topic: &TopicImage,
        partition: &PartitionRegistration,
        isr: Vec<BrokerId>,
        recovery_state: LeaderRecoveryState,
    ) -> Option<super::partition_change::BuiltChange> {
        let active = |id| self.state.image().cluster().is_active(id);
        let election = if self.allows_unclean_election(&topic.name) {
            Election::Unclean
        } else {
            Election::Online
        };
        self.with_change_context(topic, partition, &active, |context| {
            PartitionChangeBuilder::new(partition, context)
                .election(election)
                .target_isr(isr)
                .target_leader_recovery_state(recovery_state)
                .build()
        })
    }

    /// The checks, in Kafka's order: the first that fails names the error.
    fn validate(
        &self,
        leader: BrokerId,
        partition: &PartitionRegistration,
        wish: &asked::Partition,
        members: &[Member],
    ) -> Result<LeaderRecoveryState, ErrorCode> {
        let leader_epoch = LeaderEpoch(wish.leader_epoch);
        let partition_epoch = PartitionEpoch(wish.partition_epoch);
        // A leader that is ahead has heard of a newer controller than this one.
        let is_ahead =
            leader_epoch > partition.leader_epoch || partition_epoch > partition.partition_epoch;
        if is_ahead && self.settings.rules.sends_leaders_ahead_on() {
            return Err(ErrorCode::NotController);
        }
        if leader_epoch != partition.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if Some(leader) != partition.leader {
            return Err(ErrorCode::InvalidRequest);
        }
        if partition_epoch != partition.partition_epoch {
            return Err(ErrorCode::InvalidUpdateVersion);
        }
        let distinct = members
            .iter()
            .enumerate()
            .all(|(place, (id, _))| !members[..place].iter().any(|(other, _)| other == id));
        let assigned = members.iter().all(|(id, _)| partition.replicas.contains(id));
        if !distinct || !assigned || !members.iter().any(|&(id, _)| id == leader) {
            return Err(ErrorCode::InvalidRequest);
        }
        let state = LeaderRecoveryState::from_code(wish.leader_recovery_state);
        let state = state.ok_or(ErrorCode::InvalidRequest)?;
        let recovering = state == LeaderRecoveryState::Recovering;
        // A recovering leader has nobody in sync, and who has recovered does not fall ill again.
        if recovering
            && (members.len() > 1
                || partition.leader_recovery_state == LeaderRecoveryState::Recovered)
        {
            return Err(ErrorCode::InvalidRequest);
        }
        if members.iter().any(|&member| !self.is_eligible(member)) {
            return Err(ErrorCode::IneligibleReplica);
        }
        Ok(state)
    }

    /// AP-2.
    fn is_eligible(&self, (id, epoch): Member) -> bool {
        let rules = &self.settings.rules;
        let broker = self.state.image().cluster().broker(id);
        broker.is_some_and(|broker| {
            let serves = broker.is_active() || !rules.keeps_fenced_out_of_sync();
            let is_known = epoch.is_none_or(|epoch| epoch == broker.epoch);
            serves && (is_known || !rules.admits_by_broker_epoch())
        })
    }
}

fn members(version: i16, wish: &asked::Partition) -> Vec<Member> {
    if version < KNOWS_BROKER_EPOCHS {
        return wish.new_isr.iter().map(|&id| (BrokerId(id), None)).collect();
    }
    let member = |it: &asked::NewIsrWithEpoch| {
        let epoch = (it.broker_epoch != -1).then_some(BrokerEpoch(it.broker_epoch));
        (BrokerId(it.broker_id), epoch)
    };
    wish.new_isr_with_epochs.iter().map(member).collect()
}

fn refusal(
    broker: BrokerId,
    partition: Option<TopicPartition>,
    (leader_epoch, partition_epoch): (i32, i32),
    error: ErrorCode,
) -> ControllerNote {
    ControllerNote::AlterPartitionRefused {
        broker,
        partition,
        leader_epoch: LeaderEpoch(leader_epoch),
        partition_epoch: PartitionEpoch(partition_epoch),
        error,
    }
}

fn mark_refusal(error: ErrorCode, notes: &mut Vec<ControllerNote>) {
    mark::reachable!(
        notes,
        "alter_partition_refused",
        "the controller refused a change of an in-sync set"
    );
    mark::sometimes!(
        notes,
        error == ErrorCode::StaleBrokerEpoch,
        "alter_partition_of_old_incarnation",
        "AlterPartition came from a broker that has registered anew since (STALE_BROKER_EPOCH)"
    );
    mark::sometimes!(
        notes,
        error == ErrorCode::NotController,
        "alter_partition_ahead_of_controller",
        "AlterPartition named a later epoch than the controller knows (NOT_CONTROLLER)"
    );
    mark::sometimes!(
        notes,
        error == ErrorCode::FencedLeaderEpoch,
        "alter_partition_in_old_leader_epoch",
        "AlterPartition was refused for a stale leader epoch (FENCED_LEADER_EPOCH)"
    );
    mark::sometimes!(
        notes,
        error == ErrorCode::InvalidUpdateVersion,
        "alter_partition_at_old_partition_epoch",
        "AlterPartition was refused for a stale partition epoch (INVALID_UPDATE_VERSION)"
    );
    mark::sometimes!(
        notes,
        error == ErrorCode::IneligibleReplica,
        "alter_partition_with_ineligible_replica",
        "AlterPartition was refused for a fenced, leaving or restarted replica (INELIGIBLE_REPLICA)"
    );
}
