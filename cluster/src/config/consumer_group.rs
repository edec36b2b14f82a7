//! The words of a consumer's settings about its group: protocols, assignors, commits.
//!
//! In Kafka: `GroupProtocol`, `ConsumerPartitionAssignor` (the classes that come with Kafka's client).
//! Holds:    how they are written.

use std::ops::RangeBounds;

use super::{ConfigError, Value};

/// How a group agrees on who reads what (`group.protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupProtocol {
    /// `classic`: a member assigns.
    Classic,
    /// `consumer`: the coordinator assigns (KIP-848).
    Consumer,
}

impl Value for GroupProtocol {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        match text.trim().to_ascii_lowercase().as_str() {
            "classic" => Ok(Self::Classic),
            "consumer" => Ok(Self::Consumer),
            _ => Err(ConfigError::bad(name, "classic or consumer")),
        }
    }
}

/// An assignor of Kafka's client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientAssignor {
    /// `RangeAssignor`.
    Range,
    /// `RoundRobinAssignor`.
    RoundRobin,
    /// `StickyAssignor`.
    Sticky,
    /// `CooperativeStickyAssignor`.
    CooperativeSticky,
}

impl ClientAssignor {
    /// All that there are.
    pub const ALL: [Self; 4] =
        [Self::Range, Self::RoundRobin, Self::Sticky, Self::CooperativeSticky];
    const PACKAGE: &'static str = "org.apache.kafka.clients.consumer.";

    /// Its name, as JoinGroup has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// Its class, without the package.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Range => "RangeAssignor",
            Self::RoundRobin => "RoundRobinAssignor",
            Self::Sticky => "StickyAssignor",
            Self::CooperativeSticky => "CooperativeStickyAssignor",
        }
    }
}

/// The assignors that a member can work with, the preferred one first (`partition.assignment.strategy`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentStrategy(pub Vec<ClientAssignor>);

impl Default for AssignmentStrategy {
    fn default() -> Self {
        Self(vec![ClientAssignor::Range, ClientAssignor::CooperativeSticky])
    }
}

impl Value for AssignmentStrategy {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        let classes = ClientAssignor::ALL.map(ClientAssignor::class).join(", ");
        let allowed =
            format!("one or more of {classes}, once each, with {}", ClientAssignor::PACKAGE);
        let bad = || ConfigError::bad(name, allowed.clone());
        let mut assignors = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let class = word.strip_prefix(ClientAssignor::PACKAGE).ok_or_else(bad)?;
            let known = ClientAssignor::ALL.into_iter().find(|known| known.class() == class);
            let known = known.ok_or_else(bad)?;
            if assignors.contains(&known) {
                return Err(bad());
            }
            assignors.push(known);
        }
        // Kafka takes an empty list, and throws when the consumer subscribes.
        if assignors.is_empty() { Err(bad()) } else { Ok(Self(assignors)) }
    }
}
