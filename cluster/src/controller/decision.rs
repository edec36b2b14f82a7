//! What `decide` answers: records to append, a response that waits for them, and what stays out of the log.
//!
//! In Kafka:   `ControllerResult`, `ControllerWriteOperation`.
//! Holds:      nothing of the controller's; a decision is a value.
//! Invariants: K16 a response waits until its records, or those it was derived from, are committed. Only what Kafka
//!             throws as an exception is answered at once.

use std::collections::BTreeMap;

use super::election::ElectedFrom;
use super::partition_change::BuiltChange;
use super::request::{ControllerRequest, ControllerResponse};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId, Offset, TopicPartition};
use crate::image::partition::{LeaderChange, PartitionChange};
use crate::mark::{self, Mark};
use crate::note::controller::{ChangeReason, ControllerNote};
use crate::wire::MetadataRecord;

/// Records in the making, with what the notes need to know of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// The records, in order.
    pub records: Vec<MetadataRecord>,
    /// From where the change at this index took its new leader.
    pub elections: BTreeMap<usize, ElectedFrom>,
    /// What their making came to.
    pub reached: Vec<Hit>,
}

/// A mark that a decision came to; it is noted when the decision is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit(pub &'static Mark);

impl From<&'static Mark> for Hit {
    fn from(mark: &'static Mark) -> Self {
        Self(mark)
    }
}

impl Draft {
    /// Adds a record.
    pub fn push(&mut self, record: impl Into<MetadataRecord>) {
        self.records.push(record.into());
    }

    /// Adds the change of a partition.
    pub fn push_change(&mut self, of: TopicPartition, built: &BuiltChange) {
        self.mark_election(built.elected);
        self.mark_change(&built.change);
        if let Some(from) = built.elected {
            self.elections.insert(self.records.len(), from);
        }
        self.push(built.change.to_record(of));
    }

    fn mark_election(&mut self, elected: Option<ElectedFrom>) {
        mark::sometimes!(
            self.reached,
            elected == Some(ElectedFrom::EligibleLeaderReplicas),
            "leader_from_elr",
            "a leader was elected from the eligible leader replicas"
        );
        mark::sometimes!(
            self.reached,
            elected == Some(ElectedFrom::LastKnownLeader),
            "last_known_leader",
            "nobody in sync or eligible was left, so the last leader led again (KIP-966)"
        );
        mark::sometimes!(
            self.reached,
            elected == Some(ElectedFrom::Unclean),
            "unclean_election",
            "any live replica was elected, since the topic allows it"
        );
    }

    fn mark_change(&mut self, change: &PartitionChange) {
        let grows = |set: &Option<Vec<BrokerId>>| set.as_ref().is_some_and(|set| !set.is_empty());
        let ends = |list: &Option<Vec<BrokerId>>| list.as_ref().is_some_and(Vec::is_empty);
        mark::sometimes!(
            self.reached,
            grows(&change.adding_replicas) || grows(&change.removing_replicas),
            "reassignment_begins",
            "a partition began to move to other replicas"
        );
        mark::sometimes!(
            self.reached,
            ends(&change.adding_replicas) || ends(&change.removing_replicas),
            "reassignment_ends",
            "a partition that was moving has the replicas that were wanted, or those from before"
        );
        mark::sometimes!(
            self.reached,
            change.leader == LeaderChange::To(None),
            "partition_goes_offline",
            "a partition was left without a leader"
        );
        mark::sometimes!(
            self.reached,
            change.isr.as_ref().is_some_and(Vec::is_empty),
            "isr_becomes_empty",
            "the last member left an in-sync set (KIP-966)"
        );
        mark::sometimes!(
            self.reached,
            grows(&change.eligible_leader_replicas),
            "elr_gets_member",
            "a replica out of sync stays eligible to lead, since too few are in sync (KIP-966)"
        );
        mark::sometimes!(
            self.reached,
            change.eligible_leader_replicas.as_ref().is_some_and(Vec::is_empty),
            "elr_is_emptied",
            "enough replicas are in sync again, or nobody is eligible to lead any more"
        );
        mark::sometimes!(
            self.reached,
            grows(&change.last_known_elr),
            "last_leader_remembered",
            "a partition that goes offline remembers who led it last (KIP-966)"
        );
    }
}

/// What changes in memory only, as heartbeats do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SoftChange {
    /// Nothing.
    #[default]
    None,
    /// A heartbeat was handled.
    Touch {
        /// The broker.
        id: BrokerId,
        /// Whether it is fenced from now on.
        fenced: bool,
        /// The metadata offset that it reported.
        metadata_offset: Offset,
        /// Whether it is on its way out from now on.
        in_controlled_shutdown: bool,
    },
    /// A session ran out.
    SessionExpired {
        /// The broker.
        id: BrokerId,
        /// The epoch of the session.
        epoch: BrokerEpoch,
        /// Whether the broker is fenced with it; else the session was of an epoch that is over.
        fences: bool,
    },
}

/// The answer of `decide`.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What to append.
    pub draft: Draft,
    /// Whether the records go into one batch.
    pub atomic: bool,
    /// What to answer; a periodic task has nobody to answer to.
    pub response: Option<ControllerResponse>,
    /// Whether the response goes out before anything is committed.
    pub answers_at_once: bool,
    /// Why partitions change.
    pub reason: ChangeReason,
    /// What changes in memory.
    pub soft: SoftChange,
    /// What was refused.
    pub notes: Vec<ControllerNote>,
    /// Whether a periodic task has more to do.
    pub more: bool,
}

impl Decision {
    /// Nothing happens, nobody is answered.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            draft: Draft::default(),
            atomic: false,
            response: None,
            answers_at_once: false,
            reason: ChangeReason::Other,
            soft: SoftChange::None,
            notes: Vec::new(),
            more: false,
        }
    }

    /// `draft` is appended, in as many batches as it takes, and then `response` goes out.
    #[must_use]
    pub fn of(draft: Draft, response: ControllerResponse, reason: ChangeReason) -> Self {
        Self { draft, response: Some(response), reason, ..Self::nothing() }
    }

    /// As [`Self::of`], in one batch.
    #[must_use]
    pub fn atomic_of(draft: Draft, response: ControllerResponse, reason: ChangeReason) -> Self {
        Self { atomic: true, ..Self::of(draft, response, reason) }
    }

    /// The whole request is refused, at once.
    #[must_use]
    pub fn refused(request: &ControllerRequest, error: ErrorCode, message: Option<&str>) -> Self {
        let response = Some(request.refusal(error, message));
        Self { response, answers_at_once: true, ..Self::nothing() }
    }
}
