//! Follows the transactions through a log that is being cleaned: which records are aborted, which markers are needed.
//!
//! In Kafka:   `CleanedTransactionMetadata`; KIP-98, KAFKA-8351, KAFKA-13727.
//! Holds:      the aborted transactions that are still to come, by where they begin; those that have begun; the
//!             producers with records of a transaction that was not aborted.
//! Invariants: a marker is needed as long as a batch of its transaction was met, even one without records; so is the
//!             entry of an aborted transaction in the index.

use std::collections::{BTreeMap, BTreeSet};

use crate::{AbortedTxn, BatchError, ControlRecordType, Offset, RecordBatch};

/// The transactions of a log that is being cleaned.
#[derive(Debug, Clone, Default)]
pub(super) struct CleanedTransactions {
    ongoing_committed: BTreeSet<i64>,
    ongoing_aborted: BTreeMap<i64, OngoingAborted>,
    aborted: BTreeMap<(Offset, i64), AbortedTxn>,
}

#[derive(Debug, Clone)]
struct OngoingAborted {
    txn: AbortedTxn,
    was_met: bool,
}

/// What a control batch is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ControlRead {
    /// Nothing of its transaction is left, or it has no record itself.
    Unneeded,
    /// It ends what was met, or is no marker.
    Needed,
    /// It ends an aborted transaction of which something was met.
    NeededWith(AbortedTxn),
}

impl CleanedTransactions {
    /// Adds aborted transactions from the index of what is read next; some may be known.
    pub(super) fn add_aborted(&mut self, aborted: Vec<AbortedTxn>) {
        self.aborted
            .extend(aborted.into_iter().map(|txn| ((txn.first_offset, txn.producer_id), txn)));
    }

    /// Passes over a control batch.
    pub(super) fn on_control_batch(
        &mut self,
        batch: &RecordBatch,
    ) -> Result<ControlRead, BatchError> {
        self.begin_up_to(batch.last_offset());
        let Some(record) = batch.records().next() else {
            return Ok(ControlRead::Unneeded);
        };
        let record = record?;
        let kind = record.key().and_then(ControlRecordType::of_key);
        let producer_id = batch.producer_id();
        Ok(match kind.ok_or(BatchError::Structure { index: 0 })? {
            ControlRecordType::Abort => match self.ongoing_aborted.remove(&producer_id) {
                Some(OngoingAborted { txn, was_met: true }) => ControlRead::NeededWith(txn),
                _ => ControlRead::Unneeded,
            },
            ControlRecordType::Commit => match self.ongoing_committed.remove(&producer_id) {
                true => ControlRead::Needed,
                false => ControlRead::Unneeded,
            },
            _ => ControlRead::Needed,
        })
    }

    /// Passes over any other batch; answers whether it is aborted.
    pub(super) fn on_batch(&mut self, batch: &RecordBatch) -> bool {
        self.begin_up_to(batch.last_offset());
        if !batch.is_transactional() {
            return false;
        }
        if let Some(ongoing) = self.ongoing_aborted.get_mut(&batch.producer_id()) {
            ongoing.was_met = true;
            return true;
        }
        self.ongoing_committed.insert(batch.producer_id());
        false
    }

    fn begin_up_to(&mut self, offset: Offset) {
        while let Some(next) = self.aborted.first_entry() {
            if next.key().0 > offset {
                return;
            }
            let txn = next.remove();
            let ongoing = self.ongoing_aborted.entry(txn.producer_id);
            ongoing.or_insert(OngoingAborted { txn, was_met: false });
        }
    }
}
