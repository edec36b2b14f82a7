//! The order in which Kafka goes through maps of partitions of `__consumer_offsets`.
//!
//! In Kafka:   `TopicPartition.hashCode`, `HashMap`, `ConcurrentHashMap`.

use crate::controller::topic_names::GROUP_METADATA_TOPIC;
use crate::java::hash_code;

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
