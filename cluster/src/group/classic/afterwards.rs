//! What a classic group does when its record is committed, or cannot be written.
//!
//! In Kafka:   the `appendFuture` of a `CoordinatorResult`, and `handleOperationException` behind it.
//! Invariants: CG-4 whoever waits for a write that has failed is told so, once. CG-10 see `sync.rs`.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::group::ClassicGroup;
use super::groups::ClassicRef;
use super::state::ClassicState;
use super::static_members::Replaced;
use super::turn::Turn;
use crate::error_code::ErrorCode;
use crate::group::machine::GroupCoordinator;
use crate::group::state::MemberId;
use crate::group::step::{GroupEffect, GroupError, Step};
use crate::mark;

/// What is to be done after a write.
#[derive(Debug, Clone, PartialEq)]
pub struct Afterwards {
    group: ClassicRef,
    /// The request that led to it.
    serial: u64,
    what: What,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    /// The group answers when it likes.
    Nothing,
    /// The leader's assignment.
    Assigned { generation: i32, assignments: BTreeMap<MemberId, Bytes> },
    /// A static member under a new id.
    Replaced(Box<Replaced>),
}

impl Afterwards {
    /// A request is kept by its group. If what was written before it fails, so does it.
    pub(super) fn parked(group: ClassicRef, serial: u64) -> Self {
        Self { group, serial, what: What::Nothing }
    }

    pub(super) fn assigned(
        name: ClassicRef,
        group: &ClassicGroup,
        assignments: BTreeMap<MemberId, Bytes>,
    ) -> Self {
        let what = What::Assigned { generation: group.generation(), assignments };
        Self { group: name, serial: group.kept, what }
    }

    pub(super) fn replaced(name: ClassicRef, group: &ClassicGroup, replaced: Replaced) -> Self {
        Self { group: name, serial: group.kept, what: What::Replaced(Box::new(replaced)) }
    }
}

/// What clients are told of a write that has failed (`appendGroupMetadataErrorToResponseError`).
#[must_use]
pub(super) const fn told(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge
        | ErrorCode::RecordListTooLarge
        | ErrorCode::InvalidFetchSize => ErrorCode::UnknownServerError,
        other => other,
    }
}

impl GroupCoordinator {
    /// A write of a classic group is committed, or cannot be.
    pub(in crate::group) fn on_classic_outcome(
        &mut self,
        step: &mut Step<'_>,
        then: Afterwards,
        outcome: Result<(), GroupError>,
    ) {
        if self.classic.get(then.group).is_none() {
            return;
        }
        let mut turn = self.classic_turn(step, then.group);
        let error = outcome.err();
        let code = error.as_ref().map(|error| told(error.code));
        match then.what {
            What::Nothing => {}
            What::Assigned { generation, assignments } => {
                turn.on_assignment_written(generation, assignments, code);
            }
            What::Replaced(replaced) => match code {
                None => turn.on_replaced(&replaced),
                Some(code) => turn.on_not_replaced(&replaced, then.serial, code),
            },
        }
        let Some(error) = error else { return };
        if let Some(token) = turn.group.mark_answered(then.serial) {
            let answer = Err(GroupError { code: told(error.code), ..error });
            turn.step.effects.push(GroupEffect::Reply { token, answer });
        }
    }
}

impl Turn<'_, '_> {
    /// The group may have gone on meanwhile; then nothing is left to be done.
    fn on_assignment_written(
        &mut self,
        generation: i32,
        mut assignments: BTreeMap<MemberId, Bytes>,
        error: Option<ErrorCode>,
    ) {
        let is_waiting = self.group.state == ClassicState::CompletingRebalance
            && self.group.generation == generation;
        mark::sometimes!(
            self.step.effects,
            !is_waiting,
            "assignment_written_too_late",
            "a group began to rebalance again while its assignment was on its way to the log"
        );
        match error {
            _ if !is_waiting => {}
            Some(code) => {
                self.reset_assignments(code);
                let written = self.rebalance_or_complete_join();
                assert!(
                    matches!(written, Ok(None)),
                    "CG-8 a group whose members have all to join again waits for them"
                );
            }
            None => {
                for id in self.group.member_ids() {
                    let assignment = assignments.remove(&id).unwrap_or_default();
                    self.group.set_assignment(&id, assignment);
                }
                self.answer_syncs(ErrorCode::None);
                self.group.enter(ClassicState::Stable, self.step.wall_ms);
            }
        }
    }
}
