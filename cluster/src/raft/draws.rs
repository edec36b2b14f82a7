//! Randomness that was handed in: numbers drawn beforehand, used one by one.
//!
//! Holds:      at most `Draws::KEPT` numbers; the shell tops them up from its stream before each step.
//! Invariants: DR-1 a step never needs more than that.

use std::collections::VecDeque;

use trial_sim::Span;

/// The numbers of the next step.
#[derive(Debug, Clone, Default)]
pub struct Draws {
    numbers: VecDeque<u64>,
}

impl Draws {
    /// How many numbers are kept ready.
    pub const KEPT: usize = 8;

    /// Draws with `next` what is missing.
    pub fn top_up(&mut self, mut next: impl FnMut() -> u64) {
        while self.numbers.len() < Self::KEPT {
            self.numbers.push_back(next());
        }
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        let number = self.numbers.pop_front();
        let number = number.expect("DR-1: the shell tops the draws up before each step");
        let scaled = (u128::from(number) * u128::from(bound)) >> 64;
        u64::try_from(scaled).expect("it is below a 64-bit bound")
    }

    /// From `timeout` up to twice that, in whole milliseconds (`QuorumState.randomElectionTimeoutMs`).
    pub fn election_timeout(&mut self, timeout: Span) -> Span {
        let jitter = self.below(timeout.as_millis().max(1));
        timeout + Span::from_millis(jitter)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Draws that always answer the middle.
    pub(crate) fn middle() -> Draws {
        let mut draws = Draws::default();
        draws.top_up(|| 1 << 63);
        draws
    }

    #[test]
    fn an_election_timeout_lies_between_one_and_two_timeouts() {
        for (number, want) in [(0, 1_000), (1 << 63, 1_500), (u64::MAX, 1_999)] {
            let mut draws = Draws::default();
            draws.top_up(|| number);
            assert_eq!(draws.election_timeout(Span::from_millis(1_000)), Span::from_millis(want));
        }
    }
}
