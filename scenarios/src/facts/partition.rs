//! What is known of one partition: its replicas' logs, what was committed, acknowledged, lost; who leads.
//!
//! Holds:      the commit ledger: for each offset the batch that stood there when a leader's high watermark passed it
//!             for the first time. It is made of bytes on the leader's disk, at the moment of the leader's note.
//! Invariants: FA-1 the ledger only grows; FA-2 a batch that no disk holds any more is recorded with where and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::image::PartitionRegistration;
use trial_sim::{HostId, Time};

use super::chunked::Chunked;
use super::offsets_topic::{OFFSETS_TOPIC, OffsetsLog};
use super::record_print::RecordPrint;
use super::replica_log::{ReplicaLog, Stored};
use super::rewritten::Rewritten;

/// A batch that is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The batch.
    pub batch: Stored,
    /// When a leader's high watermark first passed it.
    pub at: Time,
    /// Which leader.
    pub leader: HostId,
    /// In which leader epoch: no leader of an older one needs to have it.
    pub epoch: i32,
}

/// A record that is committed, of a topic that is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommittedRecord {
    /// The record.
    pub record: RecordPrint,
    /// The offset of the next committed record of its key, which supersedes it; -1 if there is none.
    pub next: i64,
}

/// Where a log ends, as a broker told it to a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndTold {
    /// When.
    pub at: Time,
    /// Who told it.
    pub host: HostId,
    /// The leader epoch that it named.
    pub epoch: i32,
    /// The end.
    pub offset: i64,
}

/// A batch that a producer was told is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    /// Offset of its first record, as told.
    pub base: i64,
    /// How many records.
    pub count: i32,
    /// Its checksum, as the producer sent it, or as the leader wrote it that writes batches anew.
    pub crc: u32,
    /// What was asked for: 1, or -1 for all.
    pub acks: i16,
    /// When.
    pub at: Time,
    /// Who told.
    pub by: HostId,
    /// Who was told.
    pub producer: HostId,
}

/// How a batch left a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// By a crash.
    Crash,
    /// Its own broker cut it away, or dropped it against the rules.
    Cut,
    /// Its own broker dropped it, and might: by age, by size, or below the log's start.
    LetGo,
}

/// The last copy of a batch is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vanished {
    /// The batch.
    pub batch: Stored,
    /// When.
    pub at: Time,
    /// On which host.
    pub host: HostId,
    /// How.
    pub how: Gone,
}

/// A leader, as it noted itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Who.
    pub leader: HostId,
    /// When it noted so.
    pub at: Time,
    /// Where the epoch starts: its log end at that moment, by its note.
    pub start: i64,
}

/// A log as it was when a broker opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// When.
    pub at: Time,
    /// Where it started.
    pub start: i64,
    /// The offset after its last record.
    pub end: i64,
}

/// A registration with the offset of its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Of the record.
    pub offset: i64,
    /// What it says.
    pub registration: Arc<PartitionRegistration>,
}

/// One partition.
#[derive(Debug, Clone)]
pub struct PartitionFacts {
    /// Which.
    pub id: TopicPartition,
    /// The topic's name.
    pub topic: Arc<str>,
    /// `min.insync.replicas`, at most the number of replicas, the fewest that the partition has had.
    pub min_insync: usize,
    /// `min.insync.replicas` as it is set.
    pub min_insync_set: usize,
    /// Who was taken from the replicas, by the partition epoch of that, and may delete its log.
    pub left: BTreeMap<HostId, i32>,
    /// The registration by the newest record that a controller has written.
    pub registration: Option<Arc<PartitionRegistration>>,
    /// Every registration by its partition epoch.
    pub registrations: BTreeMap<i32, Registered>,
    /// The log on each broker's disk.
    pub logs: BTreeMap<HostId, ReplicaLog>,
    /// What was committed.
    pub ledger: Chunked<Committed>,
    /// Whether records are kept, and not batches alone: it is compacted, or was once.
    pub keeps_records: bool,
    /// The batches as leaders wrote them, where they write them anew.
    pub rewritten: Option<Box<Rewritten>>,
    /// What groups rest on, if this is a partition of `__consumer_offsets`.
    pub offsets: Option<Box<OffsetsLog>>,
    /// The records of the ledger, if they are kept.
    pub records: Chunked<CommittedRecord>,
    /// Tombstones that a cleaning has taken since their time was over, and when the first one did.
    pub expired: BTreeMap<i64, Time>,
    /// The place in `records` of the newest record of each key.
    newest: BTreeMap<u64, usize>,
    /// The first offset that no leader's high watermark has passed.
    pub committed_end: i64,
    /// The furthest offset at which a replica's log has come to start legally: what lies below is not promised.
    pub legal_start: i64,
    /// The furthest start that a client has asked for with `DeleteRecords`.
    pub asked_start: Option<i64>,
    /// Who led in which epoch.
    pub terms: BTreeMap<i32, Term>,
    /// When a broker last told a producer that a batch is out of order; by broker and producer.
    pub out_of_order: BTreeMap<(HostId, HostId), Time>,
    /// How each broker's log was opened, every time: a run judges its history at the end.
    pub opened: BTreeMap<HostId, Vec<Opened>>,
    /// How often, on each broker, compacted segments have begun to take the place of others.
    pub swaps: BTreeMap<HostId, i64>,
    /// The newest leader's high watermark, as it noted it.
    pub high_watermark: i64,
    /// What producers were told.
    pub acked: Chunked<Acked>,
    /// Ends that consumers were told; one that an earlier one covers is left out.
    pub ends_told: Vec<EndTold>,
    /// Batches without a copy.
    pub vanished: Chunked<Vanished>,
    /// Replicas that lost bytes and have not been in sync since.
    pub lossy: BTreeSet<HostId>,
    /// Replicas whose process ended without leaving in order, and that have not joined the in-sync set since: the
    /// controller trusts them as little as those that lost bytes.
    pub unclean: BTreeSet<HostId>,
    /// Those whose controller has handled a registration since they lost bytes, or lately: only of use with `lossy`.
    pub registered_since: BTreeSet<HostId>,
    /// When a leader was first elected that may lack committed records.
    pub unclean_election: Option<Time>,
    /// Elections of a leader.
    pub elections: u64,
    /// When the leader epoch last changed.
    pub epoch_changed_at: Option<Time>,
    /// Records told safe.
    pub records_acked: u64,
    /// Different offsets that consumers were handed.
    pub read_end: i64,
}

impl PartitionFacts {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(id: TopicPartition, topic: Arc<str>, min_insync: usize) -> Self {
        let offsets = (&*topic == OFFSETS_TOPIC).then(Box::default);
        Self {
            id,
            topic,
            min_insync,
            min_insync_set: min_insync,
            left: BTreeMap::new(),
            registration: None,
            registrations: BTreeMap::new(),
            logs: BTreeMap::new(),
            ledger: Chunked::default(),
            keeps_records: false,
            rewritten: None,
            offsets,
            records: Chunked::default(),
            expired: BTreeMap::new(),
            newest: BTreeMap::new(),
            committed_end: 0,
            legal_start: 0,
            asked_start: None,
            terms: BTreeMap::new(),
            out_of_order: BTreeMap::new(),
            opened: BTreeMap::new(),
            swaps: BTreeMap::new(),
            high_watermark: 0,
            acked: Chunked::default(),
            ends_told: Vec::new(),
            vanished: Chunked::default(),
            lossy: BTreeSet::new(),
            unclean: BTreeSet::new(),
            registered_since: BTreeSet::new(),
            unclean_election: None,
            elections: 0,
            epoch_changed_at: None,
            records_acked: 0,
            read_end: 0,
        }
    }

    /// A consumer that had asked at `asked` is told an end. Answers the furthest end that lay behind it by then.
    pub(super) fn on_end_told(&mut self, told: EndTold, asked: Time) -> Option<EndTold> {
        let covers = |end: &&EndTold| end.epoch <= told.epoch && end.offset > told.offset;
        let earlier = self.ends_told.iter().filter(|end| end.at < asked);
        let before = earlier.filter(covers).max_by_key(|end| end.offset).copied();
        let is_covered = |end: &EndTold| end.epoch <= told.epoch && end.offset >= told.offset;
        if !self.ends_told.iter().any(is_covered) {
            self.ends_told.push(told);
        }
        before
    }

    /// The registration by a record that a controller has written.
    pub(super) fn register(&mut self, record: Registered) {
        self.registration = Some(Arc::clone(&record.registration));
        self.registrations.insert(record.registration.partition_epoch.0, record);
    }

    /// The records from `offset` on have not come to be.
    pub(super) fn undo_registrations(&mut self, offset: i64) {
        self.registrations.retain(|_, record| record.offset < offset);
        let newest = self.registrations.values().next_back();
        self.registration = newest.map(|record| Arc::clone(&record.registration));
        self.undo_leaving();
    }

    /// A replica is in sync again: it counts from now on, if its disk has what is committed.
    pub(super) fn on_joined(&mut self, host: HostId) {
        if self.logs.get(&host).map_or(0, ReplicaLog::end) >= self.committed_end {
            self.lossy.remove(&host);
        }
        self.unclean.remove(&host);
    }

    /// Whether a replica lost bytes, and its present place is older than the loss.
    #[must_use]
    pub fn is_excluded(&self, host: HostId) -> bool {
        self.lossy.contains(&host) && !self.registered_since.contains(&host)
    }

    /// `orders/3`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.topic, self.id.partition)
    }

    /// The committed batch that holds `offset`.
    #[must_use]
    pub fn committed_at(&self, offset: i64) -> Option<&Committed> {
        let index = self.ledger.partition_point(|entry| entry.batch.last < offset);
        self.ledger.get(index).filter(|entry| entry.batch.base <= offset)
    }

    /// The high watermark of the leader of `epoch` stands at `to`: what lies below and is news is committed.
    pub fn commit(&mut self, at: Time, leader: HostId, epoch: i32, to: i64) {
        self.high_watermark = to;
        if to <= self.committed_end {
            return;
        }
        if let Some(log) = self.logs.get(&leader) {
            let from = self.ledger.last().map_or(0, |entry| entry.batch.last + 1);
            let batches: Vec<Stored> =
                log.from(from).take_while(|batch| batch.last < to).copied().collect();
            if self.keeps_records {
                let end = batches.last().map_or(from, |batch| batch.last + 1);
                let news = log.records_from(from).take_while(|record| record.offset < end);
                let news: Vec<RecordPrint> = news.copied().collect();
                self.commit_records(&news);
            }
            for batch in batches {
                if let Some(offsets) = &mut self.offsets {
                    offsets.commit(&batch, at, leader);
                }
                self.ledger.push(Committed { batch, at, leader, epoch });
            }
        }
        self.committed_end = to;
    }

    fn commit_records(&mut self, records: &[RecordPrint]) {
        for record in records {
            let place = self.records.len();
            self.records.push(CommittedRecord { record: *record, next: -1 });
            let before = (record.key != 0).then(|| self.newest.insert(record.key, place)).flatten();
            if let Some(before) = before.and_then(|before| self.records.get_mut(before)) {
                before.next = record.offset;
            }
        }
    }

    /// The records of what was committed before they were kept, as far as a disk still has them.
    pub(super) fn learn_records(&mut self) {
        let end = self.ledger.last().map_or(0, |entry| entry.batch.last + 1);
        let fullest = self.logs.values().max_by_key(|log| (log.end().min(end), -log.start()));
        let Some(log) = fullest else { return };
        let same = |record: &&RecordPrint| {
            self.committed_at(record.offset)
                .zip(log.at(record.offset))
                .is_some_and(|(entry, here)| entry.batch.is_same(here))
        };
        let records: Vec<RecordPrint> = log.records_from(0).filter(same).copied().collect();
        self.commit_records(&records);
    }

    /// The committed record at `offset`, if records are kept.
    #[must_use]
    pub fn record_at(&self, offset: i64) -> Option<&CommittedRecord> {
        let index = self.records.partition_point(|known| known.record.offset < offset);
        self.records.get(index).filter(|known| known.record.offset == offset)
    }

    /// Whether a committed record may be gone: a later one of its key is committed, it was a tombstone whose time is
    /// over, it has no key, or logs may start behind it.
    #[must_use]
    pub fn may_be_gone(&self, known: &CommittedRecord) -> bool {
        let RecordPrint { offset, key, .. } = known.record;
        let expired = self.expired.contains_key(&offset);
        offset < self.legal_start || key == 0 || known.next >= 0 || expired
    }

    /// The same at a time at which less may have been known: what supersedes it was not committed, or it still stood.
    #[must_use]
    pub fn might_be_gone(&self, known: &CommittedRecord, at: Time) -> bool {
        let RecordPrint { offset, key, .. } = known.record;
        let superseded =
            known.next >= 0 && self.committed_at(known.next).is_some_and(|entry| entry.at <= at);
        let expired = self.expired.get(&offset).is_some_and(|since| *since <= at);
        offset < self.legal_start || key == 0 || superseded || expired
    }

    /// The log on a broker's disk; a new one if nothing is known of it.
    pub(super) fn log_mut(&mut self, host: HostId) -> &mut ReplicaLog {
        let keeps_records = self.keeps_records;
        self.logs.entry(host).or_insert_with(|| ReplicaLog::new(keeps_records))
    }

    /// Batches left a replica's log: those that no other disk holds have vanished.
    pub fn removed(&mut self, at: Time, host: HostId, batches: &[Stored], how: Gone) {
        for batch in batches {
            let elsewhere = self.logs.iter().any(|(other, log)| {
                *other != host && log.at(batch.base).is_some_and(|held| held.is_same(batch))
            });
            if !elsewhere {
                self.vanished.push(Vanished { batch: *batch, at, host, how });
            }
        }
    }

    /// Whether this batch was on disks that have all lost it. A follower may write it after that: an answer to its
    /// fetch was under way when the leader went down.
    #[must_use]
    pub fn has_vanished(&self, batch: &Stored) -> bool {
        self.vanished.iter().any(|gone| gone.batch.is_same(batch))
    }

    /// Who leads by the controller, as a node id.
    #[must_use]
    pub fn leader(&self) -> Option<BrokerId> {
        self.registration.as_ref()?.leader
    }
}
