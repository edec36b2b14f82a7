//! Reads a history in JSON: an array of objects, or objects one after another.
//!
//! Invariants: JS-1 whatever the bytes are, they are read or refused with a place.
//! Left out:   nothing of JSON. A comma between objects that stand by themselves is passed over.

use std::io::Read;

use super::edn::{hex, push_code};
use super::source::{HistoryError, Place, Source};
use super::tape::{Group, Tape, Token};

/// A history in JSON.
pub(super) struct Json<R> {
    source: Source<R>,
    is_in_array: bool,
    /// Whether the array has had an object, and so wants a comma.
    has_one: bool,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    CommaOrEnd,
}

impl<R: Read> Json<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { source: Source::new(reader), is_in_array: false, has_one: false }
    }

    /// Reads the next operation; false if there is none.
    pub(super) fn next(&mut self, tape: &mut Tape) -> Result<bool, HistoryError> {
        loop {
            tape.clear();
            let Some(byte) = self.significant() else {
                self.source.check()?;
                if self.is_in_array {
                    return Err(self.bad("the history ends, and `]` is missing"));
                }
                return Ok(false);
            };
            match byte {
                b'[' if !self.is_in_array => {
                    self.source.pass();
                    (self.is_in_array, self.has_one) = (true, false);
                    continue;
                }
                b']' if self.is_in_array => {
                    self.source.pass();
                    self.is_in_array = false;
                    continue;
                }
                b',' if !self.is_in_array || self.has_one => {
                    self.source.pass();
                    self.has_one = false;
                    if self.significant() == Some(b']') {
                        return Err(self.bad("an object is expected here"));
                    }
                    continue;
                }
                _ if self.is_in_array && self.has_one => {
                    return Err(self.bad("`,` or `]` is expected here"));
                }
                _ => {}
            }
            self.value(tape)?;
            self.has_one = true;
            return Ok(true);
        }
    }

    fn bad(&self, what: &str) -> HistoryError {
        HistoryError::at(self.source.place(), what)
    }

    fn significant(&mut self) -> Option<u8> {
        loop {
            match self.source.peek()? {
                b' ' | b'\n' | b'\t' | b'\r' => self.source.pass(),
                byte => return Some(byte),
            }
        }
    }

    /// Reads one value.
    fn value(&mut self, tape: &mut Tape) -> Result<(), HistoryError> {
        let mut want = Want::Value;
        loop {
            let Some(byte) = self.significant() else {
                self.source.check()?;
                return Err(self.bad("the history ends within a value"));
            };
            let place = self.source.place();
            match (byte, want) {
                (b',', Want::CommaOrEnd) => {
                    self.source.pass();
                    let is_map = tape.innermost() == Some(Group::Map);
                    want = if is_map { Want::Key } else { Want::Value };
                    continue;
                }
                (b'}', Want::KeyOrEnd | Want::CommaOrEnd)
                    if tape.innermost() == Some(Group::Map) =>
                {
                    self.source.pass();
                    tape.close(place)?;
                }
                (b']', Want::ValueOrEnd | Want::CommaOrEnd)
                    if tape.innermost() == Some(Group::Vector) =>
                {
                    self.source.pass();
                    tape.close(place)?;
                }
                (b'"', Want::Key | Want::KeyOrEnd) => {
                    self.source.pass();
                    let key = self.string(tape, place)?;
                    tape.push(key, place)?;
                    if self.significant() != Some(b':') {
                        return Err(self.bad("`:` is expected here"));
                    }
                    self.source.pass();
                    want = Want::Value;
                    continue;
                }
                (_, Want::Value | Want::ValueOrEnd) => {
                    if let Some(next) = self.begin(byte, tape, place)? {
                        want = next;
                        continue;
                    }
                }
                _ => {
                    let what = match want {
                        Want::CommaOrEnd => "`,` or an end is expected here",
                        _ => "a key in quotes is expected here",
                    };
                    return Err(self.bad(what));
                }
            }
            // A value is complete.
            if tape.is_closed() {
                return Ok(());
            }
            want = Want::CommaOrEnd;
        }
    }

    /// Begins a value; what is wanted next if that does not complete it.
    fn begin(
        &mut self,
        byte: u8,
        tape: &mut Tape,
        place: Place,
    ) -> Result<Option<Want>, HistoryError> {
        match byte {
            b'{' => {
                self.source.pass();
                tape.open(Group::Map, place)?;
                Ok(Some(Want::KeyOrEnd))
            }
            b'[' => {
                self.source.pass();
                tape.open(Group::Vector, place)?;
                Ok(Some(Want::ValueOrEnd))
            }
            b'"' => {
                self.source.pass();
                let text = self.string(tape, place)?;
                tape.push(text, place)?;
                Ok(None)
            }
            _ => {
                let word = self.word(tape, place)?;
                tape.push(word, place)?;
                Ok(None)
            }
        }
    }

    /// A number, true, false or null.
    fn word(&mut self, tape: &mut Tape, place: Place) -> Result<Token, HistoryError> {
        let from = tape.begin_text();
        let of_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        self.source.take_while(tape.bytes(), of_word);
        let span = tape.end_text(from, place)?;
        let text = tape.text(span);
        if text.is_empty() {
            return Err(HistoryError::at(place, "a value is expected here"));
        }
        match text {
            "null" => return Ok(Token::Nil),
            "true" => return Ok(Token::Bool(true)),
            "false" => return Ok(Token::Bool(false)),
            _ => {}
        }
        if !is_number(text.as_bytes()) {
            return Err(HistoryError::at(place, format!("`{text}` is no value of JSON")));
        }
        if let Ok(number) = text.parse::<i64>() {
            return Ok(Token::Int(number));
        }
        let same = match text.parse::<f64>() {
            Ok(number) if text.contains(['.', 'e', 'E']) => format!("{number:?}"),
            _ => return Ok(Token::Other(span)),
        };
        let from = tape.begin_text();
        tape.bytes().extend_from_slice(same.as_bytes());
        Ok(Token::Other(tape.end_text(from, place)?))
    }

    fn string(&mut self, tape: &mut Tape, place: Place) -> Result<Token, HistoryError> {
        let from = tape.begin_text();
        loop {
            let plain = |byte| !matches!(byte, b'"' | b'\\') && byte >= 0x20;
            self.source.take_while(tape.bytes(), plain);
            match self.source.take() {
                None => {
                    self.source.check()?;
                    return Err(HistoryError::at(place, "a string that does not end"));
                }
                Some(b'"') => break,
                Some(b'\\') => self.escape(tape, place)?,
                Some(_) => {
                    return Err(HistoryError::at(place, "a string with a control character"));
                }
            }
        }
        Ok(Token::Text(tape.end_text(from, place)?))
    }

    fn escape(&mut self, tape: &mut Tape, place: Place) -> Result<(), HistoryError> {
        if self.source.peek() != Some(b'u') {
            return self.plain_escape(tape, place);
        }
        self.source.pass();
        let mut first = self.code(place)?;
        // A letter of UTF-16 may be written in two halves.
        while (0xd800..0xdc00).contains(&first) && self.source.peek() == Some(b'\\') {
            self.source.pass();
            if self.source.peek() != Some(b'u') {
                push_code(tape, first);
                return self.plain_escape(tape, place);
            }
            self.source.pass();
            let second = self.code(place)?;
            if (0xdc00..0xe000).contains(&second) {
                push_code(tape, 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
                return Ok(());
            }
            push_code(tape, first);
            first = second;
        }
        push_code(tape, first);
        Ok(())
    }

    fn plain_escape(&mut self, tape: &mut Tape, place: Place) -> Result<(), HistoryError> {
        let byte = match self.source.take() {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            _ => return Err(HistoryError::at(place, "a string with an escape that is none")),
        };
        tape.bytes().push(byte);
        Ok(())
    }

    fn code(&mut self, place: Place) -> Result<u32, HistoryError> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.source.take().and_then(hex) else {
                return Err(HistoryError::at(place, "`\\u` wants four digits"));
            };
            code = code * 16 + digit;
        }
        Ok(code)
    }
}

/// Whether a text is a number as JSON writes it.
fn is_number(text: &[u8]) -> bool {
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(after) = rest.strip_prefix(b".") {
        let count = digits(after);
        if count == 0 {
            return false;
        }
        rest = &after[count..];
    }
    if let [b'e' | b'E', after @ ..] = rest {
        let after = after.strip_prefix(b"+").or_else(|| after.strip_prefix(b"-")).unwrap_or(after);
        let count = digits(after);
        return count > 0 && count == after.len();
    }
    rest.is_empty()
}
