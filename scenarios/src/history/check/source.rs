//! Bytes of a history, one after another, with the place that each has.
//!
//! Holds:      a buffer of a megabyte, however long the history is.
//! Invariants: SO-1 what cannot be read ends the bytes, and is told when they end.
//! Left out:   columns that count characters: they count bytes, so they are off where a line holds other than ASCII.

use std::fmt;
use std::io::{self, Read};

use miette::Diagnostic;

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Where something stands in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: u64,
    /// Counted from 1, in bytes.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a history cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It is not what it should be.
    #[error("{place}: {what}")]
    Bad {
        /// Where.
        place: Place,
        /// What is wrong there.
        what: String,
    },
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is too large for the numbers that are kept of it.
    #[error("{0}")]
    TooLarge(String),
}

impl Diagnostic for HistoryError {}

impl HistoryError {
    pub(super) fn at(place: Place, what: impl Into<String>) -> Self {
        Self::Bad { place, what: what.into() }
    }
}

/// The bytes of a history.
pub(super) struct Source<R> {
    reader: R,
    buffer: Box<[u8]>,
    next: usize,
    end: usize,
    /// Bytes that were in the buffer before those that are there now.
    before: u64,
    line: u64,
    line_start: u64,
    failed: Option<io::Error>,
    is_over: bool,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            next: 0,
            end: 0,
            before: 0,
            line: 1,
            line_start: 0,
            failed: None,
            is_over: false,
        }
    }

    /// The place of the next byte.
    pub(super) fn place(&self) -> Place {
        let column = self.before + self.next as u64 - self.line_start + 1;
        Place { line: self.line, column }
    }

    /// The next byte; none at the end, or where the bytes cannot be read any further.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        if self.next == self.end && !self.refill() {
            return None;
        }
        Some(self.buffer[self.next])
    }

    /// Passes over the byte that was peeked.
    #[inline]
    pub(super) fn pass(&mut self) {
        debug_assert!(self.next < self.end, "only what was peeked is passed over");
        self.next += 1;
        if self.buffer[self.next - 1] == b'\n' {
            self.line += 1;
            self.line_start = self.before + self.next as u64;
        }
    }

    /// The next byte, which is passed over.
    #[inline]
    pub(super) fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.pass();
        Some(byte)
    }

    /// Appends bytes to `out` as long as `wanted` says so. None of them may end a line.
    #[inline]
    pub(super) fn take_while(&mut self, out: &mut Vec<u8>, wanted: impl Fn(u8) -> bool) {
        while self.next < self.end || self.refill() {
            let rest = &self.buffer[self.next..self.end];
            let count = rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
            out.extend_from_slice(&rest[..count]);
            self.next += count;
            if self.next < self.end {
                return;
            }
        }
    }

    /// SO-1. To be asked at the end.
    pub(super) fn check(&mut self) -> Result<(), HistoryError> {
        self.failed.take().map_or(Ok(()), |why| Err(HistoryError::Unreadable(why)))
    }

    #[cold]
    fn refill(&mut self) -> bool {
        if self.is_over {
            return false;
        }
        self.before += self.end as u64;
        (self.next, self.end) = (0, 0);
        loop {
            match self.reader.read(&mut self.buffer) {
                Ok(0) => self.is_over = true,
                Ok(count) => self.end = count,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                Err(why) => {
                    self.failed = Some(why);
                    self.is_over = true;
                }
            }
            return self.end > 0;
        }
    }
}
