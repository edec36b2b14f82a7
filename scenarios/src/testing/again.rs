//! The lines to paste that play a failure again.
//!
//! Holds:      the way from a test's thread to its name.
//! Invariants: AG-1 a line that is printed works: a scenario without a file is first saved, or asked to be.

use std::path::Path;

use crate::asked::{Asked, quoted};

/// How this test, or whatever runs on this thread, is run with one seed; none: it names its seed itself.
pub(crate) fn test_line(seed: Option<u64>) -> String {
    let thread = std::thread::current();
    let before = seed.map_or_else(String::new, |seed| format!("TRIAL_SEED={seed} "));
    // The harness names a test's thread after it; with one thread it plays on the main one.
    match (thread.name().filter(|name| *name != "main"), seed) {
        (Some(name), _) => format!("{before}cargo test {} -- --exact", quoted(name)),
        (None, Some(seed)) => format!("the same command with TRIAL_SEED={seed} before it"),
        (None, None) => "the same command".to_owned(),
    }
}

/// The lines for a scenario that failed: as a test, and for the command line.
pub(crate) fn lines(asked: &Asked, seed: u64, save: Option<&Path>) -> Vec<String> {
    let mut lines = vec![format!("again:   {}", test_line(Some(seed)))];
    if !asked.is_built() {
        lines.push(format!("or:      {}", asked.replay_line(seed)));
        return lines;
    }
    let Some(folder) = save else {
        lines.push(
            "or:      TRIAL_SAVE=. before it writes the scenario as a file for `trial run`".into(),
        );
        return lines;
    };
    let path = folder.join(format!("{}.toml", asked.scenario));
    let saved = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, &asked.text));
    lines.push(match saved {
        Ok(()) => {
            let asked = Asked { path: Some(path), ..asked.clone() };
            format!("or:      {}", asked.replay_line(seed))
        }
        Err(why) => format!("TRIAL_SAVE: cannot write {}: {why}", path.display()),
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::test_line;
    use std::thread;

    #[test]
    fn a_line_names_the_test_that_runs_it_and_only_a_seed_that_can_be_given() {
        let of = |name: &str, seed| {
            let on = thread::Builder::new().name(name.to_owned());
            on.spawn(move || test_line(seed)).expect("a thread").join().expect("no panic")
        };
        assert_eq!(of("shop::orders", Some(7)), "TRIAL_SEED=7 cargo test shop::orders -- --exact");
        assert_eq!(of("shop::orders", None), "cargo test shop::orders -- --exact");
        assert_eq!(of("main", Some(7)), "the same command with TRIAL_SEED=7 before it");
    }
}
