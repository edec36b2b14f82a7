//! Kafka's storage engine: record batches, segments, leader epochs, recovery.

mod ids;

pub use ids::{LeaderEpoch, Offset};
