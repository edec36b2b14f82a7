//! What a command writes: found out before anything is played, and never over what a sweep keeps.
#![cfg(feature = "binary")]

mod support;

use std::fs;
use std::path::PathBuf;

use support::{CALM, Said, tree, trial};

fn folder(name: &str) -> PathBuf {
    let path = support::folder("outputs", name);
    fs::write(path.join("calm.toml"), CALM).expect("the folder is there");
    fs::write(path.join("file"), "mine").expect("the folder is there");
    path
}

#[test]
fn what_cannot_be_written_is_found_before_a_run() {
    let folder = folder("run");
    let before = tree(&folder);
    for (arguments, want) in [
        (&["--json", "no/x.json"][..], "cannot write no/x.json"),
        (&["--junit", "no/x.xml"], "cannot write no/x.xml"),
        (&["--junit", "."], "cannot write ."),
        (&["--history", "no/x.edn"], "cannot write no/x.edn"),
        (&["--out", "file/x"], "cannot write file/x"),
        (&["--out", "file"], "cannot write file"),
        (&["--json", "x", "--junit", "./x"], "--json and --junit both name ./x"),
        (&["--junit", "./calm.toml"], "--junit ./calm.toml would be written over calm.toml"),
    ] {
        trial(&folder, &[&["run", "calm.toml"][..], arguments].concat()).is_refused(want);
    }
    assert_eq!(tree(&folder), before, "OU-1: nothing is made, nothing is lost");
    let cause = ["cause", "calm.toml", "--seed", "1", "--json", "no/x.json"];
    trial(&folder, &cause).is_refused("cannot write no/x.json");
    // What can be written is, also over an older one.
    fs::write(folder.join("x.xml"), "old ".repeat(10_000)).expect("the folder is there");
    trial(&folder, &["run", "calm.toml", "--junit", "x.xml", "--out", "a/b"]).is(5, "truncation");
    let text = fs::read_to_string(folder.join("x.xml")).expect("it is there");
    assert!(text.ends_with("</testsuites>\n") && !text.contains("old "), "{text}");
    assert_eq!(fs::read_dir(folder.join("a/b")).expect("it was made").count(), 1);
}

#[test]
fn no_report_lies_over_a_sweep() {
    let folder = folder("sweep");
    let sweep = |more: &[&str]| {
        let sweep = ["sweep", "calm.toml", "--seeds", "0..2", "--out", "o"];
        trial(&folder, &[&sweep[..], more].concat())
    };
    let own = |sweep: &dyn Fn(&str) -> Said| {
        sweep("no/x.xml").is_refused("cannot write no/x.xml");
        let rows = sweep("o/seeds.jsonl");
        rows.is_refused("--junit o/seeds.jsonl would be written over the sweep in");
        sweep("./o/seeds.jsonl").is_refused("would be written over the sweep in");
        sweep("o/failures/x.xml").is_refused("would be written over the sweep in");
        sweep("o/shard-1-of-2/x.xml").is_refused("would be written over the sweep in");
    };
    own(&|file| sweep(&["--junit", file]));
    sweep(&["--junit", "calm.toml"]).is_refused("would be written over calm.toml");
    assert!(!folder.join("o").exists(), "nothing is begun");
    // A report may lie in the folder of a sweep that is not there yet.
    sweep(&["--junit", "o/junit.xml"]).is(5, "calm: 2 seeds");
    let before = tree(&folder);
    own(&|file| sweep(&["--junit", file]));
    sweep(&["--junit", "o/../o/seeds.jsonl"]).is_refused("would be written over the sweep in");
    own(&|file| trial(&folder, &["merge", "o", "--junit", file]));
    own(&|file| trial(&folder, &["run", "calm.toml", "--junit", file]));
    assert_eq!(tree(&folder), before, "OU-2");
    fs::create_dir_all(folder.join("p")).expect("a folder");
    fs::write(folder.join("p/failures"), "mine").expect("a file");
    let blocked = ["sweep", "calm.toml", "--seeds", "0..2", "--out", "p"];
    trial(&folder, &blocked).is_refused("cannot write p/failures");
}

#[test]
fn nothing_is_kept_within_a_sweep() {
    let folder = folder("keep");
    for out in [&["--out", "o"][..], &[]] {
        trial(&folder, &[&["sweep", "calm.toml", "--seeds", "0..2"][..], out].concat())
            .is(5, "saved");
    }
    let before = tree(&folder);
    let kind = "failures/calm-no-truncation-00000000/failure.json";
    let saved = format!("o/{kind}");
    for file in [&saved, &format!("trial-{kind}")] {
        let said = trial(&folder, &["keep", file, "--fixed"]);
        said.is(2, "lies in the folder of a sweep");
        said.is(2, &format!("trial keep {file} --fixed --in FOLDER"));
    }
    trial(&folder, &["keep", &saved, "--in", "o/failures"]).is(2, "in the folder of a sweep");
    trial(&folder.join("o"), &["keep", kind]).is(2, "in the folder of a sweep");
    assert_eq!(tree(&folder), before, "KE-1");
    trial(&folder, &["keep", &saved, "--in", "kept"]).is(0, "awaits: that it fails in this way");
    assert_eq!(tree(&folder).len(), before.len() + 1, "in the folder that was named");
}
