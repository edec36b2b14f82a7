//! `trial shrink` and `trial cause` from outside: what they write can be played, and what cannot be shrunk is refused.
#![cfg(feature = "binary")]

mod support;

use support::{folder, trial};

#[test]
fn what_is_shrunk_can_be_played_replayed_and_explained() {
    let folder = folder("shrinking", "shrunk");
    let bug = ["--switch", "ack_before_replication", "--set", "time=3s"];
    let shrink = ["shrink", "departures", "--seed", "1", "--jobs", "2", "--to", "small.toml"];
    let said = trial(&folder, &[&shrink[..], &bug].concat());
    said.is(0, "no fault is needed");
    said.is(0, "again: trial run small.toml --seed 1");
    trial(&folder, &["run", "small.toml", "--seed", "1"]).is(1, "R12");
    trial(&folder, &["replay", "small.json"]).is(1, "same: digest");
    let cause = ["cause", "small.json", "--moments", "4", "--futures", "4"];
    let said = trial(&folder, &cause);
    said.is(0, "inevitable from the beginning");
    let ascii = trial(&folder, &[&cause[..], &["--ascii"]].concat());
    assert!(ascii.out.is_ascii(), "{}", ascii.out);
    let json = trial(&folder, &[&cause[..], &["--json", "-"]].concat());
    let curve: serde_json::Value = serde_json::from_str(&json.out).expect("only JSON is written");
    assert_eq!(curve["fingerprint"]["what"], "R12");
    assert_eq!(curve["spared"]["points"][0]["hits"], 4);
    let again = trial(&folder, &["shrink", "small.json"]);
    again.is(0, "shrunk in");
    assert!(folder.join("small-shrunk.toml").exists(), "beside the failure");
}

#[test]
fn what_cannot_be_shrunk_is_refused() {
    let folder = folder("shrinking", "not_shrunk");
    for command in ["shrink", "cause"] {
        let says = |arguments: &[&str], part| {
            trial(&folder, &[&[command][..], arguments].concat()).is(2, part);
        };
        says(&["nowhere.json"], "cannot read");
        says(&["nowhere.toml", "--seed", "1"], "cannot read");
        says(&["departures"], "no failure without its seed");
        says(&["standard_0", "--seed", "1", "--set", "time=2s"], "nothing is wrong with seed 1");
        says(&["nowhere.json", "--seed", "1"], "taken as it is");
    }
    trial(&folder, &["shrink", "departures", "--seed", "1", "--wall", "x"]).is(2, "--wall x");
    trial(&folder, &["shrink", "departures", "--seed", "1", "--wall", "-3s"]).is(2, "--wall -3s: ");
    trial(&folder, &["shrink", "departures", "--seed", "1", "--to", "x"]).is(2, "no scenario file");
}
