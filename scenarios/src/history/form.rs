//! What an operation's value looks like in each form.
//!
//! In Jepsen: `[:send k v]` and `[:send k [offset v]]`, `[:poll]` and `[:poll {k [[offset v] ...]}]`; in Elle's
//!            `list-append` `[:append k v]`, `[:r k nil]` and `[:r k [v ...]]`.
//! Left out:  of `list-append`, reads of a consumer that did not begin at the start of a partition, or left something
//!            out: they are no prefix of the list.

use std::collections::BTreeMap;

use super::Form;
use super::value::Value;

/// Some of what one poll returned: a key, and its records as offsets and values.
pub(super) type Polled = BTreeMap<i64, Vec<(i64, Value)>>;

/// What one consumer has read of a key since it was assigned.
#[derive(Debug, Clone, Default)]
pub(super) struct Prefix {
    values: Vec<Value>,
    is_broken: bool,
}

impl Prefix {
    /// Takes what was polled; the list as it is now, unless it is none.
    fn take(&mut self, records: &[(i64, Value)]) -> Option<Vec<Value>> {
        for (offset, value) in records {
            self.is_broken |= i64::try_from(self.values.len()) != Ok(*offset);
            self.values.push(value.clone());
        }
        (!self.is_broken).then(|| self.values.clone())
    }
}

/// `[[..]]`: a transaction of one operation.
fn one(items: Vec<Value>) -> Value {
    Value::Vector(vec![Value::Vector(items)])
}

/// The name of a send and of a poll.
pub(super) fn functions(form: Form) -> (&'static str, &'static str) {
    match form {
        Form::Kafka => ("send", "poll"),
        Form::ListAppend => ("txn", "txn"),
    }
}

/// A send that is invoked, or of which nothing more is known.
pub(super) fn send(form: Form, key: Value, value: Value) -> Value {
    let name = match form {
        Form::Kafka => "send",
        Form::ListAppend => "append",
    };
    one(vec![Value::keyword(name), key, value])
}

/// A send that was told its offset.
pub(super) fn sent(form: Form, key: Value, offset: Option<i64>, value: Value) -> Value {
    match form {
        Form::Kafka => {
            let offset = offset.map_or(Value::Nil, Value::Number);
            one(vec![Value::keyword("send"), key, Value::Vector(vec![offset, value])])
        }
        Form::ListAppend => send(form, key, value),
    }
}

/// A poll that is invoked, of which only its result says which keys it is about.
pub(super) fn poll(form: Form, polled: &Polled) -> Value {
    match form {
        Form::Kafka => one(vec![Value::keyword("poll")]),
        Form::ListAppend => {
            let read = |key: &i64| {
                Value::Vector(vec![Value::keyword("r"), Value::Number(*key), Value::Nil])
            };
            Value::Vector(polled.keys().map(read).collect())
        }
    }
}

/// What a poll returned.
pub(super) fn polled(
    form: Form,
    polled: &Polled,
    prefixes: &mut BTreeMap<i64, Prefix>,
) -> Option<Value> {
    match form {
        Form::Kafka => {
            let pair = |(offset, value): &(i64, Value)| {
                Value::Vector(vec![Value::Number(*offset), value.clone()])
            };
            let entry = |(key, records): (&i64, &Vec<(i64, Value)>)| {
                (Value::Number(*key), Value::Vector(records.iter().map(pair).collect()))
            };
            let map = Value::Map(polled.iter().map(entry).collect());
            Some(one(vec![Value::keyword("poll"), map]))
        }
        Form::ListAppend => {
            let mut reads = Vec::new();
            for (key, records) in polled {
                let list = prefixes.entry(*key).or_default().take(records)?;
                let read = vec![Value::keyword("r"), Value::Number(*key), Value::Vector(list)];
                reads.push(Value::Vector(read));
            }
            Some(Value::Vector(reads))
        }
    }
}
