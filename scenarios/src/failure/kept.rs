//! A folder of kept failures as a test: each has to show what it awaits.
//!
//! Invariants: KE-1 nothing passes silently: a failure that does not reproduce fails the test until somebody marks it as
//!             fixed, and one that is marked fails it when it comes back.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::again::{Again, play_again};
use super::file::{Awaits, Failure};

/// Starts a check of every failure that is kept in `folder`, as `trial keep` writes them.
///
/// ```no_run
/// # // A folder of your repository.
/// trial_scenarios::kept("tests/failures").run();
/// ```
#[must_use = "nothing is played before `run`"]
pub fn kept(folder: impl AsRef<Path>) -> Kept {
    Kept { folder: folder.as_ref().to_owned() }
}

/// A folder of failures that is about to be played.
#[derive(Debug, Clone)]
#[must_use = "nothing is played before `run`"]
pub struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Plays each; answers how many there are.
    ///
    /// # Panics
    /// If the folder holds none, or one does not show what it awaits: with its reasons, and what can be done.
    pub fn run(self) -> usize {
        let files = self.files();
        assert!(!files.is_empty(), "{} holds no kept failure (*.json)", self.folder.display());
        let mut wrong = String::new();
        for file in &files {
            if let Some(what) = judge(file) {
                writeln!(wrong, "{}: {what}", file.display()).expect("a String takes any text");
            }
        }
        assert!(wrong.is_empty(), "kept failures that do not show what they await:\n{wrong}");
        files.len()
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).unwrap_or_else(|why| {
            panic!("cannot read {}: {why}", self.folder.display());
        });
        let paths = entries.map(|entry| entry.expect("an entry can be read").path());
        let mut files: Vec<PathBuf> =
            paths.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
        files.sort();
        files
    }
}

/// What is wrong with one; none if it shows what it awaits.
fn judge(file: &Path) -> Option<String> {
    let failure = match Failure::load(file) {
        Ok(failure) => failure,
        Err(error) => return Some(error.to_string()),
    };
    let again = match play_again(&failure) {
        Ok((again, ..)) => again,
        Err(error) => return Some(format!("it cannot be played any more: {error}")),
    };
    let shown = file.display();
    match (failure.awaits, again) {
        (Awaits::Failure, Again::Same | Again::Alike { .. })
        | (Awaits::Fixed, Again::Gone { .. }) => None,
        (Awaits::Failure, gone @ Again::Gone { .. }) => Some(format!(
            "{gone}\n    if that was mended:  trial keep {shown} --fixed\n    if it has only moved: trial sweep, \
             and keep the seed that shows it now\n    it showed: {}",
            failure.fingerprint
        )),
        (Awaits::Fixed, _) => Some(format!(
            "it was fixed, and is back: {}\n    again: trial replay {shown}",
            failure.fingerprint
        )),
    }
}
