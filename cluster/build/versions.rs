//! Ranges of versions, as tests in Rust and as words.
//!
//! Invariants: VER-1 a test is right for the versions in which its struct exists, and only those are asked.

use crate::merge::Versions;

/// The test that tells `some` from the rest of `all`.
pub fn condition(some: &Versions, all: &Versions) -> String {
    let ranges = ranges(some, all);
    let (low, high) = (all.first().copied(), all.last().copied());
    let test = |&(from, to): &(i16, i16)| match (Some(from) == low, Some(to) == high) {
        (true, true) => "true".to_owned(),
        (true, false) => format!("in_version <= {to}"),
        (false, true) => format!("in_version >= {from}"),
        (false, false) if from == to => format!("in_version == {from}"),
        (false, false) => format!("({from}..={to}).contains(&in_version)"),
    };
    match ranges.as_slice() {
        [] => "false".to_owned(),
        [one] => test(one),
        more => format!("({})", more.iter().map(test).collect::<Vec<_>>().join(" || ")),
    }
}

/// The unbroken ranges of `some` within `all`.
fn ranges(some: &Versions, all: &Versions) -> Vec<(i16, i16)> {
    let mut out: Vec<(i16, i16)> = Vec::new();
    let mut open = false;
    for version in all {
        match (some.contains(version), open, out.last_mut()) {
            (true, true, Some(last)) => last.1 = *version,
            (true, _, _) => out.push((*version, *version)),
            (false, _, _) => {}
        }
        open = some.contains(version);
    }
    out
}

pub fn spans(versions: &Versions) -> String {
    let all: Versions = (0..=versions.last().copied().unwrap_or(0)).collect();
    let text = |(from, to): &(i16, i16)| match from == to {
        true => from.to_string(),
        false => format!("{from} to {to}"),
    };
    ranges(versions, &all).iter().map(text).collect::<Vec<_>>().join(" and ")
}
