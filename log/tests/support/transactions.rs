//! A log with producers that write to it, with and without transactions.

use bytes::Bytes;
use trial_log::{
    AppendInfo, AppendOrigin, AppendTerms, BatchBuilder, EndTransactionMarker, LeaderEpoch,
    LogError, Offset, Producer, TransactionVersion, VerificationGuard,
};

use super::Fixture;

/// Who writes: an id and an epoch.
pub type Who = (i64, i16);

/// A batch as a client sends it.
pub fn sent((id, epoch): Who, base_sequence: i32, count: usize, time: i64) -> BatchBuilder {
    let producer = Producer { id, epoch, base_sequence };
    let mut builder = BatchBuilder::new(Offset::ZERO).producer(producer);
    for _ in 0..count {
        builder.append(time, None, Some(b"value"), &[]);
    }
    builder
}

/// A marker as a coordinator sends it.
pub fn marker((id, epoch): Who, marker: EndTransactionMarker, time: i64) -> BatchBuilder {
    let producer = Producer { id, epoch, base_sequence: -1 };
    let mut builder = BatchBuilder::new(Offset::ZERO).producer(producer).transactional().control();
    builder.append_control(time, marker.kind(), &marker.value());
    builder
}

impl Fixture {
    pub fn append_as(
        &mut self,
        records: Bytes,
        terms: &AppendTerms,
    ) -> Result<AppendInfo, LogError> {
        let Self { disk, log, events, now, .. } = self;
        log.append_with_terms(disk, records, terms, *now, events)
    }

    /// A batch of a producer, as the leader of epoch 1.
    pub fn produce(
        &mut self,
        who: Who,
        sequence: i32,
        count: usize,
    ) -> Result<AppendInfo, LogError> {
        let records = sent(who, sequence, count, self.now).build().into_bytes();
        self.append_as(records, &AppendTerms::new(LeaderEpoch(1), AppendOrigin::Client))
    }

    /// A batch of a transaction that shows a guard.
    pub fn produce_with(
        &mut self,
        who: Who,
        (sequence, count): (i32, usize),
        guard: VerificationGuard,
    ) -> Result<AppendInfo, LogError> {
        let records = sent(who, sequence, count, self.now).transactional().build().into_bytes();
        let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Client).verified(guard);
        self.append_as(records, &terms)
    }

    /// A batch of a transaction, of which the coordinator is asked if need be.
    pub fn produce_in_txn(
        &mut self,
        who: Who,
        sequence: i32,
        count: usize,
    ) -> Result<AppendInfo, LogError> {
        let guard = self.ask(who, sequence, true)?;
        self.produce_with(who, (sequence, count), guard)
    }

    pub fn ask(
        &mut self,
        (id, epoch): Who,
        sequence: i32,
        bumps: bool,
    ) -> Result<VerificationGuard, LogError> {
        let asks = (sequence, epoch);
        Ok(self.log.maybe_start_transaction_verification(id, asks, bumps, self.now)?)
    }

    /// A marker of a coordinator, judged as under `transaction.version` 2.
    pub fn end_txn(
        &mut self,
        who: Who,
        what: EndTransactionMarker,
    ) -> Result<AppendInfo, LogError> {
        let records = marker(who, what, self.now).build().into_bytes();
        let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Coordinator);
        self.append_as(records, &terms.version(TransactionVersion::V2))
    }

    /// Copies up to `max_bytes` of what the leader has from this log's end on.
    pub fn copy_from(&mut self, leader: &mut Fixture, max_bytes: usize) {
        let (from, end) = (self.log.log_end_offset(), leader.log.log_end_offset());
        let Fixture { disk, log, events, .. } = leader;
        let read = log.read(disk, from, max_bytes, end, true, events).expect("the log is whole");
        let records = read.records;
        self.follow(records, i32::MAX).expect("the leader's batches are good");
    }

    pub fn first_unstable(&self) -> Option<i64> {
        self.log.first_unstable_offset().map(|offset| offset.0)
    }

    pub fn high_watermark(&mut self, offset: i64) {
        self.log.on_high_watermark_updated(Offset(offset));
    }

    /// (producer, first, marker) of the aborted transactions that a read overlaps with.
    pub fn aborted(&self, from: i64, upper_bound: i64) -> Vec<(i64, i64, i64)> {
        let found = self.log.aborted_transactions(Offset(from), Offset(upper_bound));
        found.iter().map(|t| (t.producer_id, t.first_offset.0, t.last_offset.0)).collect()
    }
}
