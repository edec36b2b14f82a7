//! Commits of offsets: who asked for one, when it is sent, how often it is tried.
//!
//! In Kafka:   `ConsumerCoordinator.commitOffsetsSync`, `commitOffsetsAsync`, `sendOffsetCommitRequest`;
//!             `CommitRequestManager`.
//! Holds:      the commits that have no outcome yet, and when the next is due by the clock (KAFKA-18641: of positions
//!             that polls before the present one have returned).
//! Invariants: CM-1 every commit ends in exactly one `Committed` or `CommitFailed`, unless it has no offsets.
//! Left out:   offsets of the application's own choice, metadata of an offset.

use std::collections::BTreeMap;

use trial_sim::{Span, Time};

use super::classic::{Generation, MemberState};
use super::event::{CommitCause, CommitFailure, Committed, GroupEvent};
use super::group_consumer::{GroupConsumer, Pending};
use crate::client::NamedPartition;
use crate::client::consumer::KafkaConsumer;
use crate::config::{ConsumerSettings, GroupProtocol};
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Uuid};
use crate::net::{ExponentialBackoff, Wires};
use crate::wire::{OffsetCommitRequest, offset_commit_request};

/// The first version of OffsetCommit that names topics by their ids.
const BY_TOPIC_IDS: i16 = 10;

/// What a commit is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CommitId(u64);

/// A commit without an outcome.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub(super) cause: CommitCause,
    pub(super) offsets: BTreeMap<NamedPartition, Committed>,
    /// Until when it is tried again; none: it is tried once.
    pub(super) deadline: Option<Time>,
    pub(super) attempts: u32,
    retry_at: Option<Time>,
    in_flight: bool,
    /// The generation, or the member epoch, that it was last sent with.
    pub(super) sent_with: i32,
}

/// `enable.auto.commit`.
#[derive(Debug, Clone)]
struct Interval {
    every: Span,
    /// None before the first poll.
    next: Option<Time>,
}

/// All commits of a member.
#[derive(Debug, Clone)]
pub(super) struct Commits {
    interval: Option<Interval>,
    live: BTreeMap<CommitId, Commit>,
    last_id: u64,
}

impl Commits {
    pub(super) fn new(settings: &ConsumerSettings) -> Self {
        let every = settings.auto_commit_interval;
        let interval = settings.auto_commits().then_some(Interval { every, next: None });
        Self { interval, live: BTreeMap::new(), last_id: 0 }
    }

    /// Whether polls and rebalances commit.
    pub(super) const fn is_automatic(&self) -> bool {
        self.interval.is_some()
    }

    /// The next commit by the clock is an interval away.
    pub(super) fn restart_interval(&mut self, now: Time) {
        if let Some(interval) = &mut self.interval {
            interval.next = Some(now + interval.every);
        }
    }

    pub(super) fn is_live(&self, id: CommitId) -> bool {
        self.live.contains_key(&id)
    }

    /// Whether somebody has asked for such a commit, and it has no outcome.
    pub(super) fn has_live(&self, cause: CommitCause) -> bool {
        self.live.values().any(|commit| commit.cause == cause)
    }

    /// Whether the application waits for an outcome.
    pub(super) fn is_awaited(&self) -> bool {
        let is_sync = |cause| matches!(cause, CommitCause::Sync | CommitCause::Revocation);
        self.live.values().any(|commit| is_sync(commit.cause))
    }

    pub(super) fn get_mut(&mut self, id: CommitId) -> Option<&mut Commit> {
        self.live.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: CommitId) -> Option<Commit> {
        self.live.remove(&id)
    }
}

impl GroupConsumer {
    /// Commits what was returned, and does not wait (`commitAsync`).
    pub fn commit_async(&mut self, wires: &mut dyn Wires) {
        let offsets = self.fetch.all_consumed();
        self.begin_commit(CommitCause::Async, offsets, None);
        self.run_commits(wires);
    }

    /// Commits what was returned; the application waits while [`Self::is_committing`] (`commitSync`).
    pub fn commit_sync(&mut self, wires: &mut dyn Wires) {
        let offsets = self.fetch.all_consumed();
        self.commit_sync_as(CommitCause::Sync, offsets, wires);
        self.run_commits(wires);
    }

    /// Whether a `commit_sync` has no outcome yet.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        self.commits.has_live(CommitCause::Sync)
    }

    pub(super) fn commit_sync_as(
        &mut self,
        cause: CommitCause,
        offsets: BTreeMap<NamedPartition, Committed>,
        wires: &dyn Wires,
    ) -> Option<CommitId> {
        let deadline = wires.now() + self.fetch.config.consumer.default_api_timeout;
        self.begin_commit(cause, offsets, Some(deadline))
    }

    /// Nothing to commit needs no commit.
    pub(super) fn begin_commit(
        &mut self,
        cause: CommitCause,
        offsets: BTreeMap<NamedPartition, Committed>,
        deadline: Option<Time>,
    ) -> Option<CommitId> {
        if offsets.is_empty() {
            return None;
        }
        if cause.is_of_application() {
            for (at, (_, epoch)) in &offsets {
                epoch.iter().for_each(|it| self.fetch.cluster.metadata.on_epoch_seen(at, *it));
            }
        }
        self.commits.last_id += 1;
        let id = CommitId(self.commits.last_id);
        let commit = Commit {
            cause,
            offsets,
            deadline,
            attempts: 0,
            retry_at: None,
            in_flight: false,
            sent_with: -1,
        };
        self.commits.live.insert(id, commit);
        Some(id)
    }

    /// In a poll, before anything is returned: commits what polls before have returned, if that is due.
    pub(super) fn commit_by_interval(&mut self, wires: &mut dyn Wires) {
        let now = wires.now();
        let awaits_one = self.protocol == GroupProtocol::Consumer
            && self.commits.has_live(CommitCause::Interval);
        let Some(interval) = &mut self.commits.interval else {
            return;
        };
        let due = *interval.next.get_or_insert(now + interval.every);
        if now < due || awaits_one {
            self.check_at((!awaits_one).then_some(due));
            return;
        }
        let next = now + interval.every;
        interval.next = Some(next);
        self.check_at(Some(next));
        let offsets = self.fetch.all_consumed();
        self.begin_commit(CommitCause::Interval, offsets, None);
        self.run_commits(wires);
    }

    /// Sends the commits that can be sent, and gives up those that have taken too long.
    pub(super) fn run_commits(&mut self, wires: &mut dyn Wires) {
        let now = wires.now();
        let ids: Vec<CommitId> = self.commits.live.keys().copied().collect();
        for id in ids {
            let Some(commit) = self.commits.live.get(&id) else {
                continue;
            };
            if commit.deadline.is_some_and(|deadline| deadline <= now) {
                self.on_commit_failed(id, CommitFailure::TimedOut, wires);
                continue;
            }
            let (deadline, retry_at, in_flight) =
                (commit.deadline, commit.retry_at, commit.in_flight);
            self.check_at(deadline);
            if in_flight {
                continue;
            }
            if retry_at.is_some_and(|at| now < at) {
                self.check_at(retry_at);
            } else if self.coordinator(wires).is_none() {
                self.find_coordinator(wires);
            } else {
                self.send_commit(id, wires);
            }
        }
    }

    /// A coordinator could not be found: who does not wait for one fails.
    pub(super) fn fail_unsendable_commits(&mut self, error: ErrorCode) {
        if self.protocol != GroupProtocol::Classic {
            return;
        }
        let waits_once = |commit: &Commit| commit.deadline.is_none() && !commit.in_flight;
        let live = self.commits.live.iter();
        let ids = live.filter(|(_, commit)| waits_once(commit)).map(|(id, _)| *id);
        for id in ids.collect::<Vec<_>>() {
            self.end_commit(id, Err(CommitFailure::Refused(error)));
        }
    }

    fn send_commit(&mut self, id: CommitId, wires: &mut dyn Wires) {
        let generation = match self.protocol {
            // Who has no epoch commits as somebody in no group, and is refused by the coordinator.
            GroupProtocol::Consumer => {
                let epoch = Some(self.member.epoch).filter(|epoch| *epoch > 0).unwrap_or(-1);
                Generation::of_member(&self.member.id, epoch)
            }
            GroupProtocol::Classic => match self.classic.state {
                MemberState::Stable => self.classic.generation.clone(),
                MemberState::Unjoined => {
                    return self.on_commit_failed(id, CommitFailure::CommitFailed, wires);
                }
                MemberState::PreparingRebalance | MemberState::CompletingRebalance => {
                    let refused = CommitFailure::Refused(ErrorCode::RebalanceInProgress);
                    return self.on_commit_failed(id, refused, wires);
                }
            },
        };
        let commit = self.commits.live.get_mut(&id).expect("it has no outcome");
        (commit.in_flight, commit.sent_with) = (true, generation.id);
        let (offsets, topic_ids) = (commit.offsets.clone(), self.known_topic_ids(id));
        let (group_id, instance) = (self.group_id.clone(), self.instance_id());
        let (epoch, member_id) = (generation.id, generation.member.to_string());
        // The classic consumer names topics; so does the newer one as long as it lacks an id.
        let newest = if topic_ids.is_some() { BY_TOPIC_IDS } else { BY_TOPIC_IDS - 1 };
        let request = |version| OffsetCommitRequest {
            group_id,
            generation_id_or_member_epoch: epoch,
            member_id,
            group_instance_id: instance,
            topics: topics_of(&offsets, topic_ids.as_ref().filter(|_| version >= BY_TOPIC_IDS)),
            ..OffsetCommitRequest::default()
        };
        let pending = Pending::Commit { id, generation };
        if !self.ask_coordinator(9..=newest, request, pending, wires) {
            let refused = CommitFailure::Refused(ErrorCode::UnsupportedVersion);
            self.on_commit_failed(id, refused, wires);
        }
    }

    /// The ids of a commit's topics, if they are to be used and all are known.
    fn known_topic_ids(&self, id: CommitId) -> Option<BTreeMap<String, Uuid>> {
        let commit = self.commits.live.get(&id)?;
        let uses_ids = self.protocol == GroupProtocol::Consumer;
        let topic_id = |at: &NamedPartition| {
            Some((at.topic.to_string(), self.fetch.cluster.metadata.topic_id(&at.topic)?))
        };
        commit.offsets.keys().map(topic_id).collect::<Option<_>>().filter(|_| uses_ids)
    }

    /// It is to be sent once more, after a back-off.
    pub(super) fn retry_commit(&mut self, id: CommitId, wires: &mut dyn Wires) {
        let client = &self.fetch.config.client;
        let backoff = ExponentialBackoff::new(client.retry_backoff, client.retry_backoff_max);
        let commit = self.commits.live.get_mut(&id).expect("it has no outcome");
        let wait = backoff.wait(commit.attempts, KafkaConsumer::STREAM, wires);
        commit.attempts = commit.attempts.saturating_add(1);
        commit.in_flight = false;
        commit.retry_at = Some(wires.now() + wait);
        let retry_at = commit.retry_at;
        self.check_at(retry_at);
    }

    /// CM-1.
    pub(super) fn end_commit(&mut self, id: CommitId, result: Result<(), CommitFailure>) {
        let Some(Commit { cause, offsets, sent_with, .. }) = self.commits.remove(id) else {
            return;
        };
        if self.protocol == GroupProtocol::Classic
            && result == Err(CommitFailure::Refused(ErrorCode::FencedInstanceId))
            && matches!(cause, CommitCause::Async | CommitCause::Interval | CommitCause::Rebalance)
        {
            self.classic.is_commit_fenced = true;
        }
        if cause == CommitCause::Rebalance {
            self.classic.on_prepare_commit(id, result);
        }
        self.tell(match result {
            Ok(()) => GroupEvent::Committed { cause, generation: sent_with, offsets },
            Err(failure) => GroupEvent::CommitFailed { cause, offsets, failure },
        });
    }

    /// The next commit by the clock comes soon: the last one failed, and may succeed.
    pub(super) fn hasten_interval(&mut self, now: Time) {
        let soon = now + self.fetch.config.client.retry_backoff;
        if let Some(interval) = &mut self.commits.interval {
            interval.next = Some(soon);
        }
    }

    /// `group.instance.id`.
    pub(super) fn instance_id(&self) -> Option<String> {
        self.fetch.config.consumer.group_instance_id.clone()
    }
}

fn topics_of(
    offsets: &BTreeMap<NamedPartition, Committed>,
    ids: Option<&BTreeMap<String, Uuid>>,
) -> Vec<offset_commit_request::Topic> {
    let mut topics: BTreeMap<&str, Vec<offset_commit_request::Partition>> = BTreeMap::new();
    for (at, (offset, epoch)) in offsets {
        topics.entry(&*at.topic).or_default().push(offset_commit_request::Partition {
            partition_index: at.partition,
            committed_offset: offset.0,
            committed_leader_epoch: epoch.unwrap_or(LeaderEpoch::NONE).0,
            committed_metadata: Some(String::new()),
        });
    }
    let topic = |(name, partitions): (&str, _)| match ids {
        Some(ids) => offset_commit_request::Topic {
            topic_id: ids[name],
            partitions,
            ..offset_commit_request::Topic::default()
        },
        None => offset_commit_request::Topic {
            name: name.to_owned(),
            partitions,
            ..offset_commit_request::Topic::default()
        },
    };
    topics.into_iter().map(topic).collect()
}
