//! The hash of the topics that a group reads: when it changes, the group needs another assignment.
//!
//! In Kafka:   `Utils.computeTopicHash`, `computeGroupHash`, `ModernGroup.computeMetadataHash`; hash4j's XXH3.
//! Invariants: MH-1 it is the one that Kafka writes, bit for bit: a group moves between our brokers and Kafka's.
//! Left out:   Kafka keeps the hash of a topic until the topic changes, and does not see that a broker got another rack
//!             while it was away; we compute it each time that a group needs one.

use xxhash_rust::xxh3::xxh3_64;

use super::subscription::TopicCounts;
use crate::image::{MetadataImage, TopicImage};

/// What says how the rest of a topic is hashed.
const MAGIC: u8 = 0;

/// Bytes as hash4j feeds them: numbers in little-endian, a text as UTF-16 and its length.
#[derive(Default)]
struct Fed(Vec<u8>);

impl Fed {
    fn int(&mut self, number: usize) {
        let number = u32::try_from(number).expect("numbers of a topic fit into an int");
        self.0.extend(number.to_le_bytes());
    }

    fn long(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        let before = self.0.len();
        self.0.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        self.int((self.0.len() - before) / 2);
    }

    fn hash(&self) -> i64 {
        xxh3_64(&self.0).cast_signed()
    }
}

/// The hash of one topic: its id, name and partitions, and the racks of their replicas.
fn topic_hash(topic: &TopicImage, image: &MetadataImage) -> i64 {
    let mut fed = Fed::default();
    fed.0.push(MAGIC);
    fed.long((topic.id.0 >> 64) as u64);
    fed.long(topic.id.0 as u64);
    fed.text(&topic.name);
    fed.int(topic.partitions.len());
    for (index, partition) in topic.partitions.values().enumerate() {
        fed.int(index);
        let brokers = partition.replicas.iter();
        let mut racks: Vec<&str> = brokers
            .filter_map(|id| image.cluster().broker(*id))
            .filter_map(|broker| broker.rack.as_deref())
            .collect();
        racks.sort_unstable();
        for rack in racks {
            fed.int(rack.encode_utf16().count());
            fed.text(rack);
        }
    }
    fed.hash()
}

/// The hash of the topics that exist among these; 0 if there are none.
pub(super) fn metadata_hash(topics: &TopicCounts, image: &MetadataImage) -> i64 {
    let existing: Vec<&TopicImage> = topics
        .keys()
        .filter_map(|name| image.topics().topic_by_name(name))
        .map(|topic| &**topic)
        .collect();
    if existing.is_empty() {
        return 0;
    }
    let mut fed = Fed::default();
    for topic in existing {
        fed.long(topic_hash(topic, image).cast_unsigned());
    }
    fed.hash()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_that_a_jvm_showed() {
        let mut text = Fed::default();
        text.text("foo");
        assert_eq!(text.hash().cast_unsigned(), 0x65a5_c7bd_652c_6c1e);
        let mut longs = Fed::default();
        longs.long(1);
        longs.long(2);
        assert_eq!(longs.hash().cast_unsigned(), 0x07ee_86c2_8144_6bef);
        let mut topic = Fed::default();
        topic.0.push(MAGIC);
        topic.long(0x0102_0304_0506_0708);
        topic.long(0x1112_1314_1516_1718);
        topic.text("foo");
        topic.int(2);
        for (partition, racks) in [(0, ["rack1", "rack2"]), (1, ["rack2", "rack3"])] {
            topic.int(partition);
            for rack in racks {
                topic.int(5);
                topic.text(rack);
            }
        }
        assert_eq!(topic.hash(), -1_174_018_985_817_806_149, "MH-1");
    }
}
