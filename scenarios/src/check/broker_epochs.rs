//! A broker epoch stands for one process of one broker: K15.
//!
//! In Kafka:   `ClusterControlManager.registerBroker`, `checkBrokerEpoch`; KIP-631, KIP-903.
//! Holds:      every epoch that was given and counts, and the newest that each broker was told.
//! Inputs:     controllers' notes of registrations; answers of controllers, by their bytes.
//! Invariants: K15 each epoch is greater than all before it; once a broker was told a new one, the active controller
//!             refuses every heartbeat and every AlterPartition that was sent after that under an older one.

use std::collections::BTreeMap;

use trial_cluster::ids::BrokerId;
use trial_cluster::note::Note;
use trial_cluster::note::controller::ControllerNote;
use trial_sim::{HostId, Seen, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Answered, Facts};
use crate::tap::Decision;

/// What a broker was told when it registered.
#[derive(Debug, Clone, Copy)]
struct Told {
    epoch: i64,
    /// The number of the frame that said so.
    frame: u64,
    at: Time,
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct BrokerEpochs {
    /// By the offset of the registration.
    given: BTreeMap<i64, (BrokerId, i64)>,
    told: BTreeMap<i32, Told>,
}

impl BrokerEpochs {
    /// Something was seen; the facts know it already.
    pub fn on_seen(&mut self, seen: &Seen<Note>, facts: &Facts, verdicts: &mut Verdicts) {
        if let Seen::Note { at, host, note: Note::Controller(note), .. } = seen
            && facts.active_controller == Some(*host)
        {
            self.on_note(*at, *host, note, facts, verdicts);
        }
        for answered in &facts.answered {
            self.on_answer(answered, facts, verdicts);
        }
    }

    fn on_note(
        &mut self,
        at: Time,
        host: HostId,
        note: &ControllerNote,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        match note {
            // What the last controller wrote just before is not on this one's log.
            ControllerNote::Activated { next_write_offset, .. } => {
                self.given.retain(|offset, _| *offset < next_write_offset.0 - 1);
            }
            ControllerNote::BrokerRegistered { offset, id, epoch, previous, .. }
                if *previous != Some(*epoch) =>
            {
                let newest = self.given.values().max_by_key(|(_, epoch)| *epoch).copied();
                if let Some((other, known)) = newest.filter(|(_, known)| *known >= epoch.0) {
                    let broker = words::node(facts, *id);
                    let breach = Breach {
                        invariant: "K15",
                        at,
                        message: format!(
                            "{broker} was given a broker epoch that is not the newest"
                        ),
                        facts: [
                            format!("{} had been given epoch {known}", words::node(facts, other)),
                            format!(
                                "{} gave {broker} epoch {}",
                                words::who(facts, at, host),
                                epoch.0
                            ),
                        ],
                    };
                    verdicts.always(&broker, breach);
                }
                self.given.insert(offset.0, (*id, epoch.0));
            }
            _ => {}
        }
    }

    fn on_answer(&mut self, answered: &Answered, facts: &Facts, verdicts: &mut Verdicts) {
        let Answered { at, by, decided } = answered;
        if decided.error != 0 {
            return;
        }
        let (broker, epoch, what) = match &decided.what {
            Decision::Registered { broker, epoch } => {
                let news = Told { epoch: *epoch, frame: decided.answered, at: *at };
                let told = self.told.entry(*broker).or_insert(news);
                if told.epoch < *epoch {
                    *told = news;
                }
                return;
            }
            Decision::Heartbeat { broker, epoch } => (*broker, *epoch, "a heartbeat"),
            Decision::AlterPartition { broker, epoch, .. } => {
                (*broker, *epoch, "a change of in-sync sets")
            }
            Decision::TopicsCreated(_) => return,
        };
        let Some(told) = self.told.get(&broker) else { return };
        // A controller that was deposed and does not know may go by what it knows.
        let is_late = decided.asked > told.frame && epoch < told.epoch;
        if !is_late || facts.active_controller != Some(*by) {
            return;
        }
        let broker = words::node(facts, BrokerId(broker));
        let breach = Breach {
            invariant: "K15",
            at: *at,
            message: format!("{what} of {broker} was accepted under an epoch that is over"),
            facts: [
                format!("{} {broker} was told epoch {}", words::when(told.at), told.epoch),
                format!(
                    "{} accepted {what} that {broker} has sent since then, under epoch {epoch}",
                    words::who(facts, *at, *by)
                ),
            ],
        };
        verdicts.always(&broker, breach);
    }
}
