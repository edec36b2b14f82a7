//! What clients did, as operations in the form of Jepsen: for `jepsen.tests.kafka`, and for Elle's `list-append`.
//!
//! Read first `op.rs` (an operation), then `fold.rs` (from the record of a run to operations), `form.rs` (what an
//! operation's value looks like in each form), `value.rs` (EDN and JSON).

pub mod check;
mod fold;
mod form;
mod op;
mod value;

use std::fmt::Write as _;
use std::str::FromStr;

pub use op::{Op, Process, Type};
pub use value::Value;

use crate::run::Run;

/// What the values of operations look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// As `jepsen.tests.kafka` has them: sends with their offsets, polls with what they returned.
    #[default]
    Kafka,
    /// As Elle's `list-append` has them: a partition is a list, a send appends, a poll reads what was read so far.
    ListAppend,
}

impl Form {
    /// Every form, by its name.
    pub const ALL: [(&'static str, Self); 2] =
        [("kafka", Self::Kafka), ("list-append", Self::ListAppend)];
}

impl FromStr for Form {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, form)| form).ok_or_else(|| format!("there is no form `{text}`"))
    }
}

/// A history.
#[derive(Debug, Clone, Default)]
pub struct History {
    ops: Vec<Op>,
}

impl History {
    /// The history of a run that was played with its record kept ([`Run::keep_record`]); empty if it was not.
    #[must_use]
    pub fn of(run: &Run, form: Form) -> Self {
        let Some(record) = run.record() else { return Self::default() };
        Self { ops: fold::operations(record, run.judge().facts(), form) }
    }

    /// The operations; the place of each is its `:index`.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// One map in EDN for each operation, one a line.
    #[must_use]
    pub fn to_edn(&self) -> String {
        let mut text = String::new();
        for (index, op) in self.ops.iter().enumerate() {
            writeln!(text, "{}", op.value(index).edn()).expect("a string takes everything");
        }
        text
    }

    /// An array in JSON of one object for each operation, one a line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let each = self.ops.iter().enumerate().map(|(index, op)| op.value(index).json());
        format!("[{}]\n", each.collect::<Vec<_>>().join(",\n"))
    }
}
