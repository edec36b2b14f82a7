//! Trial: a deterministic simulation testbed for Apache Kafka.

pub mod scenario;
pub mod tap;
