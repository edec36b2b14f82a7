//! The fold: from everything that an observer of the World sees to what is known.
//!
//! Inputs:     bytes on connections and disks first, notes for what bytes cannot show.
//! Invariants: FA-3 each `Seen` costs what it changed; only a crash makes a disk be read again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trial_cluster::client::NamedPartition;
use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::mark;
use trial_cluster::note::Note;
use trial_cluster::note::partition::{PartitionEvent, PartitionNote};
use trial_sim::disk::{Disk, DiskSeen};
use trial_sim::{CrashKind, HostId, Seen, Time};

use super::clocks::{Clocks, WallTime};
use super::connections::{Answered, Connections};
use super::crash::{BeyondBudget, Crash};
use super::fact::{Fact, Known};
use super::keeping::Keeping;
use super::partition::{Gone, PartitionFacts, Term};
use super::promises::Promises;
use super::registered::Registrations;
use super::replica_log::Stored;
use super::setup::Setup;
use super::swap::{Suffix, segment_file};
use crate::probe::ProbeCounts;

/// Where audits find the disks.
pub trait Disks {
    /// The disk of a host.
    fn disk(&self, host: HostId) -> &Disk;

    /// What the host's wall clock reads now, in milliseconds since 1970.
    fn wall_ms(&self, host: HostId) -> i64;
}

/// Everything that is known.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What was fixed before the run.
    pub setup: Arc<Setup>,
    pub(super) connections: Connections,
    pub(super) topic_ids: BTreeMap<String, trial_cluster::ids::TopicId>,
    pub(super) partitions: BTreeMap<TopicPartition, PartitionFacts>,
    /// What each topic keeps, by its settings so far.
    pub(super) keeping: BTreeMap<String, Keeping>,
    /// What was asked for that decides what partitions promise.
    pub(super) promises: Promises,
    /// Topics that somebody has just asked to be compacted.
    pub(super) newly_compacted: Vec<String>,
    clocks: Clocks,
    /// Crashes so far.
    pub crashes: Vec<Crash>,
    /// Whether a broker is unfenced, by the newest record that counts.
    pub unfenced: BTreeMap<BrokerId, bool>,
    /// What `unfenced` is made of: the offset of each record, and what it said.
    pub(super) fencing: BTreeMap<BrokerId, Vec<(i64, bool)>>,
    /// The first moment at which more had been lost than the protocol promises to survive.
    pub beyond_budget: Option<BeyondBudget>,
    /// Nodes whose process has ended and that have not registered since.
    pub unregistered: BTreeSet<BrokerId>,
    pub(super) registrations: Registrations,
    /// When hosts began a process that is not their first.
    pub restarts: BTreeMap<HostId, Vec<Time>>,
    /// Hosts without a process.
    pub down: BTreeSet<HostId>,
    /// Where the active controller is.
    pub active_controller: Option<HostId>,
    /// How often a controller became active.
    pub activations: u64,
    /// What controllers were heard to answer in what was taken in last.
    pub answered: Vec<Answered>,
    /// Requests that were answered.
    pub requests: u64,
    /// What was reached.
    pub probes: ProbeCounts,
    /// Messages that the tap could not read, in words; the first few.
    pub unread: Vec<String>,
}

impl Facts {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(setup: Arc<Setup>) -> Self {
        let topics = setup.topics.iter();
        let keeping = topics.map(|(name, topic)| (name.clone(), topic.keeping.clone())).collect();
        Self {
            setup,
            keeping,
            promises: Promises::default(),
            newly_compacted: Vec::new(),
            clocks: Clocks::default(),
            connections: Connections::default(),
            topic_ids: BTreeMap::new(),
            partitions: BTreeMap::new(),
            crashes: Vec::new(),
            beyond_budget: None,
            unfenced: BTreeMap::new(),
            fencing: BTreeMap::new(),
            unregistered: BTreeSet::new(),
            registrations: Registrations::default(),
            restarts: BTreeMap::new(),
            down: BTreeSet::new(),
            active_controller: None,
            activations: 0,
            answered: Vec::new(),
            requests: 0,
            probes: ProbeCounts::default(),
            unread: Vec::new(),
        }
    }

    /// Whether a node is registered in its present incarnation, and unfenced.
    #[must_use]
    pub fn is_running(&self, node: BrokerId) -> bool {
        self.unfenced.get(&node) == Some(&true) && !self.unregistered.contains(&node)
    }

    /// The id of a topic.
    #[must_use]
    pub fn topic_id(&self, name: &str) -> Option<trial_cluster::ids::TopicId> {
        self.topic_ids.get(name).copied()
    }

    /// The partition that a client names: of the topic that has this name now.
    #[must_use]
    pub fn id_of(&self, named: &NamedPartition) -> Option<TopicPartition> {
        let topic = self.topic_id(&named.topic)?;
        Some(TopicPartition { topic, partition: named.partition })
    }

    /// What is known of a partition.
    #[must_use]
    pub fn partition(&self, id: TopicPartition) -> Option<&PartitionFacts> {
        self.partitions.get(&id)
    }

    /// The partition that a scenario calls `orders/3`.
    #[must_use]
    pub fn partition_named(&self, text: &str) -> Option<&PartitionFacts> {
        let (topic, index) = text.rsplit_once('/')?;
        let id = TopicPartition { topic: self.topic_id(topic)?, partition: index.parse().ok()? };
        self.partitions.get(&id)
    }

    /// All partitions, in order.
    pub fn partitions(&self) -> impl Iterator<Item = &PartitionFacts> + '_ {
        self.partitions.values()
    }

    /// Hosts that lost bytes and have not been in sync since with all they hold.
    #[must_use]
    pub fn lossy(&self) -> std::collections::BTreeSet<HostId> {
        self.partitions.values().flat_map(|partition| partition.lossy.iter().copied()).collect()
    }

    /// Takes one thing in; what became known is added to `known`.
    pub fn on_seen(&mut self, seen: &Seen<Note>, disks: &dyn Disks, known: &mut Vec<Known>) {
        self.answered.clear();
        match seen {
            Seen::Note { at, host, note, .. } => {
                if let Note::Log { .. } = note {
                    self.wall(*at, *host, disks);
                }
                self.on_note(*at, *host, note, known);
            }
            Seen::Sent { at, conn, from, to, towards_listener, bytes, .. } => {
                self.on_sent(*at, *conn, (*from, *to), *towards_listener, bytes, known);
                for topic in std::mem::take(&mut self.newly_compacted) {
                    self.keep_records(&topic, disks);
                }
            }
            Seen::Closed { conn, .. } => self.connections.on_closed(*conn),
            Seen::Disk { at, host, what, .. } => self.on_disk(*at, *host, what, disks, known),
            Seen::Crashed { at, host, kind, report } => {
                let lossy = *kind == CrashKind::PowerLoss
                    && report.disks.iter().any(|disk| !disk.is_harmless());
                self.crashes.push(Crash { host: *host, at: *at, lossy });
                self.on_crash(*at, *host, *kind, disks, known);
                self.on_unclean_end(*host);
                self.note_budget(*at);
            }
            Seen::Stopped { at, host, halt } => {
                if halt.is_none() && self.setup.node_of(*host).is_some() {
                    mark::reachable!(
                        self.probes,
                        "controlled_shutdown",
                        "a broker left in good order"
                    );
                }
                self.on_crash(*at, *host, CrashKind::Process, disks, known);
                if halt.is_some() {
                    self.on_unclean_end(*host);
                }
            }
            Seen::Booted { at, host, incarnation } => {
                self.down.remove(host);
                if *incarnation > 1 {
                    self.restarts.entry(*host).or_default().push(*at);
                }
            }
            Seen::Connected { .. } => {}
        }
    }

    /// Whether so many members of one partition have lost something that acks=all promises nothing any more.
    fn note_budget(&mut self, at: Time) {
        let beyond = |partition: &&PartitionFacts| partition.lossy.len() >= partition.min_insync;
        if self.beyond_budget.is_none()
            && let Some(partition) = self.partitions.values().find(beyond)
        {
            let hosts = partition.lossy.iter().copied().collect();
            let survives = partition.min_insync.saturating_sub(1);
            let partition = partition.name();
            self.beyond_budget = Some(BeyondBudget { at, partition, hosts, survives });
        }
    }

    fn on_note(&mut self, at: Time, host: HostId, note: &Note, known: &mut Vec<Known>) {
        if let Some(mark) = note.reached() {
            self.probes.hit(mark);
            return;
        }
        match note {
            Note::Partition(PartitionNote { partition, event }) => {
                self.on_partition_event(at, host, *partition, event);
                let fact = Fact::Noted { host, event: event.clone() };
                known.push(Known { at, partition: *partition, fact });
            }
            Note::Log { partition, event } => {
                self.on_log_event(at, host, *partition, event, known);
            }
            Note::Controller(note) => self.on_controller_note(at, host, note, known),
            Note::Broker(note) => self.on_broker_note(host, note),
            _ => {}
        }
    }

    fn on_partition_event(
        &mut self,
        at: Time,
        host: HostId,
        id: TopicPartition,
        event: &PartitionEvent,
    ) {
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        partition.on_role(host, event);
        match event {
            PartitionEvent::BecameLeader {
                leader_epoch,
                epoch_start_offset,
                high_watermark,
                ..
            } => {
                let term = Term { leader: host, at, start: epoch_start_offset.0 };
                partition.terms.entry(leader_epoch.0).or_insert(term);
                if let Some(offsets) = &mut partition.offsets {
                    offsets.on_leader(at, epoch_start_offset.0);
                }
                // The note comes at the end of a job: what another job has moved meanwhile is newer.
                let log = partition.log_mut(host);
                log.on_high_watermark(log.high_watermark.max(high_watermark.0));
            }
            PartitionEvent::BecameFollower { high_watermark, .. } => {
                let log = partition.log_mut(host);
                if log.high_watermark == 0 {
                    log.on_high_watermark(high_watermark.0);
                }
            }
            PartitionEvent::LeaderHighWatermarkMoved { to, leader_epoch, .. } => {
                partition.commit(at, host, leader_epoch.0, to.0);
                partition.log_mut(host).on_high_watermark(to.0);
            }
            PartitionEvent::FollowerHighWatermarkMoved { to, .. } => {
                partition.log_mut(host).on_high_watermark(to.0);
            }
            // What somebody from outside set when they made the topic, nobody else tells.
            PartitionEvent::ProduceCompleted { min_isr, .. }
                if !self.setup.topics.contains_key(&*partition.topic) =>
            {
                partition.min_insync = usize::from(*min_isr);
            }
            _ => {}
        }
    }

    /// What the wall clock of a host may have shown to who acts now.
    pub(super) fn wall(&mut self, at: Time, host: HostId, disks: &dyn Disks) -> WallTime {
        self.clocks.on_reading(at, host, disks.wall_ms(host))
    }

    fn on_disk(
        &mut self,
        at: Time,
        host: HostId,
        what: &DiskSeen,
        disks: &dyn Disks,
        known: &mut Vec<Known>,
    ) {
        let path = match what {
            DiskSeen::Wrote { path, .. }
            | DiskSeen::Truncated { path, .. }
            | DiskSeen::Created { path }
            | DiskSeen::Removed { path } => path,
            DiskSeen::Renamed { from, .. } => from,
            DiskSeen::Synced { .. } => return,
            DiskSeen::Wiped => {
                self.on_wiped(at, host, known);
                return;
            }
        };
        if !path.contains('/') && !matches!(what, DiskSeen::Created { .. }) {
            self.on_folder_gone(at, host, &path.clone(), known);
            return;
        }
        let Some((id, base, suffix)) = self.segment(path) else { return };
        if suffix == Suffix::Deleted {
            return;
        }
        let wall = self.wall(at, host, disks);
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        let has_left = partition.left.contains_key(&host);
        let log = partition.log_mut(host);
        if suffix != Suffix::Live {
            self.on_swap_file(at, (host, wall), (id, base, suffix), what, known);
            return;
        }
        let mut removed = Vec::new();
        match what {
            DiskSeen::Wrote { offset, bytes, .. } => {
                let (mut end, mut epoch) =
                    (log.end(), log.at(log.end() - 1).map_or(-1, |b| b.epoch));
                let mut wrote = Vec::new();
                if let Err(fault) = log.on_write(base, *offset, bytes, &mut wrote) {
                    let fact = Fact::BadBytes { host, place: "its log", fault };
                    known.push(Known { at, partition: id, fact });
                }
                log.wrote_at(base, at);
                if let Some(rewritten) = &mut partition.rewritten {
                    rewritten.wrote(bytes);
                }
                if let Some(offsets) = &mut partition.offsets {
                    offsets.wrote(at, bytes);
                }
                for batch in wrote {
                    let first = !partition.logs.iter().any(|(other, log)| {
                        *other != host
                            && log.at(batch.base).is_some_and(|held| held.is_same(&batch))
                    }) && !partition.has_vanished(&batch);
                    let fact =
                        Fact::Written { host, batch, end_before: end, epoch_before: epoch, first };
                    known.push(Known { at, partition: id, fact });
                    (end, epoch) = (batch.last + 1, batch.epoch);
                }
                return;
            }
            DiskSeen::Truncated { len, .. } => log.on_truncate(base, *len, &mut removed),
            DiskSeen::Created { .. } => log.on_create(base),
            _ if has_left => {
                return self.on_deleted(at, host, (id, base), known);
            }
            _ if log.gives_way(base) => {}
            _ => self.on_segment_gone(at, (host, wall), (id, base), known),
        }
        self.on_removed(at, host, id, &removed, false, known);
    }

    /// Batches left a log from some offset on. What lies below a start that others' logs came to legally is no loss: a
    /// follower that is behind begins anew there.
    pub(super) fn on_removed(
        &mut self,
        at: Time,
        host: HostId,
        id: TopicPartition,
        removed: &[Stored],
        by_crash: bool,
        known: &mut Vec<Known>,
    ) {
        let partition = self.partitions.get_mut(&id).expect("its log lost something");
        let start = partition.legal_start;
        let (let_go, removed): (Vec<Stored>, Vec<Stored>) =
            removed.iter().partition(|batch| batch.last < start);
        partition.removed(at, host, &let_go, Gone::LetGo);
        partition.removed(at, host, &removed, if by_crash { Gone::Crash } else { Gone::Cut });
        let span = |batches: &[Stored]| {
            let from = batches.iter().map(|batch| batch.base).min()?;
            Some((from, batches.iter().map(|batch| batch.last).max().unwrap_or(from)))
        };
        if let Some((from, to)) = span(&let_go) {
            let high_watermark = partition.logs.get(&host).map_or(0, |log| log.high_watermark);
            let (segment, refused) = (from, None);
            let fact = Fact::Dropped { host, segment, from, to, high_watermark, refused };
            known.push(Known { at, partition: id, fact });
        }
        if let Some((from, to)) = span(&removed) {
            let fact = Fact::Removed { host, from, to, by_crash };
            known.push(Known { at, partition: id, fact });
        }
    }

    fn on_wiped(&mut self, at: Time, host: HostId, known: &mut Vec<Known>) {
        for id in self.partitions.keys().copied().collect::<Vec<_>>() {
            let partition = self.partitions.get_mut(&id).expect("its key was listed");
            let Some(log) = partition.logs.remove(&host) else { continue };
            let removed: Vec<Stored> = log.from(0).copied().collect();
            partition.lossy.insert(host);
            partition.registered_since.remove(&host);
            self.on_removed(at, host, id, &removed, true, known);
        }
    }

    /// A process is gone: the disk says what is left of its logs.
    fn on_crash(
        &mut self,
        at: Time,
        host: HostId,
        kind: CrashKind,
        disks: &dyn Disks,
        known: &mut Vec<Known>,
    ) {
        self.down.insert(host);
        let Some(node) = self.setup.node_of(host) else { return };
        self.unregistered.insert(node);
        self.registrations.on_down(node);
        if self.active_controller == Some(host) {
            self.active_controller = None;
        }
        let wall = self.wall(at, host, disks);
        for id in self.partitions.keys().copied().collect::<Vec<_>>() {
            let partition = self.partitions.get_mut(&id).expect("its key was listed");
            if kind == CrashKind::PowerLoss && partition.leader() == Some(node) {
                mark::reachable!(
                    self.probes,
                    "lossy_leader_crash",
                    "a partition's leader lost power with bytes that were not synced"
                );
            }
            let folder = format!("{}-{}", partition.topic, id.partition);
            let Some(log) = partition.logs.get_mut(&host) else { continue };
            let mut before = log.reread(disks.disk(host), &folder);
            if let Some(replaced) = log.interrupted(&mut before) {
                let cleaned = self.on_interrupted(at, (host, wall, kind), id, &replaced, known);
                if !cleaned {
                    before.undo(replaced);
                }
            }
            let partition = self.partitions.get_mut(&id).expect("its key was listed");
            let Some(log) = partition.logs.get_mut(&host) else { continue };
            // What the process knew is gone with it; the next one says what it begins with.
            (log.high_watermark, log.top, log.dropped_at) = (0, 0, 0);
            let removed = self.without_dropped(at, (host, wall), id, before, known);
            let partition = self.partitions.get_mut(&id).expect("its key was listed");
            let is_loss = removed.iter().any(|batch| batch.last >= partition.legal_start);
            if is_loss && kind == CrashKind::PowerLoss && partition.is_replica(node) {
                partition.lossy.insert(host);
                partition.registered_since.remove(&host);
            }
            self.on_half_cleaned(at, (host, kind), id, &removed, known);
            self.on_removed(at, host, id, &removed, true, known);
        }
    }

    /// A process ended without its clean-shutdown marker: its replicas have to earn their place again.
    fn on_unclean_end(&mut self, host: HostId) {
        let Some(node) = self.setup.node_of(host) else { return };
        for partition in self.partitions.values_mut() {
            let registration = partition.registration.as_ref();
            if registration.is_some_and(|found| found.replicas.contains(&node)) {
                partition.unclean.insert(host);
            }
        }
    }

    /// `orders-3/00000000000000000042.log` is the segment at 42 of partition 3 of `orders`.
    fn segment(&self, path: &str) -> Option<(TopicPartition, i64, Suffix)> {
        let (folder, file) = path.split_once('/')?;
        let (base, suffix) = segment_file(file)?;
        let (topic, index) = folder.rsplit_once('-')?;
        let topic = self.topic_id(topic)?;
        Some((TopicPartition { topic, partition: index.parse().ok()? }, base, suffix))
    }
}
