//! The fold: from everything that an observer of the World sees to what is known.
//!
//! Inputs:     bytes on connections and disks first, notes for what bytes cannot show.
//! Invariants: FA-3 each `Seen` costs what it changed; only a crash makes a disk be read again.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::note::Note;
use trial_cluster::note::broker::BrokerNote;
use trial_cluster::note::controller::ControllerNote;
use trial_cluster::note::partition::{PartitionEvent, PartitionNote};
use trial_sim::disk::{Disk, DiskSeen};
use trial_sim::{ConnId, CrashKind, HostId, Seen, Time};

use super::fact::{Fact, Known};
use super::partition::{Acked, PartitionFacts, Term};
use super::replica_log::{Stored, segment_base};
use super::setup::Setup;
use crate::probe::Probe;
use crate::tap::{BatchHead, Conversations, Heard, TopicRef, batches};

/// Where audits find the disks.
pub trait Disks {
    /// The disk of a host.
    fn disk(&self, host: HostId) -> &Disk;
}

/// A crash of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// Who.
    pub host: HostId,
    /// When.
    pub at: Time,
    /// Whether bytes were lost.
    pub lossy: bool,
}

/// How often each probe was reached.
#[derive(Debug, Clone, Default)]
pub struct ProbeCounts(BTreeMap<Probe, u64>);

impl ProbeCounts {
    /// One more.
    pub fn hit(&mut self, probe: Probe) {
        *self.0.entry(probe).or_insert(0) += 1;
    }

    /// How often.
    #[must_use]
    pub fn count(&self, probe: Probe) -> u64 {
        self.0.get(&probe).copied().unwrap_or(0)
    }
}

/// A produce whose answer is awaited: acks, and for each partition its batches.
type Sent = (i16, Vec<(TopicPartition, Vec<BatchHead>)>);

/// Everything that is known.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What was fixed before the run.
    pub setup: Arc<Setup>,
    conversations: Conversations,
    produces: BTreeMap<u64, std::collections::VecDeque<Arc<Sent>>>,
    topic_ids: BTreeMap<String, trial_cluster::ids::TopicId>,
    partitions: BTreeMap<TopicPartition, PartitionFacts>,
    /// Crashes so far.
    pub crashes: Vec<Crash>,
    /// Brokers that run, by their own account.
    pub unfenced: BTreeMap<BrokerId, bool>,
    /// Where the active controller is.
    pub active_controller: Option<HostId>,
    /// How often a controller became active.
    pub activations: u64,
    /// Requests that were answered.
    pub requests: u64,
    /// What was reached.
    pub probes: ProbeCounts,
}

impl Facts {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(setup: Arc<Setup>) -> Self {
        Self {
            setup,
            conversations: Conversations::default(),
            produces: BTreeMap::new(),
            topic_ids: BTreeMap::new(),
            partitions: BTreeMap::new(),
            crashes: Vec::new(),
            unfenced: BTreeMap::new(),
            active_controller: None,
            activations: 0,
            requests: 0,
            probes: ProbeCounts::default(),
        }
    }

    /// The id of a topic.
    #[must_use]
    pub fn topic_id(&self, name: &str) -> Option<trial_cluster::ids::TopicId> {
        self.topic_ids.get(name).copied()
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

    /// Hosts that ended uncleanly, with or without loss, and have not been in sync since with all they hold.
    #[must_use]
    pub fn unclean(&self) -> std::collections::BTreeSet<HostId> {
        self.partitions.values().flat_map(|partition| partition.unclean.iter().copied()).collect()
    }

    /// Takes one thing in; what became known is added to `known`.
    pub fn on_seen(&mut self, seen: &Seen<Note>, disks: &dyn Disks, known: &mut Vec<Known>) {
        match seen {
            Seen::Note { at, host, note, .. } => self.on_note(*at, *host, note, known),
            Seen::Sent { at, conn, from, to, towards_listener, bytes, .. } => {
                self.on_sent(*at, *conn, (*from, *to), *towards_listener, bytes, known);
            }
            Seen::Closed { conn, .. } => {
                self.conversations.on_closed(conn.0);
                self.produces.remove(&conn.0);
            }
            Seen::Disk { at, host, what, .. } => self.on_disk(*at, *host, what, known),
            Seen::Crashed { at, host, kind, report } => {
                let lossy = *kind == CrashKind::PowerLoss
                    && report.disks.iter().any(|disk| !disk.is_harmless());
                self.crashes.push(Crash { host: *host, at: *at, lossy });
                self.on_crash(*at, *host, *kind, disks, known);
                self.on_unclean_end(*host);
            }
            Seen::Stopped { at, host, halt } => {
                if halt.is_none() && self.setup.node_of(*host).is_some() {
                    self.probes.hit(Probe::ControlledShutdown);
                }
                self.on_crash(*at, *host, CrashKind::Process, disks, known);
                if halt.is_some() {
                    self.on_unclean_end(*host);
                }
            }
            Seen::Connected { .. } | Seen::Booted { .. } => {}
        }
    }

    fn on_note(&mut self, at: Time, host: HostId, note: &Note, known: &mut Vec<Known>) {
        match note {
            Note::Partition(PartitionNote { partition, event }) => {
                self.on_partition_event(at, host, *partition, event);
                let fact = Fact::Noted { host, event: event.clone() };
                known.push(Known { at, partition: *partition, fact });
            }
            Note::Controller(note) => self.on_controller_note(at, host, note, known),
            Note::Broker(BrokerNote::LogsLoaded { clean: false })
                if self.crashes.iter().any(|crash| crash.host == host) =>
            {
                self.probes.hit(Probe::UncleanRestart);
            }
            Note::Broker(_) => {}
            Note::Log { event, .. } => {
                if let trial_log::LogEvent::SegmentRecovered { bytes_dropped, .. } = event
                    && *bytes_dropped > 0
                {
                    self.probes.hit(Probe::TornBatch);
                }
            }
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
        match event {
            PartitionEvent::BecameLeader { leader_epoch, .. } => {
                partition.terms.entry(leader_epoch.0).or_insert(Term { leader: host, at });
            }
            PartitionEvent::LeaderHighWatermarkMoved { to, .. } => {
                partition.commit(at, host, to.0);
                partition.logs.entry(host).or_default().high_watermark = to.0;
            }
            PartitionEvent::FollowerHighWatermarkMoved { to, .. } => {
                partition.logs.entry(host).or_default().high_watermark = to.0;
            }
            PartitionEvent::Truncated { from, to, .. } if to < from => {
                self.probes.hit(Probe::Truncation);
            }
            PartitionEvent::StaleFetchResponse { .. } => self.probes.hit(Probe::StaleFetchResponse),
            _ => {}
        }
    }

    fn on_controller_note(
        &mut self,
        at: Time,
        host: HostId,
        note: &ControllerNote,
        known: &mut Vec<Known>,
    ) {
        match note {
            ControllerNote::Activated { .. } => {
                self.active_controller = Some(host);
                self.activations += 1;
                if self.activations > 1 {
                    self.probes.hit(Probe::QuorumElection);
                }
            }
            ControllerNote::Renounced { .. } if self.active_controller == Some(host) => {
                self.active_controller = None;
            }
            ControllerNote::BrokerFenced { id, .. } => {
                self.unfenced.insert(*id, false);
            }
            ControllerNote::BrokerRegistered { id, .. } => {
                self.unfenced.insert(*id, false);
            }
            ControllerNote::BrokerUnfenced { id, .. } => {
                self.unfenced.insert(*id, true);
            }
            ControllerNote::TopicCreated { id, name, .. } => {
                self.topic_ids.insert(name.to_string(), *id);
            }
            ControllerNote::AlterPartitionRefused { .. } => {
                self.probes.hit(Probe::AlterPartitionRefused);
            }
            ControllerNote::PartitionChanged { partition, old, new, elected, .. } => {
                if let Some(elected) = elected {
                    use trial_cluster::controller::election::ElectedFrom;
                    match elected {
                        ElectedFrom::EligibleLeaderReplicas => {
                            self.probes.hit(Probe::LeaderFromElr)
                        }
                        ElectedFrom::Isr => {}
                        _ => self.probes.hit(Probe::UncleanElection),
                    }
                }
                self.on_registration(at, *partition, old.as_ref(), new);
                let (old, new) = (old.clone(), Arc::clone(new));
                let fact = Fact::Registered { host, old, new };
                known.push(Known { at, partition: *partition, fact });
            }
            _ => {}
        }
    }

    fn on_registration(
        &mut self,
        at: Time,
        id: TopicPartition,
        old: Option<&Arc<trial_cluster::image::PartitionRegistration>>,
        new: &Arc<trial_cluster::image::PartitionRegistration>,
    ) {
        if !self.partitions.contains_key(&id) {
            let name = self.topic_ids.iter().find(|(_, topic)| **topic == id.topic);
            let name = name.map_or_else(String::new, |(name, _)| name.clone());
            let min = self.setup.topics.get(&name).map_or(1, |topic| topic.min_insync);
            self.partitions.insert(id, PartitionFacts::new(id, Arc::from(name), min));
        }
        let setup = Arc::clone(&self.setup);
        let partition = self.partitions.get_mut(&id).expect("it was made just now");
        if let Some(old) = old {
            let lost = old.isr.iter().any(|member| !new.isr.contains(member));
            let gained = new.isr.iter().any(|member| !old.isr.contains(member));
            if lost {
                self.probes.hit(Probe::IsrShrink);
            }
            if gained {
                self.probes.hit(Probe::IsrExpand);
            }
            if new.leader_epoch != old.leader_epoch {
                partition.elections += u64::from(new.leader != old.leader);
                let recent = partition
                    .epoch_changed_at
                    .is_some_and(|before| at.since(before) <= trial_sim::Span::from_secs(10));
                if recent {
                    self.probes.hit(Probe::TwoEpochs);
                }
                partition.epoch_changed_at = Some(at);
            }
            for member in new.isr.iter().filter(|member| !old.isr.contains(member)) {
                if let Some(host) = setup.host_of(*member) {
                    partition.lossy.remove(&host);
                    partition.unclean.remove(&host);
                }
            }
        } else {
            partition.epoch_changed_at = Some(at);
        }
        partition.registration = Some(Arc::clone(new));
        partition.registrations.insert(new.partition_epoch.0, Arc::clone(new));
    }

    fn on_sent(
        &mut self,
        at: Time,
        conn: ConnId,
        (from, to): (HostId, HostId),
        towards_listener: bool,
        bytes: &Bytes,
        known: &mut Vec<Known>,
    ) {
        let mut heard = Vec::new();
        self.conversations.on_sent(conn.0, towards_listener, bytes, &mut heard);
        for said in heard {
            match said {
                Heard::Produce(request) => self.on_produce(conn, request.acks, &request.partitions),
                Heard::Produced { acks, answers } => {
                    self.requests += 1;
                    self.on_produced(at, conn, (from, to), acks, &answers, known);
                }
                Heard::Fetched { by, answers } => {
                    self.requests += 1;
                    for answer in answers {
                        self.on_fetched(at, from, by.replica < 0, &answer, known);
                    }
                }
                Heard::Answered { .. } => self.requests += 1,
                Heard::Malformed { .. } => {}
            }
        }
    }

    fn resolve(&self, topic: &TopicRef, partition: i32) -> Option<TopicPartition> {
        let topic = match topic {
            TopicRef::Id(id) => *id,
            TopicRef::Name(name) => self.topic_id(name)?,
        };
        Some(TopicPartition { topic, partition })
    }

    fn on_produce(&mut self, conn: ConnId, acks: i16, partitions: &[(TopicRef, i32, Bytes)]) {
        let read = partitions.iter().filter_map(|(topic, index, records)| {
            let id = self.resolve(topic, *index)?;
            Some((id, batches(records, false).unwrap_or_default()))
        });
        let sent = Arc::new((acks, read.collect()));
        if acks != 0 {
            self.produces.entry(conn.0).or_default().push_back(sent);
        }
    }

    fn on_produced(
        &mut self,
        at: Time,
        conn: ConnId,
        (broker, producer): (HostId, HostId),
        acks: i16,
        answers: &[crate::tap::ProduceAnswer],
        known: &mut Vec<Known>,
    ) {
        let sent = self.produces.get_mut(&conn.0).and_then(|queue| queue.pop_front());
        let Some(sent) = sent else { return };
        for answer in answers {
            let Some(id) = self.resolve(&answer.topic, answer.partition) else { continue };
            if answer.error != 0 {
                if answer.error == trial_cluster::error_code::ErrorCode::NotEnoughReplicas.code() {
                    self.probes.hit(Probe::UnderMinIsr);
                }
                continue;
            }
            let batch = sent.1.iter().find(|(sent_to, _)| *sent_to == id);
            let Some(head) = batch.and_then(|(_, heads)| heads.first()) else { continue };
            let Some(partition) = self.partitions.get_mut(&id) else { continue };
            let ack = Acked {
                base: answer.base_offset,
                count: head.record_count,
                crc: head.crc,
                acks,
                at,
                by: broker,
                producer,
            };
            partition.acked.push(ack);
            partition.records_acked += u64::try_from(head.record_count).unwrap_or(0);
            let on_disk = partition.logs.get(&broker).and_then(|log| log.at(ack.base)).copied();
            known.push(Known { at, partition: id, fact: Fact::Acked { ack, on_disk } });
        }
    }

    fn on_fetched(
        &mut self,
        at: Time,
        host: HostId,
        by_consumer: bool,
        answer: &crate::tap::FetchAnswer,
        known: &mut Vec<Known>,
    ) {
        if answer.error != 0 {
            return;
        }
        let Some(id) = self.resolve(&answer.topic, answer.partition) else { return };
        if !self.partitions.contains_key(&id) {
            return;
        }
        match batches(&answer.records, true) {
            Ok(heads) => {
                let stored = |head: &BatchHead| Stored {
                    base: head.base_offset,
                    last: head.last_offset,
                    epoch: head.leader_epoch,
                    crc: head.crc,
                    position: 0,
                    size: u32::try_from(head.bytes.len()).unwrap_or(u32::MAX),
                };
                let batches: Vec<Stored> = heads.iter().map(stored).collect();
                if by_consumer && let Some(last) = batches.last() {
                    let partition = self.partitions.get_mut(&id).expect("looked at just now");
                    partition.read_end = partition.read_end.max(last.last + 1);
                }
                let fact = Fact::Fetched {
                    host,
                    by_consumer,
                    high_watermark: answer.high_watermark,
                    log_start: answer.log_start,
                    batches,
                };
                known.push(Known { at, partition: id, fact });
            }
            Err(fault) => {
                let fact = Fact::BadBytes { host, place: "an answer to a fetch", fault };
                known.push(Known { at, partition: id, fact });
            }
        }
    }

    fn on_disk(&mut self, at: Time, host: HostId, what: &DiskSeen, known: &mut Vec<Known>) {
        let path = match what {
            DiskSeen::Wrote { path, .. }
            | DiskSeen::Truncated { path, .. }
            | DiskSeen::Removed { path } => path,
            DiskSeen::Renamed { from, .. } => from,
            DiskSeen::Created { .. } | DiskSeen::Synced { .. } => return,
            DiskSeen::Wiped => {
                self.on_wiped(at, host, known);
                return;
            }
        };
        let Some((id, base)) = self.segment(path) else { return };
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        let log = partition.logs.entry(host).or_default();
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
            _ => log.on_remove(base, &mut removed),
        }
        self.on_removed(at, host, id, &removed, false, known);
    }

    fn on_removed(
        &mut self,
        at: Time,
        host: HostId,
        id: TopicPartition,
        removed: &[Stored],
        by_crash: bool,
        known: &mut Vec<Known>,
    ) {
        let Some(first) = removed.iter().map(|batch| batch.base).min() else { return };
        let partition = self.partitions.get_mut(&id).expect("its log lost something");
        partition.removed(at, host, removed, by_crash);
        let fact = Fact::Removed { host, from: first, by_crash };
        known.push(Known { at, partition: id, fact });
    }

    fn on_wiped(&mut self, at: Time, host: HostId, known: &mut Vec<Known>) {
        for id in self.partitions.keys().copied().collect::<Vec<_>>() {
            let partition = self.partitions.get_mut(&id).expect("its key was listed");
            let Some(log) = partition.logs.remove(&host) else { continue };
            let removed: Vec<Stored> = log.from(0).copied().collect();
            partition.lossy.insert(host);
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
        if self.setup.node_of(host).is_none() {
            return;
        }
        for id in self.partitions.keys().copied().collect::<Vec<_>>() {
            let local = self.setup.node_of(host);
            let partition = self.partitions.get_mut(&id).expect("its key was listed");
            if kind == CrashKind::PowerLoss && partition.leader() == local {
                self.probes.hit(Probe::LossyLeaderCrash);
            }
            let folder = format!("{}-{}", partition.topic, id.partition);
            let Some(log) = partition.logs.get_mut(&host) else { continue };
            let mut removed = Vec::new();
            log.reread(disks.disk(host), &folder, &mut removed);
            if !removed.is_empty() && kind == CrashKind::PowerLoss {
                partition.lossy.insert(host);
            }
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
    fn segment(&self, path: &str) -> Option<(TopicPartition, i64)> {
        let (folder, file) = path.split_once('/')?;
        let base = segment_base(file)?;
        let (topic, index) = folder.rsplit_once('-')?;
        let topic = self.topic_id(topic)?;
        Some((TopicPartition { topic, partition: index.parse().ok()? }, base))
    }
}
