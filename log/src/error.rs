//! Everything that a log can answer instead of doing what it was asked.
//!
//! In Kafka: `CorruptRecordException`, `InvalidRecordException`, `KafkaStorageException`,
//!           `OffsetOutOfRangeException`, `UnexpectedAppendOffsetException` and their like.
//! Left out: Kafka's error codes: what a client is told is the broker's matter.

use std::fmt;

use crate::batch::{CompressionType, DecompressionFault, RecordErrors};
use crate::disk::DiskError;
use crate::producer_state::ProducerError;
use crate::{LeaderEpoch, Offset};

/// What is wrong with a batch, or with bytes that should be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchError {
    /// The length field is too small for a batch, or does not agree with the bytes at hand.
    Length {
        /// The length field.
        length: i32,
    },
    /// The magic byte is not that of any format that was ever published.
    UnknownMagic {
        /// The magic byte.
        magic: i8,
    },
    /// A format before version 2, which a broker since 4.0 does not write.
    OldMagic {
        /// The magic byte.
        magic: i8,
    },
    /// The checksum does not agree with the bytes.
    Checksum {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// Where one batch was wanted there is none.
    NoBatch,
    /// Where one batch was wanted there are more.
    SeveralBatches,
    /// A client's batch must begin at offset zero, and one in a segment where the last one ended or beyond.
    BaseOffset {
        /// Where it begins.
        base_offset: Offset,
    },
    /// A client's batch must have as many records as offsets, and at least one.
    Count {
        /// The records that the header counts.
        count: i32,
        /// The offset of the last record, less the first.
        last_offset_delta: i32,
    },
    /// Clients may not write control records.
    ControlBatch,
    /// A batch with a producer id needs a sequence.
    Sequence {
        /// The sequence in the header.
        base_sequence: i32,
    },
    /// The leader of a quorum stamps the epoch itself, and stamped another.
    LeaderEpochOfBatch {
        /// The epoch of the leader.
        want: LeaderEpoch,
        /// The epoch of the batch.
        got: LeaderEpoch,
    },
    /// A record does not fit into its batch, or its parts not into the record.
    Structure {
        /// Which record, from zero.
        index: i32,
    },
    /// The offsets within the batch do not follow each other.
    OffsetDelta {
        /// Which record, from zero.
        index: i32,
        /// The offset it claims, less the first.
        got: i32,
    },
    /// The batch is larger than `max.message.bytes`.
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// What is allowed.
        max: usize,
    },
    /// The batch is larger than a whole segment (`segment.bytes`).
    LargerThanSegment {
        /// Its size in bytes.
        size: usize,
        /// What is allowed.
        max: usize,
    },
    /// No codec has the number that stands in the attributes.
    UnknownCodec {
        /// The number.
        codec: u8,
    },
    /// The records cannot be decompressed.
    Decompression {
        /// The codec.
        codec: CompressionType,
        /// What is wrong.
        fault: DecompressionFault,
    },
    /// A record that has to be written anew has a timestamp below zero which is not that for "none".
    NegativeTimestamp {
        /// Which record, from zero.
        index: i32,
        /// Its timestamp.
        timestamp: i64,
    },
}

/// Which of Kafka's exceptions a [`BatchError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchErrorKind {
    /// `CORRUPT_MESSAGE`.
    Corrupt,
    /// `INVALID_RECORD`.
    Invalid,
    /// `INVALID_TIMESTAMP`.
    Timestamp,
    /// `MESSAGE_TOO_LARGE`.
    TooLarge,
    /// `RECORD_LIST_TOO_LARGE`.
    LargerThanSegment,
    /// `UNKNOWN_SERVER_ERROR`: Kafka has no error of its own for it.
    Unexpected,
}

impl BatchError {
    /// Which of Kafka's exceptions this is.
    #[must_use]
    pub fn kind(&self) -> BatchErrorKind {
        match self {
            Self::Length { .. } | Self::UnknownMagic { .. } | Self::Checksum { .. } => {
                BatchErrorKind::Corrupt
            }
            Self::OldMagic { .. }
            | Self::NoBatch
            | Self::SeveralBatches
            | Self::BaseOffset { .. }
            | Self::Count { .. }
            | Self::ControlBatch
            | Self::Sequence { .. }
            | Self::LeaderEpochOfBatch { .. }
            | Self::Structure { .. }
            | Self::OffsetDelta { .. } => BatchErrorKind::Invalid,
            Self::TooLarge { .. } => BatchErrorKind::TooLarge,
            Self::LargerThanSegment { .. } => BatchErrorKind::LargerThanSegment,
            Self::UnknownCodec { .. }
            | Self::Decompression { .. }
            | Self::NegativeTimestamp { .. } => BatchErrorKind::Unexpected,
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for BatchError {}

/// Why a log did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogError {
    /// The bytes to append are not what they should be; nothing was written.
    Batch(BatchError),
    /// Records of the batch are not what the topic takes (`RecordValidationException`); nothing was written.
    Records(RecordErrors),
    /// The producer's state does not allow the batch or marker; nothing was written.
    Producer(ProducerError),
    /// A replica was handed offsets that it has already (`UnexpectedAppendOffsetException`).
    UnexpectedOffset {
        /// Where its log ends.
        log_end_offset: Offset,
        /// The first offset it was handed.
        first_offset: Offset,
        /// The last one.
        last_offset: Offset,
    },
    /// The batches of one append are not in order (`OffsetsOutOfOrderException`).
    OffsetsOutOfOrder {
        /// The last offset of the batch that came before.
        after: Offset,
        /// The last offset of the batch that should have been higher.
        got: Offset,
    },
    /// No such offset, either side (`OffsetOutOfRangeException`).
    OffsetOutOfRange {
        /// The offset that was asked for.
        asked: Offset,
        /// Where the log starts.
        log_start_offset: Offset,
        /// Where it ends.
        log_end_offset: Offset,
    },
    /// The start of a log does not move beyond what is committed (`OffsetOutOfRangeException`).
    AboveHighWatermark {
        /// Where it was to start.
        asked: Offset,
        /// What is committed.
        high_watermark: Offset,
    },
    /// The bytes on the disk are not those that were written.
    CorruptSegment {
        /// The first offset of the segment.
        base_offset: Offset,
        /// Where in its file.
        position: u64,
        /// What was found.
        error: BatchError,
    },
    /// A checkpoint or marker cannot be read.
    CorruptFile {
        /// Its path.
        path: String,
        /// Which line, from one.
        line: usize,
    },
    /// The disk refused: this log is offline from here on, and so should be its directory.
    Disk(DiskError),
    /// The disk has refused before (`KafkaStorageException`).
    Offline,
}

impl LogError {
    /// Whether this takes the log directory offline, as Kafka's `LogDirFailureChannel` would.
    #[must_use]
    pub fn is_storage(&self) -> bool {
        match self {
            Self::Disk(_) | Self::Offline | Self::CorruptFile { .. } => true,
            Self::Batch(_)
            | Self::Records(_)
            | Self::Producer(_)
            | Self::UnexpectedOffset { .. }
            | Self::OffsetsOutOfOrder { .. }
            | Self::OffsetOutOfRange { .. }
            | Self::AboveHighWatermark { .. }
            | Self::CorruptSegment { .. } => false,
        }
    }
}

impl From<DiskError> for LogError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl From<BatchError> for LogError {
    fn from(error: BatchError) -> Self {
        Self::Batch(error)
    }
}

impl From<RecordErrors> for LogError {
    fn from(errors: RecordErrors) -> Self {
        Self::Records(errors)
    }
}

impl From<ProducerError> for LogError {
    fn from(error: ProducerError) -> Self {
        Self::Producer(error)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(error) => write!(f, "the batch is refused: {error}"),
            Self::Records(errors) => write!(f, "the batch is refused: {errors}"),
            Self::Producer(error) => write!(f, "the producer is refused: {error}"),
            Self::Disk(error) => write!(f, "the disk refused: {error}"),
            Self::Offline => f.write_str("the log is offline"),
            Self::UnexpectedOffset { .. }
            | Self::OffsetsOutOfOrder { .. }
            | Self::OffsetOutOfRange { .. }
            | Self::AboveHighWatermark { .. }
            | Self::CorruptSegment { .. }
            | Self::CorruptFile { .. } => write!(f, "{self:?}"),
        }
    }
}

impl std::error::Error for LogError {}
