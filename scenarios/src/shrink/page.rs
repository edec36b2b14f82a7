//! What a search came to, as a page of text: how large the failure was and is, the faults, the two facts.

use std::fmt::Write as _;

use trial_reports::RunDocument;
use trial_sim::Span;
use trial_sim::fault::Fault;

use super::Shrunk;
use super::told::violation;
use crate::scenario::{Client, Scenario};

/// How large a scenario is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Lines of faults, with what a swarm drew counted one by one.
    pub faults: usize,
    /// Brokers.
    pub brokers: u16,
    /// Controllers of their own.
    pub controllers: u16,
    /// Topics.
    pub topics: usize,
    /// Partitions of all topics.
    pub partitions: u64,
    /// Clients that send.
    pub producers: usize,
    /// Clients that read.
    pub consumers: usize,
    /// Records that were sent.
    pub records: u64,
    /// How long faults may happen.
    pub time: Span,
}

impl Extent {
    /// Of a scenario, and of its run if there is one.
    #[must_use]
    pub fn of(scenario: &Scenario, document: Option<&RunDocument>) -> Self {
        let clients = scenario.clients.values();
        let producers = clients.filter(|client| matches!(client, Client::Producer { .. })).count();
        Self {
            faults: scenario.faults.len(),
            brokers: scenario.cluster.brokers,
            controllers: scenario.cluster.controllers,
            topics: scenario.topics.len(),
            partitions: scenario
                .topics
                .values()
                .map(|topic| u64::from(topic.partitions.unsigned_abs()))
                .sum(),
            producers,
            consumers: scenario.clients.len() - producers,
            records: document.map_or(0, |document| document.records.sent),
            time: scenario.time,
        }
    }
}

/// The page.
#[must_use]
pub fn page(shrunk: &Shrunk) -> String {
    let (from, to) = (shrunk.from, shrunk.to);
    let mut page = String::new();
    let seconds = shrunk.wall.as_secs_f64();
    let late =
        if shrunk.is_late { ", then time ran out: a longer --wall may find less" } else { "" };
    line(&mut page, format_args!("{}", shrunk.fingerprint));
    line(&mut page, format_args!("shrunk in {} runs, {seconds:.1} s{late}\n", shrunk.runs));
    let rows: [(&str, String, String); 9] = [
        ("lines of faults", from.faults.to_string(), to.faults.to_string()),
        ("brokers", from.brokers.to_string(), to.brokers.to_string()),
        ("controllers", from.controllers.to_string(), to.controllers.to_string()),
        ("topics", from.topics.to_string(), to.topics.to_string()),
        ("partitions", from.partitions.to_string(), to.partitions.to_string()),
        ("producers", from.producers.to_string(), to.producers.to_string()),
        ("consumers", from.consumers.to_string(), to.consumers.to_string()),
        ("records", from.records.to_string(), to.records.to_string()),
        ("time of faults", from.time.to_string(), to.time.to_string()),
    ];
    for (what, from, to) in rows {
        let arrow = if from == to { "      " } else { "  ->  " };
        let to = if from == to { String::new() } else { to };
        line(&mut page, format_args!("  {what:<16} {from:>8}{arrow}{to}"));
    }
    faults(&mut page, shrunk);
    let Some(document) = &shrunk.document else { return page };
    if let Some(found) = violation(document, &shrunk.fingerprint) {
        let at = found.at_ms as f64 / 1_000.0;
        line(&mut page, format_args!("\n{} at {at:.3}s: {}", found.invariant, found.message));
        for fact in &found.facts {
            line(&mut page, format_args!("  {fact}"));
        }
    }
    page
}

/// The faults that are left, each with what it did.
fn faults(page: &mut String, shrunk: &Shrunk) {
    match &shrunk.document {
        Some(document) if !document.faults.is_empty() => {
            line(page, format_args!("\nfaults that are left"));
            let width = document.faults.iter().map(|fault| fault.text.chars().count()).max();
            let width = width.unwrap_or(0);
            for fault in &document.faults {
                line(page, format_args!("  {:<width$}  {}", fault.text, fault.effect.text));
            }
        }
        Some(_) => line(page, format_args!("\nno fault is needed")),
        None => {
            let left = super::draft::Draft::parse(&shrunk.text);
            let left = left.map(|draft| draft.faults()).unwrap_or_default();
            left.iter()
                .map(Fault::to_string)
                .for_each(|fault| line(page, format_args!("  {fault}")));
        }
    }
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "{what}").expect("a String takes any text");
}
