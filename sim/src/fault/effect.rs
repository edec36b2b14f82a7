//! What a fault does, and to whom.
//!
//! Invariants: EF-1 what prints reads back as the same effect; EF-2 no name in it is a word of the
//!             grammar.

use std::fmt;

use super::quantity::{Factor, Rate, signed};
use super::when::HostExpr;
use crate::time::Span;

/// Some hosts; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group(pub Vec<HostExpr>);

/// The two sides of a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sides {
    /// `A | B`: neither reaches the other.
    Both(Group, Group),
    /// `A > B`: what A sends does not reach B.
    OneWay(Group, Group),
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Bytes no longer get through between two groups, or from one to the other; they are late,
    /// not lost.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s cut b1 | b2 b3 for 800ms";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Cut {
        /// Who is cut off from whom.
        sides: Sides,
    },
    /// A group is cut off from everybody else.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s isolate leader(orders/0) for 3s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Isolate {
        /// Whom.
        hosts: Group,
    },
    /// Bytes take longer by this much.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s delay b1 > b2 by 50ms for 10s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Delay {
        /// Whose bytes.
        from: Group,
        /// On their way to whom.
        to: Group,
        /// How much longer.
        by: Span,
    },
    /// Bytes flow at this rate.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s throttle b1 > b2 to 64KB/s for 10s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Throttle {
        /// Whose bytes.
        from: Group,
        /// On their way to whom.
        to: Group,
        /// How fast.
        rate: Rate,
    },
    /// Connections stay open but nothing arrives.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s stall b1 > b2 for 3s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Stall {
        /// Whose bytes.
        from: Group,
        /// On their way to whom.
        to: Group,
    },
    /// All connections between two groups end with a reset.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s reset b1 - b2 b3";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Reset {
        /// One end.
        one: Group,
        /// The other.
        other: Group,
    },
    /// Frames with this label are held back.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s hold Fetch b2 > b1 for 4s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Hold {
        /// The label that programs put on frames.
        label: String,
        /// Whose bytes.
        from: Group,
        /// On their way to whom.
        to: Group,
    },
    /// Frames that were held back go on their way.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 6s release Fetch b2 > b1";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Release {
        /// The label that programs put on frames.
        label: String,
        /// Whose bytes.
        from: Group,
        /// On their way to whom.
        to: Group,
    },
    /// The process dies; losing unsynced, the machine loses power. With `for`, it starts again
    /// afterwards.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s crash b2 losing unsynced for 2s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Crash {
        /// Whom.
        hosts: Group,
        /// Whether the power is lost with the process.
        losing_unsynced: bool,
    },
    /// The process is asked to stop, and does in good order. With `for`, it starts again
    /// afterwards.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s stop b2 for 2s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Stop {
        /// Whom.
        hosts: Group,
    },
    /// A process that is down starts again, on what its disks hold.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 5s restart b2 as 4.3";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Restart {
        /// Whom.
        hosts: Group,
        /// As which version; as before if none is named.
        profile: Option<String>,
    },
    /// Nothing runs on the machine, its connections stay open: a long garbage collection.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s pause b2 for 12s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Pause {
        /// Whom.
        hosts: Group,
    },
    /// The processors take so many times as long.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s slow b2 by 10 for 5s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Slow {
        /// Whom.
        hosts: Group,
        /// How many times.
        factor: Factor,
    },
    /// The disks of a machine that is down are replaced by empty ones.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 4s wipe b2";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Wipe {
        /// Whom.
        hosts: Group,
    },
    /// Something is wrong with the disks.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 slow by 100 for 5s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Disk {
        /// Whom.
        hosts: Group,
        /// What.
        fault: DiskFault,
    },
    /// Something is wrong with the wall clock.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s clock b2 ahead 5s for 10s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Clock {
        /// Whom.
        hosts: Group,
        /// What.
        fault: ClockFault,
    },
    /// Faults of these families, drawn from the seed.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "during 5s..60s swarm network crash";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Swarm {
        /// Which families.
        families: Vec<Family>,
    },
}

/// What is wrong with a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskFault {
    /// Everything takes so many times as long.
    Slow(Factor),
    /// Calls that move bytes fail: one, or all of them.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 eio once";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Eio {
        /// Whether only the next one fails.
        once: bool,
    },
    /// No room is left.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 full for 5s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Full,
    /// One bit flips.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 rot";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Rot,
    /// Every call fails, for good.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 dies";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Dies,
}

/// What is wrong with a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockFault {
    /// It shows a later time.
    Ahead(Span),
    /// It runs too fast, or with a minus too slowly, by so many parts per million.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s clock b2 drift -200ppm for 10s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Drift(i32),
    /// It jumps, with a minus backwards, by so many nanoseconds.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s clock b2 step -2s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Step(i64),
}

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

impl Effect {
    /// Whether it may last; otherwise it happens at once and is over.
    #[must_use]
    pub fn can_last(&self) -> bool {
        match self {
            Self::Reset { .. }
            | Self::Release { .. }
            | Self::Restart { .. }
            | Self::Wipe { .. }
            | Self::Disk {
                fault: DiskFault::Eio { once: true } | DiskFault::Rot | DiskFault::Dies,
                ..
            }
            | Self::Clock { fault: ClockFault::Step(_), .. } => false,
            Self::Cut { .. }
            | Self::Isolate { .. }
            | Self::Delay { .. }
            | Self::Throttle { .. }
            | Self::Stall { .. }
            | Self::Hold { .. }
            | Self::Crash { .. }
            | Self::Stop { .. }
            | Self::Pause { .. }
            | Self::Slow { .. }
            | Self::Disk { .. }
            | Self::Clock { .. }
            | Self::Swarm { .. } => true,
        }
    }
}

impl From<HostExpr> for Group {
    fn from(host: HostExpr) -> Self {
        Self(vec![host])
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, host) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{host}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Sides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Both(one, other) => write!(f, "{one} | {other}"),
            Self::OneWay(from, to) => write!(f, "{from} > {to}"),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, family)| family == self).map(|(word, _)| *word);
        f.write_str(word.expect("every family has a word"))
    }
}

impl fmt::Display for DiskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow(factor) => write!(f, "slow by {factor}"),
            Self::Eio { once: true } => f.write_str("eio once"),
            Self::Eio { once: false } => f.write_str("eio"),
            Self::Full => f.write_str("full"),
            Self::Rot => f.write_str("rot"),
            Self::Dies => f.write_str("dies"),
        }
    }
}

impl fmt::Display for ClockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ahead(by) => write!(f, "ahead {by}"),
            Self::Drift(ppm) => write!(f, "drift {ppm}ppm"),
            Self::Step(nanos) => write!(f, "step {}", signed(*nanos)),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { sides } => write!(f, "cut {sides}"),
            Self::Isolate { hosts } => write!(f, "isolate {hosts}"),
            Self::Delay { from, to, by } => write!(f, "delay {from} > {to} by {by}"),
            Self::Throttle { from, to, rate } => write!(f, "throttle {from} > {to} to {rate}"),
            Self::Stall { from, to } => write!(f, "stall {from} > {to}"),
            Self::Reset { one, other } => write!(f, "reset {one} - {other}"),
            Self::Hold { label, from, to } => write!(f, "hold {label} {from} > {to}"),
            Self::Release { label, from, to } => write!(f, "release {label} {from} > {to}"),
            Self::Crash { hosts, losing_unsynced: false } => write!(f, "crash {hosts}"),
            Self::Crash { hosts, losing_unsynced: true } => {
                write!(f, "crash {hosts} losing unsynced")
            }
            Self::Stop { hosts } => write!(f, "stop {hosts}"),
            Self::Restart { hosts, profile: None } => write!(f, "restart {hosts}"),
            Self::Restart { hosts, profile: Some(profile) } => {
                write!(f, "restart {hosts} as {profile}")
            }
            Self::Pause { hosts } => write!(f, "pause {hosts}"),
            Self::Slow { hosts, factor } => write!(f, "slow {hosts} by {factor}"),
            Self::Wipe { hosts } => write!(f, "wipe {hosts}"),
            Self::Disk { hosts, fault } => write!(f, "disk {hosts} {fault}"),
            Self::Clock { hosts, fault } => write!(f, "clock {hosts} {fault}"),
            Self::Swarm { families } => {
                f.write_str("swarm")?;
                families.iter().try_for_each(|family| write!(f, " {family}"))
            }
        }
    }
}
