//! Kept folders with a damaged end, and a table of what a recovery leaves of each.
//!
//! A line of the table: the folder; what was done to the active file, and at which bytes; where the log then ends, how
//! long the active file is, and the checksum of all words about it. Neighbours of which the same is left share a line.

#![expect(
    clippy::disallowed_methods,
    reason = "what another program has said is kept, when somebody asks for it"
)]

use bytes::Bytes;

use crate::batches;
use crate::kept::{self, Kept};

/// The folder with its active file as long as `cut`, or with one byte of it changed.
pub fn damaged(kept: &Kept, name: String, damage: impl FnOnce(&mut Vec<u8>)) -> Kept {
    let mut damaged = Kept { name, ..kept.clone() };
    damage(damaged.files.get_mut(&kept.active()).expect("it is there"));
    damaged
}

/// Each folder, torn at every length within its last two batches, and with every seventh byte of them changed;
/// `unchecked` says that it is one that no checksum covers and ours judges more strictly: the offset at which a batch
/// begins, and its magic byte, where Kafka takes all from 2 on for the same.
pub fn every_damage() -> Vec<Kept> {
    let mut every = Vec::new();
    for kept in kept::all() {
        let bytes = Bytes::from(kept.files[&kept.active()].clone());
        let mut end = bytes.len();
        for batch in batches::split(&bytes).iter().rev().take(2) {
            let start = end - batch.size_in_bytes();
            for at in start..end {
                let name = format!("{}.torn-{at:06}", kept.name);
                every.push(damaged(&kept, name, |bytes| bytes.truncate(at)));
                if at % 7 == 0 {
                    let is_unchecked = at < start + 8 || at == start + 16;
                    let what = if is_unchecked { "unchecked" } else { "changed" };
                    let name = format!("{}.{what}-{at:06}", kept.name);
                    every.push(damaged(&kept, name, |bytes| bytes[at] ^= 0x20));
                }
            }
            end = start;
        }
    }
    every.sort_by(|one, other| one.name.cmp(&other.name));
    every
}

/// Whether Kafka's recovery and ours are to leave the same of it.
pub fn is_checked(damaged: &Kept) -> bool {
    !damaged.name.contains(".unchecked-")
}

/// The table that was kept.
pub fn kept_table() -> String {
    kept::words("damaged.txt")
}

/// Keeps what Kafka has said, if `TRIAL_ORACLE_KEEP` asks for it.
pub fn keep_if_asked(table: &str) {
    if std::env::var_os("TRIAL_ORACLE_KEEP").is_some() {
        let path = kept::root().join("damaged.txt");
        std::fs::write(path, table).expect("the repository can be written to");
    }
}

/// The table of damaged folders, each with the words about its recovery.
pub fn table<'a>(recovered: impl Iterator<Item = (&'a Kept, String)>) -> String {
    let mut lines: Vec<Line> = Vec::new();
    for (damaged, words) in recovered {
        let line = Line::of(damaged, &words);
        match lines.last_mut().filter(|last| last.is_neighbour(&line)) {
            Some(last) => last.to = line.to,
            None => lines.push(line),
        }
    }
    let told = |line: &Line| {
        let Line { folder, what, from, to, left } = line;
        format!("{folder} {what} {from}..={to} {left}\n")
    };
    lines.iter().map(told).collect()
}

struct Line {
    folder: String,
    what: String,
    from: usize,
    to: usize,
    left: String,
}

impl Line {
    fn of(damaged: &Kept, words: &str) -> Self {
        let (folder, damage) = damaged.name.rsplit_once('.').expect("the damage stands last");
        let (what, at) = damage.split_once('-').expect("what, and where");
        let at = at.parse().expect("a number");
        let after = |word: &str| {
            let (_, rest) = words.split_once(word).unwrap_or_else(|| panic!("no {word}: {words}"));
            rest.split_whitespace().next().expect("a number").to_owned()
        };
        let (end, size) = (after(" end "), after(&format!("file {} ", damaged.active())));
        let mut crc = flate2::Crc::new();
        crc.update(words.replacen(&damaged.name, "", 1).as_bytes());
        let left = format!("end {end} size {size} words {:08x}", crc.sum());
        Self { folder: folder.to_owned(), what: what.to_owned(), from: at, to: at, left }
    }

    fn is_neighbour(&self, next: &Self) -> bool {
        (&self.folder, &self.what, &self.left) == (&next.folder, &next.what, &next.left)
    }
}
