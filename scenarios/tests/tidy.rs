//! House rules that no compiler checks; CONTRIBUTING.md tells them and their reasons.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use trial_scenarios::scenario::builtin;

/// The longest line, in characters. rustfmt holds code to 100; prose may take a little more, and a line
/// with a string is left alone, since a text in pieces cannot be searched for.
const LINE_CHARS_MAX: usize = 120;
/// The longest file, in lines without its tests.
const FILE_LINES_MAX: usize = 500;
/// The longest module header, in lines.
const HEADER_LINES_MAX: usize = 15;

/// Files that may be longer, each with a reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Files whose header is longer, each with a reason.
const LONG_HEADERS: &[(&str, &str)] = &[
    ("cluster/src/wire/mod.rs", "holds a runnable example"),
    ("log/src/partition_log/load/mod.rs", "the decision table of recovery"),
    ("scenarios/src/lib.rs", "the front page of the library, with two runnable examples"),
];

/// What no file may say. The words are cut in two, else this file would find itself.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("TO", "DO: "), "give it the number of an issue"),
    (concat!("FIX", "ME"), "fix it, or open an issue and name it"),
    (concat!("todo", "!("), "finish it"),
    (concat!("db", "g!("), "left-over debugging"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/tm", "p/"), "a path of one machine; tests ask std::env::temp_dir"),
    (concat!("../sha", "red"), "the repository stands alone"),
];

/// A file of the repository: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("packages lie in the root").to_owned()
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).expect("a folder of the repository can be read");
    for entry in entries {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != ".git" {
                collect(&path, found);
            }
            continue;
        }
        let kind = path.extension().map(|kind| kind.to_string_lossy().into_owned());
        if !matches!(kind.as_deref(), Some("rs" | "md" | "toml")) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("sources are text");
        let path = path.strip_prefix(root()).expect("below the root").to_string_lossy();
        found.push(Source { path: path.into_owned(), text });
    }
}

fn sources(kind: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    found.retain(|source| source.path.ends_with(kind));
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no file ends with {kind}: tidy looks in the wrong place");
    found
}

#[track_caller]
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

/// Whether a file holds nothing but tests and what they share.
fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

#[test]
fn every_file_begins_with_a_module_header() {
    let mut missing = Vec::new();
    let mut long = Vec::new();
    for source in sources(".rs") {
        let lines = source.text.lines().take_while(|line| line.starts_with("//!")).count();
        if lines == 0 {
            missing.push(source.path.clone());
        }
        if lines > HEADER_LINES_MAX && !LONG_HEADERS.iter().any(|(path, _)| *path == source.path) {
            long.push(format!("{}: {lines} lines", source.path));
        }
    }
    none("files without a header (//!)", &missing);
    none("headers longer than fifteen lines", &long);
}

#[test]
fn no_line_is_too_long() {
    let mut long = Vec::new();
    for source in sources(".rs") {
        for (number, line) in source.text.lines().enumerate() {
            let chars = line.chars().count();
            if chars > LINE_CHARS_MAX && !line.contains('"') {
                long.push(format!("{}:{}: {chars} characters", source.path, number + 1));
            }
        }
    }
    none("lines of more than 120 characters", &long);
}

#[test]
fn no_file_is_too_long() {
    let mut long = Vec::new();
    let mut excused = BTreeSet::new();
    for source in sources(".rs").into_iter().filter(|source| !is_test(&source.path)) {
        let own = source.text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        let excuse = LONG_FILES.iter().find(|(path, _)| *path == source.path);
        match (own > FILE_LINES_MAX, excuse) {
            (true, None) => long.push(format!("{}: {own} lines", source.path)),
            (true, Some((path, _))) => {
                excused.insert(*path);
            }
            (false, _) => {}
        }
    }
    none("files of more than 500 lines without their tests", &long);
    let idle = LONG_FILES.iter().filter(|(path, _)| !excused.contains(path));
    none(
        "files that need no exception any more",
        &idle.map(|(path, _)| (*path).to_owned()).collect::<Vec<_>>(),
    );
}

#[test]
fn nothing_unfinished_and_no_path_of_a_machine_is_left() {
    let mut found = Vec::new();
    let all = [".rs", ".md", ".toml"].into_iter().flat_map(sources);
    for source in all {
        for (number, line) in source.text.lines().enumerate() {
            for (word, why) in FORBIDDEN {
                if line.contains(word) {
                    found.push(format!("{}:{}: `{word}`: {why}", source.path, number + 1));
                }
            }
        }
    }
    none("words that must not stay", &found);
}

#[test]
fn the_readme_lists_the_scenarios_that_are_built_in() {
    let readme = fs::read_to_string(root().join("README.md")).expect("there is a README");
    let (_, section) = readme
        .split_once("<!-- scenarios -->")
        .expect("README.md marks its table of scenarios with <!-- scenarios -->");
    let listed: Vec<&str> = section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .filter_map(|line| line.split('`').nth(1))
        .collect();
    assert_eq!(listed, builtin::names(), "README.md lists other scenarios than `trial list`");
}

#[test]
fn the_readme_lists_every_word_of_the_fault_text() {
    let readme = fs::read_to_string(root().join("README.md")).expect("there is a README");
    let (_, section) = readme
        .split_once("<!-- faults -->")
        .expect("README.md marks its table of fault words with <!-- faults -->");
    let (section, _) = section.split_once("\n## ").expect("another section follows");
    let missing: Vec<String> = trial_sim::fault::WORDS
        .iter()
        .filter(|word| !section.contains(&format!("`{}", word.example.replace('|', "\\|"))))
        .map(|word| format!("{}: `{}`", word.word, word.example))
        .collect();
    none("words whose example README.md does not show", &missing);
}
