//! Tells the judge a story of a small cluster, with real bytes on its disks and connections.
//!
//! Holds:      three brokers b1 to b3, controllers c1 to c3, a producer p1, a consumer r1; the topic `orders` with one
//!             partition on all brokers; the judge.
//! Invariants: one record is one batch, and all batches have the same size, so that an offset is a position.

use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::client::consumer::Subscription;
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
use trial_scenarios::facts::{Disks, HostSetup, Keeping, MemberSetup, Role, Setup, TopicSetup};
use trial_sim::disk::{Disk, DiskSettings, JobId};
use trial_sim::{HostId, Place, Seen, Span, Time};

pub const B1: HostId = HostId(0);
pub const B2: HostId = HostId(1);
pub const B3: HostId = HostId(2);
pub const C1: HostId = HostId(3);
pub const C2: HostId = HostId(4);
pub const C3: HostId = HostId(5);
pub const P1: HostId = HostId(6);
pub const R1: HostId = HostId(7);
/// Members of the group `g`, in a story with a group.
pub const M1: HostId = HostId(8);
pub const M2: HostId = HostId(9);
pub const ORDERS: TopicPartition = TopicPartition { topic: Uuid(7), partition: 0 };
pub(super) const LOG: &str = "orders-0/00000000000000000000.log";
pub(super) const METADATA: &str = "__cluster_metadata-0/00000000000000000000.log";

/// The disks, and what every wall clock shows.
pub(super) struct Shelf {
    pub(super) disks: Vec<Disk>,
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
    pub(super) disks: Shelf,
    pub(super) now: Time,
    pub(super) ends: Vec<i64>,
    /// Where each host's active segment begins.
    pub(super) segments: Vec<i64>,
    pub(super) calls: u64,
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
            member: None,
            role,
            place: Place::default(),
            resets_to_end: false,
        }
    };
    let Promises { min_insync, exceeds_budget, .. } = promises;
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let keeping = Keeping::of(&[], &settings);
    let topic = TopicSetup {
        partitions: 1,
        replicas: 3,
        min_insync,
        min_insync_set: min_insync,
        unclean: false,
        keeping,
    };
    Setup {
        min_insync: 1,
        hosts: (0..8).map(host).collect(),
        left_down: [].into(),
        topics: [("orders".to_owned(), topic)].into(),
        keeping: Keeping::default(),
        rules: Rules::default(),
        exceeds_budget,
        lag_max_ms: 30_000,
        session_timeout_ms: 9_000,
        quorum_fetch_timeout_ms: 2_000,
        coordinator_write_timeout_ms: 5_000,
    }
}

impl Story {
    /// Everybody runs, b1 leads in epoch 0, everybody is in sync, nothing is written.
    pub fn new(promises: Promises) -> Self {
        Self::keeping(promises, &[])
    }

    /// The same, with hosts that nobody starts again at the end.
    pub fn leaving_down(hosts: &[HostId]) -> Self {
        let left_down = hosts.iter().copied().collect();
        Self::of(Setup { left_down, ..setup(DURABLE, &[]) })
    }

    /// The same, with settings of the topic that say what it keeps.
    pub fn keeping(promises: Promises, settings: &[(&str, &str)]) -> Self {
        Self::of(setup(promises, settings))
    }

    /// Three committed records, and two members of a group that has written nothing yet.
    pub fn with_group() -> Self {
        let mut setup = setup(DURABLE, &[]);
        for name in ["m1", "m2"] {
            let subscription = Subscription::Topics([Arc::from("orders")].into());
            let group = "g".to_owned();
            setup.hosts.push(HostSetup {
                name: name.to_owned(),
                topic: None,
                member: Some(MemberSetup {
                    group,
                    subscription,
                    protocol: String::new(),
                    rebalance_timeout_ms: 300_000,
                }),
                role: Role::Member,
                place: Place::default(),
                resets_to_end: false,
            });
        }
        let mut story = Self::of(setup).filled();
        story.has_offsets_topic();
        story
    }

    fn of(setup: Setup) -> Self {
        let disk = |key: u64| {
            let mut disk = Disk::new(key, DiskSettings::default());
            disk.set_observed(true);
            disk
        };
        let mut story = Self {
            judge: Judge::new(setup),
            record: Record::default(),
            disks: Shelf { disks: (0..10).map(disk).collect(), wall_ms: 1_000 },
            now: Time::ZERO,
            ends: vec![0; 10],
            segments: vec![0; 10],
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

    pub fn next_offset(&mut self) -> Offset {
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
        self.change_by(C1, old, elected);
    }

    fn change_by(
        &mut self,
        host: HostId,
        old: Option<PartitionRegistration>,
        elected: Option<ElectedFrom>,
    ) {
        let (offset, new) = (self.next_offset(), Arc::new(self.registration.clone()));
        let (partition, why) = (ORDERS, ChangeReason::Other);
        let old = old.map(Arc::new);
        let note = ControllerNote::PartitionChanged { offset, partition, old, new, why, elected };
        self.note(host, Note::Controller(note));
    }

    /// The controller changes the registration; the partition epoch rises by itself.
    pub fn registers(&mut self, change: impl FnOnce(&mut PartitionRegistration)) {
        self.registers_by(C1, change);
    }

    /// The same, by another controller.
    pub fn registers_by(&mut self, host: HostId, change: impl FnOnce(&mut PartitionRegistration)) {
        let old = self.registration.clone();
        self.registration.partition_epoch.0 += 1;
        change(&mut self.registration);
        self.change_by(host, Some(old), None);
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
        self.leads_after(host, epoch, false);
    }

    /// The same, and it led before.
    pub fn leads_on(&mut self, host: HostId, epoch: i32) {
        self.leads_after(host, epoch, true);
    }

    fn leads_after(&mut self, host: HostId, epoch: i32, was_leader: bool) {
        let event = PartitionEvent::BecameLeader {
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: self.registration.partition_epoch,
            epoch_start_offset: Offset(self.ends[usize::from(host.0)]),
            high_watermark: Offset(0),
            isr: self.registration.isr.clone(),
            was_leader,
        };
        self.partition(host, event);
    }

    pub fn partition_epoch(&self) -> PartitionEpoch {
        self.registration.partition_epoch
    }

    /// The broker's next process has opened its logs.
    pub fn boots(&mut self, host: HostId) {
        self.see(|at| Seen::Booted { at, host, incarnation: 2 });
        self.note(host, Note::Broker(BrokerNote::LogsLoaded { clean: false }));
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
