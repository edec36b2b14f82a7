//! Guesses how small a topic's records become, so that a batch is closed in time.
//!
//! In Kafka:   `CompressionRatioEstimator`, `MemoryRecordsBuilder.estimatedBytesWritten`.
//! Holds:      for each topic a guess in millionths; a producer has one codec.
//! Invariants: CO-1 a guess rises at once to what was seen, by a twentieth at least, and falls by a two-hundredth at
//!             most.
//! Left out:   the guess is not set back when a batch is too large: batches are not split.

use std::collections::BTreeMap;
use std::sync::Arc;

/// As large as before.
const ONE: u64 = 1_000_000;
const DETERIORATE_STEP: u64 = 50_000;
const IMPROVING_STEP: u64 = 5_000;
/// Five in a hundred more than the guess.
const SAFETY_PERCENT: u64 = 105;

/// What compressed records are expected to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CompressionRatio(u64);

impl CompressionRatio {
    /// How much so many bytes of records will take.
    pub(super) fn estimate(self, uncompressed: usize) -> usize {
        let bytes = uncompressed as u64 * self.0 / ONE * SAFETY_PERCENT / 100;
        usize::try_from(bytes).expect("it is about as large as what is in memory")
    }
}

/// The guesses of a producer.
#[derive(Debug, Clone, Default)]
pub(super) struct CompressionRatios {
    by_topic: BTreeMap<Arc<str>, u64>,
}

impl CompressionRatios {
    /// The guess for a topic.
    pub(super) fn of(&self, topic: &str) -> CompressionRatio {
        CompressionRatio(self.by_topic.get(topic).copied().unwrap_or(ONE))
    }

    /// A batch was closed: what its records took before and after.
    pub(super) fn saw(&mut self, topic: &Arc<str>, uncompressed: usize, compressed: usize) {
        let seen = compressed as u64 * ONE / (uncompressed as u64).max(1);
        let guess = self.by_topic.entry(Arc::clone(topic)).or_insert(ONE);
        if seen > *guess {
            *guess = seen.max(*guess + DETERIORATE_STEP);
        } else {
            *guess = seen.max(guess.saturating_sub(IMPROVING_STEP));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_falls_slowly_and_rises_at_once() {
        let mut ratios = CompressionRatios::default();
        let topic: Arc<str> = Arc::from("orders");
        assert_eq!(ratios.of(&topic).estimate(1000), 1050, "as large as before, and a bit");
        ratios.saw(&topic, 1000, 200);
        assert_eq!(ratios.of(&topic), CompressionRatio(995_000));
        for _ in 0..300 {
            ratios.saw(&topic, 1000, 200);
        }
        assert_eq!(ratios.of(&topic), CompressionRatio(200_000), "not below what was seen");
        ratios.saw(&topic, 1000, 210);
        assert_eq!(ratios.of(&topic), CompressionRatio(250_000), "a step at least");
        ratios.saw(&topic, 1000, 900);
        assert_eq!(ratios.of(&topic), CompressionRatio(900_000), "at once");
    }
}
