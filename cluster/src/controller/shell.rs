//! Connects the controller to the quorum: appends, waits for commits, steps up and steps down.
//!
//! In Kafka:   `QuorumController`: `ControllerWriteEvent`, `QuorumMetaLogListener`, `DeferredEventQueue`,
//!             `OffsetControlManager`.
//! Holds:      the machine with its speculative state, the last committed state, and the answers that wait. The
//!             event queue itself is the lane on which the node calls this: one event after the other.
//! Inputs:     requests, commits, leadership, time. Effects: appends, answers, notes.
//! Invariants: K16 an answer leaves when the records it rests on are committed; SH-1 who steps down knows exactly
//!             what is committed; R13 after every operation.
//! Left out:   snapshots of the metadata log; the deadline of a request that waits too long in the queue.

use std::collections::VecDeque;

use trial_sim::{Stream, Time};

use super::decision::{Decision, Draft};
use super::machine::{Circumstances, Controller};
use super::notes;
use super::periodic::PeriodicTasks;
use super::request::{ControllerRequest, ControllerResponse};
use super::settings::{ControllerSettings, bootstrap_records};
use super::state::ControllerState;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, Offset};
use crate::image::{MetadataDelta, MetadataImage};
use crate::mark::{self, Mark};
use crate::note::controller::{ChangeReason, ControllerNote};
use crate::wire::MetadataRecord;

/// What the node has to do, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum ControllerEffect {
    /// Append these records to the metadata log as one batch of this epoch. They go to `base_offset` and on.
    Append {
        /// The epoch in which this controller leads.
        epoch: LeaderEpoch,
        /// Where the first record goes; the quorum must agree.
        base_offset: Offset,
        /// The records.
        records: Vec<MetadataRecord>,
    },
    /// Answer the request that came with this token.
    Reply {
        /// The token.
        token: u64,
        /// The answer.
        response: ControllerResponse,
    },
    /// Write it down.
    Note(ControllerNote),
    /// Give up the lead of the quorum.
    Resign {
        /// The epoch in which this controller led.
        epoch: LeaderEpoch,
    },
}

impl From<&'static Mark> for ControllerEffect {
    fn from(mark: &'static Mark) -> Self {
        Self::Note(ControllerNote::Reached(mark))
    }
}

/// What one event is lent.
pub struct ControllerStep<'a> {
    /// The time.
    pub now: Time,
    /// Draws for topic ids and placement.
    pub random: &'a mut Stream,
    /// What is to be done.
    pub effects: &'a mut Vec<ControllerEffect>,
}

/// An answer that waits until everything up to `end` is committed.
#[derive(Debug, Clone)]
struct Waiting {
    end: Offset,
    token: u64,
    request: ControllerRequest,
    response: ControllerResponse,
}

/// What only the active controller has.
#[derive(Debug, Clone)]
struct Active {
    epoch: LeaderEpoch,
    next_write_offset: Offset,
    /// The state as far as it is committed.
    committed: ControllerState,
    /// The state after each append that is not: its last offset, and the state then.
    uncommitted: VecDeque<(Offset, ControllerState)>,
    purgatory: VecDeque<Waiting>,
    tasks: PeriodicTasks,
}

/// The controller of one node.
#[derive(Debug, Clone)]
pub struct QuorumController {
    controller: Controller,
    bootstrap: Vec<MetadataRecord>,
    active: Option<Active>,
}

impl QuorumController {
    /// A standby that has read nothing. A new cluster begins with the records of the settings' rules, unless a
    /// bootstrap checkpoint says otherwise ([`Self::on_bootstrap`]).
    #[must_use]
    pub fn new(settings: ControllerSettings) -> Self {
        let bootstrap = bootstrap_records(&settings.rules);
        Self { controller: Controller::new(settings), bootstrap, active: None }
    }

    /// The machine inside.
    #[must_use]
    pub fn controller(&self) -> &Controller {
        &self.controller
    }

    /// The image, with what is not committed yet on the active controller.
    #[must_use]
    pub fn image(&self) -> &MetadataImage {
        self.controller.state().image()
    }

    /// The state as far as it is committed.
    #[must_use]
    pub fn committed_state(&self) -> &ControllerState {
        self.active.as_ref().map_or(self.controller.state(), |active| &active.committed)
    }

    /// The epoch in which this is the active controller.
    #[must_use]
    pub fn active_epoch(&self) -> Option<LeaderEpoch> {
        self.active.as_ref().map(|active| active.epoch)
    }

    /// The quorum read its bootstrap checkpoint.
    pub fn on_bootstrap(&mut self, records: Vec<MetadataRecord>) {
        assert!(self.active.is_none(), "the bootstrap checkpoint comes before anything else");
        if !records.is_empty() {
            self.bootstrap = records;
        }
    }

    /// A heartbeat has arrived, and its request will follow through the queue. Answers whether this controller is
    /// active; if not, the request can be refused without waiting.
    pub fn on_heartbeat_arrival(&mut self, now: Time, id: BrokerId, epoch: BrokerEpoch) -> bool {
        self.controller.track_heartbeat(now, id, epoch)
    }

    /// A request, whose answer will carry `token`.
    pub fn on_request(
        &mut self,
        step: &mut ControllerStep<'_>,
        token: u64,
        request: ControllerRequest,
    ) {
        let Some(active) = &self.active else {
            let response = request.refusal(ErrorCode::NotController, None);
            step.effects.push(ControllerEffect::Reply { token, response });
            return;
        };
        if let ControllerRequest::BrokerHeartbeat(body) = &request {
            let session = (BrokerId(body.broker_id), BrokerEpoch(body.broker_epoch));
            self.controller.track_heartbeat(step.now, session.0, session.1);
        }
        if let ControllerRequest::ListPartitionReassignments(body) = &request {
            let response = self.controller.list_reassignments(&active.committed, body);
            step.effects.push(ControllerEffect::Reply { token, response });
            return;
        }
        let next_offset = active.next_write_offset;
        let mut at = Circumstances { now: step.now, next_offset, random: &mut *step.random };
        let mut decision = self.controller.decide(&mut at, &request);
        let response = decision.response.take().expect("every request is answered");
        let at_once = decision.answers_at_once;
        let end = self.perform(step, decision);
        let active = self.active.as_mut().expect("no decision steps down");
        // A decision without records may still rest on records that are not committed.
        let rests_on = end.or(active.uncommitted.back().map(|&(end, _)| end));
        match rests_on {
            Some(end) if !at_once => {
                active.purgatory.push_back(Waiting { end, token, request, response });
            }
            _ => {
                mark::sometimes!(
                    step.effects,
                    at_once && rests_on.is_some(),
                    "refused_before_commit",
                    "a request was refused at once, on the strength of records that are not committed"
                );
                step.effects.push(ControllerEffect::Reply { token, response });
            }
        }
    }

    /// Acts on a decision; answers the offset of its last record, if it has any.
    fn perform(&mut self, step: &mut ControllerStep<'_>, decision: Decision) -> Option<Offset> {
        let Decision { draft, atomic, reason, soft, notes, .. } = decision;
        let most = ControllerSettings::RECORDS_PER_BATCH_MAX;
        assert!(!atomic || draft.records.len() <= most, "{} records at once", draft.records.len());
        self.controller.apply_soft(soft);
        step.effects.extend(notes.into_iter().map(ControllerEffect::Note));
        step.effects.extend(draft.reached.iter().map(|hit| ControllerEffect::from(hit.0)));
        let (end, changed) = self.append(step, draft, reason);
        let active = self.active.as_ref().expect("only an active controller decides");
        self.controller.finish_soft(soft, Offset(active.next_write_offset.0 - 1));
        self.controller.invariants(&changed);
        end
    }

    /// Appends the records, in batches, and replays each one at once: from here on decisions rest on them. Answers
    /// the last offset and what changed.
    fn append(
        &mut self,
        step: &mut ControllerStep<'_>,
        draft: Draft,
        reason: ChangeReason,
    ) -> (Option<Offset>, MetadataDelta) {
        let Self { controller, active, .. } = self;
        let active = active.as_mut().expect("only an active controller appends");
        let mut changed = MetadataDelta::default();
        let mut end = None;
        let batches = draft.records.chunks(ControllerSettings::RECORDS_PER_BATCH_MAX);
        let mut elections = draft.elections;
        for (first, records) in batches.enumerate() {
            let base_offset = active.next_write_offset;
            step.effects.push(ControllerEffect::Append {
                epoch: active.epoch,
                base_offset,
                records: records.to_vec(),
            });
            let first = first * ControllerSettings::RECORDS_PER_BATCH_MAX;
            for (index, record) in (first..).zip(records) {
                let offset = active.next_write_offset;
                let before = notes::Before::of(controller.state().image(), record);
                changed.merge(controller.replay(offset, record));
                let elected = elections.remove(&index);
                let after = controller.state().image();
                let subject = notes::Replayed { offset, record, before, after };
                let told = subject.notes(reason, elected);
                step.effects.extend(told.into_iter().map(ControllerEffect::Note));
                active.next_write_offset = offset.next();
                end = Some(offset);
            }
            active.uncommitted.extend(end.map(|end| (end, controller.state().clone())));
        }
        (end, changed)
    }

    /// Records are committed; the first is at `base_offset`. Batches of the quorum's own have none and need no call.
    pub fn on_committed(
        &mut self,
        step: &mut ControllerStep<'_>,
        base_offset: Offset,
        records: &[MetadataRecord],
    ) {
        let Some(active) = &mut self.active else {
            for (offset, record) in (base_offset.0..).map(Offset).zip(records) {
                self.controller.replay(offset, record);
            }
            return;
        };
        let count = i64::try_from(records.len()).expect("a batch is not that long");
        let end = Offset(base_offset.0 + count - 1);
        assert!(
            end < active.next_write_offset,
            "K1: {end} is committed, but this leader has not written {}",
            active.next_write_offset
        );
        while active.uncommitted.front().is_some_and(|&(last, _)| last <= end) {
            (_, active.committed) = active.uncommitted.pop_front().expect("just seen");
        }
        // SH-1: the commit may end inside an append.
        mark::sometimes!(
            step.effects,
            active.committed.image().highest_offset() < end,
            "commit_ends_inside_append",
            "the quorum committed a part of what a controller had appended at once"
        );
        for (offset, record) in (base_offset.0..).map(Offset).zip(records) {
            if offset > active.committed.image().highest_offset() {
                active.committed.replay(offset, record);
            }
        }
        while active.purgatory.front().is_some_and(|waiting| waiting.end <= end) {
            let Waiting { token, response, .. } = active.purgatory.pop_front().expect("just seen");
            step.effects.push(ControllerEffect::Reply { token, response });
        }
    }

    /// This node leads the quorum in `epoch`, and has been told of everything committed before it. The next record of
    /// the log goes to `next_write_offset`.
    pub fn on_leadership(
        &mut self,
        step: &mut ControllerStep<'_>,
        epoch: LeaderEpoch,
        next_write_offset: Offset,
    ) {
        if let Some(active) = &mut self.active {
            assert!(active.epoch <= epoch, "K6: epoch {epoch:?} after {:?}", active.epoch);
            active.epoch = epoch;
            return;
        }
        let known = self.image().highest_offset();
        assert!(known < next_write_offset, "K8: {known} is known, {next_write_offset} comes next");
        self.controller.activate(step.now);
        self.active = Some(Active {
            epoch,
            next_write_offset,
            committed: self.controller.state().clone(),
            uncommitted: VecDeque::new(),
            purgatory: VecDeque::new(),
            tasks: PeriodicTasks::activate(step.now, self.controller.settings()),
        });
        let note = ControllerNote::Activated { epoch, next_write_offset };
        step.effects.push(ControllerEffect::Note(note));
        // Before any other event, as in Kafka, which puts this at the head of its queue.
        let activation = self.controller.decide_activation(&self.bootstrap);
        self.perform(step, activation);
    }

    /// This node leads the quorum no longer: what was not committed is forgotten (SH-1).
    pub fn on_leadership_lost(&mut self, step: &mut ControllerStep<'_>) {
        let Some(active) = self.active.take() else { return };
        mark::sometimes!(
            step.effects,
            !active.uncommitted.is_empty(),
            "controller_forgets_uncommitted",
            "a controller stepped down and forgot records that were not committed"
        );
        mark::sometimes!(
            step.effects,
            !active.purgatory.is_empty(),
            "controller_drops_requests",
            "a controller stepped down while requests waited for their records to be committed"
        );
        for Waiting { token, request, .. } in active.purgatory {
            let response = request.refusal(ErrorCode::NotController, None);
            step.effects.push(ControllerEffect::Reply { token, response });
        }
        let reverted_to = active.committed.image().highest_offset();
        self.controller.deactivate(active.committed);
        let note = ControllerNote::Renounced { epoch: active.epoch, reverted_to };
        step.effects.push(ControllerEffect::Note(note));
    }

    /// The quorum did not take an append: whatever it thinks, this controller cannot go on.
    pub fn on_append_refused(&mut self, step: &mut ControllerStep<'_>) {
        let Some(epoch) = self.active_epoch() else { return };
        step.effects.push(ControllerEffect::Resign { epoch });
        self.on_leadership_lost(step);
    }

    /// The quorum wrote records of its own (a change of voters), so that the next record goes to `next_offset`.
    pub fn on_log_end(&mut self, next_offset: Offset) {
        if let Some(active) = &mut self.active {
            let known = active.next_write_offset;
            assert!(known <= next_offset, "the log ends at {next_offset}, not yet {known}");
            active.next_write_offset = next_offset;
        }
    }

    /// Runs one periodic task that is due; more may be (see [`Self::next_deadline`]).
    pub fn on_timer(&mut self, step: &mut ControllerStep<'_>) {
        let now = step.now;
        let Some(task) = self.active.as_ref().and_then(|active| active.tasks.due(now)) else {
            return;
        };
        let decision = self.controller.decide_task(now, task);
        let more = decision.more;
        self.perform(step, decision);
        let active = self.active.as_mut().expect("no task steps down");
        active.tasks.ran(now, task, more, self.controller.settings());
    }

    /// When [`Self::on_timer`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.active.as_ref().and_then(|active| active.tasks.next_deadline())
    }
}
