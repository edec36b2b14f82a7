//! The order in which Java walks through its hash tables, where that order decides who gets which partition.
//!
//! In Kafka:   `java.util.HashMap` and `HashSet` (of `String`, `Uuid`, `Integer`), `BaseHashTable` under
//!             `TimelineHashMap`.
//! Invariants: JO-1 the order is a function of the keys and of the order in which they went in.
//! Left out:   bins of eight and more become trees, which keep the order of their bin; a timeline table that was larger
//!             once does not shrink, and keeps what fell into one slot in the order of arrival: we take the size that
//!             the keys of now need, and their own order.

use crate::ids::Uuid;

/// `Object.hashCode` of what Kafka keeps in such tables.
pub(crate) trait JavaHash {
    /// The hash code.
    fn java_hash(&self) -> i32;
}

impl JavaHash for str {
    fn java_hash(&self) -> i32 {
        self.encode_utf16()
            .fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
    }
}

impl JavaHash for String {
    fn java_hash(&self) -> i32 {
        self.as_str().java_hash()
    }
}

impl JavaHash for std::sync::Arc<str> {
    fn java_hash(&self) -> i32 {
        (**self).java_hash()
    }
}

impl JavaHash for Uuid {
    fn java_hash(&self) -> i32 {
        let both = low_half(self.0 >> 64) ^ low_half(self.0);
        (both >> 32 ^ both & 0xffff_ffff) as u32 as i32
    }
}

impl JavaHash for i32 {
    fn java_hash(&self) -> i32 {
        *self
    }
}

impl<T: JavaHash + ?Sized> JavaHash for &T {
    fn java_hash(&self) -> i32 {
        (**self).java_hash()
    }
}

const fn low_half(number: u128) -> u64 {
    (number & 0xffff_ffff_ffff_ffff) as u64
}

/// The power of two that is not less than `wanted`.
fn table_size(wanted: usize) -> usize {
    wanted.max(1).next_power_of_two()
}

/// Sorts by the bin of a `HashMap` that began with room for `initial` bins; within one the order stays.
fn sort_by_bin<T: JavaHash>(keys: &mut [T], initial: usize) {
    let mut size = table_size(initial);
    // It grows when it holds more than three quarters of its size.
    while keys.len() * 4 > size * 3 {
        size *= 2;
    }
    let mask = u32::try_from(size - 1).expect("a table of this size does not exist in Java");
    keys.sort_by_key(|key| {
        let hash = key.java_hash() as u32;
        (hash ^ hash >> 16) & mask
    });
}

/// The order of a `new HashMap<>()` or `new HashSet<>()` into which these went one by one.
pub(crate) fn hash_map_order<T: JavaHash>(mut keys: Vec<T>) -> Vec<T> {
    sort_by_bin(&mut keys, 16);
    keys
}

/// The order of a `new HashMap<>(other)`, where `other` had `copied` keys, after some were added or taken away.
pub(crate) fn hash_map_copy_order<T: JavaHash>(mut keys: Vec<T>, copied: usize) -> Vec<T> {
    sort_by_bin(&mut keys, if copied == 0 { 16 } else { copied * 4 / 3 + 1 });
    keys
}

/// The order of a `new HashMap<>(size)` into which these went.
pub(crate) fn hash_map_sized_order<T: JavaHash>(mut keys: Vec<T>, size: usize) -> Vec<T> {
    sort_by_bin(&mut keys, size);
    keys
}

/// The order of a `new HashSet<>(these)`, where `these` claims to hold `size` elements.
pub(crate) fn hash_set_order<T: JavaHash>(mut keys: Vec<T>, size: usize) -> Vec<T> {
    sort_by_bin(&mut keys, (size * 4 / 3 + 1).max(16));
    keys
}

/// The order of a `TimelineHashMap` with these keys.
pub(crate) fn timeline_order<T: JavaHash>(mut keys: Vec<T>) -> Vec<T> {
    let mut slots = 2_usize;
    for held in 0..keys.len() {
        if (held + 1) * 3 > slots * 4 {
            slots *= 2;
        }
    }
    let shift = 64 - slots.trailing_zeros();
    // What shares a slot is handed out from its end.
    keys.reverse();
    keys.sort_by_key(|key| {
        let hash = i64::from(key.java_hash()) as u64;
        hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> shift
    });
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_codes_are_those_of_java() {
        assert_eq!("range".java_hash(), 108_280_125);
        assert_eq!("uniform".java_hash(), -286_926_412);
        assert_eq!("".java_hash(), 0);
        assert_eq!(Uuid(1 << 64 | 2).java_hash(), 3);
        assert_eq!(Uuid(u128::MAX - 1).java_hash(), 1);
    }

    #[test]
    fn tables_are_walked_as_java_walks_them() {
        assert_eq!(hash_map_order(vec![17, 16, 1, 0]), [16, 0, 17, 1]);
        let many: Vec<i32> = (0..14).rev().collect();
        assert_eq!(hash_set_order(many, 14), (0..14).collect::<Vec<_>>(), "a table of 32");
    }

    #[test]
    fn the_order_of_names_is_the_one_that_a_jvm_showed() {
        let mut names: Vec<&str> =
            "alpha bar baz consumer-7 foo m1 m10 m11 m2 member-a member-b qux zeta"
                .split(' ')
                .collect();
        let timeline = timeline_order(names.clone());
        let shown = "baz bar zeta foo consumer-7 member-b m2 alpha m11 member-a m1 m10 qux";
        assert_eq!(timeline.join(" "), shown);
        let shown = "zeta member-a m1 member-b m2 foo m11 m10 bar qux consumer-7 alpha baz";
        assert_eq!(hash_map_order(timeline).join(" "), shown);
        let shown = "zeta m1 member-a m2 member-b foo m11 m10 bar qux alpha consumer-7 baz";
        assert_eq!(hash_set_order(names.clone(), names.len()).join(" "), shown);
        names.retain(|name| name.starts_with('m') && !name.starts_with("m1") || *name == "m1");
        assert_eq!(timeline_order(names).join(" "), "member-b m2 member-a m1");
    }
}
