//! Cuts a line into words and signs, each with its place.

use std::ops::Range;

use super::error::FaultError;

/// A word or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub text: &'t str,
    pub at: Range<usize>,
    pub is_word: bool,
}

/// Longer signs first: the first that fits is taken.
const SIGNS: [&str; 12] = ["..", "==", "!=", "<=", ">=", "=", "<", ">", "|", "(", ")", ","];

/// All tokens of a line.
pub(super) fn tokens(line: &str) -> Result<Vec<Token<'_>>, FaultError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = line[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let rest = &line[at..];
        let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
        let len = sign.map_or_else(|| word_len(rest), |sign| sign.len());
        if len == 0 {
            let what = format!("unexpected character `{first}`");
            return Err(FaultError::new(at..at + first.len_utf8(), what, &[]));
        }
        let text = &rest[..len];
        let is_word = sign.is_none() && text != "-";
        tokens.push(Token { text, at: at..at + len, is_word });
        at += len;
    }
    Ok(tokens)
}

/// A word ends before a space, a sign, and the two dots of `2s..4s`.
fn word_len(text: &str) -> usize {
    let end = text.find(|c: char| !is_word_char(c)).unwrap_or(text.len());
    text[..end].find("..").unwrap_or(end)
}

pub(super) fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./:".contains(c)
}
