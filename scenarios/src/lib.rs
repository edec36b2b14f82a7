//! Trial: a deterministic simulation testbed for Apache Kafka.

pub mod check;
pub mod facts;
pub mod probe;
pub mod run;
pub mod scenario;
pub mod tap;
