//! The metadata image: what the committed metadata log says, shared by brokers and controllers.
//!
//! In Kafka:   `org.apache.kafka.image.MetadataImage` and its parts; `MetadataLoader`.
//! Read first: `partition.rs`, the registration of one partition and how a change merges into it.

pub mod partition;
