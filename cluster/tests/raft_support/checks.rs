//! Judges a quorum by what its replicas note: K1 to K9, K11 and Kafka's own invariants of a simulation.
//!
//! In Kafka:   `RaftEventSimulationTest`: SingleLeader, MonotonicEpoch, MonotonicHighWatermark,
//!             MajorityReachedHighWatermark, ConsistentCommittedData; and the specification behind them.
//! Holds:      the log of every replica as its notes tell it, and the ledger of what was ever committed.
//! Invariants: a violation names the rule that was broken first.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::note::raft::{RaftNote, RaftRole};
use trial_cluster::raft::voters::ReplicaKey;

/// A batch: enough to tell it from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub base: i64,
    pub last: i64,
    pub epoch: i32,
    pub crc: u32,
}

/// A replica as its notes tell it.
#[derive(Debug, Clone, Default)]
pub struct Replica {
    pub log: Vec<Batch>,
    pub synced: i64,
    pub role: Option<RaftRole>,
    pub epoch: i32,
    pub leader: Option<i32>,
    pub high_watermark: Option<i64>,
}

impl Replica {
    pub fn end(&self) -> i64 {
        self.log.last().map_or(0, |batch| batch.last + 1)
    }

    fn find(&self, base: i64) -> Option<Batch> {
        let at = self.log.binary_search_by_key(&base, |batch| batch.base).ok()?;
        Some(self.log[at])
    }
}

/// The judge.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    voters: BTreeSet<i32>,
    pub replicas: BTreeMap<i32, Replica>,
    leaders: BTreeMap<i32, i32>,
    votes: BTreeMap<(i32, i32), ReplicaKey>,
    epoch_starts: BTreeMap<i32, i64>,
    written: BTreeMap<(i64, i32), (Batch, Option<Batch>)>,
    ledger: Vec<Batch>,
    top_epoch: i32,
    /// Only what holds when a replica has lost its disk.
    pub is_lenient: bool,
    pub violations: Vec<String>,
}

impl Checks {
    pub fn new(voters: impl IntoIterator<Item = i32>) -> Self {
        Self { voters: voters.into_iter().collect(), ..Self::default() }
    }

    /// Everything below is committed.
    pub fn committed_end(&self) -> i64 {
        self.ledger.last().map_or(0, |batch| batch.last + 1)
    }

    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.violations.is_empty(), "{:#?}", self.violations);
    }

    fn require(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(what());
        }
    }

    fn replica(&mut self, id: i32) -> &mut Replica {
        self.replicas.entry(id).or_default()
    }

    /// A replica has read its disk and found `log`, all of it synced.
    pub fn on_opened(&mut self, id: i32, log: Vec<Batch>) {
        let synced = self.replica(id).synced;
        let end = log.last().map_or(0, |batch| batch.last + 1);
        self.require(end >= synced, || format!("K4: {id} had synced {synced} and finds {end}"));
        let replica = self.replica(id);
        replica.log = log;
        replica.synced = replica.end();
        replica.high_watermark = None;
    }

    /// A replica has lost its disk.
    pub fn on_wiped(&mut self, id: i32) {
        self.replicas.insert(id, Replica::default());
    }

    pub fn on_note(&mut self, id: i32, note: &RaftNote) {
        match *note {
            RaftNote::Opened { .. }
            | RaftNote::PreVoteGranted { .. }
            | RaftNote::VoterFetched { .. }
            | RaftNote::QuorumLost { .. }
            | RaftNote::Reached(_) => {}
            RaftNote::Transition { role, epoch, leader, is_voter, high_watermark, .. } => {
                self.on_transition(id, role, (epoch.0, leader.map(|id| id.0)), is_voter);
                self.replica(id).high_watermark = high_watermark.map(|offset| offset.0);
            }
            RaftNote::VoteGranted { epoch, candidate } => {
                let given = *self.votes.entry((id, epoch.0)).or_insert(candidate);
                let holds = given == candidate || self.is_lenient;
                self.require(holds, || {
                    format!("K7: {id} voted for {given}, {candidate} in {epoch}")
                });
            }
            RaftNote::EpochStarted { epoch, offset } => {
                self.epoch_starts.insert(epoch.0, offset.0);
                let last = self.ledger.last().copied();
                let found = last.and_then(|last| self.replica(id).find(last.base));
                let holds = found == last || self.is_lenient;
                self.require(holds, || {
                    format!("K3: {id} leads {epoch} with {found:?} for {last:?}")
                });
            }
            RaftNote::Appended { base_offset, last_offset, epoch, crc, .. } => {
                let (base, last) = (base_offset.0, last_offset.0);
                self.on_appended(id, Batch { base, last, epoch: epoch.0, crc });
            }
            RaftNote::Flushed { end } => self.replica(id).synced = end.0,
            RaftNote::Truncated { from, to } => self.on_truncated(id, from.0, to.0),
            RaftNote::HighWatermark { epoch, offset, is_leader: true } => {
                self.on_leader_high_watermark(id, epoch.0, offset.0);
            }
            RaftNote::HighWatermark { offset, .. } => self.on_follower_high_watermark(id, offset.0),
        }
    }

    fn on_transition(
        &mut self,
        id: i32,
        role: RaftRole,
        (epoch, leader): (i32, Option<i32>),
        is_voter: bool,
    ) {
        let before = self.replica(id).epoch;
        self.require(epoch >= before, || format!("K6: {id} went from {before} to {epoch}"));
        let is_idle = matches!(role, RaftRole::Unattached | RaftRole::Follower);
        self.require(is_voter || is_idle, || format!("K11: the observer {id} is {role:?}"));
        if let Some(leader) = leader {
            let known = *self.leaders.entry(epoch).or_insert(leader);
            let both = format!("{known} and {leader} lead {epoch}, says {id}");
            self.require(known == leader, || format!("K1: {both}"));
        }
        let replica = self.replica(id);
        (replica.role, replica.epoch, replica.leader) = (Some(role), epoch, leader);
    }

    fn on_appended(&mut self, id: i32, batch: Batch) {
        let before = self.replica(id).log.last().copied();
        let end = self.replica(id).end();
        self.require(batch.base == end, || format!("K2: {id} has a gap at {end}: {batch:?}"));
        let key = (batch.base, batch.epoch);
        let first = *self.written.entry(key).or_insert((batch, before));
        let holds = first == (batch, before) || self.is_lenient;
        let got = (batch, before);
        self.require(holds, || format!("K2: {id} has {got:?}, another had {first:?}"));
        self.replica(id).log.push(batch);
    }

    fn on_truncated(&mut self, id: i32, from: i64, to: i64) {
        let replica = self.replica(id);
        let known = (replica.end(), replica.high_watermark);
        let kept = replica.log.partition_point(|batch| batch.base < to);
        let cut = replica.log.split_off(kept);
        replica.synced = replica.synced.min(to);
        self.require(known.0 == from, || {
            format!("K9: {id} ended at {from}, by its notes {known:?}")
        });
        let holds = known.1.is_none_or(|high_watermark| to >= high_watermark);
        self.require(holds, || format!("K9: {id} cut to {to}, below {known:?}"));
        let lost = cut.iter().find(|batch| self.ledger.contains(batch)).copied();
        let holds = lost.is_none() || self.is_lenient;
        self.require(holds, || format!("K9: {id} cut {lost:?}, which was committed"));
    }

    fn on_leader_high_watermark(&mut self, id: i32, epoch: i32, offset: i64) {
        let start = self.epoch_starts.get(&epoch).copied();
        let holds = start.is_some_and(|start| offset > start);
        self.require(holds, || format!("K8: {id} committed {offset}, {epoch} began at {start:?}"));
        self.top_epoch = self.top_epoch.max(epoch);
        let (is_latest, end) = (epoch == self.top_epoch, self.committed_end());
        self.require(!is_latest || offset >= end, || {
            format!("K5: {id} fell from {end} to {offset}")
        });
        let voters = self.voters.clone();
        let count = |holds: &dyn Fn(&Replica) -> bool| {
            voters.iter().filter(|voter| self.replicas.get(voter).is_some_and(holds)).count()
        };
        let reached = count(&|replica| replica.end() >= offset);
        // A single voter commits before it has synced: see LD-1.
        let synced = count(&|replica| replica.synced >= offset);
        let majority = voters.len() / 2 + 1;
        let is_alone = voters.len() == 1;
        let lenient = self.is_lenient;
        self.require(reached >= majority || lenient, || {
            format!("K5: {reached} of {} voters have reached {offset}", voters.len())
        });
        self.require(synced >= majority || is_alone || lenient, || {
            format!("K4: {synced} of {} voters have synced {offset}", voters.len())
        });
        let replica = self.replica(id);
        replica.high_watermark = Some(offset);
        let from = replica.log.partition_point(|batch| batch.last + 1 < end);
        let to = replica.log.partition_point(|batch| batch.last < offset);
        let log = replica.log.get(from..to).unwrap_or_default().to_vec();
        for batch in log {
            self.commit(id, batch);
        }
    }

    fn commit(&mut self, id: i32, batch: Batch) {
        let end = self.committed_end();
        if batch.base >= end {
            self.require(batch.base == end, || format!("K3: {id} commits {batch:?} at {end}"));
            self.ledger.push(batch);
        } else if batch.last + 1 == end {
            let known = self.ledger.last().copied();
            self.require(known == Some(batch), || {
                format!("K3: {id} commits {batch:?} where {known:?} is committed")
            });
        }
    }

    fn on_follower_high_watermark(&mut self, id: i32, offset: i64) {
        let end = self.committed_end();
        self.require(offset <= end, || format!("K5: {id} believes {offset}, committed is {end}"));
        let known = self.replica(id).high_watermark;
        self.require(known <= Some(offset), || format!("K5: {id} fell from {known:?} to {offset}"));
        let replica = self.replica(id);
        replica.high_watermark = Some(offset);
        let at = replica.log.partition_point(|batch| batch.last < offset);
        let last = at.checked_sub(1).map(|at| replica.log[at]);
        let at = self.ledger.partition_point(|batch| batch.last < offset);
        let want = at.checked_sub(1).map(|at| self.ledger[at]);
        self.require(last == want, || format!("K2: {id} has {last:?} where {want:?} is committed"));
    }

    /// At the end: below its high watermark every replica has what was committed.
    pub fn at_end(&mut self) {
        for (id, replica) in self.replicas.clone() {
            let Some(high_watermark) = replica.high_watermark else { continue };
            let own = replica.log.iter().filter(|batch| batch.last < high_watermark);
            let differs = own.zip(&self.ledger).find(|(own, committed)| own != committed);
            let differs = differs.map(|(own, committed)| (*own, *committed));
            self.require(differs.is_none(), || format!("K2: {id} differs: {differs:?}"));
        }
    }
}
