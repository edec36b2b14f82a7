//! The orders in which Java goes through a hash table, and sorts text.
//!
//! In Kafka:   the JDK's `HashMap`, `HashSet` (since Java 8), `String.hashCode`, `String.compareTo`, and
//!             `TopicPartition.hashCode`. What an assignor answers depends on them in four places: which of two members
//!             comes first where they are equal otherwise (all but round-robin and range without ties of
//!             `group.instance.id`); in which order range lists topics, when no rack counts; which of the partitions
//!             that were moved between two members is moved back (`sticky/movements.rs`); and the order of topics in
//!             the user data of the sticky assignor.
//! Holds:      entries in buckets, a bucket's in the order in which they were put.
//! Invariants: JO-1 the order depends on the hashes and on the order of arrival, on nothing of this machine.
//! Left out:   the order of nine entries or more in one bucket of 64 buckets or more: Java makes a tree of them.

use std::cmp::Ordering;

const BUCKETS_AT_FIRST: usize = 16;
/// A bucket with more entries doubles a table that has fewer buckets than Java wants for a tree.
const BUCKET_MAX: usize = 8;
const TREE_BUCKETS_MIN: usize = 64;

/// Java's hash of text: over its UTF-16 units.
pub(super) fn hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

/// Java's hash of a partition, from that of its topic.
pub(super) const fn partition_hash(topic: i32, partition: i32) -> i32 {
    31i32.wrapping_mul(31i32.wrapping_add(partition)).wrapping_add(topic)
}

/// Java's order of text: by its UTF-16 units.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    one.encode_utf16().cmp(other.encode_utf16())
}

/// A set whose order is that of Java's.
#[derive(Debug, Clone)]
pub(super) struct HashOrder<T> {
    buckets: Vec<Vec<(u32, T)>>,
    count: usize,
}

impl<T: PartialEq> HashOrder<T> {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self { buckets: Self::table(BUCKETS_AT_FIRST), count: 0 }
    }

    /// Adds an entry, unless it is there: `put`, `add`.
    pub(super) fn insert(&mut self, hash: i32, entry: T) {
        let hash = spread(hash);
        let index = self.index(hash);
        let bucket = &mut self.buckets[index];
        if bucket.iter().any(|(_, known)| *known == entry) {
            return;
        }
        bucket.push((hash, entry));
        let is_crowded = bucket.len() > BUCKET_MAX;
        self.count += 1;
        if is_crowded && self.buckets.len() < TREE_BUCKETS_MIN {
            self.double();
        }
        if self.is_too_full() {
            self.double();
        }
    }

    /// Adds an entry, unless it is there: `computeIfAbsent`, which puts it first in its bucket, and doubles a table
    /// that has become too full only when it is called again.
    pub(super) fn insert_first(&mut self, hash: i32, entry: T) {
        if self.is_too_full() {
            self.double();
        }
        let hash = spread(hash);
        let index = self.index(hash);
        let bucket = &mut self.buckets[index];
        if bucket.iter().any(|(_, known)| *known == entry) {
            return;
        }
        let is_crowded = bucket.len() >= BUCKET_MAX - 1;
        bucket.insert(0, (hash, entry));
        self.count += 1;
        if is_crowded && self.buckets.len() < TREE_BUCKETS_MIN {
            self.double();
        }
    }

    /// Takes an entry out, if it is there. The table stays as large as it is.
    pub(super) fn remove(&mut self, hash: i32, entry: &T) {
        let index = self.index(spread(hash));
        let bucket = &mut self.buckets[index];
        if let Some(place) = bucket.iter().position(|(_, known)| known == entry) {
            bucket.remove(place);
            self.count -= 1;
        }
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The entries, in Java's order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.buckets.iter().flatten().map(|(_, entry)| entry)
    }

    fn table(size: usize) -> Vec<Vec<(u32, T)>> {
        (0..size).map(|_| Vec::new()).collect()
    }

    fn index(&self, hash: u32) -> usize {
        hash as usize & (self.buckets.len() - 1)
    }

    const fn is_too_full(&self) -> bool {
        self.count > self.buckets.len() / 4 * 3
    }

    fn double(&mut self) {
        let buckets = Self::table(self.buckets.len() * 2);
        let before = std::mem::replace(&mut self.buckets, buckets);
        for (hash, entry) in before.into_iter().flatten() {
            let index = self.index(hash);
            self.buckets[index].push((hash, entry));
        }
    }
}

/// What `HashMap` makes of a hash, before it takes the lowest bits.
const fn spread(hash: i32) -> u32 {
    let hash = hash.cast_unsigned();
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_order_of_text_are_javas() {
        // Printed by Java 17.
        assert_eq!([hash(""), hash("a"), hash("orders")], [0, 97, -1_008_770_331]);
        assert_eq!([hash("größe"), hash("𝒳")], [98_762_257, 1_772_318]);
        assert_eq!(partition_hash(hash("orders"), 7), -1_008_769_153);
        assert_eq!(compare("\u{ffff}", "\u{10000}"), Ordering::Greater, "unlike by code point");
        assert_eq!(compare("a", "aa"), Ordering::Less);
    }

    #[test]
    fn a_table_is_gone_through_as_javas() {
        let order = |numbers: &[i32]| {
            let mut set = HashOrder::new();
            numbers.iter().for_each(|number| set.insert(*number, *number));
            set.iter().copied().collect::<Vec<_>>()
        };
        // An integer is its own hash in Java.
        assert_eq!(order(&[17, 1, 33, 2]), [17, 1, 33, 2], "one bucket, in the order of arrival");
        assert_eq!(order(&[1 << 16, 16, 0]), [16, 0, 1 << 16], "the upper half is folded in");
        let thirteen: Vec<i32> = (0..13).map(|n| 16 * (12 - n)).collect();
        let doubled = [192, 160, 128, 96, 64, 32, 0, 176, 144, 112, 80, 48, 16];
        assert_eq!(order(&thirteen[..8]), thirteen[..8], "eight fit in one bucket of sixteen");
        assert_eq!(order(&thirteen), doubled, "and the ninth doubles the table");
    }

    #[test]
    fn an_entry_that_is_computed_comes_first_in_its_bucket() {
        let order = |numbers: &[i32]| {
            let mut set = HashOrder::new();
            numbers.iter().for_each(|number| set.insert_first(*number, *number));
            set.iter().copied().collect::<Vec<_>>()
        };
        assert_eq!(order(&[1, 17, 2, 17]), [17, 1, 2]);
        let thirteen: Vec<i32> = (0..12).chain([17]).collect();
        assert_eq!(order(&thirteen)[..3], [0, 17, 1], "the table is still one of 16");
        let again = [thirteen, vec![0]].concat();
        assert_eq!(order(&again)[12], 17, "and doubled by the next call, whatever it is for");
    }

    #[test]
    fn what_is_taken_out_leaves_the_table_large() {
        let mut set = HashOrder::new();
        (0..13).for_each(|number| set.insert(number, number));
        (0..13).filter(|number| *number != 2).for_each(|number| set.remove(number, &number));
        set.insert(17, 17);
        assert_eq!(set.iter().copied().collect::<Vec<_>>(), [2, 17], "of 16, 17 would be first");
        set.remove(2, &2);
        set.remove(17, &17);
        assert!(set.is_empty(), "both are out");
    }
}
