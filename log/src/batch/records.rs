//! The records of a batch, in their order, read as they are asked for.
//!
//! In Kafka:   `DefaultRecordBatch.{iterator, streamingIterator, skipKeyValueIterator}`.
//! Holds:      where the next record begins, in the batch or in what is decompressed of it.
//! Invariants: of a compressed batch one piece and one record are in memory; the walk ends after the first record
//!             that cannot be read.

use bytes::Bytes;

use crate::Offset;
use crate::config::TimestampType;
use crate::error::BatchError;

use super::compression::{CompressionType, Stream};
use super::header::{RecordBatch, sequence_at};
use super::record::{Body, Parts, Record, RecordHead, read_parts, skim_plain, skim_stream};
use super::varint::{Cursor, read_varint};

#[derive(Debug)]
enum Source<'a> {
    Plain(Cursor<'a>),
    Compressed(Box<Stream<'a>>),
}

/// The records of a batch, read as they are asked for; ends after the first that cannot be read.
///
/// Records of a batch that is not compressed are slices of it. Those of a compressed one are decompressed one by one,
/// each into a buffer of its own.
#[derive(Debug)]
pub struct Records<'a> {
    source: Source<'a>,
    index: i32,
    count: i32,
    base_offset: Offset,
    base_timestamp: i64,
    base_sequence: i32,
    log_append_time: Option<i64>,
    /// What is said once all were read: that none could be.
    failed: Option<BatchError>,
}

impl<'a> Records<'a> {
    pub(super) fn of<B: AsRef<[u8]>>(batch: &'a RecordBatch<B>) -> Self {
        let (count, last_offset_delta) = (batch.count(), batch.last_offset_delta());
        let nothing = Source::Plain(Cursor::new(&[]));
        let (source, failed) = match source_of(batch) {
            _ if count < 0 => (nothing, Some(BatchError::Count { count, last_offset_delta })),
            // Kafka does not even look at the codec then.
            _ if count == 0 => (nothing, None),
            Ok(source) => (source, None),
            Err(error) => (nothing, Some(error)),
        };
        let appended = batch.timestamp_type() == TimestampType::LogAppendTime;
        Self {
            source,
            index: 0,
            count: if failed.is_some() { 0 } else { count },
            base_offset: batch.base_offset(),
            base_timestamp: batch.base_timestamp(),
            base_sequence: batch.base_sequence(),
            log_append_time: appended.then(|| batch.max_timestamp()),
            failed,
        }
    }

    /// The next record, without its key, its value and its headers: nothing is kept of a compressed one.
    #[inline]
    pub(super) fn next_head(&mut self) -> Option<Result<RecordHead, BatchError>> {
        self.advance(|records| match &mut records.source {
            Source::Plain(cursor) => skim_plain(cursor),
            Source::Compressed(stream) => skim_stream(stream),
        })
    }

    /// The timestamp of a record of this batch.
    pub(super) fn timestamp(&self, delta: i64) -> i64 {
        self.log_append_time.unwrap_or_else(|| self.base_timestamp.wrapping_add(delta))
    }

    fn read(&mut self) -> Option<Record<'a>> {
        let (body, parts) = match &mut self.source {
            Source::Plain(cursor) => {
                let (body, parts) = read_plain(cursor)?;
                (Body::InBatch(body), parts)
            }
            Source::Compressed(stream) => {
                let length = usize::try_from(read_varint(|| stream.byte())?).ok()?;
                let body = stream.take(length)?;
                let parts = read_parts(&body)?;
                (Body::Own(Bytes::from(body)), parts)
            }
        };
        let offset = Offset(self.base_offset.0.wrapping_add(i64::from(parts.offset_delta)));
        let timestamp = self.timestamp(parts.timestamp_delta);
        let sequence = sequence_at(self.base_sequence, parts.offset_delta);
        Some(Record::new((offset, timestamp, sequence), body, parts))
    }

    /// Reads one more by `read`, unless all were read or one could not be.
    #[inline]
    fn advance<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Result<T, BatchError>> {
        if self.index >= self.count {
            return self.failed.take().map(Err);
        }
        let index = self.index;
        self.index += 1;
        let record = read(self);
        let is_last = self.index == self.count;
        match record {
            Some(record) if !is_last || self.is_at_end() => Some(Ok(record)),
            _ => {
                self.count = self.index;
                let fault = match &self.source {
                    Source::Plain(_) => None,
                    Source::Compressed(stream) => stream.fault(),
                };
                Some(Err(fault.unwrap_or(BatchError::Structure { index })))
            }
        }
    }

    /// Whether no byte is left.
    fn is_at_end(&mut self) -> bool {
        match &mut self.source {
            Source::Plain(cursor) => cursor.remaining() == 0,
            Source::Compressed(stream) => stream.is_at_end(),
        }
    }
}

fn source_of<B: AsRef<[u8]>>(batch: &RecordBatch<B>) -> Result<Source<'_>, BatchError> {
    match batch.compression_type()? {
        CompressionType::None => Ok(Source::Plain(Cursor::new(batch.payload()))),
        codec => Ok(Source::Compressed(Box::new(Stream::new(codec, batch.payload())?))),
    }
}

fn read_plain<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a [u8], Parts)> {
    let length = usize::try_from(cursor.varint()?).ok()?;
    let body = cursor.slice(length)?;
    Some((body, read_parts(body)?))
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance(Self::read)
    }
}
