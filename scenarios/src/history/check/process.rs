//! From one operation of a process to its next: poll-skip, nonmonotonic-poll, nonmonotonic-send.
//!
//! In Jepsen:  `poll-skip+nonmonotonic-cases`, `nonmonotonic-send-cases`.
//! Holds:      of each process and key, what its last operation polled and sent there.
//! Invariants: the first that an operation polls of a key follows the last that the process's operation before polled
//!             there and that was `:ok`: one that failed takes its position back. What it sends lies behind what it
//!             sent. After `assign` or `subscribe` nothing is expected of keys that are not named there.

use std::collections::BTreeMap;

use super::super::Type;
use super::anomaly::Anomaly;
use super::found::{Case, Found, Part};
use super::op::{Function, Op, Read};
use super::order::Order;
use super::value::{Key, Val};

/// The last that was polled or sent.
#[derive(Debug, Clone, Copy)]
struct Last {
    value: Val,
    index: Option<u32>,
    op: u64,
}

/// All processes.
#[derive(Debug, Default)]
pub(super) struct Processes {
    polls: BTreeMap<(i64, Key), Last>,
    sends: BTreeMap<(i64, Key), Last>,
}

/// Keeps of a process the keys that it still has.
fn keep(lasts: &mut BTreeMap<(i64, Key), Last>, process: i64, keys: &[Key]) {
    let all = (process, Key(0))..=(process, Key(u32::MAX));
    let gone: Vec<(i64, Key)> =
        lasts.range(all).map(|(of, _)| *of).filter(|(_, key)| !keys.contains(key)).collect();
    for of in gone {
        lasts.remove(&of);
    }
}

fn delta(from: Option<u32>, to: Option<u32>) -> i64 {
    match (from, to) {
        (Some(from), Some(to)) => i64::from(to) - i64::from(from),
        _ => 1,
    }
}

impl Processes {
    /// Looks at one operation. `ids`: the numbers of what it read.
    pub(super) fn take(
        &mut self,
        op: &Op,
        ids: &[Option<u32>],
        orders: &[Order],
        found: &mut Found,
    ) {
        match op.f {
            Function::Assign | Function::Subscribe => {
                if matches!(op.kind, Type::Ok | Type::Info) {
                    keep(&mut self.polls, op.process, &op.keys);
                    keep(&mut self.sends, op.process, &op.keys);
                }
            }
            Function::Send | Function::Poll | Function::Txn => {
                self.polled(op, ids, orders, found);
                if matches!(op.kind, Type::Ok | Type::Info) {
                    self.sent(op, orders, found);
                }
            }
        }
    }

    fn polled(&mut self, op: &Op, ids: &[Option<u32>], orders: &[Order], found: &mut Found) {
        for polled in op.read() {
            let (key, order) = (polled.key, &orders[polled.key.place()]);
            let mut records = op.records(polled).iter().zip(&ids[polled.range()]);
            // An empty poll has polled nil, as far as Jepsen is concerned.
            let known = |record: Option<(&Read, &Option<u32>)>| match record {
                Some((read, id)) => (read.value, id.and_then(|id| order.index(id))),
                None => (Val::NIL, order.index_of(Val::NIL)),
            };
            if let Some(last) = self.polls.get(&(op.process, key)) {
                let anomalies = (Anomaly::PollSkip, Anomaly::NonmonotonicPoll);
                judge(op, key, last, known(records.clone().next()), anomalies, found);
            }
            if op.kind == Type::Ok {
                let (value, index) = known(records.next_back());
                self.polls.insert((op.process, key), Last { value, index, op: op.index });
            }
        }
    }

    fn sent(&mut self, op: &Op, orders: &[Order], found: &mut Found) {
        let sends = op.writes();
        for (at, send) in sends.iter().enumerate() {
            let key = send.key;
            if at > 0 && sends[..at].iter().any(|before| before.key == key) {
                continue;
            }
            let order = &orders[key.place()];
            let of = (op.process, key);
            if let Some(last) = self.sends.get(&of) {
                let index = order.index_of(send.value);
                if delta(last.index, index) < 1 {
                    let anomalies = (Anomaly::NonmonotonicSend, Anomaly::NonmonotonicSend);
                    judge(op, key, last, (send.value, index), anomalies, found);
                }
            }
            let last = sends.iter().rfind(|send| send.key == key).expect("this one at least");
            let index = order.index_of(last.value);
            self.sends.insert(of, Last { value: last.value, index, op: op.index });
        }
    }
}

fn judge(
    op: &Op,
    key: Key,
    last: &Last,
    (first, index): (Val, Option<u32>),
    (skip, nonmonotonic): (Anomaly, Anomaly),
    found: &mut Found,
) {
    let delta = delta(last.index, index);
    if delta == 1 {
        return;
    }
    let anomaly = if delta > 1 { skip } else { nonmonotonic };
    found.add(anomaly, delta.unsigned_abs(), op.index, || Case {
        key: Some(key),
        values: vec![last.value, first],
        delta: Some(delta),
        skipped: last.index.zip(index).map(|(from, to)| (from + 1, to)).filter(|_| delta > 1),
        ops: vec![(Part::Before, last.op), (Part::Itself, op.index)],
        ..Case::default()
    });
}
