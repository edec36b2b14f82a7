//! Replicas that talk to each other at once, on disks in memory: no network, no lanes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use trial_log::MemoryDisk;

use super::super::bootstrap::{self, Bootstrap};
use super::super::draws::Draws;
use super::super::message::{OffsetAndEpoch, ResponseBody, Vote};
use super::super::store::RaftStore;
use super::super::voters::tests::{key, node, voters};
use super::super::voters::{Endpoint, ReplicaKey};
use super::*;

const WALL_MS: i64 = 1_767_225_600_000;

#[derive(Debug)]
struct Replica {
    client: RaftClient,
    store: RaftStore,
    disk: MemoryDisk,
    draws: Draws,
    seed: u64,
    due: Time,
}

/// A quorum in which every message arrives at once, or never.
struct Cluster {
    now: Time,
    replicas: BTreeMap<i32, Replica>,
    down: BTreeSet<i32>,
    events: BTreeMap<i32, Vec<RaftEvent>>,
    notes: Vec<(i32, RaftNote)>,
    replies: Vec<Response>,
}

/// Under which token a test asks.
const ASKED: ReplyToken = ReplyToken(u64::MAX);

impl Cluster {
    /// Replicas `ids`, of which `voting` vote.
    fn new(ids: &[i32], voting: &[i32]) -> Self {
        let mut cluster = Self {
            now: Time(1_000_000_000),
            replicas: BTreeMap::new(),
            down: BTreeSet::new(),
            events: BTreeMap::new(),
            notes: Vec::new(),
            replies: Vec::new(),
        };
        for &id in ids {
            let mut disk = MemoryDisk::new();
            if voting.contains(&id) {
                let content = Bootstrap { voters: Some(voters(voting)), records: Vec::new() };
                bootstrap::format(&mut disk, &content, WALL_MS).expect("the disk works");
            }
            cluster.open(id, disk, voting);
        }
        cluster
    }

    fn open(&mut self, id: i32, mut disk: MemoryDisk, voting: &[i32]) {
        let endpoint = node(id).endpoints.remove(0);
        let mut settings = RaftSettings::new(key(id), endpoint, "cluster");
        let host = |id: &i32| Endpoint::controller(&format!("c{id}"), 9093);
        settings.bootstrap_servers = voting.iter().map(host).collect();
        let (mut store, opened) =
            RaftStore::open(&mut disk, 1 << 30, WALL_MS).expect("the disk works");
        let (mut draws, mut seed) = (Draws::default(), u64::from(id.unsigned_abs()) << 32);
        let mut effects = Vec::new();
        draws.top_up(|| next(&mut seed));
        let mut log = store.on(&mut disk, WALL_MS);
        let mut step = Step {
            now: self.now,
            wall_ms: WALL_MS,
            uptime: self.now,
            log: &mut log,
            draws: &mut draws,
            effects: &mut effects,
        };
        let client = RaftClient::open(Arc::new(settings), opened, &mut step).expect("it opens");
        self.replicas.insert(id, Replica { client, store, disk, draws, seed, due: self.now });
        self.settle(id, effects, &mut VecDeque::new());
    }

    /// A crash that keeps the disk.
    fn restart(&mut self, id: i32, voting: &[i32]) {
        let replica = self.replicas.remove(&id).expect("it exists");
        self.open(id, replica.disk, voting);
        self.down.remove(&id);
    }

    fn replica(&self, id: i32) -> &RaftClient {
        &self.replicas[&id].client
    }

    /// Hands a message to a replica, and everything that follows from it to the others.
    fn deliver(&mut self, id: i32, message: Option<Inbound>) {
        let mut queue = VecDeque::from([(id, message)]);
        while let Some((id, message)) = queue.pop_front() {
            if self.down.contains(&id) {
                continue;
            }
            let effects = self.step(id, message);
            self.settle(id, effects, &mut queue);
        }
    }

    fn step(&mut self, id: i32, message: Option<Inbound>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let replica = self.replicas.get_mut(&id).expect("it exists");
        replica.draws.top_up(|| next(&mut replica.seed));
        let mut log = replica.store.on(&mut replica.disk, WALL_MS);
        let mut step = Step {
            now: self.now,
            wall_ms: WALL_MS,
            uptime: self.now,
            log: &mut log,
            draws: &mut replica.draws,
            effects: &mut effects,
        };
        let mut wait = replica.client.step(message, &mut step).expect("it goes on");
        if replica.client.take_flush() {
            replica.client.on_flushed(&mut step).expect("the disk works");
        }
        if let Some(until) = replica.client.next_expiry() {
            wait = wait.min(until.since(self.now));
        }
        replica.due = Time(self.now.0.saturating_add(wait.0));
        effects
    }

    fn settle(
        &mut self,
        id: i32,
        effects: Vec<Effect>,
        queue: &mut VecDeque<(i32, Option<Inbound>)>,
    ) {
        for effect in effects {
            match effect {
                Effect::Note(note) => self.notes.push((id, note)),
                Effect::Event(event) => self.events.entry(id).or_default().push(event),
                Effect::Reply(ASKED, response) => self.replies.push(response),
                Effect::Reply(token, response) => {
                    let to = i32::try_from(token.0 >> 40).expect("small");
                    let peer = i32::try_from(token.0 >> 32 & 255).expect("small") - 100;
                    let from = Peer { id: BrokerId(peer), endpoint: Endpoint::controller("", 0) };
                    let response = Box::new(response);
                    let inbound = Inbound::Response(from, token.0 & 0xffff_ffff, response);
                    queue.push_back((to, Some(inbound)));
                }
                Effect::Send { to, correlation, request } => {
                    let receiver = to.endpoint.host[1..].parse().expect("c1, c2, ..");
                    let from = u64::from(id.unsigned_abs()) << 40;
                    let peer = u64::try_from(to.id.0 + 100).expect("small") << 32;
                    let envelope = Envelope {
                        cluster_id: Some(Arc::from("cluster")),
                        api: request.api(),
                        request: Some(request),
                    };
                    let token = ReplyToken(from | peer | correlation);
                    queue.push_back((receiver, Some(Inbound::Request(token, envelope))));
                }
            }
        }
    }

    /// Lets time pass until `done`, at most ten minutes.
    #[track_caller]
    fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        let end = self.now + Span::from_secs(600);
        while !done(self) {
            let up = self.replicas.iter().filter(|(id, _)| !self.down.contains(id));
            let (at, id) = up.map(|(id, replica)| (replica.due, *id)).min().expect("one is up");
            assert!(at < end, "it never came true: {:?}", self.notes.iter().rev().take(9));
            self.now = self.now.max(at) + Span::from_millis(1);
            self.deliver(id, None);
        }
    }

    fn leader(&self) -> Option<i32> {
        let up = self.replicas.iter().filter(|(id, _)| !self.down.contains(id));
        let leads = |client: &RaftClient| client.quorum().role() == RaftRole::Leader;
        up.filter(|(_, replica)| leads(&replica.client))
            .max_by_key(|(_, replica)| replica.client.quorum().epoch())
            .map(|(id, _)| *id)
    }

    fn all_reached(&self, offset: i64) -> bool {
        let mut up = self.replicas.iter().filter(|(id, _)| !self.down.contains(id));
        up.all(|(_, replica)| replica.client.high_watermark() >= Some(Offset(offset)))
    }

    /// Appends one record where somebody leads.
    fn append(&mut self) -> Result<Offset, AppendError> {
        let id = self.leader().expect("somebody leads");
        let now = self.now;
        let client = &mut self.replicas.get_mut(&id).expect("it exists").client;
        let epoch = client.quorum().epoch();
        let offset = client.schedule_append(epoch, vec![Bytes::from_static(b"x")], now, WALL_MS);
        self.deliver(id, None);
        offset
    }

    /// Asks a replica something; wants an answer at once.
    #[track_caller]
    fn ask(&mut self, id: i32, request: Request) -> Response {
        let cluster_id = Some(Arc::from("cluster"));
        let envelope = Envelope { cluster_id, api: request.api(), request: Some(request) };
        self.deliver(id, Some(Inbound::Request(ASKED, envelope)));
        self.replies.pop().expect("an answer at once")
    }
}

fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed ^ *seed >> 29
}

fn vote(candidate: i32, epoch: i32, end: (i32, i64), voter: i32, pre_vote: bool) -> Request {
    Request::Vote(Vote {
        candidate: key(candidate),
        epoch: LeaderEpoch(epoch),
        log_end: OffsetAndEpoch { epoch: LeaderEpoch(end.0), offset: Offset(end.1) },
        voter: Some(key(voter)),
        pre_vote,
    })
}

#[test]
fn voters_elect_a_leader_that_commits_its_first_record() {
    for count in 1..=5 {
        let ids: Vec<i32> = (1..=count).collect();
        let mut cluster = Cluster::new(&ids, &ids);
        cluster.run_until(|cluster| cluster.all_reached(3));
        let leader = cluster.leader().expect("somebody leads");
        assert!(cluster.append().is_ok(), "the leader writes");
        cluster.run_until(|cluster| cluster.all_reached(4));
        let told = cluster.events[&leader].last();
        assert!(matches!(told, Some(RaftEvent::Committed { .. })), "{count}: {told:?}");
        let change = cluster.events[&leader]
            .iter()
            .position(|event| matches!(event, RaftEvent::LeaderChange { is_me: true, .. }));
        assert!(change > Some(1), "{count}: it hears of its leadership after what is committed");
    }
}

#[test]
fn observers_follow_and_learn_the_voters_from_the_log() {
    let mut cluster = Cluster::new(&[1, 2, 3, 7], &[1, 2, 3]);
    cluster.run_until(|cluster| cluster.all_reached(3));
    assert_eq!(cluster.replica(7).quorum().voter_set(), voters(&[1, 2, 3]));
    let stood = cluster.notes.iter().any(|(id, note)| {
        let role = match note {
            RaftNote::Transition { role, .. } => *role,
            _ => return false,
        };
        *id == 7 && !matches!(role, RaftRole::Unattached | RaftRole::Follower)
    });
    assert!(!stood, "K11: an observer stood for election");
}

#[test]
fn a_deposed_leader_cuts_what_was_not_committed() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[1, 2, 3]);
    cluster.run_until(|cluster| cluster.all_reached(3));
    let old = cluster.leader().expect("somebody leads");
    cluster.down.extend([1, 2, 3].into_iter().filter(|id| *id != old));
    let lost = cluster.append().expect("it still leads");
    cluster.run_until(|cluster| cluster.replica(old).quorum().role() == RaftRole::Resigned);
    assert_eq!(cluster.events[&old].last(), Some(&RaftEvent::Resigned { epoch: LeaderEpoch(1) }));
    cluster.down = BTreeSet::from([old]);
    for id in [1, 2, 3].into_iter().filter(|id| *id != old) {
        cluster.restart(id, &[1, 2, 3]);
    }
    cluster.run_until(|cluster| cluster.all_reached(4));
    cluster.restart(old, &[1, 2, 3]);
    cluster.run_until(|cluster| cluster.all_reached(4));
    let cut = RaftNote::Truncated { from: lost.next(), to: lost };
    assert!(cluster.notes.contains(&(old, cut)), "{:?}", cluster.notes);
}

#[test]
fn a_stopping_leader_hands_over_at_once() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[1, 2, 3]);
    cluster.run_until(|cluster| cluster.all_reached(3));
    let old = cluster.leader().expect("somebody leads");
    let (now, begun) = (cluster.now, cluster.now);
    cluster.replicas.get_mut(&old).expect("it exists").client.begin_shutdown(now);
    cluster.deliver(old, None);
    cluster.run_until(|cluster| cluster.leader().is_some_and(|leader| leader != old));
    assert!(cluster.now.since(begun) < Span::from_millis(100), "{}", cluster.now.since(begun));
    cluster.run_until(|cluster| cluster.replica(old).is_shut_down());
    assert_eq!(cluster.events[&old].last(), Some(&RaftEvent::ShutDown));
}

#[test]
fn a_vote_is_on_disk_when_it_is_given_and_is_kept_after_a_restart() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[1, 2, 3]);
    let granted = |response: &Response| response.body == ResponseBody::Vote { granted: true };
    cluster.down.extend([2, 3]);
    let first = cluster.ask(1, vote(2, 5, (0, 0), 1, false));
    assert!(granted(&first), "{first:?}");
    let file = cluster.replicas[&1].disk.contents("__cluster_metadata-0/quorum-state");
    let file = std::str::from_utf8(file.expect("it was written")).expect("text");
    let stored = ElectionState::from_json(file).expect("it can be read");
    assert_eq!((stored.epoch, stored.voted), (LeaderEpoch(5), Some(key(2))), "K7");
    cluster.restart(1, &[1, 2, 3]);
    assert!(!granted(&cluster.ask(1, vote(3, 5, (0, 0), 1, false))), "K7: to another");
    assert!(granted(&cluster.ask(1, vote(2, 5, (0, 0), 1, false))), "the same again");
    assert!(granted(&cluster.ask(1, vote(3, 6, (0, 0), 1, false))), "another epoch");
}

#[test]
fn requests_that_are_stale_or_meant_for_others_are_refused() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[1, 2, 3]);
    cluster.down.extend([2, 3]);
    let mut error = |request| cluster.ask(1, request).error;
    assert_eq!(error(vote(2, 5, (0, 0), 1, false)), ErrorCode::None);
    assert_eq!(error(vote(2, 4, (0, 0), 1, false)), ErrorCode::FencedLeaderEpoch);
    assert_eq!(error(vote(2, 6, (6, 0), 1, false)), ErrorCode::InvalidRequest, "its own epoch");
    assert_eq!(error(vote(2, 6, (6, 0), 1, true)), ErrorCode::None, "not so a pre-vote");
    assert_eq!(error(vote(2, 6, (0, -1), 1, false)), ErrorCode::InvalidRequest);
    assert_eq!(error(vote(2, 7, (0, 0), 3, false)), ErrorCode::InvalidVoterKey);
    assert_eq!(
        cluster.replica(1).quorum().epoch(),
        LeaderEpoch(7),
        "the epoch is news all the same"
    );
}

#[test]
fn a_request_of_another_cluster_is_refused_before_it_is_read() {
    let mut cluster = Cluster::new(&[1], &[1]);
    let request = vote(2, 9, (0, 0), 1, false);
    let cluster_id = Some(Arc::from("another"));
    let envelope = Envelope { cluster_id, api: request.api(), request: Some(request) };
    cluster.deliver(1, Some(Inbound::Request(ASKED, envelope)));
    let want = Response::failed(Api::Vote, ErrorCode::InconsistentClusterId);
    assert_eq!(cluster.replies, [want]);
    assert_eq!(cluster.replica(1).quorum().epoch(), LeaderEpoch(1), "nothing was learned from it");
}

#[test]
fn successors_wait_the_longer_the_shorter_their_log() {
    use super::super::message::EndQuorumEpoch;
    let all: Vec<ReplicaKey> = (1..=4).map(key).collect();
    for (id, want_ms) in [(1, 0), (2, 125), (3, 250), (4, 500), (5, 1_000)] {
        let mut cluster = Cluster::new(&[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5, 6]);
        cluster.down.extend((1..=6).filter(|other| *other != id));
        cluster.ask(
            id,
            Request::EndQuorumEpoch(EndQuorumEpoch {
                leader: BrokerId(6),
                epoch: LeaderEpoch(3),
                leader_endpoint: None,
                preferred_candidates: all.clone(),
            }),
        );
        let begun = cluster.now;
        cluster.run_until(|cluster| cluster.replica(id).quorum().role() == RaftRole::Prospective);
        let waited = cluster.now.since(begun).as_millis();
        assert!((want_ms..=want_ms + 30).contains(&waited), "{id}: {waited} ms");
    }
}
