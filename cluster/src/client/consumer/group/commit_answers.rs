//! What a coordinator's answer to a commit means: done, to be tried again, or lost.
//!
//! In Kafka:   `ConsumerCoordinator.OffsetCommitResponseHandler`, `CommitRequestManager.OffsetCommitRequestState`.
//! Invariants: CA-1 a classic member's generation is given up only if it is still the one that was sent (KAFKA-12983).

use super::classic::{Generation, MemberState};
use super::commits::CommitId;
use super::coordinator::net_error;
use super::event::{CommitCause, CommitFailure};
use super::group_consumer::GroupConsumer;
use crate::config::GroupProtocol;
use crate::error_code::ErrorCode;
use crate::mark;
use crate::net::{Completed, NetError, Wires};
use crate::wire::OffsetCommitRequest;

impl GroupConsumer {
    pub(super) fn on_commit_answered(
        &mut self,
        id: CommitId,
        sent: &Generation,
        completed: &Completed,
        wires: &mut dyn Wires,
    ) {
        if !self.commits.is_live(id) {
            return; // it has timed out
        }
        let response = match completed.response::<OffsetCommitRequest>() {
            Ok(response) => response,
            Err(error) => {
                if error != NetError::UnsupportedVersion {
                    self.mark_coordinator_unknown(true, wires);
                }
                return self.on_commit_failed(id, CommitFailure::Refused(net_error(error)), wires);
            }
        };
        let mut denied = None;
        for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
            match ErrorCode::from_code(partition.error_code) {
                ErrorCode::None => {}
                ErrorCode::TopicAuthorizationFailed => {
                    denied = Some(ErrorCode::TopicAuthorizationFailed);
                }
                error => {
                    let failure = match self.protocol {
                        GroupProtocol::Classic => self.classic_failure(error, sent, wires),
                        GroupProtocol::Consumer => self.member_failure(error, wires),
                    };
                    return self.on_commit_failed(id, failure, wires);
                }
            }
        }
        match denied {
            None => self.on_committed(id, wires),
            Some(error) => self.on_commit_failed(id, CommitFailure::Refused(error), wires),
        }
    }

    /// What an error means to a classic member, and what it does to it.
    fn classic_failure(
        &mut self,
        error: ErrorCode,
        sent: &Generation,
        wires: &mut dyn Wires,
    ) -> CommitFailure {
        let is_unchanged = self.classic.generation == *sent;
        let is_preparing = self.classic.state == MemberState::PreparingRebalance;
        let rebalancing = CommitFailure::Refused(ErrorCode::RebalanceInProgress);
        match error {
            ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
            | ErrorCode::RequestTimedOut => {
                self.mark_coordinator_unknown(false, wires);
                CommitFailure::Refused(error)
            }
            ErrorCode::FencedInstanceId if is_unchanged => CommitFailure::Refused(error),
            ErrorCode::FencedInstanceId if is_preparing => rebalancing,
            ErrorCode::FencedInstanceId => CommitFailure::CommitFailed,
            ErrorCode::RebalanceInProgress => {
                self.classic
                    .request_rejoin("offset commit failed since group is already rebalancing");
                rebalancing
            }
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => {
                // It takes part in another rebalance already: the old generation is nothing to it.
                if !is_unchanged && is_preparing {
                    return rebalancing;
                }
                let forgets_id = error != ErrorCode::IllegalGeneration;
                self.classic.reset_and_rejoin(
                    &format!("encountered {error} from OFFSET_COMMIT response"),
                    forgets_id,
                );
                mark::reachable!(
                    wires,
                    "commit_of_former_member",
                    "a member learned from a commit that it is none any more, or not in this generation"
                );
                CommitFailure::CommitFailed
            }
            error => CommitFailure::Refused(error),
        }
    }

    /// The same to a member of the consumer protocol: its heartbeats say what becomes of it.
    fn member_failure(&mut self, error: ErrorCode, wires: &mut dyn Wires) -> CommitFailure {
        match error {
            ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
            | ErrorCode::RequestTimedOut => {
                self.mark_coordinator_unknown(false, wires);
                CommitFailure::Refused(error)
            }
            ErrorCode::UnknownMemberId => CommitFailure::CommitFailed,
            error => CommitFailure::Refused(error),
        }
    }

    fn on_committed(&mut self, id: CommitId, wires: &mut dyn Wires) {
        self.end_commit(id, Ok(()));
        self.on_reconciliation_commit(id, wires);
    }

    /// A try has failed: there may be another.
    pub(super) fn on_commit_failed(
        &mut self,
        id: CommitId,
        failure: CommitFailure,
        wires: &mut dyn Wires,
    ) {
        let now = wires.now();
        let is_stale = failure == CommitFailure::Refused(ErrorCode::StaleMemberEpoch);
        let has_epoch = self.member.epoch > 0;
        let Some(commit) = self.commits.get_mut(id) else {
            return;
        };
        let (cause, is_over) = (commit.cause, commit.deadline.is_none_or(|it| it <= now));
        let before_rebalance = cause == CommitCause::Rebalance;
        let may_retry = match failure {
            CommitFailure::TimedOut => false,
            CommitFailure::Refused(ErrorCode::UnknownTopicOrPartition) if before_rebalance => false,
            _ => failure.is_retriable() || before_rebalance && is_stale && has_epoch,
        };
        if may_retry && !is_over {
            if before_rebalance {
                // By now more may have been processed; it is committed with the epoch that holds then.
                let offsets = self.fetch.all_consumed();
                if let Some(commit) = self.commits.get_mut(id).filter(|_| !offsets.is_empty()) {
                    commit.offsets = offsets;
                }
            }
            return self.retry_commit(id, wires);
        }
        let waits =
            matches!(cause, CommitCause::Sync | CommitCause::Revocation | CommitCause::Close);
        let failure = if is_stale && waits { CommitFailure::CommitFailed } else { failure };
        if cause == CommitCause::Interval && failure.is_retriable() {
            self.hasten_interval(now);
        }
        self.end_commit(id, Err(failure));
        self.on_reconciliation_commit(id, wires);
    }
}
