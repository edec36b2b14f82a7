//! The transactions of one partition that a reader of committed records may not pass yet.
//!
//! In Kafka:   `TxnMetadata`, `CompletedTxn`, the two maps of `ProducerStateManager`; KIP-98.
//! Holds:      the open ones, and the completed ones whose marker may not be replicated, by their first offsets.
//! Invariants: TX-1 no transaction is in both lists, and each list rises.

use crate::{LogOffsetMetadata, Offset};

/// A transaction of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxnMetadata {
    /// Whose it is.
    pub producer_id: i64,
    /// The offset of its first record.
    pub first_offset: Offset,
    /// Where that lies, if it was seen when it was appended.
    pub position: Option<LogOffsetMetadata>,
    /// The offset of its end marker, once it is completed.
    pub last_offset: Option<Offset>,
}

/// A transaction that an end marker completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CompletedTxn {
    /// Whose it was.
    pub producer_id: i64,
    /// The offset of its first record.
    pub first_offset: Offset,
    /// The offset of its end marker.
    pub last_offset: Offset,
    /// Whether it was aborted.
    pub is_aborted: bool,
}

/// A few entries in a vector, which keeps its room: an append allocates nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Transactions {
    ongoing: Vec<TxnMetadata>,
    unreplicated: Vec<TxnMetadata>,
}

impl Transactions {
    pub(super) fn clear(&mut self) {
        self.ongoing.clear();
        self.unreplicated.clear();
    }

    /// The first one that is open.
    pub(super) fn first_ongoing(&self) -> Option<&TxnMetadata> {
        self.ongoing.first()
    }

    /// The first one that is open, or whose marker may not be replicated.
    pub(super) fn first_unstable(&self) -> Option<&TxnMetadata> {
        let firsts = [self.ongoing.first(), self.unreplicated.first()];
        firsts.into_iter().flatten().min_by_key(|txn| txn.first_offset)
    }

    pub(super) fn has_unreplicated(&self) -> bool {
        !self.unreplicated.is_empty()
    }

    pub(super) fn begin(&mut self, txn: TxnMetadata) {
        insert(&mut self.ongoing, txn);
    }

    /// Up to where a reader may come once this one is completed: where the next open transaction begins.
    ///
    /// Kafka passes over all of the same producer. A replica that takes the marker in one append with the producer's
    /// next transaction, and with somebody else's after that, then enters where the latter begins; a search that ends
    /// between the two stops at this entry, and does not find the next transaction, if that is aborted as well.
    pub(super) fn last_stable_offset(&self, completed: &CompletedTxn) -> Offset {
        let next = self.ongoing.iter().find(|txn| txn.first_offset != completed.first_offset);
        next.map_or(completed.last_offset.next(), |txn| txn.first_offset)
    }

    /// Completes an open transaction; answers whether it was open.
    pub(super) fn complete(&mut self, completed: &CompletedTxn) -> bool {
        let found =
            self.ongoing.binary_search_by_key(&completed.first_offset, |txn| txn.first_offset);
        let Ok(slot) = found else {
            return false;
        };
        let txn = self.ongoing.remove(slot);
        let last_offset = Some(completed.last_offset);
        insert(&mut self.unreplicated, TxnMetadata { last_offset, ..txn });
        true
    }

    /// Forgets the completed ones whose marker lies below `offset`.
    pub(super) fn replicated_below(&mut self, offset: Offset) {
        self.unreplicated.retain(|txn| txn.last_offset.is_none_or(|last| last >= offset));
    }
}

/// Keeps the list in order; a transaction that begins where another does replaces it.
fn insert(list: &mut Vec<TxnMetadata>, txn: TxnMetadata) {
    match list.binary_search_by_key(&txn.first_offset, |other| other.first_offset) {
        Ok(slot) => list[slot] = txn,
        Err(slot) => list.insert(slot, txn),
    }
}
