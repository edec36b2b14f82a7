//! The switches: each removes one guard, to re-create a fault that Kafka had or documents.
//!
//! In Kafka:   the ticket or KIP that each entry names.
//! Holds:      one table, in the order of `trial list bugs`; and the faults that wait for something that is not built.
//! Invariants: SI-1 with a switch thrown, and nothing else changed, one of the invariants in `breaks` fails before any
//!             other does, in a scenario of its own (`scenarios/bugs/NAME.toml`) that holds without it: `trial hunt`.

use std::fmt;
use std::str::FromStr;

macro_rules! switches {
    ($($(#[$doc:meta])* $name:ident {
        name: $text:literal,
        about: $about:literal,
        issue: $issue:literal,
        fixed_in: $fixed:literal,
        guard: $guard:literal,
        breaks: $breaks:expr,
    })*) => {
        /// A guard that is removed, to re-create a fault that Kafka had or documents.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Switch {
            $($(#[$doc])* $name,)*
        }

        impl Switch {
            /// Every switch, in the order of `trial list bugs`.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name by which a scenario or a command line asks for it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What happens without the guard, in one line.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)* }
            }

            /// The ticket or KIP that tells of it.
            #[must_use]
            pub const fn issue(self) -> &'static str {
                match self { $(Self::$name => $issue,)* }
            }

            /// The first release of Kafka that has the guard; or why none does.
            #[must_use]
            pub const fn fixed_in(self) -> &'static str {
                match self { $(Self::$name => $fixed,)* }
            }

            /// Where the guard stands: paths below `cluster/src`, or with their package.
            #[must_use]
            pub const fn guard(self) -> &'static str {
                match self { $(Self::$name => $guard,)* }
            }

            /// The invariants of which one has to break, by their ids, before any other does.
            #[must_use]
            pub const fn breaks(self) -> &'static [&'static str] {
                match self { $(Self::$name => &$breaks,)* }
            }
        }
    };
}

switches! {
    /// acks=all answers after the local append, without waiting for the in-sync set.
    AckBeforeReplication {
        name: "ack_before_replication",
        about: "acks=all is answered after the leader's append, before any follower has the record",
        issue: "none: what acks=all is for",
        fixed_in: "never had",
        guard: "partition/produce.rs",
        breaks: ["R12"],
    }
    /// Followers truncate to their high watermark after a restart (KIP-101, scenario 1).
    TruncToHwLoss {
        name: "trunc_to_hw_loss",
        about: "a follower truncates to its high watermark, so a restart can drop acked records (KIP-101, 1)",
        issue: "KAFKA-1211, KIP-101",
        fixed_in: "0.11.0.0",
        guard: "partition/truncation.rs",
        breaks: ["R4", "R5", "R6", "R8"],
    }
    /// The same guard, under the name of KIP-101's scenario 2.
    TruncToHwDiverge {
        name: "trunc_to_hw_diverge",
        about: "a follower truncates to its high watermark, so two logs can differ below it (KIP-101, 2)",
        issue: "KAFKA-1211, KIP-101",
        fixed_in: "0.11.0.0",
        guard: "partition/truncation.rs",
        breaks: ["R3", "R4", "R5", "R6", "R8"],
    }
    /// The leader says where an epoch ends, and not which epoch it means (KIP-101 without KIP-279).
    FastFailoverDiverge {
        name: "fast_failover_diverge",
        about: "a follower believes where its leader says that an epoch ends, although the leader never had that epoch",
        issue: "KAFKA-6361, KIP-279",
        fixed_in: "2.0.0",
        guard: "partition/truncation.rs",
        breaks: ["R3", "R4", "R6", "R23"],
    }
    /// A follower does not name its leader epoch (KIP-279 without KIP-320).
    ZombieReplicaUnfencedFetch {
        name: "zombie_replica_unfenced_fetch",
        about: "a follower that has missed two elections goes on fetching where it was, and nobody fences it",
        issue: "KAFKA-6880, KIP-320",
        fixed_in: "2.1.0",
        guard: "partition/follower.rs",
        breaks: ["R3", "R4", "R6", "R23"],
    }
    /// A follower names the epoch of its last batch alone: the first try at KIP-320.
    FetchWithoutLeaderEpoch {
        name: "fetch_without_leader_epoch",
        about: "a follower that is in an older epoch than its leader counts as having what it may still cut",
        issue: "KIP-320, its specification's first try",
        fixed_in: "never released",
        guard: "partition/follower.rs",
        breaks: ["R6", "R8", "R15"],
    }
    /// A fetch session forgets the epochs of its partitions.
    FetchSessionDropsEpoch {
        name: "fetch_session_drops_epoch",
        about: "an incremental fetch is read without the epochs that its partitions were asked for with",
        issue: "KAFKA-9338",
        fixed_in: "2.5.0",
        guard: "partition/fetch_session/session.rs",
        breaks: ["R3", "R4", "R6", "R23"],
    }
    /// An answer to a fetch is applied in a later leader epoch than that in which it was asked for.
    StaleFetchResponseTruncatesCommitted {
        name: "stale_fetch_response_truncates_committed",
        about: "an answer of an earlier leader epoch that comes late makes a follower cut what is committed",
        issue: "KAFKA-18991",
        fixed_in: "3.9.2, 4.0.1",
        guard: "partition/follower.rs",
        breaks: ["R18", "R15", "R6", "R8"],
    }
    /// A fence of an earlier leader epoch stops a follower.
    StaleMetadataEpochLivelock {
        name: "stale_metadata_epoch_livelock",
        about: "a fence that comes late stops a follower which has learned of the new epoch meanwhile, until the next",
        issue: "KAFKA-7786",
        fixed_in: "2.2.0",
        guard: "partition/follower.rs",
        breaks: ["L4"],
    }
    /// A new leader enters its epoch with its first batch only.
    NoEpochEntryOnElect {
        name: "no_epoch_entry_on_elect",
        about: "a leader that has written nothing cannot say where a follower's epoch ends that it never had",
        issue: "KAFKA-7415",
        fixed_in: "2.1.1",
        guard: "partition/hosted.rs",
        breaks: ["L4", "R16"],
    }
    /// A truncation that finds nothing to cut leaves the epochs.
    EpochCacheNotTrimmed {
        name: "epoch_cache_not_trimmed",
        about: "a log that is short enough keeps an epoch which its leader never had, and truncates for ever",
        issue: "KAFKA-10706",
        fixed_in: "2.8.0",
        guard: "log/src/partition_log/truncate.rs",
        breaks: ["L4"],
    }
    /// A new leader names its high watermark as the end of a log before that has reached its own epoch.
    ListOffsetsRegress {
        name: "list_offsets_regress",
        about: "a new leader names an end of its log below the one that its predecessor has named",
        issue: "KAFKA-2334, KIP-207",
        fixed_in: "2.2.0",
        guard: "partition/list_offsets.rs",
        breaks: ["nonmonotonic-end"],
    }
    /// A high watermark waits for replicas that have caught up and may not join the in-sync set.
    IsrShrinkWaitsFullLag {
        name: "isr_shrink_waits_full_lag",
        about: "a replica that is shutting down or fenced holds a high watermark back for replica.lag.time.max.ms",
        issue: "KAFKA-15021",
        fixed_in: "3.6.0",
        guard: "partition/high_watermark.rs",
        breaks: ["R24"],
    }
    /// Metadata whose partition epoch equals the known one is applied, as Kafka's trunk does.
    EqualPartitionEpochApplied {
        name: "equal_partition_epoch_applied",
        about: "a leader applies metadata with an equal partition epoch over its pending ISR (Kafka's trunk)",
        issue: "KAFKA-13790, as we read it",
        fixed_in: "not fixed",
        guard: "partition/hosted.rs",
        breaks: ["R7"],
    }
    /// A truncation is not synced, as in Kafka: a power loss can bring back what was cut.
    TruncationNotSynced {
        name: "truncation_not_synced",
        about: "a cut of the log is not synced, so a power loss can bring back what was cut (Kafka's trunk)",
        issue: "found by Trial",
        fixed_in: "not fixed",
        guard: "log/src/partition_log/truncate.rs",
        breaks: ["R16"],
    }
    /// A recovery takes the segments on both sides of a hole, as Kafka does.
    RecoveryLeavesHole {
        name: "recovery_leaves_hole",
        about: "recovery believes segments on both sides of a hole that a power loss made (Kafka's trunk)",
        issue: "found by Trial",
        fixed_in: "not fixed",
        guard: "log/src/partition_log/load/recover.rs",
        breaks: ["R4"],
    }
    /// Fenced and leaving brokers may be taken into an in-sync set (before KIP-841).
    FencedReplicaJoinsIsr {
        name: "fenced_replica_joins_isr",
        about: "a leader asks for a fenced or leaving follower, and the controller takes it into the in-sync set",
        issue: "KAFKA-13916, KIP-841",
        fixed_in: "3.3.0",
        guard: "controller/alter_partition.rs, partition/replica.rs",
        breaks: ["R13"],
    }
    /// A change of an in-sync set is applied to another incarnation than the leader saw (before KIP-903).
    StaleBrokerEpochIsr {
        name: "stale_broker_epoch_isr",
        about: "a follower is taken in by what it had before it restarted, whatever it has lost since (KIP-903)",
        issue: "KAFKA-14139, KIP-903",
        fixed_in: "3.5.0",
        guard: "controller/alter_partition.rs, partition/replica.rs",
        breaks: ["R17", "R22", "R5"],
    }
    /// No eligible leader replicas are kept, although the profile has them: the last in sync leads whatever it lost.
    LastReplicaStanding {
        name: "last_replica_standing",
        about: "only the last one in sync may lead, also after a power loss; the others cut what it has lost",
        issue: "KIP-966",
        fixed_in: "4.1.0 (4.0.0 as a preview)",
        guard: "controller/partition_change.rs",
        breaks: ["R17", "R5", "R4"],
    }
    /// Every restart counts as clean, so that eligible leader replicas stay eligible whatever they lost.
    UncleanDetectionDisabled {
        name: "unclean_detection_disabled",
        about: "the controller takes every restart for a clean one: who lost records stays eligible to lead",
        issue: "KAFKA-18635, KAFKA-18106",
        fixed_in: "4.0.0",
        guard: "controller/broker_lifecycle.rs",
        breaks: ["R17"],
    }
    /// A controller that is behind refuses a leader that is ahead for good, instead of sending it on.
    AlterPartitionZombieController {
        name: "alter_partition_zombie_controller",
        about: "a deposed controller calls a newer epoch a stale one, and the leader's change stays pending for ever",
        issue: "KAFKA-14154, KAFKA-14144",
        fixed_in: "3.3.0",
        guard: "controller/alter_partition.rs",
        breaks: ["L10", "L4"],
    }
    /// A new controller knows no session of a broker that it has not heard of, and so never ends it.
    DeadBrokerNeverFenced {
        name: "dead_broker_never_fenced",
        about: "a broker that dies together with the controller is never fenced, and leads for ever",
        issue: "KAFKA-18138",
        fixed_in: "4.0.0",
        guard: "controller/machine.rs",
        breaks: ["L2", "L3"],
    }
    /// A reassignment to fewer replicas is over although some of those that stay are not in sync.
    ReassignCompletesEarly {
        name: "reassign_completes_early",
        about: "a reassignment to fewer replicas ends before all who stay are in sync (KAFKA-15665)",
        issue: "KAFKA-15665",
        fixed_in: "3.8.0",
        guard: "controller/reassignment.rs",
        breaks: ["R20"],
    }
    /// A leader that restarts leads on in its epoch, as Kafka 2.7 did.
    LeaderReinitSameEpoch {
        name: "leader_reinit_same_epoch",
        about: "a leader of the quorum that restarts leads on in its epoch, and writes again where it lost a record",
        issue: "KAFKA-10527",
        fixed_in: "2.7.0",
        guard: "raft/quorum.rs",
        breaks: ["K2"],
    }
    /// Nobody of the quorum syncs what it appends.
    NoFsync {
        name: "no_fsync",
        about: "replicas of the quorum promise and commit what they have not synced",
        issue: "KAFKA-10533",
        fixed_in: "2.8.0",
        guard: "raft/client/fetch_follower.rs, raft/client/lead.rs",
        breaks: ["K4", "K5"],
    }
    /// A replica cuts whatever its leader asks it to cut.
    TruncateBelowHwAllowed {
        name: "truncate_below_hw_allowed",
        about: "a replica of the quorum cuts committed metadata if its leader has lost it, instead of stopping",
        issue: "KAFKA-12460",
        fixed_in: "3.0.0",
        guard: "raft/client/fetch_follower.rs",
        breaks: ["K9"],
    }
    /// A leader never looks whether anybody still fetches.
    NoCheckQuorum {
        name: "no_check_quorum",
        about: "a leader of the quorum that is cut off leads on for ever, and serves old metadata",
        issue: "KAFKA-15489",
        fixed_in: "3.7.0",
        guard: "raft/client/poll.rs",
        breaks: ["K13"],
    }
    /// The state in which a controller took over is not kept. In Kafka a batch of the quorum's own that was committed
    /// under an active controller (a change of voters) moved the last committed offset to where no state was kept; ours
    /// has no such batch but the first of its epoch, and so the state there is what is missing.
    RenounceWithoutSnapshot {
        name: "renounce_without_snapshot",
        about: "a controller that steps down after a batch of the quorum's own has no state to go back to, and ends",
        issue: "KAFKA-17608",
        fixed_in: "3.9.0",
        guard: "controller/shell.rs",
        breaks: ["unreachable"],
    }
    /// A candidate that lost backs off for an exponential time with a fixed end, as Kafka did up to 4.0.
    ElectionBackoffLockstep {
        name: "election_backoff_lockstep",
        about: "candidates that lost wait for the same longest back-off, and stand at the same moment, for ever",
        issue: "KAFKA-18345",
        fixed_in: "4.1.0",
        guard: "raft/client/vote.rs",
        breaks: ["L1"],
    }
    /// A consumer of the new protocol commits by the clock what the present poll is about to return.
    AutocommitPastDelivered {
        name: "autocommit_past_delivered",
        about: "a consumer commits by the clock positions of records that its application has not processed",
        issue: "KAFKA-18641",
        fixed_in: "4.0.0",
        guard: "client/consumer/group/group_consumer.rs",
        breaks: ["G7"],
    }
    /// The cooperative assignor forgets what a member claims in an older generation than others: the member has it all
    /// the same, until it hears of the assignment that gives it away.
    RevokeAssignSameRound {
        name: "revoke_assign_same_round",
        about: "a partition is given away in the round in which it is taken from a member that missed a generation",
        issue: "KAFKA-14639",
        fixed_in: "3.5.0",
        guard: "client/consumer/group/classic/leader.rs",
        breaks: ["G2", "G3"],
    }
    /// A classic member that loses its generation within a rebalance does not prepare its join again: it goes on with
    /// what it had, under a new id.
    CoopDoubleOwnership {
        name: "coop_double_ownership",
        about: "a cooperative member that is no member any more keeps what it owns, and joins with it",
        issue: "KAFKA-12983",
        fixed_in: "3.0.0",
        guard: "client/consumer/group/classic/member.rs",
        breaks: ["G2"],
    }
    /// Offsets of a group that rebalances expire as if those who join were not there.
    ExpireWhileRebalancing {
        name: "expire_while_rebalancing",
        about: "offsets of a topic expire while somebody who reads it is joining the group",
        issue: "KAFKA-13636",
        fixed_in: "3.2.0",
        guard: "group/offsets/expiry.rs",
        breaks: ["G8"],
    }
}

/// A fault of Kafka's that waits for something that Trial does not have yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unbuilt {
    /// The name that its switch will have.
    pub name: &'static str,
    /// The ticket or KIP that tells of it.
    pub issue: &'static str,
    /// What is missing.
    pub needs: &'static str,
}

/// The faults that no switch re-creates yet.
pub const UNBUILT: &[Unbuilt] = &[
    Unbuilt {
        name: "autojoin_readds_removed",
        issue: "KAFKA-19850",
        needs: "voters that come and go (AddVoter, RemoveVoter)",
    },
    Unbuilt {
        name: "ack_commit_after_losing_leadership",
        issue: "KAFKA-20634",
        needs: "a fault that makes a coordinator hear late of its unloading (the shard's own tests have the schedule)",
    },
];

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Switch {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|switch| switch.name() == text);
        found.ok_or_else(|| format!("there is no switch `{text}`"))
    }
}
