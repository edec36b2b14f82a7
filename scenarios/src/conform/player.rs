//! Has a conversation with our brokers, and compares what they answer with what Apache Kafka did.
//!
//! Holds:      the cluster, the saved values, which requests of each connection wait for their answers.
//! Invariants: PL-1 after an answer that is none (a connection that was closed, nothing at all) where Kafka gave one,
//!             the conversation goes on: the rest may still be compared. PL-2 an answer has the correlation id of what
//!             it answers. PL-3 a panic meanwhile is a fault of Trial, told with the conversation; never a difference.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

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
use crate::play::caught;

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

/// Why a conversation was not had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotPlayed {
    /// Its nodes cannot be had: a setting is not known.
    #[error(transparent)]
    Refused(#[from] ConversationError),
    /// A panic of Trial's own, PL-3.
    #[error("{}: a fault of Trial itself, not of the conversation: {what}", path.display())]
    OurFault {
        /// In which conversation.
        path: PathBuf,
        /// What the panic said.
        what: String,
    },
}

/// Has a conversation.
///
/// # Errors
/// If its nodes cannot be had, or Trial itself panics.
pub fn play(conversation: &Conversation) -> Result<Played, NotPlayed> {
    guarded(conversation, || had(conversation))
}

/// PL-3.
fn guarded(
    conversation: &Conversation,
    work: impl FnOnce() -> Result<Played, ConversationError>,
) -> Result<Played, NotPlayed> {
    match caught(work) {
        Ok(played) => Ok(played?),
        Err(what) => Err(NotPlayed::OurFault { path: conversation.path.clone(), what }),
    }
}

fn had(conversation: &Conversation) -> Result<Played, ConversationError> {
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

/// A request whose answer is awaited.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    api: ApiKey,
    version: i16,
    correlation: i32,
}

/// What came, and to what it is an answer.
struct Answer {
    asked: String,
    body: Json,
    /// PL-2: the ids, if they differ.
    strange: Option<Difference>,
}

struct Player {
    brokers: Brokers,
    saved: Saved,
    ids: Ids,
    waiting: BTreeMap<Line, VecDeque<Waiting>>,
    correlation: i32,
    played: Played,
}

impl Player {
    fn step(&mut self, index: usize, step: &Step) {
        match step {
            Step::Wait(span) => self.brokers.wait(*span),
            Step::Close(line) => {
                self.waiting.remove(line);
                self.brokers.close(line);
            }
            Step::Ask(ask) => self.ask(index, ask),
            Step::Read(heard, line) => {
                let answer = self.next(line);
                self.heard(index, answer, heard);
            }
            Step::Raw(line, bytes, heard) => {
                self.brokers.send(line, Bytes::copy_from_slice(bytes));
                let body = match self.brokers.next(line, RAW_PATIENCE) {
                    Came::Frame(frame) => {
                        let hex = frame.iter().map(|byte| format!("{byte:02x}")).collect();
                        object("raw", Json::Text(hex))
                    }
                    Came::Closed => object("closed", Json::Bool(true)),
                    Came::Nothing => object("silent", Json::Bool(true)),
                };
                let asked = format!("{} raw bytes to b{}", bytes.len(), line.node);
                self.heard(index, Answer { asked, body, strange: None }, heard);
            }
        }
    }

    fn ask(&mut self, index: usize, ask: &Ask) {
        let once = Again { until: String::new(), is: Json::Null, times: 1, every: Span::ZERO };
        let again = match &ask.answered {
            Answered::Until(again) => again,
            _ => &once,
        };
        for time in 1.. {
            if let Err(why) = self.send(ask) {
                let kafka = "was asked".to_owned();
                let difference = Difference { path: String::new(), kafka, ours: why };
                let asked = told(ask.api, ask.version, &ask.line);
                self.played.strange.push(Strange { step: index, asked, difference });
                return;
            }
            if matches!(ask.answered, Answered::Later | Answered::Never) {
                return;
            }
            let answer = self.next(&ask.line);
            let is_there = at(&answer.body, &again.until) == Some(&again.is);
            if is_there || time >= again.times {
                self.heard(index, answer, &ask.heard);
                return;
            }
            self.brokers.wait(again.every);
        }
    }

    /// What Kafka's answers have made possible (RH-1) fails if ours have not brought it.
    fn send(&mut self, ask: &Ask) -> Result<(), String> {
        let request = self.saved.fill(&ask.request).map_err(|wrong| wrong.what)?;
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
            let (api, version, correlation) = (ask.api, ask.version, self.correlation);
            let waiting = self.waiting.entry(ask.line.clone()).or_default();
            waiting.push_back(Waiting { api, version, correlation });
        }
        Ok(())
    }

    /// The next answer of a connection.
    fn next(&mut self, line: &Line) -> Answer {
        let waiting = self.waiting.get_mut(line).and_then(VecDeque::pop_front);
        let Some(waiting) = waiting else {
            let body = object("unasked", Json::Bool(true));
            return Answer { asked: "nothing".to_owned(), body, strange: None };
        };
        let mut strange = None;
        let body = match self.brokers.next(line, PATIENCE) {
            Came::Frame(frame) => {
                strange = of_another(waiting.correlation, &frame);
                read(waiting.api, waiting.version, &frame)
            }
            Came::Closed => {
                self.waiting.remove(line);
                object("closed", Json::Bool(true))
            }
            Came::Nothing => object("silent", Json::Bool(true)),
        };
        Answer { asked: told(waiting.api, waiting.version, line), body, strange }
    }

    fn heard(&mut self, index: usize, answer: Answer, heard: &Heard) {
        let Answer { asked, body, strange } = answer;
        let mut found: Vec<Difference> = strange.into_iter().collect();
        if let Some(kafka) = &heard.answer {
            let ids = &mut self.ids;
            let (free, unordered) = (heard.free.as_slice(), heard.unordered.as_slice());
            let mut comparison = Comparison { ids, free, unordered, found };
            comparison.compare("", "", kafka, &body);
            found = comparison.found;
            self.played.answers += 1;
        }
        let asked = |difference| Strange { step: index, asked: asked.clone(), difference };
        self.played.strange.extend(found.into_iter().map(asked));
        for (name, pointer) in &heard.save {
            if let Some(value) = at(&body, pointer) {
                self.saved.put(name, value.clone());
            }
        }
    }
}

/// PL-2: the recordings do not have the ids; the answer to a request has the request's.
fn of_another(correlation: i32, frame: &Bytes) -> Option<Difference> {
    let got = frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
    (got != Some(correlation)).then(|| Difference {
        path: "/header/correlationId".to_owned(),
        kafka: format!("answers {correlation}, as asked"),
        ours: got.map_or_else(|| "has none".to_owned(), |got| format!("answers {got}")),
    })
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use bytes::Bytes;

    use super::{NotPlayed, guarded, of_another};
    use crate::conform::Conversation;

    #[test]
    fn a_panic_is_told_with_the_conversation() {
        let conversation = Conversation {
            path: PathBuf::from("fetch/odd.json"),
            name: "odd".to_owned(),
            why: String::new(),
            nodes: 1,
            config: BTreeMap::new(),
            run: String::new(),
            steps: Vec::new(),
        };
        let fault = guarded(&conversation, || panic!("lost count")).expect_err("it panics");
        assert!(matches!(fault, NotPlayed::OurFault { .. }), "{fault}");
        let told = fault.to_string();
        assert!(told.starts_with("fetch/odd.json: a fault of Trial itself"), "{told}");
        assert!(told.contains("lost count"), "{told}");
    }

    #[test]
    fn an_answer_to_something_else_is_strange() {
        let frame = |bytes: &'static [u8]| Bytes::from_static(bytes);
        assert_eq!(of_another(7, &frame(&[0, 0, 0, 7, 1])), None);
        for (bytes, want) in [(&[0, 0, 0, 8][..], "answers 8"), (&[0, 0], "has none")] {
            let strange = of_another(7, &frame(bytes)).expect("it is another");
            assert_eq!(
                (strange.path.as_str(), strange.ours.as_str()),
                ("/header/correlationId", want)
            );
        }
    }
}
