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
use crate::note::controller::{ChangeReason, ControllerNote};
use crate::wire::MetadataRecord;

/// Records in the making, with what the notes need to know of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// The records, in order.
    pub records: Vec<MetadataRecord>,
    /// From where the change at this index took its new leader.
    pub elections: BTreeMap<usize, ElectedFrom>,
}

impl Draft {
    /// Adds a record.
    pub fn push(&mut self, record: impl Into<MetadataRecord>) {
        self.records.push(record.into());
    }

    /// Adds the change of a partition.
    pub fn push_change(&mut self, of: TopicPartition, built: &BuiltChange) {
        if let Some(from) = built.elected {
            self.elections.insert(self.records.len(), from);
        }
        self.push(built.change.to_record(of));
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
