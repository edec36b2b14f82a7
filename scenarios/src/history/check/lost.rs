//! What was not seen, and what stands twice: lost-write, unseen, duplicate.
//!
//! In Jepsen:  `lost-write-cases`, `unseen` at its end, `duplicate-cases`.
//! Invariants: a value that must have been committed was polled by an operation that was `:ok`, if one was polled that
//!             stands first at or behind the last index at which this one stands. What was acknowledged was polled.
//!             A value stands at one offset.
//! Left out:   of `unseen` a slip of Jepsen's: a key that is polled for the first time by the last operation of all,
//!             and to which nobody has sent with success, counts there as unseen altogether.

use super::anomaly::Anomaly;
use super::found::{Case, Found};
use super::order::{Order, flag};
use super::value::Key;

/// Looks at the values of a key.
pub(super) fn finish(key: Key, order: &Order, found: &mut Found) {
    for (id, offsets) in order.doubled() {
        found.add(Anomaly::Duplicate, offsets.len() as u64, first(&offsets), || Case {
            key: Some(key),
            values: vec![order.value(id)],
            offsets,
            ..Case::default()
        });
    }
    let read = order.ids().filter(|id| order.has(*id, flag::READ_OK));
    let bound = read.filter_map(|id| order.first_index(id)).max();
    let later = bound.and_then(|bound| order.ids().find(|id| order.last_index(*id) == Some(bound)));
    for id in order.ids().filter(|id| !order.has(*id, flag::READ_OK)) {
        let case = || Case {
            key: Some(key),
            values: vec![order.value(id)],
            later: later.map(|later| order.value(later)),
            ..Case::default()
        };
        if let (Some(bound), Some(last)) = (bound, order.last_index(id))
            && last <= bound
            && order.has(id, flag::COMMITTED)
        {
            let at = order.first_index(id).unwrap_or(last);
            found.add(Anomaly::LostWrite, u64::from(bound - last), at.into(), case);
        }
        if order.has(id, flag::SENT_OK) {
            found.add(
                Anomaly::Unseen,
                0,
                order.first_index(id).map_or(u64::MAX, u64::from),
                || Case { key: Some(key), values: vec![order.value(id)], ..Case::default() },
            );
        }
    }
}

fn first(offsets: &[i64]) -> u64 {
    offsets.first().map_or(0, |offset| offset.unsigned_abs())
}
