//! One partition's part of a fetch response, handed out record by record.
//!
//! In Kafka:   `CompletedFetch`.
//! Holds:      the batches that were not read yet, and the next offset to return.
//! Invariants: CF-1 offsets only rise; CF-2 a batch is read only if its checksum is right (`check.crcs`).
//! Left out:   aborted transactions. A compressed batch that is read in several steps is decompressed in each.

use bytes::Bytes;
use trial_log::{BatchError, Batches, RecordBatch};

use super::kafka_consumer::ConsumedRecord;
use crate::client::NamedPartition;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset};

/// What came for one partition.
#[derive(Debug, Clone)]
pub(super) struct CompletedFetch {
    pub(super) partition: NamedPartition,
    pub(super) error: ErrorCode,
    /// What was asked for.
    pub(super) fetch_offset: Offset,
    /// The next offset to return.
    pub(super) next_offset: Offset,
    /// The epoch of the last batch that was read.
    pub(super) last_epoch: Option<LeaderEpoch>,
    pub(super) exhausted: bool,
    batches: Batches,
    current: Option<RecordBatch>,
}

impl CompletedFetch {
    pub(super) fn new(
        partition: NamedPartition,
        error: ErrorCode,
        fetch_offset: Offset,
        records: Bytes,
    ) -> Self {
        Self {
            partition,
            error,
            fetch_offset,
            next_offset: fetch_offset,
            last_epoch: None,
            exhausted: false,
            batches: Batches::new(records),
            current: None,
        }
    }

    /// Up to `max` records more, at or after the offset that was asked for. What lies behind a bad batch is not read:
    /// its records come first, then the error, alone.
    pub(super) fn take(
        &mut self,
        max: usize,
        check_crcs: bool,
    ) -> Result<Vec<ConsumedRecord>, BatchError> {
        let mut taken = Vec::new();
        while taken.len() < max && !self.exhausted {
            match self.read_current(max - taken.len(), &mut taken) {
                Ok(true) => {}
                Ok(false) => match self.next_batch(check_crcs) {
                    Err(error) if taken.is_empty() => return Err(error),
                    // It will be met again, and then nothing stands before it.
                    Err(_) => return Ok(taken),
                    Ok(()) => {}
                },
                Err(error) if taken.is_empty() => return Err(error),
                Err(_) => return Ok(taken),
            }
        }
        Ok(taken)
    }

    /// Reads on in the current batch; false if there is nothing left in it.
    fn read_current(
        &mut self,
        max: usize,
        taken: &mut Vec<ConsumedRecord>,
    ) -> Result<bool, BatchError> {
        let Some(batch) = &self.current else {
            return Ok(false);
        };
        let (epoch, before) = (batch.leader_epoch(), self.next_offset);
        self.last_epoch = Some(epoch).filter(|epoch| *epoch != LeaderEpoch::NONE);
        let mut count = 0;
        for record in batch.records() {
            let record = record?;
            if record.offset < self.next_offset || batch.is_control() {
                continue;
            }
            if count == max {
                return Ok(true);
            }
            let share = |part: &[u8]| batch.share(part);
            taken.push(ConsumedRecord {
                offset: record.offset,
                leader_epoch: epoch,
                timestamp: record.timestamp,
                key: record.key().map(share),
                value: record.value().map(share),
                headers: record
                    .headers()
                    .map(|header| (share(header.key), header.value.map(share)))
                    .collect(),
            });
            self.next_offset = record.offset.next();
            count += 1;
        }
        // Offsets at the end of a batch may be missing (compaction, control batches): they are passed over.
        self.next_offset = self.next_offset.max(batch.next_offset());
        assert!(self.next_offset >= before, "CF-1: back to {}", self.next_offset);
        self.current = None;
        Ok(true)
    }

    fn next_batch(&mut self, check_crcs: bool) -> Result<(), BatchError> {
        let behind = self.batches.clone();
        let Some(batch) = self.batches.next() else {
            self.exhausted = true;
            return Ok(());
        };
        let good = batch.and_then(|batch| {
            if check_crcs {
                batch.ensure_valid()?;
            }
            Ok(batch)
        });
        match good {
            Ok(batch) => {
                self.current = Some(batch);
                Ok(())
            }
            Err(error) => {
                self.batches = behind;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use trial_log::BatchBuilder;

    use super::CompletedFetch;
    use crate::client::NamedPartition;
    use crate::error_code::ErrorCode;
    use crate::ids::{LeaderEpoch, Offset};

    fn batch(offset: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Offset(offset)).leader_epoch(LeaderEpoch(1));
        builder.append(0, None, Some(b"value"), &[]);
        builder.append(0, None, Some(b"value"), &[]);
        builder.build().as_bytes().to_vec()
    }

    /// A broker cuts a read at its limit of bytes.
    #[test]
    fn the_beginning_of_a_batch_at_the_end_is_left_for_the_next_fetch() {
        let second = batch(2);
        for cut in 1..second.len() {
            let records = Bytes::from([&batch(0), &second[..cut]].concat());
            let partition = NamedPartition { topic: "orders".into(), partition: 0 };
            let mut fetch = CompletedFetch::new(partition, ErrorCode::None, Offset(0), records);
            let taken = fetch.take(10, true).expect("what is whole is good");
            let offsets: Vec<i64> = taken.iter().map(|record| record.offset.0).collect();
            assert_eq!(offsets, [0, 1], "with {cut} bytes of the second");
            assert!(fetch.exhausted && fetch.next_offset == Offset(2), "it goes on at 2");
        }
    }
}
