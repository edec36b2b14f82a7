//! A conversation is rehearsed when it is read, with Kafka's own answers: whether all that it asks can be asked.
//!
//! Holds:      what Kafka's answers have saved; which connections there are, and how many answers each still owes; how
//!             long the waits are in sum, and how many bytes are sent.
//! Invariants: RH-1 whoever rehearses well is not stopped when it is had: a name, a field, a batch that cannot be is
//!             found here. RH-2 no file keeps anybody busy, or fills the memory: waits and bytes are bounded.

use std::collections::BTreeMap;

use trial_cluster::wire::json::{Json, from_json};
use trial_sim::Span;

use super::conversation::{Answered, Ask, Conversation, Heard, Line, Step};
use super::fill::{Saved, at};
use super::wrong::Wrong;

/// The waits of a conversation in sum, of virtual time.
const WAITS_MAX: Span = Span::from_secs(3_600);
/// The bytes that a conversation sends in all.
const BYTES_MAX: u64 = 64 << 20;
const WAITS_ALLOWED: &str =
    "an hour (3600000 ms) in all, where `again` counts `times` of `every_ms`";
const BYTES_ALLOWED: &str = "64 MiB in all, where `again` counts `times` of its request";

/// A wait of so many milliseconds, RH-2.
pub(super) fn wait(ms: u64) -> Result<Span, Wrong> {
    if ms > WAITS_MAX.as_millis() {
        return Err(Wrong::new(format!("{ms} ms is too long"), WAITS_ALLOWED));
    }
    Ok(Span::from_millis(ms))
}

/// Where a conversation cannot be had, and why.
pub(super) fn rehearse(conversation: &Conversation) -> Result<(), (usize, Wrong)> {
    let mut rehearsal = Rehearsal::default();
    rehearsal.saved.put("run", Json::Text(conversation.run.clone()));
    for (index, step) in conversation.steps.iter().enumerate() {
        rehearsal.step(index, step).map_err(|wrong| (index, wrong))?;
    }
    match rehearsal.owed.values().flatten().next() {
        None => Ok(()),
        Some(index) => {
            let what = "nobody reads the answer that is left for later";
            Err((*index, Wrong::new(what, "a step with `read` on the same connection")))
        }
    }
}

#[derive(Default)]
struct Rehearsal {
    saved: Saved,
    /// Of each connection that there is, the steps whose answers are left for later.
    owed: BTreeMap<Line, Vec<usize>>,
    waited_ms: u64,
    sent_bytes: u64,
}

impl Rehearsal {
    fn step(&mut self, index: usize, step: &Step) -> Result<(), Wrong> {
        match step {
            Step::Wait(span) => self.wait(*span, 1).map_err(|wrong| wrong.inside("wait_ms")),
            Step::Close(line) => match self.owed.remove(line) {
                Some(_) => Ok(()),
                None => Err(no_connection(line).inside("close")),
            },
            Step::Raw(line, bytes, heard) => {
                self.owed.entry(line.clone()).or_default();
                self.send(bytes.len(), 1)?;
                self.heard(heard, line)
            }
            Step::Read(heard, line) => {
                match self.owed.get_mut(line) {
                    Some(owed) if !owed.is_empty() => {
                        owed.remove(0);
                    }
                    Some(_) => {
                        let what = "no request waits for its answer on this connection";
                        return Err(Wrong::new(what, "a request with `later` before it"));
                    }
                    None => return Err(no_connection(line)),
                }
                self.heard(heard, line)
            }
            Step::Ask(ask) => self.ask(index, ask),
        }
    }

    fn ask(&mut self, index: usize, ask: &Ask) -> Result<(), Wrong> {
        let owed = self.owed.entry(ask.line.clone()).or_default();
        match &ask.answered {
            Answered::Later => owed.push(index),
            Answered::Now | Answered::Until(_) if !owed.is_empty() => {
                let what = "its answer comes behind those that are left for later";
                return Err(Wrong::new(what, "steps with `read` before it, or `later`"));
            }
            _ => {}
        }
        let times = match &ask.answered {
            Answered::Until(again) => {
                let waited = self.wait(again.every, u64::from(again.times));
                waited.map_err(|wrong| wrong.inside("every_ms").inside("again"))?;
                again.times
            }
            _ => 1,
        };
        let request = self.saved.fill(&ask.request).map_err(|wrong| wrong.inside("request"))?;
        let name = format!("{}Request", ask.api.name());
        let body = from_json(&name, ask.version, &request).map_err(|why| {
            let allowed = "the fields that this version of the message has in Kafka, with values of their types";
            Wrong::new(why.to_string(), allowed).inside("request")
        })?;
        self.send(body.len(), times)?;
        self.heard(&ask.heard, &ask.line)
    }

    fn wait(&mut self, span: Span, times: u64) -> Result<(), Wrong> {
        let all = span.as_millis().saturating_mul(times).saturating_add(self.waited_ms);
        if all > WAITS_MAX.as_millis() {
            return Err(Wrong::new(format!("{all} ms in all are too long"), WAITS_ALLOWED));
        }
        self.waited_ms = all;
        Ok(())
    }

    fn send(&mut self, bytes: usize, times: u32) -> Result<(), Wrong> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(times.into());
        self.sent_bytes = self.sent_bytes.saturating_add(bytes);
        if self.sent_bytes > BYTES_MAX {
            let what = format!("{} bytes are sent up to here", self.sent_bytes);
            return Err(Wrong::new(what, BYTES_ALLOWED));
        }
        Ok(())
    }

    fn heard(&mut self, heard: &Heard, line: &Line) -> Result<(), Wrong> {
        let Some(answer) = &heard.answer else { return Ok(()) };
        if answer.get("closed").is_some() {
            self.owed.remove(line);
        }
        for pointer in &heard.unordered {
            if !leads_to_a_list(answer, pointer) {
                let what = format!("Kafka's answer has no list at {pointer}");
                let allowed = "a pointer to a list of the answer";
                return Err(Wrong::new(what, allowed).inside("unordered"));
            }
        }
        for (name, pointer) in &heard.save {
            let Some(value) = at(answer, pointer) else {
                let what = format!("Kafka's answer has nothing at {pointer}");
                let allowed = "a pointer to a value of the answer";
                return Err(Wrong::new(what, allowed).inside(name).inside("save"));
            };
            self.saved.put(name, value.clone());
        }
        Ok(())
    }
}

/// Whether a pointer with `*` for any place leads to a list.
fn leads_to_a_list(answer: &Json, pointer: &str) -> bool {
    let mut found = vec![answer];
    for key in pointer.split('/').skip(1) {
        found = found
            .into_iter()
            .flat_map(|value| match (value, key) {
                (Json::List(list), "*") => list.iter().collect(),
                _ => at(value, &format!("/{key}")).into_iter().collect::<Vec<_>>(),
            })
            .collect();
    }
    found.iter().any(|value| matches!(value, Json::List(_)))
}

fn no_connection(line: &Line) -> Wrong {
    let what = format!("there is no connection `{}` to node {}", line.name, line.node);
    Wrong::new(what, "one on which something was sent before")
}
