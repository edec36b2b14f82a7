//! Where we differ from Apache Kafka on purpose, or do not have yet what it has: a list, with reasons.
//!
//! Inputs:     TOML: `[[differs]]` with `conversation` (the end of its path, `*` for any letters), `path` (a pointer,
//!             `*` for any place of a list; none: all of it), `step` (none: all), `why`; `[[not_served]]` with `apis`
//!             that Kafka advertises and we do not, and `why`.
//! Invariants: KN-1 an entry that excuses nothing is told: what was mended is taken from the list. KN-2 an entry has a
//!             reason, and says which conversations it means: none excuses everything. KN-3 an API is advertised, or
//!             stands here. KN-4 a conversation is passed over only if it asks an API that stands here and that our
//!             brokers do not serve indeed; what excuses such a conversation is not told by KN-1.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_spanned::Spanned;
use trial_cluster::broker::api::served;
use trial_cluster::wire::ApiKey;

use super::compare::{Difference, leads_to};
use super::conversation::{Conversation, ConversationError, Step};

/// The list's name in a folder of conversations.
pub const FILE: &str = "differences.toml";

/// A list of differences.
#[derive(Debug, Default)]
pub struct Known {
    entries: Vec<(Entry, bool)>,
    /// By name: why it is not served, and whether that was needed.
    not_served: BTreeMap<String, (String, bool)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    differs: Vec<Spanned<Entry>>,
    #[serde(default)]
    not_served: Vec<Spanned<NotServed>>,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotServed {
    apis: Vec<String>,
    why: String,
}

/// What is wrong with an entry, and what is allowed.
type Wrong = (String, &'static str);

const REASON: &str = "a reason: what Kafka does, what we do, and whether that is on purpose";

impl Entry {
    /// KN-2.
    fn wrong(&self) -> Option<Wrong> {
        if self.why.trim().is_empty() {
            return Some((format!("`{}`: `why` is empty", self.conversation), REASON));
        }
        if !self.conversation.contains(char::is_alphanumeric) {
            let what = format!("`conversation = \"{}\"` excuses everything", self.conversation);
            return Some((what, "the end of a path, as in fetch/partition-twice or fetch/*-twice"));
        }
        if !self.path.is_empty() && !self.path.starts_with('/') {
            let what = format!("`{}` is no pointer into an answer", self.path);
            return Some((what, "/topics/*/errorCode, for instance; none: all of the answer"));
        }
        None
    }
}

impl NotServed {
    fn wrong(&self) -> Option<Wrong> {
        let there_is = |api: &String| ApiKey::ALL.iter().any(|known| known.name() == api);
        if self.why.trim().is_empty() {
            return Some(("`why` is empty".to_owned(), REASON));
        }
        match self.apis.iter().find(|api| !there_is(api)) {
            Some(api) => {
                Some((format!("there is no API `{api}`"), "Kafka's name, as in JoinGroup"))
            }
            None if self.apis.is_empty() => {
                Some(("`apis` is empty".to_owned(), "names of APIs, as in JoinGroup"))
            }
            None => None,
        }
    }
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
        let wrong = |what: String, allowed: Option<String>| ConversationError {
            path: path.clone(),
            what,
            allowed,
        };
        let text = fs::read_to_string(&path).map_err(|why| wrong(why.to_string(), None))?;
        let file: File = toml::from_str(&text).map_err(|why| wrong(why.to_string(), None))?;
        let at = |place: usize, (what, allowed): Wrong| {
            let line = 1 + text.bytes().take(place).filter(|byte| *byte == b'\n').count();
            wrong(format!("line {line}: {what}"), Some(allowed.to_owned()))
        };
        // Who plays a part of the conversations does not see what the others need.
        let is_part = path.parent() != Some(&whole);
        let mut known = Self::default();
        for entry in file.differs {
            if let Some(found) = entry.get_ref().wrong() {
                return Err(at(entry.span().start, found));
            }
            known.entries.push((entry.into_inner(), is_part));
        }
        for entry in file.not_served {
            let place = entry.span().start;
            if let Some(found) = entry.get_ref().wrong() {
                return Err(at(place, found));
            }
            let NotServed { apis, why } = entry.into_inner();
            for api in apis {
                let twice = format!("`{api}` stands twice");
                if known.not_served.insert(api, (why.clone(), is_part)).is_some() {
                    return Err(at(place, (twice, "each API once")));
                }
            }
        }
        Ok(known)
    }

    /// The APIs that a conversation asks and our brokers do not serve, if they are on the list, KN-4: it cannot be
    /// had.
    pub fn passes_over(&mut self, conversation: &Conversation) -> Vec<ApiKey> {
        let asks = conversation.steps.iter().filter_map(|step| match step {
            Step::Ask(ask) => Some(ask.api),
            _ => None,
        });
        let is_served = |api: &ApiKey| served().any(|row| row.api == *api);
        let missing: BTreeSet<ApiKey> = asks
            .filter(|api| !is_served(api) && self.not_served.contains_key(api.name()))
            .collect();
        if !missing.is_empty() {
            let path = conversation.path.with_extension("");
            let path = path.to_string_lossy();
            for (entry, used) in &mut self.entries {
                *used |= is_like(&format!("*{}", entry.conversation), &path);
            }
        }
        missing.into_iter().collect()
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
        let found = found.map(|(entry, used)| (&entry.why, used)).or_else(|| {
            let api = difference.path.strip_prefix("/apiKeys/")?;
            self.not_served.get_mut(api).map(|(why, used)| (&*why, used))
        });
        found.map(|(why, used)| {
            *used = true;
            why.as_str()
        })
    }

    /// KN-1: what has excused nothing, conversations and APIs.
    pub fn unused(&self) -> impl Iterator<Item = &str> {
        let entries = self.entries.iter().filter(|(_, used)| !used);
        let apis = self.not_served.iter().filter(|(_, (_, used))| !used);
        let entries = entries.map(|(entry, _)| entry.conversation.as_str());
        entries.chain(apis.map(|(api, _)| api.as_str()))
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
