//! Looks every sentence of an explanation up in the record again, word by word.
//!
//! Read first this file (the events), then `reading.rs` (what a clause of an argument refers to), `forms.rs` (every
//! form that a clause may have, and what the record must show for it), and `held.rs` (the same for disks and segments).
//!
//! Inputs:     the text, as a reader sees it; nothing of how it was made.
//! Invariants: WI-1 each time in a sentence is that of an entry of the record. WI-2 each host and each number in a
//!             sentence stands in an entry of that time. WI-3 an argument is made of known forms, and what each says of
//!             hosts, batches, epochs and offsets is true of an event that it refers to; of the record if it refers
//!             to none.

mod forms;
mod held;
mod reading;

use trial_cluster::note::Note;
use trial_cluster::note::raft::RaftNote;

use super::explanation::Explanation;
use super::record::{Entry, Record, What};
use super::subject::words;
use crate::check::words::when;
use crate::facts::{Fact, Facts};

/// What the events and the arguments say and the record does not; empty if each of them stands on it.
#[must_use]
pub fn unsupported(explanation: &Explanation, record: &Record, facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    for event in &explanation.events {
        for clause in event.text.split("; at ") {
            let clause = clause.strip_prefix("at ").unwrap_or(clause);
            if let Some(what) = wrong(clause, record, facts) {
                found.push(format!("{what}: {clause}"));
            }
        }
    }
    found.extend(reading::unsupported(explanation, record, facts));
    if let Some(guard) = &explanation.guard
        && !facts.setup.rules.switches().any(|switch| guard.contains(&switch.to_string()))
    {
        found.push(format!("the run has no such switch: {guard}"));
    }
    found
}

/// What is wrong with one clause, `1234.567 ms b1 did this`.
fn wrong(clause: &str, record: &Record, facts: &Facts) -> Option<String> {
    let Some((time, said)) = clause.split_once(" ms ") else {
        return Some("it begins with no time".to_owned());
    };
    let then: Vec<&Entry> =
        record.entries().iter().filter(|entry| when(entry.at) == format!("at {time} ms")).collect();
    if then.is_empty() {
        return Some("nothing happened at that time".to_owned());
    }
    let holds = |entry: &&Entry| {
        let (names, numbers) = known(entry, facts);
        words(said).into_iter().all(|word| {
            let word = word.strip_suffix("'s").unwrap_or(word);
            let is_host = facts.setup.host_named(word).is_some();
            let is_number = word.parse::<i64>().is_ok();
            (!is_host || names.iter().any(|name| name == word))
                && (!is_number || numbers.iter().any(|number| number == word))
        })
    };
    (!then.iter().any(holds))
        .then(|| "no event of that time has these hosts and numbers".to_owned())
}

/// The hosts and the numbers of an entry.
fn known(entry: &Entry, facts: &Facts) -> (Vec<String>, Vec<String>) {
    let text = match &entry.what {
        What::Fault { fault, hosts } => {
            let hosts: Vec<&str> = hosts.iter().map(|host| facts.setup.name(*host)).collect();
            let all = format!("{fault} {}", hosts.join(" "));
            let named = words(&all).into_iter().map(str::to_owned).collect::<Vec<_>>();
            return (named.clone(), named);
        }
        what => format!("{what:?}"),
    };
    let parts = |text: &str| -> Vec<String> {
        let outside = |letter: char| !letter.is_ascii_alphanumeric();
        text.split(outside).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let mut numbers = parts(&text);
    let mut names = Vec::new();
    for host in 0..facts.setup.hosts.len() {
        let host = trial_sim::HostId(u16::try_from(host).unwrap_or(u16::MAX));
        let by_host = text.contains(&format!("{host:?}"));
        let by_node =
            facts.setup.node_of(host).is_some_and(|node| text.contains(&format!("{node:?}")));
        if by_host || by_node {
            names.push(facts.setup.name(host).to_owned());
        }
    }
    // A candidate is told by the name of its host.
    if let What::Noted { note: Note::Raft(RaftNote::VoteGranted { candidate, .. }), .. } =
        &entry.what
        && let Some(host) = facts.setup.host_of(candidate.id)
    {
        names.push(facts.setup.name(host).to_owned());
    }
    // An acknowledged batch is told by its first and last offset.
    if let What::Known(_, Fact::Acked { ack, .. }) = &entry.what {
        numbers.push((ack.base + i64::from(ack.count) - 1).to_string());
    }
    (names, numbers)
}
