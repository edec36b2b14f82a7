//! A log on a disk in memory, with a word for each thing that a test does to it.

#![expect(dead_code, reason = "each test takes what it needs")]

pub mod cleaned;
pub mod cleaning;
pub mod producers;
pub mod transactions;
pub mod truth;

use bytes::Bytes;
use trial_log::{
    AppendInfo, AppendOrigin, BatchBuilder, LeaderEpoch, Log, LogConfig, LogError, LogEvent,
    LogStartReason, MemoryDisk, Offset, OpenLog, RecordBatch,
};

pub const NOW: i64 = 1_767_225_600_000;
pub const FOLDER: &str = "orders-0";

pub struct Fixture {
    pub disk: MemoryDisk,
    pub log: Log,
    pub events: Vec<LogEvent>,
    pub config: LogConfig,
    /// The time of what is done next, for whoever moves it.
    pub now: i64,
}

impl Fixture {
    /// A new log with segments that hold three batches of [`Fixture::append`] or so.
    pub fn small() -> Self {
        Self::with(Self::small_config())
    }

    pub fn small_config() -> LogConfig {
        LogConfig { segment_bytes: 300, index_interval_bytes: 60, ..Default::default() }
    }

    pub fn with(config: LogConfig) -> Self {
        Self::on(MemoryDisk::new(), config)
    }

    pub fn on(mut disk: MemoryDisk, config: LogConfig) -> Self {
        let mut events = Vec::new();
        let open = OpenLog { config: config.clone(), ..OpenLog::new(FOLDER) };
        let log = Log::open(&mut disk, open, NOW, &mut events).expect("the disk is whole");
        Self { disk, log, events, config, now: NOW }
    }

    /// One batch of as many records, as the leader of an epoch.
    pub fn append(&mut self, epoch: i32, count: usize) -> AppendInfo {
        self.try_append(epoch, count).expect("the batch is good and the disk is whole")
    }

    pub fn try_append(&mut self, epoch: i32, count: usize) -> Result<AppendInfo, LogError> {
        let Self { disk, log, events, .. } = self;
        let records = batch(Offset::ZERO, LeaderEpoch::NONE, count).into_bytes();
        let epoch = LeaderEpoch(epoch);
        log.append_as_leader(disk, records, epoch, AppendOrigin::Client, NOW, events)
    }

    pub fn follow(&mut self, records: Bytes, epoch: i32) -> Result<Option<AppendInfo>, LogError> {
        let Self { disk, log, events, .. } = self;
        log.append_as_follower(disk, records, LeaderEpoch(epoch), NOW, events)
    }

    pub fn truncate(&mut self, to: i64) -> bool {
        let Self { disk, log, events, .. } = self;
        log.truncate_to(disk, Offset(to), NOW, events).expect("the disk is whole")
    }

    /// A client deletes the records before `to`; all that was written is committed.
    pub fn start_at(&mut self, to: i64) -> Result<bool, LogError> {
        let (end, why) = (self.log.log_end_offset(), LogStartReason::ClientRecordDeletion);
        self.log.increment_log_start_offset(Offset(to), end, why, &mut self.events)
    }

    /// The process ends without a word, and the next one opens the log.
    pub fn crash(&mut self) {
        let (recovery_point, start) = (self.log.recovery_point(), self.log.log_start_offset());
        self.reopen(false, recovery_point, start).expect("the disk is whole");
    }

    pub fn reopen(
        &mut self,
        clean: bool,
        recovery_point: Offset,
        log_start_offset: Offset,
    ) -> Result<(), LogError> {
        let config = self.config.clone();
        let open = OpenLog { folder: FOLDER, config, clean, recovery_point, log_start_offset };
        self.events.clear();
        self.log = Log::open(&mut self.disk, open, NOW, &mut self.events)?;
        Ok(())
    }

    /// Shuts down in good order and opens again.
    pub fn restart(&mut self) {
        let end = self.log.log_end_offset();
        let Self { disk, log, events, .. } = self;
        log.flush(disk, end, events).expect("the disk is whole");
        log.mark_flushed(end, events);
        log.close(disk, events).expect("the disk is whole");
        let start = self.log.log_start_offset();
        self.reopen(true, end, start).expect("the disk is whole");
    }

    /// All batches from the start on, read in pieces.
    pub fn batches(&mut self) -> Vec<RecordBatch> {
        let Self { disk, log, events, .. } = self;
        let (mut at, end) = (log.log_start_offset(), log.log_end_offset());
        let mut batches = Vec::new();
        while at < end {
            let read = log.read(disk, at, 150, end, true, events).expect("the log is whole");
            let before = batches.len();
            batches.extend(read.batches().map(|batch| batch.expect("and so are its batches")));
            if batches.len() == before {
                break;
            }
            at = batches[batches.len() - 1].next_offset();
        }
        batches
    }

    /// The base and last offsets of all batches.
    pub fn offsets(&mut self) -> Vec<(i64, i64)> {
        self.batches().iter().map(|batch| (batch.base_offset().0, batch.last_offset().0)).collect()
    }

    pub fn epochs(&self) -> Vec<(i32, i64)> {
        self.log.epochs().entries().map(|e| (e.leader_epoch.0, e.start_offset.0)).collect()
    }

    pub fn segments(&self) -> Vec<i64> {
        self.log.segment_base_offsets().map(|offset| offset.0).collect()
    }

    /// The path of a segment's file.
    pub fn path(base_offset: i64, suffix: &str) -> String {
        format!("{FOLDER}/{base_offset:020}{suffix}")
    }

    pub fn bytes(&self, base_offset: i64, suffix: &str) -> Vec<u8> {
        let path = Self::path(base_offset, suffix);
        self.disk.contents(&path).unwrap_or_else(|| panic!("no {path}")).to_vec()
    }

    pub fn set_bytes(&mut self, base_offset: i64, suffix: &str, bytes: &[u8]) {
        self.disk.set_contents(&Self::path(base_offset, suffix), bytes);
    }
}

/// A batch of so many records, each with its number as its value.
pub fn batch(base_offset: Offset, epoch: LeaderEpoch, count: usize) -> RecordBatch {
    let mut builder = BatchBuilder::new(base_offset).leader_epoch(epoch);
    for (offset, _) in (base_offset.0..).zip(0..count) {
        builder.append(NOW + offset, None, Some(&offset.to_be_bytes()), &[]);
    }
    builder.build()
}
