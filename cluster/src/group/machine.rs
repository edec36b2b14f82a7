//! A group coordinator as a replicated machine: `decide` answers, `replay` changes what is on the timeline.
//!
//! In Kafka:   `GroupCoordinatorShard` with `GroupMetadataManager` and `OffsetMetadataManager`.
//! Holds:      the hard state with what is not committed yet, the timers, and what classic groups are made of.
//! Inputs:     requests, questions, timers, records, another image of the cluster. Effects: answers and marks; records
//!             are part of a decision, and the shard appends them.
//! Invariants: G9 the state that replay rebuilds is the live one.

use std::sync::Arc;

use super::classic::ClassicGroups;
use super::consumer::ConsumerSoft;
use super::record::GroupRecord;
use super::request::{Asker, GroupQuestion, GroupRequest, GroupResponse};
use super::state::GroupState;
use super::step::{Decided, GroupEffect, GroupError, Step, Then, Token};
use super::timer::{TimerKey, Timers};
use crate::config::group::GroupSettings;
use crate::ids::{Offset, TopicId};
use crate::image::MetadataDelta;
use crate::rules::Rules;

/// The coordinator of the groups of one partition of `__consumer_offsets`.
#[derive(Debug, Clone)]
pub struct GroupCoordinator {
    pub(super) settings: Arc<GroupSettings>,
    pub(super) rules: Rules,
    pub(super) state: GroupState,
    pub(super) timers: Timers,
    pub(super) classic: ClassicGroups,
    pub(super) consumer: ConsumerSoft,
}

impl GroupCoordinator {
    /// One that has read nothing.
    #[must_use]
    pub fn new(settings: Arc<GroupSettings>) -> Self {
        Self {
            settings,
            rules: Rules::default(),
            state: GroupState::default(),
            timers: Timers::default(),
            classic: ClassicGroups::default(),
            consumer: ConsumerSoft::default(),
        }
    }

    /// With other guards than all of Kafka's.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// What the log says, with what is not committed yet.
    #[must_use]
    pub fn state(&self) -> &GroupState {
        &self.state
    }

    /// Its timers.
    #[must_use]
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Its timers, to set them.
    pub fn timers_mut(&mut self) -> &mut Timers {
        &mut self.timers
    }

    /// The log has become what it was before: a batch was not written, and nothing of it has happened. What is not on
    /// the timeline stays as it is, in Kafka as here.
    pub fn revert(&mut self, state: GroupState) {
        self.state = state;
    }

    /// A request that may write. `token` is who waits for an answer: it comes with the decision, or later.
    ///
    /// # Errors
    /// The request is refused. The shard tells who asked.
    pub fn decide(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        asker: &Asker,
        request: GroupRequest,
    ) -> Decided {
        match request {
            GroupRequest::OffsetCommit(request) => {
                self.commit_offsets(step, token, asker, &request)
            }
            GroupRequest::FetchStableOffsets(asked) => self.fetch_stable_offsets(token, &asked),
            GroupRequest::OffsetDelete(request) => self.delete_offsets(token, &request),
            GroupRequest::DeleteGroups(groups) => self.delete_groups(token, &groups),
            GroupRequest::JoinGroup(request) => self.decide_join(step, token, asker, &request),
            GroupRequest::SyncGroup(request) => self.decide_sync(step, token, &request),
            GroupRequest::Heartbeat(request) => self.decide_heartbeat(step, token, &request),
            GroupRequest::LeaveGroup(request) => self.decide_leave(step, token, &request),
            GroupRequest::ConsumerGroupHeartbeat(request) => {
                self.consumer_group_heartbeat(step, token, asker, &request)
            }
        }
    }

    /// A question, which is answered from what is committed (G13).
    ///
    /// # Errors
    /// There is no answer.
    pub fn read(
        &self,
        step: &mut Step<'_>,
        committed: &GroupState,
        asker: &Asker,
        question: GroupQuestion,
    ) -> Result<GroupResponse, GroupError> {
        match question {
            GroupQuestion::OffsetFetch(asked) => {
                self.fetch_offsets(committed, &asked).map(GroupResponse::OffsetFetch)
            }
            GroupQuestion::ListGroups { states, types } => {
                Ok(GroupResponse::ListGroups(self.list_groups(committed, &states, &types)))
            }
            GroupQuestion::DescribeGroups(ids) => {
                let groups = self.describe_groups(committed, &ids, asker.version);
                Ok(GroupResponse::DescribeGroups(groups))
            }
            GroupQuestion::ConsumerGroupDescribe(ids) => {
                let groups = self.describe_consumer_groups(committed, step.image, &ids);
                Ok(GroupResponse::ConsumerGroupDescribe(groups))
            }
        }
    }

    /// A record is in the log, or will be at this offset: the only way in which the state changes.
    pub fn replay(&mut self, offset: Offset, record: &GroupRecord) {
        match record {
            GroupRecord::OffsetCommit(key, value) => {
                self.replay_offset_commit(offset, key, value.as_ref());
            }
            GroupRecord::LegacyOffsetCommit(key, value) => {
                self.replay_legacy_offset_commit(offset, key, value.as_ref());
            }
            GroupRecord::GroupMetadata(key, value) => self.replay_classic(key, value.as_ref()),
            _ => {}
        }
        self.replay_consumer(record);
    }

    /// A timer has run out, and was not taken back since. It is not scheduled any more.
    ///
    /// # Errors
    /// It could not be done: it is tried again if its kind is (`TimerKey::retry_backoff`).
    pub fn on_timer(&mut self, step: &mut Step<'_>, key: &TimerKey) -> Decided {
        match key {
            TimerKey::Expiry => Ok(self.clean_up(step)),
            TimerKey::ClassicJoin(_)
            | TimerKey::ClassicSync(_)
            | TimerKey::ClassicHeartbeat(..) => self.on_classic_timer(step, key),
            TimerKey::ConsumerSession(..)
            | TimerKey::ConsumerRebalance(..)
            | TimerKey::ConsumerJoin(..)
            | TimerKey::ConsumerSync(..)
            | TimerKey::ConsumerRegex(_) => self.on_consumer_timer(step, key),
        }
    }

    /// What was decided is committed, or cannot be.
    pub fn on_outcome(&mut self, step: &mut Step<'_>, then: Then, outcome: Result<(), GroupError>) {
        match then {
            Then::Nothing => {}
            Then::Classic(then) => self.on_classic_outcome(step, *then, outcome),
            Then::Consumer(then) => self.on_consumer_outcome(step, *then, outcome),
            Then::Reply(token, response) => {
                let answer = outcome.map(|()| response);
                step.effects.push(GroupEffect::Reply { token, answer });
            }
        }
    }

    /// The log has been read to its end, and requests will follow (`CoordinatorShard.onLoaded`).
    pub fn on_loaded(&mut self, step: &mut Step<'_>) {
        self.schedule_clean_up(step);
        self.on_classic_loaded(step);
        self.on_consumer_loaded(step);
    }

    /// This is the coordinator no longer: whoever waits is told (`CoordinatorShard.onUnloaded`). Nothing else comes.
    pub fn on_unloaded(&mut self, step: &mut Step<'_>) {
        self.on_classic_unloaded(step);
    }

    /// The image of the step is a newer one; `changed` says in what.
    pub fn on_metadata_update(&mut self, step: &mut Step<'_>, changed: &MetadataDelta) {
        self.on_consumer_metadata_update(step, changed);
    }

    /// These topics are gone (`GroupCoordinatorShard.onTopicsDeleted`).
    ///
    /// # Errors
    /// It could not be done.
    pub fn on_topics_deleted(
        &mut self,
        step: &mut Step<'_>,
        topics: &[(TopicId, Arc<str>)],
    ) -> Decided {
        let _ = step;
        Ok(self.forget_offsets_of(topics))
    }
}
