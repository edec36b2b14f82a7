//! Reads a history in EDN: a map for each operation, one after another, or all of them in a vector or list.
//!
//! In Jepsen:  `history.edn`, as `prn` writes it: maps, or records as `#jepsen.history.Op{..}`.
//! Invariants: ED-1 whatever the bytes are, they are read or refused with a place. ED-2 equal forms have equal tokens,
//!             for numbers, strings, keywords, symbols and characters.
//! Left out:   metadata, `#'`, `#"`, quotes: Clojure's reader has them, EDN has not. The keys of `#:name{..}` are not
//!             put into its name space. 1.0M and 1.00M are two numbers.

use std::io::Read;

use super::source::{HistoryError, Place, Source};
use super::tape::{Group, Tape, Token};

/// A history in EDN.
pub(super) struct Edn<R> {
    source: Source<R>,
    /// What ends the vector or list that holds all operations.
    all: Option<u8>,
}

/// Whether a byte ends a number, a symbol, a keyword.
fn delimits(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\n'
            | b'\t'
            | b'\r'
            | 0x0c
            | b','
            | b'"'
            | b';'
            | b'('
            | b')'
            | b'['
            | b']'
            | b'{'
            | b'}'
    )
}

impl<R: Read> Edn<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { source: Source::new(reader), all: None }
    }

    /// Reads the next operation; false if there is none.
    pub(super) fn next(&mut self, tape: &mut Tape) -> Result<bool, HistoryError> {
        loop {
            tape.clear();
            let Some((byte, _)) = self.significant() else {
                self.source.check()?;
                return match self.all {
                    Some(end) => {
                        let what =
                            format!("the history ends, and `{}` is missing", char::from(end));
                        Err(HistoryError::at(self.source.place(), what))
                    }
                    None => Ok(false),
                };
            };
            match byte {
                b'[' | b'(' if self.all.is_none() => {
                    self.source.pass();
                    self.all = Some(if byte == b'[' { b']' } else { b')' });
                }
                _ if self.all == Some(byte) => {
                    self.source.pass();
                    self.all = None;
                }
                _ => {
                    if self.form(tape)? {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Passes over what means nothing; the next byte, and its place.
    fn significant(&mut self) -> Option<(u8, Place)> {
        loop {
            match self.source.peek()? {
                b' ' | b'\n' | b'\t' | b'\r' | 0x0c | b',' => self.source.pass(),
                b';' => while self.source.take().is_some_and(|byte| byte != b'\n') {},
                byte => return Some((byte, self.source.place())),
            }
        }
    }

    /// Reads one form; false if it was one to be left out (`#_ form`).
    fn form(&mut self, tape: &mut Tape) -> Result<bool, HistoryError> {
        // Where forms begin that are to be left out, with how many groups were open there.
        let mut left_out: Vec<(usize, Option<usize>)> = Vec::new();
        loop {
            let Some((byte, place)) = self.significant() else {
                self.source.check()?;
                return Err(HistoryError::at(
                    self.source.place(),
                    "the history ends within a form",
                ));
            };
            let is_done = match byte {
                b'#' => {
                    self.source.pass();
                    self.dispatch(tape, place, &mut left_out)?
                }
                b'[' => self.open(tape, Group::Vector, place)?,
                b'(' => self.open(tape, Group::List, place)?,
                b'{' => self.open(tape, Group::Map, place)?,
                b']' | b')' | b'}' => {
                    let of_this =
                        left_out.last().is_some_and(|(_, open)| *open == tape.innermost_at());
                    if of_this {
                        return Err(HistoryError::at(place, "`#_` is followed by nothing"));
                    }
                    self.close(byte, tape, place)?
                }
                _ => self.scalar(byte, tape, place)?,
            };
            if !is_done {
                continue;
            }
            self.complete(tape, place, &mut left_out)?;
            if tape.is_closed() && left_out.is_empty() {
                return Ok(tape.len() > 0);
            }
        }
    }

    /// A form is complete: so is what was waiting for it.
    fn complete(
        &mut self,
        tape: &mut Tape,
        place: Place,
        left_out: &mut Vec<(usize, Option<usize>)>,
    ) -> Result<(), HistoryError> {
        loop {
            if let Some((from, open)) = left_out.last().copied()
                && open == tape.innermost_at()
            {
                tape.cut(from);
                left_out.pop();
                return Ok(());
            }
            if tape.innermost() != Some(Group::Tagged) {
                return Ok(());
            }
            tape.close(place)?;
        }
    }

    fn open(&mut self, tape: &mut Tape, group: Group, place: Place) -> Result<bool, HistoryError> {
        self.source.pass();
        tape.open(group, place)?;
        Ok(false)
    }

    fn close(&mut self, byte: u8, tape: &mut Tape, place: Place) -> Result<bool, HistoryError> {
        self.source.pass();
        let wanted = match tape.innermost() {
            Some(Group::Vector) => b']',
            Some(Group::List) => b')',
            Some(Group::Map | Group::Set) => b'}',
            Some(Group::Tagged) => {
                return Err(HistoryError::at(place, "a tag is followed by nothing"));
            }
            None => {
                let what = format!("`{}` closes nothing", char::from(byte));
                return Err(HistoryError::at(place, what));
            }
        };
        if byte != wanted {
            let what = format!("`{}` is expected here", char::from(wanted));
            return Err(HistoryError::at(place, what));
        }
        if tape.innermost() == Some(Group::Map) {
            let at = tape.innermost_at().expect("a map is open");
            // The close is not there yet: what is counted is what stands behind the open.
            let count = count_forms(tape, at);
            if !count.is_multiple_of(2) {
                return Err(HistoryError::at(place, "a map with a key that has no value"));
            }
        }
        tape.close(place)?;
        Ok(true)
    }

    /// What follows a `#`; whether a form is complete.
    fn dispatch(
        &mut self,
        tape: &mut Tape,
        place: Place,
        left_out: &mut Vec<(usize, Option<usize>)>,
    ) -> Result<bool, HistoryError> {
        match self.source.peek() {
            Some(b'{') => self.open(tape, Group::Set, place),
            Some(b'_') => {
                self.source.pass();
                left_out.push((tape.len(), tape.innermost_at()));
                if left_out.len() > 64 {
                    return Err(HistoryError::at(place, "more than 64 `#_` within each other"));
                }
                Ok(false)
            }
            Some(b'#') => {
                let from = tape.begin_text();
                tape.bytes().push(b'#');
                self.source.take_while(tape.bytes(), |byte| !delimits(byte));
                let span = tape.end_text(from, place)?;
                tape.push(Token::Other(span), place)?;
                Ok(true)
            }
            Some(byte) if byte.is_ascii_alphabetic() || byte == b':' || byte >= 0x80 => {
                tape.open(Group::Tagged, place)?;
                let from = tape.begin_text();
                self.source.take_while(tape.bytes(), |byte| !delimits(byte));
                let span = tape.end_text(from, place)?;
                tape.push(Token::Text(span), place)?;
                Ok(false)
            }
            _ => Err(HistoryError::at(place, "`#` is followed by what is no tag of EDN")),
        }
    }

    fn scalar(&mut self, byte: u8, tape: &mut Tape, place: Place) -> Result<bool, HistoryError> {
        let token = match byte {
            b'"' => {
                self.source.pass();
                self.string(tape, place)?
            }
            b':' => {
                self.source.pass();
                let from = tape.begin_text();
                self.source.take_while(tape.bytes(), |byte| !delimits(byte));
                let span = tape.end_text(from, place)?;
                if tape.text(span).is_empty() {
                    return Err(HistoryError::at(place, "`:` is followed by no name"));
                }
                Token::Keyword(span)
            }
            b'\\' => self.character(tape, place)?,
            b'0'..=b'9' | b'-' | b'+' => self.number(tape, place)?,
            b'^' | b'\'' | b'`' | b'~' | b'@' => {
                let what = format!("`{}` is not EDN", char::from(byte));
                return Err(HistoryError::at(place, what));
            }
            _ => self.symbol(tape, place)?,
        };
        tape.push(token, place)?;
        Ok(true)
    }

    fn character(&mut self, tape: &mut Tape, place: Place) -> Result<Token, HistoryError> {
        let from = tape.begin_text();
        self.source.pass();
        tape.bytes().push(b'\\');
        match self.source.take() {
            Some(byte) => tape.bytes().push(byte),
            None => return Err(HistoryError::at(place, "`\\` is followed by nothing")),
        }
        self.source.take_while(tape.bytes(), |byte| !delimits(byte));
        Ok(Token::Other(tape.end_text(from, place)?))
    }

    fn symbol(&mut self, tape: &mut Tape, place: Place) -> Result<Token, HistoryError> {
        let from = tape.begin_text();
        self.source.take_while(tape.bytes(), |byte| !delimits(byte));
        let span = tape.end_text(from, place)?;
        Ok(match tape.text(span) {
            "nil" => Token::Nil,
            "true" => Token::Bool(true),
            "false" => Token::Bool(false),
            _ => Token::Other(span),
        })
    }

    /// A number, or a symbol that begins with a sign.
    fn number(&mut self, tape: &mut Tape, place: Place) -> Result<Token, HistoryError> {
        let from = tape.begin_text();
        self.source.take_while(tape.bytes(), |byte| !delimits(byte));
        let span = tape.end_text(from, place)?;
        let text = tape.text(span);
        let digits = text.strip_suffix('N').unwrap_or(text);
        if let Ok(number) = digits.parse::<i64>() {
            return Ok(Token::Int(number));
        }
        if let Ok(number) = text.parse::<f64>()
            && number.is_finite()
            && text.bytes().any(|byte| byte.is_ascii_digit())
            && text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
        {
            // ED-2.
            let same = format!("{number:?}");
            let from = tape.begin_text();
            tape.bytes().extend_from_slice(same.as_bytes());
            return Ok(Token::Other(tape.end_text(from, place)?));
        }
        Ok(Token::Other(span))
    }

    fn string(&mut self, tape: &mut Tape, place: Place) -> Result<Token, HistoryError> {
        let from = tape.begin_text();
        loop {
            let plain = |byte| !matches!(byte, b'"' | b'\\' | b'\n');
            self.source.take_while(tape.bytes(), plain);
            match self.source.take() {
                None => {
                    self.source.check()?;
                    return Err(HistoryError::at(place, "a string that does not end"));
                }
                Some(b'"') => break,
                Some(b'\\') => self.escape(tape, place)?,
                Some(byte) => tape.bytes().push(byte),
            }
        }
        Ok(Token::Text(tape.end_text(from, place)?))
    }

    fn escape(&mut self, tape: &mut Tape, place: Place) -> Result<(), HistoryError> {
        let byte = match self.source.take() {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'u') => {
                let digit = |source: &mut Source<R>| source.take().and_then(hex);
                let mut code = 0;
                for _ in 0..4 {
                    let Some(digit) = digit(&mut self.source) else {
                        return Err(HistoryError::at(place, "`\\u` wants four digits"));
                    };
                    code = code * 16 + digit;
                }
                // Half a pair of UTF-16 stands for itself: equal texts stay equal, others stay different.
                push_code(tape, code);
                return Ok(());
            }
            Some(first @ b'0'..=b'7') => {
                let mut code = u32::from(first - b'0');
                for _ in 0..2 {
                    let Some(next @ b'0'..=b'7') = self.source.peek() else { break };
                    self.source.pass();
                    code = code * 8 + u32::from(next - b'0');
                }
                push_code(tape, code);
                return Ok(());
            }
            _ => return Err(HistoryError::at(place, "a string with an escape that is none")),
        };
        tape.bytes().push(byte);
        Ok(())
    }
}

pub(super) fn hex(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

/// Appends a code of UTF-16. Half a pair is put where no text has anything: Unicode's private plane 16.
pub(super) fn push_code(tape: &mut Tape, code: u32) {
    let letter = char::from_u32(code)
        .or_else(|| char::from_u32(0x10_0000 + (code & 0x7ff)))
        .expect("a code of UTF-16, or half of one");
    let mut buffer = [0; 4];
    tape.bytes().extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
}

/// Forms within the group that is open at `at` and not closed yet.
fn count_forms(tape: &Tape, at: usize) -> usize {
    let mut next = at + 1;
    let mut count = 0;
    while next < tape.len() {
        next = tape.after(next);
        count += 1;
    }
    count
}
