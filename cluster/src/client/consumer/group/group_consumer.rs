//! The consumer of a group as a program sees it, and who runs when.
//!
//! In Kafka:   `KafkaConsumer.subscribe`, `poll`, `commitSync`, `commitAsync`, `close`.
//! Holds:      an assigning consumer, which fetches; the member's state in its protocol; the requests under way.
//! Inputs:     polls, network inputs, the timer. Effects: requests, and `GroupEvent`s.
//! Invariants: GC-1 a poll returns records of partitions that the member owns, and that it knows no reason to give up.
//!             GC-2 what is committed was returned by a poll before the present one.
//!             GC-3 a classic member handles answers while one of its threads looks at the network: the application's,
//!             while it waits for something, or the heartbeat thread, once the member has joined.
//! Left out:   interceptors, `wakeup`, transactions; that the heartbeat thread looks only every `retry.backoff.ms`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use trial_sim::{Input, Span, Time};

use super::classic::{ClassicMember, Generation};
use super::close::Closing;
use super::commits::{CommitId, Commits};
use super::committed::CommittedOffsets;
use super::coordinator::Coordinator;
use super::event::GroupEvent;
use super::membership::Member;
use super::topics::{SubscribedTopics, Subscription};
use super::turn::Turn;
use crate::client::consumer::{KafkaConsumer, Polled};
use crate::client::{Metadata, NamedPartition};
use crate::config::{ConsumerConfig, GroupProtocol};
use crate::error_code::ErrorCode;
use crate::ids::Offset;
use crate::net::{Completed, Wires};
use crate::rules::Rules;

/// How long a poll blocks, if nothing comes: what most applications say.
const POLL_TIMEOUT: Span = Span::from_millis(100);
/// `AbstractCoordinator.JOIN_GROUP_TIMEOUT_LAPSE`.
const JOIN_GROUP_TIMEOUT_LAPSE_MS: u64 = 5_000;

/// A request about the group that is under way.
#[derive(Debug, Clone)]
pub(super) enum Pending {
    FindCoordinator,
    Join {
        generation: Generation,
    },
    Sync {
        generation: Generation,
    },
    Heartbeat {
        generation: Generation,
    },
    Leave,
    /// ConsumerGroupHeartbeat; `is_last`: nobody cares for the answer.
    MemberHeartbeat {
        is_last: bool,
    },
    Commit {
        id: CommitId,
        generation: Generation,
    },
    Committed {
        partitions: BTreeSet<NamedPartition>,
        generation: Option<i32>,
    },
}

impl Pending {
    /// How long it may take, if not as long as others.
    pub(super) fn timeout(&self, config: &ConsumerConfig) -> Option<Span> {
        let Self::Join { .. } = self else {
            return None;
        };
        let rebalance = u64::try_from(config.consumer.max_poll_interval_ms).unwrap_or_default();
        let least = Span::from_millis(rebalance + JOIN_GROUP_TIMEOUT_LAPSE_MS);
        Some(config.client.request_timeout.max(least))
    }
}

/// A member of a group.
#[derive(Debug, Clone)]
pub struct GroupConsumer {
    pub(super) fetch: KafkaConsumer,
    pub(super) protocol: GroupProtocol,
    pub(super) group_id: String,
    pub(super) topics: SubscribedTopics,
    pub(super) coordinator: Coordinator,
    pub(super) classic: ClassicMember,
    pub(super) member: Member,
    pub(super) commits: Commits,
    pub(super) committed: CommittedOffsets,
    pub(super) turn: Turn,
    pub(super) callback_cost: Span,
    pub(super) commits_when_revoked: bool,
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) closing: Option<Closing>,
    pub(super) rules: Rules,
    events: VecDeque<GroupEvent>,
    next_check: Option<Time>,
}

impl GroupConsumer {
    /// A member-to-be that knows only where to ask first. It joins in its first poll.
    ///
    /// # Panics
    /// The settings name no group, or do not fit together (`ConsumerConfig::check`).
    #[must_use]
    pub fn new(
        config: ConsumerConfig,
        subscription: Subscription,
        client_id: &str,
        bootstrap: &[(String, u16)],
    ) -> Self {
        assert_eq!(config.check(), Ok(()), "a member's settings fit together");
        let own = &config.consumer;
        let group_id = own.group_id.clone().expect("a member has a group");
        let topics = SubscribedTopics::new(subscription, own.exclude_internal_topics);
        let (classic, commits) = (ClassicMember::new(own), Commits::new(own));
        let protocol = own.group_protocol;
        let mut fetch = KafkaConsumer::new(config, client_id, bootstrap);
        topics.tell_metadata(&mut fetch.cluster.metadata);
        Self {
            fetch,
            protocol,
            group_id,
            topics,
            coordinator: Coordinator::default(),
            classic,
            member: Member::default(),
            commits,
            committed: CommittedOffsets::default(),
            turn: Turn::Away,
            callback_cost: Span::ZERO,
            commits_when_revoked: false,
            pending: BTreeMap::new(),
            closing: None,
            rules: Rules::default(),
            events: VecDeque::new(),
            next_check: None,
        }
    }

    /// With other guards than all of Kafka's.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        let mut it = Self { rules, ..self };
        it.classic.prepares_again = it.rules.joins_are_prepared_again();
        it
    }

    /// How long the application's rebalance callbacks take, and whether `onPartitionsRevoked` commits what was
    /// processed.
    #[must_use]
    pub const fn with_callbacks(mut self, cost: Span, commits_when_revoked: bool) -> Self {
        self.callback_cost = cost;
        self.commits_when_revoked = commits_when_revoked;
        self
    }

    /// What it knows of the cluster.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        self.fetch.metadata()
    }

    /// The partitions that it has.
    pub fn assignment(&self) -> impl Iterator<Item = &NamedPartition> {
        self.fetch.assignment()
    }

    /// Where a partition is read next; none while that is not known.
    #[must_use]
    pub fn position(&self, partition: &NamedPartition) -> Option<Offset> {
        self.fetch.position(partition)
    }

    /// Goes to an offset; the next poll returns from there. False if the partition is not assigned.
    pub fn seek(&mut self, partition: &NamedPartition, offset: Offset) -> bool {
        self.fetch.seek(partition, offset)
    }

    /// Returns nothing of a partition until it is resumed. False if the partition is not assigned.
    pub fn pause(&mut self, partition: &NamedPartition) -> bool {
        self.fetch.pause(partition)
    }

    /// Ends a pause: what has come meanwhile is returned first. False if the partition is not assigned.
    pub fn resume(&mut self, partition: &NamedPartition) -> bool {
        self.fetch.resume(partition)
    }

    /// The application is in a poll: from when it is first called until something is returned, or an error. Nothing
    /// means that the poll goes on: it is to be called again after the next input or timer.
    pub fn poll(&mut self, wires: &mut dyn Wires) -> Vec<Polled> {
        if matches!(self.turn, Turn::Away) && self.closing.is_none() {
            self.turn = Turn::Polling { since: wires.now() };
        }
        self.run(wires);
        let Turn::Polling { since } = self.turn else {
            return Vec::new();
        };
        if self.waits_for_coordinator(wires) {
            // The poll does nothing else until it times out; then it returns what it has.
            let timeout = since + POLL_TIMEOUT;
            if wires.now() < timeout {
                let has_any = !self.fetch.buffer.is_empty();
                self.check_at(has_any.then_some(timeout));
                return Vec::new();
            }
            self.turn = Turn::Polling { since: wires.now() };
        }
        let polled = self.fetch.collect(wires.now());
        self.assert_owned(&polled);
        if !polled.is_empty() && self.commits_too_early() {
            self.commit_by_interval(wires);
        }
        // Partitions whose records were returned, or dropped, may be fetched again.
        self.fetch.send_fetches(wires);
        if !polled.is_empty() {
            self.turn = Turn::Away;
        }
        polled
    }

    /// Whether commits by the clock are of positions that the present poll has moved already (the switch
    /// `autocommit_past_delivered`): a background thread commits on its own in the consumer protocol.
    pub(super) fn commits_too_early(&self) -> bool {
        self.protocol == GroupProtocol::Consumer && !self.rules.commits_what_was_processed()
    }

    /// GC-1.
    fn assert_owned(&self, polled: &[Polled]) {
        for part in polled {
            let state = self.fetch.assigned.get(&part.partition);
            assert!(
                state.is_some_and(|it| !it.is_paused && !it.is_pending_revocation),
                "GC-1: {:?} was polled, and is {state:?}",
                part.partition
            );
        }
    }

    /// Handles a network input; false if it is not about this consumer's connections.
    pub fn on_input(&mut self, input: &Input, wires: &mut dyn Wires) -> bool {
        let ours = self.fetch.cluster.on_input(input, wires);
        self.run(wires);
        ours
    }

    /// To be called at [`Self::next_deadline`]; earlier does no harm.
    pub fn on_timer(&mut self, wires: &mut dyn Wires) {
        self.run(wires);
    }

    /// When something is due.
    #[must_use]
    pub fn next_deadline(&mut self, now: Time) -> Option<Time> {
        let own = [self.next_check, self.fetch.next_check].into_iter().flatten();
        self.fetch.cluster.next_deadline(now).into_iter().chain(own).min()
    }

    /// The next event, oldest first.
    pub fn next_event(&mut self) -> Option<GroupEvent> {
        self.gather();
        self.events.pop_front()
    }

    /// Reports something, behind all that the fetching half has reported.
    pub(super) fn tell(&mut self, event: GroupEvent) {
        self.gather();
        self.events.push_back(event);
    }

    fn gather(&mut self) {
        while let Some(event) = self.fetch.next_event() {
            self.events.push_back(GroupEvent::Position(event));
        }
    }

    /// The poll throws: the application is told, and is not in a poll any more.
    pub(super) fn fail(&mut self, error: ErrorCode) {
        self.tell(GroupEvent::PollFailed { error });
        if self.is_polling() {
            self.turn = Turn::Away;
        }
    }

    /// Remembers to look again at `at`.
    pub(super) fn check_at(&mut self, at: Option<Time>) {
        self.next_check = self.next_check.into_iter().chain(at).min();
    }

    /// Does all that can be done now.
    fn run(&mut self, wires: &mut dyn Wires) {
        (self.next_check, self.fetch.next_check) = (None, None);
        self.fetch.cluster.poll(wires);
        self.take_completed(wires);
        self.fetch.on_metadata();
        self.run_background(wires);
        self.go_on_with_callback(wires);
        if self.is_polling() && self.closing.is_none() {
            self.run_poll(wires);
        }
        self.run_commits(wires);
        self.go_on_with_closing(wires);
        self.fetch.cluster.poll(wires);
        if self.fetch.cluster.has_completed() && self.looks_at_network() {
            self.check_at(Some(wires.now()));
        }
    }

    /// GC-3.
    fn looks_at_network(&self) -> bool {
        let waits = self.is_polling() || self.commits.is_awaited() || self.closing.is_some();
        self.protocol == GroupProtocol::Consumer || waits || self.classic.is_heartbeat_thread_on()
    }

    fn take_completed(&mut self, wires: &mut dyn Wires) {
        while self.looks_at_network()
            && let Some(completed) = self.fetch.cluster.next_completed()
        {
            match self.pending.remove(&completed.token) {
                None => self.fetch.on_completed(&completed, wires),
                Some(pending) => self.on_completed(pending, &completed, wires),
            }
        }
    }

    fn on_completed(&mut self, pending: Pending, completed: &Completed, wires: &mut dyn Wires) {
        match pending {
            Pending::FindCoordinator => self.on_find_coordinator(completed, wires),
            Pending::Join { generation } => self.on_join_answered(&generation, completed, wires),
            Pending::Sync { generation } => self.on_sync_answered(&generation, completed, wires),
            Pending::Heartbeat { generation } => {
                self.on_heartbeat_answered(&generation, completed, wires);
            }
            Pending::Leave => self.on_leave_answered(completed, wires),
            Pending::MemberHeartbeat { is_last } => {
                self.on_member_heartbeat_answered(is_last, completed, wires);
            }
            Pending::Commit { id, generation } => {
                self.on_commit_answered(id, &generation, completed, wires);
            }
            Pending::Committed { partitions, generation } => {
                self.on_committed_answered(&partitions, generation, completed, wires);
            }
        }
    }

    /// What runs whatever the application does: the heartbeat thread, or the network thread.
    fn run_background(&mut self, wires: &mut dyn Wires) {
        match self.protocol {
            GroupProtocol::Classic => self.run_heartbeat_thread(wires),
            GroupProtocol::Consumer => self.run_network_thread(wires),
        }
    }

    /// One round of a poll (TU-1).
    fn run_poll(&mut self, wires: &mut dyn Wires) {
        let goes_on = match self.protocol {
            GroupProtocol::Classic => self.poll_coordinator(wires),
            GroupProtocol::Consumer => self.poll_membership(wires),
        };
        if !self.is_polling() {
            return;
        }
        if goes_on {
            self.update_positions(wires);
        }
        if self.is_polling() {
            self.fetch.send_fetches(wires);
        }
    }

    /// The classic poll blocks until there is a coordinator.
    fn waits_for_coordinator(&mut self, wires: &mut dyn Wires) -> bool {
        self.protocol == GroupProtocol::Classic && self.coordinator(wires).is_none()
    }
}
