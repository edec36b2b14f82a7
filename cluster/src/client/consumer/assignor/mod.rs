//! Who of a group reads which partition: the assignors that a consumer has, as Java's client has them.
//!
//! In Kafka:   `ConsumerPartitionAssignor` (KIP-429), its four implementations, `partition.assignment.strategy`.
//! Holds:      [`Assignor`]: an assignor's name, the protocols that it supports, and what it remembers between rounds.
//! Inputs:     [`Member`]s in the order of the JoinGroup response, and [`ClusterTopics`]. Effects: an [`Assignment`]
//!             each.
//! Invariants: AS-1 equal inputs give Java's assignment, in Java's order (`tests/assignors`: Kafka's classes are
//!             asked).
//!
//! Read `group.rs` (what goes in and out), `protocol.rs` (its bytes), `range.rs`, `round_robin.rs`, then `sticky/` with
//! `sticky_assignor.rs` and `cooperative_sticky_assignor.rs`, its two users; `java_order.rs` says where Java's order of
//! hashes decides. A consumer calls [`Assignor::subscription_user_data`] when it joins, [`Assignor::assign`] when it
//! leads, and [`Assignor::on_assignment`] when it has its assignment.

mod cooperative_sticky_assignor;
mod frame;
mod group;
mod java_order;
pub mod protocol;
mod racks;
mod range;
mod round_robin;
mod sticky;
mod sticky_assignor;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use cooperative_sticky_assignor::CooperativeStickyAssignor;
pub use group::{Assignment, ClusterTopics, Member, Subscription};
pub use sticky_assignor::StickyAssignor;

use frame::Frame;

/// How a consumer gives up partitions in a rebalance, the older one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RebalanceProtocol {
    /// It gives up everything before it joins.
    Eager,
    /// It keeps what it has, gives up what its assignment lacks, and joins once more (KIP-429).
    Cooperative,
}

/// Where Java's assignor throws instead of answering. All but the first need claims that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssignorError {
    /// The group has nobody.
    NoMembers,
    /// Partitions are left, and every member has its share (`IllegalStateException`).
    NobodyUnfilled,
    /// A member has less than its share, and no partition is left (`IllegalStateException`).
    ShareNotReached,
    /// Who has owned a partition takes no part any more, or nobody has it (`NullPointerException`).
    NoSuchOwner,
    /// Everybody has all that there is to have, and something is left (`NoSuchElementException`).
    NobodyLeft,
}

impl AssignorError {
    /// The class that Java throws, without its package.
    #[must_use]
    pub const fn java_class(self) -> &'static str {
        match self {
            Self::NoMembers => "ArithmeticException",
            Self::NobodyUnfilled | Self::ShareNotReached => "IllegalStateException",
            Self::NoSuchOwner => "NullPointerException",
            Self::NobodyLeft => "NoSuchElementException",
        }
    }
}

impl fmt::Display for AssignorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMembers => "the group has no members",
            Self::NobodyUnfilled => "partitions are left, and every member has its share",
            Self::ShareNotReached => "a member lacks a part of its share, and no partition is left",
            Self::NoSuchOwner => "a partition's owner takes no part in the assignment",
            Self::NobodyLeft => "every member has all that it can have, and partitions are left",
        })
    }
}

impl std::error::Error for AssignorError {}

/// One entry of `partition.assignment.strategy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignor {
    /// Topic by topic, each member a range of partitions.
    Range,
    /// Partition by partition, one member after the other.
    RoundRobin,
    /// Evenly, moving little, by the eager protocol.
    Sticky(StickyAssignor),
    /// The same, by the cooperative protocol or the eager one.
    CooperativeSticky(CooperativeStickyAssignor),
}

impl Assignor {
    /// The names, as JoinGroup has them.
    pub const NAMES: [&str; 4] = ["range", "roundrobin", "sticky", "cooperative-sticky"];

    /// The assignor of this name, before its first round; none if Kafka has none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let fresh = [
            Self::Range,
            Self::RoundRobin,
            Self::Sticky(StickyAssignor::default()),
            Self::CooperativeSticky(CooperativeStickyAssignor::default()),
        ];
        fresh.into_iter().find(|assignor| assignor.name() == name)
    }

    /// Its name, as JoinGroup has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Range => Self::NAMES[0],
            Self::RoundRobin => Self::NAMES[1],
            Self::Sticky(_) => Self::NAMES[2],
            Self::CooperativeSticky(_) => Self::NAMES[3],
        }
    }

    /// The protocols with which it works.
    #[must_use]
    pub const fn supported_protocols(&self) -> &'static [RebalanceProtocol] {
        match self {
            Self::Range | Self::RoundRobin | Self::Sticky(_) => &[RebalanceProtocol::Eager],
            Self::CooperativeSticky(_) => {
                &[RebalanceProtocol::Cooperative, RebalanceProtocol::Eager]
            }
        }
    }

    /// The newest protocol with which all of a consumer's assignors work: that is the one that it follows. None if
    /// there is no assignor, or none that all support; Java refuses the latter when the consumer is made.
    #[must_use]
    pub fn common_protocol(assignors: &[Self]) -> Option<RebalanceProtocol> {
        let (first, others) = assignors.split_first()?;
        let supported = first.supported_protocols().iter().copied();
        supported.filter(|it| others.iter().all(|o| o.supported_protocols().contains(it))).max()
    }

    /// What goes into the user data of a subscription, for whoever leads the group.
    #[must_use]
    pub fn subscription_user_data(&self) -> Option<Bytes> {
        match self {
            Self::Range | Self::RoundRobin => None,
            Self::Sticky(assignor) => assignor.subscription_user_data(),
            Self::CooperativeSticky(assignor) => Some(assignor.subscription_user_data()),
        }
    }

    /// The assignment of every member, by id. `members` come in the order of the JoinGroup response. The sticky ones
    /// remember the highest generation that was ever claimed before them.
    ///
    /// # Errors
    /// Where Java's throws: the rebalance fails, and whoever polls is told.
    pub fn assign(
        &mut self,
        topics: &ClusterTopics,
        members: &[Member],
    ) -> Result<BTreeMap<Arc<str>, Assignment>, AssignorError> {
        let frame = Frame::new(topics, members);
        let lists = match self {
            Self::Range => range::assign(&frame),
            Self::RoundRobin => round_robin::assign(&frame)?,
            Self::Sticky(assignor) => assignor.assign(&frame)?,
            Self::CooperativeSticky(assignor) => assignor.assign(&frame)?,
        };
        Ok(frame.named(lists))
    }

    /// The member has been given its assignment, in this generation.
    pub fn on_assignment(&mut self, assignment: &Assignment, generation_id: i32) {
        match self {
            Self::Range | Self::RoundRobin => {}
            Self::Sticky(assignor) => assignor.on_assignment(assignment, generation_id),
            Self::CooperativeSticky(assignor) => assignor.on_assignment(generation_id),
        }
    }
}
