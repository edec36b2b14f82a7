//! Chooses a record's partition: by its key, or one after the other, a batch's worth of bytes each.
//!
//! In Kafka:   `BuiltInPartitioner` (KIP-794, adaptive), `Utils.murmur2`.
//! Holds:      of each topic the partition that records without keys go to now, and how many bytes went there.
//! Invariants: PA-1 equal keys go to equal partitions as long as their number stays the same.
//! Left out:   racks, `partitioner.availability.timeout.ms`.

use crate::client::Metadata;
use crate::net::Wires;

const STREAM: &str = "producer.partitioner";

/// The partition of a key among `count`: Kafka's murmur2, made positive by masking.
#[must_use]
pub fn partition_for_key(key: &[u8], count: usize) -> i32 {
    assert!(count > 0, "a topic has partitions");
    let positive = murmur2(key) & 0x7fff_ffff;
    i32::try_from(positive as usize % count).expect("a topic has fewer than 2^31 partitions")
}

/// The 32-bit hash that all of Kafka's own clients use for keys.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let length = u32::try_from(data.len()).expect("a key is far smaller than 4 GiB");
    let mut hash = SEED ^ length;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let word = u32::from_le_bytes(word.try_into().expect("chunks of four"));
        let mut mixed = word.wrapping_mul(M);
        mixed ^= mixed >> R;
        hash = hash.wrapping_mul(M) ^ mixed.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// Where records without keys go in one topic.
#[derive(Debug, Clone, Default)]
pub(super) struct StickyPartitioner {
    current: Option<i32>,
    produced_bytes: usize,
}

impl StickyPartitioner {
    /// The partition for now; the first call draws it. `queues` tells how many batches wait for each partition that
    /// was ever written to.
    pub(super) fn current(
        &mut self,
        topic: &str,
        metadata: &Metadata,
        queues: &[(i32, usize)],
        wires: &mut dyn Wires,
    ) -> i32 {
        match self.current {
            Some(partition) => partition,
            None => self.switch(topic, metadata, queues, wires),
        }
    }

    /// Draws the next partition: in inverse proportion to the queues if they differ, else evenly among those that have
    /// a leader, else among all.
    pub(super) fn switch(
        &mut self,
        topic: &str,
        metadata: &Metadata,
        queues: &[(i32, usize)],
        wires: &mut dyn Wires,
    ) -> i32 {
        let with_leader: Vec<i32> = metadata
            .partitions(topic)
            .filter(|(_, known)| known.leader.is_some())
            .map(|(partition, _)| partition)
            .collect();
        let count = metadata.partition_count(topic).expect("the topic is known");
        let queues: Vec<(i32, usize)> =
            queues.iter().copied().filter(|(at, _)| with_leader.contains(at)).collect();
        let longest = queues.iter().map(|(_, length)| *length).max().unwrap_or(0);
        let equal = queues.iter().all(|(_, length)| *length == longest);
        let next = if queues.len() > 1 && queues.len() == count && !equal {
            draw_weighted(&queues, longest + 1, wires)
        } else if with_leader.is_empty() {
            i32::try_from(wires.below(STREAM, count as u64)).expect("an index of a partition")
        } else {
            let index = wires.below(STREAM, with_leader.len() as u64);
            with_leader[usize::try_from(index).expect("an index")]
        };
        self.current = Some(next);
        self.produced_bytes = 0;
        next
    }

    /// Counts what went to the current partition, and says whether it is time for another: after `batch_size` bytes if
    /// no batch is left half full by that, in any case after twice as many.
    pub(super) const fn on_produced(
        &mut self,
        bytes: usize,
        batch_size: usize,
        full: bool,
    ) -> bool {
        self.produced_bytes += bytes;
        self.produced_bytes >= batch_size && full || self.produced_bytes >= 2 * batch_size
    }
}

/// A partition, drawn with the weight `ceiling` less the length of its queue.
fn draw_weighted(queues: &[(i32, usize)], ceiling: usize, wires: &mut dyn Wires) -> i32 {
    let total: usize = queues.iter().map(|(_, length)| ceiling - length).sum();
    let mut drawn = usize::try_from(wires.below(STREAM, total as u64)).expect("below the total");
    for (partition, length) in queues {
        let weight = ceiling - length;
        if drawn < weight {
            return *partition;
        }
        drawn -= weight;
    }
    unreachable!("{drawn} lies beyond the weights of {queues:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of Kafka's own test of `Utils.murmur2`.
    #[test]
    fn keys_hash_as_in_kafka() {
        for (key, want) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), want as u32, "{key}");
        }
    }

    #[test]
    fn a_key_has_a_partition_within_the_topic() {
        for count in 1..20 {
            let partition = partition_for_key(b"customer", count);
            assert!(
                (0..i32::try_from(count).expect("small")).contains(&partition),
                "PA-1: {count}"
            );
        }
    }
}
