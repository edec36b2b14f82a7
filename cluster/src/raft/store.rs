//! The quorum's log and its `quorum-state` file on a disk: the folder `__cluster_metadata-0`.
//!
//! In Kafka:   `KafkaRaftLog`, `FileQuorumStateStore`, `KRaftControlRecordStateMachine` (reading it all at start).
//! Holds:      a `trial_log::Log`; the disk is lent by each job.
//! Invariants: LG-1 `quorum-state` is written beside, synced, renamed, and the folder synced, so that a power
//!             failure leaves the old one or the new one.
//!             LG-2 what a replica starts with is synced first. Kafka does not: a voter that was killed between a
//!             write and its sync promises, after its restart, what a power failure may still take.
//! Left out:   the checkpoint of the recovery point: as in Kafka the whole log is scanned at start.

use bytes::Bytes;
use trial_log::{
    AppendInfo, AppendOrigin, BatchBuilder, Batches, Disk, DiskError, Log, LogConfig, LogError,
    LogEvent, OpenLog, RecordBatch,
};

use super::accumulator::{Payload, PendingBatch};
use super::bootstrap;
use super::client::Opened;
use super::control::{self, VoterHistory};
use super::effect::Effect;
use super::election_state::ElectionState;
use super::fault::{DISK_ERRORS, RaftFault};
use super::log::{BatchContent, LogBatch, RaftLog};
use super::message::OffsetAndEpoch;
use crate::ids::{LeaderEpoch, Offset};

/// The folder of the metadata log.
pub const FOLDER: &str = "__cluster_metadata-0";

/// How much is read at a time.
const READ_BYTES: usize = 8 * 1024 * 1024;

/// The log between jobs.
#[derive(Debug, Clone)]
pub struct RaftStore {
    log: Log,
    /// What the log did since somebody last took it.
    pub events: Vec<LogEvent>,
}

/// The log during a job.
pub struct StoreOnDisk<'a> {
    store: &'a mut RaftStore,
    disk: &'a mut dyn Disk,
    now_ms: i64,
}

impl RaftStore {
    /// Opens or makes the log, and reads everything that a replica starts from.
    ///
    /// # Errors
    /// The disk fails, or what is on it cannot be read.
    pub fn open(
        disk: &mut dyn Disk,
        segment_bytes: u64,
        now_ms: i64,
    ) -> Result<(Self, Opened), RaftFault> {
        let mut events = Vec::new();
        let config = LogConfig {
            segment_bytes,
            max_message_bytes: READ_BYTES,
            holes_refused: true,
            ..LogConfig::default()
        };
        let open = OpenLog { config, ..OpenLog::new(FOLDER) };
        let log = Log::open(disk, open, now_ms, &mut events).map_err(log_fault)?;
        let mut store = Self { log, events };
        let election = read_election_state(disk)?;
        let checkpoint = bootstrap::read(disk, FOLDER)?;
        let mut voters = VoterHistory::default();
        let mut records = None;
        if let Some(checkpoint) = checkpoint {
            if let Some(set) = checkpoint.voters {
                voters.on_bootstrap(set);
            }
            records = Some(checkpoint.records);
        }
        let mut on_disk = store.on(disk, now_ms);
        let (start, end) = (on_disk.start_offset(), on_disk.end_offset());
        for batch in on_disk.read_batches(start, end)? {
            if let BatchContent::Control(records) = &batch.content {
                voters.on_records(batch.base_offset, records);
            }
        }
        on_disk.flush()?;
        Ok((store, Opened { election, voters, bootstrap: records }))
    }

    /// The log with the disk that a job was lent.
    pub fn on<'a>(&'a mut self, disk: &'a mut dyn Disk, now_ms: i64) -> StoreOnDisk<'a> {
        StoreOnDisk { store: self, disk, now_ms }
    }

    /// The log, to look at.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Forgets what the log did, but for the states that matter: those are to be noted.
    pub fn drain_reached(&mut self, effects: &mut Vec<Effect>) {
        for event in self.events.drain(..) {
            if let LogEvent::Reached(mark) = event {
                effects.push(Effect::from(mark));
            }
        }
    }
}

impl RaftLog for StoreOnDisk<'_> {
    fn start_offset(&self) -> Offset {
        self.store.log.log_start_offset()
    }

    fn end_offset(&self) -> Offset {
        self.store.log.log_end_offset()
    }

    fn last_epoch(&self) -> LeaderEpoch {
        self.store.log.latest_epoch().unwrap_or(LeaderEpoch(0))
    }

    fn end_for_epoch(&self, epoch: LeaderEpoch) -> OffsetAndEpoch {
        match self.store.log.end_offset_for_epoch(epoch) {
            Some(end) => OffsetAndEpoch { epoch: end.leader_epoch, offset: end.end_offset },
            None => self.end(),
        }
    }

    fn start_epoch(&mut self, epoch: LeaderEpoch) -> Result<(), RaftFault> {
        let store = &mut *self.store;
        store.log.assign_epoch_at_end(self.disk, epoch, &mut store.events).map_err(log_fault)
    }

    fn append_as_leader(&mut self, batch: &PendingBatch) -> Result<LogBatch, RaftFault> {
        let bytes = encode(batch);
        let store = &mut *self.store;
        let (origin, now_ms) = (AppendOrigin::RaftLeader, self.now_ms);
        let appended = store.log.append_as_leader(
            self.disk,
            bytes.clone(),
            batch.epoch,
            origin,
            now_ms,
            &mut store.events,
        );
        appended.map_err(log_fault)?;
        let batch = RecordBatch::new(bytes).map_err(|_| CORRUPT)?;
        describe(&batch)
    }

    fn append_as_follower(
        &mut self,
        records: &Bytes,
        epoch: LeaderEpoch,
    ) -> Result<Vec<LogBatch>, RaftFault> {
        let store = &mut *self.store;
        let appended = store.log.append_as_follower(
            self.disk,
            records.clone(),
            epoch,
            self.now_ms,
            &mut store.events,
        );
        match appended {
            Ok(Some(info)) => describe_up_to(records, &info),
            Ok(None) => Ok(Vec::new()),
            // What the leader sent was damaged on its way: it is asked again.
            Err(LogError::Batch(_) | LogError::OffsetsOutOfOrder { .. }) => Ok(Vec::new()),
            Err(error) => Err(log_fault(error)),
        }
    }

    fn flush(&mut self) -> Result<(), RaftFault> {
        let store = &mut *self.store;
        let end = store.log.log_end_offset();
        store.log.flush(self.disk, end, &mut store.events).map_err(log_fault)?;
        // The one lane of the quorum does nothing else until this is paid, and a crash forgets the value.
        store.log.mark_flushed(end, &mut store.events);
        Ok(())
    }

    fn truncate_to(&mut self, offset: Offset) -> Result<(), RaftFault> {
        let store = &mut *self.store;
        let truncated = store.log.truncate_to(self.disk, offset, self.now_ms, &mut store.events);
        truncated.map(|_| ()).map_err(log_fault)
    }

    fn read(&mut self, from: Offset, max_bytes: usize) -> Result<Bytes, RaftFault> {
        let end = self.end_offset();
        self.read_below(from, max_bytes, end)
    }

    fn read_batches(&mut self, from: Offset, end: Offset) -> Result<Vec<LogBatch>, RaftFault> {
        let mut found = Vec::new();
        let mut next = from;
        while next < end {
            let before = next;
            for batch in Batches::new(self.read_below(next, READ_BYTES, end)?) {
                let batch = describe(&batch.map_err(|_| CORRUPT)?)?;
                next = batch.last_offset.next();
                found.push(batch);
            }
            if next == before {
                break;
            }
        }
        Ok(found)
    }

    fn write_election_state(&mut self, state: &ElectionState) -> Result<(), RaftFault> {
        let path = format!("{FOLDER}/{}", ElectionState::FILE);
        replace_file(self.disk, &path, state.to_json().into()).map_err(disk_fault)
    }
}

impl StoreOnDisk<'_> {
    fn read_below(
        &mut self,
        from: Offset,
        max_bytes: usize,
        end: Offset,
    ) -> Result<Bytes, RaftFault> {
        let store = &mut *self.store;
        let read = store.log.read(self.disk, from, max_bytes, end, true, &mut store.events);
        read.map(|fetched| fetched.records).map_err(log_fault)
    }
}

const CORRUPT: RaftFault = RaftFault::Disk("raft: a batch of the log cannot be read");

/// The bytes of a batch, sealed.
#[must_use]
pub fn encode(batch: &PendingBatch) -> Bytes {
    let PendingBatch { base_offset, epoch, timestamp_ms, payload } = batch;
    match payload {
        Payload::Control(records) => {
            control::control_batch(*base_offset, *epoch, *timestamp_ms, records)
        }
        Payload::Records(values) => {
            let mut builder = BatchBuilder::new(*base_offset).leader_epoch(*epoch);
            for value in values {
                builder.append(*timestamp_ms, None, Some(value), &[]);
            }
            builder.build().into_bytes()
        }
    }
}

fn describe(batch: &RecordBatch) -> Result<LogBatch, RaftFault> {
    let content = if batch.is_control() {
        BatchContent::Control(control::control_records(batch).ok_or(CORRUPT)?)
    } else {
        let mut values = Vec::new();
        for record in batch.records() {
            let record = record.map_err(|_| CORRUPT)?;
            values.push(record.value().map_or_else(Bytes::new, |value| batch.share(value)));
        }
        BatchContent::Records(values)
    };
    Ok(LogBatch {
        base_offset: batch.base_offset(),
        last_offset: batch.last_offset(),
        epoch: batch.leader_epoch(),
        timestamp_ms: batch.max_timestamp(),
        crc: batch.checksum(),
        content,
    })
}

/// The batches of `records` that were appended: one that is cut off, or of a later epoch, was not.
fn describe_up_to(records: &Bytes, info: &AppendInfo) -> Result<Vec<LogBatch>, RaftFault> {
    let mut found = Vec::new();
    for batch in Batches::new(records.clone()) {
        let batch = batch.map_err(|_| CORRUPT)?;
        if batch.last_offset() > info.last_offset {
            break;
        }
        found.push(describe(&batch)?);
    }
    Ok(found)
}

fn read_election_state(disk: &mut dyn Disk) -> Result<Option<ElectionState>, RaftFault> {
    let path = format!("{FOLDER}/{}", ElectionState::FILE);
    let Some(bytes) = read_file(disk, &path).map_err(disk_fault)? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes).map_err(|_| RaftFault::QuorumStateUnreadable)?;
    ElectionState::from_json(text).map(Some).ok_or(RaftFault::QuorumStateUnreadable)
}

/// A whole file; none if there is none.
pub(super) fn read_file(disk: &mut dyn Disk, path: &str) -> Result<Option<Bytes>, DiskError> {
    let file = match disk.open(path, false) {
        Ok(file) => file,
        Err(DiskError::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(disk.len(file)?).map_err(|_| DiskError::Io)?;
    disk.read(file, 0, length).map(Some)
}

/// Replaces a file in the metadata folder as a whole (LG-1).
pub(super) fn replace_file(
    disk: &mut dyn Disk,
    path: &str,
    contents: Bytes,
) -> Result<(), DiskError> {
    let temporary = format!("{path}.tmp");
    let file = disk.open(&temporary, true)?;
    disk.truncate(file, 0)?;
    disk.append(file, contents)?;
    disk.sync(file)?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(FOLDER)
}

pub(super) fn disk_fault(error: DiskError) -> RaftFault {
    let told = DISK_ERRORS.iter().find(|(listed, _)| *listed == error);
    RaftFault::Disk(told.map(|(_, why)| *why).expect("every error of a disk is listed"))
}

fn log_fault(error: LogError) -> RaftFault {
    match error {
        LogError::Disk(error) => disk_fault(error),
        LogError::Offline => RaftFault::Disk("raft: the log is offline"),
        LogError::CorruptFile { .. } => RaftFault::Disk("raft: a checkpoint cannot be read"),
        LogError::CorruptSegment { .. } => CORRUPT,
        LogError::Batch(_) | LogError::Records(_) | LogError::Producer(_) => {
            RaftFault::Disk("raft: the log refused a batch")
        }
        LogError::UnexpectedOffset { .. } | LogError::OffsetsOutOfOrder { .. } => {
            RaftFault::Disk("raft: the log refused the offsets of a batch")
        }
        LogError::OffsetOutOfRange { .. } | LogError::AboveHighWatermark { .. } => {
            RaftFault::Disk("raft: no such offset in the log")
        }
    }
}
