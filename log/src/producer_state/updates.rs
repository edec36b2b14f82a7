//! What one append makes of all its producers, kept until the bytes are written.
//!
//! In Kafka:   `UnifiedLog.AnalyzeAndValidateProducerStateResult`.
//! Holds:      nothing between appends but its room: an append allocates nothing.

use std::collections::BTreeMap;

use super::append_info::{ProducerAppendInfo, TransactionVersion};
use super::error::ProducerError;
use super::manager::ProducerStateManager;
use super::transactions::{CompletedTxn, TxnMetadata};
use crate::batch::AppendOrigin;
use crate::{LogOffsetMetadata, RecordBatch};

/// Up to so many producers are searched one by one.
const SEARCHED: usize = 8;

/// What one append makes of its producers.
#[derive(Debug, Default)]
pub(crate) struct ProducerUpdates {
    pub(super) producers: Vec<ProducerAppendInfo>,
    pub(super) started: Vec<TxnMetadata>,
    completed: Vec<CompletedTxn>,
    /// Where each producer stands, once they are many.
    slots: BTreeMap<i64, usize>,
}

/// Nothing of it is worth a copy.
impl Clone for ProducerUpdates {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl ProducerUpdates {
    pub(crate) fn clear(&mut self) {
        self.producers.clear();
        self.started.clear();
        self.completed.clear();
        self.slots.clear();
    }

    /// The transactions that are completed, in the order of their markers.
    pub(crate) fn completed(&self) -> &[CompletedTxn] {
        &self.completed
    }

    /// Takes a batch that has a producer. A batch of a transaction, and a marker, take the guard away, unless the
    /// guard is for the transaction after that marker.
    pub(crate) fn take<B: AsRef<[u8]>>(
        &mut self,
        manager: &mut ProducerStateManager,
        batch: &RecordBatch<B>,
        origin: AppendOrigin,
        position: Option<LogOffsetMetadata>,
        version: Option<TransactionVersion>,
    ) -> Result<(), ProducerError> {
        let producer_id = batch.producer_id();
        let slot = self.slot_of(manager, producer_id, origin);
        let info = &mut self.producers[slot];
        let completed = info.append(batch, position, version, &mut self.started)?;
        self.completed.extend(completed);
        if batch.is_transactional() {
            let asks = manager.verification_state_entry(producer_id);
            let is_for_next = asks.is_some_and(|asks| {
                asks.supports_epoch_bump
                    && batch.is_control()
                    && batch.producer_epoch() == asks.epoch
            });
            if !is_for_next {
                manager.clear_verification_state_entry(producer_id);
            }
        }
        Ok(())
    }

    fn slot_of(
        &mut self,
        manager: &ProducerStateManager,
        producer_id: i64,
        origin: AppendOrigin,
    ) -> usize {
        let found = if self.slots.is_empty() {
            self.producers.iter().position(|info| info.producer_id() == producer_id)
        } else {
            self.slots.get(&producer_id).copied()
        };
        if let Some(slot) = found {
            return slot;
        }
        let slot = self.producers.len();
        self.producers.push(manager.prepare_update(producer_id, origin));
        if slot == SEARCHED {
            let slots = self.producers.iter().zip(0..);
            self.slots = slots.map(|(info, slot)| (info.producer_id(), slot)).collect();
        } else if slot > SEARCHED {
            self.slots.insert(producer_id, slot);
        }
        slot
    }
}
