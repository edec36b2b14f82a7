//! Which Kafka this is: an era's rules, and the guards that were removed from it on purpose.
//!
//! In Kafka:   metadata.version and the feature levels decide the profile; each switch undoes one fix or guard.
//! Holds:      one value, handed in at construction; code asks it by name, never by version or flag. The switches are
//!             in `switch.rs`, one entry each.
//! Invariants: RU-1 with no switch every question has the answer that the profile's Kafka gives, except
//!             `applies_equal_partition_epoch`, `syncs_truncations` and `refuses_holes`, which are stricter
//!             (ARCHITECTURE.md says why).

mod switch;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

pub use switch::{Switch, UNBUILT, Unbuilt};

/// An era of Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Kafka 4.3 with all features at their defaults: eligible leader replicas on, truncation by KIP-320.
    Kafka43,
    /// Kafka 4.3 with `eligible.leader.replicas.version` 0: the last in-sync replica stays one whatever happens.
    Kafka43WithoutElr,
}

/// How a follower finds the offset to which it truncates: five answers in the order of their history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truncation {
    /// To its own high watermark (before 0.11). Loses and diverges: KAFKA-1211.
    ToHighWatermark,
    /// By the leader's end offset for the follower's epoch (KIP-101). Not available yet.
    Kip101,
    /// By epoch and end offset both (KIP-279). Not available yet.
    Kip279,
    /// With epochs in fetches, the first try (KIP-320). Not available yet.
    Kip320FirstTry,
    /// As KIP-320 has it today, detected by the fetch itself (KAFKA-10554).
    Kip320,
}

impl Profile {
    /// Every profile, newest first.
    pub const ALL: [Self; 2] = [Self::Kafka43, Self::Kafka43WithoutElr];

    /// The name by which a scenario asks for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kafka43 => "4.3",
            Self::Kafka43WithoutElr => "4.3-no-elr",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|profile| profile.name() == text);
        found.ok_or_else(|| format!("there is no profile `{text}`"))
    }
}

/// A profile and the switches thrown on top of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    profile: Profile,
    switches: BTreeSet<Switch>,
}

impl Default for Rules {
    fn default() -> Self {
        Self::new(Profile::Kafka43, [])
    }
}

impl Rules {
    /// The rules of `profile` with `switches` thrown.
    #[must_use]
    pub fn new(profile: Profile, switches: impl IntoIterator<Item = Switch>) -> Self {
        Self { profile, switches: switches.into_iter().collect() }
    }

    /// The era.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The switches that are thrown.
    pub fn switches(&self) -> impl Iterator<Item = Switch> + '_ {
        self.switches.iter().copied()
    }

    /// How followers truncate.
    #[must_use]
    pub fn truncation(&self) -> Truncation {
        let to_high_watermark = self.switches.contains(&Switch::TruncToHwLoss)
            || self.switches.contains(&Switch::TruncToHwDiverge);
        if to_high_watermark { Truncation::ToHighWatermark } else { Truncation::Kip320 }
    }

    /// Whether eligible leader replicas (KIP-966) are kept.
    #[must_use]
    pub fn keeps_eligible_leader_replicas(&self) -> bool {
        self.profile == Profile::Kafka43
    }

    /// Whether acks=all waits for the in-sync set before it answers.
    #[must_use]
    pub fn acks_after_replication(&self) -> bool {
        !self.switches.contains(&Switch::AckBeforeReplication)
    }

    /// Whether a leader applies metadata whose partition epoch equals the one it knows (R7).
    #[must_use]
    pub fn applies_equal_partition_epoch(&self) -> bool {
        self.switches.contains(&Switch::EqualPartitionEpochApplied)
    }

    /// Whether a log makes a truncation durable before it goes on.
    #[must_use]
    pub fn syncs_truncations(&self) -> bool {
        !self.switches.contains(&Switch::TruncationNotSynced)
    }

    /// Whether a recovery ends a log at a hole between segments.
    #[must_use]
    pub fn refuses_holes(&self) -> bool {
        !self.switches.contains(&Switch::RecoveryLeavesHole)
    }

    /// Whether a leader of the quorum that restarts has resigned its epoch (KAFKA-10527).
    #[must_use]
    pub fn restarted_leaders_have_resigned(&self) -> bool {
        !self.switches.contains(&Switch::LeaderReinitSameEpoch)
    }

    /// Whether replicas of the quorum sync what they append (KAFKA-10533).
    #[must_use]
    pub fn syncs_metadata(&self) -> bool {
        !self.switches.contains(&Switch::NoFsync)
    }

    /// Whether a replica of the quorum refuses to cut what is committed (KAFKA-12460).
    #[must_use]
    pub fn keeps_committed_metadata(&self) -> bool {
        !self.switches.contains(&Switch::TruncateBelowHwAllowed)
    }

    /// Whether a leader of the quorum resigns when no majority fetches from it (KAFKA-15489).
    #[must_use]
    pub fn leaders_check_their_quorum(&self) -> bool {
        !self.switches.contains(&Switch::NoCheckQuorum)
    }

    /// Whether a controller keeps the state in which it took over (KAFKA-17608).
    #[must_use]
    pub fn keeps_state_of_takeover(&self) -> bool {
        !self.switches.contains(&Switch::RenounceWithoutSnapshot)
    }

    /// Whether a candidate that lost waits until its election would have ended (KAFKA-18345).
    #[must_use]
    pub fn losers_wait_for_their_timeout(&self) -> bool {
        !self.switches.contains(&Switch::ElectionBackoffLockstep)
    }
}
