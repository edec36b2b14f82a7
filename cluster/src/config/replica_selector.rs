//! Which replica a leader sends a consumer to.
//!
//! In Kafka: `ReplicaSelector`, `RackAwareReplicaSelector` (KIP-392).
//! Holds:    the one selector that Kafka brings. Without a setting every consumer reads from leaders.
//! Left out: selectors of one's own. Kafka starts with any class that it finds, and ends if it finds none; older
//!           releases had a `LeaderSelector`, which 4.3 has not any more.

use std::ops::RangeBounds;

use super::{ConfigError, Value};

/// The class, as `replica.selector.class` names it.
const RACK_AWARE: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// A selector of replicas (`replica.selector.class`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaSelector {
    /// One in the consumer's rack (`RackAwareReplicaSelector`).
    RackAware,
}

impl Value for ReplicaSelector {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        match text.trim() {
            RACK_AWARE => Ok(Self::RackAware),
            _ => {
                let allowed = format!("{RACK_AWARE}; without it consumers read from leaders");
                Err(ConfigError::bad(name, allowed))
            }
        }
    }
}
