//! One form of a history as a row of tokens: what EDN and JSON have in common.
//!
//! Holds:      the tokens of one operation; the memory is used again for the next one.
//! Invariants: TA-1 every group that is opened is closed, and knows where.

use super::source::{HistoryError, Place};

/// Groups within each other, at most. An operation of Jepsen's has six.
const DEPTH_MAX: usize = 128;
/// Tokens of one operation, at most.
const TOKENS_MAX: usize = 1 << 30;

/// Some text of the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    from: u32,
    to: u32,
}

/// What holds other tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// `[1 2]`.
    Vector,
    /// `(1 2)`.
    List,
    /// `{1 2}`.
    Map,
    /// `#{1 2}`.
    Set,
    /// `#tag form`: the tag, as a text, and a form.
    Tagged,
}

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A group begins; its close stands at `end`.
    Open {
        group: Group,
        end: u32,
    },
    /// A group ends.
    Close,
    Nil,
    Bool(bool),
    Int(i64),
    /// Without its colon.
    Keyword(Span),
    Text(Span),
    /// Anything else that stands for itself: 1.5, 1/2, \a, a symbol. The text is the same for what is equal.
    Other(Span),
}

/// The tokens of a form.
#[derive(Debug, Default)]
pub(super) struct Tape {
    tokens: Vec<(Token, Place)>,
    text: Vec<u8>,
    open: Vec<u32>,
}

impl Default for Place {
    fn default() -> Self {
        Self { line: 1, column: 1 }
    }
}

impl Tape {
    pub(super) fn clear(&mut self) {
        self.tokens.clear();
        self.text.clear();
        self.open.clear();
    }

    /// How many tokens there are.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Forgets the tokens from there on.
    pub(super) fn cut(&mut self, len: usize) {
        self.tokens.truncate(len);
    }

    pub(super) fn token(&self, at: usize) -> Token {
        self.tokens[at].0
    }

    pub(super) fn place(&self, at: usize) -> Place {
        self.tokens.get(at).map_or_else(Place::default, |(_, place)| *place)
    }

    /// Where the form that begins at `at` is over: the place of the next one.
    pub(super) fn after(&self, at: usize) -> usize {
        match self.tokens[at].0 {
            Token::Open { end, .. } => end as usize + 1,
            _ => at + 1,
        }
    }

    /// Where the forms begin that the group at `at` holds.
    pub(super) fn children(&self, at: usize) -> Children<'_> {
        let end = match self.tokens[at].0 {
            Token::Open { end, .. } => end as usize,
            _ => at + 1,
        };
        Children { tape: self, next: at + 1, end }
    }

    pub(super) fn text(&self, span: Span) -> &str {
        let bytes = &self.text[span.from as usize..span.to as usize];
        std::str::from_utf8(bytes).expect("it was looked at when it was pushed")
    }

    pub(super) fn push(&mut self, token: Token, place: Place) -> Result<(), HistoryError> {
        if self.tokens.len() >= TOKENS_MAX {
            return Err(HistoryError::at(place, "an operation of more than 2^30 tokens"));
        }
        self.tokens.push((token, place));
        Ok(())
    }

    /// Where a text begins that is written byte by byte: see [`Self::end_text`].
    pub(super) fn begin_text(&mut self) -> usize {
        self.text.len()
    }

    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    pub(super) fn end_text(&self, from: usize, place: Place) -> Result<Span, HistoryError> {
        if std::str::from_utf8(&self.text[from..]).is_err() {
            return Err(HistoryError::at(place, "a text that is not UTF-8"));
        }
        let number = |at| u32::try_from(at);
        let (Ok(from), Ok(to)) = (number(from), number(self.text.len())) else {
            return Err(HistoryError::at(place, "an operation with more than 4 GB of text"));
        };
        Ok(Span { from, to })
    }

    pub(super) fn open(&mut self, group: Group, place: Place) -> Result<(), HistoryError> {
        if self.open.len() >= DEPTH_MAX {
            let what = format!("more than {DEPTH_MAX} groups within each other");
            return Err(HistoryError::at(place, what));
        }
        self.open.push(u32::try_from(self.tokens.len()).expect("fewer than 2^30"));
        self.push(Token::Open { group, end: 0 }, place)
    }

    /// The group that is open, innermost.
    pub(super) fn innermost(&self) -> Option<Group> {
        let at = self.open.last()?;
        match self.tokens[*at as usize].0 {
            Token::Open { group, .. } => Some(group),
            _ => None,
        }
    }

    /// Where the innermost group that is open begins.
    pub(super) fn innermost_at(&self) -> Option<usize> {
        self.open.last().map(|at| *at as usize)
    }

    pub(super) fn close(&mut self, place: Place) -> Result<(), HistoryError> {
        let at = self.open.pop().expect("who closes has looked at what is open");
        let close = u32::try_from(self.tokens.len()).expect("fewer than 2^30");
        if let Token::Open { end, .. } = &mut self.tokens[at as usize].0 {
            *end = close;
        }
        self.push(Token::Close, place)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.open.is_empty()
    }
}

/// Places at which forms begin.
pub(super) struct Children<'a> {
    tape: &'a Tape,
    next: usize,
    end: usize,
}

impl Iterator for Children<'_> {
    type Item = usize;
    fn next(&mut self) -> Option<usize> {
        if self.next >= self.end {
            return None;
        }
        let at = self.next;
        self.next = self.tape.after(at);
        Some(at)
    }
}
