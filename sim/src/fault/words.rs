//! Every word of the fault text, for `trial list faults` and for messages about unknown words.

/// A word of the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub word: &'static str,
    /// How it is used.
    pub shape: &'static str,
    /// What it does.
    pub does: &'static str,
    /// A whole fault with it.
    pub example: &'static str,
}

/// Every word, in the order of reading.
///
/// ```
/// # use trial_sim::fault::{Fault, WORDS};
/// for word in WORDS {
///     let fault: Fault = word.example.parse().expect("every example is a fault");
///     assert_eq!(fault.to_string(), word.example);
/// }
/// ```
pub const WORDS: &[Word] = &[
    Word {
        word: "at",
        shape: "at TIME",
        does: "once, at this time since the start",
        example: "at 2s crash b1",
    },
    Word {
        word: "during",
        shape: "during TIME..TIME",
        does: "from one time to the other",
        example: "during 2s..4s stall b1 > b2",
    },
    Word {
        word: "every",
        shape: "every DURATION",
        does: "again and again",
        example: "every 5s reset b1 - b2",
    },
    Word {
        word: "when",
        shape: "when CONDITION {and CONDITION} [after DURATION]",
        does: "once, as soon as all conditions hold, or a while after that",
        example: "when high_watermark(orders/0) >= 3 and isr(orders/0) == 3 crash leader(orders/0)",
    },
    Word {
        word: "for",
        shape: "EFFECT for DURATION",
        does: "how long it lasts; a crashed or stopped host starts again afterwards",
        example: "at 2s isolate b1 for 3s",
    },
    Word {
        word: "cut",
        shape: "cut A | B, cut A > B",
        does: "nothing gets through between groups of hosts, both ways or one way",
        example: "at 2s cut b1 | b2 b3 for 800ms",
    },
    Word {
        word: "isolate",
        shape: "isolate A",
        does: "cuts a group off from everybody else",
        example: "at 2s isolate leader(orders/0) for 3s",
    },
    Word {
        word: "bridge",
        shape: "bridge H over A | B",
        does: "cuts A and B off from each other; H between them reaches both",
        example: "at 2s bridge b3 over b1 b2 | b4 b5 for 5s",
    },
    Word {
        word: "ring",
        shape: "ring A",
        does: "each hears itself and those after it on the ring, a majority; no two hear the same",
        example: "at 2s ring c1 c2 c3 c4 c5 for 5s",
    },
    Word {
        word: "swizzle",
        shape: "swizzle A",
        does: "isolates one after the other, and brings them back in another order, by the seed",
        example: "at 2s swizzle b1 b2 b3 for 10s",
    },
    Word {
        word: "delay",
        shape: "delay [LABEL] A > B by DURATION[..DURATION]",
        does: "bytes take longer; within a range as drawn; with a label, frames of that kind",
        example: "at 2s delay b1 > b2 by 50ms for 10s",
    },
    Word {
        word: "throttle",
        shape: "throttle A > B to RATE",
        does: "bytes flow at this rate",
        example: "at 2s throttle b1 > b2 to 1MB/s for 10s",
    },
    Word {
        word: "stall",
        shape: "stall A > B",
        does: "connections stay open, nothing arrives",
        example: "at 2s stall b1 > b2 for 3s",
    },
    Word {
        word: "refuse",
        shape: "refuse A > B",
        does: "new connections are refused, those that exist go on",
        example: "at 2s refuse p1 > b2 for 3s",
    },
    Word {
        word: "hang",
        shape: "hang A > B",
        does: "new connections get no answer, those that exist go on",
        example: "at 2s hang p1 > b2 for 3s",
    },
    Word {
        word: "reset",
        shape: "reset A - B",
        does: "all connections between the groups end with a reset",
        example: "at 2s reset b1 - b2",
    },
    Word {
        word: "hold",
        shape: "hold LABEL A > B",
        does: "holds back a kind of frames (Fetch, FetchResponse) and what follows them on their connections",
        example: "at 2s hold Fetch b2 > b1 for 4s",
    },
    Word {
        word: "release",
        shape: "release LABEL A > B",
        does: "lets go what was held back",
        example: "when isr(orders/0) == 1 release Fetch b2 > b1",
    },
    Word {
        word: "crash",
        shape: "crash A [losing unsynced]",
        does: "the process dies; losing unsynced, the machine loses power",
        example: "at 3s crash b2 losing unsynced for 2s",
    },
    Word {
        word: "stop",
        shape: "stop A",
        does: "the process stops in good order",
        example: "at 3s stop b2 for 2s",
    },
    Word {
        word: "restart",
        shape: "restart A [as PROFILE] [with KEY=VALUE...]",
        does: "starts a host that is down; as another version or with other settings, from then on",
        example: "at 5s restart b2 as 4.3 with num.io.threads=1",
    },
    Word {
        word: "pause",
        shape: "pause A",
        does: "nothing runs on the host, its connections stay open",
        example: "at 3s pause b2 for 12s",
    },
    Word {
        word: "slow",
        shape: "slow A by FACTOR",
        does: "the processors take so many times as long",
        example: "at 3s slow b2 by 10 for 5s",
    },
    Word {
        word: "lag",
        shape: "lag A [by DURATION]",
        does: "what the host reads of the metadata takes effect so much later, or not before the end",
        example: "at 3s lag b2 for 5s",
    },
    Word {
        word: "wipe",
        shape: "wipe [disk N of] A",
        does: "replaces the disks of a host that is down by empty ones",
        example: "at 4s wipe b2",
    },
    Word {
        word: "swap",
        shape: "swap A - B",
        does: "exchanges the disks of two hosts that are down",
        example: "at 4s swap b1 - b2",
    },
    Word {
        word: "disk",
        shape: "disk [N of] A slow by FACTOR, throttle to RATE, eio [once] [read|write|sync] [in PATH], full, rot [in PATH], misread [in PATH], misdirect [in PATH], hangs, dies",
        does: "something is wrong with the disks",
        example: "at 3s disk b2 slow by 100 for 5s",
    },
    Word {
        word: "clock",
        shape: "clock A ahead DURATION, drift PPM, step [-]DURATION",
        does: "something is wrong with the wall clock",
        example: "at 3s clock b2 step -2s",
    },
    Word {
        word: "reassign",
        shape: "reassign PARTITION to A",
        does: "the admin asks for these replicas, the preferred leader first; the data moves from then on",
        example: "at 5s reassign orders/0 to b2 b3 b4",
    },
    Word {
        word: "cancel",
        shape: "cancel PARTITION",
        does: "the admin takes a reassignment back that is not over",
        example: "at 6s cancel orders/0",
    },
    Word {
        word: "grow",
        shape: "grow TOPIC to COUNT",
        does: "the admin asks for so many partitions",
        example: "at 5s grow orders to 6",
    },
    Word {
        word: "elect",
        shape: "elect PARTITION",
        does: "the admin asks that the preferred leader leads",
        example: "at 8s elect orders/0",
    },
    Word {
        word: "configure",
        shape: "configure topic TOPIC, broker H, brokers, group NAME [with KEY=VALUE...] [without KEY...]",
        does: "the admin asks for other settings of a topic, a broker, all brokers or a consumer group, or takes them back",
        example: "at 5s configure topic orders with min.insync.replicas=2 without retention.ms",
    },
    Word {
        word: "swarm",
        shape: "swarm FAMILY...",
        does: "faults drawn from the seed: network, mesh, connect, crash, disk, io, clock, pause",
        example: "during 5s..60s swarm network crash disk",
    },
];

/// Words that begin a fault.
pub(super) const WHENS: &[&str] = &["at", "during", "every", "when"];

/// Words that begin an effect.
pub(super) const EFFECTS: &[&str] = &[
    "cut",
    "isolate",
    "bridge",
    "ring",
    "swizzle",
    "delay",
    "throttle",
    "stall",
    "refuse",
    "hang",
    "reset",
    "hold",
    "release",
    "crash",
    "stop",
    "restart",
    "pause",
    "slow",
    "lag",
    "wipe",
    "swap",
    "disk",
    "clock",
    "reassign",
    "cancel",
    "grow",
    "elect",
    "configure",
    "swarm",
];

/// What a disk may do.
pub(super) const DISK_FAULTS: &[&str] =
    &["slow", "throttle", "eio", "full", "rot", "misread", "misdirect", "hangs", "dies"];

/// What a clock may do.
pub(super) const CLOCK_FAULTS: &[&str] = &["ahead", "drift", "step"];

/// Words that stand between others.
const JOINTS: &[&str] = &[
    "and", "after", "for", "by", "to", "losing", "unsynced", "as", "with", "once", "over", "of",
    "in", "read", "write", "sync",
];

/// Whether a word belongs to the grammar, so that no host may be called so.
pub(super) fn is_reserved(word: &str) -> bool {
    [WHENS, EFFECTS, DISK_FAULTS, CLOCK_FAULTS, JOINTS].iter().any(|words| words.contains(&word))
}
