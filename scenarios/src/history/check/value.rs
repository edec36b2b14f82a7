//! Values and keys of a history as numbers, whatever they are in EDN.
//!
//! Holds:      the text of each value that is no integer, once.
//! Invariants: VA-1 equal values have one number, different ones have different numbers. Vectors and lists are equal
//!             if their items are; maps and sets, in whatever order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::source::HistoryError;
use super::tape::{Group, Tape, Token};

/// A value: an integer as itself, `nil`, or the number of a text. The lowest 2^40 integers are texts, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Val(pub(super) i64);

impl Val {
    pub(super) const NIL: Self = Self(i64::MIN);
    /// Integers from here on stand for themselves.
    const INTEGERS_FROM: i64 = i64::MIN + (1 << 40);
}

/// A key: its number, in the order in which keys are first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) u32);

impl Key {
    pub(super) fn place(self) -> usize {
        self.0 as usize
    }
}

/// How a history is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// EDN: a map a line, as Jepsen and `trial run --history FILE.edn` write it.
    Edn,
    /// JSON: an array of objects.
    Json,
}

/// All values and keys.
#[derive(Debug)]
pub(super) struct Values {
    notation: Notation,
    texts: BTreeMap<Arc<str>, i64>,
    names: Vec<Arc<str>>,
    keys: BTreeMap<Val, Key>,
    key_values: Vec<Val>,
    scratch: String,
}

impl Values {
    pub(super) fn new(notation: Notation) -> Self {
        Self {
            notation,
            texts: BTreeMap::new(),
            names: Vec::new(),
            keys: BTreeMap::new(),
            key_values: Vec::new(),
            scratch: String::new(),
        }
    }

    /// The value of the form at `at`.
    pub(super) fn value(&mut self, tape: &Tape, at: usize) -> Result<Val, HistoryError> {
        match tape.token(at) {
            Token::Nil => Ok(Val::NIL),
            Token::Int(number) if number >= Val::INTEGERS_FROM => Ok(Val(number)),
            _ => {
                let mut text = std::mem::take(&mut self.scratch);
                text.clear();
                write_form(tape, at, &mut text);
                let value = self.text(&text);
                self.scratch = text;
                value.ok_or_else(|| {
                    HistoryError::TooLarge("more than 2^40 values that are no integers".to_owned())
                })
            }
        }
    }

    fn text(&mut self, text: &str) -> Option<Val> {
        if let Some(number) = self.texts.get(text) {
            return Some(Val(*number));
        }
        let number = i64::MIN + 1 + i64::try_from(self.names.len()).ok()?;
        if number >= Val::INTEGERS_FROM {
            return None;
        }
        let name: Arc<str> = text.into();
        self.names.push(Arc::clone(&name));
        self.texts.insert(name, number);
        Some(Val(number))
    }

    /// The key of the form at `at`. In JSON the keys of a map are strings, so that there a string which is an integer
    /// is that integer, and `"nil"` is null.
    pub(super) fn key(&mut self, tape: &Tape, at: usize) -> Result<Key, HistoryError> {
        let value = match (self.notation, tape.token(at)) {
            (Notation::Json, Token::Text(span)) => match tape.text(span) {
                "nil" => Val::NIL,
                text => match text.parse::<i64>() {
                    Ok(number) if number >= Val::INTEGERS_FROM && number.to_string() == text => {
                        Val(number)
                    }
                    _ => self.value(tape, at)?,
                },
            },
            _ => self.value(tape, at)?,
        };
        self.key_of(value)
    }

    pub(super) fn key_of(&mut self, value: Val) -> Result<Key, HistoryError> {
        if let Some(key) = self.keys.get(&value) {
            return Ok(*key);
        }
        let Ok(number) = u32::try_from(self.key_values.len()) else {
            return Err(HistoryError::TooLarge("more than 2^32 keys".to_owned()));
        };
        let key = Key(number);
        self.keys.insert(value, key);
        self.key_values.push(value);
        Ok(key)
    }

    pub(super) fn key_count(&self) -> usize {
        self.key_values.len()
    }

    /// As a history writes it.
    pub(super) fn show(&self, value: Val) -> String {
        if value == Val::NIL {
            return "nil".to_owned();
        }
        if value.0 >= Val::INTEGERS_FROM {
            return value.0.to_string();
        }
        let place = usize::try_from(value.0 - i64::MIN - 1).expect("it is the number of a text");
        self.names[place].to_string()
    }

    pub(super) fn show_key(&self, key: Key) -> String {
        self.show(self.key_values[key.place()])
    }
}

/// VA-1. Groups are at most as deep as a tape allows.
fn write_form(tape: &Tape, at: usize, out: &mut String) {
    match tape.token(at) {
        Token::Nil => out.push_str("nil"),
        Token::Bool(is_true) => out.push_str(if is_true { "true" } else { "false" }),
        Token::Int(number) => out.push_str(&number.to_string()),
        Token::Keyword(span) => {
            out.push(':');
            out.push_str(tape.text(span));
        }
        Token::Text(span) => {
            out.push('"');
            for letter in tape.text(span).chars() {
                if matches!(letter, '"' | '\\') {
                    out.push('\\');
                }
                out.push(letter);
            }
            out.push('"');
        }
        Token::Other(span) => out.push_str(tape.text(span)),
        Token::Close => {}
        Token::Open { group, .. } => write_group(tape, at, group, out),
    }
}

fn write_group(tape: &Tape, at: usize, group: Group, out: &mut String) {
    let form = |at: usize| {
        let mut text = String::new();
        write_form(tape, at, &mut text);
        text
    };
    let mut items: Vec<String> = tape.children(at).map(form).collect();
    let (open, close) = match group {
        Group::Vector | Group::List => ("[", "]"),
        Group::Map => {
            let mut pairs: Vec<String> = items.chunks(2).map(|pair| pair.join(" ")).collect();
            pairs.sort();
            items = pairs;
            ("{", "}")
        }
        Group::Set => {
            items.sort();
            items.dedup();
            ("#{", "}")
        }
        Group::Tagged => {
            let mut parts = tape.children(at);
            if let Some(Token::Text(span)) = parts.next().map(|tag| tape.token(tag)) {
                out.push('#');
                out.push_str(tape.text(span));
                out.push(' ');
            }
            if let Some(form) = parts.next() {
                write_form(tape, form, out);
            }
            return;
        }
    };
    out.push_str(open);
    out.push_str(&items.join(" "));
    out.push_str(close);
}
