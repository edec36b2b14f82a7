//! Bytes between nodes: framing on a stream, and Kafka's `NetworkClient` on top of it.
//!
//! Read `network_client.rs` first; `wires.rs` is all that it wants of the world.

pub mod api_versions;
pub mod backoff;
mod connection;
mod connections;
pub mod frames;
pub mod network_client;
pub mod request;
pub mod wires;

#[cfg(test)]
pub(crate) mod tests;

pub use backoff::ExponentialBackoff;
pub use frames::{FrameError, FrameReader};
pub use network_client::NetworkClient;
pub use request::{Completed, NetError, NetSettings, Request};
pub use wires::Wires;
