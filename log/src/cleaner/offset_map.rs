//! Remembers the offset of the last record of each key, in a table of bounded size.
//!
//! In Kafka:   `SkimpyOffsetMap`, with 16 bytes of MD5 and 8 of offset an entry. Here the 16 bytes are XXH3's in 128
//!             bits, with its own constant seed: two keys are as unlikely to meet by chance, and what comes out of a
//!             cleaning is the same as with MD5. Against somebody who makes keys meet on purpose neither helps.
//! Holds:      entries of 24 bytes, found by linear probing. The table grows up to its bound as keys come, so that a
//!             small log does not cost 128 MiB; nothing but how fast it is depends on its size or on the order within.
//! Invariants: OM-1 there are at most so many entries as slots. OM-2 nothing walks over the entries.

use xxhash_rust::xxh3::xxh3_128;

use crate::Offset;

/// What one key takes: its hash and an offset.
const ENTRY_BYTES: usize = 24;
/// A table begins with so many slots, if it may have as many.
const FIRST_SLOTS: usize = 64;

/// A slot; without a key its offset is below zero.
#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: [u64; 2],
    offset: i64,
}

impl Slot {
    const EMPTY: Self = Self { hash: [0, 0], offset: -1 };
}

/// The offset of the last record of each key.
///
/// ```
/// use trial_log::{Offset, OffsetMap};
///
/// let mut map = OffsetMap::new(2400);
/// map.put(b"user-7", Offset(3));
/// map.put(b"user-7", Offset(9));
/// assert_eq!((map.get(b"user-7"), map.get(b"user-8")), (Some(Offset(9)), None));
/// assert_eq!((map.slots(), map.len(), map.latest_offset()), (100, 1, Some(Offset(9))));
/// ```
#[derive(Debug, Clone)]
pub struct OffsetMap {
    table: Vec<Slot>,
    /// How many slots the table may have.
    slots: usize,
    len: usize,
    latest_offset: Option<Offset>,
}

impl OffsetMap {
    /// A map that takes at most so many bytes.
    #[must_use]
    pub fn new(memory_bytes: usize) -> Self {
        let slots = memory_bytes / ENTRY_BYTES;
        Self { table: Vec::new(), slots, len: 0, latest_offset: None }
    }

    /// For how many keys there is room.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// How many keys it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Up to where a log was read into it: that offset is the last one that counts.
    #[must_use]
    pub fn latest_offset(&self) -> Option<Offset> {
        self.latest_offset
    }

    /// Says up to where a log was read, whether or not there was a key.
    pub fn update_latest_offset(&mut self, offset: Offset) {
        self.latest_offset = Some(offset);
    }

    /// The offset that was put last for a key.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Offset> {
        if self.table.is_empty() {
            return None;
        }
        let slot = self.table[self.place_of(hash_of(key))?];
        (slot.offset >= 0).then_some(Offset(slot.offset))
    }

    /// Puts the offset of a key.
    ///
    /// # Panics
    ///
    /// If every slot is taken: whoever fills it stops before.
    pub fn put(&mut self, key: &[u8], offset: Offset) {
        assert!(self.len < self.slots, "OM-1: {} keys in {} slots", self.len, self.slots);
        assert!(offset >= Offset::ZERO, "no record lies at {offset}");
        if self.len * 4 >= self.table.len() * 3 && self.table.len() < self.slots {
            self.grow();
        }
        let hash = hash_of(key);
        let place = self.place_of(hash).expect("OM-1: a slot is free");
        self.len += usize::from(self.table[place].offset < 0);
        self.table[place] = Slot { hash, offset: offset.0 };
        self.latest_offset = Some(offset);
    }

    /// The slot of a key, or the free one where it would be; none if all slots hold other keys.
    fn place_of(&self, hash: [u64; 2]) -> Option<usize> {
        let count = self.table.len();
        let first = usize::try_from((u128::from(hash[0]) * count as u128) >> 64)
            .expect("a fraction of the table's length");
        let order = (first..count).chain(0..first);
        order
            .into_iter()
            .find(|&place| self.table[place].offset < 0 || self.table[place].hash == hash)
    }

    fn grow(&mut self) {
        let count = (self.table.len() * 2).max(FIRST_SLOTS).min(self.slots);
        let old = std::mem::replace(&mut self.table, vec![Slot::EMPTY; count]);
        for slot in old.into_iter().filter(|slot| slot.offset >= 0) {
            let place = self.place_of(slot.hash).expect("there are more slots than before");
            self.table[place] = slot;
        }
    }
}

fn hash_of(key: &[u8]) -> [u64; 2] {
    let hash = xxh3_128(key).to_be_bytes();
    let half = |at: usize| u64::from_be_bytes(hash[at..at + 8].try_into().expect("eight bytes"));
    [half(0), half(8)]
}

#[cfg(test)]
mod tests {
    use super::{ENTRY_BYTES, Offset, OffsetMap};

    #[test]
    fn every_key_is_found_up_to_the_last_slot() {
        for slots in [1usize, 2, 10, 63, 64, 65, 100, 1000, 5000] {
            let mut map = OffsetMap::new(slots * ENTRY_BYTES + ENTRY_BYTES - 1);
            assert_eq!(map.slots(), slots);
            for key in 0..slots as i64 {
                map.put(&key.to_be_bytes(), Offset(key * 3));
            }
            for key in 0..slots as i64 {
                assert_eq!(map.get(&key.to_be_bytes()), Some(Offset(key * 3)), "{slots} slots");
            }
            let unknown =
                (slots as i64..2 * slots as i64).find(|key| map.get(&key.to_be_bytes()).is_some());
            assert_eq!((unknown, map.len(), map.table.len()), (None, slots, slots));
        }
    }

    #[test]
    #[should_panic(expected = "OM-1")]
    fn a_full_map_takes_no_key() {
        let mut map = OffsetMap::new(2 * ENTRY_BYTES);
        (0..3u8).for_each(|key| map.put(&[key], Offset(1)));
    }

    #[test]
    fn the_latest_offset_is_the_last_that_was_put_or_said() {
        let mut map = OffsetMap::new(240);
        assert_eq!((map.latest_offset(), map.get(b"a")), (None, None));
        map.put(b"a", Offset(3));
        assert_eq!(map.latest_offset(), Some(Offset(3)));
        map.update_latest_offset(Offset(9));
        assert_eq!((map.latest_offset(), map.get(b"a")), (Some(Offset(9)), Some(Offset(3))));
    }
}
