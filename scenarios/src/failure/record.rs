//! Makes a failure's file by playing its run.
//!
//! Invariants: RC-1 what is recorded is what playing the file again is compared with: both are made here.

use std::sync::Arc;

use trial_reports::{RunDocument, Setting};
use trial_sim::{Span, Time};

use super::file::{Awaits, FAILURE_SCHEMA, Failure, Moment};
use crate::asked::Asked;
use crate::fingerprint::Fingerprint;
use crate::play::{End, OurFault, guarded};
use crate::run::{Phase, Run};
use crate::scenario::{Scenario, ScenarioError};

/// How far the digests lie apart.
const MOMENT: Span = Span::from_secs(1);

/// A run that was played to its end, with the digests on its way.
pub(super) struct Recorded {
    pub(super) document: RunDocument,
    pub(super) end: End,
    pub(super) moments: Vec<Moment>,
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The scenario cannot be played.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Trial itself failed.
    #[error(transparent)]
    OurFault(#[from] OurFault),
}

/// Plays a run to its end and keeps its digest at every second.
pub(super) fn record(scenario: &Arc<Scenario>, seed: u64) -> Result<Recorded, OurFault> {
    guarded(scenario, seed, || {
        let mut run = Run::new(scenario, seed);
        let mut moments = Vec::new();
        let mut until = Time::ZERO + MOMENT;
        while !matches!(run.phase(), Phase::Over { .. }) {
            run.play_until(until);
            moments.push(Moment { at_ms: run.now().as_millis(), digest: run.digest().to_string() });
            until += MOMENT;
        }
        let document = run.document(0, String::new());
        Recorded { end: End::of(&run, scenario.expect), document, moments }
    })
}

/// The settings of a run, and what its seed picked.
pub(super) fn settings(document: &RunDocument) -> Vec<Setting> {
    document.settings.iter().chain(&document.picks).cloned().collect()
}

/// The faults of a run, each with its time.
pub(super) fn plan(document: &RunDocument) -> Vec<String> {
    let line = |fault: &trial_reports::FaultOutcome| match fault.at_ms {
        Some(at) => format!("{}.{:03}s {}", at / 1_000, at % 1_000, fault.text),
        None => format!("never {}", fault.text),
    };
    document.faults.iter().map(line).collect()
}

impl Failure {
    /// Plays what was asked for under `seed` and keeps what came of it, whatever that is.
    ///
    /// # Errors
    /// If it cannot be played.
    pub fn record(asked: &Asked, seed: u64) -> Result<Self, RecordError> {
        let scenario = Arc::new(asked.scenario()?);
        let Recorded { document, end, moments } = record(&scenario, seed)?;
        let fingerprint = Fingerprint::of(&document, &end);
        let mut invariants: Vec<String> = Vec::new();
        for violation in &document.violations {
            if !invariants.contains(&violation.invariant) {
                invariants.push(violation.invariant.clone());
            }
        }
        Ok(Self {
            schema: FAILURE_SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            asked: asked.clone(),
            seed,
            digest: document.digest.clone(),
            verdict: document.verdict,
            invariants,
            fingerprint: fingerprint
                .unwrap_or_else(|| Fingerprint::new(document.verdict.word(), "")),
            settings: settings(&document),
            plan: plan(&document),
            moments,
            awaits: Awaits::Failure,
        })
    }
}
