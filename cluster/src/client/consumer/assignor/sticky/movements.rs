//! Which partitions were moved from whom to whom, so that no two of a topic cross on their way.
//!
//! In Kafka:   `AbstractStickyAssignor.{PartitionMovements, ConsumerPair}`.
//! Holds:      of each moved partition its first owner and its present one; the moved ones of a pair and a topic in the
//!             order of a Java `HashSet`, since the first of them is moved back.

use std::collections::BTreeMap;

use super::super::frame::{Frame, Partition};
use super::super::java_order::{HashOrder, hash, partition_hash};

/// From whom, to whom.
type Pair = (usize, usize);

/// What was moved.
#[derive(Debug, Default)]
pub(super) struct Movements {
    pairs: BTreeMap<Partition, Pair>,
    by_topic: BTreeMap<(usize, Pair), HashOrder<Partition>>,
}

impl Movements {
    /// The partition that is moved from `old` to `new` in the place of this one: if one of its topic came the opposite
    /// way, that one goes back.
    pub(super) fn actual(&self, partition: Partition, old: usize, new: usize) -> Partition {
        let first = self.pairs.get(&partition).map_or(old, |(first, _)| *first);
        let opposite = self.by_topic.get(&(partition.topic, (new, first)));
        opposite.and_then(|moved| moved.iter().next()).copied().unwrap_or(partition)
    }

    /// A partition was moved.
    pub(super) fn moved(
        &mut self,
        frame: &Frame<'_>,
        partition: Partition,
        old: usize,
        new: usize,
    ) {
        let Some(pair) = self.pairs.remove(&partition) else {
            self.add(frame, partition, (old, new));
            return;
        };
        let key = (partition.topic, pair);
        let moved = self.by_topic.get_mut(&key).expect("a moved partition is in both maps");
        moved.remove(hash_of(frame, partition), &partition);
        if moved.is_empty() {
            self.by_topic.remove(&key);
        }
        if pair.0 != new {
            self.add(frame, partition, (pair.0, new));
        }
    }

    fn add(&mut self, frame: &Frame<'_>, partition: Partition, pair: Pair) {
        self.pairs.insert(partition, pair);
        let moved = self.by_topic.entry((partition.topic, pair)).or_insert_with(HashOrder::new);
        moved.insert(hash_of(frame, partition), partition);
    }
}

fn hash_of(frame: &Frame<'_>, partition: Partition) -> i32 {
    partition_hash(hash(frame.topics[partition.topic].name), partition.number)
}
