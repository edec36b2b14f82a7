//! How a chain is put together: events by their entries, arguments that refer to them, at most ten in the end.
//!
//! Holds:      the record up to the contradiction, what it is about, and what was chosen so far.
//! Invariants: CH-1 what is left out for want of room is what matters least; no argument refers to it.

use std::collections::BTreeSet;

use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::note::partition::PartitionEvent;
use trial_cluster::rules::Switch;
use trial_sim::HostId;

use super::deeds::Deed;
use super::explanation::{EVENTS_MAX, Event, Explanation};
use super::record::{Entry, Record, What};
use super::sentence::Names;
use super::subject::Subject;
use crate::check::Violation;
use crate::check::words::{node, offsets, when};
use crate::facts::{Fact, Facts, Stored};

/// How much an event matters: the least is left out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// It makes the picture rounder.
    Aside,
    /// A link in between.
    Link,
    /// Without it nothing is explained.
    Core,
}

/// A piece of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Words.
    Words(String),
    /// References to events, by their drafts.
    Refs(Vec<usize>),
}

/// A chosen event.
#[derive(Debug, Clone)]
struct Draft {
    entries: Vec<usize>,
    weight: Weight,
}

/// A chain that is being put together.
#[derive(Clone)]
pub(super) struct Chain<'a> {
    pub(super) record: &'a [Entry],
    pub(super) deeds: &'a [Deed],
    pub(super) facts: &'a Facts,
    /// How many entries there were when the contradiction was found.
    pub(super) until: usize,
    pub(super) subject: Subject,
    pub(super) partition: Option<TopicPartition>,
    pub(super) batches: Vec<(char, Stored)>,
    drafts: Vec<Draft>,
    arguments: Vec<Vec<Piece>>,
    pub(super) guard: Option<Switch>,
    pub(super) is_generic: bool,
}

impl<'a> Chain<'a> {
    pub(super) fn new(
        record: &'a Record,
        facts: &'a Facts,
        until: usize,
        subject: Subject,
    ) -> Self {
        let partition = subject.partition(facts).map(|partition| partition.id);
        Self {
            record: record.entries(),
            deeds: record.deeds().all(),
            facts,
            until,
            subject,
            partition,
            batches: Vec::new(),
            drafts: Vec::new(),
            arguments: Vec::new(),
            guard: None,
            is_generic: false,
        }
    }

    /// Chooses an event; answers how arguments refer to it.
    pub(super) fn event(&mut self, entry: usize, weight: Weight) -> usize {
        self.events(vec![entry], weight)
    }

    /// Chooses what several entries tell together.
    pub(super) fn events(&mut self, entries: Vec<usize>, weight: Weight) -> usize {
        if let Some(place) = self.drafts.iter().position(|draft| draft.entries == entries) {
            let draft = &mut self.drafts[place];
            draft.weight = draft.weight.max(weight);
            return place;
        }
        self.drafts.push(Draft { entries, weight });
        self.drafts.len() - 1
    }

    /// The same, if there is such an entry.
    pub(super) fn maybe(&mut self, entry: Option<usize>, weight: Weight) -> Vec<usize> {
        entry.map(|entry| self.event(entry, weight)).into_iter().collect()
    }

    /// Chooses the last events that matter, as many as a page has room for; answers what they are referred to by, the
    /// last one first.
    pub(super) fn select(&mut self, matters: impl FnMut(&Self, usize) -> bool) -> Vec<usize> {
        let mut matters = matters;
        let places = (0..self.until).rev().filter(|place| matters(self, *place));
        let chosen: Vec<usize> = places.take(EVENTS_MAX).collect();
        chosen.into_iter().map(|place| self.event(place, Weight::Link)).collect()
    }

    /// Whether an event that was chosen is of such an entry.
    pub(super) fn is_of(&self, event: usize, test: impl Fn(&What) -> bool) -> bool {
        self.drafts[event].entries.iter().any(|entry| test(&self.record[*entry].what))
    }

    /// The last argument of a page that tells no causes: what was found.
    pub(super) fn however(&mut self, violation: &Violation) {
        let message = violation.message.trim_end_matches('.');
        self.argue(vec![say(format!("However, {message}: a contradiction!"))]);
    }

    /// Adds an argument.
    pub(super) fn argue(&mut self, pieces: Vec<Piece>) {
        self.arguments.push(pieces);
    }

    /// The last entry before `before` for which `test` holds.
    pub(super) fn last(&self, before: usize, test: impl Fn(&What) -> bool) -> Option<usize> {
        self.record[..before].iter().rposition(|entry| test(&entry.what))
    }

    /// The first entry from `from` on for which `test` holds.
    pub(super) fn next(&self, from: usize, test: impl Fn(&What) -> bool) -> Option<usize> {
        let found = self.record.get(from..)?.iter().position(|entry| test(&entry.what))?;
        Some(from + found)
    }

    /// Whether an entry is of the partition, and which fact.
    pub(super) fn fact<'b>(&self, what: &'b What) -> Option<&'b Fact> {
        match what {
            What::Known(partition, fact) if Some(*partition) == self.partition => Some(fact),
            _ => None,
        }
    }

    /// Whether a broker noted such an event of the partition.
    pub(super) fn noted(
        &self,
        what: &What,
        by: Option<HostId>,
        test: impl Fn(&PartitionEvent) -> bool,
    ) -> bool {
        matches!(self.fact(what), Some(Fact::Noted { host, event })
            if by.is_none_or(|by| by == *host) && test(event))
    }

    /// When `host` wrote this batch to its disk, last before `before`.
    pub(super) fn written(&self, batch: &Stored, host: HostId, before: usize) -> Option<usize> {
        self.last(before, |what| match self.fact(what) {
            Some(Fact::Written { host: by, batch: written, .. }) => {
                *by == host && written.is_same(batch)
            }
            _ => false,
        })
    }

    /// When anybody wrote it first.
    pub(super) fn appended(&self, batch: &Stored) -> Option<usize> {
        self.next(0, |what| {
            matches!(self.fact(what), Some(Fact::Written { batch: written, .. }) if written.is_same(batch))
        })
    }

    /// When the high watermark of a leader that had the batch first passed it.
    pub(super) fn committed(&self, batch: &Stored, append: usize) -> Option<usize> {
        let mut holders: BTreeSet<HostId> = BTreeSet::new();
        for (place, entry) in self.record[..self.until].iter().enumerate().skip(append) {
            match self.fact(&entry.what) {
                Some(Fact::Written { host, batch: written, .. }) if written.is_same(batch) => {
                    holders.insert(*host);
                }
                Some(Fact::Noted {
                    host,
                    event: PartitionEvent::LeaderHighWatermarkMoved { from, to, .. },
                }) if from.0 <= batch.last && to.0 > batch.last && holders.contains(host) => {
                    return Some(place);
                }
                Some(fact) => {
                    if let Some((host, from, to)) = fact.left()
                        && (from..=to).contains(&batch.base)
                    {
                        holders.remove(&host);
                    }
                }
                None => {}
            }
        }
        None
    }

    /// The registration of the partition that counted at `before`.
    pub(super) fn registration(&self, before: usize) -> Option<usize> {
        self.last(before, |what| {
            what.partition() == self.partition && matches!(what, What::Registered { .. })
        })
    }

    /// The election that began `epoch`.
    pub(super) fn election(&self, epoch: i32, before: usize) -> Option<usize> {
        self.last(before, |what| match what {
            What::Registered { partition, old, new, .. } => {
                Some(*partition) == self.partition
                    && new.leader_epoch.0 == epoch
                    && old.as_ref().is_none_or(|old| old.leader_epoch.0 != epoch)
            }
            _ => false,
        })
    }

    /// Who was elected.
    pub(super) fn elected(&self, registered: usize) -> String {
        let What::Registered { new, .. } = &self.record[registered].what else {
            return String::new();
        };
        new.leader.map_or_else(|| "nobody".to_owned(), |id| node(self.facts, id))
    }

    pub(super) fn node(&self, host: HostId) -> Option<BrokerId> {
        self.facts.setup.node_of(host)
    }

    pub(super) fn name(&self, host: HostId) -> String {
        self.facts.setup.name(host).to_owned()
    }

    /// What a switch's removed guard is, if the run was played with it.
    pub(super) fn blame(&mut self, switches: &[Switch]) {
        let mut thrown = self.facts.setup.rules.switches();
        self.guard = thrown.find(|switch| switches.contains(switch)).or(self.guard);
    }

    /// The page.
    pub(super) fn finish(mut self, violation: &Violation) -> Explanation {
        let title =
            format!("{} {}: {}", violation.invariant, when(violation.at), violation.message);
        let guard = self.guard_text();
        let (events, places) = self.chosen();
        let arguments = std::mem::take(&mut self.arguments);
        let arguments = arguments.iter().map(|pieces| worded(pieces, &places)).collect();
        Explanation {
            title,
            names: self.batches.iter().map(|(letter, batch)| self.named(*letter, batch)).collect(),
            events,
            arguments,
            contradiction: Some(violation.facts.clone()),
            guard,
            is_generic: self.is_generic,
            others: Vec::new(),
        }
    }

    fn guard_text(&self) -> Option<String> {
        let about = |switch: &Switch| format!("{switch} ({})", switch.about());
        if let Some(switch) = &self.guard {
            return Some(format!(
                "this run has the switch {}: the guard that it removes is the one whose absence is seen above",
                about(switch)
            ));
        }
        let thrown: Vec<String> =
            self.facts.setup.rules.switches().map(|switch| about(&switch)).collect();
        (!thrown.is_empty()).then(|| {
            format!(
                "this run has the switch {}. Nothing above shows by itself that the guard which it removes is missing here",
                thrown.join("; ")
            )
        })
    }

    /// The events in their order, and where each draft went.
    fn chosen(&self) -> (Vec<Event>, Vec<Option<usize>>) {
        let mut order: Vec<usize> = (0..self.drafts.len()).collect();
        // The most important first; among equals the newest, which is nearer to the contradiction.
        order.sort_by_key(|place| {
            let draft = &self.drafts[*place];
            (std::cmp::Reverse(draft.weight), std::cmp::Reverse(draft.entries.last().copied()))
        });
        order.truncate(EVENTS_MAX);
        order.sort_by_key(|place| self.drafts[*place].entries.first().copied());
        let mut places = vec![None; self.drafts.len()];
        let mut events = Vec::new();
        for (event, place) in order.into_iter().enumerate() {
            places[place] = Some(event);
            events.push(self.told(&self.drafts[place].entries));
        }
        (events, places)
    }

    fn told(&self, entries: &[usize]) -> Event {
        let names = Names { facts: self.facts, batches: &self.batches };
        let each: Vec<String> =
            entries.iter().map(|place| names.told(&self.record[*place])).collect();
        Event { text: each.join("; "), entries: entries.to_vec() }
    }

    /// What a letter stands for.
    fn named(&self, letter: char, batch: &Stored) -> String {
        let span = offsets(batch.base, batch.last);
        let partition = self.subject.partition.clone().unwrap_or_default();
        let told = self.next(0, |what| {
            matches!(self.fact(what), Some(Fact::Acked { ack, .. })
                if ack.crc == batch.crc && ack.base == batch.base)
        });
        let from = match told.map(|place| &self.record[place].what) {
            Some(What::Known(_, Fact::Acked { ack, .. })) => {
                format!(", sent by {}", self.facts.setup.name(ack.producer))
            }
            _ => String::new(),
        };
        format!(
            "{letter} = the batch at {span} of {partition} in leader epoch {} (checksum {:08x}){from}",
            batch.epoch, batch.crc
        )
    }
}

/// An argument as it is read: references by the places of events; those to events that were left out are gone.
fn worded(pieces: &[Piece], places: &[Option<usize>]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Words(words) => text.push_str(words),
            Piece::Refs(refs) => {
                let mut kept: Vec<usize> = refs.iter().filter_map(|draft| places[*draft]).collect();
                kept.sort_unstable();
                kept.dedup();
                let names: Vec<String> =
                    kept.iter().map(|place| format!("E{}", place + 1)).collect();
                if !names.is_empty() {
                    text.push_str(&format!(" ({})", names.join(", ")));
                }
            }
        }
    }
    text
}

/// Words of an argument.
pub(super) fn say(text: impl Into<String>) -> Piece {
    Piece::Words(text.into())
}

/// References of an argument.
pub(super) fn see(refs: &[usize]) -> Piece {
    Piece::Refs(refs.to_vec())
}
