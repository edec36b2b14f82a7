//! Groups of the consumer protocol (KIP-848): the coordinator assigns, and members come step by step to what it wants.
//!
//! In Kafka: `ConsumerGroup` and what of `GroupMetadataManager` serves it.
//! Read:     `member.rs` and `group.rs` (the hard state), `heartbeat.rs` (what a member says and is told), then
//!           `current_assignment.rs` (how it gets from what it has to what it should have) and
//!           `target_assignment.rs`; `replay.rs` is the only one who changes the state. Between the protocols:
//!           `upgrade.rs`, `classic_member.rs`, `downgrade.rs`.

pub mod classic_member;
pub(crate) mod current_assignment;
pub(crate) mod describe;
pub(crate) mod downgrade;
pub(crate) mod embedded;
pub mod group;
pub(crate) mod heartbeat;
pub(crate) mod leave;
pub mod member;
pub(crate) mod metadata_hash;
pub(crate) mod partition_epochs;
pub(crate) mod pattern;
pub(crate) mod pattern_parse;
pub(crate) mod records;
pub(crate) mod regex;
pub(crate) mod replay;
pub(crate) mod settings;
pub(crate) mod soft;
pub(crate) mod static_members;
pub mod subscription;
pub(crate) mod target_assignment;
pub(crate) mod timeouts;
pub(crate) mod upgrade;
pub(crate) mod validate;
pub(crate) mod validate_request;

pub use classic_member::ConsumerAfterwards;
pub use group::{ConsumerGroup, ConsumerGroupState};
pub use member::{Assigned, ConsumerGroupMember, MemberState};
pub use soft::ConsumerSoft;
pub use validate_request::check as check_heartbeat;

#[cfg(test)]
mod tests;
