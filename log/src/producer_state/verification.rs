//! Remembers which producers ask their coordinator whether a transaction is open, until their first batch is in.
//!
//! In Kafka:   `VerificationStateEntry`, `VerificationGuard`; KIP-890.
//! Holds:      one entry per producer that asks, in memory alone.
//! Invariants: VG-1 a guard is handed out once; an end marker or the transaction's first batch takes it away, so that
//!             an answer that comes late opens no transaction.
//! Left out:   Kafka's guards are unique in the process, ours in the log that was opened: who opens a log again drops
//!             what waits for an answer.

use std::collections::BTreeMap;

/// Stands for one verification; the batch that was verified shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerificationGuard(u64);

impl VerificationGuard {
    /// No verification: none is needed, or none was made. It verifies nothing.
    pub const NONE: Self = Self(0);

    /// Whether a batch that shows `shown` was verified under this guard.
    #[must_use]
    pub fn verifies(self, shown: Self) -> bool {
        shown != Self::NONE && shown == self
    }
}

/// A producer that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerificationStateEntry {
    /// When it began to ask.
    pub timestamp_ms: i64,
    /// What its batch has to show.
    pub guard: VerificationGuard,
    /// Whether its epoch rises with each transaction (`transaction.version` 2).
    pub supports_epoch_bump: bool,
    /// The lowest sequence that asked: a higher one may not come first, else the lower one never gets in.
    pub lowest_sequence: i32,
    /// The epoch of that.
    pub epoch: i16,
}

impl VerificationStateEntry {
    fn saw(&mut self, sequence: i32, epoch: i16) {
        if epoch == self.epoch {
            self.lowest_sequence = self.lowest_sequence.min(sequence);
        } else if epoch > self.epoch {
            (self.epoch, self.lowest_sequence) = (epoch, sequence);
        }
    }
}

/// All producers that ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Verifications {
    entries: BTreeMap<i64, VerificationStateEntry>,
    guards_given: u64,
}

impl Verifications {
    pub(super) fn get(&self, producer_id: i64) -> Option<&VerificationStateEntry> {
        self.entries.get(&producer_id)
    }

    pub(super) fn get_or_begin(
        &mut self,
        producer_id: i64,
        (sequence, epoch): (i32, i16),
        supports_epoch_bump: bool,
        now_ms: i64,
    ) -> VerificationStateEntry {
        let guards_given = &mut self.guards_given;
        let entry = self.entries.entry(producer_id).or_insert_with(|| {
            *guards_given += 1;
            VerificationStateEntry {
                timestamp_ms: now_ms,
                guard: VerificationGuard(*guards_given),
                supports_epoch_bump,
                lowest_sequence: sequence,
                epoch,
            }
        });
        entry.saw(sequence, epoch);
        *entry
    }

    pub(super) fn remove(&mut self, producer_id: i64) {
        self.entries.remove(&producer_id);
    }

    pub(super) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.entries.retain(|_, entry| now_ms.saturating_sub(entry.timestamp_ms) < expiration_ms);
    }
}
