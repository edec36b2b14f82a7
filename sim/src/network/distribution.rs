//! Draws lengths of time.
//!
//! Invariants: DI-1 one draw of the stream a call (two with a tail, none for a constant), whatever
//!             comes out; the logarithm is libm's, equal on every platform.

use crate::random::Stream;
use crate::time::Span;

/// How a length of time varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// Always the same.
    Constant(Span),
    /// Anything from `min` up to `max`, `max` excluded.
    Uniform {
        /// The shortest.
        min: Span,
        /// The longest.
        max: Span,
    },
    /// `min` and an exponential share on top.
    Exponential {
        /// The shortest.
        min: Span,
        /// The mean of what comes on top.
        mean: Span,
    },
    /// Exponential, but in `tail_ppm` of a million draws the share on top is `tail_factor` times
    /// as long.
    LongTail {
        /// The shortest.
        min: Span,
        /// The mean of what comes on top.
        mean: Span,
        /// How often the tail is hit, in a million.
        tail_ppm: u32,
        /// How much longer the tail is.
        tail_factor: u32,
    },
}

impl Distribution {
    /// The next length.
    pub fn draw(&self, stream: &mut Stream) -> Span {
        match *self {
            Self::Constant(span) => span,
            Self::Uniform { min, max } => {
                if max.0 <= min.0 {
                    return min;
                }
                Span(stream.range(min.0, max.0))
            }
            Self::Exponential { min, mean } => min + exponential(mean, stream),
            Self::LongTail { min, mean, tail_ppm, tail_factor } => {
                let share = exponential(mean, stream);
                if stream.chance(tail_ppm) {
                    return min + share * u64::from(tail_factor);
                }
                min + share
            }
        }
    }
}

/// Exponential with this mean, at most 36 times as long (2^-53 is the smallest fraction).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths are far below 2^53 ns, and a negative logarithm is negated"
)]
fn exponential(mean: Span, stream: &mut Stream) -> Span {
    Span((-libm::log(1.0 - stream.fraction()) * mean.0 as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Plan;

    #[test]
    fn means_come_out_as_asked_for() {
        let ms = Span::from_millis;
        check(Distribution::Constant(ms(3)), 3_000, 3_000);
        check(Distribution::Uniform { min: ms(1), max: ms(3) }, 1_950, 2_050);
        check(Distribution::Exponential { min: ms(1), mean: ms(2) }, 2_900, 3_100);
        let tail =
            Distribution::LongTail { min: ms(1), mean: ms(2), tail_ppm: 100_000, tail_factor: 10 };
        check(tail, 4_600, 5_000);
    }

    /// The mean of 20,000 draws, in microseconds, lies in `low..=high`.
    #[track_caller]
    fn check(distribution: Distribution, low: u64, high: u64) {
        let mut stream = Plan::new(1).run_stream("test", "distribution");
        let sum: u64 = (0..20_000).map(|_| distribution.draw(&mut stream).0).sum();
        let mean = sum / 20_000 / 1_000;
        assert!((low..=high).contains(&mean), "{distribution:?}: {mean} us");
    }
}
