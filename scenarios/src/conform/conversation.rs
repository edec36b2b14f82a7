//! The file of a conversation: what is asked, and what Apache Kafka answered.
//!
//! Inputs:     JSON, in the form that the header of `scenarios/oracle/Record.java` describes.
//! Invariants: CV-1 what is no such file is refused with its place: the line, or the step and the key.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::Deserialize;
use thiserror::Error;
use trial_cluster::wire::ApiKey;
use trial_cluster::wire::json::Json;
use trial_sim::Span;

/// Nodes of a conversation at most.
const NODES_MAX: u16 = 9;

/// A file that is no conversation.
#[derive(Debug, Error, Diagnostic)]
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    why: String,
    nodes: u16,
    #[serde(default)]
    config: BTreeMap<String, String>,
    #[serde(default)]
    run: String,
    steps: Vec<StepFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFile {
    wait_ms: Option<u64>,
    close: Option<String>,
    raw: Option<String>,
    #[serde(default)]
    read: bool,
    api: Option<String>,
    version: Option<i16>,
    #[serde(default = "one")]
    to: u16,
    #[serde(default = "first_line")]
    on: String,
    client: Option<String>,
    request: Option<serde_json::Value>,
    answer: Option<serde_json::Value>,
    #[serde(default)]
    save: BTreeMap<String, String>,
    again: Option<AgainFile>,
    #[serde(default)]
    noreply: bool,
    #[serde(default)]
    later: bool,
    #[serde(default)]
    free: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgainFile {
    until: String,
    is: serde_json::Value,
    #[serde(default = "fifty")]
    times: u32,
    #[serde(default = "hundred")]
    every_ms: u64,
}

fn one() -> u16 {
    1
}

fn first_line() -> String {
    "a".to_owned()
}

fn fifty() -> u32 {
    50
}

fn hundred() -> u64 {
    100
}

/// What is wrong with a step.
struct Wrong {
    what: String,
    allowed: Option<String>,
}

impl Wrong {
    fn new(what: impl Into<String>, allowed: &str) -> Self {
        Self { what: what.into(), allowed: Some(allowed.to_owned()) }
    }
}

impl Conversation {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is no conversation.
    pub fn read(path: &Path) -> Result<Self, ConversationError> {
        let wrong = |what: String, allowed: Option<String>| ConversationError {
            path: path.to_owned(),
            what,
            allowed,
        };
        let text = fs::read_to_string(path).map_err(|why| wrong(why.to_string(), None))?;
        let form = "scenarios/conformance/README.md gives the form of a conversation";
        let file: File = serde_json::from_str(&text)
            .map_err(|why| wrong(why.to_string(), Some(form.to_owned())))?;
        if !(1..=NODES_MAX).contains(&file.nodes) {
            let allowed = format!("1 to {NODES_MAX}");
            return Err(wrong(format!("nodes is {}", file.nodes), Some(allowed)));
        }
        let mut steps = Vec::new();
        for (index, step) in file.steps.into_iter().enumerate() {
            let step = step.read(file.nodes);
            steps.push(step.map_err(|Wrong { what, allowed }| {
                wrong(format!("step {index}: {what}"), allowed)
            })?);
        }
        Ok(Self {
            path: path.to_owned(),
            name: file.name,
            why: file.why,
            nodes: file.nodes,
            config: file.config,
            run: file.run,
            steps,
        })
    }

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

impl StepFile {
    fn read(self, nodes: u16) -> Result<Step, Wrong> {
        if !(1..=nodes).contains(&self.to) {
            return Err(Wrong::new(
                format!("there is no node {}", self.to),
                &format!("1 to {nodes}"),
            ));
        }
        let line = Line { node: self.to, name: self.on };
        let heard = Heard {
            answer: self.answer.map(|value| json(&value)).transpose()?,
            save: self.save.into_iter().collect(),
            free: self.free,
        };
        if let Some(ms) = self.wait_ms {
            return Ok(Step::Wait(Span::from_millis(ms)));
        }
        if let Some(name) = self.close {
            return Ok(Step::Close(Line { name, ..line }));
        }
        if let Some(hex) = self.raw {
            let bytes = bytes_of_hex(&hex);
            let bytes =
                bytes.ok_or_else(|| Wrong::new("raw is no hexadecimal", "two digits a byte"));
            return Ok(Step::Raw(line, bytes?, heard));
        }
        if self.read {
            return Ok(Step::Read(heard, line));
        }
        let Some(name) = self.api else {
            return Err(Wrong::new("it does nothing", "one of api, read, raw, wait_ms, close"));
        };
        let Some(api) = ApiKey::ALL.iter().copied().find(|api| api.name() == name) else {
            return Err(Wrong::new(
                format!("there is no API `{name}`"),
                "Kafka's name, as in Produce",
            ));
        };
        let versions = api.versions();
        let Some(version) = self.version.filter(|version| versions.contains(version)) else {
            let what = match self.version {
                Some(version) => format!("{name} has no version {version}"),
                None => "version is missing".to_owned(),
            };
            return Err(Wrong::new(what, &format!("{} to {}", versions.start(), versions.end())));
        };
        let again = |again: AgainFile| {
            let (times, every) = (again.times, Span::from_millis(again.every_ms));
            Ok(Again { until: again.until, is: json(&again.is)?, times, every })
        };
        let answered = match (self.noreply, self.later, self.again) {
            (true, ..) => Answered::Never,
            (_, true, _) => Answered::Later,
            (.., Some(file)) => Answered::Until(again(file)?),
            _ => Answered::Now,
        };
        let request = json(&self.request.unwrap_or_else(|| serde_json::json!({})))?;
        let client = self.client.unwrap_or_else(|| "trial".to_owned());
        Ok(Step::Ask(Ask { api, version, line, client, request, answered, heard }))
    }
}

/// The same value in the form of our wire.
fn json(value: &serde_json::Value) -> Result<Json, Wrong> {
    Json::parse(&value.to_string()).map_err(|why| Wrong { what: why.to_string(), allowed: None })
}

/// The bytes that pairs of digits stand for.
fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    };
    pairs.map(byte).collect()
}
