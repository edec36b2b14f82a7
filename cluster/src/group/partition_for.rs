//! Which partition of `__consumer_offsets` a group is on.
//!
//! In Kafka: `GroupCoordinatorService.partitionFor`.

use crate::java::{abs, hash_code};

/// The partition of a group among so many.
#[must_use]
pub fn partition_for(group: &str, partitions: i32) -> i32 {
    abs(hash_code(group)) % partitions
}

#[cfg(test)]
mod tests {
    use super::partition_for;

    #[test]
    fn groups_belong_where_kafka_puts_them() {
        assert_eq!(partition_for("polygenelubricants", 50), 0, "Utils.abs");
        assert_eq!([partition_for("", 50), partition_for("group", 50)], [0, 47]);
    }
}
