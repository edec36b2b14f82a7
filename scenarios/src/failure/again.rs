//! Plays a kept failure again, and says why it is another run, if it is.
//!
//! Invariants: AG-1 the reasons are found by comparing, never guessed: what cannot be told apart is said so.
//!             AG-2 an equal digest is an equal run, not an equal verdict: what was found has to be found again.

use std::fmt;
use std::sync::Arc;

use trial_reports::{RunDocument, Setting};

use super::file::{Failure, Moment};
use super::record::{self, RecordError, Recorded};
use crate::fingerprint::Fingerprint;
use crate::play::End;

/// What came of a failure that was played again.
#[derive(Debug, Clone, PartialEq)]
pub enum Again {
    /// The same run, byte for byte.
    Same,
    /// Another run, which fails in the same way.
    Alike {
        /// Why it is another run.
        why: Vec<String>,
    },
    /// It does not fail in that way any more.
    Gone {
        /// What it comes to now, in a sentence.
        now: String,
        /// Why it is another run.
        why: Vec<String>,
    },
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("the same run, byte for byte"),
            Self::Alike { why } => {
                write!(f, "another run that fails in the same way: {}", why.join("; "))
            }
            Self::Gone { now, why } => {
                write!(f, "it does not reproduce: {now}; {}", why.join("; "))
            }
        }
    }
}

/// Plays it once more, and compares; answers the new run's document and end, too.
///
/// # Errors
/// If it cannot be played any more, or Trial itself fails.
pub fn play_again(failure: &Failure) -> Result<(Again, RunDocument, End), RecordError> {
    let scenario = Arc::new(failure.asked.scenario()?);
    let Recorded { document, end, moments } = record::record(&scenario, failure.seed)?;
    let again = compare(failure, &document, &end, &moments);
    Ok((again, document, end))
}

fn compare(failure: &Failure, document: &RunDocument, end: &End, moments: &[Moment]) -> Again {
    let same = document.digest == failure.digest;
    let why = if same {
        vec!["the run is the same, byte for byte: it is judged otherwise now".to_owned()]
    } else {
        reasons(failure, document, moments)
    };
    let shown = Fingerprint::all(document, end);
    if shown.contains(&failure.fingerprint) || nothing_was_wrong(failure, &shown) {
        if same {
            return Again::Same;
        }
        return Again::Alike { why };
    }
    let now = match shown.first() {
        None => format!("it {} now", document.verdict.word()),
        Some(other) => format!("it fails in another way now ({other})"),
    };
    Again::Gone { now, why }
}

/// A run that holds can be recorded too: its fingerprint is its verdict.
fn nothing_was_wrong(failure: &Failure, shown: &[Fingerprint]) -> bool {
    shown.is_empty() && failure.fingerprint == Fingerprint::new(failure.verdict.word(), "")
}

/// AG-1: in the order in which one thing leads to the next.
fn reasons(failure: &Failure, document: &RunDocument, moments: &[Moment]) -> Vec<String> {
    let mut why = Vec::new();
    let ours = env!("CARGO_PKG_VERSION");
    if failure.version != ours {
        why.push(format!("it was kept by version {}, this is {ours}", failure.version));
    }
    if let Some(what) = other_setting(&failure.settings, &record::settings(document)) {
        why.push(what);
    }
    why.extend(other_plan(&failure.plan, &record::plan(document)));
    why.push(parting(&failure.moments, moments));
    if why.len() == 1 {
        why.push(
            "scenario, settings and plan are the same, so the code takes other steps".to_owned(),
        );
    }
    why
}

fn other_setting(was: &[Setting], is: &[Setting]) -> Option<String> {
    let told = |setting: &Setting| format!("{} {}", setting.path, setting.value);
    let gone = was.iter().find(|setting| !is.contains(setting));
    let new = is.iter().find(|setting| !was.contains(setting));
    match (gone, new) {
        (Some(gone), Some(new)) => Some(format!("it had {}, now {}", told(gone), told(new))),
        (Some(gone), None) => Some(format!("it had {}", told(gone))),
        (None, Some(new)) => Some(format!("now it has {}", told(new))),
        (None, None) => None,
    }
}

/// The first fault that is not the same one, at the same time.
fn other_plan(was: &[String], is: &[String]) -> Option<String> {
    let place = was.iter().zip(is).position(|(one, other)| one != other);
    let place = place.or_else(|| (was.len() != is.len()).then(|| was.len().min(is.len())))?;
    let told =
        |plan: &[String]| plan.get(place).map_or("nothing".to_owned(), |line| format!("`{line}`"));
    Some(format!("fault {} of the plan was {}, and is {}", place + 1, told(was), told(is)))
}

/// Up to where the two runs are one.
fn parting(was: &[Moment], is: &[Moment]) -> String {
    let same = was.iter().zip(is).take_while(|(one, other)| one == other).count();
    match same {
        0 => "it is another run from its first second on".to_owned(),
        same => format!(
            "it is the same run up to {} ms, and another within the next second",
            was[same - 1].at_ms
        ),
    }
}
