//! The assigning consumer: positions, fetches, and polls that return what came.
//!
//! Read `subscription.rs` (a partition's states), `fetcher.rs` (asking and returning), `offset_fetcher.rs` (where to
//! begin, and whether a position is still true), then `kafka_consumer.rs`, which puts them together. `assignor/` decides
//! who of a group reads what; no consumer here subscribes yet.

pub mod assignor;
mod completed_fetch;
mod fetcher;
mod kafka_consumer;
mod offset_fetcher;
mod subscription;

#[cfg(test)]
mod nearest_tests;
#[cfg(test)]
mod tests;

pub use kafka_consumer::{ConsumedRecord, ConsumerEvent, KafkaConsumer, Polled};
pub use subscription::ResetCause;
