//! Kafka's storage engine: record batches, segments, leader epochs, producers, recovery.
//!
//! Start with [`Log`], then `batch/` for the bytes it stores, `partition_log/` for what it does with them,
//! `producer_state/` for what it remembers of those who write them, and `cleaner/` for compaction.

mod batch;
mod checkpoint;
mod cleaner;
mod config;
mod disk;
mod error;
mod event;
mod found_segment;
mod ids;
mod index_file;
mod leader_epoch_cache;
pub mod mark;
mod marker_files;
mod memory_disk;
mod offset_index;
mod partition_log;
mod producer_state;
mod scanner;
mod segment;
mod tail;
mod time_index;
mod transaction_index;

pub use batch::{
    AppendOrigin, Assignment, BatchBuilder, Batches, Compression, CompressionType,
    ControlRecordType, DECOMPRESSED_BYTES_MAX, DecompressionFault, Header, Headers, NO_TIMESTAMP,
    Producer, RECORD_BATCH_OVERHEAD, Record, RecordBatch, RecordError, RecordErrorKind,
    RecordErrors, RecordValidationStats, Records, ValidatedBatch, validate_and_assign_offsets,
    validate_one_batch,
};
pub use checkpoint::{
    CLEANER_OFFSET_CHECKPOINT, LOG_START_OFFSET_CHECKPOINT, PartitionOffsets,
    RECOVERY_POINT_CHECKPOINT, REPLICATION_OFFSET_CHECKPOINT, read_offset_checkpoint,
    write_offset_checkpoint,
};
pub use cleaner::{
    CleanerCandidate, CleanerConfig, CleanerStats, Cleaning, CleaningStep, GrabError,
    LastBatchKept, LogCleanerManager, LogCleaningState, LogToClean, OffsetMap, OffsetsToClean,
    Pause, PreCleanStats, cleanable_offsets, max_compaction_delay_ms,
};
pub use config::{LogConfig, TimestampType};
pub use disk::{Disk, DiskError, FileId};
pub use error::{BatchError, BatchErrorKind, LogError};
pub use event::{LogEvent, LogStartReason, TruncationReason};
pub use ids::{LeaderEpoch, Offset};
pub use leader_epoch_cache::{EpochEndOffset, EpochEntry, LeaderEpochCache};
pub use marker_files::{
    CleanShutdown, MetaProperties, read_clean_shutdown, read_meta_properties,
    read_partition_metadata, remove_clean_shutdown, write_clean_shutdown, write_meta_properties,
    write_partition_metadata,
};
pub use memory_disk::{MemoryDisk, PowerLoss};
pub use partition_log::{
    AppendInfo, AppendTerms, CleanedSegment, FetchedRecords, Log, LogOffsetMetadata, OpenLog,
    TimestampAndOffset,
};
pub use producer_state::{
    BATCHES_TO_RETAIN, BatchMetadata, CompletedTxn, DataBatch, EndTransactionMarker,
    NO_PRODUCER_EPOCH, NO_SEQUENCE, OutOfOrder, ProducerAppendInfo, ProducerError,
    ProducerStateEntry, ProducerStateManager, SnapshotFault, TransactionVersion, TxnMetadata,
    TxnStateFault, VerificationGuard, VerificationStateEntry, read_snapshot, write_snapshot,
};
pub use transaction_index::{AbortedTxn, TransactionIndex};
