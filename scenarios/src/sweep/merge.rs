//! Joins the shards of a sweep to what one worker would have written.
//!
//! Invariants: ME-1 the order of the folders does not matter. ME-2 nothing is joined with a gap or an overlap; the
//!             error names every shard, and how to play what is missing. ME-3 shards are of one build as far as their
//!             headers tell (version, probes, the digest of each first seed); whoever saves the failures plays one of
//!             each kind again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use trial_reports::{SeedRow, SweepHeader, Tally};

use super::journal::{Journal, JournalError, ROWS_FILE, difference, io_error, shown, write_sorted};
use super::neighbours::shards_below;

/// Reads the shards that lie in `folders` or just below them, and writes the whole sweep into `to`; by default the
/// folder above the shards.
///
/// # Errors
/// If one cannot be read, is still being written, belongs to another sweep, is there twice or not at all, or lacks
/// seeds.
pub fn merge(
    folders: &[PathBuf],
    to: Option<&Path>,
) -> Result<(PathBuf, SweepHeader, Tally), JournalError> {
    let (found, above) = shards(folders)?;
    let mut tally: Option<Tally> = None;
    let mut journals = Vec::new();
    for folder in &found {
        let mut count = |header: &SweepHeader, row: &SeedRow| {
            tally.get_or_insert_with(|| Tally::new(header)).add(row);
        };
        journals.push(Journal::read(folder, &mut count)?);
    }
    journals.sort_by_key(|journal| journal.header.shard);
    check(&journals)?;
    let header = SweepHeader { shard: 1, shards: 1, ..journals[0].header.clone() };
    let to = to.map(Path::to_owned).or(above).ok_or_else(|| JournalError::Shards {
        what: "several folders are joined, and none was named for the result".to_owned(),
        help: "name it with --out DIR".to_owned(),
    })?;
    fs::create_dir_all(&to).map_err(|why| io_error("make", &to, why))?;
    let target = to.join(ROWS_FILE);
    if target.exists() && journals.iter().all(|journal| journal.path != target) {
        let there = Journal::read(&to, &mut |_, _| {})?;
        if let Some(what) = difference(&there.header, &header, true) {
            return Err(JournalError::Other { path: shown(&target), what });
        }
    }
    let mut from: Vec<&mut Journal> = journals.iter_mut().collect();
    write_sorted(&to.join(ROWS_FILE), &header, &mut from)?;
    let tally = tally.unwrap_or_else(|| Tally::new(&header));
    Ok((to, header, tally))
}

/// The folders that hold rows, and the one above them if it is the only one.
fn shards(folders: &[PathBuf]) -> Result<(Vec<PathBuf>, Option<PathBuf>), JournalError> {
    let mut found = Vec::new();
    let mut above = Vec::new();
    for folder in folders {
        let below: Vec<PathBuf> = shards_below(folder)?.into_iter().map(|(_, path)| path).collect();
        if !below.is_empty() {
            above.push(folder.clone());
            found.extend(below);
        } else if folder.join(ROWS_FILE).is_file() {
            found.push(folder.clone());
        } else {
            return Err(JournalError::Shards {
                what: format!("{} holds no sweep", shown(folder)),
                help: "a sweep's folder is the --out of `trial sweep`".to_owned(),
            });
        }
    }
    found.sort();
    found.dedup();
    let above = if above.len() == 1 && folders.len() == 1 { above.pop() } else { None };
    let above = above.or_else(|| (found.len() == 1).then(|| found[0].clone()));
    Ok((found, above))
}

/// ME-2. The journals are in the order of their shards.
fn check(journals: &[Journal]) -> Result<(), JournalError> {
    let first = &journals[0];
    for other in &journals[1..] {
        if let Some(what) = difference(&first.header, &other.header, false) {
            let what = format!(
                "{} is of another sweep than {}: {what}",
                shown(&other.path),
                shown(&first.path)
            );
            let help = "join only what one sweep has played".to_owned();
            return Err(JournalError::Shards { what, help });
        }
        if other.header.shards != first.header.shards {
            let (one, two) = (first.header.shards, other.header.shards);
            let what = format!(
                "{} is one of {one} shards, {} one of {two}",
                shown(&first.path),
                shown(&other.path)
            );
            let help = "join only what one sweep has played".to_owned();
            return Err(JournalError::Shards { what, help });
        }
    }
    for pair in journals.windows(2) {
        if pair[0].header.shard == pair[1].header.shard {
            let SweepHeader { shard, shards, .. } = pair[0].header;
            let what = format!(
                "shard {shard}/{shards} is there twice: {} and {}",
                shown(&pair[0].path),
                shown(&pair[1].path)
            );
            let help = "leave one of them out".to_owned();
            return Err(JournalError::Shards { what, help });
        }
    }
    complete(journals)
}

/// Whether each shard is there and was finished; all that are not, if not.
fn complete(journals: &[Journal]) -> Result<(), JournalError> {
    let shards = journals[0].header.shards;
    let of = |shard: &u32| format!("{shard}/{shards}");
    let there: BTreeSet<u32> = journals.iter().map(|journal| journal.header.shard).collect();
    let missing: Vec<String> =
        (1..=shards).filter(|shard| !there.contains(shard)).map(|shard| of(&shard)).collect();
    let mut what = Vec::new();
    if !missing.is_empty() {
        let (shards, are) = if missing.len() == 1 { ("shard", "is") } else { ("shards", "are") };
        what.push(format!("{shards} {} {are} missing", listed(&missing)));
    }
    for journal in journals {
        if let Some((scenario, seed)) = journal.missing() {
            let name = &journal.header.scenarios[scenario].name;
            what.push(format!(
                "shard {} was not finished: {} has no row for {name} seed {seed}, and perhaps others",
                of(&journal.header.shard),
                shown(&journal.path)
            ));
        }
    }
    if what.is_empty() {
        return Ok(());
    }
    let help = if missing.is_empty() {
        "play it again with the same arguments: it goes on where it was"
    } else {
        "name the folders of all shards; one that was not played, or not to its end, is played by the arguments of the \
         others with its own --shard"
    };
    Err(JournalError::Shards { what: what.join("\n"), help: help.to_owned() })
}

/// `1/4, 2/4 and 4/4`; of very many the first.
fn listed(all: &[String]) -> String {
    const MOST: usize = 24;
    match all {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] if all.len() <= MOST => format!("{} and {last}", before.join(", ")),
        _ => format!("{} and {} others", all[..MOST].join(", "), all.len() - MOST),
    }
}
