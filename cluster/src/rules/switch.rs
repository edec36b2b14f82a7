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
    /// A reassignment to fewer replicas is over although some of those that stay are not in sync.
    ReassignCompletesEarly {
        name: "reassign_completes_early",
        about: "a reassignment to fewer replicas ends before all who stay are in sync (KAFKA-15665)",
        issue: "KAFKA-15665",
        fixed_in: "3.8.0",
        guard: "controller/reassignment.rs",
        breaks: ["R20"],
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
