//! An operation, as `jepsen.history.Op` has it.
//!
//! Invariants: OP-1 an operation of a client is invoked, and later `:ok` (it happened), `:fail` (it did not), or
//!             `:info` (nobody knows); its process goes on after the first two only.

use trial_sim::Time;

use super::value::Value;

/// What an operation's line says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// It begins.
    Invoke,
    /// It happened.
    Ok,
    /// It did not happen.
    Fail,
    /// Nobody knows whether it did.
    Info,
}

impl Type {
    /// As a keyword.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Process {
    /// A client's: one operation at a time.
    Client(u32),
    /// What brings faults.
    Nemesis,
}

/// One line of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// When, in virtual time.
    pub at: Time,
    /// What the line says.
    pub kind: Type,
    /// Who.
    pub process: Process,
    /// Which function: `send`, `poll`, `assign`, `txn`; a fault's word.
    pub f: String,
    /// Its argument or result.
    pub value: Value,
    /// The host of the client, for people.
    pub client: Option<String>,
    /// Why it failed, or why nobody knows.
    pub error: Option<String>,
    /// The keys that a rebalance has given its consumer or taken from it, since the operation before.
    pub rebalanced: Vec<i64>,
}

impl Op {
    /// As a map; its `:index` is its place.
    #[must_use]
    pub fn value(&self, index: usize) -> Value {
        let number = |number: u64| Value::Number(i64::try_from(number).unwrap_or(i64::MAX));
        let process = match self.process {
            Process::Client(process) => Value::Number(process.into()),
            Process::Nemesis => Value::keyword("nemesis"),
        };
        let mut entries = vec![
            ("index", number(index as u64)),
            ("time", number(self.at.0)),
            ("type", Value::keyword(self.kind.name())),
            ("process", process),
            ("f", Value::keyword(&self.f)),
            ("value", self.value.clone()),
        ];
        if let Some(client) = &self.client {
            entries.push(("client", Value::Text(client.clone())));
        }
        if let Some(error) = &self.error {
            entries.push(("error", Value::Text(error.clone())));
        }
        if !self.rebalanced.is_empty() {
            let keys = self.rebalanced.iter().map(|key| Value::Number(*key)).collect();
            let event = Value::Map(vec![(Value::keyword("keys"), Value::Vector(keys))]);
            entries.push(("rebalance-log", Value::Vector(vec![event])));
        }
        let entry = |(key, value): (&str, Value)| (Value::keyword(key), value);
        Value::Map(entries.into_iter().map(entry).collect())
    }
}
