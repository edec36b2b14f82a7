//! The classic protocol: members join, one of them assigns, all sync, and a generation begins.
//!
//! In Kafka: `classic/ClassicGroup` and what `GroupMetadataManager` does with it (`classicGroup*`).
//! Read:     `state.rs`, `group.rs` (what a group is made of), `join.rs`, `rebalance.rs`, `sync.rs` in this order; then
//!           `afterwards.rs` (what waits for a write), `groups.rs` (which group is meant), `route.rs` (what comes in).

mod afterwards;
mod conversion;
mod describe;
mod expiry;
mod generation;
mod group;
mod groups;
mod hash_order;
mod heartbeat;
mod join;
mod leave;
mod load;
mod member;
mod protocols;
mod rebalance;
mod route;
mod state;
mod static_members;
mod sync;
mod turn;
mod validate;

pub use afterwards::Afterwards;
pub use describe::not_found;
pub use group::ClassicGroup;
pub use groups::{ClassicGroups, ClassicRef};
pub use hash_order::HashOrder;
pub use join::{join_refused_at_once, new_member_id};
pub use member::{ClassicMember, Waiting};
pub use protocols::{Unread, subscribed_topics};
pub use state::ClassicState;
pub use turn::Turn;

#[cfg(test)]
mod tests;
