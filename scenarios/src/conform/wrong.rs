//! What is wrong within a step of a conversation.

/// What is wrong, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The keys that lead there: `/request/topics/0/name`.
    pub(super) at: String,
    /// As a sentence.
    pub(super) what: String,
    /// As a sentence.
    pub(super) allowed: Option<String>,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, allowed: &str) -> Self {
        Self { at: String::new(), what: what.into(), allowed: Some(allowed.to_owned()) }
    }

    /// The same, seen from what is around it.
    pub(super) fn inside(self, key: &str) -> Self {
        Self { at: format!("/{key}{}", self.at), ..self }
    }
}
