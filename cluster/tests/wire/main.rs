//! The bytes of `wire`, against three others: instances written from the shapes, the crate kafka-protocol, and what
//! Apache Kafka 4.3.0 wrote (`tests/data`).

mod generator;
mod json;
mod kafka_bytes;
mod kafka_protocol;
mod refused;
mod round_trip;
