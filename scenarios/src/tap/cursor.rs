//! A cursor over bytes that never reads beyond them.
//!
//! In Kafka:   the primitive types of the protocol guide: big-endian integers, unsigned varints, compact forms.
//! Invariants: CU-1 what is missing is `Malformed`, never a panic; no length allocates before its bytes are there.

use bytes::{Buf, Bytes};

/// The bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// Where, from the start of the bytes.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

/// Reads forward over shared bytes.
#[derive(Debug, Clone)]
pub struct Cursor {
    bytes: Bytes,
    at: usize,
}

impl Cursor {
    /// A cursor at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Malformed> {
        let end = self.at + N;
        let slice = self.bytes.get(self.at..end).ok_or(Malformed { at: self.at, expected })?;
        self.at = end;
        Ok(slice.try_into().expect("the slice has N bytes"))
    }

    /// `int8`.
    pub fn i8(&mut self) -> Result<i8, Malformed> {
        Ok(i8::from_be_bytes(self.array("an int8")?))
    }

    /// `int16`.
    pub fn i16(&mut self) -> Result<i16, Malformed> {
        Ok(i16::from_be_bytes(self.array("an int16")?))
    }

    /// `int32`.
    pub fn i32(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(self.array("an int32")?))
    }

    /// `int64`.
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(self.array("an int64")?))
    }

    /// `uuid`.
    pub fn u128(&mut self) -> Result<u128, Malformed> {
        Ok(u128::from_be_bytes(self.array("a uuid")?))
    }

    /// The next `length` bytes, shared.
    pub fn take(&mut self, length: usize) -> Result<Bytes, Malformed> {
        if length > self.left() {
            return Err(Malformed { at: self.at, expected: "as many bytes as were announced" });
        }
        let taken = self.bytes.slice(self.at..self.at + length);
        self.at += length;
        Ok(taken)
    }

    /// Steps over the next `length` bytes.
    pub fn skip(&mut self, length: usize) -> Result<(), Malformed> {
        if length > self.left() {
            return Err(Malformed { at: self.at, expected: "as many bytes as were announced" });
        }
        self.at += length;
        Ok(())
    }

    /// What is left.
    #[must_use]
    pub fn rest(mut self) -> Bytes {
        self.bytes.advance(self.at);
        self.bytes
    }

    /// All the bytes, those that were read too.
    #[must_use]
    pub fn whole(self) -> Bytes {
        self.bytes
    }

    /// An unsigned varint of at most 32 bits.
    pub fn uvarint(&mut self) -> Result<u32, Malformed> {
        let number = self.varint_bits(5)?;
        u32::try_from(number)
            .map_err(|_| Malformed { at: self.at, expected: "a varint of 32 bits" })
    }

    /// A zigzag varint of at most 64 bits.
    pub fn varlong(&mut self) -> Result<i64, Malformed> {
        let raw = self.varint_bits(10)?;
        Ok((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed()))
    }

    fn varint_bits(&mut self, bytes_max: u32) -> Result<u64, Malformed> {
        let mut number = 0u64;
        for place in 0..bytes_max {
            let [byte] = self.array::<1>("a varint")?;
            number |= u64::from(byte & 0x7f).wrapping_shl(place * 7);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed { at: self.at, expected: "the end of a varint" })
    }

    /// A compact length: none for null.
    pub fn compact_length(&mut self) -> Result<Option<usize>, Malformed> {
        let raw = self.uvarint()?;
        Ok(raw.checked_sub(1).map(|length| length as usize))
    }

    /// A compact string or bytes; none for null.
    pub fn compact_bytes(&mut self) -> Result<Option<Bytes>, Malformed> {
        self.compact_length()?.map(|length| self.take(length)).transpose()
    }

    /// A compact string that is not null.
    pub fn compact_string(&mut self) -> Result<String, Malformed> {
        let at = self.at;
        let bytes = self.compact_bytes()?.ok_or(Malformed { at, expected: "a string" })?;
        String::from_utf8(bytes.to_vec()).map_err(|_| Malformed { at, expected: "UTF-8" })
    }

    /// Steps over tagged fields.
    pub fn skip_tags(&mut self) -> Result<(), Malformed> {
        self.tags(|_| {})
    }

    /// Steps over tagged fields, and tells which there are.
    pub fn tags(&mut self, mut there: impl FnMut(u32)) -> Result<(), Malformed> {
        for _ in 0..self.uvarint()? {
            there(self.uvarint()?);
            let length = self.uvarint()? as usize;
            self.skip(length)?;
        }
        Ok(())
    }

    /// A compact array, each member read by `read`.
    pub fn compact_array<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.compact_length()?.unwrap_or(0);
        // A member takes a byte at least: CU-1.
        let mut members = Vec::with_capacity(count.min(self.left()));
        for _ in 0..count {
            members.push(read(self)?);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;
    use bytes::Bytes;

    #[test]
    fn varints_read_as_kafka_writes_them() {
        for (bytes, want) in [(&[0u8][..], 0), (&[1], -1), (&[2], 1), (&[0xac, 0x02], 150)] {
            assert_eq!(Cursor::new(Bytes::copy_from_slice(bytes)).varlong(), Ok(want));
        }
    }

    #[test]
    fn a_length_beyond_the_bytes_is_malformed() {
        let mut cursor = Cursor::new(Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f]));
        assert!(cursor.compact_bytes().is_err(), "4 GiB were announced");
        assert!(Cursor::new(Bytes::from_static(&[0x80; 6])).uvarint().is_err(), "it never ends");
    }
}
