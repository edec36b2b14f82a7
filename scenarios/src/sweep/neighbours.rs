//! What else lies in the folder of a sweep: the other shards, and the whole that was joined from them.
//!
//! Invariants: NE-1 every shard has a folder of its own below `--out`, which says its number and how many there are.
//!             NE-2 what `merge` would refuse to join is refused before it is played: another number of shards, another
//!             sweep. What cannot be read is left to `merge`. A shard may be played again after all were joined.

use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};

use trial_reports::SweepHeader;

use super::Shard;
use super::groups::{FAILURE_FILE, GROUPS_FOLDER, STORY_FILE};
use super::journal::{JournalError, ROWS_FILE, difference, header_of, io_error, shown};

impl Shard {
    /// The folder of this shard within a sweep's; of a sweep in one piece: `out` itself.
    #[must_use]
    pub fn folder(self, out: &Path) -> PathBuf {
        if self == Self::WHOLE {
            return out.to_owned();
        }
        out.join(format!("shard-{}-of-{}", self.index, self.of))
    }

    /// The shard whose folder has this name.
    pub(super) fn of_folder(name: &str) -> Option<Self> {
        let (index, of) = name.strip_prefix("shard-")?.split_once("-of-")?;
        let shard = Self { index: index.parse().ok()?, of: of.parse().ok()? };
        (1..=shard.of).contains(&shard.index).then_some(shard)
    }
}

/// The shards with rows in `folder`, by number.
pub(super) fn shards_below(folder: &Path) -> Result<Vec<(Shard, PathBuf)>, JournalError> {
    let failed = |why| io_error("read", folder, why);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let shard = name.as_deref().and_then(Shard::of_folder);
        if let Some(shard) = shard.filter(|_| path.join(ROWS_FILE).is_file()) {
            found.push((shard, path));
        }
    }
    found.sort_by_key(|(shard, _)| (shard.of, shard.index));
    Ok(found)
}

/// NE-2.
pub(super) fn refuse_neighbours(out: &Path, header: &SweepHeader) -> Result<(), JournalError> {
    if !out.is_dir() {
        return Ok(());
    }
    let own = Shard { index: header.shard, of: header.shards };
    let whole = out.join(ROWS_FILE);
    let shards = shards_below(out)?;
    if own == Shard::WHOLE {
        // A whole beside its shards was joined from them: it is compared when it is opened.
        return match shards.first() {
            Some((shard, _)) if !whole.exists() => Err(JournalError::Shards {
                what: format!("{} holds shard {shard} of a sweep, and this is one in one piece", shown(out)),
                help: "play the shards that are missing and join them with `trial merge`, or give another folder \
                       with --out"
                    .to_owned(),
            }),
            _ => Ok(()),
        };
    }
    for (shard, folder) in &shards {
        if shard.of != own.of {
            return Err(other_count(out, *shard, own));
        }
        if *shard != own {
            same_sweep(&folder.join(ROWS_FILE), header)?;
        }
    }
    match read_header(&whole) {
        // The folder of a single shard.
        Some(found) if found.shards != 1 => {
            Err(other_count(out, Shard { index: found.shard, of: found.shards }, own))
        }
        Some(_) => same_sweep(&whole, header),
        None => Ok(()),
    }
}

fn other_count(out: &Path, there: Shard, own: Shard) -> JournalError {
    JournalError::Shards {
        what: format!(
            "{} holds shard {there} of a sweep, and this is shard {own}: {} shards, and not {}",
            shown(out),
            there.of,
            own.of
        ),
        help: format!("play one of {} shards, or give another folder with --out", there.of),
    }
}

fn same_sweep(path: &Path, header: &SweepHeader) -> Result<(), JournalError> {
    match read_header(path).and_then(|found| difference(&found, header, false)) {
        Some(what) => Err(JournalError::Other { path: shown(path), what }),
        None => Ok(()),
    }
}

/// Somebody may be writing it: it is only looked at.
fn read_header(path: &Path) -> Option<SweepHeader> {
    header_of(path, &File::open(path).ok()?).ok().flatten()
}

/// The sweep's folder whose own file, or file to be, `file` is.
#[must_use]
pub fn owner(file: &Path) -> Option<PathBuf> {
    let real = real_path(file);
    let above = real.ancestors().skip(1);
    let mut sweeps = above.filter(|folder| holds_a_sweep(folder) && is_own(&real, folder));
    if let Some(folder) = sweeps.next() {
        return Some(folder.to_owned());
    }
    // What a sweep without `--out` saves.
    let group = real.parent().filter(|group| group.join(STORY_FILE).is_file())?;
    (real.file_name()? == FAILURE_FILE).then(|| group.parent().map(Path::to_owned))?
}

/// Whether a sweep in `folder` writes `file`, or will: its rows, its saved failures, its shards.
#[must_use]
pub fn is_file_of(file: &Path, folder: &Path) -> bool {
    is_own(&real_path(file), &real_path(folder))
}

fn is_own(file: &Path, folder: &Path) -> bool {
    let inner = file.strip_prefix(folder).ok().and_then(|inner| inner.components().next());
    let Some(Component::Normal(name)) = inner else { return false };
    let name = name.to_string_lossy();
    name == ROWS_FILE
        || name == format!("{ROWS_FILE}.new")
        || name == GROUPS_FOLDER
        || Shard::of_folder(&name).is_some()
}

fn holds_a_sweep(folder: &Path) -> bool {
    folder.join(ROWS_FILE).is_file() || shards_below(folder).is_ok_and(|shards| !shards.is_empty())
}

/// Where a file lies, without links as far as it is there: what is not there yet can be none.
#[must_use]
pub fn real_path(file: &Path) -> PathBuf {
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let there = whole.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match there.map(|(above, real)| (real, whole.strip_prefix(above))) {
        // To join nothing would add a slash.
        Some((real, Ok(rest))) if rest.as_os_str().is_empty() => real,
        Some((real, Ok(rest))) => real.join(rest),
        _ => whole,
    }
}
