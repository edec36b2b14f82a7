//! How a replica moves between its states, and what of it is made durable.
//!
//! In Kafka:   `QuorumState`.
//! Holds:      the state, the epoch, the high watermark that the replica knows, the voters by offset.
//! Invariants: K6 the epoch never falls, in memory as on disk; K7 a vote outlives every move within its epoch;
//!             K11 an observer is Unattached or Follower: it never stands for election.

use trial_sim::{Span, Time};

use super::accumulator::BatchAccumulator;
use super::check_quorum::CheckQuorum;
use super::control::VoterHistory;
use super::effect::Step;
use super::election::EpochElection;
use super::election_state::ElectionState;
use super::fault::RaftFault;
use super::high_watermark::HighWatermark;
use super::progress::Progress;
use super::settings::RaftSettings;
use super::state::{Candidate, Follower, Leader, Prospective, Resigned, State, Unattached};
use super::timer::Timer;
use super::voters::{Endpoint, ReplicaKey, VoterSet};
use crate::ids::{BrokerId, LeaderEpoch, Offset};
use crate::note::raft::{RaftNote, RaftRole};
use crate::rules::Rules;

/// A replica's place in the quorum.
#[derive(Debug, Clone)]
pub struct Quorum {
    local: ReplicaKey,
    election_timeout: Span,
    fetch_timeout: Span,
    append_linger: Span,
    batch_max_bytes: usize,
    rules: Rules,
    epoch: LeaderEpoch,
    state: State,
    /// What is known to be committed; a new leader forgets it, see `high_watermark`.
    pub high_watermark: Option<Offset>,
    /// Who votes.
    pub voters: VoterHistory,
}

impl Quorum {
    /// Begins with what the disk says.
    ///
    /// # Errors
    /// The disk fails.
    pub fn open(
        settings: &RaftSettings,
        voters: VoterHistory,
        stored: ElectionState,
        step: &mut Step<'_>,
    ) -> Result<Self, RaftFault> {
        let now = step.now;
        let idle = Unattached { leader: None, voted: None, election_timer: Timer::never(now) };
        let mut quorum = Self {
            local: settings.local,
            election_timeout: settings.election_timeout,
            fetch_timeout: settings.fetch_timeout,
            append_linger: settings.append_linger,
            batch_max_bytes: settings.batch_max_bytes,
            rules: settings.rules.clone(),
            epoch: LeaderEpoch(0),
            state: State::Unattached(idle),
            high_watermark: None,
            voters,
        };
        let (epoch, state) = quorum.initial_state(stored, step);
        quorum.durable_transition(epoch, state, step)?;
        Ok(quorum)
    }

    /// The state in which a replica starts: who led resigns, who stood for election stands again.
    fn initial_state(&self, stored: ElectionState, step: &mut Step<'_>) -> (LeaderEpoch, State) {
        let now = step.now;
        let voters = self.voter_set();
        let log_epoch = step.log.last_epoch();
        let timeout = step.draws.election_timeout(self.election_timeout);
        let unattached = |leader, voted| {
            let election_timer = self.election_timer(now, timeout);
            State::Unattached(Unattached { leader, voted, election_timer })
        };
        if stored.epoch < log_epoch {
            // The file is lost or older than the log.
            return (log_epoch, unattached(None, None));
        }
        let state = match stored.leader {
            // It must not vote in this epoch again, nor write: records that it lost would come back different.
            Some(leader) if leader == self.local.id => {
                if self.rules.restarted_leaders_have_resigned() {
                    self.resigned(Vec::new(), now, timeout)
                } else {
                    State::Leader(Box::new(self.leading(stored.epoch, step)))
                }
            }
            _ if stored.voted.is_some_and(|voted| voted.matches(self.local)) => {
                let election = EpochElection::new(&voters, self.local);
                let election_timer = Timer::new(now, timeout);
                State::Candidate(Candidate { attempt: 1, election, election_timer })
            }
            Some(leader) => match voters.endpoint(leader) {
                Some(endpoint) => State::Follower(Follower {
                    leader,
                    leader_endpoint: endpoint.clone(),
                    voted: stored.voted,
                    fetch_timer: Timer::new(now, self.fetch_timeout),
                    has_fetched: false,
                }),
                None => unattached(Some(leader), stored.voted),
            },
            None => unattached(None, stored.voted),
        };
        (stored.epoch, state)
    }

    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state, for what changes within it.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// What the state is.
    #[must_use]
    pub fn role(&self) -> RaftRole {
        self.state.role()
    }

    /// The leadership, if this replica leads.
    pub fn leader_state(&mut self) -> Option<&mut Leader> {
        match &mut self.state {
            State::Leader(leader) => Some(leader),
            _ => None,
        }
    }

    /// The leader of the epoch, if known.
    #[must_use]
    pub fn leader(&self) -> Option<BrokerId> {
        self.state.leader(self.local.id)
    }

    /// Whether another replica is known to lead.
    #[must_use]
    pub fn has_remote_leader(&self) -> bool {
        self.leader().is_some_and(|leader| leader != self.local.id)
    }

    /// Where the leader listens; `own` if it is this replica.
    #[must_use]
    pub fn leader_endpoint(&self, own: &Endpoint) -> Option<Endpoint> {
        match &self.state {
            State::Follower(state) => Some(state.leader_endpoint.clone()),
            State::Prospective(state) => state.leader_endpoint.clone(),
            State::Leader(_) | State::Resigned(_) => Some(own.clone()),
            State::Unattached(_) | State::Candidate(_) => None,
        }
    }

    /// This replica.
    #[must_use]
    pub fn local(&self) -> ReplicaKey {
        self.local
    }

    /// The voters in force.
    #[must_use]
    pub fn voter_set(&self) -> VoterSet {
        self.voters.last()
    }

    /// Whether this replica votes.
    #[must_use]
    pub fn is_voter(&self) -> bool {
        self.voter_set().is_voter(self.local)
    }

    /// Whether this replica is alone.
    #[must_use]
    pub fn is_only_voter(&self) -> bool {
        self.voter_set().is_only_voter(self.local)
    }

    /// A new epoch without a leader, or this one when an election of a Prospective is lost.
    ///
    /// # Errors
    /// The disk fails.
    pub fn to_unattached(
        &mut self,
        epoch: LeaderEpoch,
        leader: Option<BrokerId>,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        let same_epoch = epoch == self.epoch;
        let is_allowed = epoch > self.epoch || self.role() == RaftRole::Prospective;
        assert!(
            is_allowed && epoch >= self.epoch,
            "K6: {epoch} from {} {:?}",
            self.epoch,
            self.state
        );
        let now = step.now;
        // Whoever was waiting for an election goes on waiting, else candidates could hold it off for ever.
        let waiting = match &mut self.state {
            State::Candidate(state) => Some(state.election_timer.remaining(now)),
            State::Unattached(state) => Some(state.election_timer.remaining(now)),
            State::Resigned(state) => Some(state.election_timer.remaining(now)),
            State::Prospective(state) if !state.election.is_lost() => {
                Some(state.election_timer.remaining(now))
            }
            State::Prospective(_) | State::Leader(_) | State::Follower(_) => None,
        };
        let timeout = match waiting {
            Some(waiting) => waiting,
            None => step.draws.election_timeout(self.election_timeout),
        };
        let voted = if same_epoch { self.state.voted(self.local) } else { None };
        let election_timer = self.election_timer(now, timeout);
        let state = Unattached { leader, voted, election_timer };
        self.durable_transition(epoch, State::Unattached(state), step)
    }

    /// Gives the vote of this epoch to `candidate`, and waits anew: it may well win.
    ///
    /// # Errors
    /// The disk fails.
    pub fn add_vote(
        &mut self,
        candidate: ReplicaKey,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        assert!(candidate.id != self.local.id, "K7: a replica is not asked for its own vote");
        let now = step.now;
        let timeout = step.draws.election_timeout(self.election_timeout);
        let voters = self.voter_set();
        let unattached_timer = self.election_timer(now, timeout);
        let mut state = self.state.clone();
        match &mut state {
            State::Unattached(state) if state.voted.is_none() => {
                state.voted = Some(candidate);
                state.election_timer = unattached_timer;
            }
            State::Prospective(state) if state.voted.is_none() => {
                state.voted = Some(candidate);
                state.election = EpochElection::new(&voters, self.local);
                state.election_timer = Timer::new(now, timeout);
            }
            other => panic!("K7: a vote for {candidate} in {other:?}"),
        }
        self.durable_transition(self.epoch, state, step)
    }

    /// Follows `leader`.
    ///
    /// # Errors
    /// The disk fails.
    pub fn to_follower(
        &mut self,
        epoch: LeaderEpoch,
        leader: BrokerId,
        leader_endpoint: Endpoint,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        let same_epoch = epoch == self.epoch;
        assert!(epoch >= self.epoch, "K6: following {leader} from {} to {epoch}", self.epoch);
        assert!(leader != self.local.id, "K1: following itself in {epoch}");
        let is_bound = matches!(self.state, State::Leader(_) | State::Follower(_));
        assert!(!(same_epoch && is_bound), "K1: {leader} in {epoch} after {:?}", self.state);
        // The vote of this epoch stays given: forgotten, it could be given twice.
        let voted = if same_epoch { self.state.voted(self.local) } else { None };
        let fetch_timer = Timer::new(step.now, self.fetch_timeout);
        let state = Follower { leader, leader_endpoint, voted, fetch_timer, has_fetched: false };
        self.durable_transition(epoch, State::Follower(state), step)
    }

    /// Sounds out the others. Nothing durable changes.
    pub fn to_prospective(&mut self, own: &Endpoint, step: &mut Step<'_>) {
        assert!(self.is_voter(), "K11: {} is no voter", self.local);
        let role = self.role();
        let is_allowed = !matches!(role, RaftRole::Leader | RaftRole::Prospective);
        assert!(is_allowed, "K11: prospective from {role:?}");
        let timeout = step.draws.election_timeout(self.election_timeout);
        let state = Prospective {
            leader: self.leader(),
            leader_endpoint: self.leader_endpoint(own),
            voted: self.state.voted(self.local),
            attempt: match &self.state {
                State::Candidate(candidate) => candidate.attempt.saturating_add(1),
                _ => 1,
            },
            election: EpochElection::new(&self.voter_set(), self.local),
            election_timer: Timer::new(step.now, timeout),
        };
        self.memory_transition(self.epoch, State::Prospective(state), step);
    }

    /// Stands for election, in the next epoch.
    ///
    /// # Errors
    /// The disk fails.
    pub fn to_candidate(&mut self, step: &mut Step<'_>) -> Result<(), RaftFault> {
        assert!(self.is_voter(), "K11: {} is no voter", self.local);
        let State::Prospective(prospective) = &self.state else {
            panic!("K11: candidate from {:?}", self.state);
        };
        let attempt = prospective.attempt;
        let epoch = LeaderEpoch(self.epoch.0 + 1);
        let timeout = step.draws.election_timeout(self.election_timeout);
        let election = EpochElection::new(&self.voter_set(), self.local);
        let election_timer = Timer::new(step.now, timeout);
        let state = Candidate { attempt, election, election_timer };
        self.durable_transition(epoch, State::Candidate(state), step)?;
        step.note(RaftNote::VoteGranted { epoch, candidate: self.local });
        Ok(())
    }

    /// Leads; answers who voted for it.
    ///
    /// # Errors
    /// The disk fails.
    pub fn to_leader(&mut self, step: &mut Step<'_>) -> Result<Vec<ReplicaKey>, RaftFault> {
        let State::Candidate(candidate) = &self.state else {
            panic!("K1: leader from {:?}", self.state);
        };
        assert!(candidate.election.is_won(), "K1: leader without a majority: {candidate:?}");
        let granting = candidate.election.granting().collect();
        let state = self.leading(self.epoch, step);
        let offset = state.high_watermark.epoch_start_offset();
        self.high_watermark = None;
        self.durable_transition(self.epoch, State::Leader(Box::new(state)), step)?;
        step.note(RaftNote::EpochStarted { epoch: self.epoch, offset });
        Ok(granting)
    }

    /// What a leader begins with, whose epoch starts at the end of the log.
    fn leading(&self, epoch: LeaderEpoch, step: &Step<'_>) -> Leader {
        let voters = self.voter_set();
        let start = step.log.end_offset();
        let (now, local) = (step.now, self.local.id);
        Leader {
            high_watermark: HighWatermark::new(&voters, start),
            accumulator: BatchAccumulator::new(
                epoch,
                start,
                self.append_linger,
                self.batch_max_bytes,
            ),
            check_quorum: CheckQuorum::new(now, local, voters.clone(), self.fetch_timeout),
            progress: Progress::default(),
            begin_timer: Timer::new(now, Span::ZERO),
            is_resign_requested: false,
            voters,
        }
    }

    /// Leads no more. Nothing durable changes: a leader that restarts is resigned as well.
    pub fn to_resigned(&mut self, preferred_successors: Vec<ReplicaKey>, step: &mut Step<'_>) {
        assert!(self.role() == RaftRole::Leader, "K11: resigned from {:?}", self.role());
        let timeout = step.draws.election_timeout(self.election_timeout);
        let state = self.resigned(preferred_successors, step.now, timeout);
        self.high_watermark = None;
        self.memory_transition(self.epoch, state, step);
    }

    fn resigned(&self, preferred_successors: Vec<ReplicaKey>, now: Time, timeout: Span) -> State {
        let ids = self.voter_set().keys().map(|key| key.id).collect::<Vec<_>>();
        State::Resigned(Resigned {
            unacknowledged: ids.into_iter().filter(|id| *id != self.local.id).collect(),
            preferred_successors,
            election_timer: Timer::new(now, timeout),
        })
    }

    fn election_timer(&self, now: Time, timeout: Span) -> Timer {
        if self.is_voter() { Timer::new(now, timeout) } else { Timer::never(now) }
    }

    fn durable_transition(
        &mut self,
        epoch: LeaderEpoch,
        state: State,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        let (leader, voted) = (state.leader(self.local.id), state.voted(self.local));
        step.log.write_election_state(&ElectionState { epoch, leader, voted })?;
        self.memory_transition(epoch, state, step);
        Ok(())
    }

    fn memory_transition(&mut self, epoch: LeaderEpoch, state: State, step: &mut Step<'_>) {
        assert!(epoch >= self.epoch, "K6: from {} to {epoch}", self.epoch);
        self.epoch = epoch;
        self.state = state;
        let is_voter = self.is_voter();
        let role = self.role();
        step.note(RaftNote::Transition {
            role,
            epoch,
            leader: self.leader(),
            voted: self.state.voted(self.local),
            high_watermark: self.high_watermark,
            is_voter,
        });
    }
}
