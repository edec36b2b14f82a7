//! Replicas that talk to each other at once, on disks in memory: no network, no lanes.
//!
//! Holds:      the replicas, their disks, and the judge of what they note.
//! Invariants: IN-1 a step whose disk fails says nothing, and its replica starts again from what is durable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::ids::{BrokerId, Offset, Uuid};
use trial_cluster::note::raft::{RaftNote, RaftRole};
use trial_cluster::raft::accumulator::AppendError;
use trial_cluster::raft::bootstrap::{self, Bootstrap};
use trial_cluster::raft::client::{Inbound, RaftClient};
use trial_cluster::raft::draws::Draws;
use trial_cluster::raft::effect::{Effect, RaftEvent, ReplyToken, Step};
use trial_cluster::raft::fault::RaftFault;
use trial_cluster::raft::log::RaftLog;
use trial_cluster::raft::message::{Envelope, Request, Response};
use trial_cluster::raft::requests::Peer;
use trial_cluster::raft::settings::RaftSettings;
use trial_cluster::raft::store::RaftStore;
use trial_cluster::raft::voters::{Endpoint, ReplicaKey, VoterNode, VoterSet};
use trial_sim::{Span, Time};

use super::checks::{Batch, Checks};
use super::crash_disk::CrashDisk;

pub const WALL_MS: i64 = 1_767_225_600_000;

/// Under which token a test asks.
const ASKED: ReplyToken = ReplyToken(u64::MAX);

/// The replica `id` in the directory that tests give it.
pub fn key(id: i32) -> ReplicaKey {
    ReplicaKey::new(BrokerId(id), Uuid(1_000 + u128::from(id.unsigned_abs())))
}

/// The voters `ids`, voter `id` on host `c<id>`.
pub fn voters(ids: &[i32]) -> VoterSet {
    let host = |id: i32| Endpoint::controller(&format!("c{id}"), 9093);
    VoterSet::new(ids.iter().map(|&id| VoterNode::new(key(id), host(id))))
}

pub struct Replica {
    pub client: Option<RaftClient>,
    store: Option<RaftStore>,
    pub disk: CrashDisk,
    draws: Draws,
    seed: u64,
    due: Time,
}

/// A quorum in which every message arrives at once, or never.
pub struct Cluster {
    pub now: Time,
    voting: Vec<i32>,
    pub replicas: BTreeMap<i32, Replica>,
    pub down: BTreeSet<i32>,
    pub events: BTreeMap<i32, Vec<RaftEvent>>,
    pub notes: Vec<(i32, RaftNote)>,
    pub replies: Vec<Response>,
    pub checks: Checks,
    /// Starts after a power failure.
    pub restarts: u32,
}

impl Cluster {
    /// Replicas `ids`, of which `voting` vote; formatted and started.
    pub fn new(ids: &[i32], voting: &[i32]) -> Self {
        let mut cluster = Self::formatted(ids, voting);
        for &id in ids {
            cluster.open(id);
        }
        cluster
    }

    /// The same, not started.
    pub fn formatted(ids: &[i32], voting: &[i32]) -> Self {
        let mut cluster = Self {
            now: Time(1_000_000_000),
            voting: voting.to_vec(),
            replicas: BTreeMap::new(),
            down: BTreeSet::new(),
            events: BTreeMap::new(),
            notes: Vec::new(),
            replies: Vec::new(),
            checks: Checks::new(voting.iter().copied()),
            restarts: 0,
        };
        for &id in ids {
            let mut disk = CrashDisk::default();
            if voting.contains(&id) {
                let content = Bootstrap { voters: Some(voters(voting)), records: Vec::new() };
                bootstrap::format(&mut disk, &content, WALL_MS).expect("the disk works");
            }
            let seed = u64::from(id.unsigned_abs()) << 32;
            let (client, store, draws) = (None, None, Draws::default());
            let due = Time(1_000_000_000);
            cluster.replicas.insert(id, Replica { client, store, disk, draws, seed, due });
        }
        cluster
    }

    fn settings(&self, id: i32) -> Arc<RaftSettings> {
        let host = |id: i32| Endpoint::controller(&format!("c{id}"), 9093);
        let mut settings = RaftSettings::new(key(id), host(id), "cluster");
        settings.bootstrap_servers = self.voting.iter().map(|&id| host(id)).collect();
        Arc::new(settings)
    }

    /// Starts a replica from its disk, again and again if the power fails meanwhile.
    pub fn open(&mut self, id: i32) {
        let mut effects = Vec::new();
        while self.try_open(id, &mut effects).is_err() {
            effects.clear();
            self.fail_power(id);
        }
        self.settle(id, effects, &mut VecDeque::new());
    }

    fn fail_power(&mut self, id: i32) {
        let replica = self.replicas.get_mut(&id).expect("it exists");
        assert!(replica.disk.fails_at.is_some(), "only a power failure stops a replica here");
        replica.disk.power_loss();
        (replica.client, replica.store) = (None, None);
        self.restarts += 1;
    }

    fn try_open(&mut self, id: i32, effects: &mut Vec<Effect>) -> Result<(), RaftFault> {
        let settings = self.settings(id);
        let now = self.now;
        let replica = self.replicas.get_mut(&id).expect("it exists");
        let (mut store, opened) = RaftStore::open(&mut replica.disk, 1 << 30, WALL_MS)?;
        replica.draws.top_up(|| next(&mut replica.seed));
        let mut log = store.on(&mut replica.disk, WALL_MS);
        let found = log.read_batches(Offset::ZERO, log.end_offset())?;
        let batch = |batch: &trial_cluster::raft::log::LogBatch| Batch {
            base: batch.base_offset.0,
            last: batch.last_offset.0,
            epoch: batch.epoch.0,
            crc: batch.crc,
        };
        let found = found.iter().map(batch).collect();
        let draws = &mut replica.draws;
        let mut step = Step { now, wall_ms: WALL_MS, uptime: now, log: &mut log, draws, effects };
        let client = RaftClient::open(settings, opened, &mut step)?;
        (replica.client, replica.store) = (Some(client), Some(store));
        replica.due = now;
        self.checks.on_opened(id, found);
        Ok(())
    }

    /// Stops a replica without a word, and starts it from what it has written.
    pub fn restart(&mut self, id: i32) {
        self.open(id);
        self.down.remove(&id);
    }

    pub fn replica(&self, id: i32) -> &RaftClient {
        self.replicas[&id].client.as_ref().expect("it was started")
    }

    pub fn role(&self, id: i32) -> RaftRole {
        self.replica(id).quorum().role()
    }

    /// Hands a message to a replica, and everything that follows from it to the others.
    pub fn deliver(&mut self, id: i32, message: Option<Inbound>) {
        let mut queue = VecDeque::from([(id, message)]);
        while let Some((id, message)) = queue.pop_front() {
            if self.down.contains(&id) {
                continue;
            }
            let flush = self.half(id, &mut queue, |client, step| {
                let wait = client.step(message, step)?;
                let due = Time(step.now.0.saturating_add(wait.0));
                let due = client.next_expiry().map_or(due, |expiry| due.min(expiry));
                Ok((due, client.take_flush()))
            });
            let Some((due, is_flush_due)) = flush else { continue };
            self.replicas.get_mut(&id).expect("it exists").due = due;
            if is_flush_due {
                self.half(id, &mut queue, |client, step| client.on_flushed(step));
            }
        }
    }

    /// One job; none if the power failed in it (IN-1).
    fn half<T>(
        &mut self,
        id: i32,
        queue: &mut VecDeque<(i32, Option<Inbound>)>,
        work: impl FnOnce(&mut RaftClient, &mut Step<'_>) -> Result<T, RaftFault>,
    ) -> Option<T> {
        let mut effects = Vec::new();
        let now = self.now;
        let replica = self.replicas.get_mut(&id).expect("it exists");
        replica.draws.top_up(|| next(&mut replica.seed));
        let store = replica.store.as_mut().expect("it was started");
        let mut log = store.on(&mut replica.disk, WALL_MS);
        let (draws, effects_of) = (&mut replica.draws, &mut effects);
        let log = &mut log;
        let mut step = Step { now, wall_ms: WALL_MS, uptime: now, log, draws, effects: effects_of };
        match work(replica.client.as_mut().expect("it was started"), &mut step) {
            Ok(done) => {
                self.settle(id, effects, queue);
                Some(done)
            }
            Err(fault) => {
                if replica.disk.fails_at.is_some() {
                    self.fail_power(id);
                    self.open(id);
                } else {
                    // The process halts, and nobody starts it again.
                    self.checks.violations.push(format!("{id} halts: {fault:?}"));
                    self.down.insert(id);
                }
                None
            }
        }
    }

    fn settle(
        &mut self,
        id: i32,
        effects: Vec<Effect>,
        queue: &mut VecDeque<(i32, Option<Inbound>)>,
    ) {
        for effect in effects {
            match effect {
                Effect::Note(note) => {
                    self.checks.on_note(id, &note);
                    self.notes.push((id, note));
                }
                Effect::Event(event) => self.events.entry(id).or_default().push(event),
                Effect::Reply(ASKED, response) => self.replies.push(response),
                Effect::Reply(token, response) => {
                    let to = i32::try_from(token.0 >> 40).expect("small");
                    let peer = i32::try_from((token.0 >> 32) & 255).expect("small") - 100;
                    let from = Peer { id: BrokerId(peer), endpoint: Endpoint::controller("", 0) };
                    let (correlation, response) = (token.0 & 0xffff_ffff, Box::new(response));
                    queue.push_back((to, Some(Inbound::Response(from, correlation, response))));
                }
                Effect::Send { to, correlation, request } => {
                    let receiver = to.endpoint.host[1..].parse().expect("c1, c2, ..");
                    let from = u64::from(id.unsigned_abs()) << 40;
                    let peer = u64::try_from(to.id.0 + 100).expect("small") << 32;
                    let token = ReplyToken(from | peer | correlation);
                    queue.push_back((receiver, Some(Inbound::Request(token, envelope(request)))));
                }
            }
        }
    }

    fn up(&self) -> impl Iterator<Item = (i32, &Replica)> {
        let all = self.replicas.iter().map(|(id, replica)| (*id, replica));
        all.filter(|(id, replica)| !self.down.contains(id) && replica.client.is_some())
    }

    /// Lets time pass until `done`; false if it has not come true after a minute.
    pub fn run_until_within_a_minute(&mut self, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + Span::from_secs(60);
        while !done(self) {
            let (at, id) =
                self.up().map(|(id, replica)| (replica.due, id)).min().expect("one is up");
            if at > end {
                return false;
            }
            self.now = self.now.max(at) + Span::from_millis(1);
            self.deliver(id, None);
        }
        true
    }

    /// Lets time pass until `done`.
    #[track_caller]
    pub fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        let came_true = self.run_until_within_a_minute(done);
        assert!(came_true, "it never came true: {:?}", &self.notes[self.notes.len() - 9..]);
    }

    pub fn leader(&self) -> Option<i32> {
        let quorum = |id: i32| self.replica(id).quorum();
        let leaders = self.up().filter(|(id, _)| quorum(*id).role() == RaftRole::Leader);
        leaders.max_by_key(|(id, _)| quorum(*id).epoch()).map(|(id, _)| id)
    }

    pub fn all_reached(&self, offset: i64) -> bool {
        self.up().all(|(id, _)| self.replica(id).high_watermark() >= Some(Offset(offset)))
    }

    /// Appends one record where somebody leads.
    pub fn append(&mut self) -> Result<Offset, AppendError> {
        let Some(id) = self.leader() else { return Err(AppendError::NotLeader) };
        let now = self.now;
        let replica = self.replicas.get_mut(&id).expect("it exists");
        let client = replica.client.as_mut().expect("it leads");
        let epoch = client.quorum().epoch();
        let offset = client.schedule_append(epoch, vec![Bytes::from_static(b"x")], now, WALL_MS);
        self.deliver(id, None);
        offset
    }

    /// Asks a replica something; wants an answer at once.
    #[track_caller]
    pub fn ask(&mut self, id: i32, request: Request) -> Response {
        self.deliver(id, Some(Inbound::Request(ASKED, envelope(request))));
        self.replies.pop().expect("an answer at once")
    }

    /// The same with an envelope of the test's own.
    pub fn post(&mut self, id: i32, envelope: Envelope) {
        self.deliver(id, Some(Inbound::Request(ASKED, envelope)));
    }
}

fn envelope(request: Request) -> Envelope {
    Envelope { cluster_id: Some(Arc::from("cluster")), api: request.api(), request: Some(request) }
}

fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed ^ (*seed >> 29)
}
