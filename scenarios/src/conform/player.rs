//! Has a conversation with our brokers, and compares what they answer with what Apache Kafka did.
//!
//! Holds:      the cluster, the saved values, which requests of each connection wait for their answers.
//! Invariants: PL-1 after an answer that is none (a connection that was closed, nothing at all) where Kafka gave one,
//!             the conversation goes on: the rest may still be compared.

use std::collections::{BTreeMap, VecDeque};

use bytes::{BufMut as _, Bytes, BytesMut};
use trial_cluster::wire::ApiKey;
use trial_cluster::wire::json::{Json, from_json, to_json};
use trial_sim::Span;

use super::brokers::{Brokers, Came};
use super::compare::{Comparison, Difference, Ids};
use super::conversation::{
    Again, Answered, Ask, Conversation, ConversationError, Heard, Line, Step,
};
use super::fill::{Saved, at};

/// How long an answer may take, in virtual time.
const PATIENCE: Span = Span::from_secs(60);
/// How long the recorder waits for an answer to raw bytes.
const RAW_PATIENCE: Span = Span::from_secs(2);

/// A conversation that was had.
#[derive(Debug, Clone, Default)]
pub struct Played {
    /// Answers that were compared.
    pub answers: usize,
    /// In order.
    pub strange: Vec<Strange>,
    /// What invariants our brokers violated meanwhile: `R4: orders/0 ...`.
    pub violated: Vec<String>,
}

/// A difference, and where it showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strange {
    /// Which step, from 0.
    pub step: usize,
    /// What was asked: `Produce 9 to b1`.
    pub asked: String,
    /// What differs.
    pub difference: Difference,
}

/// Has a conversation.
///
/// # Errors
/// If its nodes cannot be had: a setting is not known.
pub fn play(conversation: &Conversation) -> Result<Played, ConversationError> {
    let mut player = Player {
        brokers: Brokers::boot(conversation)?,
        saved: Saved::default(),
        ids: Ids::default(),
        waiting: BTreeMap::new(),
        correlation: 0,
        played: Played::default(),
    };
    player.saved.put("run", Json::Text(conversation.run.clone()));
    for (index, step) in conversation.steps.iter().enumerate() {
        player.step(index, step);
    }
    player.played.violated = player.brokers.violated();
    Ok(player.played)
}

struct Player {
    brokers: Brokers,
    saved: Saved,
    ids: Ids,
    waiting: BTreeMap<Line, VecDeque<(ApiKey, i16)>>,
    correlation: i32,
    played: Played,
}

impl Player {
    fn step(&mut self, index: usize, step: &Step) {
        match step {
            Step::Wait(span) => self.brokers.wait(*span),
            Step::Close(line) => self.brokers.close(line),
            Step::Ask(ask) => self.ask(index, ask),
            Step::Read(heard, line) => {
                let (asked, answer) = self.next(line);
                self.heard(index, &asked, answer, heard);
            }
            Step::Raw(line, bytes, heard) => {
                self.brokers.send(line, Bytes::copy_from_slice(bytes));
                let answer = match self.brokers.next(line, RAW_PATIENCE) {
                    Came::Frame(frame) => {
                        let hex = frame.iter().map(|byte| format!("{byte:02x}")).collect();
                        object("raw", Json::Text(hex))
                    }
                    Came::Closed => object("closed", Json::Bool(true)),
                    Came::Nothing => object("silent", Json::Bool(true)),
                };
                let asked = format!("{} raw bytes to b{}", bytes.len(), line.node);
                self.heard(index, &asked, answer, heard);
            }
        }
    }

    fn ask(&mut self, index: usize, ask: &Ask) {
        let asked = told(ask.api, ask.version, &ask.line);
        let once = Again { until: String::new(), is: Json::Null, times: 1, every: Span::ZERO };
        let again = match &ask.answered {
            Answered::Until(again) => again,
            _ => &once,
        };
        for time in 1.. {
            if let Err(why) = self.send(ask) {
                let kafka = "was asked".to_owned();
                let difference = Difference { path: String::new(), kafka, ours: why };
                self.played.strange.push(Strange { step: index, asked, difference });
                return;
            }
            if matches!(ask.answered, Answered::Later | Answered::Never) {
                return;
            }
            let (_, answer) = self.next(&ask.line);
            let is_there = at(&answer, &again.until) == Some(&again.is);
            if is_there || time >= again.times {
                self.heard(index, &asked, answer, &ask.heard);
                return;
            }
            self.brokers.wait(again.every);
        }
    }

    fn send(&mut self, ask: &Ask) -> Result<(), String> {
        let request = self.saved.fill(&ask.request)?;
        let name = format!("{}Request", ask.api.name());
        let body = from_json(&name, ask.version, &request).map_err(|why| why.to_string())?;
        self.correlation += 1;
        let header = Json::Object(vec![
            ("requestApiKey".into(), Json::Int(i64::from(ask.api.key()))),
            ("requestApiVersion".into(), Json::Int(i64::from(ask.version))),
            ("correlationId".into(), Json::Int(i64::from(self.correlation))),
            ("clientId".into(), Json::Text(ask.client.clone())),
        ]);
        let version = ask.api.request_header_version(ask.version);
        let header = from_json("RequestHeader", version, &header).map_err(|why| why.to_string())?;
        let length = i32::try_from(header.len() + body.len()).map_err(|why| why.to_string())?;
        let mut frame = BytesMut::new();
        frame.put_i32(length);
        frame.extend_from_slice(&header);
        frame.extend_from_slice(&body);
        self.brokers.send(&ask.line, frame.freeze());
        if ask.answered != Answered::Never {
            self.waiting.entry(ask.line.clone()).or_default().push_back((ask.api, ask.version));
        }
        Ok(())
    }

    /// The next answer of a connection, and to what it is one.
    fn next(&mut self, line: &Line) -> (String, Json) {
        let waiting = self.waiting.get_mut(line).and_then(VecDeque::pop_front);
        let Some((api, version)) = waiting else {
            return ("nothing".to_owned(), object("unasked", Json::Bool(true)));
        };
        let answer = match self.brokers.next(line, PATIENCE) {
            Came::Frame(frame) => read(api, version, &frame),
            Came::Closed => {
                self.waiting.remove(line);
                object("closed", Json::Bool(true))
            }
            Came::Nothing => object("silent", Json::Bool(true)),
        };
        (told(api, version, line), answer)
    }

    fn heard(&mut self, index: usize, asked: &str, answer: Json, heard: &Heard) {
        if let Some(kafka) = &heard.answer {
            let mut comparison =
                Comparison { ids: &mut self.ids, free: &heard.free, found: Vec::new() };
            comparison.compare("", "", kafka, &answer);
            self.played.answers += 1;
            let strange = comparison.found.into_iter().map(|difference| Strange {
                step: index,
                asked: asked.to_owned(),
                difference,
            });
            self.played.strange.extend(strange);
        }
        for (name, pointer) in &heard.save {
            if let Some(value) = at(&answer, pointer) {
                self.saved.put(name, value.clone());
            }
        }
    }
}

fn read(api: ApiKey, version: i16, frame: &Bytes) -> Json {
    // A broker answers an ApiVersions request of a version that it does not know in version 0.
    let header = match api.response_header_version(version) {
        0 => 4,
        _ => 5,
    };
    let body = frame.slice(header.min(frame.len())..);
    let name = format!("{}Response", api.name());
    to_json(&name, version, &body)
        .unwrap_or_else(|why| object("unreadable", Json::Text(why.to_string())))
}

fn told(api: ApiKey, version: i16, line: &Line) -> String {
    format!("{} {version} to b{}", api.name(), line.node)
}

fn object(key: &'static str, value: Json) -> Json {
    Json::Object(vec![(key.into(), value)])
}
