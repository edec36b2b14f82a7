//! `trial shrink` and `trial cause` from outside: what they write can be played, and what cannot be shrunk is refused.
#![cfg(feature = "binary")]

use std::path::{Path, PathBuf};
use std::process::Command;

struct Said {
    status: i32,
    out: String,
    err: String,
}

fn trial(folder: &Path, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_trial"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the binary was built");
    Said {
        status: output.status.code().expect("it ended by itself"),
        out: String::from_utf8(output.stdout).expect("it writes UTF-8"),
        err: String::from_utf8(output.stderr).expect("it writes UTF-8"),
    }
}

/// An empty folder of this test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("the target folder can be written");
    path
}

/// Says that what broke stands in what was said, and that the process ended so.
#[track_caller]
fn says(said: &Said, status: i32, part: &str) {
    let (out, err) = (&said.out, &said.err);
    assert_eq!(said.status, status, "{out}{err}");
    assert!(out.contains(part) || err.contains(part), "`{part}` is missing: {out}{err}");
    assert!(!err.contains("panicked"), "{err}");
}

#[test]
fn what_is_shrunk_can_be_played_replayed_and_explained() {
    let folder = folder("shrunk");
    let bug = ["--switch", "ack_before_replication", "--set", "time=3s"];
    let shrink = ["shrink", "departures", "--seed", "1", "--jobs", "2", "--to", "small.toml"];
    let said = trial(&folder, &[&shrink[..], &bug].concat());
    says(&said, 0, "no fault is needed");
    says(&said, 0, "again:  trial run small.toml --seed 1");
    says(&trial(&folder, &["run", "small.toml", "--seed", "1"]), 1, "R12");
    says(&trial(&folder, &["replay", "small.json"]), 1, "same:    digest");
    let cause = ["cause", "small.json", "--moments", "4", "--futures", "4"];
    let said = trial(&folder, &cause);
    says(&said, 0, "inevitable from the beginning");
    let ascii = trial(&folder, &[&cause[..], &["--ascii"]].concat());
    assert!(ascii.out.is_ascii(), "{}", ascii.out);
    let json = trial(&folder, &[&cause[..], &["--json", "-"]].concat());
    let curve: serde_json::Value = serde_json::from_str(&json.out).expect("only JSON is written");
    assert_eq!(curve["fingerprint"]["what"], "R12");
    assert_eq!(curve["spared"]["points"][0]["hits"], 4);
    let again = trial(&folder, &["shrink", "small.json"]);
    says(&again, 0, "shrunk in");
    assert!(folder.join("small-shrunk.toml").exists(), "beside the failure");
}

#[test]
fn what_cannot_be_shrunk_is_refused() {
    let folder = folder("not_shrunk");
    for command in ["shrink", "cause"] {
        let says = |arguments: &[&str], part| {
            says(&trial(&folder, &[&[command][..], arguments].concat()), 2, part);
        };
        says(&["nowhere.json"], "cannot read");
        says(&["nowhere.toml", "--seed", "1"], "cannot read");
        says(&["departures"], "no failure without its seed");
        says(&["standard_0", "--seed", "1", "--set", "time=2s"], "nothing is wrong with seed 1");
        says(&["nowhere.json", "--seed", "1"], "taken as it is");
    }
    says(&trial(&folder, &["shrink", "departures", "--seed", "1", "--wall", "x"]), 2, "--wall x");
    says(
        &trial(&folder, &["shrink", "departures", "--seed", "1", "--to", "x"]),
        2,
        "no scenario file",
    );
}
