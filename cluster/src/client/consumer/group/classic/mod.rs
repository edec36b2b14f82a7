//! The classic protocol: members join, one of them assigns, heartbeats keep the group together.
//!
//! In Kafka:   `AbstractCoordinator`, `ConsumerCoordinator`, `Heartbeat`.
//!
//! Read `member.rs` (what a member knows of itself), `poll.rs` (what a poll does about the group), then the life of a
//! rebalance: `prepare.rs`, `join.rs`, `leader.rs`, `sync.rs`, `complete.rs`. `heartbeat.rs` is the other thread.

mod complete;
mod heartbeat;
mod join;
mod leader;
mod member;
mod poll;
mod prepare;
mod snapshot;
mod sync;

pub(super) use member::{ClassicMember, Generation, MemberState};
