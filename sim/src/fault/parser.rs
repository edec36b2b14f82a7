//! Reads a fault from its text.
//!
//! Holds:      the tokens of one line and how far they are read. Effects are read in `parse_effect.rs`.
//! Invariants: PS-1 an error names the bytes that are wrong and what is allowed there.

use std::ops::Range;

use super::effect::Group;
use super::error::{FaultError, nearest};
use super::lexer::{Token, is_word_char, tokens};
use super::line::Fault;
use super::quantity::{Factor, Rate, parse_factor, parse_rate, parse_span};
use super::when::{Comparison, Condition, HostExpr, When};
use super::words::{WHENS, is_reserved};
use crate::time::{Span, Time};

pub(super) type Read<T> = Result<T, FaultError>;

/// Reads one line.
pub(super) fn parse(line: &str) -> Read<Fault> {
    let mut parser = Parser { tokens: tokens(line)?, next: 0, end: line.trim_end().len() };
    let when = parser.when()?;
    let effect_at = parser.here();
    let effect = parser.effect()?;
    let effect_at = effect_at.start..parser.before();
    let lasting_at = parser.here();
    let lasting = if parser.take("for") { Some(parser.positive_span()?) } else { None };
    if parser.next < parser.tokens.len() {
        let expected = parser.expected_at_end(lasting.is_some(), effect.can_last());
        let what = format!("unexpected `{}`", parser.tokens[parser.next].text);
        return Err(FaultError::new(parser.here(), what, expected));
    }
    let during = matches!(when, When::During { .. });
    if lasting.is_some() && during {
        let at = lasting_at.start..parser.end;
        return Err(FaultError::new(at, "`during` says already how long it lasts", &["nothing"]));
    }
    if lasting.is_some() && !effect.can_last() {
        let what = format!("`{effect}` happens at once and cannot last");
        return Err(FaultError::new(lasting_at.start..parser.end, what, &["nothing"]));
    }
    if during && !effect.can_last() {
        let what = format!("`{effect}` happens at once and cannot last");
        return Err(FaultError::new(effect_at, what, &["`at`, `every` or `when` instead"]));
    }
    Ok(Fault { when, effect, lasting })
}

pub(super) struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    next: usize,
    end: usize,
}

impl<'t> Parser<'t> {
    // ---- places and tokens ----

    /// The place of the next token; empty at the end.
    pub(super) fn here(&self) -> Range<usize> {
        self.tokens.get(self.next).map_or(self.end..self.end, |token| token.at.clone())
    }

    /// Where the last token ended.
    pub(super) fn before(&self) -> usize {
        self.next.checked_sub(1).map_or(0, |last| self.tokens[last].at.end)
    }

    pub(super) fn peek(&self) -> Option<&Token<'t>> {
        self.tokens.get(self.next)
    }

    /// Whether the next token is this text.
    pub(super) fn sees(&self, text: &str) -> bool {
        self.peek().is_some_and(|token| token.text == text)
    }

    /// Reads this text if it is next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let seen = self.sees(text);
        self.next += usize::from(seen);
        seen
    }

    pub(super) fn need(&mut self, text: &str) -> Read<()> {
        if self.take(text) { Ok(()) } else { Err(self.wrong(&[&format!("`{text}`")])) }
    }

    /// The next token is not what is allowed here.
    pub(super) fn wrong(&self, expected: &[&str]) -> FaultError {
        let what = match self.peek() {
            Some(token) => format!("unexpected `{}`", token.text),
            None => "the line ends too early".to_owned(),
        };
        FaultError::new(self.here(), what, expected)
    }

    /// Any word.
    pub(super) fn word(&mut self, expected: &str) -> Read<(&'t str, Range<usize>)> {
        match self.peek() {
            Some(token) if token.is_word => {
                let word = (token.text, token.at.clone());
                self.next += 1;
                Ok(word)
            }
            _ => Err(self.wrong(&[expected])),
        }
    }

    /// One of some words.
    pub(super) fn one_of(&mut self, kind: &str, known: &[&'static str]) -> Read<&'static str> {
        let Some(token) = self.peek().filter(|token| token.is_word) else {
            return Err(self.wrong(known));
        };
        let Some(word) = known.iter().find(|word| **word == token.text) else {
            return Err(FaultError::unknown(token.at.clone(), kind, token.text, known));
        };
        self.next += 1;
        Ok(word)
    }

    /// One of some words after a group, whose last host may be a misspelt one of them.
    pub(super) fn one_after_group(
        &mut self,
        kind: &str,
        known: &[&'static str],
    ) -> Read<&'static str> {
        let last = self.next.checked_sub(1).and_then(|last| self.tokens.get(last));
        let misspelt = last.filter(|token| nearest(token.text, known).is_some()).cloned();
        self.one_of(kind, known).map_err(|error| match misspelt {
            Some(token) => FaultError::unknown(token.at, kind, token.text, known),
            None => error,
        })
    }

    fn expected_at_end(&self, lasting: bool, can_last: bool) -> &'static [&'static str] {
        if lasting || !can_last {
            &["the end of the line"]
        } else {
            &["`for`", "the end of the line"]
        }
    }

    // ---- quantities ----

    pub(super) fn quantity<T>(&mut self, help: &str, parse: impl Fn(&str) -> Read<T>) -> Read<T> {
        let (text, at) = self.word(help)?;
        parse(text).map_err(|error| FaultError { at, ..error })
    }

    pub(super) fn span(&mut self) -> Read<Span> {
        self.quantity("a duration such as 800ms", parse_span)
    }

    pub(super) fn positive_span(&mut self) -> Read<Span> {
        let at = self.here();
        match self.span()? {
            Span::ZERO => Err(FaultError::new(at, "this cannot be zero", &["a longer duration"])),
            length => Ok(length),
        }
    }

    pub(super) fn factor(&mut self) -> Read<Factor> {
        self.need("by")?;
        self.quantity("a factor such as 10", parse_factor)
    }

    pub(super) fn rate(&mut self) -> Read<Rate> {
        self.need("to")?;
        self.quantity("a rate such as 1MB/s", parse_rate)
    }

    // ---- when ----

    fn when(&mut self) -> Read<When> {
        match self.one_of("beginning", WHENS)? {
            "at" => Ok(When::At(Time(self.span()?.0))),
            "during" => self.during(),
            "every" => Ok(When::Every(self.positive_span()?)),
            _ => {
                let mut conditions = vec![self.condition()?];
                while self.take("and") {
                    conditions.push(self.condition()?);
                }
                let after = if self.take("after") { self.positive_span()? } else { Span::ZERO };
                Ok(When::When { conditions, after })
            }
        }
    }

    fn during(&mut self) -> Read<When> {
        let from = Time(self.span()?.0);
        self.need("..")?;
        let at = self.here();
        let to = Time(self.span()?.0);
        if to <= from {
            let what = "it ends before it begins";
            return Err(FaultError::new(at, what, &[&format!("later than {}", Span(from.0))]));
        }
        Ok(When::During { from, to })
    }

    fn condition(&mut self) -> Read<Condition> {
        let name = self.name("a condition such as high_watermark(orders/0) >= 3")?;
        let args = self.arguments()?;
        let signs: Vec<&str> = Comparison::ALL.iter().map(|(sign, _)| *sign).collect();
        let next = self.peek().map_or("", |token| token.text);
        let Some((_, op)) = Comparison::ALL.iter().find(|(sign, _)| *sign == next) else {
            return Err(self.wrong(&signs));
        };
        self.next += 1;
        let (value, _) = self.word("a number or a name")?;
        Ok(Condition { name, args, op: *op, value: value.to_owned() })
    }

    // ---- names and hosts ----

    /// A name of somebody else's choice, which is no word of the grammar.
    pub(super) fn name(&mut self, expected: &str) -> Read<String> {
        let (word, at) = self.word(expected)?;
        if is_reserved(word) {
            let what = format!("`{word}` is a word of the grammar, not a name");
            return Err(FaultError::new(at, what, &[expected]));
        }
        if !word.starts_with(is_first_char) {
            let what = format!("a name cannot begin with `{}`", &word[..1]);
            return Err(FaultError::new(at, what, &[expected]));
        }
        assert!(word.chars().all(is_word_char), "the lexer lets no other characters through");
        Ok(word.to_owned())
    }

    fn arguments(&mut self) -> Read<Vec<String>> {
        self.need("(")?;
        let mut args = Vec::new();
        if self.take(")") {
            return Ok(args);
        }
        loop {
            args.push(self.word("an argument such as orders/0")?.0.to_owned());
            if self.take(")") {
                return Ok(args);
            }
            if !self.take(",") {
                return Err(self.wrong(&["`,`", "`)`"]));
            }
        }
    }

    pub(super) fn group(&mut self) -> Read<Group> {
        let mut hosts = vec![self.host()?];
        let may_be_host = |token: &Token<'_>| {
            token.is_word && token.text.starts_with(is_first_char) && !is_reserved(token.text)
        };
        while self.peek().is_some_and(may_be_host) {
            hosts.push(self.host()?);
        }
        Ok(Group(hosts))
    }

    pub(super) fn host(&mut self) -> Read<HostExpr> {
        let at = self.here();
        let name = self.name("a host such as b1 or leader(orders/0)")?;
        if is_label(&name) {
            let what =
                format!("`{name}` begins with a capital letter: a label does, a host does not");
            return Err(FaultError::new(at, what, &["a host such as b1 or leader(orders/0)"]));
        }
        if self.sees("(") {
            return Ok(HostExpr::Call { name, args: self.arguments()? });
        }
        Ok(HostExpr::Name(name))
    }

    /// A kind of frames, such as `Fetch`.
    pub(super) fn label(&mut self) -> Read<String> {
        let (word, at) = self.word("a kind of request such as Fetch")?;
        if is_label(word) {
            return Ok(word.to_owned());
        }
        let what = format!("`{word}` does not begin with a capital letter, as labels do");
        Err(FaultError::new(at, what, &["a kind of request such as Fetch"]))
    }

    /// Whether a label comes next.
    pub(super) fn sees_label(&self) -> bool {
        self.peek().is_some_and(|token| token.is_word && is_label(token.text))
    }

    /// `A > B`.
    pub(super) fn link(&mut self) -> Read<(Group, Group)> {
        let from = self.group()?;
        if !self.take(">") {
            return Err(self.wrong(&["`>`", "another host"]));
        }
        Ok((from, self.group()?))
    }
}

/// What a name may begin with: no digit, so that a forgotten word is noticed before a number.
fn is_first_char(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

/// EF-3.
fn is_label(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
}
