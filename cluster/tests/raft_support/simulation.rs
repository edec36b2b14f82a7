//! A quorum of whole nodes in a World: real bytes, lanes, disks that lose power.
//!
//! In Kafka:   the `Cluster`, `MessageRouter` and `EventScheduler` of `RaftEventSimulationTest`, with its constants.
//! Holds:      the World, what is broken between hosts, the judge of the notes.
//! Invariants: SI-1 the judge sees every event before the next one happens.

use std::collections::BTreeSet;
use std::sync::Arc;

use trial_cluster::ids::{BrokerId, Uuid};
use trial_cluster::note::Note;
use trial_cluster::note::raft::{RaftNote, RaftRole};
use trial_cluster::raft::bootstrap::Bootstrap;
use trial_cluster::raft::program::{RaftProgram, RaftProgramSpec};
use trial_cluster::raft::settings::RaftSettings;
use trial_cluster::raft::voters::{Endpoint, ReplicaKey, VoterNode, VoterSet};
use trial_log::Batches;
use trial_sim::disk::{DiskSettings, PowerLossOdds};
use trial_sim::{
    CrashKind, DiskId, FaultId, HostId, HostSpec, Plan, Program, Seen, Span, Time, World,
    WorldSettings,
};

use super::checks::{Batch, Checks};

/// Kafka's numbers: `ELECTION_TIMEOUT_MS` to `LINGER_MS`.
const ELECTION_TIMEOUT: Span = Span::from_millis(1_000);
const ELECTION_BACKOFF_MAX: Span = Span::from_millis(100);
pub const FETCH_TIMEOUT: Span = Span::from_millis(3_000);
const RETRY_BACKOFF: Span = Span::from_millis(50);
const REQUEST_TIMEOUT: Span = Span::from_millis(3_000);
const FETCH_MAX_WAIT: Span = Span::from_millis(100);
const SHUTDOWN_TIMEOUT: Span = Span::from_millis(500);
/// A leader appends every 2 to 4 ms.
const INCREMENT_EVERY: Span = Span::from_millis(2);
/// Nothing here takes longer.
const PATIENCE: Span = Span::from_secs(120);

const LOG: &str = "__cluster_metadata-0/00000000000000000000.log";

/// What a scenario is played with.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    pub seed: u64,
    pub voters: i32,
    pub observers: i32,
    pub is_graceful: bool,
}

impl Draw {
    /// The numbers of nodes that a seed stands for.
    pub fn of(seed: u64, voters: (i32, i32), observers: (i32, i32)) -> Self {
        let plan = Plan::new(seed);
        let between = |name: &str, (low, high): (i32, i32)| {
            let count = u64::try_from(high - low + 1).expect("low is not above high");
            let drawn = plan.below("raft-simulation", name, 0, count);
            low + i32::try_from(drawn).expect("a small number")
        };
        Self {
            seed,
            voters: between("voters", voters),
            observers: between("observers", observers),
            is_graceful: between("graceful", (0, 1)) == 1,
        }
    }
}

/// A quorum in a World.
pub struct Simulation {
    pub world: World<Note>,
    pub draw: Draw,
    hosts: Vec<HostId>,
    cuts: Vec<FaultId>,
    seen: Vec<Seen<Note>>,
    pub checks: Checks,
    /// The first leader with its epoch, if it must stay the only one.
    stable: Option<Option<(i32, i32)>>,
    pub truncations: u32,
}

impl Simulation {
    /// Nodes 0, 1, ..: the voters first. Not started.
    pub fn new(draw: Draw) -> Self {
        let mut world = World::new(draw.seed, WorldSettings::default());
        let hosts = (0..draw.voters + draw.observers).map(|id| {
            // Kafka's kills lose all that is unsynced; every other seed keeps some of it, or tears it.
            let lossy = PowerLossOdds { kept: 0, lost: 1, torn: 0 };
            let power_loss =
                if draw.seed.is_multiple_of(2) { lossy } else { PowerLossOdds::default() };
            let disk = DiskSettings { power_loss, ..DiskSettings::default() };
            let program = spec(id, draw.voters);
            let factory: trial_sim::Factory<Note> = Arc::new(move |_| {
                let program: Box<dyn Program<Note>> = Box::new(RaftProgram::new(&program));
                program
            });
            world.add_host(&host_name(id), HostSpec::new(factory).with_disks(vec![disk]))
        });
        let hosts = hosts.collect();
        Self {
            world,
            draw,
            hosts,
            cuts: Vec::new(),
            seen: Vec::new(),
            checks: Checks::new(0..draw.voters),
            stable: None,
            truncations: 0,
        }
    }

    pub fn start_all(&mut self) {
        for &host in &self.hosts {
            self.world.boot(host);
        }
    }

    pub fn ids(&self) -> impl Iterator<Item = i32> + use<> {
        0..self.draw.voters + self.draw.observers
    }

    fn host(&self, id: i32) -> HostId {
        self.hosts[usize::try_from(id).expect("ids are not negative")]
    }

    /// From here on the first leader has to stay (Kafka's StableLeadership).
    pub fn require_stable_leadership(&mut self) {
        self.stable = Some(None);
    }

    // Faults.

    /// The power fails: everything unsynced is lost.
    pub fn kill(&mut self, id: i32) {
        if self.draw.voters == 1 {
            // A single voter commits before it has synced (LD-1): Kafka's test never stops it in between.
            self.run_until("the log is synced", |simulation| {
                let replica = simulation.checks.replicas.get(&id);
                replica.is_none_or(|replica| replica.synced >= replica.end())
            });
        }
        self.world.crash(self.host(id), CrashKind::PowerLoss);
        self.observe();
    }

    pub fn start(&mut self, id: i32) {
        self.world.restart(self.host(id));
    }

    pub fn shut_down(&mut self, id: i32) {
        self.world.stop(self.host(id));
    }

    /// The power fails, and the disk is replaced by one that is formatted as the first was.
    pub fn kill_and_wipe(&mut self, id: i32) {
        self.world.crash(self.host(id), CrashKind::PowerLoss);
        self.observe();
        assert!(self.world.wipe(self.host(id), None).is_some(), "it is down");
        self.checks.on_wiped(id);
    }

    /// Nothing passes between one of `some` and one of `others`.
    pub fn cut(&mut self, some: &[i32], others: &[i32]) {
        for &one in some {
            for &other in others {
                let (one, other) = (self.host(one), self.host(other));
                self.cuts.push(self.world.cut(one, other));
                self.cuts.push(self.world.cut(other, one));
            }
        }
    }

    /// Nothing passes between `id` and any other node.
    pub fn isolate(&mut self, id: i32) {
        let others: Vec<i32> = self.ids().filter(|other| *other != id).collect();
        self.cut(&[id], &others);
    }

    pub fn heal(&mut self) {
        for cut in std::mem::take(&mut self.cuts) {
            self.world.heal(cut);
        }
    }

    // What can be seen.

    pub fn program(&self, id: i32) -> Option<&RaftProgram> {
        self.world.program(self.host(id))?.as_any().downcast_ref()
    }

    fn running(&self) -> impl Iterator<Item = (i32, &RaftProgram)> {
        self.ids().filter_map(|id| Some((id, self.program(id)?)))
    }

    pub fn is_running(&self, id: i32) -> bool {
        self.program(id).is_some()
    }

    pub fn high_watermark(&self, id: i32) -> i64 {
        let program = self.program(id);
        let known = program.and_then(|program| program.raft().high_watermark());
        known.map_or(0, |offset| offset.0)
    }

    pub fn all_reached(&self, offset: i64) -> bool {
        self.running().all(|(id, _)| self.high_watermark(id) >= offset)
    }

    pub fn these_reached(&self, offset: i64, ids: &[i32]) -> bool {
        ids.iter().all(|&id| self.high_watermark(id) >= offset)
    }

    pub fn any_reached(&self, offset: i64) -> bool {
        self.running().any(|(id, _)| self.high_watermark(id) > offset)
    }

    pub fn highest(&self, ids: impl IntoIterator<Item = i32>) -> i64 {
        ids.into_iter().map(|id| self.high_watermark(id)).max().unwrap_or(0)
    }

    pub fn longest_log(&self) -> i64 {
        let ends = self.running().map(|(_, program)| program.raft().published().log_end_offset.0);
        ends.max().unwrap_or(0)
    }

    /// The leader of the latest epoch that anybody is in.
    pub fn latest_leader(&self) -> Option<i32> {
        let mut latest = (0, None);
        for (_, program) in self.running() {
            let (leader, epoch) = program.raft().leader_and_epoch();
            if epoch.0 > latest.0 || epoch.0 == latest.0 && leader.is_some() {
                latest = (epoch.0, leader.map(|id| id.0));
            }
        }
        latest.1
    }

    /// Whether all that run agree on a leader and its epoch.
    pub fn has_consistent_leader(&self) -> bool {
        let views = self.running().map(|(_, program)| program.raft().leader_and_epoch());
        let views: BTreeSet<_> = views.collect();
        views.len() == 1 && views.first().is_some_and(|(leader, _)| leader.is_some())
    }

    // The passing of time.

    /// Handles events until `done`, which is asked whenever anything was noted.
    #[track_caller]
    pub fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.world.now() + PATIENCE;
        while !done(self) {
            loop {
                assert!(self.world.step(), "{:?}: nothing happens any more", self.draw);
                assert!(self.world.now() < end, "{:?}: never: {what}", self.draw);
                if self.observe() {
                    break;
                }
            }
        }
    }

    /// Handles the events of a span.
    pub fn run_for(&mut self, span: Span) {
        let end = self.world.now() + span;
        while self.world.next_time().is_some_and(|next| next <= end) && self.world.step() {
            self.observe();
        }
        self.world.run_until(end);
        self.observe();
    }

    /// Judges what was seen; answers whether there was anything to judge.
    #[track_caller]
    fn observe(&mut self) -> bool {
        let mut seen = std::mem::take(&mut self.seen);
        self.world.drain_seen(&mut seen);
        let mut is_news = false;
        for seen in seen.drain(..) {
            match seen {
                Seen::Note { host, note: Note::Raft(note), .. } => {
                    self.on_note(i32::from(host.0), &note);
                    is_news = true;
                }
                Seen::Stopped { host, halt, .. } => {
                    assert!(halt.is_none(), "{:?}: {host:?} halts: {halt:?}", self.draw);
                    is_news = true;
                }
                Seen::Crashed { .. } | Seen::Booted { .. } => is_news = true,
                _ => {}
            }
        }
        self.seen = seen;
        assert!(
            self.checks.violations.is_empty(),
            "{:?} at {}: {:#?}",
            self.draw,
            self.world.now(),
            self.checks.violations
        );
        is_news
    }

    fn on_note(&mut self, id: i32, note: &RaftNote) {
        if let RaftNote::Opened { end, .. } = note {
            let found = self.read_log(id).into_iter().filter(|batch| batch.last < end.0).collect();
            self.checks.on_opened(id, found);
        }
        self.truncations += u32::from(matches!(note, RaftNote::Truncated { .. }));
        if let RaftNote::Transition { epoch, leader: Some(leader), .. } = note
            && let Some(first) = &mut self.stable
        {
            let now = (leader.0, epoch.0);
            let first = *first.get_or_insert(now);
            assert!(first == now, "{:?}: leader {now:?} after {first:?}", self.draw);
        }
        self.checks.on_note(id, note);
    }

    /// The batches that are on a disk, read without the code that wrote them.
    pub fn read_log(&self, id: i32) -> Vec<Batch> {
        let disk = self.world.disk(self.host(id), DiskId(0));
        let Some(length) = disk.peek_len(LOG) else { return Vec::new() };
        let bytes = disk.peek(LOG, 0, length).unwrap_or_default();
        let batches = Batches::new(bytes).map_while(Result::ok);
        let batch = |batch: trial_log::RecordBatch| Batch {
            base: batch.base_offset().0,
            last: batch.last_offset().0,
            epoch: batch.leader_epoch().0,
            crc: batch.checksum(),
        };
        batches.map(batch).collect()
    }

    /// The end of a scenario: committed data agrees everywhere, on disks too.
    #[track_caller]
    pub fn finish(&mut self) {
        self.checks.at_end();
        self.checks.assert_clean();
        for (id, program) in self.running() {
            let Some(high_watermark) = program.raft().high_watermark() else { continue };
            let on_disk = self.read_log(id);
            let replica = &self.checks.replicas[&id];
            let committed = |batch: &&Batch| batch.last < high_watermark.0;
            let noted: Vec<_> = replica.log.iter().filter(committed).collect();
            let found: Vec<_> = on_disk.iter().filter(committed).collect();
            assert!(noted == found, "{:?}: the disk of {id} is not what it noted", self.draw);
        }
    }

    pub fn role(&self, id: i32) -> Option<RaftRole> {
        Some(self.program(id)?.raft().client()?.quorum().role())
    }

    pub fn now(&self) -> Time {
        self.world.now()
    }
}

fn host_name(id: i32) -> String {
    format!("n{id}")
}

/// Node `id` of a quorum whose first `voters` nodes vote.
fn spec(id: i32, voters: i32) -> RaftProgramSpec {
    let key =
        |id: i32| ReplicaKey::new(BrokerId(id), Uuid(0xd1_0000 + u128::from(id.unsigned_abs())));
    let endpoint = |id: i32| Endpoint::controller(&host_name(id), 9093);
    let set = VoterSet::new((0..voters).map(|id| VoterNode::new(key(id), endpoint(id))));
    let mut settings = RaftSettings::new(key(id), endpoint(id), "trial");
    settings.bootstrap_servers = (0..voters).map(endpoint).collect();
    settings.election_timeout = ELECTION_TIMEOUT;
    settings.election_backoff_max = ELECTION_BACKOFF_MAX;
    settings.fetch_timeout = FETCH_TIMEOUT;
    settings.retry_backoff = RETRY_BACKOFF;
    settings.request_timeout = REQUEST_TIMEOUT;
    settings.fetch_max_wait = FETCH_MAX_WAIT;
    settings.append_linger = Span::ZERO;
    settings.shutdown_timeout = SHUTDOWN_TIMEOUT;
    RaftProgramSpec {
        settings: Arc::new(settings),
        format: Bootstrap { voters: (id < voters).then_some(set), records: Vec::new() },
        segment_bytes: 1 << 30,
        increment_every: INCREMENT_EVERY,
    }
}
