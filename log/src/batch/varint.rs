//! Variable-length integers, zigzag: small numbers of either sign take one byte.
//!
//! In Kafka:   `ByteUtils`.
//! Invariants: reading never passes the end of the bytes, nor the tenth byte of a number.

use bytes::BytesMut;

/// Reads numbers and slices off the front; none once the bytes do not suffice.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    pub(super) fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(slice)
    }

    /// A length and as many bytes; a negative length is null.
    pub(super) fn nullable(&mut self) -> Option<Option<&'a [u8]>> {
        match self.length()? {
            Some(length) => self.slice(length).map(Some),
            None => Some(None),
        }
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Option<i32> {
        self.unsigned().map(zigzag)
    }

    /// A length; none within if it is negative, as those of null are.
    #[inline]
    pub(super) fn length(&mut self) -> Option<Option<usize>> {
        let value = self.unsigned()?;
        Some((value & 1 == 0).then_some((value >> 1) as usize))
    }

    #[inline]
    pub(super) fn varlong(&mut self) -> Option<i64> {
        let (value, rest) = match short(self.rest) {
            Some((value, rest)) => (i64::from(zigzag(value)), rest),
            None => long_varlong(self.rest)?,
        };
        self.rest = rest;
        Some(value)
    }

    #[inline]
    fn unsigned(&mut self) -> Option<u32> {
        let (value, rest) = match short(self.rest) {
            Some(short) => short,
            None => long_unsigned(self.rest)?,
        };
        self.rest = rest;
        Some(value)
    }
}

/// A number of one or two bytes, as most are, and what follows it.
#[inline]
fn short(bytes: &[u8]) -> Option<(u32, &[u8])> {
    match bytes {
        [only, rest @ ..] if *only < 0x80 => Some((u32::from(*only), rest)),
        [low, high, rest @ ..] if *high < 0x80 => {
            Some((u32::from(low & 0x7f) | u32::from(*high) << 7, rest))
        }
        _ => None,
    }
}

#[cold]
fn long_unsigned(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut cursor = Cursor::new(bytes);
    read_unsigned(|| cursor.byte()).map(|value| (value, cursor.rest))
}

#[cold]
fn long_varlong(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut cursor = Cursor::new(bytes);
    read_varlong(|| cursor.byte()).map(|value| (value, cursor.rest))
}

/// Zero, minus one, one, minus two, and so on.
fn zigzag(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Reads a number of 32 bits off whatever gives bytes.
#[inline]
pub(super) fn read_varint(byte: impl FnMut() -> Option<u8>) -> Option<i32> {
    read_unsigned(byte).map(zigzag)
}

#[inline]
fn read_unsigned(mut byte: impl FnMut() -> Option<u8>) -> Option<u32> {
    let mut value = 0u32;
    for shift in (0..35).step_by(7) {
        let byte = byte()?;
        // The fifth byte has four bits to give; Kafka drops the others too.
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Reads a number of 64 bits off whatever gives bytes.
#[inline]
pub(super) fn read_varlong(mut byte: impl FnMut() -> Option<u8>) -> Option<i64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = byte()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    None
}

/// Appends a number of 32 bits.
pub(super) fn put_varint(into: &mut BytesMut, value: i32) {
    put_unsigned(into, u64::from(((value << 1) ^ (value >> 31)).cast_unsigned()));
}

/// Appends a number of 64 bits.
pub(super) fn put_varlong(into: &mut BytesMut, value: i64) {
    put_unsigned(into, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// How many bytes a number of 32 bits takes.
pub(super) fn size_of_varint(value: i32) -> usize {
    size_of_unsigned(u64::from(((value << 1) ^ (value >> 31)).cast_unsigned()))
}

/// How many bytes a number of 64 bits takes.
pub(super) fn size_of_varlong(value: i64) -> usize {
    size_of_unsigned(((value << 1) ^ (value >> 63)).cast_unsigned())
}

fn put_unsigned(into: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        into.extend_from_slice(&[(value & 0x7f) as u8 | 0x80]);
        value >>= 7;
    }
    into.extend_from_slice(&[value as u8]);
}

fn size_of_unsigned(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_numbers_of_either_sign_take_one_byte() {
        check(0, &[0x00]);
        check(-1, &[0x01]);
        check(63, &[0x7e]);
        check(-64, &[0x7f]);
        check(64, &[0x80, 0x01]);
        check(i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]);
        check(i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]);
    }

    #[test]
    fn a_number_that_does_not_end_is_none() {
        assert_eq!(Cursor::new(&[0x80, 0x80]).varint(), None, "the bytes end");
        assert_eq!(Cursor::new(&[0x80; 6]).varint(), None, "more than five bytes");
        assert_eq!(Cursor::new(&[0x80; 11]).varlong(), None, "more than ten bytes");
    }

    #[track_caller]
    fn check(value: i32, want: &[u8]) {
        let mut bytes = BytesMut::new();
        put_varint(&mut bytes, value);
        assert_eq!(&bytes[..], want, "{value} is written");
        assert_eq!(size_of_varint(value), want.len(), "the size of {value}");
        assert_eq!(Cursor::new(want).varint(), Some(value), "{value} is read");
    }

    proptest! {
        #[test]
        fn numbers_come_back_and_take_the_size_foretold(value: i64, narrow: i32) {
            let mut bytes = BytesMut::new();
            put_varlong(&mut bytes, value);
            prop_assert_eq!(bytes.len(), size_of_varlong(value));
            prop_assert_eq!(Cursor::new(&bytes).varlong(), Some(value));
            bytes.clear();
            put_varint(&mut bytes, narrow);
            prop_assert_eq!(bytes.len(), size_of_varint(narrow));
            prop_assert_eq!(Cursor::new(&bytes).varint(), Some(narrow));
        }

        /// However many bytes a number takes: more than it needs, or more than there are.
        #[test]
        fn short_numbers_are_read_as_long_ones_are(
            bytes in proptest::collection::vec(any::<u8>().prop_map(|it| it | 0x80), 0..12),
            ends in proptest::collection::vec(any::<u8>(), 0..3),
        ) {
            let bytes = [bytes, ends].concat();
            let mut all = bytes.iter().copied();
            let want = read_varint(|| all.next()).map(|value| (value, all.len()));
            let mut cursor = Cursor::new(&bytes);
            prop_assert_eq!(cursor.varint().map(|value| (value, cursor.remaining())), want);
            let mut cursor = Cursor::new(&bytes);
            let length = cursor.length().map(|length| (length, cursor.remaining()));
            let want = want.map(|(value, left)| (usize::try_from(value).ok(), left));
            prop_assert_eq!(length, want);
            let mut all = bytes.iter().copied();
            let want = read_varlong(|| all.next()).map(|value| (value, all.len()));
            let mut cursor = Cursor::new(&bytes);
            prop_assert_eq!(cursor.varlong().map(|value| (value, cursor.remaining())), want);
        }
    }
}
