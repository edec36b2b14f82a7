//! What can befall a compacted log, and what may come between the steps of a cleaning.

use proptest::prelude::*;
use trial_log::LastBatchKept;

/// What is done next. Producers 0 to 2 have no transactions, 3 to 5 do.
#[derive(Debug, Clone)]
pub enum Step {
    /// Keys, and whether each gets a value.
    Put {
        id: i64,
        records: Vec<(u8, bool)>,
        codec: usize,
    },
    /// With `keeps_epoch` as under `transaction.version` 0.
    End {
        id: i64,
        aborts: bool,
        keeps_epoch: bool,
    },
    Roll,
    HighWatermark {
        percent: i64,
    },
    Later {
        ms: i64,
    },
    Clean {
        room: usize,
        read_bytes: usize,
        max_segment_bytes: u64,
        last: LastBatchKept,
        between: Between,
    },
    Truncate {
        back: i64,
    },
    /// A client deletes the records of so much of what is committed.
    DeleteRecords {
        percent: i64,
    },
    /// Old segments go: those below the start and, if the policy is `compact,delete`, the oldest of too many.
    Retain,
    /// Where the log starts is written down.
    Checkpoint,
    Crash {
        power: Option<u64>,
    },
    Restart,
}

/// What comes between the steps of a cleaning, after so many.
#[derive(Debug, Clone, Copy)]
pub enum Between {
    Nothing,
    Cut {
        after: usize,
        back: i64,
    },
    Append {
        after: usize,
    },
    /// Records are deleted; what lies below may go at once, which in Kafka waits for the cleaner.
    DeleteRecords {
        after: usize,
        percent: i64,
        drops: bool,
    },
    /// The disk refuses after so many calls, and the process ends, perhaps with the power.
    Crash {
        calls: u64,
        power: Option<u64>,
    },
}

impl Between {
    /// Whether it comes after so many steps.
    pub fn comes_after(self, steps: usize) -> bool {
        match self {
            Self::Cut { after, .. }
            | Self::Append { after }
            | Self::DeleteRecords { after, .. } => after == steps,
            Self::Nothing | Self::Crash { .. } => false,
        }
    }
}

fn between() -> impl Strategy<Value = Between> {
    let power = || prop::option::of(any::<u64>());
    prop_oneof![
        5 => Just(Between::Nothing),
        1 => (0..40usize, 1..40i64).prop_map(|(after, back)| Between::Cut { after, back }),
        1 => (0..40usize).prop_map(|after| Between::Append { after }),
        1 => (0..40usize, 0..=100i64, any::<bool>())
            .prop_map(|(after, percent, drops)| Between::DeleteRecords { after, percent, drops }),
        2 => (0..60u64, power()).prop_map(|(calls, power)| Between::Crash { calls, power }),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let records = prop::collection::vec((0..6u8, prop::bool::weighted(0.7)), 1..4);
    let room = prop_oneof![3 => Just(1000usize), 2 => 1..6usize];
    let reads = prop_oneof![Just(1usize), Just(300), Just(1 << 20)];
    let sizes = prop_oneof![3 => Just(i32::MAX as u64), 1 => 100..400u64];
    let last =
        prop_oneof![Just(LastBatchKept::OfCleaning), Just(LastBatchKept::BelowHighWatermark)];
    prop_oneof![
        14 => (0..6i64, records, 0..9usize)
            .prop_map(|(id, records, codec)| Step::Put { id, records, codec }),
        5 => (3..6i64, any::<bool>(), any::<bool>())
            .prop_map(|(id, aborts, keeps_epoch)| Step::End { id, aborts, keeps_epoch }),
        3 => Just(Step::Roll),
        5 => (70..=100i64).prop_map(|percent| Step::HighWatermark { percent }),
        3 => (0..80i64).prop_map(|ms| Step::Later { ms }),
        6 => (room, reads, sizes, last, between()).prop_map(
            |(room, read_bytes, max_segment_bytes, last, between)| {
                Step::Clean { room, read_bytes, max_segment_bytes, last, between }
            }
        ),
        1 => (0..30i64).prop_map(|back| Step::Truncate { back }),
        1 => (0..60i64).prop_map(|percent| Step::DeleteRecords { percent }),
        2 => Just(Step::Retain),
        1 => Just(Step::Checkpoint),
        1 => prop::option::of(any::<u64>()).prop_map(|power| Step::Crash { power }),
        1 => Just(Step::Restart),
    ]
}
