//! How many cases of a property are tried, and where those stay that have failed.
//!
//! A property that fails prints the case, made small, and its seed (a line that begins with `cc`), which it appends to
//! a file in `tests/failed`. Every later run begins with the seeds in that file: it belongs into the repository.

use proptest::test_runner::{Config, FileFailurePersistence};

/// As many as `TRIAL_LOG_CASES` says, or as take a few seconds.
#[expect(clippy::disallowed_methods, reason = "how long a test takes is up to who runs it")]
pub fn cases(default: u32) -> u32 {
    let cases = std::env::var("TRIAL_LOG_CASES").ok();
    cases.map_or(default, |cases| cases.parse().expect("TRIAL_LOG_CASES is a number"))
}

/// The same for a property; its failures stay in `failed`, a path in the package, where cargo runs its tests.
pub fn property(default: u32, failed: &'static str) -> Config {
    let failed = FileFailurePersistence::Direct(failed);
    Config {
        cases: cases(default),
        failure_persistence: Some(Box::new(failed)),
        ..Config::default()
    }
}
