//! The producers of one partition by themselves, with a word for each thing that is done to them.

use trial_log::{
    AppendOrigin, CompletedTxn, DataBatch, EndTransactionMarker, LogEvent, MemoryDisk, Offset,
    ProducerError, ProducerStateEntry, ProducerStateManager, TransactionVersion,
};

use super::{FOLDER, NOW};

pub const DAY: i64 = 24 * 3_600_000;
pub const V0: TransactionVersion = TransactionVersion::V0;
pub const V2: TransactionVersion = TransactionVersion::V2;

pub struct Producers {
    pub disk: MemoryDisk,
    pub manager: ProducerStateManager,
    pub events: Vec<LogEvent>,
    pub now: i64,
}

/// A batch of one record.
#[derive(Clone, Copy)]
pub struct One {
    pub id: i64,
    pub epoch: i16,
    pub sequence: i32,
    pub offset: i64,
    pub transactional: bool,
}

/// One record of producer 1.
pub fn one(epoch: i16, sequence: i32, offset: i64) -> One {
    One { id: 1, epoch, sequence, offset, transactional: false }
}

impl One {
    pub fn of(self, id: i64) -> Self {
        Self { id, ..self }
    }

    pub fn transactional(self) -> Self {
        Self { transactional: true, ..self }
    }
}

impl Producers {
    pub fn new() -> Self {
        use trial_log::Disk;
        let mut disk = MemoryDisk::new();
        disk.create_dir(FOLDER).expect("the disk is whole");
        let manager = ProducerStateManager::open(&mut disk, FOLDER).expect("the disk is whole");
        Self { disk, manager, events: Vec::new(), now: NOW }
    }

    pub fn append(&mut self, batch: One, origin: AppendOrigin) -> Result<(), ProducerError> {
        let mut info = self.manager.prepare_update(batch.id, origin);
        let mut started = Vec::new();
        let data = DataBatch {
            producer_epoch: batch.epoch,
            first_sequence: batch.sequence,
            last_sequence: batch.sequence,
            max_timestamp: self.now,
            first_offset: Offset(batch.offset),
            last_offset: Offset(batch.offset),
            position: None,
            is_transactional: batch.transactional,
        };
        info.append_data_batch(&data, &mut started)?;
        self.manager.update(&info, &started);
        self.manager.update_map_end_offset(Offset(batch.offset + 1));
        Ok(())
    }

    pub fn client(&mut self, batch: One) -> Result<(), ProducerError> {
        self.append(batch, AppendOrigin::Client)
    }

    pub fn ok(&mut self, batch: One) {
        self.client(batch).expect("the batch comes when it should");
    }

    pub fn replica(&mut self, batch: One) {
        self.append(batch, AppendOrigin::Replication).expect("a replica takes what it is sent");
    }

    /// A coordinator's marker; answers the transaction that it ends.
    pub fn end(
        &mut self,
        (id, epoch): (i64, i16),
        marker: EndTransactionMarker,
        offset: i64,
        version: TransactionVersion,
    ) -> Result<Option<CompletedTxn>, ProducerError> {
        let mut info = self.manager.prepare_update(id, AppendOrigin::Coordinator);
        let offset = Offset(offset);
        let completed = info.append_end_marker(&marker, epoch, offset, self.now, Some(version))?;
        self.manager.update(&info, &[]);
        if let Some(completed) = &completed {
            self.manager.complete_txn(completed, &mut self.events);
        }
        self.manager.update_map_end_offset(offset.next());
        Ok(completed)
    }

    pub fn entry(&self, id: i64) -> &ProducerStateEntry {
        self.manager.last_entry(id).unwrap_or_else(|| panic!("producer {id} is known"))
    }

    pub fn first_unstable(&self) -> Option<i64> {
        self.manager.first_unstable().map(|txn| txn.first_offset.0)
    }

    pub fn first_undecided(&self) -> Option<i64> {
        self.manager.first_undecided_offset().map(|offset| offset.0)
    }

    pub fn high_watermark(&mut self, offset: i64) {
        self.manager.on_high_watermark_updated(Offset(offset));
    }

    pub fn snapshot(&mut self) -> Option<i64> {
        let Self { disk, manager, events, .. } = self;
        let taken = manager.take_snapshot(disk, true, events).expect("the disk is whole");
        taken.map(|offset| offset.0)
    }

    pub fn reload(&mut self, start: i64, end: i64) {
        let Self { disk, manager, events, now } = self;
        let range = (Offset(start), Offset(end));
        manager.truncate_and_reload(disk, range, (*now, DAY), events).expect("the disk is whole");
    }

    /// Another process on the same disk, which knows nothing yet.
    pub fn again(&self) -> Self {
        let mut disk = self.disk.clone();
        let manager = ProducerStateManager::open(&mut disk, FOLDER).expect("the disk is whole");
        Self { disk, manager, events: Vec::new(), now: self.now }
    }

    /// The snapshots that the manager knows.
    pub fn snapshots(&self) -> Vec<i64> {
        self.manager.snapshot_offsets().map(|offset| offset.0).collect()
    }

    /// The names of the files that are there.
    pub fn files(&self) -> Vec<String> {
        let names = self.disk.paths().map(|path| path.rsplit('/').next().unwrap_or(path));
        names.map(|name| name.trim_start_matches('0').to_owned()).collect()
    }
}

pub fn snapshot_path(offset: i64) -> String {
    format!("{FOLDER}/{offset:020}.snapshot")
}

pub fn commit(coordinator_epoch: i32) -> EndTransactionMarker {
    EndTransactionMarker { aborts: false, coordinator_epoch }
}

pub fn abort(coordinator_epoch: i32) -> EndTransactionMarker {
    EndTransactionMarker { aborts: true, coordinator_epoch }
}

/// The name of a refusal, as Kafka has it.
pub fn name(outcome: Result<(), ProducerError>) -> &'static str {
    match outcome {
        Ok(()) => "ok",
        Err(ProducerError::OutOfOrderSequence { .. }) => "out of order",
        Err(ProducerError::InvalidProducerEpoch { .. }) => "invalid epoch",
        Err(ProducerError::InvalidTxnState { .. }) => "invalid txn state",
        Err(ProducerError::CoordinatorFenced { .. }) => "coordinator fenced",
        Err(ProducerError::NotAnEndMarker { .. }) => "no end marker",
    }
}
