//! What can be wrong with a history, and what Jepsen allows.
//!
//! In Jepsen:  the keys of `:errors` in `jepsen.tests.kafka/analysis`, and `allowed-error-types`.
//! Left out:   `PL-1-cycle-exists` and its like, which are told beside a cycle and say less. `G0-process` and
//!             `G1c-process`: Jepsen looks for cycles with the order of real time, which contains that of a process.

use std::fmt;
use std::str::FromStr;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// An offset of a key has two values.
    InconsistentOffsets,
    /// A value of a key stands at two offsets.
    Duplicate,
    /// A value that was committed was polled by nobody, though a later one was.
    LostWrite,
    /// A value that was acknowledged was polled by nobody.
    Unseen,
    /// A value was polled whose send had failed.
    G1a,
    /// A transaction polled what it had sent itself.
    PrecommittedRead,
    /// Two polls of one operation left values out that lie between them.
    IntPollSkip,
    /// Two polls of one operation went back, or stood still.
    IntNonmonotonicPoll,
    /// Others lie between two sends of one operation.
    IntSendSkip,
    /// Two sends of one operation went back.
    IntNonmonotonicSend,
    /// A process left values out, from one operation to its next.
    PollSkip,
    /// A process went back, or stood still, from one operation to its next.
    NonmonotonicPoll,
    /// What a process sent lies before what it had sent in an earlier operation.
    NonmonotonicSend,
    /// Operations wrote before each other in a circle.
    G0,
    /// The same, with what had ended before another began.
    G0Realtime,
    /// Operations wrote before each other or read from each other in a circle.
    G1c,
    /// The same, with what had ended before another began.
    G1cRealtime,
    /// No two operations have anything to do with each other: there is nothing to judge.
    EmptyTransactionGraph,
    /// A value was polled that nobody has sent.
    NoWriterOfValue,
}

/// What an anomaly makes of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It is an error, unless it is allowed.
    Error,
    /// Jepsen's analysis ends with it: nothing is known.
    Unknown,
}

impl Anomaly {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 19] = [
        Self::InconsistentOffsets,
        Self::Duplicate,
        Self::LostWrite,
        Self::Unseen,
        Self::G1a,
        Self::PrecommittedRead,
        Self::IntPollSkip,
        Self::IntNonmonotonicPoll,
        Self::IntSendSkip,
        Self::IntNonmonotonicSend,
        Self::PollSkip,
        Self::NonmonotonicPoll,
        Self::NonmonotonicSend,
        Self::G0,
        Self::G0Realtime,
        Self::G1c,
        Self::G1cRealtime,
        Self::EmptyTransactionGraph,
        Self::NoWriterOfValue,
    ];

    /// Jepsen's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InconsistentOffsets => "inconsistent-offsets",
            Self::Duplicate => "duplicate",
            Self::LostWrite => "lost-write",
            Self::Unseen => "unseen",
            Self::G1a => "G1a",
            Self::PrecommittedRead => "precommitted-read",
            Self::IntPollSkip => "int-poll-skip",
            Self::IntNonmonotonicPoll => "int-nonmonotonic-poll",
            Self::IntSendSkip => "int-send-skip",
            Self::IntNonmonotonicSend => "int-nonmonotonic-send",
            Self::PollSkip => "poll-skip",
            Self::NonmonotonicPoll => "nonmonotonic-poll",
            Self::NonmonotonicSend => "nonmonotonic-send",
            Self::G0 => "G0",
            Self::G0Realtime => "G0-realtime",
            Self::G1c => "G1c",
            Self::G1cRealtime => "G1c-realtime",
            Self::EmptyTransactionGraph => "empty-transaction-graph",
            Self::NoWriterOfValue => "no-writer-of-value",
        }
    }

    /// What it says, in short.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::InconsistentOffsets => "one offset with several values",
            Self::Duplicate => "one value at several offsets",
            Self::LostWrite => "committed, and polled by nobody though a later value was",
            Self::Unseen => "acknowledged, and polled by nobody",
            Self::G1a => "polled, though its send had failed",
            Self::PrecommittedRead => "a transaction polled what it had sent itself",
            Self::IntPollSkip => "one operation polled past values in between",
            Self::IntNonmonotonicPoll => "one operation polled backwards",
            Self::IntSendSkip => "others between two sends of one operation",
            Self::IntNonmonotonicSend => "one operation sent backwards",
            Self::PollSkip => "a process polled past values, from one operation to its next",
            Self::NonmonotonicPoll => "a process polled backwards, from one operation to its next",
            Self::NonmonotonicSend => "a process sent backwards, from one operation to its next",
            Self::G0 => "operations that wrote before each other, in a circle",
            Self::G0Realtime => "a circle of writes and of what had ended before another began",
            Self::G1c => "operations that read from each other, in a circle",
            Self::G1cRealtime => "read from an operation that had not begun",
            Self::EmptyTransactionGraph => "no two operations have to do with each other",
            Self::NoWriterOfValue => "polled, and sent by nobody in this history",
        }
    }

    /// What it makes of a history.
    #[must_use]
    pub const fn weight(self) -> Weight {
        match self {
            Self::NoWriterOfValue => Weight::Unknown,
            _ => Weight::Error,
        }
    }

    pub(super) const fn place(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Anomaly {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|anomaly| anomaly.name() == text);
        found.ok_or_else(|| format!("there is no anomaly `{text}`"))
    }
}

/// How consumers came to their partitions (Jepsen's `:sub-via`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubVia {
    /// They took them: `assign`.
    Assign,
    /// A group gave them, and takes them away: `subscribe`.
    Subscribe,
}

/// Why Jepsen allows an anomaly; none if it does not.
#[must_use]
pub fn allowed_by_jepsen(anomaly: Anomaly, sub_via: SubVia, ww_deps: bool) -> Option<&'static str> {
    match anomaly {
        Anomaly::IntSendSkip | Anomaly::G0 | Anomaly::G0Realtime => {
            Some("always: writes of Kafka's transactions are not isolated")
        }
        Anomaly::PollSkip | Anomaly::NonmonotonicPoll if sub_via == SubVia::Subscribe => {
            Some("subscribe: a rebalance may come between two operations")
        }
        Anomaly::G1c | Anomaly::G1cRealtime if ww_deps => {
            Some("ww-deps: where writes are not isolated, cycles with them are no error")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Anomaly, SubVia, allowed_by_jepsen};

    #[test]
    fn every_anomaly_stands_in_its_place_and_has_a_name_of_its_own() {
        for (place, anomaly) in Anomaly::ALL.into_iter().enumerate() {
            assert_eq!(anomaly.place(), place);
            assert_eq!(anomaly.name().parse(), Ok(anomaly));
        }
        assert!("G2".parse::<Anomaly>().is_err());
    }

    #[test]
    fn jepsen_allows_what_its_table_says() {
        let allowed = |sub_via, ww_deps| {
            let all = Anomaly::ALL.into_iter();
            let names = all.filter(|one| allowed_by_jepsen(*one, sub_via, ww_deps).is_some());
            names.map(Anomaly::name).collect::<Vec<_>>()
        };
        assert_eq!(allowed(SubVia::Assign, false), ["int-send-skip", "G0", "G0-realtime"]);
        assert_eq!(
            allowed(SubVia::Subscribe, false),
            ["int-send-skip", "poll-skip", "nonmonotonic-poll", "G0", "G0-realtime"]
        );
        assert_eq!(
            allowed(SubVia::Assign, true),
            ["int-send-skip", "G0", "G0-realtime", "G1c", "G1c-realtime"]
        );
    }
}
