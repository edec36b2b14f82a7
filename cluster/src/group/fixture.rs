//! A group coordinator that is driven by hand: requests come in, what is decided is written or not, time passes.
//!
//! Holds: what a shard and a broker would hold: who waits, what is written and not committed, how the timeline was
//!        before that, and the log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use trial_sim::{Plan, Span, Stream, Time};

use super::machine::GroupCoordinator;
use super::record::GroupRecord;
use super::request::{Asker, GroupQuestion, GroupRequest, GroupResponse};
use super::state::GroupState;
use super::step::{Decided, GroupEffect, GroupError, Step, Then, Token};
use super::timer::TimerKey;
use crate::config::group::GroupSettings;
use crate::error_code::ErrorCode;
use crate::ids::Offset;
use crate::image::MetadataImage;

/// What became of a request.
pub(super) type Answer = Result<GroupResponse, GroupError>;

/// What is written and not committed.
struct Pending {
    records: Vec<GroupRecord>,
    then: Then,
    /// The timeline before it, to which it goes back if this cannot be written.
    before: GroupState,
}

/// The coordinator, and who stands around it.
pub(super) struct Driven {
    pub coordinator: GroupCoordinator,
    pub now: Time,
    pub wall_ms: i64,
    pub image: MetadataImage,
    /// Whether writes are committed at once.
    pub commits: bool,
    /// Requests that were answered and not looked at.
    pub answers: BTreeMap<Token, Answer>,
    /// Requests that are never answered.
    pub forgotten: Vec<Token>,
    /// What is committed.
    pub log: Vec<GroupRecord>,
    /// The timeline as it is committed.
    pub committed: GroupState,
    random: Stream,
    pending: VecDeque<Pending>,
    next_token: Token,
}

impl Driven {
    pub(super) fn new(settings: GroupSettings) -> Self {
        Self::with_seed(settings, 7)
    }

    pub(super) fn with_seed(settings: GroupSettings, seed: u64) -> Self {
        let coordinator = GroupCoordinator::new(Arc::new(settings));
        Self {
            committed: coordinator.state().clone(),
            coordinator,
            now: Time::ZERO + Span::from_secs(1),
            wall_ms: 1_000_000,
            image: MetadataImage::default(),
            commits: true,
            answers: BTreeMap::new(),
            forgotten: Vec::new(),
            log: Vec::new(),
            random: Plan::new(seed).run_stream("group", "fixture"),
            pending: VecDeque::new(),
            next_token: 0,
        }
    }

    /// Lends a step to `event`, and takes in its effects.
    pub(super) fn step<R>(
        &mut self,
        event: impl FnOnce(&mut GroupCoordinator, &mut Step<'_>) -> R,
    ) -> R {
        let mut effects = Vec::new();
        let mut step = Step {
            now: self.now,
            wall_ms: self.wall_ms,
            random: &mut self.random,
            image: &self.image,
            effects: &mut effects,
        };
        let result = event(&mut self.coordinator, &mut step);
        for effect in effects {
            match effect {
                GroupEffect::Reply { token, answer } => self.take_answer(token, answer),
                GroupEffect::Forget { token } => {
                    assert!(!self.answers.contains_key(&token), "an answer is not forgotten");
                    assert!(!self.forgotten.contains(&token), "a request is forgotten once");
                    self.forgotten.push(token);
                }
                GroupEffect::Reached(_) | GroupEffect::Note(_) => {}
            }
        }
        result
    }

    fn take_answer(&mut self, token: Token, answer: Answer) {
        assert!(!self.forgotten.contains(&token), "request {token} was forgotten: {answer:?}");
        let first = self.answers.insert(token, answer);
        assert!(first.is_none(), "request {token} is answered twice, first with {first:?}");
    }

    /// Sends a request.
    pub(super) fn send(&mut self, version: i16, request: GroupRequest) -> Token {
        let token = self.next_token;
        self.next_token += 1;
        let asker =
            Asker { client_id: "client-id".into(), client_host: "/127.0.0.1".into(), version };
        let before = self.coordinator.state().clone();
        let decided = self.step(|machine, step| machine.decide(step, token, &asker, request));
        if let Err(error) = &decided {
            self.take_answer(token, Err(error.clone()));
        }
        self.write(before, decided);
        token
    }

    /// Asks a question.
    pub(super) fn ask(&mut self, version: i16, question: GroupQuestion) -> Answer {
        let asker = Asker { client_id: "admin".into(), client_host: "/127.0.0.1".into(), version };
        let committed = self.committed.clone();
        self.step(|machine, step| machine.read(step, &committed, &asker, question))
    }

    /// What was decided goes to the log; the records, for whom they interest.
    pub(super) fn write(&mut self, before: GroupState, decided: Decided) -> Vec<GroupRecord> {
        let Ok(decision) = decided else { return Vec::new() };
        if decision.replays {
            for record in &decision.records {
                self.coordinator.replay(Offset(0), record);
            }
        }
        let records = decision.records.clone();
        self.pending.push_back(Pending { records: decision.records, then: decision.then, before });
        if self.commits {
            self.commit();
        }
        records
    }

    /// Everything that is written is committed.
    pub(super) fn commit(&mut self) {
        while let Some(pending) = self.pending.pop_front() {
            self.log.extend(pending.records);
            if self.pending.is_empty() {
                self.committed = self.coordinator.state().clone();
            }
            self.step(|machine, step| machine.on_outcome(step, pending.then, Ok(())));
        }
    }

    /// Nothing that is not committed can be written: the timeline goes back, and whoever waits is told.
    pub(super) fn fail(&mut self, code: ErrorCode) {
        if let Some(first) = self.pending.front() {
            let before = first.before.clone();
            self.coordinator.revert(before);
        }
        self.give_up_waiting(code);
    }

    /// Nothing is committed in time: whoever waits is told, and the timeline stays.
    pub(super) fn give_up_waiting(&mut self, code: ErrorCode) {
        while let Some(pending) = self.pending.pop_front() {
            self.step(|machine, step| machine.on_outcome(step, pending.then, Err(code.into())));
        }
    }

    /// The records that are written and not committed.
    pub(super) fn uncommitted(&self) -> Vec<GroupRecord> {
        self.pending.iter().flat_map(|pending| pending.records.clone()).collect()
    }

    /// The requests whose answer waits for a write.
    pub(super) fn held_by_writes(&self) -> Vec<Token> {
        let held = |pending: &Pending| match pending.then {
            Then::Reply(token, _) => Some(token),
            _ => None,
        };
        self.pending.iter().filter_map(held).collect()
    }

    /// So many milliseconds pass; which timers ran out, and what they wrote.
    pub(super) fn pass(&mut self, ms: u64) -> Vec<(TimerKey, Vec<GroupRecord>)> {
        let until = self.now + Span::from_millis(ms);
        let mut fired = Vec::new();
        while let Some(due) = self.coordinator.timers.next_deadline().filter(|due| *due <= until) {
            self.move_to(due.max(self.now));
            let key = self.coordinator.timers.take_due(self.now).expect("one is due");
            let before = self.coordinator.state().clone();
            let decided = self.step(|machine, step| machine.on_timer(step, &key));
            let records = self.write(before, decided);
            fired.push((key, records));
        }
        self.move_to(until);
        fired
    }

    fn move_to(&mut self, at: Time) {
        let passed = at.since(self.now).as_millis();
        self.wall_ms += i64::try_from(passed).expect("tests are short");
        self.now = at;
    }

    /// Another coordinator that has read the log of this one, and is loaded.
    pub(super) fn reload(&mut self, settings: GroupSettings) {
        self.coordinator = GroupCoordinator::new(Arc::new(settings));
        for (at, record) in self.log.iter().enumerate() {
            let offset = Offset(i64::try_from(at).expect("tests are short"));
            self.coordinator.replay(offset, record);
        }
        self.pending.clear();
        self.committed = self.coordinator.state().clone();
        self.step(|machine, step| machine.on_loaded(step));
    }
}
