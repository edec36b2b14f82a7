//! Keeps faults within what a protocol promises to survive.
//!
//! In Kafka:   with acks=all an acknowledged record is safe while fewer than min.insync.replicas
//!             hosts have lost what they had not synced, each until it has caught up again.
//! Holds:      who lost something and has not caught up since.
//! Invariants: BG-1 what `allows` permits never brings more than the limit down at a time.

use std::collections::BTreeSet;

/// Counts lossy crashes that still matter.
///
/// ```
/// # use trial_sim::fault::Budget;
/// let mut budget = Budget::new(1);
/// budget.on_lossy_crash("b1");
/// assert!(!budget.allows("b2") && budget.allows("b1"));
/// budget.on_caught_up("b1");
/// assert!(budget.allows("b2"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    limit: usize,
    behind: BTreeSet<String>,
}

impl Budget {
    /// At most `limit` hosts may have lost something at a time (min.insync.replicas - 1).
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, behind: BTreeSet::new() }
    }

    /// Whether a lossy crash of `host` stays within the budget.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        self.allows_all([host])
    }

    /// Whether lossy crashes of all these hosts at once stay within the budget.
    #[must_use]
    pub fn allows_all<'h>(&self, hosts: impl IntoIterator<Item = &'h str>) -> bool {
        let more: BTreeSet<&str> =
            hosts.into_iter().filter(|host| !self.behind.contains(*host)).collect();
        more.is_empty() && !self.is_exceeded() || self.behind.len() + more.len() <= self.limit
    }

    /// A host lost what it had not synced, within the budget or not.
    pub fn on_lossy_crash(&mut self, host: &str) {
        self.behind.insert(host.to_owned());
    }

    /// A host has everything again that was acknowledged.
    pub fn on_caught_up(&mut self, host: &str) {
        self.behind.remove(host);
    }

    /// Who lost something and has not caught up since, in the order of names.
    pub fn behind(&self) -> impl Iterator<Item = &str> {
        self.behind.iter().map(String::as_str)
    }

    /// Whether more was lost than the protocol promises to survive.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.behind.len() > self.limit
    }
}
