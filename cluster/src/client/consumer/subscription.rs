//! What a consumer knows of one assigned partition: its position, and whether it may be fetched.
//!
//! In Kafka:   `SubscriptionState.TopicPartitionState`, `FetchStates`, KIP-320.
//! Holds:      state, position, the wait after a failure, the replica to read from if it is not the leader (KIP-392).
//! Invariants: SU-1 a partition that is fetched or validated has a position, any other has none.
//!             SU-2 a lease begins when another replica is named than before, and is not renewed.
//!             SU-3 what is paused, about to be revoked, or not handed over yet is neither fetched nor returned.

use trial_sim::Time;

use crate::client::LeaderAndEpoch;
use crate::ids::{BrokerId, LeaderEpoch, Offset};

/// Where a consumer reads next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The next offset.
    pub(super) offset: Offset,
    /// The epoch of the record before it: what the leader is asked about. None after a reset.
    pub(super) offset_epoch: Option<LeaderEpoch>,
    /// The leader that it is read from, and its epoch.
    pub(super) leader: LeaderAndEpoch,
}

/// Why a position is set anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResetCause {
    /// There was none yet.
    Beginning,
    /// The leader has no record there.
    OutOfRange,
    /// The leader's log was cut below it, and nobody knows where (KIP-320).
    Truncated,
}

/// What a partition waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FetchState {
    /// Its first reset.
    Initializing,
    /// Nothing: it is fetched.
    Fetching,
    /// The offset to begin at.
    AwaitReset(ResetCause),
    /// The leader's word that its position is still on the log.
    AwaitValidation,
    /// The application: an error was reported that no policy resolves.
    Stuck,
}

/// One assigned partition.
#[derive(Debug, Clone)]
pub(super) struct PartitionState {
    pub(super) state: FetchState,
    position: Option<Position>,
    pub(super) retry_at: Option<Time>,
    preferred: Option<PreferredReplica>,
    /// The application does not want to read it now.
    pub(super) is_paused: bool,
    /// It is about to be revoked: its position is being committed.
    pub(super) is_pending_revocation: bool,
    /// The application has not been told of it yet (KIP-848).
    pub(super) is_pending_callback: bool,
    /// The application was told that it is revoked.
    pub(super) is_told_revoked: bool,
}

/// The replica that the leader has named.
#[derive(Debug, Clone, Copy)]
struct PreferredReplica {
    replica: BrokerId,
    /// The last moment of its lease, in milliseconds of the wall clock.
    until_ms: i64,
}

impl PartitionState {
    pub(super) const fn new() -> Self {
        Self {
            state: FetchState::Initializing,
            position: None,
            retry_at: None,
            preferred: None,
            is_paused: false,
            is_pending_revocation: false,
            is_pending_callback: false,
            is_told_revoked: false,
        }
    }

    pub(super) const fn position(&self) -> Option<Position> {
        self.position
    }

    /// The position, if it may be fetched from.
    pub(super) fn valid_position(&self) -> Option<Position> {
        self.position.filter(|_| self.state == FetchState::Fetching)
    }

    /// The position, if records may be asked for and returned from there (`isFetchable`).
    pub(super) fn fetchable_position(&self) -> Option<Position> {
        let held = self.is_paused || self.is_pending_revocation || self.is_pending_callback;
        self.valid_position().filter(|_| !held)
    }

    /// Whether its first position is still to be found (`shouldInitialize`).
    pub(super) fn should_initialize(&self) -> bool {
        self.state == FetchState::Initializing && !self.is_pending_revocation
    }

    /// Whether a failure is still waited out.
    pub(super) fn is_backing_off(&self, now: Time) -> bool {
        self.retry_at.is_some_and(|at| now < at)
    }

    /// The replica to read from instead of the leader; one whose lease is over is forgotten.
    pub(super) fn read_replica(&mut self, now_ms: i64) -> Option<BrokerId> {
        self.preferred = self.preferred.filter(|preferred| now_ms <= preferred.until_ms);
        self.preferred.map(|preferred| preferred.replica)
    }

    /// The leader has named a replica.
    pub(super) fn prefer(&mut self, replica: BrokerId, until_ms: i64) {
        if self.preferred.is_none_or(|preferred| preferred.replica != replica) {
            self.preferred = Some(PreferredReplica { replica, until_ms });
        }
    }

    /// From now on the leader is asked. Answers who was to be read from.
    pub(super) fn clear_preferred(&mut self) -> Option<BrokerId> {
        self.preferred.take().map(|preferred| preferred.replica)
    }

    /// Forgets the position; a new one is asked for.
    pub(super) fn reset(&mut self, cause: ResetCause) {
        self.become_state(FetchState::AwaitReset(cause), None);
    }

    /// Waits for the application.
    pub(super) fn stick(&mut self) {
        self.become_state(FetchState::Stuck, None);
    }

    /// Goes to a position; if its epoch is known, the leader is asked about it first.
    pub(super) fn seek_unvalidated(&mut self, position: Position) {
        let checkable = position.offset_epoch.is_some() && position.leader.epoch.is_some();
        let state = if checkable { FetchState::AwaitValidation } else { FetchState::Fetching };
        self.become_state(state, Some(position));
    }

    /// Goes to a position that the leader itself named, or confirmed.
    pub(super) fn seek_validated(&mut self, position: Position) {
        self.become_state(FetchState::Fetching, Some(position));
    }

    /// Moves on after records were returned.
    pub(super) fn advance(&mut self, position: Position) {
        assert_eq!(self.state, FetchState::Fetching, "only what is fetched moves on");
        let before = self.position.replace(position).map(|position| position.offset);
        assert!(before < Some(position.offset), "C3: from {before:?} to {:?}", position.offset);
    }

    /// A leader is known: if it is another than the position's, or leads in another epoch, the position is checked.
    pub(super) fn on_leader(&mut self, leader: LeaderAndEpoch) {
        if let Some(position) = self.position
            && leader.leader.is_some()
            && position.leader != leader
        {
            self.seek_unvalidated(Position { leader, ..position });
            self.preferred = None;
        }
    }

    fn become_state(&mut self, state: FetchState, position: Option<Position>) {
        (self.state, self.position, self.retry_at) = (state, position, None);
        let needs = matches!(state, FetchState::Fetching | FetchState::AwaitValidation);
        assert_eq!(needs, position.is_some(), "SU-1: {state:?} with {position:?}");
    }
}
