//! What must not be seen: G1a, precommitted-read; and a value that nobody has sent.
//!
//! In Jepsen:  `g1a-cases`, `precommitted-read-cases`; `:no-writer-of-value`, with which its analysis ends.
//! Invariants: an operation that is `:ok` polls nothing whose send had failed; a transaction polls nothing that it
//!             sends; what an operation that has ended has polled was sent by one that has ended.

use super::super::Type;
use super::anomaly::Anomaly;
use super::found::{Case, Found, Part};
use super::op::{Function, Op};
use super::order::{Order, flag};
use super::value::{Key, Val};

/// Looks at one operation. `ids`: the numbers of what it read.
pub(super) fn take(op: &Op, ids: &[Option<u32>], orders: &[Order], found: &mut Found) {
    for polled in op.read() {
        let order = &orders[polled.key.place()];
        for (read, id) in op.records(polled).iter().zip(&ids[polled.range()]) {
            let Some(id) = *id else { continue };
            let case = || Case {
                key: Some(polled.key),
                values: vec![read.value],
                offsets: read.offset.into_iter().collect(),
                ops: vec![(Part::Reader, op.index)],
                ..Case::default()
            };
            if op.kind == Type::Ok && order.has(id, flag::FAILED) {
                found.add(Anomaly::G1a, 0, op.index, case);
            }
            if op.is_completion() && !order.has(id, flag::WRITTEN) {
                found.add(Anomaly::NoWriterOfValue, 0, op.index, case);
            }
        }
    }
    if op.f == Function::Txn && !op.sends.is_empty() && !op.reads.is_empty() {
        precommitted(op, found);
    }
}

/// One of an operation is enough.
fn precommitted(op: &Op, found: &mut Found) {
    let mut sent: Vec<(Key, Val)> = op.sends.iter().map(|send| (send.key, send.value)).collect();
    sent.sort_unstable();
    let seen = op.polled.iter().find_map(|polled| {
        let all = op.records(polled).iter().map(|read| (polled.key, read.value));
        all.clone().find(|read| sent.binary_search(read).is_ok())
    });
    let Some((key, value)) = seen else { return };
    found.add(Anomaly::PrecommittedRead, 0, op.index, || Case {
        key: Some(key),
        values: vec![value],
        ops: vec![(Part::Itself, op.index)],
        ..Case::default()
    });
}
