//! Goes through a history: once as it is read, then through its transcript, until everything is found.
//!
//! In Jepsen:  `analysis`.
//! Holds:      the transcript, and what is known of each value; see `transcript.rs` and `order.rs`.
//! Invariants: AN-1 the time is linear in the length of the history, but for sorting and searching within a key, and
//!             what comes out depends on the history alone. AN-2 the memory is some ten bytes for each operation, two
//!             for each record of a poll, and some twenty for each value; more for what is no integer, has no offset,
//!             stands where others do; for each process the keys that it has touched; for transactions that both send
//!             and poll what `cycles.rs` says.
//!
//! The passes: the transcript is made, and pairs of offset and value are gathered (polls of all operations, sends of
//! those that were `:ok`); who was read; who was sent, where operations that ended with `:info` count as committed if
//! any value of theirs was read; then values get their indices, and everything is judged.

use std::io::Read;

use super::super::Type;
use super::aborted;
use super::anomaly::Anomaly;
use super::cycles::{Cycles, Invocations};
use super::edn::Edn;
use super::found::{Case, Found};
use super::internal;
use super::json::Json;
use super::lost;
use super::meaning::{self, Meaning};
use super::observed::Observed;
use super::op::{Function, Op, Send};
use super::order::{Conflict, Order, flag};
use super::process::Processes;
use super::skipped;
use super::source::HistoryError;
use super::tape::Tape;
use super::transcript::Transcript;
use super::value::{Key, Notation, Values};

/// What was found in a history, by numbers.
pub(super) struct Analysis {
    pub(super) values: Values,
    pub(super) found: Found,
    pub(super) skipped: skipped::Skipped,
    /// Operations of clients, by lines.
    pub(super) ops: u64,
    /// Lines in all.
    pub(super) lines: u64,
    /// Records that polls returned.
    pub(super) records: u64,
    /// Whether anybody subscribed.
    pub(super) subscribes: bool,
    /// What was held, in bytes: the transcript, and what is known of values.
    pub(super) held: (usize, usize),
}

/// A history, as it has been read.
struct Recorded {
    values: Values,
    transcript: Transcript,
    keys: Vec<OfKey>,
    ops: u64,
    lines: u64,
    records: u64,
    subscribes: bool,
    has_nodes: bool,
}

/// What is gathered of a key.
#[derive(Default)]
struct OfKey {
    observed: Observed,
    /// Values that matter, and that stand at no offset as far as is known yet.
    others: Vec<i64>,
}

enum Forms<R> {
    Edn(Edn<R>),
    Json(Json<R>),
}

impl<R: Read> Forms<R> {
    fn next(&mut self, tape: &mut Tape) -> Result<bool, HistoryError> {
        match self {
            Self::Edn(edn) => edn.next(tape),
            Self::Json(json) => json.next(tape),
        }
    }
}

/// An offset that a log can have.
fn usable(offset: Option<i64>) -> Option<i64> {
    offset.filter(|offset| *offset >= 0)
}

/// Finds everything.
pub(super) fn analyse(
    reader: impl Read,
    notation: Notation,
    ww_deps: bool,
) -> Result<Analysis, HistoryError> {
    let Recorded { values, transcript, mut keys, ops, lines, records, subscribes, has_nodes } =
        record(reader, notation)?;
    let mut found = Found::default();
    let mut orders = Vec::new();
    for key in &mut keys {
        orders.push(Order::new(&key.observed, &mut key.others)?);
    }
    mark_reads(&transcript, &mut orders);
    mark_writes(&transcript, &mut orders, &mut keys);
    for (number, (order, key)) in orders.iter_mut().zip(keys).enumerate() {
        let number = Key(u32::try_from(number).expect("keys are u32"));
        order.place(&key.observed, |conflict| inconsistent(number, conflict, &mut found));
    }
    let mut cycles = Cycles::of(&transcript, &mut orders, has_nodes, ww_deps, &mut found);
    judge(&transcript, &orders, &mut cycles, &mut found);
    for (number, order) in orders.iter().enumerate() {
        lost::finish(Key(u32::try_from(number).expect("keys are u32")), order, &mut found);
    }
    let skipped = skipped::finish(&transcript, &orders, &mut found);
    let held = (transcript.bytes(), orders.iter().map(Order::bytes).sum());
    Ok(Analysis { values, found, skipped, ops, lines, records, subscribes, held })
}

fn record(reader: impl Read, notation: Notation) -> Result<Recorded, HistoryError> {
    let mut forms = match notation {
        Notation::Edn => Forms::Edn(Edn::new(reader)),
        Notation::Json => Forms::Json(Json::new(reader)),
    };
    let mut all = Recorded {
        values: Values::new(notation),
        transcript: Transcript::default(),
        keys: Vec::new(),
        ops: 0,
        lines: 0,
        records: 0,
        subscribes: false,
        has_nodes: false,
    };
    let mut tape = Tape::default();
    let mut op = Op::default();
    while forms.next(&mut tape)? {
        let meaning = meaning::read(&tape, &mut all.values, all.lines, &mut op)?;
        all.lines += 1;
        match meaning {
            Meaning::Other => {}
            Meaning::OfClient => all.ops += 1,
            Meaning::Op => {
                all.ops += 1;
                if all.transcript.len() >= u64::from(u32::MAX) - 1 {
                    let what = "more than 2^32 operations".to_owned();
                    return Err(HistoryError::TooLarge(what));
                }
                all.keys.resize_with(all.values.key_count(), OfKey::default);
                all.take(&op);
            }
        }
    }
    all.keys.resize_with(all.values.key_count(), OfKey::default);
    Ok(all)
}

impl Recorded {
    fn take(&mut self, op: &Op) {
        self.transcript.push(op);
        self.subscribes |= op.f == Function::Subscribe;
        self.records += op.reads.len() as u64;
        if !op.carries() {
            return;
        }
        self.has_nodes |= op.f == Function::Txn
            && op.is_completion()
            && !op.sends.is_empty()
            && !op.reads.is_empty();
        for polled in &op.polled {
            let key = &mut self.keys[polled.key.place()];
            for read in op.records(polled) {
                match usable(read.offset) {
                    Some(offset) => key.observed.insert(offset, read.value),
                    None => key.others.push(read.value.0),
                }
            }
        }
        for send in &op.sends {
            self.sent(op, send);
        }
    }

    fn sent(&mut self, op: &Op, send: &Send) {
        let key = &mut self.keys[send.key.place()];
        let offset = usable(send.offset);
        match (op.kind, offset) {
            (Type::Ok, Some(offset)) => key.observed.insert(offset, send.value),
            (Type::Ok, None) => key.others.push(send.value.0),
            // It may turn out to have been committed.
            (Type::Info, Some(_)) if op.f != Function::Poll => key.others.push(send.value.0),
            _ => {}
        }
    }
}

fn mark_reads(transcript: &Transcript, orders: &mut [Order]) {
    let mut replay = transcript.read();
    while let Some(op) = replay.next() {
        let flags = match op.kind {
            Type::Invoke => continue,
            Type::Ok => flag::READ | flag::READ_OK,
            Type::Fail | Type::Info => flag::READ,
        };
        for polled in op.read() {
            let order = &mut orders[polled.key.place()];
            for read in op.records(polled) {
                if let Some(id) = order.find(read.value) {
                    order.set(id, flags);
                }
            }
        }
    }
}

/// Whether an operation that sent something was committed, as far as can be known.
fn must_have_committed(op: &Op, orders: &[Order]) -> bool {
    let was_read = |send: &Send| {
        let order = &orders[send.key.place()];
        order.find(send.value).is_some_and(|id| order.has(id, flag::READ_OK))
    };
    match op.kind {
        Type::Ok => true,
        Type::Info => op.writes().iter().any(was_read),
        Type::Invoke | Type::Fail => false,
    }
}

fn mark_writes(transcript: &Transcript, orders: &mut [Order], keys: &mut [OfKey]) {
    let mut invocations = Invocations::default();
    let mut replay = transcript.read();
    while let Some(op) = replay.next() {
        let (_, invoked) = invocations.take(op);
        if !op.carries() || !op.is_completion() || op.sends.is_empty() {
            continue;
        }
        let committed = must_have_committed(op, orders);
        for send in op.writes() {
            let order = &mut orders[send.key.place()];
            let Some(id) = order.find(send.value) else { continue };
            let flags = match op.kind {
                Type::Ok => flag::WRITTEN | flag::SENT_OK,
                Type::Fail => flag::WRITTEN | flag::FAILED,
                Type::Info | Type::Invoke => flag::WRITTEN,
            };
            order.set(id, flags);
            order.set_invoked(id, invoked);
            if committed {
                order.set(id, flag::COMMITTED);
            } else {
                order.unset(id, flag::COMMITTED);
            }
        }
        if committed && op.kind == Type::Info {
            for send in &op.sends {
                if let Some(offset) = usable(send.offset) {
                    keys[send.key.place()].observed.insert(offset, send.value);
                }
            }
        }
    }
}

fn inconsistent(key: Key, conflict: &Conflict, found: &mut Found) {
    let (size, at) = (conflict.values.len() as u64, conflict.offset.unsigned_abs());
    found.add(Anomaly::InconsistentOffsets, size, at, || Case {
        key: Some(key),
        values: conflict.values.clone(),
        offsets: vec![conflict.offset],
        ..Case::default()
    });
}

fn judge(transcript: &Transcript, orders: &[Order], cycles: &mut Cycles, found: &mut Found) {
    let mut processes = Processes::default();
    let mut invocations = Invocations::default();
    let mut ids = Vec::new();
    let mut replay = transcript.read();
    while let Some(op) = replay.next() {
        let places = invocations.take(op);
        ids.clear();
        for polled in &op.polled {
            let order = &orders[polled.key.place()];
            ids.extend(op.records(polled).iter().map(|read| order.find(read.value)));
        }
        internal::take(op, &ids, orders, found);
        processes.take(op, &ids, orders, found);
        aborted::take(op, &ids, orders, found);
        cycles.take(op, &ids, places, orders, found);
    }
    cycles.finish(found);
}
