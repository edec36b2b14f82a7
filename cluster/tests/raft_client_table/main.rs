//! Kafka's table of what a replica of the quorum does with each message and as time passes.
//!
//! In Kafka:   `KafkaRaftClientTest`: 102 of its 123 tests, and 14 of the 24 of `KafkaRaftClientPreVoteTest`, each
//!             row under the name of its method, with the requests of KIP-853.
//! Holds:      rows: what the replica starts from (0 of the voters 0, 1 and 2), then what happens, and what of its
//!             answer, its requests and its state Kafka's test demands; after `!` what must not be there. Where Kafka's
//!             leader begins with one record, ours begins with three: the voters go into the log, too.
//! Left out:   listeners that register late or again (7), kraft.version 0, its files and old versions of requests (3),
//!             metrics and the memory pool (2), several listeners (1), ids that are missing (2), whom an observer asks
//!             next after each kind of failure (2), an append that comes while others linger (1), the order of
//!             successors by their fetches, which `raft/high_watermark.rs` tests (1), and to resign without leading,
//!             which changes nothing here and is a caller's fault there (2).

mod described;
mod elections;
mod epochs;
mod fetches;
mod leader;
#[path = "../raft_support/mod.rs"]
mod raft_support;
mod starts;
mod votes;

use raft_support::script::{Do, Script, Start};

type Row<'a> = (&'a str, Start, &'a [(Do, &'a [&'a str])]);

/// Plays each row, and demands of each of its lines what is said.
#[track_caller]
fn check(rows: &[Row<'_>]) {
    let wrong: Vec<String> = rows.iter().filter_map(broken).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The first line of a row that does not say what it should.
fn broken((test, start, lines): &Row<'_>) -> Option<String> {
    let mut script = Script::open(start);
    lines.iter().find_map(|(what, want)| {
        let got = script.go(what);
        let holds = |part: &&&str| match part.strip_prefix('!') {
            Some(absent) => !got.contains(absent),
            None => got.contains(**part),
        };
        let part = want.iter().find(|part| !holds(part))?;
        Some(format!("{test}: {what:?}: {part:?} of {got:?}"))
    })
}

const ALONE: &[i32] = &[0];
const TWO: &[i32] = &[0, 1];
const OTHERS: &[i32] = &[1, 2];
/// The end of an empty log.
const EMPTY: (i32, i64) = (0, 0);
/// An end far beyond.
const FAR: (i32, i64) = (4, 100);
