//! Hashes of Java: which partition of `__consumer_offsets` a group belongs to, and the order in which Kafka goes
//! through maps of partitions.
//!
//! In Kafka:   `String.hashCode`, `Utils.abs`, `TopicPartition.hashCode`, `HashMap`, `ConcurrentHashMap`.

use crate::controller::topic_names::GROUP_METADATA_TOPIC;

/// `String.hashCode`: over the units of UTF-16.
#[must_use]
pub fn hash_code(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| step(hash, i32::from(unit)))
}

/// The partition of a group among so many.
#[must_use]
pub fn partition_for(group: &str, partitions: i32) -> i32 {
    // `Utils.abs`: the one number that has no positive is taken for zero.
    let positive = hash_code(group).checked_abs().unwrap_or(0);
    positive % partitions
}

/// The order in which a hash map of these partitions of `__consumer_offsets` is gone through. `resizes_at_once` is a
/// `ConcurrentHashMap`, which grows with the entry that fills it to three quarters; a `HashMap` grows with the next.
#[must_use]
pub fn in_hash_order(mut partitions: Vec<i32>, resizes_at_once: bool) -> Vec<i32> {
    let filled = partitions.len() + usize::from(resizes_at_once);
    let mut buckets = 16_u32;
    while filled > buckets as usize / 4 * 3 {
        buckets *= 2;
    }
    let topic = hash_code(GROUP_METADATA_TOPIC);
    let bucket = |partition: i32| {
        let hash = step(step(1, partition), topic).cast_unsigned();
        (hash ^ (hash >> 16)) & (buckets - 1)
    };
    partitions.sort_by_key(|partition| bucket(*partition));
    partitions
}

const fn step(hash: i32, next: i32) -> i32 {
    hash.wrapping_mul(31).wrapping_add(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_belong_where_kafka_puts_them() {
        // `"...".hashCode()` of a JVM.
        assert_eq!([hash_code(""), hash_code("g"), hash_code("group")], [0, 103, 98_629_247]);
        assert_eq!(hash_code("polygenelubricants"), i32::MIN);
        assert_eq!(partition_for("polygenelubricants", 50), 0, "Utils.abs");
        assert_eq!([partition_for("", 50), partition_for("group", 50)], [0, 47]);
        assert_eq!(hash_code("\u{1F600}"), 1_772_899, "two units of UTF-16");
    }
}
