//! One number for a whole image, kept up at the cost of what changed: equal images have equal numbers.
//!
//! In Kafka:   nothing; its tests compare images (`MetadataImageTest`).
//! Holds:      the sum of one hash for each part: broker, controller, topic, partition, resource with settings, all
//!             feature levels, the next producer id. A sum does not know in which order its parts came.
//! Invariants: FP-1 what a delta says changed is all that changed: the sum kept up is the sum of the whole image.
//!             FP-2 the same number in every build and on every machine: numbers go in little-endian, without a key.
//!             (It is part of every run's digest, of which the README shows one.)

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use super::configs::ConfigResource;
use super::delta::MetadataDelta;
use super::metadata::MetadataImage;
use crate::ids::{TopicId, TopicPartition};

/// The number. Two images that differ have different ones, but for one chance in 2^64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

impl Default for Fingerprint {
    /// Of the empty image.
    fn default() -> Self {
        let empty = MetadataImage::default();
        let (mut sum, parts) = (Self(0), FIXED_PARTS);
        parts.iter().for_each(|part| sum.add(part(&empty)));
        sum
    }
}

/// Parts that every image has.
const FIXED_PARTS: [fn(&MetadataImage) -> Option<u64>; 2] = [features, producer_ids];

impl Fingerprint {
    /// The image goes on from `old` to `new`, by what `delta` names.
    pub fn on_delta(&mut self, old: &MetadataImage, new: &MetadataImage, delta: &MetadataDelta) {
        let mut swap = |part: &dyn Fn(&MetadataImage) -> Option<u64>| {
            self.take(part(old));
            self.add(part(new));
        };
        if delta.features {
            swap(&features);
        }
        if old.next_producer_id() != new.next_producer_id() {
            swap(&producer_ids);
        }
        for id in &delta.brokers {
            swap(&|image| image.cluster().broker(*id).map(|broker| hash(2, broker)));
        }
        for id in &delta.controllers {
            swap(&|image| image.cluster().controller(*id).map(|known| hash(3, known)));
        }
        for id in delta.created_topics.iter().chain(delta.deleted_topics.keys()) {
            swap(&|image| topic(image, *id));
        }
        for id in &delta.partitions {
            swap(&|image| partition(image, *id));
        }
        let mut resources: BTreeSet<ConfigResource> = delta.configs.clone();
        for id in delta.deleted_topics.keys() {
            // What it has lost with its topic; a delta names those that are left.
            let Some(gone) = old.topics().topic(*id) else { continue };
            resources.insert(ConfigResource::Topic(gone.name.clone()));
            for index in gone.partitions.keys() {
                swap(&|image| partition(image, TopicPartition { topic: *id, partition: *index }));
            }
        }
        for resource in &resources {
            swap(&|image| {
                let settings = image.configs().resource(resource)?;
                Some(hash(6, &(resource, settings)))
            });
        }
    }

    fn add(&mut self, part: Option<u64>) {
        self.0 = self.0.wrapping_add(part.unwrap_or(0));
    }

    fn take(&mut self, part: Option<u64>) {
        self.0 = self.0.wrapping_sub(part.unwrap_or(0));
    }
}

fn features(image: &MetadataImage) -> Option<u64> {
    let levels: Vec<(&str, i16)> = image.features().iter().collect();
    Some(hash(0, &levels))
}

fn producer_ids(image: &MetadataImage) -> Option<u64> {
    Some(hash(1, &image.next_producer_id()))
}

fn topic(image: &MetadataImage, id: TopicId) -> Option<u64> {
    let topic = image.topics().topic(id)?;
    Some(hash(4, &(id, &topic.name)))
}

fn partition(image: &MetadataImage, id: TopicPartition) -> Option<u64> {
    Some(hash(5, &(id, image.topics().partition(id)?)))
}

/// The hash of one part of a kind.
fn hash(kind: u64, part: &impl Hash) -> u64 {
    let mut mixer = Mixer(kind);
    part.hash(&mut mixer);
    mixer.finish()
}

/// Adds, multiplies and folds eight bytes at a time.
struct Mixer(u64);

/// A number without a pattern: the fraction of the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Mixer {
    fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_add(GOLDEN).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        self.0 = mixed ^ mixed >> 32;
    }
}

impl Hasher for Mixer {
    /// Mixed once more, so that sums of hashes of small numbers do not meet.
    fn finish(&self) -> u64 {
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn write(&mut self, bytes: &[u8]) {
        for eight in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..eight.len()].copy_from_slice(eight);
            self.word(u64::from_le_bytes(word));
        }
        self.word(bytes.len() as u64);
    }

    fn write_u8(&mut self, number: u8) {
        self.word(number.into());
    }

    fn write_u16(&mut self, number: u16) {
        self.word(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.word(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.word(number);
    }

    fn write_u128(&mut self, number: u128) {
        self.word(number as u64);
        self.word((number >> 64) as u64);
    }

    fn write_usize(&mut self, number: usize) {
        self.word(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Offset, Uuid};
    use crate::wire::{
        ConfigRecord, FeatureLevelRecord, MetadataRecord, PartitionChangeRecord, PartitionRecord,
        ProducerIdsRecord, RegisterBrokerRecord, RegisterControllerRecord, RemoveTopicRecord,
        TopicRecord, UnregisterBrokerRecord,
    };

    fn topic(id: u128, name: &str) -> MetadataRecord {
        TopicRecord { name: name.to_owned(), topic_id: Uuid(id) }.into()
    }

    fn partition(topic: u128, isr: &[i32]) -> MetadataRecord {
        let replicas = vec![1, 2, 3];
        let directories = vec![Uuid(1); 3];
        let (topic_id, isr) = (Uuid(topic), isr.to_vec());
        PartitionRecord {
            topic_id,
            replicas,
            isr,
            leader: 1,
            directories,
            ..PartitionRecord::default()
        }
        .into()
    }

    fn shrink(topic: u128) -> MetadataRecord {
        let isr = Some(vec![1]);
        PartitionChangeRecord { topic_id: Uuid(topic), isr, ..PartitionChangeRecord::default() }
            .into()
    }

    fn config(name: &str, value: Option<&str>) -> MetadataRecord {
        ConfigRecord {
            resource_type: 2,
            resource_name: name.to_owned(),
            name: "retention.ms".to_owned(),
            value: value.map(str::to_owned),
        }
        .into()
    }

    fn broker(broker_id: i32, broker_epoch: i64) -> MetadataRecord {
        RegisterBrokerRecord { broker_id, broker_epoch, ..RegisterBrokerRecord::default() }.into()
    }

    fn records() -> Vec<MetadataRecord> {
        let level = |feature_level| {
            let name = "metadata.version".to_owned();
            MetadataRecord::from(FeatureLevelRecord { name, feature_level })
        };
        let ids = |next_producer_id| {
            let record = ProducerIdsRecord { next_producer_id, ..ProducerIdsRecord::default() };
            MetadataRecord::from(record)
        };
        let controller =
            RegisterControllerRecord { controller_id: 101, ..RegisterControllerRecord::default() };
        let gone = UnregisterBrokerRecord { broker_id: 2, broker_epoch: 4 };
        let remove = |id| MetadataRecord::from(RemoveTopicRecord { topic_id: Uuid(id) });
        vec![
            level(20),
            controller.into(),
            broker(1, 3),
            broker(2, 4),
            topic(7, "orders"),
            partition(7, &[1, 2, 3]),
            config("orders", Some("1000")),
            ids(1_000),
            shrink(7),
            broker(1, 8),
            topic(8, "bills"),
            config("bills", Some("1")),
            partition(8, &[1, 2]),
            remove(8),
            config("orders", None),
            config("orders", Some("5")),
            gone.into(),
            remove(7),
            topic(9, "orders"),
            partition(9, &[1, 2]),
            config("orders", Some("6")),
            ids(2_000),
            level(30),
        ]
    }

    /// The sum after all records, taken in batches of so many.
    fn sum(records: &[MetadataRecord], batch: usize) -> Fingerprint {
        let (mut old, mut sum) = (MetadataImage::default(), Fingerprint::default());
        let mut offset = 0;
        for records in records.chunks(batch) {
            let (mut new, mut delta) = (old.clone(), MetadataDelta::default());
            for record in records {
                new.apply(Offset(offset), record, &mut delta);
                offset += 1;
            }
            sum.on_delta(&old, &new, &delta);
            old = new;
        }
        sum
    }

    #[test]
    fn fp1_the_sum_is_the_same_however_the_records_came() {
        for end in 1..=records().len() {
            let records = &records()[..end];
            let want = sum(records, end);
            for batch in 1..end {
                assert_eq!(sum(records, batch), want, "{end} records, {batch} at a time");
            }
        }
    }

    #[test]
    fn fp1_what_came_and_went_leaves_nothing() {
        let all = records();
        let before = sum(&all[..10], 1);
        assert_eq!(sum(&all[..14], 1), before, "bills came and went");
        assert_ne!(sum(&all[..13], 1), before);
    }

    #[test]
    fn every_record_changes_the_sum() {
        let all = records();
        for end in 1..all.len() {
            assert_ne!(sum(&all[..end], 3), sum(&all[..=end], 3), "{:?}", all[end]);
        }
    }
}
