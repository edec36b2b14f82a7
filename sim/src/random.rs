//! Decides everything by the seed: plan draws and run draws.
//!
//! Holds:      `Plan`, the seed: pure functions keyed by (domain, name, operation). `Stream`, one
//!             ChaCha8 sequence per (domain, name), made when first used, owned where it is used.
//! Invariants: R-1 names are text (`b2`, `b1>b2#3`), never slot numbers: taking one thing away
//!             leaves every other plan draw, and the k-th draw of every other stream, as it was.
//!             R-2 a re-key gives run streams and tie breakers other draws, and no plan draw.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed, xxh3_128_with_seed};

/// The seed of a run, asked for what is decided once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    seed: u64,
    /// What run streams and tie breakers follow from: the seed, until a re-key.
    run_seed: u64,
}

impl Plan {
    /// Everything below follows from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, run_seed: seed }
    }

    /// The seed.
    #[must_use]
    pub const fn seed(self) -> u64 {
        self.seed
    }

    /// The draw of this key: always the same.
    #[must_use]
    #[inline]
    pub fn u64(self, domain: &str, name: &str, operation: u64) -> u64 {
        self.stream_of(domain, name, operation).u64()
    }

    /// A draw in `0..bound`.
    #[must_use]
    #[inline]
    pub fn below(self, domain: &str, name: &str, operation: u64, bound: u64) -> u64 {
        self.stream_of(domain, name, operation).below(bound)
    }

    /// True in `ppm` of a million keys.
    #[must_use]
    #[inline]
    pub fn chance(self, domain: &str, name: &str, operation: u64, ppm: u32) -> bool {
        self.stream_of(domain, name, operation).chance(ppm)
    }

    /// A sequence of its own for one item of the plan that needs several draws.
    #[must_use]
    pub fn stream_of(self, domain: &str, name: &str, operation: u64) -> Stream {
        Stream::keyed(self.seed, &["plan", domain, name], operation)
    }

    /// The run's stream of this name; ask once and keep it.
    #[must_use]
    pub fn run_stream(self, domain: &str, name: &str) -> Stream {
        Stream::keyed(self.run_seed, &["run", domain, name], 0)
    }

    /// the run streams that are made from now on are others.
    pub(crate) fn rekey(&mut self, salt: u64) {
        self.run_seed = rekeyed(self.run_seed, salt);
    }

    /// A number that belongs to this name, for breaking ties.
    pub(crate) fn salt(self, domain: &str, name: &str) -> u64 {
        Stream::keyed(self.run_seed, &["salt", domain, name], 0).u64()
    }
}

/// Room for the names of nearly every sequence.
const NAMED_BYTES: usize = 128;

/// A sequence of draws (ChaCha8).
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    fn keyed(seed: u64, words: &[&str], operation: u64) -> Self {
        let mut text = Vec::with_capacity(NAMED_BYTES);
        text.extend_from_slice(&0u64.to_le_bytes());
        text.extend_from_slice(&operation.to_le_bytes());
        for word in words {
            text.extend_from_slice(&(word.len() as u64).to_le_bytes());
            text.extend_from_slice(word.as_bytes());
        }
        let mut key = [0; 32];
        for (half, bytes) in key.chunks_exact_mut(16).enumerate() {
            text[..8].copy_from_slice(&(half as u64).to_le_bytes());
            // All at once: a hasher that is fed in pieces costs several times as much for a short text.
            bytes.copy_from_slice(&xxh3_128_with_seed(&text, seed).to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// What tells this sequence from others: the first eight bytes of its key.
    #[must_use]
    pub fn identity(&self) -> u64 {
        let key = self.0.get_seed();
        u64::from_le_bytes(key[..8].try_into().expect("a key has 32 bytes"))
    }

    /// How often it was drawn from.
    #[must_use]
    pub fn draws(&self) -> u64 {
        u64::try_from(self.0.get_word_pos() / 2).unwrap_or(u64::MAX)
    }

    /// another sequence from now on, which follows from this one and `salt`.
    pub(crate) fn rekey(&mut self, salt: u64) {
        let mut key = self.0.get_seed();
        for (half, bytes) in key.chunks_exact_mut(16).enumerate() {
            let mut hasher = Xxh3::with_seed(salt);
            hasher.update(&(half as u64).to_le_bytes());
            hasher.update(&self.0.get_seed());
            bytes.copy_from_slice(&hasher.digest128().to_le_bytes());
        }
        self.0 = ChaCha8Rng::from_seed(key);
    }

    /// The next draw, all 64 bits.
    #[inline]
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next draw in `0..bound`. The bias (below one in 2^32 for every bound in use) is accepted
    /// for the sake of exactly one draw a call.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a draw below zero is asked for");
        let wide = u128::from(self.u64()) * u128::from(bound);
        (wide >> 64) as u64
    }

    /// The next draw in `low..high`.
    #[inline]
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        assert!(low < high, "an empty range {low}..{high} is drawn from");
        low + self.below(high - low)
    }

    /// True in `ppm` of a million draws. A chance of zero draws nothing.
    #[inline]
    pub fn chance(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.below(1_000_000) < u64::from(ppm)
    }

    /// A draw in `0.0..1.0`, in steps of 2^-53.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    #[inline]
    pub fn fraction(&mut self) -> f64 {
        (self.u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `items`; none of an empty slice.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() {
            return None;
        }
        items.get(usize::try_from(self.below(items.len() as u64)).unwrap_or(0))
    }

    /// Puts `items` into an order of the seed's choice.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(0);
            items.swap(last, other);
        }
    }
}

/// the number that stands for `key` after a re-key.
pub(crate) fn rekeyed(key: u64, salt: u64) -> u64 {
    xxh3_64_with_seed(&key.to_le_bytes(), salt)
}

/// The `count`-th tie breaker of whoever owns `salt` (the finisher of splitmix64).
#[inline]
pub(crate) fn tie(salt: u64, count: u64) -> u32 {
    let mut mixed = salt.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_draw_depends_on_every_part_of_its_key() {
        let base = Plan::new(1).u64("net", "b1", 0);
        assert_eq!(base, Plan::new(1).u64("net", "b1", 0), "the same key");
        for other in [
            Plan::new(2).u64("net", "b1", 0),
            Plan::new(1).u64("disk", "b1", 0),
            Plan::new(1).u64("net", "b2", 0),
            Plan::new(1).u64("net", "b1", 1),
            Plan::new(1).u64("netb", "1", 0),
        ] {
            assert_ne!(base, other, "one part of the key differs");
        }
    }

    #[test]
    fn a_stream_goes_on_where_its_clone_was_taken() {
        let mut first = Plan::new(7).run_stream("conn", "b1>b2#1");
        for _ in 0..100 {
            first.u64();
        }
        let mut second = first.clone();
        assert_eq!(first.u64(), second.u64(), "draw 101");
    }

    #[test]
    fn a_rekey_moves_run_draws_and_no_plan_draw() {
        let old = Plan::new(7);
        let keyed = |salt| {
            let mut plan = old;
            plan.rekey(salt);
            plan
        };
        let (new, other) = (keyed(1), keyed(2));
        assert_eq!(new, keyed(1), "equal salts, equal draws");
        assert_eq!(old.u64("net", "b1", 0), new.u64("net", "b1", 0), "a plan draw stays");
        let first = |plan: Plan| plan.run_stream("host", "b1/raft").u64();
        assert_ne!(first(old), first(new), "a stream that is made later");
        assert_ne!(first(new), first(other), "two salts");
        assert_ne!(old.salt("host", "b1"), new.salt("host", "b1"), "a tie breaker");
    }

    #[test]
    fn a_stream_tells_its_identity_and_counts_its_draws() {
        let mut stream = Plan::new(7).run_stream("host", "b1/raft");
        let (fresh, mut rekeyed) = (stream.clone(), stream.clone());
        for _ in 0..70 {
            stream.u64();
        }
        assert_eq!((stream.draws(), fresh.draws()), (70, 0), "each draw counts once");
        assert_eq!(stream.identity(), fresh.identity(), "drawing does not change who it is");
        rekeyed.rekey(0);
        assert_ne!(rekeyed.identity(), fresh.identity(), "a re-key does, by any salt");
        assert_ne!(rekeyed.u64(), fresh.clone().u64(), "and so its draws");
    }

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut stream = Plan::new(3).run_stream("test", "bounds");
        for _ in 0..1_000 {
            assert!(stream.below(7) < 7, "below");
            assert!((10..12).contains(&stream.range(10, 12)), "range");
            assert!(!stream.chance(0), "never");
            assert!(stream.chance(1_000_000), "always");
            assert!((0.0..1.0).contains(&stream.fraction()), "fraction");
        }
    }
}
