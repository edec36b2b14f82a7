//! What a fault does, and to whom.
//!
//! Invariants: EF-1 what prints (`effect_text.rs`) reads back as the same effect; EF-2 no name in it
//!             is a word of the grammar; EF-3 a label begins with a capital letter, a host does not.

use super::clock_fault::ClockFault;
use super::disk_fault::DiskFault;
use super::family::Family;
use super::quantity::{Factor, Rate};
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

/// Whose settings an admin changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Configured {
    /// Those of a topic.
    Topic(String),
    /// Those of a broker.
    Broker(HostExpr),
    /// Those of all brokers.
    Brokers,
    /// Those of a consumer group.
    Group(String),
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
    /// Two groups are cut off from each other, and everybody reaches whoever stands between them.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s bridge b3 over b1 b2 | b4 b5 for 5s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Bridge {
        /// Who stands between.
        over: HostExpr,
        /// One side.
        one: Group,
        /// The other.
        other: Group,
    },
    /// Each of them hears only itself and those after it on a ring, a majority; no two hear the same.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s ring c1 c2 c3 c4 c5 for 5s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Ring {
        /// In the order of the ring.
        hosts: Group,
    },
    /// One after the other is isolated, and comes back in another order, both as the seed decides.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s swizzle b1 b2 b3 for 10s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Swizzle {
        /// Whom.
        hosts: Group,
    },
    /// Bytes take longer, by this much or by a draw of this range; of frames with this label, if one is named.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s delay b1 > b2 by 50ms for 10s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s delay Fetch b2 > b1 by 5ms..50ms for 10s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Delay {
        /// The label that programs put on frames.
        label: Option<String>,
        /// Whose bytes.
        from: Group,
        /// On their way to whom.
        to: Group,
        /// How much longer.
        by: Span,
        /// Jitter: up to how much longer, excluded.
        up_to: Option<Span>,
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
    /// Connections that are opened meanwhile are refused; those that exist go on.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s refuse p1 > b2 for 3s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Refuse {
        /// Who connects.
        from: Group,
        /// To whom.
        to: Group,
    },
    /// Connections that are opened meanwhile get no answer; those that exist go on.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s hang p1 > b2 for 3s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Hang {
        /// Who connects.
        from: Group,
        /// To whom.
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
    /// let text = "at 5s restart b2 as 4.3 with num.io.threads=1";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Restart {
        /// Whom.
        hosts: Group,
        /// As which version; as before if none is named.
        profile: Option<String>,
        /// With these settings instead of those it had.
        config: Vec<(String, String)>,
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
    /// What a host reads of the cluster's metadata takes effect later.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s lag b2 by 500ms for 5s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Lag {
        /// Whom.
        hosts: Group,
        /// By how much; none: nothing takes effect before the fault ends.
        by: Option<Span>,
    },
    /// The disks of a machine that is down are replaced by empty ones.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 4s wipe b2";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Wipe {
        /// Which of them, from 0; all if none is named.
        disk: Option<u16>,
        /// Whom.
        hosts: Group,
    },
    /// The disks of two machines that are down are exchanged.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 4s swap b1 - b2";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Swap {
        /// One machine.
        one: HostExpr,
        /// The other.
        other: HostExpr,
    },
    /// Something is wrong with the disks.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 slow by 100 for 5s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Disk {
        /// Which of them, from 0; all if none is named.
        disk: Option<u16>,
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
    /// The admin asks for other replicas of a partition; what moves moves from then on.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 5s reassign orders/0 to b2 b3 b4";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Reassign {
        /// Which partition.
        partition: String,
        /// The replicas, the preferred leader first.
        to: Group,
    },
    /// The admin takes a reassignment back that is not over.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 6s cancel orders/0";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Cancel {
        /// Of which partition.
        partition: String,
    },
    /// The admin asks for more partitions.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 5s grow orders to 6";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Grow {
        /// Of which topic.
        topic: String,
        /// How many there are to be.
        partitions: u16,
    },
    /// The admin asks that the preferred leader leads.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 8s elect orders/0";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Elect {
        /// Which partition.
        partition: String,
    },
    /// The admin asks for other settings; they hold from then on.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 5s configure topic orders with min.insync.replicas=2 without retention.ms";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Configure {
        /// Of what.
        of: Configured,
        /// What is set, and to what.
        with: Vec<(String, String)>,
        /// What is taken back.
        without: Vec<String>,
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

impl Effect {
    /// Whether a disk answers with other bytes than were written: no replica promises to notice.
    #[must_use]
    pub fn corrupts(&self) -> bool {
        matches!(
            self,
            Self::Disk {
                fault: DiskFault::Rot { .. }
                    | DiskFault::Misread { .. }
                    | DiskFault::Misdirect { .. },
                ..
            }
        )
    }

    /// Whether it ends processes.
    #[must_use]
    pub fn ends_processes(&self) -> bool {
        matches!(self, Self::Crash { .. } | Self::Stop { .. })
    }

    /// Whether it may last; otherwise it happens at once and is over.
    #[must_use]
    pub fn can_last(&self) -> bool {
        match self {
            Self::Disk { fault, .. } => fault.can_last(),
            Self::Clock { fault, .. } => !matches!(fault, ClockFault::Step(_)),
            Self::Reset { .. }
            | Self::Release { .. }
            | Self::Restart { .. }
            | Self::Wipe { .. }
            | Self::Swap { .. }
            | Self::Reassign { .. }
            | Self::Cancel { .. }
            | Self::Grow { .. }
            | Self::Elect { .. }
            | Self::Configure { .. } => false,
            Self::Cut { .. }
            | Self::Isolate { .. }
            | Self::Bridge { .. }
            | Self::Ring { .. }
            | Self::Swizzle { .. }
            | Self::Refuse { .. }
            | Self::Hang { .. }
            | Self::Delay { .. }
            | Self::Throttle { .. }
            | Self::Stall { .. }
            | Self::Hold { .. }
            | Self::Crash { .. }
            | Self::Stop { .. }
            | Self::Pause { .. }
            | Self::Slow { .. }
            | Self::Lag { .. }
            | Self::Swarm { .. } => true,
        }
    }
}

impl From<HostExpr> for Group {
    fn from(host: HostExpr) -> Self {
        Self(vec![host])
    }
}
