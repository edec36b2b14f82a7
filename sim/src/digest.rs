//! Sums up all that happened, so that two runs can be compared by one number.
//!
//! Holds:      one XXH3-128 state, fed with every event, delivered byte, byte read from a disk,
//!             note and call of a fault, in order. Every number goes in little-endian.
//! Invariants: D-1 equal seeds give equal digests, in every build and on every machine;
//!             D-2 a payload is hashed where it is consumed, so a bit flipped on the way shows.

use std::fmt;

use xxhash_rust::xxh3::Xxh3Default;

/// A 128-bit sum (XXH3-128), printed as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u128);

impl Digest {
    /// The upper half, which the digits begin with.
    #[must_use]
    pub const fn half(self) -> u64 {
        (self.0 >> 64) as u64
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Takes in numbers and bytes, one after the other.
#[derive(Clone)]
pub struct Hasher(Xxh3Default);

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({})", self.digest())
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Xxh3Default::new())
    }

    /// The sum of all that was taken in; more may follow.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(self.0.digest128())
    }

    /// Takes in a byte.
    #[inline]
    pub fn u8(&mut self, value: u8) {
        self.0.update(&[value]);
    }

    /// Takes in a flag.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Takes in two bytes.
    #[inline]
    pub fn u16(&mut self, value: u16) {
        self.0.update(&value.to_le_bytes());
    }

    /// Takes in four bytes.
    #[inline]
    pub fn u32(&mut self, value: u32) {
        self.0.update(&value.to_le_bytes());
    }

    /// Takes in four bytes, signed.
    #[inline]
    pub fn i32(&mut self, value: i32) {
        self.0.update(&value.to_le_bytes());
    }

    /// Takes in eight bytes.
    #[inline]
    pub fn u64(&mut self, value: u64) {
        self.0.update(&value.to_le_bytes());
    }

    /// Takes in eight bytes, signed.
    #[inline]
    pub fn i64(&mut self, value: i64) {
        self.0.update(&value.to_le_bytes());
    }

    /// Takes in sixteen bytes.
    #[inline]
    pub fn u128(&mut self, value: u128) {
        self.0.update(&value.to_le_bytes());
    }

    /// Takes in a length and that many bytes.
    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        self.u64(value.len() as u64);
        self.0.update(value);
    }

    /// Takes in a text: its length and its UTF-8 bytes.
    #[inline]
    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// Takes in bytes whose length is told before.
    #[inline]
    pub(crate) fn raw(&mut self, value: &[u8]) {
        self.0.update(value);
    }

    /// Takes in a record of fixed shape, without a length.
    #[inline]
    pub(crate) fn record<const SIZE: usize>(&mut self, value: &[u8; SIZE]) {
        self.0.update(value);
    }
}
