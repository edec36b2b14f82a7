//! Conversations that Apache Kafka had are had again with our brokers, and the answers compared, field by field.
//!
//! Read first [`conversation`] (the file), then [`player`] (what is asked and awaited), [`compare`] (what counts as the
//! same) and [`known`] (differences on purpose). Kafka's answers were recorded by `scenarios/oracle/Record.java`;
//! nothing of Kafka is needed to play them.

pub mod batch;
mod brokers;
pub mod compare;
pub mod conversation;
mod fill;
pub mod known;
mod player;
mod records;

pub use compare::Difference;
pub use conversation::{Conversation, ConversationError};
pub use known::Known;
pub use player::{Played, Strange, play};
