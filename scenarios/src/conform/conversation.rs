//! A conversation: what is asked, and what Apache Kafka answered.
//!
//! Inputs:     a file, or a folder of them; `file.rs` says what one looks like.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;
use trial_cluster::wire::ApiKey;
use trial_cluster::wire::json::Json;
use trial_sim::Span;

/// A file that is no conversation.
#[derive(Debug, Clone, Error, Diagnostic)]
#[error("{}: {what}", path.display())]
pub struct ConversationError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong, with its place.
    pub what: String,
    /// What is allowed.
    #[help]
    pub allowed: Option<String>,
}

/// A list of requests, and what Apache Kafka answered.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// Where it was read.
    pub path: PathBuf,
    /// What is asked.
    pub name: String,
    /// Why it is worth asking.
    pub why: String,
    /// How many nodes there are, each broker and controller.
    pub nodes: u16,
    /// What the nodes are set to besides.
    pub config: BTreeMap<String, String>,
    /// `${run}`: what the recording put into names.
    pub run: String,
    /// In order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone)]
pub enum Step {
    /// Nothing happens for a while.
    Wait(Span),
    /// A connection is closed.
    Close(Line),
    /// A request.
    Ask(Ask),
    /// The next answer of a connection on which requests wait for theirs.
    Read(Heard, Line),
    /// Bytes as they are, and what comes back.
    Raw(Line, Vec<u8>, Heard),
}

/// A connection: to which node, and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// From 1.
    pub node: u16,
    /// `a`, unless it is told.
    pub name: String,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Which API.
    pub api: ApiKey,
    /// Its version.
    pub version: i16,
    /// Where.
    pub line: Line,
    /// `client.id`.
    pub client: String,
    /// Its fields.
    pub request: Json,
    /// When its answer is read.
    pub answered: Answered,
    /// What it is.
    pub heard: Heard,
}

/// When the answer to a request is read.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    /// At once.
    Now,
    /// At once; the request is sent again until a place in the answer has a value.
    Until(Again),
    /// By a later step.
    Later,
    /// There is none.
    Never,
}

/// A request that is repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct Again {
    /// A pointer into the answer.
    pub until: String,
    /// What stands there at last.
    pub is: Json,
    /// How often it is asked at most.
    pub times: u32,
    /// How long it waits in between.
    pub every: Span,
}

/// An answer, and what is done with it.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// What Apache Kafka answered.
    pub answer: Option<Json>,
    /// Names that values of the answer get, by their pointers.
    pub save: Vec<(String, String)>,
    /// Pointers to what is not compared; `*` stands for any place of a list.
    pub free: Vec<String>,
    /// Pointers to lists in the order of a hash: what stands in them is compared, in any order.
    pub unordered: Vec<String>,
}

impl Conversation {
    /// Every conversation of a folder and the folders in it, in the order of their paths; or of a file, that one.
    ///
    /// # Errors
    /// If there is none, or one cannot be read.
    pub fn all(path: &Path) -> Result<Vec<Self>, ConversationError> {
        let mut paths = Vec::new();
        let unread = |what: String| ConversationError {
            path: path.to_owned(),
            what,
            allowed: Some("a folder of conversations, or one of them (.json)".to_owned()),
        };
        collect(path, &mut paths).map_err(|why| unread(why.to_string()))?;
        if paths.is_empty() {
            return Err(unread("there is no conversation here".to_owned()));
        }
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }
}

fn collect(path: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        fs::metadata(path)?;
        into.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?.path();
        if entry.is_dir() || entry.extension().is_some_and(|extension| extension == "json") {
            collect(&entry, into)?;
        }
    }
    Ok(())
}
