//! Where we differ from Apache Kafka on purpose, or do not have yet what it has: a list, with reasons.
//!
//! Inputs:     TOML: `[[differs]]` with `conversation` (the end of its path, `*` for any letters), `path` (a pointer,
//!             `*` for any place of a list; none: all of it), `step` (none: all), `why`.
//! Invariants: KN-1 an entry that excuses nothing is told: what was mended is taken from the list.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::compare::{Difference, leads_to};
use super::conversation::{Conversation, ConversationError};

/// The list's name in a folder of conversations.
pub const FILE: &str = "differences.toml";

/// A list of differences.
#[derive(Debug, Default)]
pub struct Known {
    entries: Vec<(Entry, bool)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    differs: Vec<Entry>,
}

/// A difference that is known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The end of the conversation's path, without `.json`.
    pub conversation: String,
    /// Where in the answer.
    #[serde(default)]
    pub path: String,
    /// In which step.
    pub step: Option<usize>,
    /// The reason.
    pub why: String,
}

impl Known {
    /// The list for what is played: that of the folder, or of the nearest one around it; empty if there is none.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub fn of(played: &Path) -> Result<Self, ConversationError> {
        let whole = fs::canonicalize(played).unwrap_or_else(|_| played.to_owned());
        let lists = whole.ancestors().map(|folder| folder.join(FILE));
        let Some(path): Option<PathBuf> = lists.into_iter().find(|path| path.is_file()) else {
            return Ok(Self::default());
        };
        let is_whole = path.parent() == Some(&whole);
        let wrong = |what: String| ConversationError { path: path.clone(), what, allowed: None };
        let text = fs::read_to_string(&path).map_err(|why| wrong(why.to_string()))?;
        let file: File = toml::from_str(&text).map_err(|why| wrong(why.to_string()))?;
        // Who plays a part of the conversations does not see what the others need.
        let entries = file.differs.into_iter().map(|entry| (entry, !is_whole)).collect();
        Ok(Self { entries })
    }

    /// Whether a difference is on the list; its reason.
    pub fn excuse(
        &mut self,
        conversation: &Conversation,
        step: usize,
        difference: &Difference,
    ) -> Option<&str> {
        let path = conversation.path.with_extension("");
        let path = path.to_string_lossy();
        let found = self.entries.iter_mut().find(|(entry, _)| {
            is_like(&format!("*{}", entry.conversation), &path)
                && entry.step.is_none_or(|other| other == step)
                && leads_to(&entry.path, &difference.path)
        });
        found.map(|(entry, used)| {
            *used = true;
            entry.why.as_str()
        })
    }

    /// KN-1: entries that have excused nothing.
    pub fn unused(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|(_, used)| !used).map(|(entry, _)| entry)
    }
}

/// Whether a text is like a pattern in which `*` stands for any letters.
fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((begin, rest)) => text.strip_prefix(begin).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            let mut ends = ends.collect::<Vec<_>>().into_iter();
            ends.any(|at| is_like(rest, &text[at..]))
        }),
    }
}
