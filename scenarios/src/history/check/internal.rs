//! Within one operation: int-poll-skip, int-nonmonotonic-poll, int-send-skip, int-nonmonotonic-send.
//!
//! In Jepsen:  `int-poll-skip+nonmonotonic-cases`, `int-send-skip+nonmonotonic-cases`.
//! Invariants: each two records that an operation polled of a key, or sent to it, one after the other, follow each
//!             other in the key's order. Of a key in the rebalance log nothing is expected. What has no index counts
//!             as next.

use super::anomaly::Anomaly;
use super::found::{Case, Found, Part};
use super::op::Op;
use super::order::Order;
use super::value::{Key, Val};

/// From one index to another.
#[derive(Clone, Copy)]
struct Step {
    from: Option<u32>,
    to: Option<u32>,
}

impl Step {
    fn delta(self) -> i64 {
        match (self.from, self.to) {
            (Some(from), Some(to)) => i64::from(to) - i64::from(from),
            _ => 1,
        }
    }
}

/// Looks at one operation. `ids`: the numbers of what it read.
pub(super) fn take(op: &Op, ids: &[Option<u32>], orders: &[Order], found: &mut Found) {
    for polled in op.read() {
        let key = polled.key;
        if op.rebalanced.binary_search(&key).is_ok() {
            continue;
        }
        let order = &orders[key.place()];
        let mut before: Option<(Val, Option<u32>)> = None;
        for (read, id) in op.records(polled).iter().zip(&ids[polled.range()]) {
            let index = id.and_then(|id| order.index(id));
            if let Some((value, from)) = before {
                let step = Step { from, to: index };
                let anomalies = (Anomaly::IntPollSkip, Anomaly::IntNonmonotonicPoll);
                judge(op, key, (value, read.value), step, anomalies, found);
            }
            before = Some((read.value, index));
        }
    }
    if !op.is_completion() {
        return;
    }
    op.each_pair_of_sends(|first, second| {
        let order = &orders[first.key.place()];
        let step = Step { from: order.index_of(first.value), to: order.index_of(second.value) };
        let anomalies = (Anomaly::IntSendSkip, Anomaly::IntNonmonotonicSend);
        judge(op, first.key, (first.value, second.value), step, anomalies, found);
    });
}

fn judge(
    op: &Op,
    key: Key,
    (first, second): (Val, Val),
    step: Step,
    (skip, nonmonotonic): (Anomaly, Anomaly),
    found: &mut Found,
) {
    let delta = step.delta();
    if delta == 1 {
        return;
    }
    let anomaly = if delta > 1 { skip } else { nonmonotonic };
    found.add(anomaly, delta.unsigned_abs(), op.index, || Case {
        key: Some(key),
        values: vec![first, second],
        delta: Some(delta),
        skipped: step.from.zip(step.to).map(|(from, to)| (from + 1, to)).filter(|_| delta > 1),
        ops: vec![(Part::Itself, op.index)],
        ..Case::default()
    });
}
