//! The families of faults that a swarm draws from.

use std::fmt;

/// A kind of faults that a swarm draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Cuts, delays, throttles, stalls, resets.
    Network,
    /// Crashes with and without loss, stops; each starts again.
    Crash,
    /// Slow disks.
    Disk,
    /// Clocks that are ahead, drift, jump.
    Clock,
    /// Machines that pause or are slow.
    Pause,
}

impl Family {
    /// Every family with its word.
    pub const ALL: [(&'static str, Self); 5] = [
        ("network", Self::Network),
        ("crash", Self::Crash),
        ("disk", Self::Disk),
        ("clock", Self::Clock),
        ("pause", Self::Pause),
    ];
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, family)| family == self).map(|(word, _)| *word);
        f.write_str(word.expect("every family has a word"))
    }
}
