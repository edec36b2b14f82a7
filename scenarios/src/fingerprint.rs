//! What makes two failures the same one: the invariant that broke first, and how, without numbers and names of hosts.
//!
//! Holds:      a word for people (`R6`, `stuck`, `no-truncation`) and the shape of the sentence that told it.
//! Invariants: FP-1 the shape does not depend on which broker, partition, offset or time it was, nor on how many.
//!             FP-2 equal shapes have equal ids, on every machine and in every version that words them alike.

use std::fmt;

use serde::{Deserialize, Serialize};
use trial_reports::{RunDocument, Verdict};

use crate::play::{End, OurFault};

/// What went wrong, so that failures can be grouped and a smaller one be recognised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// In a word: an invariant's id, a verdict, `no-` and a probe, `panic`.
    pub what: String,
    /// The sentence with `#` for every number and every list of hosts made one.
    pub shape: String,
}

impl Fingerprint {
    /// What `shape` tells of `what`.
    #[must_use]
    pub fn new(what: &str, sentence: &str) -> Self {
        Self { what: what.to_owned(), shape: shape(sentence) }
    }

    /// What is wrong with a run; none if it holds, as expected.
    #[must_use]
    pub fn of(document: &RunDocument, end: &End) -> Option<Self> {
        Self::all(document, end).into_iter().next()
    }

    /// Everything that is wrong with a run, in the order of its discovery.
    #[must_use]
    pub fn all(document: &RunDocument, end: &End) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut add = |what: &str, sentence: &str| {
            let one = Self::new(what, sentence);
            if !found.contains(&one) {
                found.push(one);
            }
        };
        match document.verdict {
            Verdict::Differed => add("differed", ""),
            Verdict::Violated => {
                for violation in &document.violations {
                    add(&violation.invariant, &violation.message);
                }
            }
            Verdict::Stuck => {
                let first = document.liveness.missing.first();
                add("stuck", first.map_or("", String::as_str));
            }
            Verdict::Unknown => add("unknown", document.unknown.first().map_or("", String::as_str)),
            Verdict::Holds => {}
        }
        if document.verdict != end.expected {
            if document.verdict == Verdict::Holds {
                add(&format!("not-{}", end.expected.word()), "");
            }
            return found;
        }
        for fault in &end.without_effect {
            add("no-effect", fault);
        }
        for probe in &end.missed {
            add(&format!("no-{probe}"), "");
        }
        found
    }

    /// What is wrong with Trial itself.
    #[must_use]
    pub fn of_fault(fault: &OurFault) -> Self {
        Self::new("panic", &fault.what)
    }

    /// A name for folders and files: `R6-1f0a93c2`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}-{:08x}", self.what, crc32fast::hash(self.shape.as_bytes()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shape.is_empty() {
            return f.write_str(&self.what);
        }
        write!(f, "{}: {}", self.what, self.shape)
    }
}

/// A sentence without what differs from run to run: FP-1.
fn shape(sentence: &str) -> String {
    let mut text = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if end == 0 {
            let (one, others) = rest.split_at(first.len_utf8());
            text.push_str(one);
            rest = others;
            continue;
        }
        let (word, others) = rest.split_at(end);
        text.push_str(&without_numbers(word));
        rest = others;
    }
    for (many, one) in [("offsets # to #", "offset #"), ("#.#", "#"), ("-#", "#")] {
        text = text.replace(many, one);
    }
    // A list of hosts is one host.
    for separator in [", ", " "] {
        for host in ["b#", "c#", "#"] {
            let (pair, one) = (format!("{host}{separator}{host}"), host);
            while text.contains(&pair) {
                text = text.replace(&pair, one);
            }
        }
    }
    text
}

/// `b2` is `b#`, `229` and `7ad283c4` are `#`; a word without digits stays.
fn without_numbers(word: &str) -> String {
    if !word.contains(|letter: char| letter.is_ascii_digit()) {
        return word.to_owned();
    }
    let letters = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if letters.chars().all(|letter| letter.is_ascii_alphabetic()) {
        return format!("{letters}#");
    }
    "#".to_owned()
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn who_where_and_when_do_not_matter_and_what_does() {
        let same = [
            ("orders/3 is committed up to 230, and b1, its leader, ends at 229", true),
            ("orders/0 is committed up to 7, and b4, its leader, ends at 0", true),
            ("orders/3 is committed up to 230, and b1, which is in sync, ends at 229", false),
        ];
        let known = Fingerprint::new("R5", same[0].0);
        assert_eq!(known.shape, "orders/# is committed up to #, and b#, its leader, ends at #");
        for (sentence, is_same) in same {
            let other = Fingerprint::new("R5", sentence);
            assert_eq!(
                (other == known, other.id() == known.id()),
                (is_same, is_same),
                "{sentence}"
            );
        }
        assert_ne!(Fingerprint::new("R6", same[0].0), known, "another invariant");
    }

    #[test]
    fn how_many_do_not_matter() {
        for (one, other) in [
            ("offset 7 was committed by b1", "offsets 7 to 19 was committed by b3"),
            (
                "L1: t/0 has no leader; b2 is in sync",
                "L1: t/3 has no leader; b1, b2, b3 is in sync",
            ),
            ("checksum 7ad283c4", "checksum 00000001"),
            ("wants -1", "wants 12"),
        ] {
            assert_eq!(Fingerprint::new("x", one), Fingerprint::new("x", other), "{one}");
        }
    }

    #[test]
    fn the_id_is_a_name_for_a_folder() {
        let id = Fingerprint::new("lost-write", "t/0 offset 3 was told safe to p1").id();
        assert!(id.starts_with("lost-write-"), "{id}");
        assert!(id.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter)));
    }
}
