//! The document of a sweep, as JSON Lines: a header, then one line for each seed.
//!
//! Holds:      what was asked for, and what each seed came to.
//! Invariants: SD-1 a row is the same for equal seeds of one build: it holds no real time and nothing of the machine.
//!             SD-2 a field is never renamed or removed within one `schema` version. SD-3 every line ends with a
//!             checksum of itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{Verdict, Violation};

/// The version of the shape of header and rows.
pub const SWEEP_SCHEMA_VERSION: u32 = 2;

/// The first line of a sweep's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepHeader {
    /// The version of this shape.
    pub schema: u32,
    /// The version of Trial that plays it.
    pub version: String,
    /// What is played, in order.
    pub scenarios: Vec<SweptScenario>,
    /// The first seed of each.
    pub first: u64,
    /// The one after the last.
    pub end: u64,
    /// Which part of the seeds this file holds, counted from 1.
    pub shard: u32,
    /// How many parts there are.
    pub shards: u32,
    /// The probes that were linked in, by name: one that no row names was never reached.
    pub probes: Vec<String>,
}

/// A scenario of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweptScenario {
    /// Its name.
    pub name: String,
    /// What it should come to.
    pub expected: Verdict,
    /// Everything that decides its runs: its text, and what was changed of it.
    pub asked: serde_json::Value,
    /// The digest of the first seed. Shards whose builds play it otherwise are not joined; a build that differs on
    /// rare paths alone is noticed when a sweep goes on, since some of its rows are played again then.
    pub first_digest: String,
    /// The line that plays one seed again, with `{seed}` in the seed's place.
    pub replay: String,
    /// Probes that every run must reach.
    pub must_happen: Vec<String>,
}

/// What one seed came to: a line of a sweep's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeedRow {
    /// Which scenario.
    pub scenario: String,
    /// Which seed.
    pub seed: u64,
    /// What the run came to; none if Trial itself failed.
    pub verdict: Option<Verdict>,
    /// Whether that is what the scenario wants.
    pub as_expected: bool,
    /// The digest, in hexadecimal; empty if Trial itself failed.
    pub digest: String,
    /// What failed, in a form that groups equal failures; none if the row is as expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureShape>,
    /// The first violation of each invariant, in the order of discovery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// What no checker could decide, what never became live, what never happened: in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// The digest of a second run of this seed that differs; none if there was none or it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<String>,
    /// Whether the seed was played twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twice: bool,
    /// Losses and repetitions that the settings allow.
    pub excused: u64,
    /// How often each probe was reached; those that were not are left out.
    pub probes: BTreeMap<String, u64>,
    /// Events handled.
    pub events: u64,
    /// Kafka requests answered.
    pub requests: u64,
    /// Virtual milliseconds.
    pub simulated_ms: u64,
}

/// What failed, without what differs from run to run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureShape {
    /// A name for files: `R6-1f0a93c2`.
    pub id: String,
    /// The sentence, with `#` for numbers.
    pub shape: String,
    /// When it was noticed, in virtual milliseconds; the run's end if no moment is known.
    pub at_ms: u64,
}

impl SeedRow {
    /// Its verdict in a word; `fault` if Trial itself failed.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.verdict.map_or("fault", Verdict::word)
    }
}

/// The JSON Schema of [`SweepHeader`] and [`SeedRow`], as it is published in `reports/sweep.schema.json`.
#[must_use]
pub fn sweep_schema() -> String {
    /// One line.
    #[derive(JsonSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only its shape is wanted")]
    enum SweepLine {
        Header(SweepHeader),
        Row(SeedRow),
    }
    let mut schema = schemars::schema_for!(SweepLine);
    for line in ["SweepHeader", "SeedRow"] {
        seal(&mut schema, line);
    }
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}

/// SD-3: the last field of a line, which is of the file and not of what it holds.
fn seal(schema: &mut schemars::Schema, line: &str) {
    let line = schema.pointer_mut(&format!("/$defs/{line}")).expect("a line has a definition");
    line["properties"]["crc32"] = serde_json::json!({
        "description": "The CRC-32 (IEEE) of the bytes of this line before `,\"crc32\"`, in hexadecimal. Always the last.",
        "type": "string",
        "pattern": "^[0-9a-f]{8}$"
    });
    let required =
        line["required"].as_array_mut().expect("a line has fields that are always there");
    required.push("crc32".into());
}
