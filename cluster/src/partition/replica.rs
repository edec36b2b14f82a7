//! What a leader knows of one follower, from that follower's fetches.
//!
//! In Kafka: `org.apache.kafka.server.replica.{Replica, ReplicaState}` (KIP-392, KIP-903).
//! Holds:    the follower's end, and when it had last caught up, measured with the leader's end at its
//!           *previous* fetch: under steady load a follower is always a little behind the present one.

use trial_log::Offset;

use super::effect::{Brokers, WallTime};
use super::leader::FollowerFetch;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId};
use crate::rules::Rules;

/// An offset that is not known yet; lower than every real one.
pub const UNKNOWN_OFFSET: Offset = Offset(-1);

/// A follower as its leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    id: BrokerId,
    log_start_offset: Offset,
    log_end_offset: Offset,
    /// The leader's log end when it read for this follower's last fetch.
    last_fetch_leader_end: Offset,
    last_fetch: WallTime,
    last_caught_up: WallTime,
    /// From its last fetch; none before the first.
    broker_epoch: Option<BrokerEpoch>,
}

impl Replica {
    /// A follower that was not heard of yet.
    #[must_use]
    pub(super) fn new(id: BrokerId) -> Self {
        Self {
            id,
            log_start_offset: UNKNOWN_OFFSET,
            log_end_offset: UNKNOWN_OFFSET,
            last_fetch_leader_end: Offset::ZERO,
            last_fetch: WallTime::NEVER,
            last_caught_up: WallTime::NEVER,
            broker_epoch: None,
        }
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> BrokerId {
        self.id
    }

    /// Where its log ends: the offset of its last fetch, or `UNKNOWN_OFFSET`.
    #[must_use]
    pub fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// Where its log starts, or `UNKNOWN_OFFSET`.
    #[must_use]
    pub fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// When it had last caught up.
    #[must_use]
    pub fn last_caught_up(&self) -> WallTime {
        self.last_caught_up
    }

    /// The broker epoch of its last fetch.
    #[must_use]
    pub fn broker_epoch(&self) -> Option<BrokerEpoch> {
        self.broker_epoch
    }

    /// Learns from a fetch of this follower that was answered without divergence. A fetch of an older
    /// incarnation than the registered one is refused.
    pub(super) fn on_fetch(
        &mut self,
        now: WallTime,
        fetch: &FollowerFetch,
        brokers: &dyn Brokers,
    ) -> Result<(), ErrorCode> {
        if fetch.broker_epoch != BrokerEpoch::NONE {
            let registered = brokers.registration(self.id).filter(|found| !found.fenced);
            if registered.is_some_and(|found| found.epoch > fetch.broker_epoch) {
                return Err(ErrorCode::NotLeaderOrFollower);
            }
        }
        if fetch.fetch_offset >= fetch.leader_end_at_read {
            self.last_caught_up = self.last_caught_up.max(now);
        } else if fetch.fetch_offset >= self.last_fetch_leader_end {
            self.last_caught_up = self.last_caught_up.max(self.last_fetch);
        }
        self.log_start_offset = fetch.log_start_offset;
        self.log_end_offset = fetch.fetch_offset;
        self.last_fetch_leader_end = self.last_fetch_leader_end.max(fetch.leader_end_at_read);
        self.last_fetch = now;
        self.broker_epoch = Some(fetch.broker_epoch);
        Ok(())
    }

    /// A leader epoch begins. Only a leader that was none before forgets where its followers stood; one out of
    /// the in-sync set counts as not caught up, so that it does not hold the high watermark back.
    pub(super) fn reset(
        &mut self,
        now: WallTime,
        leader_end: Offset,
        is_new_leader: bool,
        in_isr: bool,
    ) {
        let heard = if in_isr { now } else { WallTime::NEVER };
        if is_new_leader {
            *self = Self { last_fetch_leader_end: UNKNOWN_OFFSET, ..Self::new(self.id) };
        } else {
            self.last_fetch_leader_end = leader_end;
            self.last_fetch = heard;
        }
        self.last_caught_up = heard;
    }

    /// Whether it has everything, or had everything at most `lag_max_ms` ago.
    #[must_use]
    pub(super) fn is_caught_up(&self, now: WallTime, leader_end: Offset, lag_max_ms: i64) -> bool {
        leader_end == self.log_end_offset || now.0 - self.last_caught_up.0 <= lag_max_ms
    }

    /// Whether the controller would take it into the in-sync set: registered, neither fenced nor shutting down,
    /// and the incarnation that fetched is the registered one (KIP-841, KIP-903).
    #[must_use]
    pub(super) fn is_eligible(&self, brokers: &dyn Brokers, rules: &Rules) -> bool {
        let Some(fetched_as) = self.broker_epoch else { return false };
        brokers.registration(self.id).is_some_and(|registered| {
            let serves = !registered.fenced && !registered.in_controlled_shutdown;
            let is_known = fetched_as == BrokerEpoch::NONE || fetched_as == registered.epoch;
            (serves || !rules.keeps_fenced_out_of_sync())
                && (is_known || !rules.admits_by_broker_epoch())
        })
    }
}
