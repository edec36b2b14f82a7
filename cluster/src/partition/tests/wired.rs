//! Brokers 1 to 3 with one partition each, on real logs, wired by hand: nothing happens unless a test says so.
//!
//! Holds: each broker's disk, log, machine and view of the metadata, and what is on its way between them. The
//!        fixture does what the broker shell does with effects, at once.

use bytes::Bytes;
use trial_log::{
    AppendOrigin, BatchBuilder, LeaderEpoch, Log, LogStartReason, MemoryDisk, Offset, OpenLog,
    RecordBatch,
};
use trial_sim::{Span, Time};

use crate::broker::alter_partition::{IsrAnswer, IsrChange};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, PartitionEpoch};
use crate::note::partition::PartitionEvent;
use crate::partition::effect::{Brokers, Effect, LogEdge, WallTime};
use crate::partition::fixture::{Cluster, id, settings};
use crate::partition::follower::{FetchedPartition, FollowerAppend};
use crate::partition::hosted::{Partition, PartitionMetadata};
use crate::partition::leader::FollowerFetch;
use crate::partition::list_offsets::OffsetQuery;
use crate::partition::offsets::Offsets;
use crate::partition::read::{FetchPartition, Reader};
use crate::rules::Rules;

/// What the controller has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) leader: i32,
    pub(super) leader_epoch: i32,
    pub(super) partition_epoch: i32,
    pub(super) isr: Vec<BrokerId>,
}

/// One broker.
pub(super) struct Node {
    pub(super) broker: BrokerId,
    disk: MemoryDisk,
    log: Log,
    pub(super) partition: Partition,
    pub(super) view: Cluster,
    pub(super) notes: Vec<PartitionEvent>,
    /// Changes of the in-sync set that it has asked for.
    pub(super) asked: Vec<IsrChange>,
}

/// An answer on its way to a follower.
pub(super) struct Answer {
    pub(super) sent: FetchPartition,
    answer: FetchedPartition,
    records: Bytes,
}

/// All of them.
pub(super) struct Wired {
    pub(super) nodes: Vec<Node>,
    pub(super) metadata: Metadata,
    pub(super) replicas: Vec<BrokerId>,
    pub(super) now: WallTime,
    rules: Rules,
    min_isr: usize,
}

impl Wired {
    /// Broker 1 leads in epoch 0, all brokers are in sync and know it.
    pub(super) fn new(brokers: i32, min_isr: usize, rules: Rules) -> Self {
        let replicas: Vec<BrokerId> = (1..=brokers).map(BrokerId).collect();
        let metadata =
            Metadata { leader: 1, leader_epoch: 0, partition_epoch: 0, isr: replicas.clone() };
        let now = WallTime(1_000_000);
        let nodes = replicas
            .iter()
            .map(|broker| {
                Node::open(*broker, MemoryDisk::new(), Offset::ZERO, min_isr, rules.clone())
            })
            .collect();
        let mut wired = Self { nodes, metadata, replicas, now, rules, min_isr };
        for broker in 1..=brokers {
            wired.tell(broker);
        }
        wired
    }

    pub(super) fn node(&mut self, broker: i32) -> &mut Node {
        &mut self.nodes[usize::try_from(broker - 1).expect("brokers count from one")]
    }

    pub(super) fn time(&self) -> Time {
        Time::ZERO + Span::from_millis(u64::try_from(self.now.0).expect("after 1970"))
    }

    /// The controller elects `leader`, with this in-sync set. Nobody hears of it yet.
    pub(super) fn elect(&mut self, leader: i32, isr: &[i32]) {
        self.metadata.leader = leader;
        self.metadata.leader_epoch += 1;
        self.metadata.partition_epoch += 1;
        self.metadata.isr = isr.iter().map(|member| BrokerId(*member)).collect();
    }

    /// The metadata as it is reaches `broker`.
    pub(super) fn tell(&mut self, broker: i32) {
        let metadata = self.metadata.clone();
        self.tell_old(broker, &metadata);
    }

    /// Some metadata reaches `broker`.
    pub(super) fn tell_old(&mut self, broker: i32, metadata: &Metadata) {
        let (now, replicas) = (self.now, self.replicas.clone());
        let registration = PartitionMetadata {
            leader: BrokerId(metadata.leader),
            leader_epoch: LeaderEpoch(metadata.leader_epoch),
            partition_epoch: PartitionEpoch(metadata.partition_epoch),
            replicas: &replicas,
            isr: &metadata.isr,
            recovering: false,
        };
        let node = self.node(broker);
        let mut effects = Vec::new();
        node.partition.on_metadata(now, &registration, &node.view, node.log.epochs(), &mut effects);
        self.run(broker, effects, &Bytes::new(), None);
    }

    /// A producer writes one record to `broker`.
    pub(super) fn produce(&mut self, broker: i32, value: &str) -> Result<Offset, ErrorCode> {
        let now = self.now;
        let node = self.node(broker);
        let leader_epoch = node.partition.check_append(-1)?;
        let mut batch = BatchBuilder::new(Offset::ZERO);
        batch.append(1, None, Some(value.as_bytes()), &[]);
        let records = batch.build().into_bytes();
        let origin = AppendOrigin::Client;
        node.log
            .append_as_leader(&mut node.disk, records, leader_epoch, origin, 1, &mut Vec::new())
            .expect("the batch is good");
        let end = node.log.log_end_offset();
        let mut effects = Vec::new();
        node.partition.on_published(now, end, &node.view, &mut effects);
        self.run(broker, effects, &Bytes::new(), None);
        Ok(end)
    }

    /// `follower` asks its leader, which answers; the answer is not applied yet.
    pub(super) fn ask(&mut self, follower: i32) -> Option<Answer> {
        let time = self.time();
        let node = self.node(follower);
        let (sent, leader) = (node.partition.to_fetch(time, 1_000)?, node.partition.leader_id());
        Some(self.serve(follower, leader.0, sent))
    }

    /// `leader` answers a fetch of `follower`.
    pub(super) fn serve(&mut self, follower: i32, leader: i32, sent: FetchPartition) -> Answer {
        let now = self.now;
        let broker_epoch = self.node(follower).view.local_epoch();
        let node = self.node(leader);
        let reader = Reader::Follower { id: BrokerId(follower), epoch: broker_epoch };
        let view = match node.partition.read(&reader, &sent, node.log.epochs()) {
            Ok(view) => view,
            Err(error) => return Answer { sent, answer: refused(error), records: Bytes::new() },
        };
        let (mut effects, mut records) = (Vec::new(), Bytes::new());
        if view.diverging_epoch.is_none() {
            let events = &mut Vec::new();
            let read =
                node.log.read(&mut node.disk, sent.fetch_offset, 1_000, view.up_to, true, events);
            records = read.expect("the range was checked").records;
            let fetch = FollowerFetch {
                replica: BrokerId(follower),
                broker_epoch,
                fetch_offset: sent.fetch_offset,
                log_start_offset: sent.log_start_offset,
                leader_end_at_read: view.log_end_offset,
                leader_epoch: view.leader_epoch,
            };
            let known = node.partition.on_follower_fetch(now, &fetch, &node.view, &mut effects);
            if let Err(error) = known {
                return Answer { sent, answer: refused(error), records: Bytes::new() };
            }
        }
        self.run(leader, effects, &Bytes::new(), None);
        let answer = FetchedPartition {
            error: ErrorCode::None,
            high_watermark: view.high_watermark,
            log_start_offset: view.log_start_offset,
            diverging_epoch: view.diverging_epoch,
            has_records: !records.is_empty(),
        };
        Answer { sent, answer, records }
    }

    /// The answer reaches `follower`.
    pub(super) fn apply(&mut self, follower: i32, answer: &Answer) {
        let time = self.time();
        let node = self.node(follower);
        let mut effects = Vec::new();
        let (sent, facts) = (&answer.sent, &answer.answer);
        node.partition.on_fetch_response(time, sent, facts, node.log.epochs(), &mut effects);
        self.run(follower, effects, &answer.records, Some(facts));
    }

    /// A whole round.
    pub(super) fn fetch(&mut self, follower: i32) {
        if let Some(answer) = self.ask(follower) {
            self.apply(follower, &answer);
        }
    }

    /// The process of `broker` ends and comes back: its log ends at `keep`, its high watermark was `checkpointed`.
    pub(super) fn restart(&mut self, broker: i32, keep: i64, checkpointed: i64) {
        let (min_isr, rules) = (self.min_isr, self.rules.clone());
        let node = self.node(broker);
        let mut disk = std::mem::take(&mut node.disk);
        node.log
            .truncate_to(&mut disk, Offset(keep), 1, &mut Vec::new())
            .expect("what a power loss took");
        let mut fresh = Node::open(node.broker, disk, Offset(checkpointed), min_isr, rules);
        fresh.view = node.view.clone();
        fresh.notes = std::mem::take(&mut node.notes);
        *node = fresh;
    }

    /// What `broker` has on its disk when it starts: a record of each of these epochs, in this order.
    pub(super) fn starts_with(&mut self, broker: i32, epochs: &[i32], high_watermark: i64) {
        let node = self.node(broker);
        for (offset, epoch) in epochs.iter().enumerate() {
            let mut batch = BatchBuilder::new(Offset::ZERO);
            let value = format!("{offset}-e{epoch}");
            batch.append(1, None, Some(value.as_bytes()), &[]);
            let (records, epoch) = (batch.build().into_bytes(), LeaderEpoch(*epoch));
            let (disk, origin) = (&mut node.disk, AppendOrigin::Client);
            node.log
                .append_as_leader(disk, records, epoch, origin, 1, &mut Vec::new())
                .expect("the batch is good");
        }
        let end = node.log.log_end_offset().0;
        self.restart(broker, end, high_watermark);
    }

    /// Half of `replica.lag.time.max.ms` is over on `broker`.
    pub(super) fn shrink_check(&mut self, broker: i32) {
        let now = self.now;
        let node = self.node(broker);
        let mut effects = Vec::new();
        node.partition.on_shrink_check(now, &node.view, &mut effects);
        self.run(broker, effects, &Bytes::new(), None);
    }

    /// The controller's answer reaches `broker`.
    pub(super) fn answer_isr(
        &mut self,
        broker: i32,
        change: &IsrChange,
        answer: Result<IsrAnswer, ErrorCode>,
    ) {
        let now = self.now;
        let node = self.node(broker);
        let mut effects = Vec::new();
        node.partition.on_isr_answer(now, change, answer, &node.view, &mut effects);
        self.run(broker, effects, &Bytes::new(), None);
    }

    /// What the values in the log of `broker` are, from offset zero.
    pub(super) fn values(&mut self, broker: i32) -> Vec<String> {
        self.node(broker).values()
    }

    /// Does with effects what a broker does.
    fn run(
        &mut self,
        broker: i32,
        effects: Vec<Effect>,
        records: &Bytes,
        answer: Option<&FetchedPartition>,
    ) {
        for effect in effects {
            let more = self.run_one(broker, effect, records, answer);
            self.run(broker, more, records, answer);
        }
    }

    fn run_one(
        &mut self,
        broker: i32,
        effect: Effect,
        records: &Bytes,
        answer: Option<&FetchedPartition>,
    ) -> Vec<Effect> {
        let time = self.time();
        let leader = self.node(broker).partition.leader_id().0;
        let (mut more, events) = (Vec::new(), &mut Vec::new());
        match effect {
            Effect::AskLeaderEdge { edge, leader_epoch } => {
                let found = self.edge(leader, edge, leader_epoch);
                let partition = &mut self.node(broker).partition;
                partition.on_leader_edge(time, edge, leader_epoch, found, &mut more);
                return more;
            }
            Effect::AskEpochEnd { epoch, leader_epoch } => {
                let current = self.rules.fences_followers().then_some(leader_epoch);
                let node = self.node(leader);
                let found = node.partition.epoch_end(current, epoch, true, node.log.epochs());
                let node = self.node(broker);
                let (partition, epochs) = (&mut node.partition, node.log.epochs());
                partition.on_leader_epoch_end(epoch, leader_epoch, found, epochs, &mut more);
                return more;
            }
            Effect::AppendAsFollower { leader_epoch } => {
                let node = self.node(broker);
                let appended = node.log.append_as_follower(
                    &mut node.disk,
                    records.clone(),
                    leader_epoch,
                    1,
                    events,
                );
                let info = appended.expect("the records are good");
                let append = FollowerAppend::Appended {
                    log_start_offset: node.log.log_start_offset(),
                    log_end_offset: node.log.log_end_offset(),
                    last_epoch: info.map(|info| info.leader_epoch),
                };
                let answer = answer.expect("only an answer makes it append");
                node.partition.on_follower_append(time, answer, append, &mut more);
                return more;
            }
            _ => {}
        }
        let node = self.node(broker);
        match effect {
            Effect::AssignEpoch { epoch, start } => {
                assert_eq!(start, node.log.log_end_offset(), "an epoch starts at the log's end");
                node.log
                    .assign_epoch_at_end(&mut node.disk, epoch, events)
                    .expect("the disk works");
            }
            Effect::Truncate { to } => {
                node.log.truncate_to(&mut node.disk, to, 1, events).expect("the disk works");
                node.partition.on_truncated(to, node.log.epochs(), &mut more);
            }
            Effect::RestartLog { at } => {
                let fully =
                    node.log.truncate_fully_and_start_at(&mut node.disk, at, None, 1, events);
                fully.expect("the disk works");
                node.partition.on_restarted(at, node.log.epochs(), &mut more);
            }
            Effect::AlterPartition(change) => node.asked.push(change),
            Effect::Note(event) => node.notes.push(event),
            Effect::AdvanceLogStart { to } => {
                let high_watermark = node.partition.offsets().high_watermark();
                let why = LogStartReason::LeaderOffsetIncremented;
                let moved = node.log.increment_log_start_offset(to, high_watermark, why, events);
                moved.expect("it is committed");
            }
            Effect::HighWatermarkMoved { .. }
            | Effect::LeadershipChanged
            | Effect::StopFetching
            | Effect::FetchFrom { .. } => {}
            Effect::AskEpochEnd { .. }
            | Effect::AskLeaderEdge { .. }
            | Effect::AppendAsFollower { .. } => {
                unreachable!("done above")
            }
        }
        more
    }

    fn edge(
        &mut self,
        leader: i32,
        edge: LogEdge,
        epoch: LeaderEpoch,
    ) -> Result<Offset, ErrorCode> {
        let query = OffsetQuery {
            isolation: None,
            current_leader_epoch: Some(epoch),
            leader_only: true,
            version: 10,
        };
        let partition = &self.node(leader).partition;
        match edge {
            LogEdge::Earliest => partition.earliest_offset(&query),
            LogEdge::Latest => partition.latest_offset(&query),
        }
    }
}

impl Node {
    fn open(
        broker: BrokerId,
        mut disk: MemoryDisk,
        checkpointed: Offset,
        min_isr: usize,
        rules: Rules,
    ) -> Self {
        let log = Log::open(&mut disk, OpenLog::new("t-0"), 1, &mut Vec::new()).expect("it opens");
        let offsets = Offsets::new(log.log_start_offset(), log.log_end_offset(), checkpointed);
        let partition = Partition::new(id(), offsets, settings(broker.0, min_isr), rules);
        let mut view = Cluster::of_three();
        view.local = broker;
        Self { broker, disk, log, partition, view, notes: Vec::new(), asked: Vec::new() }
    }

    pub(super) fn values(&mut self) -> Vec<String> {
        let (end, events) = (self.log.log_end_offset(), &mut Vec::new());
        let from = self.log.log_start_offset();
        let read = self.log.read(&mut self.disk, from, usize::MAX, end, true, events);
        let batches = read.expect("the log can be read").batches();
        let text = |batch: RecordBatch| {
            let record = batch.records().next().expect("one record each").expect("a good one");
            String::from_utf8(record.value().expect("a value").to_vec()).expect("text")
        };
        batches.map(|batch| text(batch.expect("a good batch"))).collect()
    }

    pub(super) fn high_watermark(&self) -> i64 {
        self.partition.offsets().high_watermark().0
    }

    pub(super) fn log_end(&self) -> i64 {
        self.partition.offsets().log_end_offset().0
    }
}

fn refused(error: ErrorCode) -> FetchedPartition {
    FetchedPartition {
        error,
        high_watermark: Offset(-1),
        log_start_offset: Offset(-1),
        diverging_epoch: None,
        has_records: false,
    }
}

impl Node {
    /// DeleteRecords on the leader.
    pub(super) fn delete_below(&mut self, offset: i64) {
        self.partition.on_log_start(Offset(offset));
        let (end, why) = (self.log.log_end_offset(), LogStartReason::ClientRecordDeletion);
        let moved = self.log.increment_log_start_offset(Offset(offset), end, why, &mut Vec::new());
        moved.expect("it is committed");
    }
}
