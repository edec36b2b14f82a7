//! The lines to paste that play a failure again.
//!
//! Holds:      the way from a test's thread to its name.
//! Invariants: AG-1 a line that is printed works: a scenario without a file is first saved, or asked to be.

use std::path::Path;

use crate::asked::{Asked, quoted};

/// How this test, or whatever runs on this thread, is run with one seed.
pub(crate) fn test_line(seed: u64) -> String {
    let thread = std::thread::current();
    // The harness names a test's thread after it; with one thread it plays on the main one.
    match thread.name().filter(|name| *name != "main") {
        Some(name) => format!("TRIAL_SEED={seed} cargo test {} -- --exact", quoted(name)),
        None => format!("the same command with TRIAL_SEED={seed} before it"),
    }
}

/// The lines for a script that failed: only it can play itself again.
pub(crate) fn lab_lines(_asked: &Asked, seed: u64) -> Vec<String> {
    vec![format!("again:   {}", test_line(seed))]
}

/// The lines for a scenario that failed: as a test, and for the command line.
pub(crate) fn lines(asked: &Asked, seed: u64, save: Option<&Path>) -> Vec<String> {
    let mut lines = vec![format!("again:   {}", test_line(seed))];
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
