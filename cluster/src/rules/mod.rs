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
    /// By the leader's end offset for the follower's epoch (KIP-101), asked for once in each leader epoch.
    Kip101,
    /// By epoch and end offset both (KIP-279), asked for in the same way.
    Kip279,
    /// By the fetch itself, which names the epoch of the follower's last batch and not that of its leader (the first
    /// try at KIP-320, which was given up in its specification).
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
        let has = |switch| self.switches.contains(&switch);
        if has(Switch::TruncToHwLoss) || has(Switch::TruncToHwDiverge) {
            Truncation::ToHighWatermark
        } else if has(Switch::FastFailoverDiverge) {
            Truncation::Kip101
        } else if has(Switch::ZombieReplicaUnfencedFetch) {
            Truncation::Kip279
        } else if has(Switch::FetchWithoutLeaderEpoch) {
            Truncation::Kip320FirstTry
        } else {
            Truncation::Kip320
        }
    }

    /// Whether a follower names its leader epoch when it asks its leader, and is fenced by it (KIP-320). Of the older
    /// ways to truncate, the oldest keeps today's fences: it is about the cut alone.
    #[must_use]
    pub fn fences_followers(&self) -> bool {
        match self.truncation() {
            Truncation::ToHighWatermark | Truncation::Kip320 => true,
            Truncation::Kip101 | Truncation::Kip279 | Truncation::Kip320FirstTry => false,
        }
    }

    /// Whether a consumer commits by the clock what its application is through with, and no more (KAFKA-18641).
    #[must_use]
    pub fn commits_what_was_processed(&self) -> bool {
        !self.switches.contains(&Switch::AutocommitPastDelivered)
    }

    /// Whether the leader of a group counts what a member claims in an older generation than others (KAFKA-14639).
    #[must_use]
    pub fn older_claims_count(&self) -> bool {
        !self.switches.contains(&Switch::RevokeAssignSameRound)
    }

    /// Whether a member that loses its generation within a rebalance prepares its join again (KAFKA-12983).
    #[must_use]
    pub fn joins_are_prepared_again(&self) -> bool {
        !self.switches.contains(&Switch::CoopDoubleOwnership)
    }

    /// Whether offsets of a group that rebalances do not expire (KAFKA-13636).
    #[must_use]
    pub fn rebalances_keep_offsets(&self) -> bool {
        !self.switches.contains(&Switch::ExpireWhileRebalancing)
    }

    /// Whether a fetch session remembers the epochs that a partition was asked for with (KAFKA-9338).
    #[must_use]
    pub fn sessions_remember_epochs(&self) -> bool {
        !self.switches.contains(&Switch::FetchSessionDropsEpoch)
    }

    /// Whether an answer to a fetch is applied only in the leader epoch in which it was asked for (R18, KAFKA-18991).
    #[must_use]
    pub fn refuses_stale_answers(&self) -> bool {
        !self.switches.contains(&Switch::StaleFetchResponseTruncatesCommitted)
    }

    /// Whether a follower is parked only by a fence of its own leader epoch (KAFKA-7786).
    #[must_use]
    pub fn refuses_stale_fences(&self) -> bool {
        !self.switches.contains(&Switch::StaleMetadataEpochLivelock)
    }

    /// Whether a new leader remembers where its epoch starts before it has written anything (KAFKA-7415).
    #[must_use]
    pub fn enters_epoch_on_election(&self) -> bool {
        !self.switches.contains(&Switch::NoEpochEntryOnElect)
    }

    /// Whether a truncation trims the epochs of a log that it finds short enough (KAFKA-10706).
    #[must_use]
    pub fn trims_epochs_of_short_logs(&self) -> bool {
        !self.switches.contains(&Switch::EpochCacheNotTrimmed)
    }

    /// Whether the profile promises what eligible leader replicas (KIP-966) are for.
    #[must_use]
    pub fn promises_eligible_leader_replicas(&self) -> bool {
        self.profile == Profile::Kafka43
    }

    /// Whether a leader names no end of its log before its high watermark has reached its epoch (KIP-207).
    #[must_use]
    pub fn hides_an_end_that_may_be_old(&self) -> bool {
        !self.switches.contains(&Switch::ListOffsetsRegress)
    }

    /// Whether, outside the in-sync set, a high watermark waits only for those that may join it (KAFKA-15021).
    #[must_use]
    pub fn waits_for_eligible_only(&self) -> bool {
        !self.switches.contains(&Switch::IsrShrinkWaitsFullLag)
    }

    /// Whether eligible leader replicas (KIP-966) are kept.
    #[must_use]
    pub fn keeps_eligible_leader_replicas(&self) -> bool {
        self.promises_eligible_leader_replicas()
            && !self.switches.contains(&Switch::LastReplicaStanding)
    }

    /// Whether a broker has to be unfenced, and not on its way out, to be in sync (KIP-841).
    #[must_use]
    pub fn keeps_fenced_out_of_sync(&self) -> bool {
        !self.switches.contains(&Switch::FencedReplicaJoinsIsr)
    }

    /// Whether a replica is taken in only as the incarnation that has caught up (KIP-903).
    #[must_use]
    pub fn admits_by_broker_epoch(&self) -> bool {
        !self.switches.contains(&Switch::StaleBrokerEpochIsr)
    }

    /// Whether the controller notices that a broker did not shut down cleanly (KIP-966).
    #[must_use]
    pub fn detects_unclean_shutdowns(&self) -> bool {
        !self.switches.contains(&Switch::UncleanDetectionDisabled)
    }

    /// Whether a controller that a leader is ahead of sends it to another one (KAFKA-14154).
    #[must_use]
    pub fn sends_leaders_ahead_on(&self) -> bool {
        !self.switches.contains(&Switch::AlterPartitionZombieController)
    }

    /// Whether a new controller begins a session for every unfenced broker (KAFKA-18138).
    #[must_use]
    pub fn begins_sessions_anew(&self) -> bool {
        !self.switches.contains(&Switch::DeadBrokerNeverFenced)
    }

    /// Whether acks=all waits for the in-sync set before it answers.
    #[must_use]
    pub fn acks_after_replication(&self) -> bool {
        !self.switches.contains(&Switch::AckBeforeReplication)
    }

    /// Whether a reassignment to fewer replicas waits until all who stay are in sync (R20).
    #[must_use]
    pub fn reassignment_waits_for_targets(&self) -> bool {
        !self.switches.contains(&Switch::ReassignCompletesEarly)
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
