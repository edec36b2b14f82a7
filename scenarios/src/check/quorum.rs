//! The quorum of controllers: K1 to K9; of K6 and K7 what the file says is in `quorum_state`.
//!
//! In Kafka:   `RaftEventSimulationTest`'s invariants and the specification behind them; KIP-595, KIP-853.
//! Holds:      the metadata log on every node's disk, what was committed, who led and voted.
//! Inputs:     bytes of `__cluster_metadata-0`, `quorum-state` after a crash, notes of roles, votes, high watermarks.
//! Invariants: see each check; the log's are judged by bytes: a replica's word about what it appended counts nothing.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::ids::BrokerId;
use trial_cluster::note::Note;
use trial_cluster::note::raft::RaftNote;
use trial_cluster::raft::voters::ReplicaKey;
use trial_sim::disk::DiskSeen;
use trial_sim::{HostId, Seen, Time};

use super::quorum_state;
use super::step::Step;
use super::verdicts::Verdicts;
use super::words;
use crate::facts::{Chunked, Disks, Facts, ReplicaLog, Role, Stored, segment_base};

pub(super) const FOLDER: &str = "__cluster_metadata-0";

/// A replica of the metadata log.
#[derive(Debug, Clone, Default)]
struct Replica {
    log: ReplicaLog,
    epoch: i32,
    high_watermark: Option<i64>,
    /// Everything below is on disk, by its word.
    flushed: i64,
    /// It lost its disk: it promises nothing of what it said before.
    wiped: bool,
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct Quorum {
    voters: BTreeSet<HostId>,
    replicas: BTreeMap<HostId, Replica>,
    leaders: BTreeMap<i32, (BrokerId, Time)>,
    votes: BTreeMap<(HostId, i32), (ReplicaKey, Time)>,
    starts: BTreeMap<i32, i64>,
    ledger: Chunked<Stored>,
    /// How far the leader of each epoch has committed.
    reached: BTreeMap<i32, i64>,
    top_epoch: i32,
    any_wiped: bool,
}

impl Quorum {
    /// The quorum of a run.
    #[must_use]
    pub fn new(facts: &Facts) -> Self {
        let hosts = facts.setup.hosts.iter().enumerate();
        let voters = hosts.filter_map(|(place, host)| match host.role {
            Role::Controller { .. } | Role::Broker { controller: true, .. } => {
                Some(HostId(u16::try_from(place).expect("few hosts")))
            }
            _ => None,
        });
        Self { voters: voters.collect(), ..Self::default() }
    }

    /// Something was seen.
    pub fn on(
        &mut self,
        seen: &Seen<Note>,
        disks: &dyn Disks,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        match seen {
            Seen::Note { at, host, note: Note::Raft(note), .. } => {
                let mut step = Step { at: *at, host: *host, facts, verdicts };
                self.on_note(note, &mut step);
            }
            Seen::Disk { at, host, what, .. } => {
                let mut step = Step { at: *at, host: *host, facts, verdicts };
                self.on_disk(what, &mut step);
            }
            Seen::Crashed { at, host, .. } | Seen::Stopped { at, host, .. } => {
                let mut step = Step { at: *at, host: *host, facts, verdicts };
                self.on_down(disks, &mut step);
            }
            _ => {}
        }
    }

    pub(super) fn committed_end(&self) -> i64 {
        self.ledger.last().map_or(0, |batch| batch.last + 1)
    }

    fn on_disk(&mut self, what: &DiskSeen, step: &mut Step<'_>) {
        let path = match what {
            DiskSeen::Wrote { path, .. }
            | DiskSeen::Truncated { path, .. }
            | DiskSeen::Removed { path } => path,
            DiskSeen::Renamed { from, .. } => from,
            DiskSeen::Wiped => {
                if let Some(replica) = self.replicas.get_mut(&step.host) {
                    *replica = Replica { wiped: true, ..Replica::default() };
                    self.any_wiped |= self.voters.contains(&step.host);
                }
                return;
            }
            DiskSeen::Created { .. } | DiskSeen::Synced { .. } => return,
        };
        let base = path.strip_prefix(FOLDER).and_then(|file| segment_base(file.strip_prefix('/')?));
        let Some(base) = base else { return };
        let replica = self.replicas.entry(step.host).or_default();
        let mut removed = Vec::new();
        match what {
            DiskSeen::Wrote { offset, bytes, .. } => {
                let end = replica.log.end();
                let mut wrote = Vec::new();
                if replica.log.on_write(base, *offset, bytes, &mut wrote).is_err() {
                    step.breach(
                        "K2",
                        "wrote bytes that are no batch into the metadata log",
                        [
                            format!("its metadata log ended at {end}"),
                            "bytes at its end fail their checksum or are cut off".to_owned(),
                        ],
                    );
                }
                let mut end = end;
                for batch in wrote {
                    self.on_written(&batch, end, step);
                    end = batch.last + 1;
                }
                return;
            }
            DiskSeen::Truncated { len, .. } => replica.log.on_truncate(base, *len, &mut removed),
            _ => replica.log.on_remove(base, &mut removed),
        }
        if let Some(from) = removed.iter().map(|batch| batch.base).min() {
            self.on_cut(from, step);
        }
    }

    /// K2: the same place and epoch mean the same batch, and the same before it.
    fn on_written(&self, batch: &Stored, end: i64, step: &mut Step<'_>) {
        if batch.base != end && end > 0 {
            step.breach(
                "K2",
                "left a gap in the metadata log",
                [
                    format!("its metadata log ended at {end}"),
                    format!("it wrote {}", words::batch(batch)),
                ],
            );
        }
        let own = self.replicas.get(&step.host).and_then(|own| own.log.at(batch.base - 1));
        let host = step.host;
        for (other, replica) in self.replicas.iter().filter(|(other, _)| **other != host) {
            let Some(theirs) = replica.log.at(batch.base).filter(|it| it.epoch == batch.epoch)
            else {
                continue;
            };
            let before = replica.log.at(batch.base - 1);
            let same_before = match (own, before) {
                (Some(own), Some(theirs)) => own.is_same(theirs),
                _ => true,
            };
            if !theirs.is_same(batch) || !same_before {
                let name = step.facts.setup.name(*other);
                step.breach(
                    "K2",
                    &format!("and {name} have two metadata logs"),
                    [
                        format!(
                            "{name} has {}",
                            words::batch(if same_before {
                                theirs
                            } else {
                                before.unwrap_or(theirs)
                            })
                        ),
                        format!("it wrote {}", words::batch(batch)),
                    ],
                );
            }
        }
    }

    /// K9: nothing below the own high watermark is cut, and nothing committed by a voter.
    fn on_cut(&mut self, from: i64, step: &mut Step<'_>) {
        let replica = self.replicas.entry(step.host).or_default();
        replica.flushed = replica.flushed.min(from);
        if replica.high_watermark.is_some_and(|high_watermark| from < high_watermark) {
            let known = replica.high_watermark.unwrap_or(0);
            // What others lost excuses nothing: it is this replica that cuts.
            let facts = [
                format!("it knew a high watermark of {known}"),
                format!("it cut its log to {from}"),
            ];
            let breach = step.found("K9", "cut its metadata log below its high watermark", facts);
            step.verdicts.inexcusable(step.facts.setup.name(step.host), breach);
        }
    }

    fn on_down(&mut self, disks: &dyn Disks, step: &mut Step<'_>) {
        let is_voter = self.voters.contains(&step.host);
        let Some(replica) = self.replicas.get_mut(&step.host) else { return };
        replica.log.reread(disks.disk(step.host), FOLDER);
        replica.high_watermark = None;
        let (end, flushed) = (replica.log.end(), replica.flushed);
        if end < flushed && is_voter {
            step.breach(
                "K4",
                "lost metadata that it had synced",
                [
                    format!("it had synced its metadata log up to {flushed}"),
                    format!("after a crash its disk ends at {end}"),
                ],
            );
        }
        replica.flushed = flushed.min(end);
        if is_voter {
            let host = step.host;
            let votes = |epoch| self.votes.get(&(host, epoch)).copied();
            let epoch = self.replicas.get(&step.host).map_or(0, |replica| replica.epoch);
            quorum_state::audit(disks, epoch, votes, step);
        }
    }

    fn on_note(&mut self, note: &RaftNote, step: &mut Step<'_>) {
        match *note {
            RaftNote::Opened { end, epoch, .. } => {
                let replica = self.replicas.entry(step.host).or_default();
                let before = replica.epoch;
                replica.flushed = replica.flushed.max(end.0.min(replica.log.end()));
                replica.epoch = epoch.0;
                if epoch.0 < before && self.voters.contains(&step.host) && !replica.wiped {
                    step.breach(
                        "K6",
                        "went back to an older epoch",
                        [
                            format!("it was in epoch {before}"),
                            format!("it opened its disk in epoch {epoch}"),
                        ],
                    );
                }
            }
            RaftNote::Transition { epoch, leader, high_watermark, .. } => {
                self.on_epoch(epoch.0, leader, step);
                let replica = self.replicas.entry(step.host).or_default();
                replica.high_watermark = high_watermark.map(|offset| offset.0);
            }
            RaftNote::VoteGranted { epoch, candidate } => {
                let vote = (candidate, step.at);
                let (given, at) = *self.votes.entry((step.host, epoch.0)).or_insert(vote);
                let wiped = self.replicas.get(&step.host).is_some_and(|replica| replica.wiped);
                if given != candidate && !wiped {
                    step.breach(
                        "K7",
                        "voted twice in one epoch",
                        [
                            format!("{} it voted for {given} in epoch {epoch}", words::when(at)),
                            format!("it voted for {candidate} in epoch {epoch}"),
                        ],
                    );
                }
            }
            RaftNote::EpochStarted { epoch, offset } => {
                self.on_epoch_started(epoch.0, offset.0, step)
            }
            RaftNote::Flushed { end } => {
                let replica = self.replicas.entry(step.host).or_default();
                replica.flushed = replica.flushed.max(end.0.min(replica.log.end()));
            }
            RaftNote::HighWatermark { epoch, offset, is_leader: true } => {
                self.on_leader_high_watermark(epoch.0, offset.0, step);
            }
            RaftNote::HighWatermark { offset, .. } => {
                self.on_follower_high_watermark(offset.0, step)
            }
            RaftNote::PreVoteGranted { .. }
            | RaftNote::Appended { .. }
            | RaftNote::Truncated { .. }
            | RaftNote::VoterFetched { .. }
            | RaftNote::QuorumLost { .. }
            | RaftNote::Reached(_) => {}
        }
    }

    /// K1: one leader in an epoch. K6: epochs rise.
    fn on_epoch(&mut self, epoch: i32, leader: Option<BrokerId>, step: &mut Step<'_>) {
        let replica = self.replicas.entry(step.host).or_default();
        let before = std::mem::replace(&mut replica.epoch, epoch);
        if epoch < before {
            step.breach(
                "K6",
                "went back to an older epoch",
                [format!("it was in epoch {before}"), format!("it is in epoch {epoch}")],
            );
        }
        let Some(leader) = leader else { return };
        let (known, at) = *self.leaders.entry(epoch).or_insert((leader, step.at));
        if known != leader {
            step.breach(
                "K1",
                &format!("knows another leader of epoch {epoch} than others"),
                [
                    format!(
                        "{} {} led epoch {epoch}",
                        words::when(at),
                        words::node(step.facts, known)
                    ),
                    format!("it says that {} leads epoch {epoch}", words::node(step.facts, leader)),
                ],
            );
        }
    }

    /// K3: a leader has everything that was committed up to its epoch. One that begins an epoch that is over (its disk
    /// is slow, or the switch `leader_reinit_same_epoch`) cannot have what was committed after it, in whatever epoch
    /// that was written.
    fn on_epoch_started(&mut self, epoch: i32, offset: i64, step: &mut Step<'_>) {
        self.starts.insert(epoch, offset);
        let end = self.reached.range(..=epoch).map(|(_, end)| *end).max().unwrap_or(0);
        let before = self.ledger.partition_point(|batch| batch.last < end);
        let last = before.checked_sub(1).and_then(|place| self.ledger.get(place));
        let Some(last) = last.copied() else { return };
        let own = self.replicas.get(&step.host).and_then(|own| own.log.at(last.base).copied());
        if own != Some(last) && !own.is_some_and(|own| own.is_same(&last)) && !self.any_wiped {
            let has = own.map_or_else(|| "nothing".to_owned(), |own| words::batch(&own));
            step.breach(
                "K3",
                &format!("leads epoch {epoch} without committed metadata"),
                [format!("{} was committed", words::batch(&last)), format!("it has {has} there")],
            );
        }
    }

    fn on_leader_high_watermark(&mut self, epoch: i32, offset: i64, step: &mut Step<'_>) {
        self.top_epoch = self.top_epoch.max(epoch);
        let start = self.starts.get(&epoch).copied();
        if start.is_none_or(|start| offset <= start) {
            step.breach(
                "K8",
                "committed before anything of its own epoch",
                [
                    format!("epoch {epoch} began at {start:?}"),
                    format!("its high watermark is {offset}"),
                ],
            );
        }
        let end = self.committed_end();
        if epoch == self.top_epoch && offset < end {
            step.breach(
                "K5",
                "moved the high watermark of the quorum back",
                [
                    format!("metadata was committed up to {end}"),
                    format!("its high watermark is {offset}"),
                ],
            );
        }
        let count = |reached: &dyn Fn(&Replica) -> bool| {
            let voters = self.voters.iter().filter_map(|voter| self.replicas.get(voter));
            voters.filter(|replica| reached(replica)).count()
        };
        let (has, synced) =
            (count(&|it| it.log.end() >= offset), count(&|it| it.flushed >= offset));
        let majority = self.voters.len() / 2 + 1;
        if has < majority && !self.any_wiped {
            step.breach(
                "K5",
                "committed what a majority does not have",
                [
                    format!("{has} of {} voters have {offset} on their disks", self.voters.len()),
                    format!("its high watermark is {offset}"),
                ],
            );
        }
        // A lone voter commits before it has synced.
        if synced < majority && self.voters.len() > 1 && !self.any_wiped {
            step.breach(
                "K4",
                "committed what a majority has not synced",
                [
                    format!("{synced} of {} voters have synced {offset}", self.voters.len()),
                    format!("its high watermark is {offset}"),
                ],
            );
        }
        self.commit(epoch, offset, step);
    }

    /// K3: what is committed is never committed otherwise.
    fn commit(&mut self, epoch: i32, offset: i64, step: &mut Step<'_>) {
        let end = self.committed_end();
        let reached = self.reached.entry(epoch).or_insert(0);
        *reached = offset.max(*reached);
        let replica = self.replicas.entry(step.host).or_default();
        replica.high_watermark = Some(offset);
        if let (Some(last), true) = (self.ledger.last(), offset >= end)
            && let Some(own) = replica.log.at(last.base).filter(|own| !own.is_same(last))
        {
            step.breach(
                "K3",
                "commits other metadata than what was committed",
                [
                    format!("{} was committed", words::batch(last)),
                    format!("it has {} there", words::batch(own)),
                ],
            );
        }
        let news: Vec<Stored> =
            replica.log.from(end).take_while(|batch| batch.last < offset).copied().collect();
        for batch in news {
            self.ledger.push(batch);
        }
    }

    fn on_follower_high_watermark(&mut self, offset: i64, step: &mut Step<'_>) {
        let end = self.committed_end();
        if offset > end {
            step.breach(
                "K5",
                "believes a high watermark that no leader has reached",
                [format!("metadata was committed up to {end}"), format!("it believes {offset}")],
            );
        }
        let replica = self.replicas.entry(step.host).or_default();
        let known = replica.high_watermark.replace(offset);
        if known.is_some_and(|known| known > offset) {
            step.breach(
                "K5",
                "moved its high watermark back",
                [format!("it knew {}", known.unwrap_or(0)), format!("it believes {offset}")],
            );
        }
        let place = self.ledger.partition_point(|batch| batch.last < offset);
        let Some(want) = place.checked_sub(1).and_then(|place| self.ledger.get(place)) else {
            return;
        };
        let own = replica.log.at(want.base);
        if replica.log.start() <= want.base && !own.is_some_and(|own| own.is_same(want)) {
            let has = own.map_or_else(|| "nothing".to_owned(), words::batch);
            step.breach(
                "K2",
                "has other metadata than what was committed",
                [format!("{} was committed", words::batch(want)), format!("it has {has} there")],
            );
        }
    }
}
