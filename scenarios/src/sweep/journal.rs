//! The rows of a sweep in a file, one line each, so that what was reported stays and a worker can go on.
//!
//! Holds:      the file, locked; where the row of each seed lies in it.
//! Invariants: JO-1 a row is written whole, at once, before anybody hears of it; a torn end is cut off when the file is
//!             opened again, and its seed played again. JO-2 a finished file is sorted by scenario and seed: equal for
//!             any number of threads, stops and restarts. JO-3 rows of another sweep, or of a build that plays other
//!             runs (`recheck.rs`), are refused, not mixed in. JO-4 a line that is not what was written is refused, by
//!             its checksum (`sealed.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;
use trial_reports::{SWEEP_SCHEMA_VERSION, SeedRow, SweepHeader};

use super::neighbours::refuse_neighbours;
use super::sealed::{Broken, seal, unseal};
use super::{SeedRange, Shard};

/// The name of the file within a sweep's folder.
pub const ROWS_FILE: &str = "seeds.jsonl";

/// A row by its scenario's place in the header, and its seed.
pub(super) type Key = (usize, u64);

/// What hears of the rows of a file.
pub type OnRow<'a> = dyn FnMut(&SweepHeader, &SeedRow) + 'a;

/// Why the rows of a sweep cannot be used.
#[derive(Debug, Error, Diagnostic)]
pub enum JournalError {
    /// A file or folder cannot be used.
    #[error("cannot {action} {path}: {why}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: String,
        /// What the operating system says.
        why: io::Error,
    },
    /// Somebody else writes it.
    #[error("{path} is in use by another `trial`")]
    #[diagnostic(help("wait for it to end, or give another folder with --out"))]
    Busy {
        /// Which file.
        path: String,
    },
    /// A line is not what a sweep writes.
    #[error("{path}, line {line}: {what}")]
    #[diagnostic(help("this is no file of `trial sweep --out DIR`, or it was edited"))]
    Unreadable {
        /// Which file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        what: String,
    },
    /// A line is not what was written.
    #[error("{path}, line {line} is damaged: {what}")]
    Damaged {
        /// Which file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// How that is known.
        what: String,
        /// What to do.
        #[help]
        help: &'static str,
    },
    /// It is there already, and something else.
    #[error("{path} holds another sweep: {what}")]
    #[diagnostic(help("give another folder with --out, or remove this one"))]
    Other {
        /// Which file.
        path: String,
        /// What differs.
        what: String,
    },
    /// Shards that do not make a whole.
    #[error("{what}")]
    Shards {
        /// What is missing, or there twice.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
}

/// The file of a sweep that is under way.
#[derive(Debug)]
pub struct Journal {
    pub(super) header: SweepHeader,
    pub(super) path: PathBuf,
    file: File,
    /// Where each row begins, and how long its line is.
    pub(super) places: BTreeMap<Key, (u64, u32)>,
    end: u64,
}

impl Journal {
    /// Opens the file of the header's shard below `out`, which is made if need be; each row that is there already is
    /// handed to `on_row`.
    ///
    /// # Errors
    /// If it cannot be used, or it or a shard beside it is of another sweep.
    pub fn open(
        out: &Path,
        header: &SweepHeader,
        on_row: &mut OnRow<'_>,
    ) -> Result<Self, JournalError> {
        refuse_neighbours(out, header)?;
        let folder = Shard { index: header.shard, of: header.shards }.folder(out);
        let path = folder.join(ROWS_FILE);
        fs::create_dir_all(&folder).map_err(|why| io_error("make", &folder, why))?;
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|why| io_error("open", &path, why))?;
        locked(file.try_lock(), &path)?;
        let mut journal =
            Self { header: header.clone(), path, file, places: BTreeMap::new(), end: 0 };
        refuse_foreign(&journal.path, header)?;
        let Some(found) = journal.load(on_row)? else {
            journal.write_header()?;
            return Ok(journal);
        };
        if let Some(what) = difference(&found, header, true) {
            return Err(JournalError::Other { path: shown(&journal.path), what });
        }
        Ok(journal)
    }

    /// Opens a file that somebody has written, to read.
    ///
    /// # Errors
    /// If it cannot be used.
    pub(super) fn read(folder: &Path, on_row: &mut OnRow<'_>) -> Result<Self, JournalError> {
        let path = folder.join(ROWS_FILE);
        // What is only read may lie where nothing can be written.
        let file = File::open(&path).map_err(|why| io_error("open", &path, why))?;
        locked(file.try_lock_shared(), &path)?;
        let header = header_of(&path, &file)?;
        let Some(header) = header else {
            let what = "there is no header yet".to_owned();
            return Err(JournalError::Unreadable { path: shown(&path), line: 1, what });
        };
        let mut journal = Self { header, path, file, places: BTreeMap::new(), end: 0 };
        let header = journal.header.clone();
        journal.load_rows(&header, on_row)?;
        Ok(journal)
    }

    /// Whether this seed was played already.
    #[must_use]
    pub fn holds(&self, scenario: usize, seed: u64) -> bool {
        self.places.contains_key(&(scenario, seed))
    }

    /// The seeds of a scenario that were played already.
    #[must_use]
    pub fn seeds(&self, scenario: usize) -> BTreeSet<u64> {
        let own = self.places.range((scenario, 0)..=(scenario, u64::MAX));
        own.map(|((_, seed), _)| *seed).collect()
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.places.len() as u64
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(&mut self, row: &SeedRow) -> Result<(), JournalError> {
        let key = self.key(row).expect("a sweep writes rows of its own scenarios");
        let line = seal(row);
        if let Err(why) = self.file.write_all(&line) {
            // JO-1: half of a row must not come before another. If this fails too, the next one to open it cuts it.
            let cut = self.file.set_len(self.end).and_then(|()| self.file.seek(SeekFrom::End(0)));
            drop(cut);
            return Err(io_error("write", &self.path, why));
        }
        let length = u32::try_from(line.len()).expect("a row is short");
        self.places.insert(key, (self.end, length));
        self.end += u64::from(length);
        Ok(())
    }

    /// Whether every seed of its shard has a row; the first that has none, if not.
    #[must_use]
    pub fn missing(&self) -> Option<Key> {
        let seeds = SeedRange { first: self.header.first, end: self.header.end };
        let shard = Shard { index: self.header.shard, of: self.header.shards };
        (0..self.header.scenarios.len()).find_map(|scenario| {
            let mut own = shard.seeds(seeds);
            own.find(|seed| !self.holds(scenario, *seed)).map(|seed| (scenario, seed))
        })
    }

    /// Sorts the file: JO-2.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), JournalError> {
        let (path, header) = (self.path.clone(), self.header.clone());
        write_sorted(&path, &header, &mut [&mut self])
    }

    /// The line of a row.
    pub(super) fn line(&mut self, key: Key) -> Result<Vec<u8>, JournalError> {
        let (begin, length) = self.places[&key];
        let mut line = vec![0; length as usize];
        let read =
            self.file.seek(SeekFrom::Start(begin)).and_then(|_| self.file.read_exact(&mut line));
        read.map_err(|why| io_error("read", &self.path, why))?;
        // JO-2, of a file that came through a program with line ends of its own.
        if line.ends_with(b"\r\n") {
            line.truncate(line.len() - 2);
            line.push(b'\n');
        }
        Ok(line)
    }

    /// A row, as it was read when the file was opened.
    pub(super) fn row(&mut self, key: Key) -> Result<SeedRow, JournalError> {
        let line = self.line(key)?;
        let row = unseal(&line).ok().and_then(|json| serde_json::from_slice(&json).ok());
        row.ok_or_else(|| {
            io_error("read", &self.path, io::Error::other("it was changed meanwhile"))
        })
    }

    fn write_header(&mut self) -> Result<(), JournalError> {
        let line = header_line(&self.header);
        self.file.write_all(&line).map_err(|why| io_error("write", &self.path, why))?;
        self.end = line.len() as u64;
        Ok(())
    }

    /// The header that is there, after every row was read; none if the file is empty. JO-1.
    fn load(&mut self, on_row: &mut OnRow<'_>) -> Result<Option<SweepHeader>, JournalError> {
        let found = header_of(&self.path, &self.file)?;
        if let Some(found) = &found {
            self.load_rows(found, on_row)?;
        }
        let cut = self.file.set_len(self.end).and_then(|()| self.file.seek(SeekFrom::End(0)));
        cut.map_err(|why| io_error("write", &self.path, why))?;
        Ok(found)
    }

    fn load_rows(
        &mut self,
        header: &SweepHeader,
        on_row: &mut OnRow<'_>,
    ) -> Result<(), JournalError> {
        let failed = |path: &Path, why| io_error("read", path, why);
        let mut from = &self.file;
        from.rewind().map_err(|why| failed(&self.path, why))?;
        let mut reader = BufReader::new(from);
        let mut places = BTreeMap::new();
        let (mut line, mut number, mut end) = (Vec::new(), 0, 0);
        loop {
            line.clear();
            let length =
                reader.read_until(b'\n', &mut line).map_err(|why| failed(&self.path, why))?;
            if line.last() != Some(&b'\n') {
                break;
            }
            number += 1;
            let begin = end;
            end += length as u64;
            if number == 1 {
                continue;
            }
            let unreadable = |what: String| JournalError::Unreadable {
                path: shown(&self.path),
                line: number,
                what,
            };
            let json = unseal(&line).map_err(|why| damaged(&self.path, number, &why))?;
            let row: SeedRow =
                serde_json::from_slice(&json).map_err(|why| unreadable(why.to_string()))?;
            let key = key(header, &row).ok_or_else(|| {
                unreadable(format!("{} seed {} is not of this sweep", row.scenario, row.seed))
            })?;
            let length = u32::try_from(length).map_err(|_| unreadable("it is too long".into()))?;
            if places.insert(key, (begin, length)).is_some() {
                return Err(unreadable(format!(
                    "{} seed {} stands here twice",
                    row.scenario, row.seed
                )));
            }
            on_row(header, &row);
        }
        (self.places, self.end) = (places, end);
        Ok(())
    }

    fn key(&self, row: &SeedRow) -> Option<Key> {
        key(&self.header, row)
    }
}

/// What has no line yet is the beginning of our own header, or it is somebody else's.
fn refuse_foreign(path: &Path, header: &SweepHeader) -> Result<(), JournalError> {
    let found = fs::read(path).map_err(|why| io_error("read", path, why))?;
    if found.contains(&b'\n') || header_line(header).starts_with(&found) {
        return Ok(());
    }
    let what = "this is no header of a sweep".to_owned();
    Err(JournalError::Unreadable { path: shown(path), line: 1, what })
}

/// The place of a row; none if it is not of this sweep.
fn key(header: &SweepHeader, row: &SeedRow) -> Option<Key> {
    let scenario = header.scenarios.iter().position(|known| known.name == row.scenario)?;
    let seeds = SeedRange { first: header.first, end: header.end };
    let shard = Shard { index: header.shard, of: header.shards };
    let inside = (seeds.first..seeds.end).contains(&row.seed) && shard.holds(seeds, row.seed);
    inside.then_some((scenario, row.seed))
}

/// Writes rows of files into one, sorted, in a step: who looks sees the old file or the new one.
pub(super) fn write_sorted(
    path: &Path,
    header: &SweepHeader,
    from: &mut [&mut Journal],
) -> Result<(), JournalError> {
    let mut keys: Vec<(Key, usize)> = Vec::new();
    for (file, journal) in from.iter().enumerate() {
        keys.extend(journal.places.keys().map(|key| (*key, file)));
    }
    keys.sort_unstable();
    let new = path.with_extension("jsonl.new");
    let failed = |why| io_error("write", &new, why);
    let mut out = BufWriter::new(File::create(&new).map_err(failed)?);
    out.write_all(&header_line(header)).map_err(failed)?;
    for (key, file) in keys {
        out.write_all(&from[file].line(key)?).map_err(failed)?;
    }
    let out = out.into_inner().map_err(|why| failed(why.into_error()))?;
    out.sync_all().map_err(failed)?;
    fs::rename(&new, path).map_err(|why| io_error("replace", path, why))
}

fn header_line(header: &SweepHeader) -> Vec<u8> {
    seal(header)
}

/// The first line of the file; none if it has none yet.
pub(super) fn header_of(path: &Path, file: &File) -> Result<Option<SweepHeader>, JournalError> {
    let mut line = Vec::new();
    let mut from = file;
    let read = from.rewind().and_then(|()| BufReader::new(from).read_until(b'\n', &mut line));
    read.map_err(|why| io_error("read", path, why))?;
    if line.last() != Some(&b'\n') {
        return Ok(None);
    }
    let unreadable = |what: String| JournalError::Unreadable { path: shown(path), line: 1, what };
    // Of another schema nothing is known, not even where its checksum would be.
    let value: Option<serde_json::Value> = serde_json::from_slice(&line).ok();
    let schema = value.as_ref().and_then(|value| value.get("schema")?.as_u64());
    match schema {
        Some(schema) if schema != u64::from(SWEEP_SCHEMA_VERSION) => {
            return Err(unreadable(format!(
                "it has schema {schema}; this version of Trial reads {SWEEP_SCHEMA_VERSION}"
            )));
        }
        Some(_) => {}
        None if value.is_some() => return Err(unreadable("this is no header of a sweep".into())),
        None => {}
    }
    let json = unseal(&line).map_err(|why| damaged(path, 1, &why))?;
    serde_json::from_slice(&json).map(Some).map_err(|why| unreadable(why.to_string()))
}

/// JO-4.
fn damaged(path: &Path, line: usize, why: &Broken) -> JournalError {
    let what = match why {
        Broken::Unsealed => "it does not end with its checksum".to_owned(),
        Broken::Damaged { found, computed } => {
            format!("its checksum is {found}, its content has {computed}")
        }
    };
    let help = if line == 1 {
        "it says what the sweep is: without it nothing of this file can be used; give another folder with --out"
    } else {
        "take the line out, and the same `trial sweep` plays its seed again"
    };
    JournalError::Damaged { path: shown(path), line, what, help }
}

/// In what two headers differ, in words; whether the shard counts. Where a scenario's file lies does not.
pub(super) fn difference(one: &SweepHeader, other: &SweepHeader, shard: bool) -> Option<String> {
    let seeds = |header: &SweepHeader| format!("seeds {}..{}", header.first, header.end);
    let part = |header: &SweepHeader| format!("shard {}/{}", header.shard, header.shards);
    let names = |header: &SweepHeader| {
        let names: Vec<&str> = header.scenarios.iter().map(|known| known.name.as_str()).collect();
        names.join(" ")
    };
    let differ =
        |what: String, and: String| (what != and).then(|| format!("{what}, and not {and}"));
    let version =
        |header: &SweepHeader| format!("version {} (schema {})", header.version, header.schema);
    differ(version(one), version(other))
        .or_else(|| differ(names(one), names(other)))
        .or_else(|| differ(seeds(one), seeds(other)))
        .or_else(|| if shard { differ(part(one), part(other)) } else { None })
        .or_else(|| {
            let mut pairs = one.scenarios.iter().zip(&other.scenarios);
            pairs.find_map(|(one, other)| {
                if without_path(&one.asked) != without_path(&other.asked) {
                    return Some(format!("{} has other text or settings there", one.name));
                }
                (one.first_digest != other.first_digest).then(|| {
                    format!(
                        "it was played by another build: the digest of the first seed of {} is {} there, and {} here",
                        one.name, one.first_digest, other.first_digest
                    )
                })
            })
        })
        .or_else(|| (one.probes != other.probes).then(|| "another build has other probes".to_owned()))
}

fn without_path(asked: &serde_json::Value) -> serde_json::Value {
    let mut asked = asked.clone();
    if let Some(asked) = asked.as_object_mut() {
        asked.shift_remove("path");
    }
    asked
}

fn locked(done: Result<(), TryLockError>, path: &Path) -> Result<(), JournalError> {
    match done {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(JournalError::Busy { path: shown(path) }),
        Err(TryLockError::Error(why)) => Err(io_error("lock", path, why)),
    }
}

pub(super) fn io_error(action: &'static str, path: &Path, why: io::Error) -> JournalError {
    JournalError::Io { action, path: shown(path), why }
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
