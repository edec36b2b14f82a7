//! The consumer: positions, fetches, and polls that return what came; alone, or as a member of a group.
//!
//! Read `subscription.rs` (a partition's states), `fetcher.rs` (asking and returning), `offset_fetcher.rs` (where to
//! begin, and whether a position is still true), then `kafka_consumer.rs`, which puts them together:
//! the assigning consumer. The subscribing one is in `group/`, and what its members agree on in `assignor/`.

pub mod assignor;
mod completed_fetch;
mod fetcher;
mod group;
mod kafka_consumer;
mod offset_fetcher;
mod subscription;

#[cfg(test)]
mod nearest_tests;
#[cfg(test)]
mod tests;

pub use group::{CommitCause, CommitFailure, GroupConsumer, GroupEvent, Pattern, Subscription};
pub use kafka_consumer::{ConsumedRecord, ConsumerEvent, KafkaConsumer, Polled};
pub use subscription::ResetCause;
