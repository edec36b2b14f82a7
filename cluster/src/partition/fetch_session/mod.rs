//! Incremental fetches (KIP-227): both sides remember the partitions, and only what changes is sent.
//!
//! `handler.rs` is the side that fetches (followers, consumers), `cache.rs` and `session.rs` the broker's. An
//! epoch counts the requests of a session, so that neither side can miss one unnoticed.

pub mod cache;
pub mod handler;
pub mod linked_map;
pub mod session;

pub use cache::{FetchContext, FetchManager, FetchSessionRequest, SessionAnswer};
pub use handler::{FetchRequestPlan, FetchSessionHandler};
pub use session::{AnswerFacts, AskedPartition, FetchMetadata, SessionEpoch, SessionId};

#[cfg(test)]
mod tests;
