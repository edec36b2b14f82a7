//! What one append makes of one producer: decided before the bytes are written, entered after.
//!
//! In Kafka:   `ProducerAppendInfo`, `EndTransactionMarker`; KIP-98, KIP-360, KIP-890.
//! Inputs:     batches of the producer and markers that end its transactions, in the order of their offsets.
//! Invariants: PS-2 whatever comes through a leader is entered as it is: only what is not a replica's is checked.
//! Left out:   Kafka logs what a replica takes against these rules.

use super::entry::{BatchMetadata, NO_PRODUCER_EPOCH, NO_SEQUENCE, ProducerStateEntry};
use super::error::{OutOfOrder, ProducerError, TxnStateFault};
use super::transactions::{CompletedTxn, TxnMetadata};
use super::verification::VerificationStateEntry;
use crate::batch::{AppendOrigin, ControlRecordType, RecordBatch};
use crate::{LogOffsetMetadata, Offset};

/// `transaction.version`: which rules a marker is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionVersion(pub i16);

impl TransactionVersion {
    /// A marker has the epoch of its transaction's records.
    pub const V0: Self = Self(0);
    /// So too; transactions are verified (KIP-890, part 1).
    pub const V1: Self = Self(1);
    /// The epoch rises with each transaction, so a marker's is higher than its records' (KIP-890, part 2).
    pub const V2: Self = Self(2);

    /// Whether a marker's epoch has to be higher than that of the records before.
    #[must_use]
    pub fn bumps_epoch(self) -> bool {
        self >= Self::V2
    }
}

/// The value and the kind of a record that ends a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndTransactionMarker {
    /// Whether it aborts; else it commits.
    pub aborts: bool,
    /// The epoch of the coordinator that wrote it.
    pub coordinator_epoch: i32,
}

impl EndTransactionMarker {
    /// The kind of control record.
    #[must_use]
    pub fn kind(&self) -> ControlRecordType {
        if self.aborts { ControlRecordType::Abort } else { ControlRecordType::Commit }
    }

    /// The record's value: a version, which is zero, and the coordinator's epoch.
    #[must_use]
    pub fn value(&self) -> [u8; 6] {
        let [a, b, c, d] = self.coordinator_epoch.to_be_bytes();
        [0, 0, a, b, c, d]
    }

    /// Reads a record's key and value; none if it is no such marker. Later versions may append to the value.
    #[must_use]
    pub fn of_record(key: &[u8], value: &[u8]) -> Option<Self> {
        let aborts = match ControlRecordType::of_key(key)? {
            ControlRecordType::Abort => true,
            ControlRecordType::Commit => false,
            _ => return None,
        };
        let version = i16::from_be_bytes(value.get(..2)?.try_into().ok()?);
        let coordinator_epoch = i32::from_be_bytes(value.get(2..6)?.try_into().ok()?);
        (version >= 0).then_some(Self { aborts, coordinator_epoch })
    }
}

/// A batch of records, as far as its producer's state is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataBatch {
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The sequence of the first record; -1 if there is none.
    pub first_sequence: i32,
    /// The sequence of the last record.
    pub last_sequence: i32,
    /// The largest timestamp.
    pub max_timestamp: i64,
    /// The offset of the first record.
    pub first_offset: Offset,
    /// The offset of the last record.
    pub last_offset: Offset,
    /// Where the first one lies, if that is known.
    pub position: Option<LogOffsetMetadata>,
    /// Whether it belongs to a transaction.
    pub is_transactional: bool,
}

/// What one append makes of one producer.
#[derive(Debug, Clone, Copy)]
pub struct ProducerAppendInfo {
    current: ProducerStateEntry,
    updated: ProducerStateEntry,
    origin: AppendOrigin,
    verification: Option<VerificationStateEntry>,
}

impl ProducerAppendInfo {
    /// Starts from what is known of the producer.
    #[must_use]
    pub fn new(
        current: ProducerStateEntry,
        origin: AppendOrigin,
        verification: Option<VerificationStateEntry>,
    ) -> Self {
        Self { current, updated: current.without_batches(), origin, verification }
    }

    /// The producer.
    #[must_use]
    pub fn producer_id(&self) -> i64 {
        self.current.producer_id()
    }

    /// What the append makes of it; the batches are those of the append alone.
    #[must_use]
    pub fn updated(&self) -> &ProducerStateEntry {
        &self.updated
    }

    /// Takes a batch of the producer; answers the transaction that it ends. The ones that it begins are pushed.
    ///
    /// A marker that is not a replica's needs the version that it is judged by.
    pub fn append<B: AsRef<[u8]>>(
        &mut self,
        batch: &RecordBatch<B>,
        position: Option<LogOffsetMetadata>,
        version: Option<TransactionVersion>,
        started: &mut Vec<TxnMetadata>,
    ) -> Result<Option<CompletedTxn>, ProducerError> {
        if !batch.is_control() {
            let data = DataBatch {
                producer_epoch: batch.producer_epoch(),
                first_sequence: batch.base_sequence(),
                last_sequence: batch.last_sequence(),
                max_timestamp: batch.max_timestamp(),
                first_offset: batch.base_offset(),
                last_offset: batch.last_offset(),
                position,
                is_transactional: batch.is_transactional(),
            };
            self.append_data_batch(&data, started)?;
            return Ok(None);
        }
        // An empty control batch is what is left when the whole transaction was compacted away.
        let Some(record) = batch.records().next() else {
            return Ok(None);
        };
        let (producer_id, offset) = (self.producer_id(), batch.base_offset());
        let bad = ProducerError::NotAnEndMarker { producer_id, offset };
        let record = record.map_err(|_| bad)?;
        let marker = record.key().zip(record.value());
        let marker = marker.and_then(|(key, value)| EndTransactionMarker::of_record(key, value));
        let marker = marker.ok_or(bad)?;
        let epoch = batch.producer_epoch();
        self.append_end_marker(&marker, epoch, offset, record.timestamp, version)
    }

    /// Takes a batch of records.
    pub fn append_data_batch(
        &mut self,
        data: &DataBatch,
        started: &mut Vec<TxnMetadata>,
    ) -> Result<(), ProducerError> {
        let (producer_id, offset) = (self.producer_id(), data.first_offset);
        self.check_producer_epoch(data.producer_epoch, offset, None)?;
        if self.origin == AppendOrigin::Client {
            self.check_sequence(data.producer_epoch, data.first_sequence, offset)?;
        }
        let spans = data.last_offset.0.saturating_sub(data.first_offset.0);
        let batch = BatchMetadata {
            last_sequence: data.last_sequence,
            last_offset: data.last_offset,
            offset_delta: i32::try_from(spans).unwrap_or(i32::MAX),
            timestamp: data.max_timestamp,
        };
        self.updated.add_batch(data.producer_epoch, batch);
        match self.updated.current_txn_first_offset() {
            Some(_) if !data.is_transactional => {
                let why = TxnStateFault::NotTransactional;
                return Err(ProducerError::InvalidTxnState { producer_id, offset, why });
            }
            None if data.is_transactional => {
                self.updated.begin_transaction(offset);
                let (first_offset, position) = (offset, data.position);
                started.push(TxnMetadata {
                    producer_id,
                    first_offset,
                    position,
                    last_offset: None,
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes a marker; answers the transaction that it ends, if one with records was open.
    pub fn append_end_marker(
        &mut self,
        marker: &EndTransactionMarker,
        producer_epoch: i16,
        offset: Offset,
        timestamp: i64,
        version: Option<TransactionVersion>,
    ) -> Result<Option<CompletedTxn>, ProducerError> {
        assert!(
            version.is_some() || self.origin == AppendOrigin::Replication,
            "a leader knows by which transaction.version it judges a marker"
        );
        self.check_producer_epoch(producer_epoch, offset, version)?;
        self.check_coordinator_epoch(marker.coordinator_epoch, offset)?;
        let completed = self.updated.current_txn_first_offset().map(|first_offset| CompletedTxn {
            producer_id: self.producer_id(),
            first_offset,
            last_offset: offset,
            is_aborted: marker.aborts,
        });
        self.updated.end_transaction(producer_epoch, marker.coordinator_epoch, timestamp);
        Ok(completed)
    }

    fn check_producer_epoch(
        &self,
        got: i16,
        offset: Offset,
        version: Option<TransactionVersion>,
    ) -> Result<(), ProducerError> {
        let current = self.updated.producer_epoch();
        let bumps = version.is_some_and(TransactionVersion::bumps_epoch);
        let too_low = if bumps { got <= current } else { got < current };
        if !too_low || self.origin == AppendOrigin::Replication {
            return Ok(());
        }
        // A marker that was written already: its answer was lost, or its coordinator came back (KAFKA-19999). An
        // epoch that cannot rise any more is let through, whatever is open.
        let is_retry = bumps
            && got == current
            && (self.updated.current_txn_first_offset().is_none() || got == i16::MAX);
        if is_retry {
            return Ok(());
        }
        let producer_id = self.producer_id();
        Err(ProducerError::InvalidProducerEpoch { producer_id, offset, got, current })
    }

    fn check_coordinator_epoch(&self, got: i32, offset: Offset) -> Result<(), ProducerError> {
        let current = self.updated.coordinator_epoch();
        if got < current && self.origin != AppendOrigin::Replication {
            let producer_id = self.producer_id();
            return Err(ProducerError::CoordinatorFenced { producer_id, offset, got, current });
        }
        Ok(())
    }

    fn check_sequence(&self, epoch: i16, got: i32, offset: Offset) -> Result<(), ProducerError> {
        let producer_id = self.producer_id();
        let refuse = |want, why| {
            Err(ProducerError::OutOfOrderSequence { producer_id, offset, got, want, why })
        };
        if let Some(asks) = &self.verification {
            if asks.supports_epoch_bump && got != 0 && self.current.is_empty() {
                return refuse(0, OutOfOrder::NoState);
            }
            if got > asks.lowest_sequence {
                return refuse(asks.lowest_sequence, OutOfOrder::LowerOneAsked);
            }
        }
        let known = self.updated.producer_epoch();
        if epoch != known {
            if got != 0 && known != NO_PRODUCER_EPOCH {
                return refuse(0, OutOfOrder::NewEpoch);
            }
            return Ok(());
        }
        let last = if !self.updated.is_empty() {
            self.updated.last_sequence()
        } else if epoch == self.current.producer_epoch() {
            self.current.last_sequence()
        } else {
            NO_SEQUENCE
        };
        let want = if last == i32::MAX { 0 } else { last + 1 };
        // Of a producer of which nothing is known any sequence is taken: its records may have been deleted.
        if self.current.producer_epoch() == NO_PRODUCER_EPOCH || got == want {
            return Ok(());
        }
        refuse(want, OutOfOrder::Gap)
    }
}
