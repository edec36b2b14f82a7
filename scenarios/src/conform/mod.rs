//! Conversations that Apache Kafka had are had again with our brokers, and the answers compared, field by field.
//!
//! Read first [`conversation`] (the file), then [`player`] (what is asked and awaited), [`compare`] (what counts as the
//! same) and [`known`] (differences on purpose). `file.rs` reads a file, `rehearsal.rs` looks whether it can be had.
//! Kafka's answers were recorded by `scenarios/oracle/Record.java`; nothing of Kafka is needed to play them.

mod batch;
mod brokers;
pub mod compare;
pub mod conversation;
mod file;
mod fill;
pub mod known;
mod player;
mod records;
mod rehearsal;
mod wrong;

pub use compare::Difference;
pub use conversation::{Conversation, ConversationError};
pub use known::Known;
pub use player::{NotPlayed, Played, Strange, play};
