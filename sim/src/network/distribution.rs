//! Draws lengths of time.
//!
//! Invariants: DI-1 one draw of the stream a call, whatever comes out (none for a constant); DI-2
//!             integers only: equal on every platform.

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
    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> Span {
        match *self {
            Self::Constant(span) => span,
            Self::Uniform { min, max } => {
                if max.0 <= min.0 {
                    return min;
                }
                Span(stream.range(min.0, max.0))
            }
            Self::Exponential { min, mean } => min + exponential(mean, stream.u64()),
            Self::LongTail { min, mean, tail_ppm, tail_factor } => {
                let draw = stream.u64();
                let share = exponential(mean, draw);
                let in_tail = ((draw & 0xff_ffff) * 1_000_000) >> 24 < u64::from(tail_ppm);
                let factor = if in_tail { u64::from(tail_factor) } else { 1 };
                min + share * factor
            }
        }
    }
}

/// Exponential with this mean, at most 64 ln 2 times as long. The draw is taken as a fraction
/// 2^-k * m, with m from a half to one: its logarithm is k ln 2, and the rest from a table.
#[inline]
fn exponential(mean: Span, draw: u64) -> Span {
    let draw = draw | 1;
    let zeros = draw.leading_zeros();
    let mantissa = draw << zeros;
    let place = usize::try_from((mantissa >> 55) & 0xff).expect("eight bits");
    let within = (mantissa >> 23) & 0xffff_ffff;
    let (high, low) = (LOGARITHMS[place], LOGARITHMS[place + 1]);
    let rest = high - (((high - low) * within) >> 32);
    let length = u64::from(zeros) * LOGARITHMS[0] + rest;
    let scaled = (u128::from(mean.0) * u128::from(length)) >> 32;
    Span(u64::try_from(scaled).expect("a mean is far below a year"))
}

/// -ln((256 + i) / 512) in units of 2^-32; the first is ln 2, the last zero.
const LOGARITHMS: [u64; 257] = {
    let mut table = [0; 257];
    let mut place = 0;
    while place <= 256 {
        table[place] = minus_logarithm(256 + place as u64);
        place += 1;
    }
    table
};

/// -ln(value / 512) for 256..=512 in units of 2^-32: the bits of the binary logarithm come out of
/// repeated squaring, in integers, equal on every platform.
const fn minus_logarithm(value: u64) -> u64 {
    const LN_2: u128 = 0xb172_17f7_d1cf_79ab;
    if value == 512 {
        return 0;
    }
    let mut power = (value as u128) << 54;
    let mut binary: u128 = 0;
    let mut bit = 0;
    while bit < 40 {
        power = (power * power) >> 62;
        binary <<= 1;
        if power >= 1 << 63 {
            power >>= 1;
            binary |= 1;
        }
        bit += 1;
    }
    let below_one = (1 << 40) - binary;
    ((below_one * LN_2) >> 72) as u64
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

    #[test]
    fn the_table_holds_logarithms() {
        for (place, entry) in LOGARITHMS.iter().enumerate() {
            let want = -((256.0 + place as f64) / 512.0).ln() * 2_f64.powi(32);
            assert!((*entry as f64 - want).abs() < 2.0, "DI-2: {place}: {entry}, not {want}");
        }
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
