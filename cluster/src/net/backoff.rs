//! How long to wait before the next try: twice as long each time, with jitter, up to a limit.
//!
//! In Kafka:   `common.utils.ExponentialBackoff` (KIP-580); base 2, jitter 20 %.
//! Holds:      the two ends and the jitter; the count of tries is the caller's.
//! Invariants: BO-1 a wait never exceeds the maximum.

use trial_sim::Span;

use super::Wires;

const MILLION: u64 = 1_000_000;

/// Waits that grow from `initial` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExponentialBackoff {
    initial: Span,
    max: Span,
    jitter_ppm: u64,
}

impl ExponentialBackoff {
    /// From `initial` to `max` with Kafka's jitter of 20 %. As there, an initial wait above the maximum is the maximum,
    /// and equal ends mean a fixed wait.
    #[must_use]
    pub const fn new(initial: Span, max: Span) -> Self {
        let initial = if initial.0 < max.0 { initial } else { max };
        Self { initial, max, jitter_ppm: 200_000 }
    }

    /// Whether a wait after this many failed tries is as long as any, though the first one was not.
    #[must_use]
    pub fn is_at_max(&self, attempts: u32) -> bool {
        self.initial < self.max && self.doubled(attempts) >= self.max.0
    }

    fn doubled(&self, attempts: u32) -> u64 {
        self.initial.0.saturating_mul(1_u64.checked_shl(attempts).unwrap_or(u64::MAX))
    }

    /// The wait after `attempts` failed tries; a draw of `stream` unless the wait is fixed.
    pub fn wait(&self, attempts: u32, stream: &'static str, wires: &mut dyn Wires) -> Span {
        if self.initial == self.max {
            return self.initial;
        }
        let term = self.doubled(attempts).min(self.max.0);
        let factor = MILLION - self.jitter_ppm + wires.below(stream, 2 * self.jitter_ppm);
        let wait = u128::from(term) * u128::from(factor) / u128::from(MILLION);
        let wait = Span(u64::try_from(wait).map_or(self.max.0, |wait| wait.min(self.max.0)));
        assert!(wait <= self.max, "BO-1: {wait:?} > {:?}", self.max);
        wait
    }
}
