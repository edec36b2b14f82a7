//! The network: byte streams between hosts, and what goes wrong with them.
//!
//! Read first: `connection.rs` (what there is), `transport.rs` (how bytes move), then `opening.rs`,
//! `closing.rs`, and `holding.rs` for what cuts and lost power hold back.

mod distribution;

pub(crate) mod link;
pub(crate) mod pipe;

pub(crate) mod connection;

mod closing;
mod holding;
mod opening;
mod transport;

pub use distribution::Distribution;
