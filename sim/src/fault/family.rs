//! The families of faults that a swarm draws from.

use std::fmt;

/// A kind of faults that a swarm draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Cuts, delays, throttles, stalls, resets.
    Network,
    /// Rings, bridges, swizzles: cuts in which no two see the same.
    Mesh,
    /// Connects that are refused or hang, while existing connections go on.
    Connect,
    /// Crashes with and without loss, stops; each starts again.
    Crash,
    /// Slow disks.
    Disk,
    /// Disks that hang, are throttled, fill up or fail.
    Io,
    /// Clocks that are ahead, drift, jump.
    Clock,
    /// Machines that pause or are slow.
    Pause,
}

impl Family {
    /// Every family with its word.
    pub const ALL: [(&'static str, Self); 8] = [
        ("network", Self::Network),
        ("mesh", Self::Mesh),
        ("connect", Self::Connect),
        ("crash", Self::Crash),
        ("disk", Self::Disk),
        ("io", Self::Io),
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
