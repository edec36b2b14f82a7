//! What a classic member does before it joins: commits what it has processed, gives up what it must.
//!
//! In Kafka:   `ConsumerCoordinator.onJoinPrepare`; KAFKA-13310, KAFKA-13419 (the commit does not block the poll).
//! Invariants: PR-2 eagerly, nothing is owned while a join is under way; cooperatively, only what is still subscribed.
//!             PR-3 nothing that is about to be revoked is polled once the commit before it is under way.

use std::collections::BTreeSet;

use trial_sim::Span;

use super::super::event::CommitCause;
use super::super::group_consumer::GroupConsumer;
use super::super::turn::{Listener, Then};
use super::member::{Prepare, PrepareCommit};
use crate::client::NamedPartition;
use crate::client::consumer::assignor::RebalanceProtocol;
use crate::net::Wires;

impl GroupConsumer {
    /// Goes on with the preparation. It is over when `prepare` is none; the application may be in a callback then.
    pub(super) fn prepare_join(&mut self, wires: &mut dyn Wires) {
        let limit = u64::try_from(self.fetch.config.consumer.max_poll_interval_ms);
        let deadline = wires.now() + Span::from_millis(limit.expect("it is above zero"));
        let begun = Prepare { deadline, commit: PrepareCommit::Due };
        self.classic.prepare.get_or_insert(begun);
        if self.commits.is_automatic() && !self.is_committed(wires) {
            self.classic.needs_join_prepare = true;
            return;
        }
        self.classic.needs_join_prepare = false;
        let owned: BTreeSet<NamedPartition> = self.fetch.assigned.keys().cloned().collect();
        if self.classic.generation.is_lost() {
            let then = Then::Join { keep: BTreeSet::new() };
            if owned.is_empty() {
                self.on_prepared(&owned);
            } else {
                self.call_back(Listener::Lost, owned, then, wires);
            }
            return;
        }
        match self.classic.protocol {
            RebalanceProtocol::Eager => {
                let then = Then::Join { keep: BTreeSet::new() };
                self.call_back(Listener::Revoked, owned, then, wires);
            }
            RebalanceProtocol::Cooperative => {
                let is_wanted = |at: &NamedPartition| self.topics.topics().contains(&at.topic);
                let (keep, revoked): (BTreeSet<_>, BTreeSet<_>) =
                    owned.into_iter().partition(is_wanted);
                if revoked.is_empty() {
                    self.on_prepared(&keep);
                } else {
                    self.call_back(Listener::Revoked, revoked, Then::Join { keep }, wires);
                }
            }
        }
    }

    /// Whether what was processed is committed, or cannot be.
    fn is_committed(&mut self, wires: &mut dyn Wires) -> bool {
        let now = wires.now();
        let prepare = self.classic.prepare.as_ref().expect("it has begun");
        let (deadline, commit) = (prepare.deadline, prepare.commit);
        if commit == PrepareCommit::Due {
            self.commit_before_join(wires);
        }
        let prepare = self.classic.prepare.as_mut().expect("it has begun");
        match prepare.commit {
            _ if now >= deadline => true,
            PrepareCommit::Due | PrepareCommit::Live(_) => {
                self.check_at(Some(deadline));
                false
            }
            PrepareCommit::Done(Err(failure)) if failure.is_retriable() => {
                prepare.commit = PrepareCommit::Due;
                let retry_at = now + self.fetch.config.client.retry_backoff;
                self.classic.retry_at = Some(retry_at);
                self.check_at(Some(retry_at));
                false
            }
            PrepareCommit::Done(_) => true,
        }
    }

    fn commit_before_join(&mut self, wires: &mut dyn Wires) {
        if self.classic.protocol == RebalanceProtocol::Eager {
            self.fetch.assigned.values_mut().for_each(|it| it.is_pending_revocation = true); // PR-3
        }
        let offsets = self.fetch.all_consumed();
        let id = self.begin_commit(CommitCause::Rebalance, offsets, None);
        let commit = id.map_or(PrepareCommit::Done(Ok(())), PrepareCommit::Live);
        if let Some(prepare) = &mut self.classic.prepare {
            prepare.commit = commit;
        }
        self.run_commits(wires);
    }

    /// The application knows what it has lost: the join may begin (PR-2).
    pub(in super::super) fn on_prepared(&mut self, keep: &BTreeSet<NamedPartition>) {
        self.fetch.assign_only(keep);
        self.classic.is_leader = false;
        self.classic.prepare = None;
        self.topics.stop_leading();
        self.topics.tell_metadata(&mut self.fetch.cluster.metadata);
    }
}
