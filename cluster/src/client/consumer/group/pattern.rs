//! A regular expression for names of topics that a member evaluates itself.
//!
//! In Kafka:   `java.util.regex.Pattern` in `subscribe(Pattern)`.
//! Holds:      the text, and what it means.
//! Left out:   what Java's expressions have beyond RE2's: looking around, references back, possessive quantifiers. They
//!             are refused.

use std::sync::Arc;

use crate::group::consumer::pattern::Pattern as Compiled;

/// A regular expression that whole names are matched against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Arc<str>,
    compiled: Compiled,
}

impl Pattern {
    /// What a text means.
    ///
    /// # Errors
    /// It means nothing, or nothing that is understood here; why.
    pub fn compile(text: &str) -> Result<Self, &'static str> {
        Ok(Self { text: Arc::from(text), compiled: Compiled::compile(text)? })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether all of a name matches.
    #[must_use]
    pub fn is_match(&self, name: &str) -> bool {
        self.compiled.matches(name)
    }
}
