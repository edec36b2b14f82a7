//! What is wrong with a scenario, where, and what would be right.
//!
//! Invariants: SE-1 an error names a place in the text that the person wrote, or the argument that they gave.

use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

/// A scenario that cannot be played.
#[derive(Debug, Error, Diagnostic)]
#[error("{message}")]
pub struct ScenarioError {
    message: String,
    #[source_code]
    /// Shared: an error stays small enough to be passed up.
    source_code: Option<Arc<NamedSource<String>>>,
    #[label("{label}")]
    span: Option<SourceSpan>,
    label: String,
    #[help]
    help: Option<String>,
}

impl ScenarioError {
    /// An error without a place in a text: a file that cannot be read, a name that does not exist.
    #[must_use]
    pub fn plain(message: impl Into<String>, help: Option<String>) -> Self {
        Self { message: message.into(), source_code: None, span: None, label: String::new(), help }
    }

    /// The same error with another piece of advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The text of one scenario file, to point into.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceText {
    pub(super) name: String,
    pub(super) text: String,
}

impl SourceText {
    /// An error at `span` of the text: `message` in the headline, `label` under the place.
    pub(super) fn error(
        &self,
        span: std::ops::Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> ScenarioError {
        // An error at the very end of a text still needs something to point at.
        let start = span.start.min(self.text.len());
        let end = span.end.clamp(start, self.text.len());
        ScenarioError {
            message: message.into(),
            source_code: Some(Arc::new(
                NamedSource::new(&self.name, self.text.clone()).with_language("toml"),
            )),
            span: Some((start, end - start).into()),
            label: label.into(),
            help: None,
        }
    }
}

impl SourceText {
    /// What the TOML reader says, at its place.
    pub(super) fn toml_error(&self, error: &toml::de::Error) -> ScenarioError {
        let span = error.span().unwrap_or(self.text.len()..self.text.len());
        let said = error.message().lines().next().unwrap_or("bad TOML");
        let given = self.text.get(span.clone()).unwrap_or_default();
        if is_whole(given) && given.replace('_', "").parse::<i64>().is_err() {
            let allowed = format!("allowed: whole numbers from {} to {}", i64::MIN, i64::MAX);
            return self.error(span, "this number is too large", "here").with_help(allowed);
        }
        let said = said.replace("expected i64", "expected a whole number");
        self.error(span, said.replace("expected a map", "expected a table"), "here")
    }

    /// The same of the editor that carries out `--set`.
    pub(super) fn toml_edit_error(&self, error: &toml_edit::TomlError) -> ScenarioError {
        let span = error.span().unwrap_or(self.text.len()..self.text.len());
        self.error(span, error.message().lines().next().unwrap_or("bad TOML"), "here")
    }
}

/// Whether a text of TOML is a whole number.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|digit: char| digit.is_ascii_digit())
        && digits.bytes().all(|digit| digit.is_ascii_digit() || digit == b'_')
}

/// What is allowed, as help: also where there is nothing to choose from.
pub(crate) fn allowed_are(names: &str) -> String {
    match names {
        "" => "there are none".to_owned(),
        names => format!("allowed: {names}"),
    }
}

/// The word among `allowed` that is nearest to `given`, if one is near.
#[must_use]
pub fn did_you_mean<'a>(
    given: &str,
    allowed: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let best = allowed.into_iter().map(|word| (distance(given, word), word)).min()?;
    (best.0 <= 1 + given.len() / 4).then_some(best.1)
}

/// Levenshtein's distance over characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{allowed_are, did_you_mean};

    #[test]
    fn where_nothing_is_allowed_the_help_says_so() {
        assert_eq!(allowed_are("b1, b2"), "allowed: b1, b2");
        assert_eq!(allowed_are(""), "there are none");
    }

    #[test]
    fn a_near_word_is_offered_and_a_far_one_is_not() {
        let words = ["crash", "cut", "pause"];
        assert_eq!(did_you_mean("crahs", words), Some("crash"));
        assert_eq!(did_you_mean("elephant", words), None);
    }
}
