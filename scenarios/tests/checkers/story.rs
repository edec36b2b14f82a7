//! Tells the judge a story of a small cluster, with real bytes on its disks and connections.
//!
//! Holds:      three brokers b1 to b3, controllers c1 to c3, a producer p1, a consumer r1; the topic `orders` with one
//!             partition on all brokers; the judge.
//! Invariants: one record is one batch, and all batches have the same size, so that an offset is a position.

use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::ids::{
    BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionEpoch, TopicPartition, Uuid,
};
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::Note;
use trial_cluster::note::broker::BrokerNote;
use trial_cluster::note::client::{RECORD_ID_HEADER, RecordId};
use trial_cluster::note::controller::{ChangeReason, ControllerNote};
use trial_cluster::note::partition::{PartitionEvent, PartitionNote};
use trial_cluster::rules::Rules;
use trial_log::{BatchBuilder, Header, LogEvent, LogStartReason};
use trial_scenarios::check::Judge;
use trial_scenarios::explain::Record;
use trial_scenarios::facts::{Disks, HostSetup, Keeping, Role, Setup, TopicSetup, segment_path};
use trial_sim::disk::{Disk, DiskAccess, DiskCrash, DiskSeen, DiskSettings, FileDamage, JobId};
use trial_sim::{CrashKind, CrashReport, DiskId, HostId, Place, Plan, Seen, Span, Time};

pub const B1: HostId = HostId(0);
pub const B2: HostId = HostId(1);
pub const B3: HostId = HostId(2);
pub const C1: HostId = HostId(3);
pub const C2: HostId = HostId(4);
pub const C3: HostId = HostId(5);
pub const P1: HostId = HostId(6);
pub const R1: HostId = HostId(7);
pub const ORDERS: TopicPartition = TopicPartition { topic: Uuid(7), partition: 0 };
const LOG: &str = "orders-0/00000000000000000000.log";
const METADATA: &str = "__cluster_metadata-0/00000000000000000000.log";

/// The disks, and what every wall clock shows.
struct Shelf {
    disks: Vec<Disk>,
    wall_ms: i64,
}

impl Disks for Shelf {
    fn disk(&self, host: HostId) -> &Disk {
        &self.disks[usize::from(host.0)]
    }

    fn wall_ms(&self, _: HostId) -> i64 {
        self.wall_ms
    }
}

/// What differs between stories.
#[derive(Clone, Copy)]
pub struct Promises {
    pub acks: i16,
    pub min_insync: usize,
    pub exceeds_budget: bool,
    pub idempotent: bool,
}

pub const DURABLE: Promises =
    Promises { acks: -1, min_insync: 2, exceeds_budget: false, idempotent: true };

pub struct Story {
    pub judge: Judge,
    pub record: Record,
    disks: Shelf,
    now: Time,
    ends: Vec<i64>,
    /// Where each host's active segment begins.
    segments: Vec<i64>,
    calls: u64,
    /// Whether wall clocks go on with everything that is seen; else they show what they are told.
    pub ticks: bool,
    /// What logs have told.
    pub logged: Vec<LogEvent>,
    metadata_offset: i64,
    registration: PartitionRegistration,
}

/// A record: its epoch and its number, which is its id too.
pub fn batch(base: i64, epoch: i32, number: u64) -> Bytes {
    let mut builder = BatchBuilder::new(Offset(base)).leader_epoch(LeaderEpoch(epoch));
    let id = id(number).0.to_be_bytes();
    let header = Header { key: RECORD_ID_HEADER, value: Some(&id) };
    builder.append(1_000, None, Some(&number.to_be_bytes()), &[header]);
    builder.build().into_bytes()
}

pub fn id(number: u64) -> RecordId {
    RecordId::new(1, 1, number)
}

fn role(place: usize, promises: Promises) -> (&'static str, Role) {
    let Promises { acks, idempotent, .. } = promises;
    let node = |id| BrokerId(id);
    match place {
        0 => ("b1", Role::Broker { id: node(1), controller: false }),
        1 => ("b2", Role::Broker { id: node(2), controller: false }),
        2 => ("b3", Role::Broker { id: node(3), controller: false }),
        3 => ("c1", Role::Controller { id: node(101) }),
        4 => ("c2", Role::Controller { id: node(102) }),
        5 => ("c3", Role::Controller { id: node(103) }),
        6 => ("p1", Role::Producer { acks, idempotent, delivery_timeout_ms: 10_000 }),
        _ => ("r1", Role::Consumer),
    }
}

fn setup(promises: Promises, settings: &[(&str, &str)]) -> Setup {
    let host = |place: usize| {
        let (name, role) = role(place, promises);
        let topic = (place >= 6).then(|| "orders".to_owned());
        HostSetup {
            name: name.to_owned(),
            topic,
            role,
            place: Place::default(),
            resets_to_end: false,
        }
    };
    let Promises { min_insync, exceeds_budget, .. } = promises;
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let keeping = Keeping::of(&[], &settings);
    let topic = TopicSetup { partitions: 1, replicas: 3, min_insync, unclean: false, keeping };
    Setup {
        min_insync: 1,
        hosts: (0..8).map(host).collect(),
        topics: [("orders".to_owned(), topic)].into(),
        rules: Rules::default(),
        exceeds_budget,
        lag_max_ms: 30_000,
        session_timeout_ms: 9_000,
    }
}

impl Story {
    /// Everybody runs, b1 leads in epoch 0, everybody is in sync, nothing is written.
    pub fn new(promises: Promises) -> Self {
        Self::keeping(promises, &[])
    }

    /// The same, with settings of the topic that say what it keeps.
    pub fn keeping(promises: Promises, settings: &[(&str, &str)]) -> Self {
        let disk = |key: u64| {
            let mut disk = Disk::new(key, DiskSettings::default());
            disk.set_observed(true);
            disk
        };
        let mut story = Self {
            judge: Judge::new(setup(promises, settings)),
            record: Record::default(),
            disks: Shelf { disks: (0..8).map(disk).collect(), wall_ms: 1_000 },
            now: Time::ZERO,
            ends: vec![0; 8],
            segments: vec![0; 8],
            calls: 0,
            ticks: false,
            logged: Vec::new(),
            metadata_offset: 10,
            registration: PartitionRegistration::default(),
        };
        for broker in [B1, B2, B3, C1, C2, C3] {
            story.prepare(broker);
        }
        story.activates(C1, 10);
        for node in 1..=3 {
            story.unfences(node);
        }
        let (offset, topic) = (story.next_offset(), ORDERS.topic);
        story.controller(ControllerNote::TopicCreated {
            offset,
            id: topic,
            name: Arc::from("orders"),
        });
        story.registration = PartitionRegistration {
            replicas: nodes(&[1, 2, 3]),
            isr: nodes(&[1, 2, 3]),
            leader: Some(BrokerId(1)),
            ..PartitionRegistration::default()
        };
        story.partition_changed(None);
        story.leads(B1, 0);
        story
    }

    /// The records 0 to 2 are on all disks and committed.
    pub fn with_three(promises: Promises) -> Self {
        Self::new(promises).filled()
    }

    /// The records 0 to 2 are written everywhere and committed.
    pub fn filled(self) -> Self {
        let mut story = self;
        for number in 0..3 {
            for broker in [B1, B2, B3] {
                story.writes(broker, 0, number);
            }
        }
        for broker in [B1, B2, B3] {
            story.remembers(broker, "0\n1\n0 0\n");
        }
        story.commits(B1, 0, 3);
        for broker in [B2, B3] {
            story.follows_to(broker, 0, 3);
        }
        story
    }

    fn prepare(&mut self, host: HostId) {
        let (now, job) = (self.now, JobId(1));
        let disk = &mut self.disks.disks[usize::from(host.0)];
        for folder in ["orders-0", "__cluster_metadata-0"] {
            disk.access(now, job).create_dir(folder).expect("it is new");
        }
        disk.settle(now, job);
        disk.drain_seen();
    }

    pub fn see(&mut self, make: impl FnOnce(Time) -> Seen<Note>) {
        self.now += Span::from_millis(1);
        self.disks.wall_ms += i64::from(self.ticks);
        let seen = make(self.now);
        self.record.before(&seen, self.judge.facts());
        self.judge.on_seen(&seen, &self.disks);
        self.record.after(&seen, self.judge.known(), self.judge.facts());
        self.record.violations(self.judge.violations().len());
    }

    pub fn note(&mut self, host: HostId, note: Note) {
        self.see(|at| Seen::Note { at, order: 0, host, lane: None, note });
    }

    pub fn waits(&mut self, length: Span) {
        self.now += length;
    }

    // ---- controllers ----

    fn next_offset(&mut self) -> Offset {
        self.metadata_offset += 1;
        Offset(self.metadata_offset - 1)
    }

    pub fn controller(&mut self, note: ControllerNote) {
        self.note(C1, Note::Controller(note));
    }

    pub fn activates(&mut self, host: HostId, next: i64) {
        let (epoch, next_write_offset) = (LeaderEpoch(1), Offset(next));
        self.note(host, Note::Controller(ControllerNote::Activated { epoch, next_write_offset }));
    }

    pub fn registers_broker(&mut self, node: i32) {
        self.registers_after(node, None);
    }

    /// A request of the broker that runs comes again: its epoch stays.
    pub fn registers_again(&mut self, node: i32) {
        self.registers_after(node, Some(BrokerEpoch(1)));
    }

    fn registers_after(&mut self, node: i32, previous: Option<BrokerEpoch>) {
        let (offset, id) = (self.next_offset(), BrokerId(node));
        let epoch = previous.unwrap_or(BrokerEpoch(offset.0));
        let (incarnation, clean) = (Uuid(9), false);
        self.controller(ControllerNote::BrokerRegistered {
            offset,
            id,
            epoch,
            incarnation,
            previous,
            clean,
        });
    }

    pub fn fences(&mut self, node: i32) {
        let (offset, id, epoch) = (self.next_offset(), BrokerId(node), BrokerEpoch(1));
        self.controller(ControllerNote::BrokerFenced { offset, id, epoch });
    }

    pub fn unfences(&mut self, node: i32) {
        self.registers_broker(node);
        let (offset, id, epoch) = (self.next_offset(), BrokerId(node), BrokerEpoch(1));
        self.controller(ControllerNote::BrokerUnfenced { offset, id, epoch });
    }

    fn partition_changed(&mut self, old: Option<PartitionRegistration>) {
        self.change(old, None);
    }

    fn change(&mut self, old: Option<PartitionRegistration>, elected: Option<ElectedFrom>) {
        let (offset, new) = (self.next_offset(), Arc::new(self.registration.clone()));
        let (partition, why) = (ORDERS, ChangeReason::Other);
        let old = old.map(Arc::new);
        self.controller(ControllerNote::PartitionChanged {
            offset,
            partition,
            old,
            new,
            why,
            elected,
        });
    }

    /// The controller changes the registration; the partition epoch rises by itself.
    pub fn registers(&mut self, change: impl FnOnce(&mut PartitionRegistration)) {
        let old = self.registration.clone();
        self.registration.partition_epoch.0 += 1;
        change(&mut self.registration);
        self.change(Some(old), None);
    }

    /// The controller lets `leader` lead in the next epoch, with these in sync.
    pub fn elects(&mut self, leader: i32, isr: &[i32], from: ElectedFrom) {
        let old = self.registration.clone();
        self.registration.partition_epoch.0 += 1;
        self.registration.leader_epoch.0 += 1;
        self.registration.leader = Some(BrokerId(leader));
        self.registration.isr = nodes(isr);
        self.change(Some(old), Some(from));
    }

    // ---- brokers ----

    pub fn partition(&mut self, host: HostId, event: PartitionEvent) {
        self.note(host, Note::Partition(PartitionNote { partition: ORDERS, event }));
    }

    /// The broker takes the newest registration and leads in this epoch.
    pub fn leads(&mut self, host: HostId, epoch: i32) {
        let event = PartitionEvent::BecameLeader {
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: self.registration.partition_epoch,
            epoch_start_offset: Offset(self.ends[usize::from(host.0)]),
            high_watermark: Offset(0),
            isr: self.registration.isr.clone(),
            was_leader: false,
        };
        self.partition(host, event);
    }

    pub fn partition_epoch(&self) -> PartitionEpoch {
        self.registration.partition_epoch
    }

    fn disk(&mut self, host: HostId, act: impl FnOnce(&mut DiskAccess<'_>)) {
        self.job(host, |mut disk| act(&mut disk));
    }

    /// A job of the broker, on its disk.
    pub fn job(&mut self, host: HostId, act: impl FnOnce(DiskAccess<'_>)) {
        self.calls += 1;
        let (now, job) = (self.now, JobId(100 + self.calls));
        let disk = &mut self.disks.disks[usize::from(host.0)];
        act(disk.access(now, job));
        disk.settle(now, job);
        let seen: Vec<_> = disk.drain_seen().collect();
        for what in seen {
            self.see(|at| Seen::Disk { at, host, disk: DiskId(0), what });
        }
    }

    pub fn append(&mut self, host: HostId, path: &str, bytes: Bytes) {
        self.disk(host, |disk| {
            let file = disk.open(path, true).expect("the folder is there");
            disk.append(file, bytes).expect("the disk works");
        });
    }

    /// The broker appends one record at the end of its log.
    pub fn writes(&mut self, host: HostId, epoch: i32, number: u64) {
        let end = &mut self.ends[usize::from(host.0)];
        let bytes = batch(*end, epoch, number);
        *end += 1;
        let path = segment_path("orders-0", self.segments[usize::from(host.0)]);
        self.append(host, &path, bytes);
    }

    /// The broker appends these bytes to its active segment.
    pub fn writes_batch(&mut self, host: HostId, bytes: Bytes) {
        let path = segment_path("orders-0", self.segments[usize::from(host.0)]);
        self.append(host, &path, bytes);
    }

    /// The broker loses its disk, and starts again with an empty one.
    pub fn wipes(&mut self, host: HostId) {
        self.dies(host);
        let (now, job) = (self.now, JobId(2));
        let disk = &mut self.disks.disks[usize::from(host.0)];
        for (path, _) in disk.files().collect::<Vec<_>>() {
            if path.starts_with("orders-0/") {
                disk.access(now, job).remove(&path).expect("it is there");
            }
        }
        disk.settle(now, job);
        disk.drain_seen();
        self.see(|at| Seen::Disk { at, host, disk: DiskId(0), what: DiskSeen::Wiped });
        self.see(|at| Seen::Booted { at, host, incarnation: 2 });
    }

    /// The broker appends a record as if its log ended at `base`.
    pub fn writes_at(&mut self, host: HostId, base: i64, epoch: i32, number: u64) {
        self.append(host, LOG, batch(base, epoch, number));
    }

    /// The broker begins another segment where its log ends.
    pub fn rolls(&mut self, host: HostId) {
        let base = self.ends[usize::from(host.0)];
        self.segments[usize::from(host.0)] = base;
        self.append(host, &segment_path("orders-0", base), Bytes::new());
    }

    /// What the broker appends next goes here.
    pub fn ends_at(&mut self, host: HostId, end: i64) {
        self.ends[usize::from(host.0)] = end;
    }

    /// A file gets another name.
    pub fn renames(&mut self, host: HostId, from: &str, to: &str) {
        self.disk(host, |disk| disk.rename(from, to).expect("it is there"));
    }

    /// The broker drops the segment that begins at `base`.
    pub fn drops(&mut self, host: HostId, base: i64) {
        let path = segment_path("orders-0", base);
        self.renames(host, &path, &format!("{path}.deleted"));
    }

    /// The broker writes new segments, each with its first offset.
    pub fn writes_cleaned(&mut self, host: HostId, new: &[(i64, Bytes)]) {
        for (base, bytes) in new {
            let path = format!("{}.cleaned", segment_path("orders-0", *base));
            self.append(host, &path, bytes.clone());
        }
    }

    /// The renames that put new segments in the place of old ones, in their order.
    pub fn swapping(old: &[i64], new: &[i64]) -> Vec<(String, String)> {
        let named = |base: &i64, from: &str, to: &str| {
            let path = segment_path("orders-0", *base);
            (format!("{path}{from}"), format!("{path}{to}"))
        };
        let mut steps: Vec<_> =
            new.iter().rev().map(|base| named(base, ".cleaned", ".swap")).collect();
        steps.extend(old.iter().map(|base| named(base, "", ".deleted")));
        steps.extend(new.iter().map(|base| named(base, ".swap", "")));
        steps
    }

    /// The broker cleans: it puts new segments in the place of old ones.
    pub fn cleans(&mut self, host: HostId, old: &[i64], new: &[(i64, Bytes)]) {
        self.writes_cleaned(host, new);
        let bases: Vec<i64> = new.iter().map(|(base, _)| *base).collect();
        for (from, to) in Self::swapping(old, &bases) {
            self.renames(host, &from, &to);
        }
    }

    /// The broker removes a file.
    pub fn removes(&mut self, host: HostId, path: &str) {
        self.disk(host, |disk| disk.remove(path).expect("it is there"));
    }

    /// The names of the files in the log's folder.
    pub fn files(&self, host: HostId) -> Vec<String> {
        let disk = &self.disks.disks[usize::from(host.0)];
        let within =
            disk.files().filter_map(|(path, _)| Some(path.strip_prefix("orders-0/")?.to_owned()));
        within.filter(|name| name.contains(".log")).collect()
    }

    /// The broker's next process has opened its logs.
    pub fn boots(&mut self, host: HostId) {
        self.see(|at| Seen::Booted { at, host, incarnation: 2 });
        self.note(host, Note::Broker(BrokerNote::LogsLoaded { clean: false }));
    }

    /// Does something to a disk that nobody sees: a job was at it when its process ended.
    pub fn unseen(&mut self, host: HostId, act: impl FnOnce(&mut Self)) {
        self.disks.disks[usize::from(host.0)].set_observed(false);
        act(self);
        self.disks.disks[usize::from(host.0)].set_observed(true);
    }

    /// Wall clocks show this from now on.
    pub fn clocks(&mut self, wall_ms: i64) {
        self.disks.wall_ms = wall_ms;
    }

    /// What wall clocks show.
    pub fn wall_ms(&self) -> i64 {
        self.disks.wall_ms
    }

    /// A broker's log tells what it did.
    pub fn log(&mut self, host: HostId, event: LogEvent) {
        self.logged.push(event);
        self.note(host, Note::Log { partition: ORDERS, event });
    }

    pub fn starts(&mut self, host: HostId, from: i64, to: i64, why: LogStartReason) {
        let (from, to) = (Offset(from), Offset(to));
        self.log(host, LogEvent::LogStartMoved { from, to, why });
    }

    pub fn remembers(&mut self, host: HostId, epochs: &str) {
        let bytes = Bytes::copy_from_slice(epochs.as_bytes());
        self.disk(host, |disk| {
            let file =
                disk.open("orders-0/leader-epoch-checkpoint", true).expect("the folder is there");
            disk.truncate(file, 0).expect("the disk works");
            disk.append(file, bytes).expect("the disk works");
        });
    }

    pub fn metadata(&mut self, host: HostId, base: i64, epoch: i32, number: u64) {
        self.append(host, METADATA, batch(base, epoch, number));
    }

    pub fn cuts_metadata(&mut self, host: HostId, to: i64) {
        self.truncate(host, METADATA, to);
    }

    pub fn writes_file(&mut self, host: HostId, path: &str, text: &str) {
        self.append(host, path, Bytes::copy_from_slice(text.as_bytes()));
    }

    fn truncate(&mut self, host: HostId, path: &str, to: i64) {
        let length = to.unsigned_abs() * batch(0, 0, 0).len() as u64;
        self.disk(host, |disk| {
            let file = disk.open(path, false).expect("it was written");
            disk.truncate(file, length).expect("the disk works");
        });
    }

    /// The broker cuts its log by itself.
    pub fn cuts(&mut self, host: HostId, to: i64) {
        self.ends[usize::from(host.0)] = to;
        self.truncate(host, LOG, to);
    }

    /// The broker loses power and what it had not synced, and starts again.
    pub fn loses(&mut self, host: HostId, path: &str, to: i64) {
        self.disks.disks[usize::from(host.0)].set_observed(false);
        if path == LOG {
            self.ends[usize::from(host.0)] = to;
        }
        self.truncate(host, path, to);
        self.disks.disks[usize::from(host.0)].set_observed(true);
        self.loses_power(host, path);
    }

    /// The broker loses power, which leaves these bytes of a file, and starts again.
    pub fn is_left(&mut self, host: HostId, path: &str, bytes: Bytes) {
        self.unseen(host, |story| {
            story.disk(host, |disk| {
                let file = disk.open(path, false).expect("it was written");
                disk.truncate(file, 0).expect("the disk works");
                disk.append(file, bytes).expect("the disk works");
            });
        });
        self.loses_power(host, path);
    }

    fn loses_power(&mut self, host: HostId, path: &str) {
        let damage =
            FileDamage { path: Arc::from(path), len_before: 1, len_after: 0, first_changed: 0 };
        let crash = DiskCrash { files: vec![damage], ..DiskCrash::default() };
        let report = Arc::new(CrashReport { disks: vec![crash], ..CrashReport::default() });
        let kind = CrashKind::PowerLoss;
        self.see(|at| Seen::Crashed { at, host, kind, report });
        self.see(|at| Seen::Booted { at, host, incarnation: 2 });
    }

    pub fn loses_records(&mut self, host: HostId, to: i64) {
        self.loses(host, LOG, to);
    }

    pub fn loses_metadata(&mut self, host: HostId, to: i64) {
        self.loses(host, METADATA, to);
    }

    /// The process ends, or the power fails, in the midst of a job.
    pub fn dies_within(
        &mut self,
        host: HostId,
        kind: CrashKind,
        seed: u64,
        act: impl FnOnce(DiskAccess<'_>),
    ) {
        self.calls += 1;
        let (now, job) = (self.now, JobId(100 + self.calls));
        let disk = &mut self.disks.disks[usize::from(host.0)];
        act(disk.access(now, job));
        let seen: Vec<_> = disk.drain_seen().collect();
        for what in seen {
            self.see(|at| Seen::Disk { at, host, disk: DiskId(0), what });
        }
        let mut draws = Plan::new(seed).run_stream("crash", "host");
        let disk = &mut self.disks.disks[usize::from(host.0)];
        let crash = disk.crash(self.now, kind, &mut draws);
        disk.drain_seen();
        let report = Arc::new(CrashReport { disks: vec![crash], ..CrashReport::default() });
        self.see(|at| Seen::Crashed { at, host, kind, report });
    }

    pub fn dies(&mut self, host: HostId) {
        let (kind, report) = (CrashKind::Process, Arc::new(CrashReport::default()));
        self.see(|at| Seen::Crashed { at, host, kind, report });
    }

    /// A leader's high watermark moves, by its note.
    pub fn commits(&mut self, host: HostId, epoch: i32, to: i64) {
        self.commits_with(host, epoch, to, 3);
    }

    pub fn commits_with(&mut self, host: HostId, epoch: i32, to: i64, in_sync: u16) {
        let event = PartitionEvent::LeaderHighWatermarkMoved {
            from: Offset(0),
            to: Offset(to),
            leader_epoch: LeaderEpoch(epoch),
            committed_isr: in_sync,
            maximal_isr: in_sync,
            min_isr: 2,
        };
        self.partition(host, event);
    }

    pub fn follows_to(&mut self, host: HostId, epoch: i32, to: i64) {
        let (from, to, leader_epoch) = (Offset(0), Offset(to), LeaderEpoch(epoch));
        self.partition(host, PartitionEvent::FollowerHighWatermarkMoved { from, to, leader_epoch });
    }

    // ---- the end ----

    pub fn fault(&mut self, text: &str, hosts: &[HostId]) {
        // What it does is seen at the same time, by the next that is seen.
        let at = self.now + Span::from_millis(1);
        self.judge.on_fault(at, text, hosts);
        let index = self.record.entries().len();
        let fault = text.parse().expect("a fault");
        self.record.on_fault(at, index, fault, hosts);
    }

    /// The run is over; answers the ids of the violations, each once, in order.
    pub fn end(&mut self) -> Vec<&'static str> {
        self.judge.finish(self.now, &self.disks);
        let mut ids: Vec<_> = self.judge.violations().iter().map(|it| it.invariant).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

pub fn nodes(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}
