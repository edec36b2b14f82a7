//! From the tokens of a form to an operation.
//!
//! In Jepsen:  the head of `jepsen.tests.kafka`: `[:send k v]` and `[:send k [offset v]]`, `[:poll]` and
//!             `[:poll {k [[offset v] ..]}]`, `:rebalance-log [{:keys [k ..]}]`.
//! Invariants: ME-1 what is not of this form is refused with its place; what the checks do not look at is passed over.

use super::super::Type;
use super::op::{Function, Op, Polled, Read, Send};
use super::source::{HistoryError, Place};
use super::tape::{Group, Tape, Token};
use super::value::{Key, Val, Values};

/// What a form is to the checks.
pub(super) enum Meaning {
    /// An operation that they look at.
    Op,
    /// One of a client that they do not look at.
    OfClient,
    /// Nothing of a client's.
    Other,
}

/// The parts of an operation, by where they stand.
#[derive(Default)]
struct Parts {
    index: Option<usize>,
    kind: Option<usize>,
    process: Option<usize>,
    f: Option<usize>,
    value: Option<usize>,
    rebalance_log: Option<usize>,
}

/// Reads the form on the tape into `op`. `next`: its index, if it does not say so itself.
pub(super) fn read(
    tape: &Tape,
    values: &mut Values,
    next: u64,
    op: &mut Op,
) -> Result<Meaning, HistoryError> {
    op.clear();
    let parts = parts(tape)?;
    op.index = match parts.index.map(|at| tape.token(at)) {
        None | Some(Token::Nil) => next,
        Some(Token::Int(index)) => u64::try_from(index).unwrap_or(next),
        Some(_) => next,
    };
    let Some(Token::Int(process)) = parts.process.map(|at| tape.token(at)) else {
        return Ok(Meaning::Other);
    };
    op.process = process;
    op.kind = kind(tape, parts.kind)?;
    op.f = match parts.f.and_then(|at| name(tape, at)) {
        Some("send") => Function::Send,
        Some("poll") => Function::Poll,
        Some("txn") => Function::Txn,
        Some("assign") => Function::Assign,
        Some("subscribe") => Function::Subscribe,
        _ => return Ok(Meaning::OfClient),
    };
    if let Some(at) = parts.rebalance_log {
        rebalance_log(tape, at, values, op)?;
    }
    let Some(at) = parts.value else { return Ok(Meaning::Op) };
    if op.carries() {
        for micro in items(tape, at, "the value of an operation is a vector of micro-operations")? {
            micro_operation(tape, micro, values, op)?;
        }
        op.gather();
    } else {
        for key in items(tape, at, "the value of `assign` and `subscribe` is a vector of keys")? {
            let key = values.key(tape, key)?;
            op.keys.push(key);
        }
    }
    Ok(Meaning::Op)
}

fn bad(tape: &Tape, at: usize, what: &str) -> HistoryError {
    HistoryError::at(tape.place(at), what)
}

/// A tag says of which class a map is, and no more.
fn untagged(tape: &Tape, mut at: usize) -> usize {
    while let Token::Open { group: Group::Tagged, .. } = tape.token(at) {
        match tape.children(at).nth(1) {
            Some(form) => at = form,
            None => return at,
        }
    }
    at
}

fn parts(tape: &Tape) -> Result<Parts, HistoryError> {
    let at = untagged(tape, 0);
    let Token::Open { group: Group::Map, .. } = tape.token(at) else {
        return Err(bad(tape, at, "an operation is a map"));
    };
    let mut parts = Parts::default();
    let mut children = tape.children(at);
    while let (Some(key), Some(value)) = (children.next(), children.next()) {
        let part = match name(tape, key) {
            Some("index") => &mut parts.index,
            Some("type") => &mut parts.kind,
            Some("process") => &mut parts.process,
            Some("f") => &mut parts.f,
            Some("value") => &mut parts.value,
            Some("rebalance-log") => &mut parts.rebalance_log,
            _ => continue,
        };
        *part = Some(value);
    }
    Ok(parts)
}

/// A keyword; in JSON a string.
fn name(tape: &Tape, at: usize) -> Option<&str> {
    match tape.token(at) {
        Token::Keyword(span) | Token::Text(span) => Some(tape.text(span)),
        _ => None,
    }
}

fn kind(tape: &Tape, at: Option<usize>) -> Result<Type, HistoryError> {
    let place = at.map_or_else(|| tape.place(0), |at| tape.place(at));
    match at.and_then(|at| name(tape, at)) {
        Some("invoke") => Ok(Type::Invoke),
        Some("ok") => Ok(Type::Ok),
        Some("fail") => Ok(Type::Fail),
        Some("info") => Ok(Type::Info),
        _ => Err(HistoryError::at(
            place,
            "the :type of an operation is :invoke, :ok, :fail or :info",
        )),
    }
}

/// The items of a vector, a list or a set; none of nil.
fn items<'a>(
    tape: &'a Tape,
    at: usize,
    what: &str,
) -> Result<impl Iterator<Item = usize> + use<'a>, HistoryError> {
    let at = untagged(tape, at);
    let there = match tape.token(at) {
        Token::Nil => false,
        Token::Open { group: Group::Vector | Group::List | Group::Set, .. } => true,
        _ => return Err(bad(tape, at, what)),
    };
    Ok(there.then(|| tape.children(at)).into_iter().flatten())
}

fn micro_operation(
    tape: &Tape,
    at: usize,
    values: &mut Values,
    op: &mut Op,
) -> Result<(), HistoryError> {
    const WHAT: &str = "a micro-operation is [:send key value], [:send key [offset value]], [:poll] or \
                        [:poll {key [[offset value] ..]}]";
    let mut parts = items(tape, at, WHAT)?;
    let word = parts.next().and_then(|at| name(tape, at));
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    match (word, first, second, third) {
        (Some("poll"), None, None, None) => Ok(()),
        (Some("poll"), Some(map), None, None) => polled(tape, map, values, op),
        (Some("send"), Some(key), Some(sent), None) => {
            let key = values.key(tape, key)?;
            let (offset, value) = match tape.token(sent) {
                Token::Open { group: Group::Vector, .. } => pair(tape, sent, values)?,
                _ => (None, values.value(tape, sent)?),
            };
            op.sends.push(Send { key, offset, value });
            Ok(())
        }
        _ => Err(bad(tape, at, WHAT)),
    }
}

/// `[offset value]`; either may be missing.
fn pair(tape: &Tape, at: usize, values: &mut Values) -> Result<(Option<i64>, Val), HistoryError> {
    let mut parts = tape.children(at);
    let offset = match parts.next() {
        None => None,
        Some(at) => match tape.token(at) {
            Token::Nil | Token::Bool(false) => None,
            Token::Int(offset) => Some(offset),
            _ => return Err(bad(tape, at, "an offset is an integer or nil")),
        },
    };
    let value = match parts.next() {
        None => Val::NIL,
        Some(at) => values.value(tape, at)?,
    };
    match parts.next() {
        None => Ok((offset, value)),
        Some(at) => Err(bad(tape, at, "`[offset value]` has two items")),
    }
}

fn polled(tape: &Tape, at: usize, values: &mut Values, op: &mut Op) -> Result<(), HistoryError> {
    let at = untagged(tape, at);
    match tape.token(at) {
        Token::Nil => return Ok(()),
        Token::Open { group: Group::Map, .. } => {}
        _ => {
            return Err(bad(tape, at, "a poll returns a map of keys to vectors of [offset value]"));
        }
    }
    let mut entries = tape.children(at);
    while let (Some(key), Some(records)) = (entries.next(), entries.next()) {
        let key: Key = values.key(tape, key)?;
        let from = number(op.reads.len(), tape.place(records))?;
        for record in items(tape, records, "what is polled of a key is a vector of [offset value]")?
        {
            let Token::Open { group: Group::Vector | Group::List, .. } = tape.token(record) else {
                return Err(bad(tape, record, "a record that is polled is [offset value]"));
            };
            let (offset, value) = pair(tape, record, values)?;
            op.reads.push(Read { offset, value });
        }
        let to = number(op.reads.len(), tape.place(records))?;
        op.polled.push(Polled { key, from, to });
    }
    Ok(())
}

fn number(count: usize, place: Place) -> Result<u32, HistoryError> {
    u32::try_from(count).map_err(|_| HistoryError::at(place, "a poll of more than 2^32 records"))
}

fn rebalance_log(
    tape: &Tape,
    at: usize,
    values: &mut Values,
    op: &mut Op,
) -> Result<(), HistoryError> {
    for event in items(tape, at, "a :rebalance-log is a vector of maps with :keys")? {
        let event = untagged(tape, event);
        let Token::Open { group: Group::Map, .. } = tape.token(event) else { continue };
        let mut entries = tape.children(event);
        while let (Some(key), Some(keys)) = (entries.next(), entries.next()) {
            if name(tape, key) != Some("keys") {
                continue;
            }
            for key in items(tape, keys, "the :keys of a rebalance are a vector of keys")? {
                let key = values.key(tape, key)?;
                op.rebalanced.push(key);
            }
        }
    }
    op.rebalanced.sort_unstable();
    op.rebalanced.dedup();
    Ok(())
}
