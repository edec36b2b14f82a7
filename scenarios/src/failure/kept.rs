//! A folder of kept failures as a test: each has to show what it awaits.
//!
//! Invariants: KE-1 nothing passes silently: a failure that does not reproduce fails the test until somebody marks it
//!             as fixed, and one that is marked fails it when it comes back.

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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::super::again::{Again, play_again};
    use super::super::file::{Awaits, Failure};
    use super::kept;
    use crate::asked::Asked;
    use crate::fingerprint::Fingerprint;

    /// A short run that fails: acks=all answers too early.
    fn failing() -> Failure {
        let mut asked = Asked::open("what_an_ack_buys_all").expect("it comes with Trial");
        asked.settings = vec!["time=8s".to_owned()];
        asked.switches = vec!["ack_before_replication".to_owned()];
        Failure::record(&asked, 3).expect("it can be played")
    }

    /// A folder with these alone in it.
    fn folder(name: &str, failures: &[&Failure]) -> PathBuf {
        let own = format!("trial-kept-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(own);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the target folder can be written");
        for failure in failures {
            failure.save(&path).expect("it can be written");
        }
        path
    }

    /// What the test's panic says; none if it passes.
    fn said(folder: &Path) -> Option<String> {
        let folder = folder.to_owned();
        let panic = std::panic::catch_unwind(move || kept(folder).run()).err()?;
        panic.downcast::<String>().ok().map(|text| *text)
    }

    #[test]
    fn a_failure_that_still_fails_is_what_it_awaits() {
        let failure = failing();
        assert_eq!(failure.fingerprint.what, "R12");
        assert_eq!(play_again(&failure).expect("it can be played").0, Again::Same);
        assert_eq!(said(&folder("same", &[&failure])), None);
        assert!(failure.moments.len() >= 8, "a digest for every second: {:?}", failure.moments);
        assert!(failure.plan.iter().any(|line| line.contains("crash")), "{:?}", failure.plan);
    }

    #[test]
    fn one_that_does_not_reproduce_says_so_and_why() {
        let mut mended = failing();
        mended.asked.switches.clear();
        let (again, ..) = play_again(&mended).expect("it can be played");
        let told = again.to_string();
        assert!(matches!(again, Again::Gone { .. }), "{told}");
        assert!(
            told.contains("the same run up to") && told.contains("takes other steps"),
            "{told}"
        );
        let said = said(&folder("gone", &[&mended])).expect("KE-1: nothing passes silently");
        assert!(said.contains("does not reproduce: it holds now"), "{said}");
        assert!(said.contains("--fixed") && said.contains("R12"), "{said}");
    }

    #[test]
    fn the_reason_is_the_first_thing_that_differs() {
        let other = |change: &dyn Fn(&mut Asked)| {
            let mut failure = failing();
            change(&mut failure.asked);
            play_again(&failure).expect("it can be played").0.to_string()
        };
        let brokers = other(&|asked| asked.settings.push("cluster.brokers=4".to_owned()));
        assert!(brokers.contains("it had cluster.brokers 3, now cluster.brokers 4"), "{brokers}");
        let plan =
            other(&|asked| asked.settings.push("faults=[\"at 2s crash b2 for 1s\"]".to_owned()));
        assert!(plan.contains("fault 1 of the plan was `"), "{plan}");
        assert!(plan.contains("and is `2.000s at 2s crash b2 for 1s`"), "{plan}");
        let mut old = failing();
        (old.version, old.digest) = ("0.0.9".to_owned(), "00".to_owned());
        let told = play_again(&old).expect("it can be played").0.to_string();
        assert!(told.contains("in the same way") && told.contains("version 0.0.9"), "{told}");
    }

    #[test]
    fn the_same_run_judged_otherwise_does_not_pass() {
        let mut other = failing();
        other.fingerprint = Fingerprint::new("R99", "nobody finds this");
        let (again, ..) = play_again(&other).expect("it can be played");
        assert!(matches!(again, Again::Gone { .. }), "AG-2: {again}");
        let told = said(&folder("judged", &[&other])).expect("KE-1");
        assert!(told.contains("it is judged otherwise now"), "{told}");
    }

    #[test]
    fn one_that_was_fixed_must_not_come_back() {
        let mut back = failing();
        back.awaits = Awaits::Fixed;
        let told = said(&folder("back", &[&back])).expect("it is back");
        assert!(told.contains("it was fixed, and is back: R12"), "{told}");
        let mut gone = back;
        gone.asked.switches.clear();
        assert_eq!(said(&folder("fixed", &[&gone])), None, "as it should be");
    }

    #[test]
    fn a_folder_without_failures_is_no_test_and_a_broken_file_is_named() {
        let empty = folder("empty", &[]);
        assert!(said(&empty).expect("no test").contains("holds no kept failure"));
        fs::write(empty.join("x.json"), "{}").expect("it can be written");
        assert!(said(&empty).expect("it is broken").contains("x.json"));
    }
}
