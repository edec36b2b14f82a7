//! The subscribing consumer: a member of a group, in either protocol.
//!
//! In Kafka:   `KafkaConsumer.subscribe` (`ClassicKafkaConsumer`, `AsyncKafkaConsumer`).
//! Holds:      [`GroupConsumer`], which owns an assigning consumer and says which partitions it has.
//!
//! Read `group_consumer.rs` (what the application sees, and who runs when), `turn.rs` (where the application's thread
//! is), `coordinator.rs` (who is asked). Then the protocol: `classic/` (JoinGroup, SyncGroup, Heartbeat; a member
//! assigns) or `membership/` (ConsumerGroupHeartbeat; the coordinator assigns). Both stand on `commits.rs` and
//! `commit_answers.rs` (OffsetCommit), `committed.rs` (OffsetFetch) and `topics.rs` (what is subscribed).

mod classic;
mod close;
mod commit_answers;
mod commits;
mod committed;
mod coordinator;
mod event;
mod group_consumer;
mod membership;
mod pattern;
mod topics;
mod turn;

#[cfg(test)]
mod tests;

pub use event::{CommitCause, CommitFailure, GroupEvent};
pub use group_consumer::GroupConsumer;
pub use pattern::Pattern;
pub use topics::Subscription;
