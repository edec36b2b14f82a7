//! The states of a classic group, and which may follow which.
//!
//! In Kafka:   `ClassicGroupState`.
//! Invariants: CG-1 a group enters a state from one of those that may precede it.

/// Where a classic group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClassicState {
    /// It has no members: they have left, or it only has offsets.
    Empty,
    /// JoinGroup requests are kept until all members have asked to join.
    PreparingRebalance,
    /// SyncGroup requests are kept until the leader has sent what it assigns.
    CompletingRebalance,
    /// Every member has its assignment, or gets it when it asks.
    Stable,
    /// It is not here any more.
    Dead,
}

impl ClassicState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Empty,
        Self::PreparingRebalance,
        Self::CompletingRebalance,
        Self::Stable,
        Self::Dead,
    ];

    /// Its name in ListGroups and DescribeGroups.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }

    /// Whether it may come after `previous`.
    #[must_use]
    pub const fn follows(self, previous: Self) -> bool {
        match self {
            Self::Empty | Self::CompletingRebalance => matches!(previous, Self::PreparingRebalance),
            Self::PreparingRebalance => {
                matches!(previous, Self::Stable | Self::CompletingRebalance | Self::Empty)
            }
            Self::Stable => matches!(previous, Self::CompletingRebalance),
            Self::Dead => true,
        }
    }
}
