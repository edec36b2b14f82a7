//! The file of a conversation.
//!
//! Inputs:     JSON, in the form that the header of `scenarios/oracle/Record.java` describes.
//! Invariants: CV-1 what is no such file is refused with its place (the line, or the step and the key) and with what is
//!             allowed there. CV-2 a step does one thing, and no key of it is passed over. CV-3 what awaits an answer
//!             has Kafka's: nothing is asked without being compared. CV-4 what is asked can be asked (`rehearsal.rs`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use trial_cluster::wire::ApiKey;
use trial_cluster::wire::json::Json;

use super::conversation::{
    Again, Answered, Ask, Conversation, ConversationError, Heard, Line, Step,
};
use super::rehearsal;
use super::wrong::Wrong;

/// Nodes of a conversation at most.
const NODES_MAX: u16 = 9;
/// How often a request is sent again at most.
const TIMES_MAX: u32 = 10_000;

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
    to: Option<u16>,
    on: Option<String>,
    client: Option<String>,
    request: Option<serde_json::Value>,
    answer: Option<serde_json::Value>,
    save: Option<BTreeMap<String, String>>,
    again: Option<AgainFile>,
    #[serde(default)]
    noreply: bool,
    #[serde(default)]
    later: bool,
    free: Option<Vec<String>>,
    unordered: Option<Vec<String>>,
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

fn fifty() -> u32 {
    50
}

fn hundred() -> u64 {
    100
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
        if file.steps.is_empty() {
            let allowed = "one request at least, with its answer".to_owned();
            return Err(wrong("steps is empty: nothing is asked".to_owned(), Some(allowed)));
        }
        let of_step = |(index, Wrong { at, what, allowed }): (usize, Wrong)| {
            let key = at.trim_start_matches('/');
            let colon = if key.is_empty() { "" } else { ": " };
            wrong(format!("step {index}: {key}{colon}{what}"), allowed)
        };
        let mut steps = Vec::new();
        for (index, step) in file.steps.into_iter().enumerate() {
            steps.push(step.read(file.nodes).map_err(|wrong| of_step((index, wrong)))?);
        }
        let conversation = Self {
            path: path.to_owned(),
            name: file.name,
            why: file.why,
            nodes: file.nodes,
            config: file.config,
            run: file.run,
            steps,
        };
        rehearsal::rehearse(&conversation).map_err(of_step)?;
        Ok(conversation)
    }
}

impl StepFile {
    fn read(self, nodes: u16) -> Result<Step, Wrong> {
        self.does_one_thing()?;
        let node = self.to.unwrap_or(1);
        if !(1..=nodes).contains(&node) {
            let there_is_none = format!("there is no node {node}");
            return Err(Wrong::new(there_is_none, &format!("1 to {nodes}")).inside("to"));
        }
        let on = self.on.as_deref().unwrap_or("a");
        let line = Line { node, name: self.close.as_deref().unwrap_or(on).to_owned() };
        if let Some(ms) = self.wait_ms {
            return rehearsal::wait(ms).map(Step::Wait).map_err(|wrong| wrong.inside("wait_ms"));
        }
        if self.close.is_some() {
            return Ok(Step::Close(line));
        }
        let heard = self.heard()?;
        if let Some(hex) = self.raw {
            let bytes = bytes_of_hex(&hex);
            let bytes = bytes
                .ok_or_else(|| Wrong::new("no hexadecimal", "two digits a byte").inside("raw"));
            return Ok(Step::Raw(line, bytes?, heard));
        }
        if self.read {
            return Ok(Step::Read(heard, line));
        }
        let (api, version) = self.api_and_version()?;
        let answered = match (self.noreply, self.later, self.again) {
            (true, ..) => Answered::Never,
            (_, true, _) => Answered::Later,
            (.., Some(again)) => {
                Answered::Until(again.read().map_err(|wrong| wrong.inside("again"))?)
            }
            _ => Answered::Now,
        };
        let request = self.request.unwrap_or_else(|| serde_json::json!({}));
        let request = json(&request).map_err(|wrong| wrong.inside("request"))?;
        let client = self.client.unwrap_or_else(|| "trial".to_owned());
        Ok(Step::Ask(Ask { api, version, line, client, request, answered, heard }))
    }

    /// CV-2.
    fn does_one_thing(&self) -> Result<(), Wrong> {
        let given = self.given();
        let kinds: [(&str, &[&str]); 5] = [
            (
                "api",
                &[
                    "version",
                    "to",
                    "on",
                    "client",
                    "request",
                    "answer",
                    "save",
                    "again",
                    "noreply",
                    "later",
                    "free",
                    "unordered",
                ],
            ),
            ("read", &["to", "on", "answer", "save", "free", "unordered"]),
            ("raw", &["to", "on", "answer", "free"]),
            ("wait_ms", &[]),
            ("close", &["to"]),
        ];
        let found: Vec<_> = kinds.iter().filter(|(kind, _)| given.contains(kind)).collect();
        let one_of = "one of api, read, raw, wait_ms, close";
        let (kind, may_have) = match found.as_slice() {
            [] => return Err(Wrong::new("it does nothing", one_of)),
            [(kind, may_have)] => (*kind, *may_have),
            [(one, _), (other, _), ..] => {
                let what = format!("it is told to do two things, {one} and {other}");
                return Err(Wrong::new(what, one_of));
            }
        };
        if let Some(key) = given.iter().find(|key| **key != kind && !may_have.contains(*key)) {
            let allowed = match may_have {
                [] => format!("{kind} stands alone"),
                keys => format!("beside {kind}: {}", keys.join(", ")),
            };
            return Err(Wrong::new(format!("{key} means nothing beside {kind}"), &allowed));
        }
        let when: Vec<_> =
            given.iter().filter(|key| matches!(**key, "noreply" | "later" | "again")).collect();
        if let [one, other, ..] = when.as_slice() {
            let what = format!("{one} and {other} contradict each other");
            return Err(Wrong::new(what, "one of again, later, noreply, or none"));
        }
        let of_an_answer =
            given.iter().find(|key| matches!(**key, "answer" | "save" | "free" | "unordered"));
        if let (true, Some(key)) = (self.later || self.noreply, of_an_answer) {
            let (why, allowed) = match self.later {
                true => ("later", "the step with `read` has them"),
                false => ("noreply", "without noreply the answer is awaited and compared"),
            };
            return Err(Wrong::new(format!("{key} means nothing beside {why}"), allowed));
        }
        Ok(())
    }

    /// The keys that the file gives.
    fn given(&self) -> Vec<&'static str> {
        let keys = [
            ("api", self.api.is_some()),
            ("read", self.read),
            ("raw", self.raw.is_some()),
            ("wait_ms", self.wait_ms.is_some()),
            ("close", self.close.is_some()),
            ("version", self.version.is_some()),
            ("to", self.to.is_some()),
            ("on", self.on.is_some()),
            ("client", self.client.is_some()),
            ("request", self.request.is_some()),
            ("answer", self.answer.is_some()),
            ("save", self.save.is_some()),
            ("again", self.again.is_some()),
            ("noreply", self.noreply),
            ("later", self.later),
            ("free", self.free.is_some()),
            ("unordered", self.unordered.is_some()),
        ];
        keys.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key).collect()
    }

    /// CV-3.
    fn heard(&self) -> Result<Heard, Wrong> {
        let answer = match &self.answer {
            None if self.later || self.noreply => None,
            None => {
                let allowed = "`conformance/make.py record` asks Kafka; `later` leaves it to a step with `read`";
                return Err(Wrong::new("what Kafka answered is missing", allowed).inside("answer"));
            }
            Some(value @ serde_json::Value::Object(_)) => {
                Some(json(value).map_err(|wrong| wrong.inside("answer"))?)
            }
            Some(_) => return Err(Wrong::new("not an object", "an object").inside("answer")),
        };
        let free = self.free.clone().unwrap_or_default();
        for pointer in &free {
            named(pointer).map_err(|wrong| wrong.inside("free"))?;
        }
        let unordered = self.unordered.clone().unwrap_or_default();
        for pointer in &unordered {
            named(pointer).map_err(|wrong| wrong.inside("unordered"))?;
        }
        let save: Vec<_> = self.save.clone().unwrap_or_default().into_iter().collect();
        for (name, pointer) in &save {
            let saved = |wrong: Wrong| wrong.inside(name).inside("save");
            if name.is_empty() || name == "run" || name.contains(['{', '}', '$']) {
                let allowed = "a name of its own, without `$`, `{`, `}`; `run` is taken";
                return Err(saved(Wrong::new("no name for a value", allowed)));
            }
            named(pointer).map_err(saved)?;
        }
        Ok(Heard { answer, save, free, unordered })
    }

    fn api_and_version(&self) -> Result<(ApiKey, i16), Wrong> {
        let name = self.api.as_deref().unwrap_or_default();
        let Some(api) = ApiKey::ALL.iter().copied().find(|api| api.name() == name) else {
            let there_is_none = format!("there is no API `{name}`");
            return Err(Wrong::new(there_is_none, "Kafka's name, as in Produce"));
        };
        let versions = api.versions();
        match self.version.filter(|version| versions.contains(version)) {
            Some(version) => Ok((api, version)),
            None => {
                let what = match self.version {
                    Some(version) => format!("{name} has no version {version}"),
                    None => "version is missing".to_owned(),
                };
                Err(Wrong::new(what, &format!("{} to {}", versions.start(), versions.end())))
            }
        }
    }
}

impl AgainFile {
    fn read(self) -> Result<Again, Wrong> {
        named(&self.until).map_err(|wrong| wrong.inside("until"))?;
        if !(1..=TIMES_MAX).contains(&self.times) {
            let allowed = format!("1 to {TIMES_MAX}");
            return Err(Wrong::new(format!("{} times", self.times), &allowed).inside("times"));
        }
        let every = rehearsal::wait(self.every_ms).map_err(|wrong| wrong.inside("every_ms"))?;
        let is = json(&self.is).map_err(|wrong| wrong.inside("is"))?;
        Ok(Again { until: self.until, is, times: self.times, every })
    }
}

/// A pointer that begins with a field: one to the whole answer would free all of it.
fn named(pointer: &str) -> Result<(), Wrong> {
    match pointer.strip_prefix('/').map(|rest| rest.split('/').next().unwrap_or_default()) {
        None | Some("" | "*") => Err(Wrong::new(
            format!("`{pointer}` does not name a field of an answer"),
            "a pointer, as in /topics/0/errorCode",
        )),
        Some(_) => Ok(()),
    }
}

/// The same value in the form of our wire.
fn json(value: &serde_json::Value) -> Result<Json, Wrong> {
    Json::parse(&value.to_string())
        .map_err(|why| Wrong::new(why.to_string(), "whole numbers fit 64 bits"))
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
