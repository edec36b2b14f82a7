//! What a client of a few lines asks of a served cluster.

use bytes::Bytes;
use trial_cluster::ids::Offset;
use trial_cluster::wire::{
    CreateTopicsRequest, FetchRequest, FetchResponse, MetadataRequest, MetadataResponse,
    ProduceRequest, create_topics_request, fetch_request, fetch_response, metadata_response,
    produce_request,
};
use trial_log::{BatchBuilder, Batches};

pub use super::asking::Guest;
use super::served::Served;

/// Both name topics in this version.
const BY_NAME: i16 = 12;

impl Guest {
    pub fn metadata(&mut self, topic: Option<&str>) -> MetadataResponse {
        let named = |name: &str| trial_cluster::wire::metadata_request::Topic {
            name: Some(name.to_owned()),
            ..Default::default()
        };
        let topics = topic.map(|name| vec![named(name)]);
        self.ask(BY_NAME, &MetadataRequest { topics, ..Default::default() })
    }

    pub fn create(&mut self, topic: &str, partitions: i32) -> i16 {
        self.create_with(topic, partitions, &[])
    }

    /// The same with settings of its own.
    pub fn create_with(&mut self, topic: &str, partitions: i32, own: &[(&str, &str)]) -> i16 {
        let config = |(name, value): &(&str, &str)| create_topics_request::Config {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        };
        let topic = create_topics_request::Topic {
            configs: own.iter().map(config).collect(),
            name: topic.to_owned(),
            num_partitions: partitions,
            replication_factor: -1,
            ..Default::default()
        };
        let request =
            CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
        self.ask(7, &request).topics[0].error_code
    }

    /// Sends one record with acks=all; the error, and its offset.
    pub fn produce(&mut self, topic: &str, partition: i32, value: &[u8]) -> Option<(i16, i64)> {
        let answer = self.try_ask(BY_NAME, &produce_request(topic, partition, value))?;
        let partition = &answer.responses[0].partition_responses[0];
        Some((partition.error_code, partition.base_offset))
    }

    pub fn fetch(&mut self, topic: &str, partition: i32, from: i64) -> fetch_response::Partition {
        let mut answer: FetchResponse = self.ask(BY_NAME, &fetch_request(topic, partition, from));
        answer.responses.remove(0).partitions.remove(0)
    }

    /// Everything from the start of a partition, in order.
    pub fn read_all(&mut self, topic: &str, partition: i32) -> Vec<(i64, Vec<u8>)> {
        let mut found = Vec::new();
        let mut next = 0;
        loop {
            let answer = self.fetch(topic, partition, next);
            assert_eq!(answer.error_code, 0, "a leader that has it");
            if next >= answer.high_watermark {
                return found;
            }
            for batch in Batches::new(answer.records.unwrap_or_default()) {
                let batch = batch.expect("whole batches");
                for record in batch.records() {
                    let record = record.expect("they can be read");
                    next = record.offset.0 + 1;
                    found.push((record.offset.0, record.value().unwrap_or_default().to_vec()));
                }
            }
        }
    }
}

/// A batch of one record.
pub fn batch_of(value: &[u8]) -> Bytes {
    let mut batch = BatchBuilder::new(Offset(0));
    batch.append(now_ms(), None, Some(value), &[]);
    batch.build().into_bytes()
}

/// What a consumer asks for: a single partition, at once.
/// One record with acks=all.
pub fn produce_request(topic: &str, partition: i32, value: &[u8]) -> ProduceRequest {
    let records = Some(batch_of(value));
    let data = produce_request::PartitionData { index: partition, records };
    ProduceRequest {
        acks: -1,
        timeout_ms: 5_000,
        topic_data: vec![produce_request::TopicData {
            name: topic.to_owned(),
            partition_data: vec![data],
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub fn fetch_request(topic: &str, partition: i32, from: i64) -> FetchRequest {
    let partition = fetch_request::Partition {
        partition,
        fetch_offset: from,
        partition_max_bytes: 16 << 20,
        ..Default::default()
    };
    FetchRequest {
        replica_id: -1,
        min_bytes: 0,
        max_bytes: 16 << 20,
        session_epoch: -1,
        topics: vec![fetch_request::Topic {
            topic: topic.to_owned(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The answer to `Metadata`: who leads a partition.
pub fn leader(metadata: &MetadataResponse, partition: i32) -> Option<u16> {
    let is_it = |found: &&metadata_response::Partition| found.partition_index == partition;
    let found = metadata.topics[0].partitions.iter().find(is_it)?;
    u16::try_from(found.leader_id).ok()
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.expect("after 1970").as_millis()).expect("before the year 292,000,000")
}

impl Served {
    pub fn guest(&self, broker: u16) -> Guest {
        Guest::new(self.connect(broker))
    }

    /// A guest at the broker that leads a partition, once one does.
    pub fn guest_of_leader(&self, topic: &str, partition: i32) -> Guest {
        let end = std::time::Instant::now() + super::served::PATIENCE;
        loop {
            for broker in 1..=3 {
                let mut guest = self.guest(broker);
                let request = MetadataRequest {
                    topics: Some(vec![trial_cluster::wire::metadata_request::Topic {
                        name: Some(topic.to_owned()),
                        ..Default::default()
                    }]),
                    ..Default::default()
                };
                let answer = guest.try_ask(BY_NAME, &request);
                if let Some(leader) = answer.and_then(|answer| leader(&answer, partition)) {
                    return self.guest(leader);
                }
            }
            assert!(std::time::Instant::now() < end, "nobody leads {topic}/{partition}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
