//! States that matter: a scenario can demand them, and a sweep says how often they were reached.
//!
//! Holds: the list; `facts` counts them.

use std::fmt;
use std::str::FromStr;

macro_rules! probes {
    ($($name:ident = $word:literal, $about:literal;)*) => {
        /// A state that is worth reaching.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Probe {
            $(#[doc = $about] $name,)*
        }

        impl Probe {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in scenarios and reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// What it means.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $about,)*
                }
            }
        }
    };
}

probes! {
    LossyLeaderCrash = "lossy_leader_crash", "a partition's leader lost power with bytes that were not synced";
    Truncation = "truncation", "a follower cut its log";
    UncleanRestart = "unclean_restart", "a broker came back without its clean-shutdown marker";
    IsrShrink = "isr_shrink", "an in-sync set lost a member";
    LeaderShrinksIsr = "leader_shrinks_isr", "a leader asked for an in-sync set without a replica that lags";
    IsrExpand = "isr_expand", "an in-sync set gained a member";
    TwoEpochs = "two_epochs_in_ten_seconds", "a partition had two leader epochs within ten seconds";
    LeaderFromElr = "leader_from_elr", "a leader was elected from the eligible leader replicas";
    LastKnownLeader = "last_known_leader", "nobody in sync or eligible was left, so the last leader led again (KIP-966)";
    UncleanElection = "unclean_election", "any live replica was elected, since the topic allows it";
    AlterPartitionRefused = "alter_partition_refused", "the controller refused a change of an in-sync set";
    TornBatch = "torn_batch", "recovery dropped the torn end of a log";
    StaleFetchResponse = "stale_fetch_response", "a follower ignored an answer to an earlier epoch";
    UnderMinIsr = "under_min_isr", "a produce was refused because too few replicas were in sync";
    QuorumElection = "quorum_election", "the controllers elected another leader after the first";
    ExcusedLoss = "excused_loss", "an acknowledged record was lost as its settings allow";
    ControlledShutdown = "controlled_shutdown", "a broker left in good order";
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Probe {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|probe| probe.name() == text).ok_or(())
    }
}
