//! What a history came to: a verdict, and of each anomaly that was found how often, whether it is allowed, examples.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::anomaly::{Anomaly, SubVia, Weight, allowed_by_jepsen};
use super::found::{Case, Part};
use super::{Analysis, Options};

/// Examples that are shown to people.
const SHOWN: usize = 3;

/// What a history came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing was found but what is allowed.
    Holds,
    /// Something was found that is not.
    Violated,
    /// What was polled was sent by nobody in this history: Jepsen's analysis ends there.
    Unknown,
}

/// One of an anomaly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The key, as the history writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// The offsets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offsets: Vec<i64>,
    /// How far the second value lies behind the first in the order of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<i64>,
    /// Values that were left out: the first eight.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// The operations, by their `:index`, and what each has to do with it.
    pub ops: Vec<ExampleOp>,
}

/// An operation of an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExampleOp {
    /// Its `:index`.
    pub index: u64,
    /// What it did.
    pub part: &'static str,
}

/// An anomaly that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name.
    #[serde(serialize_with = "as_name")]
    pub anomaly: Anomaly,
    /// How often.
    pub count: u64,
    /// Why it is allowed, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// The smallest.
    pub examples: Vec<Example>,
}

/// What a history came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// In a word.
    pub outcome: Outcome,
    /// Lines that were read: operations of clients and all others.
    pub lines: u64,
    /// Operations of clients among them.
    pub ops: u64,
    /// Records that polls returned.
    pub records: u64,
    /// Keys.
    pub keys: usize,
    /// How consumers came to their partitions.
    pub sub_via: &'static str,
    /// What was found, in the order of [`Anomaly::ALL`].
    pub findings: Vec<Finding>,
    /// Bytes that were held of operations, and of values.
    pub held_bytes: (usize, usize),
}

fn as_name<S: serde::Serializer>(anomaly: &Anomaly, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(anomaly.name())
}

const fn part(part: Part) -> &'static str {
    match part {
        Part::Itself => "it",
        Part::Before => "before it",
        Part::Sender => "sent it",
        Part::Reader => "polled it",
        Part::LaterReader => "polled a later one",
    }
}

impl Judgement {
    pub(super) fn of(analysis: &Analysis, options: &Options) -> Self {
        let by_itself = if analysis.subscribes { SubVia::Subscribe } else { SubVia::Assign };
        let sub_via = options.sub_via.unwrap_or(by_itself);
        let mut findings = Vec::new();
        let (mut is_violated, mut is_unknown) = (false, false);
        for anomaly in Anomaly::ALL {
            let count = analysis.found.count(anomaly);
            if count == 0 {
                continue;
            }
            let by_jepsen = allowed_by_jepsen(anomaly, sub_via, options.ww_deps).map(str::to_owned);
            let allowed = by_jepsen.or_else(|| options.allowed.get(&anomaly).cloned());
            if allowed.is_none() {
                is_violated |= anomaly.weight() == Weight::Error;
                is_unknown |= anomaly.weight() == Weight::Unknown;
            }
            let examples = analysis.found.cases(anomaly).map(|case| example(case, analysis));
            findings.push(Finding { anomaly, count, allowed, examples: examples.collect() });
        }
        let outcome = match (is_violated, is_unknown) {
            (true, _) => Outcome::Violated,
            (false, true) => Outcome::Unknown,
            (false, false) => Outcome::Holds,
        };
        Self {
            outcome,
            lines: analysis.lines,
            ops: analysis.ops,
            records: analysis.records,
            keys: analysis.values.key_count(),
            sub_via: match sub_via {
                SubVia::Assign => "assign",
                SubVia::Subscribe => "subscribe",
            },
            findings,
            held_bytes: analysis.held,
        }
    }

    /// How often an anomaly was found.
    #[must_use]
    pub fn count(&self, anomaly: Anomaly) -> u64 {
        self.finding(anomaly).map_or(0, |finding| finding.count)
    }

    /// What was found of an anomaly.
    #[must_use]
    pub fn finding(&self, anomaly: Anomaly) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.anomaly == anomaly)
    }

    /// How often each anomaly was found that was.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Anomaly, u64> {
        self.findings.iter().map(|finding| (finding.anomaly, finding.count)).collect()
    }

    /// Anomalies that are not allowed.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.allowed.is_none())
    }
}

fn example(case: &Case, analysis: &Analysis) -> Example {
    let show = |values: &[super::value::Val]| {
        values.iter().map(|value| analysis.values.show(*value)).collect::<Vec<_>>()
    };
    let skipped = match (case.key, case.skipped) {
        (Some(key), Some(between)) => show(&analysis.skipped.between(key, between)),
        _ => Vec::new(),
    };
    Example {
        key: case.key.map(|key| analysis.values.show_key(key)),
        values: show(&case.values),
        offsets: case.offsets.clone(),
        delta: case.delta,
        skipped,
        ops: case
            .ops
            .iter()
            .map(|(of, index)| ExampleOp { index: *index, part: part(*of) })
            .collect(),
    }
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(key) = &self.key {
            parts.push(format!("key {key}"));
        }
        match (&self.values[..], self.delta) {
            ([], _) => {}
            ([first, second], Some(delta)) => {
                parts.push(format!("{second} after {first} ({delta:+})"));
            }
            ([one], _) => parts.push(format!("value {one}")),
            (several, _) => parts.push(format!("values {}", several.join(", "))),
        }
        if !self.offsets.is_empty() {
            let all: Vec<String> = self.offsets.iter().take(8).map(i64::to_string).collect();
            let more = if self.offsets.len() > 8 { ", ..." } else { "" };
            parts.push(format!("at {}{more}", all.join(", ")));
        }
        if !self.skipped.is_empty() {
            let told = i64::try_from(self.skipped.len()).unwrap_or(i64::MAX);
            let more = if self.delta.is_some_and(|delta| delta - 1 > told) { ", ..." } else { "" };
            parts.push(format!("left out {}{more}", self.skipped.join(", ")));
        }
        let mut ops: Vec<String> =
            self.ops.iter().take(8).map(|op| format!("op {} {}", op.index, op.part)).collect();
        if self.ops.iter().all(|op| op.part == "it") {
            ops = self.ops.iter().take(8).map(|op| format!("op {}", op.index)).collect();
        }
        parts.extend(ops);
        f.write_str(&parts.join("; "))
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.outcome {
            Outcome::Holds => "holds",
            Outcome::Violated => "violated",
            Outcome::Unknown => "unknown",
        };
        writeln!(
            f,
            "{word}: {} operations of clients, {} records polled, keys: {}; consumers {}",
            self.ops, self.records, self.keys, self.sub_via
        )?;
        for finding in &self.findings {
            let (name, count) = (finding.anomaly.name(), finding.count);
            writeln!(f, "\n{name}: {count}, {}", finding.anomaly.meaning())?;
            match &finding.allowed {
                Some(why) => writeln!(f, "  allowed: {why}")?,
                None if finding.anomaly.weight() == Weight::Unknown => {
                    writeln!(f, "  nothing can be said about such a history")?;
                }
                None => writeln!(f, "  not allowed")?,
            }
            let examples = finding.examples.iter().take(SHOWN).map(ToString::to_string);
            for example in examples.filter(|example| !example.is_empty()) {
                writeln!(f, "  - {example}")?;
            }
            let more = count.saturating_sub(SHOWN as u64);
            if more > 0 {
                writeln!(f, "  and {more} more")?;
            }
        }
        Ok(())
    }
}
