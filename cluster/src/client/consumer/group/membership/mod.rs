//! The consumer protocol (KIP-848): the coordinator assigns, the member goes from what it has to what it should have.
//!
//! In Kafka:   `ConsumerMembershipManager`, `ConsumerHeartbeatRequestManager`.
//!
//! Read `member.rs` (states and epochs), `heartbeat.rs` (the one request), `reconcile.rs` (from one assignment to the
//! next), `release.rs` (fenced, stale, leaving: nothing is owned any more), `poll.rs` (the application's part).

mod heartbeat;
mod heartbeat_answers;
mod member;
mod poll;
mod reconcile;
mod release;

pub(super) use member::Member;
