//! What did not come to what its scenario wants, in the form that reports for machines share.
//!
//! Inputs:     the document of a run, or the header of a sweep and its counts.
//! Invariants: FI-1 a finding says what failed, with the facts, and the line to paste. FI-2 nothing in it depends on
//!             the machine or on real time.

use std::fmt::Write as _;

use crate::document::{RunDocument, Verdict};
use crate::number::seconds;
use crate::sweep_page::failure_story;
use crate::swept::SweepHeader;
use crate::tally::Tally;

/// One thing that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The scenario's name.
    pub scenario: String,
    /// What failed, in a word that stays the same: `R6-1f0a93c2`, `seed 7`.
    pub name: String,
    /// What kind it is: a violated invariant's id, or the verdict.
    pub kind: String,
    /// What is wrong, in one line.
    pub message: String,
    /// The facts, and the line that plays it again; several lines.
    pub story: String,
    /// A fault of the plan that did nothing, as the scenario writes it; none if something else is wrong.
    pub fault: Option<String>,
    /// Whether Trial itself failed, and not the cluster.
    pub is_ours: bool,
}

impl Finding {
    /// What is wrong with a run; none if it is as its scenario expects.
    #[must_use]
    pub fn of_run(document: &RunDocument) -> Option<Self> {
        let wrong = wrong(document)?;
        let mut story = String::new();
        for violation in &document.violations {
            let at = seconds(violation.at_ms);
            line(
                &mut story,
                format_args!("{} at {at}: {}", violation.invariant, violation.message),
            );
            for fact in &violation.facts {
                line(&mut story, format_args!("  {fact}"));
            }
        }
        for open in document.unknown.iter().chain(&document.liveness.missing) {
            line(&mut story, format_args!("{open}"));
        }
        line(&mut story, format_args!("digest {}", document.digest));
        line(&mut story, format_args!("again: {}", document.replay));
        let violated =
            document.violations.first().filter(|_| document.verdict == Verdict::Violated);
        let kind = violated.map_or(document.verdict.word(), |first| &first.invariant).to_owned();
        let idle = document.faults.iter().find(|fault| fault.is_missing());
        Some(Self {
            scenario: document.scenario.clone(),
            name: format!("seed {}", document.seed),
            kind,
            message: wrong,
            story,
            fault: idle.map(|fault| fault.text.clone()),
            is_ours: false,
        })
    }

    /// That Trial itself failed while it played.
    #[must_use]
    pub fn of_trial(scenario: &str, seed: u64, what: &str, again: &str) -> Self {
        Self {
            scenario: scenario.to_owned(),
            name: format!("seed {seed}"),
            kind: "fault".to_owned(),
            message: one_line(what),
            story: format!("{what}\nagain: {again}\n"),
            fault: None,
            is_ours: true,
        }
    }

    /// The kinds of failures of a sweep, scenario by scenario, the fastest first.
    #[must_use]
    pub fn of_sweep(header: &SweepHeader, tally: &Tally) -> Vec<Self> {
        let mut found = Vec::new();
        for (scenario, tally) in header.scenarios.iter().zip(&tally.scenarios) {
            for (id, group) in tally.groups() {
                let row = &group.fastest;
                let first = row.violations.first();
                let message = match first {
                    Some(first) => format!("{}: {}", first.invariant, first.message),
                    None => row.open.first().map_or_else(|| row.word().to_owned(), String::clone),
                };
                let fault = id.starts_with("no-effect").then(|| {
                    let sentence = row.open.last().map_or("", String::as_str);
                    let faults = sentence.split_once(": ").map_or(sentence, |(_, faults)| faults);
                    faults.split_once("; ").map_or(faults, |(first, _)| first).to_owned()
                });
                let kind = first.map_or(row.word(), |first| &first.invariant).to_owned();
                found.push(Self {
                    scenario: scenario.name.clone(),
                    name: id.to_owned(),
                    kind,
                    message: format!(
                        "{} (in {} of {} seeds)",
                        one_line(&message),
                        group.count,
                        tally.played
                    ),
                    story: failure_story(scenario, id, group, tally.played),
                    fault,
                    is_ours: row.verdict.is_none(),
                });
            }
        }
        found
    }
}

/// Why a run is not what its scenario wants, in one line; none if it is.
fn wrong(document: &RunDocument) -> Option<String> {
    if document.verdict != document.expected {
        let first = document.violations.first().filter(|_| document.verdict == Verdict::Violated);
        if let Some(first) = first {
            return Some(one_line(&format!("{}: {}", first.invariant, first.message)));
        }
        let open = document.liveness.missing.first().or(document.unknown.first());
        let open = open.map_or_else(String::new, |open| format!(": {open}"));
        let (got, want) = (document.verdict.word(), document.expected.word());
        return Some(one_line(&format!(
            "the verdict is `{got}`, the scenario expects `{want}`{open}"
        )));
    }
    if let Some(fault) = document.faults.iter().find(|fault| fault.is_missing()) {
        return Some(one_line(&format!(
            "without effect, although it must have one: {}",
            fault.text
        )));
    }
    let missed = document.probes.iter().find(|probe| probe.required && probe.hits == 0)?;
    Some(format!("never happened, although it must: {}", missed.name))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes any text");
}
