//! What a log knows of its producers: what they may append, what they open, up to where a reader of committed records
//! may come.
//!
//! In Kafka:   `UnifiedLog.{analyzeAndValidateProducerState, lastStableOffset, maybeStartTransactionVerification,
//!             collectAbortedTransactions, removeExpiredProducers}`; KIP-98, KIP-890.
//! Invariants: LOG-7 the producers reflect the log up to its end. LSO-1 the last stable offset lies at or below the
//!             high watermark, and no transaction that is open, or whose marker lies at the high watermark or beyond,
//!             begins below it.

use crate::batch::{AppendOrigin, next_batch_size};
use crate::disk::Disk;
use crate::error::LogError;
use crate::event::LogEvent;
use crate::producer_state::{
    BatchMetadata, ProducerError, ProducerStateManager, TxnStateFault, VerificationGuard,
};
use crate::transaction_index::AbortedTxn;
use crate::{LogOffsetMetadata, Offset, RecordBatch, mark};

use super::append::AppendTerms;
use super::log::Log;
use super::rebuild::Rebuild;

impl Log {
    /// What is known of the producers.
    #[must_use]
    pub fn producers(&self) -> &ProducerStateManager {
        &self.producers
    }

    /// Where the first transaction begins that is open, or whose marker may not be replicated.
    #[must_use]
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        self.producers.first_unstable().map(|txn| txn.first_offset.max(self.log_start_offset))
    }

    /// Where that lies, if it was seen when it was appended; else [`Log::offset_metadata`] looks.
    #[must_use]
    pub fn first_unstable_metadata(&self) -> Option<LogOffsetMetadata> {
        let txn = self.producers.first_unstable()?;
        if txn.first_offset < self.log_start_offset { None } else { txn.position }
    }

    /// Up to where a reader of committed records may come: everything below is decided.
    #[must_use]
    pub fn last_stable_offset(&self, high_watermark: Offset) -> Offset {
        self.first_unstable_offset().map_or(high_watermark, |first| first.min(high_watermark))
    }

    /// The high watermark moved: what was completed below it is stable.
    ///
    /// To be said again after a truncation and when the log was opened: what is learned from its batches waits for it.
    /// What is learned from a snapshot does not, even if its marker lies beyond: a snapshot knows open transactions
    /// alone (so it is in Kafka too).
    pub fn on_high_watermark_updated(&mut self, high_watermark: Offset) {
        self.producers.on_high_watermark_updated(high_watermark);
    }

    /// The aborted transactions that overlap with what a read from `from` up to `upper_bound` answers, in the order
    /// of their markers.
    #[must_use]
    pub fn aborted_transactions(&self, from: Offset, upper_bound: Offset) -> Vec<AbortedTxn> {
        let mut found = Vec::new();
        let first = self.segment_holding(from).unwrap_or(0);
        for segment in &self.segments[first..] {
            if segment.txn_index.collect(from, upper_bound, &mut found) {
                break;
            }
        }
        found
    }

    /// A producer asks its coordinator whether its transaction is open. Answers what its batch has to show then:
    /// nothing if the transaction has begun here.
    pub fn maybe_start_transaction_verification(
        &mut self,
        producer_id: i64,
        (sequence, epoch): (i32, i16),
        supports_epoch_bump: bool,
        now_ms: i64,
    ) -> Result<VerificationGuard, ProducerError> {
        if let Some(entry) = self.producers.last_entry(producer_id) {
            let (got, current) = (epoch, entry.producer_epoch());
            if got < current {
                let offset = self.log_end_offset;
                return Err(ProducerError::InvalidProducerEpoch {
                    producer_id,
                    offset,
                    got,
                    current,
                });
            }
            if entry.has_ongoing_transaction(epoch) {
                return Ok(VerificationGuard::NONE);
            }
        }
        let (asks, bumps) = ((sequence, epoch), supports_epoch_bump);
        let entry =
            self.producers.maybe_create_verification_state_entry(producer_id, asks, bumps, now_ms);
        Ok(entry.guard)
    }

    /// Forgets who was idle for `producer.id.expiration.ms`; answers how many.
    pub fn remove_expired_producers(&mut self, now_ms: i64, events: &mut Vec<LogEvent>) -> usize {
        let expiration_ms = self.config.producer_id_expiration_ms;
        let count = self.producers.remove_expired_producers(now_ms, expiration_ms);
        if count > 0 {
            mark::reachable!(
                events,
                "producers_expired",
                "a log forgot producers that had been idle for producer.id.expiration.ms"
            );
            events.push(LogEvent::ProducersExpired { count });
        }
        count
    }

    /// Whether a transaction is open for longer than any may be, and a bit.
    #[must_use]
    pub fn has_late_transaction(&self, now_ms: i64) -> bool {
        self.producers.has_late_transaction(now_ms, self.config.max_transaction_timeout_ms)
    }

    /// Decides whether the batches may be appended, and keeps what they make of their producers; answers the batch
    /// that a client's repeats.
    pub(super) fn analyze_producers(
        &mut self,
        records: &[u8],
        terms: &AppendTerms,
        place: Option<LogOffsetMetadata>,
    ) -> Result<Option<BatchMetadata>, LogError> {
        self.updates.clear();
        let (mut place, mut rest) = (place, records);
        while let Some(size) = next_batch_size(rest)?.filter(|size| *size <= rest.len()) {
            let (batch, after) = rest.split_at(size);
            let batch = RecordBatch::new(batch)?;
            rest = after;
            let offset = batch.base_offset();
            if batch.producer_id() >= 0 {
                if let Some(duplicate) = self.duplicate_of(&batch, terms) {
                    return Ok(Some(duplicate));
                }
                self.check_transaction(&batch, terms)?;
                let position = place.filter(|_| batch.is_transactional());
                let position = position.map(|place| LogOffsetMetadata { offset, ..place });
                let (producers, version) = (&mut self.producers, terms.transaction_version);
                self.updates.take(producers, &batch, terms.origin, position, version)?;
            }
            if let Some(place) = &mut place {
                place.position += batch.size_in_bytes() as u64;
            }
        }
        Ok(None)
    }

    fn duplicate_of(
        &self,
        batch: &RecordBatch<&[u8]>,
        terms: &AppendTerms,
    ) -> Option<BatchMetadata> {
        if terms.origin != AppendOrigin::Client {
            return None;
        }
        let entry = self.producers.last_entry(batch.producer_id())?;
        let (first, last) = (batch.base_sequence(), batch.last_sequence());
        entry.find_duplicate(batch.producer_epoch(), first, last)
    }

    /// A transaction begins here only once its coordinator was asked: else a batch that comes late, after the end
    /// marker, would begin one that nobody ends (KIP-890).
    fn check_transaction(
        &self,
        batch: &RecordBatch<&[u8]>,
        terms: &AppendTerms,
    ) -> Result<(), ProducerError> {
        let trusted = !matches!(terms.origin, AppendOrigin::Client | AppendOrigin::Coordinator);
        if trusted || !batch.is_transactional() {
            return Ok(());
        }
        let (producer_id, offset) = (batch.producer_id(), batch.base_offset());
        if let Some(entry) = self.producers.last_entry(producer_id) {
            let (got, current) = (batch.producer_epoch(), entry.producer_epoch());
            if entry.has_ongoing_transaction(got) {
                return Ok(());
            }
            if got < current {
                return Err(ProducerError::InvalidProducerEpoch {
                    producer_id,
                    offset,
                    got,
                    current,
                });
            }
        }
        let asks = self.producers.verification_state_entry(producer_id);
        let is_verified = asks.is_some_and(|asks| asks.guard.verifies(terms.verification_guard));
        if self.config.transaction_verification_enabled && !batch.is_control() && !is_verified {
            let why = TxnStateFault::NotVerified;
            return Err(ProducerError::InvalidTxnState { producer_id, offset, why });
        }
        Ok(())
    }

    /// Enters what an append made of its producers, now that it is written; aborted transactions go to the index.
    pub(super) fn enter_producers(
        &mut self,
        disk: &mut dyn Disk,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        self.producers.update_all(&self.updates);
        let active = self.segments.last_mut().expect("LOG-1: there is an active segment");
        for completed in self.updates.completed() {
            let last_stable_offset = self.producers.last_stable_offset(completed);
            if let Some(aborted) = AbortedTxn::of_completed(completed, last_stable_offset) {
                active.txn_index.append(disk, &self.folder, aborted)?;
            }
            self.producers.complete_txn(completed, events);
            events.push(LogEvent::TransactionCompleted(*completed));
        }
        self.producers.update_map_end_offset(self.log_end_offset);
        Ok(())
    }

    /// Learns the producers again up to `last_offset`, after a truncation or when the log was opened.
    pub(super) fn rebuild_producers(
        &mut self,
        disk: &mut dyn Disk,
        last_offset: Offset,
        clean: bool,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let rebuild = Rebuild {
            segments: &self.segments,
            log_start_offset: self.log_start_offset,
            last_offset,
            clean,
            config: &self.config,
            now_ms,
        };
        rebuild.run(disk, &mut self.producers, events)
    }
}
