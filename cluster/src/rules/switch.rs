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

            /// Where the guard stands: a path below `cluster/src`, or one with its package.
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

/// The faults of replication, the controller and the quorum that no switch re-creates yet.
pub const UNBUILT: &[Unbuilt] = &[Unbuilt {
    name: "autojoin_readds_removed",
    issue: "KAFKA-19850",
    needs: "voters that come and go (AddVoter, RemoveVoter)",
}];

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
