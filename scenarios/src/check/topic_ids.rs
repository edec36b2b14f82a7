//! A topic id stands for one topic, for ever: K17.
//!
//! In Kafka:   `ReplicationControlManager.createTopic`, `TopicsImage`; KIP-516.
//! Holds:      every topic that was made and counts, and which of them are gone.
//! Inputs:     notes of the active controller.
//! Invariants: K17 no id is given twice, not even after its topic is gone; at any offset of the metadata log a name has
//!             one id and an id one name.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_cluster::ids::{TopicId, Uuid};
use trial_cluster::note::Note;
use trial_cluster::note::controller::ControllerNote;
use trial_sim::{HostId, Seen, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::Facts;

/// A topic that was made.
#[derive(Debug, Clone)]
struct Topic {
    name: Arc<str>,
    /// Where it came into the metadata log.
    from: i64,
    /// Where it left it.
    to: Option<i64>,
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct TopicIds {
    topics: BTreeMap<TopicId, Topic>,
}

impl TopicIds {
    /// Something was seen; the facts know it already.
    pub fn on_seen(&mut self, seen: &Seen<Note>, facts: &Facts, verdicts: &mut Verdicts) {
        let Seen::Note { at, host, note: Note::Controller(note), .. } = seen else { return };
        if facts.active_controller != Some(*host) {
            return;
        }
        match note {
            ControllerNote::Activated { next_write_offset, .. } => {
                self.undo(next_write_offset.0 - 1);
            }
            ControllerNote::TopicCreated { offset, id, name } => {
                let broken = self.created(*id, name);
                let topic = Topic { name: Arc::clone(name), from: offset.0, to: None };
                self.topics.insert(*id, topic);
                let Some((before, why)) = broken else { return };
                let now = format!("made {name} with the id {id}");
                tell((*at, *host), &format!("{name}: {why}"), before, &now, facts, verdicts);
            }
            ControllerNote::TopicDeleted { offset, id } => {
                match self.topics.get_mut(id) {
                    Some(topic) if topic.to.is_none() => topic.to = Some(offset.0),
                    _ => {
                        let before = "no topic has that id".to_owned();
                        let now = format!("removed the topic of the id {id}");
                        let what = "a topic was removed that is not there";
                        tell((*at, *host), what, before, &now, facts, verdicts);
                    }
                };
            }
            _ => {}
        }
    }

    /// What is wrong with a new topic: what stood before, and why.
    fn created(&self, id: TopicId, name: &Arc<str>) -> Option<(String, &'static str)> {
        if id == Uuid::default() {
            return Some(("no topic may have the id of all zeros".to_owned(), "its id is none"));
        }
        if let Some(other) = self.topics.get(&id) {
            let before = format!("{} had the id {id}, from offset {} on", other.name, other.from);
            return Some((before, "its id was given before"));
        }
        let same = |(_, topic): &(&TopicId, &Topic)| topic.to.is_none() && topic.name == *name;
        let (other, topic) = self.topics.iter().find(same)?;
        let before = format!("{name} has the id {other}, from offset {} on", topic.from);
        Some((before, "its name is taken"))
    }

    /// The records from `start` on have not come to be.
    fn undo(&mut self, start: i64) {
        self.topics.retain(|_, topic| topic.from < start);
        for topic in self.topics.values_mut() {
            topic.to = topic.to.filter(|offset| *offset < start);
        }
    }
}

fn tell(
    (at, host): (Time, HostId),
    what: &str,
    before: String,
    now: &str,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let now = format!("{} {now}", words::who(facts, at, host));
    let breach = Breach { invariant: "K17", at, message: what.to_owned(), facts: [before, now] };
    verdicts.always(what, breach);
}
