//! The producer: records go in, each comes out exactly once as delivered or failed.
//!
//! Read `kafka_producer.rs` (a record's way in), `accumulator.rs` (batches that wait), `sender.rs` (batches that go).

mod accumulator;
mod batch;
mod compression_ratio;
mod idempotence;
mod kafka_producer;
mod partitioner;
mod producer_id;
mod sender;

#[cfg(test)]
mod compressed_tests;
#[cfg(test)]
mod idempotence_tests;
#[cfg(test)]
mod tests;

pub use kafka_producer::{KafkaProducer, ProducerEvent, ProducerRecord};
pub use partitioner::partition_for_key;
