//! What is wrong with the text of a fault: the place, the reason, and what is allowed there.

use std::fmt;
use std::ops::Range;

/// Why a line is not a fault.
///
/// ```
/// # use trial_sim::fault::Fault;
/// let error = "at 2s crsh b1".parse::<Fault>().expect_err("a typo");
/// assert_eq!(error.at, 6..10);
/// assert_eq!(error.what, "unknown effect `crsh`: did you mean `crash`?");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultError {
    /// The bytes of the line that are wrong; empty at the place where something is missing.
    pub at: Range<usize>,
    /// What is wrong with them.
    pub what: String,
    /// What is allowed in their place.
    pub expected: Vec<String>,
}

impl FaultError {
    pub(super) fn new(at: Range<usize>, what: impl Into<String>, expected: &[&str]) -> Self {
        let expected = expected.iter().map(|&text| text.to_owned()).collect();
        Self { at, what: what.into(), expected }
    }

    /// An unknown word where one of `known` is allowed.
    pub(super) fn unknown(at: Range<usize>, kind: &str, word: &str, known: &[&str]) -> Self {
        let what = match nearest(word, known) {
            Some(near) => format!("unknown {kind} `{word}`: did you mean `{near}`?"),
            None => format!("unknown {kind} `{word}`"),
        };
        Self::new(at, what, known)
    }
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.at.start + 1, self.what)?;
        match self.expected.as_slice() {
            [] => Ok(()),
            [one] => write!(f, " (allowed: {one})"),
            many => write!(f, " (allowed: {})", many.join(", ")),
        }
    }
}

impl std::error::Error for FaultError {}

/// The known word that was probably meant: at most two typing errors away, and not all of it.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let lower = word.to_ascii_lowercase();
    let scored = known.iter().map(|&candidate| (distance(&lower, candidate), candidate));
    let (errors, best) = scored.min_by_key(|(errors, _)| *errors)?;
    (errors <= 2 && errors < best.len().min(word.len())).then_some(best)
}

/// Letters to insert, remove, replace, or swap with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let replaced = last[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                let swapped: &Vec<usize> = &before;
                best = best.min(swapped[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}
