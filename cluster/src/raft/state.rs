//! The six states of a replica, as data.
//!
//! In Kafka:   `UnattachedState`, `ProspectiveState`, `CandidateState`, `LeaderState`, `FollowerState`,
//!             `ResignedState`.
//! Holds:      what a replica knows in each; epoch and high watermark are beside them, in `quorum`.

use std::collections::BTreeSet;

use super::accumulator::BatchAccumulator;
use super::check_quorum::CheckQuorum;
use super::election::EpochElection;
use super::high_watermark::HighWatermark;
use super::progress::Progress;
use super::timer::Timer;
use super::vote::Voter;
use super::voters::{Endpoint, ReplicaKey, VoterSet};
use crate::ids::BrokerId;
use crate::note::raft::RaftRole;

/// What a replica is.
#[derive(Debug, Clone)]
pub enum State {
    /// It waits for a leader to show, or until it should stand itself.
    Unattached(Unattached),
    /// It asks whether it could win (KIP-996).
    Prospective(Prospective),
    /// It asks for votes.
    Candidate(Candidate),
    /// It leads.
    Leader(Box<Leader>),
    /// It fetches.
    Follower(Follower),
    /// It has led this epoch, and may neither vote nor follow in it.
    Resigned(Resigned),
}

/// See [`State::Unattached`].
#[derive(Debug, Clone)]
pub struct Unattached {
    /// The leader of the epoch, whose endpoint is unknown.
    pub leader: Option<BrokerId>,
    /// To whom the vote of the epoch went.
    pub voted: Option<ReplicaKey>,
    /// When a voter stands for election; an observer never does.
    pub election_timer: Timer,
}

/// See [`State::Prospective`].
#[derive(Debug, Clone)]
pub struct Prospective {
    /// The leader that it has lost sight of.
    pub leader: Option<BrokerId>,
    /// Where that one listens.
    pub leader_endpoint: Option<Endpoint>,
    /// To whom the vote of the epoch went.
    pub voted: Option<ReplicaKey>,
    /// Which attempt in a row this is, from 1; only Kafka up to 4.0 minds (KAFKA-18345).
    pub attempt: u32,
    /// The answers.
    pub election: EpochElection,
    /// When it gives up.
    pub election_timer: Timer,
}

/// See [`State::Candidate`].
#[derive(Debug, Clone)]
pub struct Candidate {
    /// See [`Prospective::attempt`].
    pub attempt: u32,
    /// The votes.
    pub election: EpochElection,
    /// When it gives up.
    pub election_timer: Timer,
}

/// See [`State::Leader`].
#[derive(Debug, Clone)]
pub struct Leader {
    /// Who votes.
    pub voters: VoterSet,
    /// What is committed.
    pub high_watermark: HighWatermark,
    /// What is to be written.
    pub accumulator: BatchAccumulator,
    /// Whether a majority still fetches.
    pub check_quorum: CheckQuorum,
    /// How far everybody has come; a voter that has not fetched is told again who leads.
    pub progress: Progress,
    /// When they are told.
    pub begin_timer: Timer,
    /// Whether the owner wants to lead no more.
    pub is_resign_requested: bool,
}

/// See [`State::Follower`].
#[derive(Debug, Clone)]
pub struct Follower {
    /// Whom it follows.
    pub leader: BrokerId,
    /// Where that one listens.
    pub leader_endpoint: Endpoint,
    /// To whom the vote of the epoch went.
    pub voted: Option<ReplicaKey>,
    /// When it gives its leader up.
    pub fetch_timer: Timer,
    /// Whether it has fetched from this leader.
    pub has_fetched: bool,
}

/// See [`State::Resigned`].
#[derive(Debug, Clone)]
pub struct Resigned {
    /// Who does not know yet.
    pub unacknowledged: BTreeSet<BrokerId>,
    /// Who should lead next.
    pub preferred_successors: Vec<ReplicaKey>,
    /// When it becomes a voter like any other, in the next epoch.
    pub election_timer: Timer,
}

impl State {
    /// Its name.
    #[must_use]
    pub fn role(&self) -> RaftRole {
        match self {
            Self::Unattached(_) => RaftRole::Unattached,
            Self::Prospective(_) => RaftRole::Prospective,
            Self::Candidate(_) => RaftRole::Candidate,
            Self::Leader(_) => RaftRole::Leader,
            Self::Follower(_) => RaftRole::Follower,
            Self::Resigned(_) => RaftRole::Resigned,
        }
    }

    /// The leader of the epoch, as `local` knows it.
    #[must_use]
    pub fn leader(&self, local: BrokerId) -> Option<BrokerId> {
        match self {
            Self::Unattached(state) => state.leader,
            Self::Prospective(state) => state.leader,
            Self::Candidate(_) => None,
            Self::Follower(state) => Some(state.leader),
            Self::Leader(_) | Self::Resigned(_) => Some(local),
        }
    }

    /// To whom the vote of the epoch went, as far as it is kept.
    #[must_use]
    pub fn voted(&self, local: ReplicaKey) -> Option<ReplicaKey> {
        match self {
            Self::Unattached(state) => state.voted,
            Self::Prospective(state) => state.voted,
            Self::Candidate(_) => Some(local),
            Self::Follower(state) => state.voted,
            Self::Leader(_) | Self::Resigned(_) => None,
        }
    }

    /// What of it the vote rule looks at.
    #[must_use]
    pub fn as_voter(&self) -> Voter {
        match self {
            Self::Unattached(state) => Voter::Free { leader: state.leader, voted: state.voted },
            Self::Prospective(state) => Voter::Free { leader: state.leader, voted: state.voted },
            Self::Candidate(_) | Self::Resigned(_) => Voter::Taken,
            Self::Follower(state) => Voter::Follower { has_fetched: state.has_fetched },
            Self::Leader(_) => Voter::Leader,
        }
    }
}
