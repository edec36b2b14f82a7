//! What crashes took: whose bytes, and when that was more than a partition survives.
//!
//! Holds:      plain data; `facts.rs` makes it of what is seen.

use trial_sim::{HostId, Time};

/// A crash of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// Who.
    pub host: HostId,
    /// When.
    pub at: Time,
    /// Whether bytes were lost.
    pub lossy: bool,
}

/// More was lost at a time than acks=all promises to survive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeyondBudget {
    /// Since when.
    pub at: Time,
    /// Of which partition.
    pub partition: String,
    /// Who had lost something and not been in sync again.
    pub hosts: Vec<HostId>,
    /// How many such hosts the partition survives: min.insync.replicas - 1.
    pub survives: usize,
}
