//! One replica's place in the quorum, moved by hand from state to state.
//!
//! Holds: the quorum state and its disk. Voters are 0, 1 and 2, and this is 0; every election timeout is 1500 ms.

use trial_cluster::ids::{BrokerId, LeaderEpoch};
use trial_cluster::raft::control::VoterHistory;
use trial_cluster::raft::draws::Draws;
use trial_cluster::raft::effect::Step;
use trial_cluster::raft::election_state::ElectionState;
use trial_cluster::raft::log::RaftLog;
use trial_cluster::raft::quorum::Quorum;
use trial_cluster::raft::settings::RaftSettings;
use trial_cluster::raft::state::State;
use trial_cluster::raft::store::RaftStore;
use trial_cluster::raft::timer::Timer;
use trial_cluster::raft::voters::Endpoint;
use trial_sim::{Span, Time};

use super::crash_disk::CrashDisk;
use super::instant::{WALL_MS, key, voters};

/// What is on the disk at the start.
#[derive(Debug, Clone)]
pub enum Stored {
    /// No `quorum-state`, and a log whose last epoch is this.
    Nothing { log_epoch: i32 },
    /// A `quorum-state`, and an empty log.
    File { epoch: i32, leader: Option<i32>, voted: Option<i32> },
    /// Nothing, and no other voter.
    Alone,
    /// As `Nothing`, and it does not vote: 1 and 2 do.
    Observer { log_epoch: i32 },
}

/// A move.
#[derive(Debug, Clone)]
pub enum Move {
    /// To an epoch, with or without a leader whose endpoint is not known.
    Unattach(i32, Option<i32>),
    /// Gives its vote.
    Vote(i32),
    /// In an epoch, follows a leader.
    Follow(i32, i32),
    /// Sounds out the others.
    Stand,
    /// Stands for election.
    Run,
    /// Gets the vote of 1, and leads.
    Lead,
    /// Leads without any further vote.
    Usurp,
    /// Leads no more.
    Resign,
    /// Lets so many milliseconds pass.
    Sleep(u64),
}

pub struct Member {
    pub quorum: Quorum,
    disk: CrashDisk,
    store: RaftStore,
    now: Time,
}

fn draws() -> Draws {
    let mut draws = Draws::default();
    draws.top_up(|| 1 << 63);
    draws
}

impl Member {
    pub fn start(stored: &Stored) -> Self {
        let (ids, log_epoch): (&[i32], i32) = match *stored {
            Stored::Nothing { log_epoch } => (&[0, 1, 2], log_epoch),
            Stored::File { .. } => (&[0, 1, 2], 0),
            Stored::Alone => (&[0], 0),
            Stored::Observer { log_epoch } => (&[1, 2], log_epoch),
        };
        let election = match *stored {
            Stored::File { epoch, leader, voted } => ElectionState {
                epoch: LeaderEpoch(epoch),
                leader: leader.map(BrokerId),
                voted: voted.map(key),
            },
            _ => ElectionState::default(),
        };
        let mut disk = CrashDisk::default();
        let now = Time(1_000_000_000);
        let (mut store, _) = RaftStore::open(&mut disk, 1 << 30, WALL_MS).expect("it works");
        let settings = RaftSettings::new(key(0), Endpoint::controller("c0", 9093), "cluster");
        let mut history = VoterHistory::default();
        history.on_bootstrap(voters(ids));
        let mut log = store.on(&mut disk, WALL_MS);
        if log_epoch > 0 {
            log.start_epoch(LeaderEpoch(log_epoch)).expect("it works");
        }
        let (mut draws, mut effects) = (draws(), Vec::new());
        let mut step = Step {
            now,
            wall_ms: WALL_MS,
            uptime: now,
            log: &mut log,
            draws: &mut draws,
            effects: &mut effects,
        };
        let quorum = Quorum::open(&settings, history, election, &mut step).expect("it works");
        Self { quorum, disk, store, now }
    }

    pub fn go(&mut self, to: &Move) {
        if let Move::Sleep(ms) = to {
            self.now += Span::from_millis(*ms);
            return;
        }
        let (mut draws, mut effects) = (draws(), Vec::new());
        let mut log = self.store.on(&mut self.disk, WALL_MS);
        let mut step = Step {
            now: self.now,
            wall_ms: WALL_MS,
            uptime: self.now,
            log: &mut log,
            draws: &mut draws,
            effects: &mut effects,
        };
        let step = &mut step;
        let quorum = &mut self.quorum;
        let done = match *to {
            Move::Unattach(epoch, leader) => {
                quorum.to_unattached(LeaderEpoch(epoch), leader.map(BrokerId), step)
            }
            Move::Vote(candidate) => quorum.add_vote(key(candidate), step),
            Move::Follow(epoch, leader) => {
                let endpoint = Endpoint::controller(&format!("c{leader}"), 9093);
                quorum.to_follower(LeaderEpoch(epoch), BrokerId(leader), endpoint, step)
            }
            Move::Stand => {
                quorum.to_prospective(&Endpoint::controller("c0", 9093), step);
                Ok(())
            }
            Move::Run => quorum.to_candidate(step),
            Move::Lead => {
                let State::Candidate(candidate) = quorum.state_mut() else {
                    panic!("no candidate")
                };
                candidate.election.record(BrokerId(1), true);
                quorum.to_leader(step).map(drop)
            }
            Move::Usurp => quorum.to_leader(step).map(drop),
            Move::Resign => {
                quorum.to_resigned(Vec::new(), step);
                Ok(())
            }
            Move::Sleep(_) => Ok(()),
        };
        done.expect("the disk works");
    }

    /// State, epoch, leader, vote, and how long it waits.
    pub fn show(&mut self) -> String {
        let (epoch, leader, voted) = self.remembers();
        let mut text = format!("{:?} {epoch}", self.quorum.role());
        if let Some(leader) = leader {
            text += &format!(" of {leader}");
        }
        if let Some(voted) = voted {
            text += &format!(" voted {voted}");
        }
        let timer: Option<&mut Timer> = match self.quorum.state_mut() {
            State::Unattached(state) => Some(&mut state.election_timer),
            State::Prospective(state) => Some(&mut state.election_timer),
            State::Candidate(state) => Some(&mut state.election_timer),
            State::Resigned(state) => Some(&mut state.election_timer),
            State::Follower(state) => Some(&mut state.fetch_timer),
            State::Leader(_) => None,
        };
        let waits = timer.map(|timer| timer.remaining(self.now)).filter(|left| *left < Span::MAX);
        if let Some(left) = waits {
            text += &format!(", {} ms", left.as_millis());
        }
        text
    }

    fn remembers(&self) -> (i32, Option<i32>, Option<i32>) {
        let voted = self.quorum.state().voted(key(0)).map(|key| key.id.0);
        (self.quorum.epoch().0, self.quorum.leader().map(|id| id.0), voted)
    }

    /// The file says what the memory says.
    #[track_caller]
    pub fn check_file(&self, test: &str) {
        let bytes = self.disk.contents("__cluster_metadata-0/quorum-state").expect("it is written");
        let text = std::str::from_utf8(bytes).expect("it is text");
        let state = ElectionState::from_json(text).expect("it can be read");
        let (leader, voted) = (state.leader.map(|id| id.0), state.voted.map(|key| key.id.0));
        assert_eq!((state.epoch.0, leader, voted), self.remembers(), "{test}: on disk, in memory");
    }
}
