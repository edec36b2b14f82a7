//! The binary from outside: exit statuses, the JSON, a failure saved and played again.
#![cfg(feature = "binary")]

mod support;

use std::path::{Path, PathBuf};

use support::Said;

fn trial(arguments: &[&str]) -> Said {
    support::trial(Path::new("."), arguments)
}

fn folder(name: &str) -> PathBuf {
    support::folder("cli", name)
}

/// A scenario that must fail: it demands what cannot happen.
fn impossible(folder: &Path) -> String {
    let path = folder.join("impossible.toml");
    let text = "title = \"a cluster without faults never cuts a log\"\ntime = \"3s\"\n\
        must_happen = [\"truncation\"]\n[topics.t]\npartitions = 1\nreplicas = 3\n\
        [clients.p]\nproduce = \"t\"\nrate = \"20/s\"\n";
    std::fs::write(&path, text).expect("the folder is there");
    path.display().to_string()
}

#[test]
fn without_arguments_the_default_is_played_and_the_rest_is_named() {
    let alone = trial(&[]);
    let run = trial(&["run"]);
    assert_eq!(alone.status, run.status, "{}{}", alone.out, alone.err);
    assert!(alone.out.contains("a morning at the airport"), "{}", alone.out);
    assert!(alone.out.lines().last().is_some_and(|line| line.contains("trial list")));
    assert!(!alone.out.contains('\x1b'), "no colours off a terminal");
}

/// How long it took is the machine's business.
fn without_wall_time(page: &str) -> String {
    let line =
        |line: &str| match (line.split_once(" of virtual time in "), line.split_once(" ms, ")) {
            (Some((before, _)), Some((_, after))) => format!("{before} of virtual time, {after}\n"),
            _ => format!("{line}\n"),
        };
    page.lines().map(line).collect()
}

#[test]
fn the_readme_shows_what_the_default_prints() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("<!-- output -->\n```\n").nth(1);
    let shown = shown.and_then(|rest| rest.split("```").next()).expect("README.md has it");
    assert_eq!(without_wall_time(shown), without_wall_time(&trial(&[]).out));
}

#[test]
fn two_processes_and_two_runs_in_one_have_equal_digests() {
    let digest = |said: Said| -> String {
        let run: serde_json::Value = serde_json::from_str(&said.out).expect("only JSON is written");
        run["digest"].as_str().expect("it is text").to_owned()
    };
    let arguments = ["run", "departures", "--seed", "5", "--set", "time=6s", "--json", "-"];
    let first = digest(trial(&arguments));
    assert_eq!(first, digest(trial(&arguments)));
    let twice = trial(&["run", "departures", "--seed", "5", "--set", "time=6s", "--twice"]);
    assert!(twice.out.contains(&first), "{}", twice.out);
    assert_ne!(twice.status, 4, "{}", twice.err);
}

#[test]
fn what_must_happen_and_does_not_exits_5_and_can_be_replayed() {
    let folder = folder("missed");
    let scenario = impossible(&folder);
    let out = folder.join("failures");
    let out = out.display().to_string();
    let said = trial(&["run", &scenario, "--seed", "3", "--out", &out]);
    assert_eq!(said.status, 5, "{}{}", said.out, said.err);
    assert!(said.err.contains("never happened, although it must: truncation"), "{}", said.err);

    let file = std::fs::read_dir(&out).expect("it was made").next().expect("a file").expect("it");
    let file = file.path().display().to_string();
    // The saved text is played, not the file that it came from.
    std::fs::write(&scenario, "no longer a scenario").expect("the folder is there");
    let again = trial(&["replay", &file]);
    assert_eq!(again.status, 5, "{}{}", again.out, again.err);
    assert!(again.out.contains("same:    digest"), "{}", again.out);

    let half = trial(&["replay", &file, "--until", "1s"]);
    assert_eq!(half.status, 5, "a part of a run is no verdict: {}", half.out);
    assert!(half.out.contains("the run was stopped at 1000 ms"), "{}", half.out);
    for (until, want) in [
        ("-3s", "--until -3s: a duration cannot be negative"),
        ("9999s", "--until 9999s: the run is over at "),
    ] {
        trial(&["replay", &file, "--until", until]).is_refused(want);
    }
}

#[test]
fn a_sweep_says_the_same_whatever_the_number_of_threads() {
    let folder = folder("sweep");
    let scenario = impossible(&folder);
    let swept = |jobs: &str| {
        let out = folder.join(jobs).display().to_string();
        let said = trial(&["sweep", &scenario, "--seeds", "0..4", "--jobs", jobs, "--out", &out]);
        assert_eq!(said.status, 5, "{}{}", said.out, said.err);
        let kinds =
            std::fs::read_dir(Path::new(&out).join("failures")).expect("it was made").count();
        assert_eq!(kinds, 1, "one folder for four seeds that failed alike");
        let lines = said.out.lines().filter(|line| !line.contains("seeds/s"));
        lines.map(|line| line.replace(&out, "OUT") + "\n").collect::<String>()
    };
    let alone = swept("1");
    let saved = "saved: trial replay OUT/failures/impossible-no-truncation-00000000/failure.json";
    assert!(alone.contains(saved), "{alone}");
    assert_eq!(alone, swept("3"));
}

#[test]
fn a_guard_that_is_removed_is_violated_and_its_replay_line_names_it() {
    let switch = "ack_before_replication";
    let out = folder("switch").display().to_string();
    let arguments =
        ["sweep", "what_an_ack_buys_all", "--seeds", "0..10", "--switch", switch, "--out", &out];
    let said = trial(&arguments);
    assert_eq!(said.status, 1, "{}{}", said.out, said.err);
    let replay = said.out.lines().find_map(|line| line.strip_prefix("saved: trial replay "));
    let replay = replay.expect("a failure has a line to paste").to_owned();
    let again = trial(&["replay", &replay]);
    assert_eq!(again.status, 1, "{}{}", again.out, again.err);
    assert!(again.out.contains("same:    digest"), "{}", again.out);
    assert!(again.out.contains("first: "), "it tells the facts: {}", again.out);
}

#[test]
fn every_list_names_what_it_lists() {
    let cases = [
        ("scenarios", "everything_at_once"),
        ("faults", "high_watermark(TOPIC/PARTITION)"),
        ("invariants", "lost-write"),
        ("probes", "two_epochs_in_ten_seconds"),
        ("bugs", "ack_before_replication"),
    ];
    for (what, want) in cases {
        let said = trial(&["list", what]);
        assert_eq!(said.status, 0, "{what}: {}", said.err);
        assert!(said.out.contains(want), "{what}: {}", said.out);
    }
}

#[test]
fn an_id_is_found_whatever_its_letters_and_a_wrong_one_names_its_family() {
    let said = trial(&["list", "invariants", "r7"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.out.contains("\n R7 ") && !said.out.contains(" K7 "), "{}", said.out);
    for (wrong, want) in [
        ("K99", "there are K1, K2, K3, "),
        ("k10", "there are K1, K2, K3, "),
        ("X7", "there are X1, X2"),
        ("lost-writ", "did you mean `lost-write`?"),
        ("Z1", "there are R1, "),
    ] {
        let said = trial(&["list", "invariants", wrong]);
        said.is_refused(want);
        assert_eq!(said.words().contains("R2"), wrong == "Z1", "{}", said.err);
    }
}

#[test]
fn the_readable_log_is_the_same_twice_and_leaves_the_report_alone() {
    let quiet = trial(&["run", "departures", "--json", "-"]);
    let told = trial(&["run", "departures", "--json", "-", "--log", "info"]);
    let again = trial(&["run", "departures", "--json", "-", "--log", "info"]);
    let digest =
        |said: &Said| said.out.lines().find(|line| line.contains("digest")).map(str::to_owned);
    assert_eq!(digest(&quiet), digest(&told), "to listen changes nothing");
    assert_eq!(quiet.err, "", "without --log nothing is told");
    assert_eq!(told.err, again.err, "LO-1");
    assert!(told.err.contains("9.000s b2 crashed: PowerLoss\n"), "{}", told.err);
    let debug = trial(&["run", "departures", "--log", "debug"]);
    assert!(debug.err.contains("BecameLeader"), "notes are told, too");
}
