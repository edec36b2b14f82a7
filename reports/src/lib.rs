//! What Trial tells about a run: the document that others can read by machine, and the page for the terminal.
//!
//! Read `document.rs` first: it is the published, versioned schema (`run.schema.json` is made from it).
//! `terminal.rs` draws it for people; `finding.rs` says what failed, for reports that other programs read. Nothing here
//! knows the simulator or Kafka: a document comes in, text goes out.

mod annotations;
mod document;
mod finding;
mod number;
mod sweep_page;
mod swept;
mod tally;
mod terminal;

pub use annotations::{ScenarioPlace, github_annotation};
pub use document::{
    EffectNumber, Excuse, FailedRecords, FaultEffect, FaultOutcome, GroupOutcome, Liveness,
    LongestWait, MemberEnd, PartitionOutcome, PartitionPause, ProbeOutcome, ProducerOutcome,
    RecordCounts, RunDocument, SCHEMA_VERSION, Setting, Verdict, Violation, WaitPart, run_schema,
};
pub use finding::Finding;
pub use sweep_page::{Unreached, failure_story, render_sweep};
pub use swept::{
    FailureShape, SWEEP_SCHEMA_VERSION, SeedRow, SweepHeader, SweptScenario, sweep_schema,
};
pub use tally::{Group, ScenarioTally, Tally};
pub use terminal::{Palette, render_run, render_served};
