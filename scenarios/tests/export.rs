//! `trial export`: the disks of a run as files, byte for byte, and what it refuses.
#![cfg(feature = "binary")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use support::{CANARY, files, trial};
use trial_scenarios::asked::Asked;
use trial_scenarios::run::Run;
use trial_sim::{DiskId, HostId, Span, Time};

const SCENARIO: &str = "title = \"a leader crashes\"\ntime = \"4s\"\n\
    faults = [\"at 2s crash leader(t/0) losing unsynced for 1s\"]\n\
    [topics.t]\npartitions = 2\nreplicas = 3\n[clients.p]\nproduce = \"t\"\nrate = \"20/s\"\n";

fn folder(name: &str) -> PathBuf {
    let folder = support::folder("export", name);
    fs::write(folder.join("s.toml"), SCENARIO).expect("the folder is there");
    folder
}

/// Every file of a run's disks, with its bytes.
fn on_disks(run: &Run) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for host in (0..).take(run.world().host_count()).map(HostId) {
        let disk = run.world().disk(host, DiskId(0));
        for (path, len) in disk.files() {
            let bytes = disk.peek(&path, 0, len).expect("it is there").to_vec();
            found.insert(format!("{}/{path}", run.world().host_name(host)), bytes);
        }
    }
    found
}

fn run(folder: &Path, until: Option<Time>) -> Run {
    let path = folder.join("s.toml").display().to_string();
    let scenario = Asked::open(&path).and_then(|asked| asked.scenario()).expect("a scenario");
    let mut run = Run::new(&Arc::new(scenario), 3);
    match until {
        Some(until) => run.play_until(until),
        None => run.play(),
    }
    run
}

#[test]
fn the_disks_are_written_byte_for_byte() {
    let folder = folder("bytes");
    let said = trial(&folder, &["export", "s.toml", "--seed", "3", "--to", "new/disks"]);
    said.is(0, "new/disks/b1: ");
    let written = files(&folder.join("new/disks"));
    assert_eq!(written, on_disks(&run(&folder, None)), "EX-1");
    for host in ["b1", "b2", "b3"] {
        for file in ["meta.properties", "t-0/00000000000000000000.log", "t-1/partition.metadata"] {
            assert!(written.contains_key(&format!("{host}/{file}")), "{host}/{file}");
        }
    }
    let quorum = "__cluster_metadata-0/00000000000000000000.log";
    assert!(written.keys().any(|path| path.ends_with(quorum)), "the metadata log");
    let bytes: usize = written.values().map(Vec::len).sum();
    let told = said.out.lines().filter_map(|line| line.rsplit_once(" files, "));
    let told = told.filter_map(|(_, bytes)| bytes.strip_suffix(" bytes")?.parse::<usize>().ok());
    assert_eq!(told.sum::<usize>(), bytes, "what is told is what was written: {}", said.out);
    assert!(said.out.ends_with(" ms\n"), "and of when: {}", said.out);
}

#[test]
fn the_disks_of_a_moment_and_those_that_a_power_loss_leaves() {
    let folder = folder("moments");
    let export = |to: &str, more: &[&str]| {
        let export = ["export", "s.toml", "--seed", "3", "--to", to];
        trial(&folder, &[&export[..], more].concat()).is(0, "the disks at ");
        files(&folder.join(to))
    };
    let at = export("at", &["--at", "2.9s"]);
    let until = Time::ZERO + Span::from_millis(2_900);
    assert_eq!(at, on_disks(&run(&folder, Some(until))), "while a host is down");
    let (lost, again) = (
        export("lost", &["--at", "2.9s", "--after-power-loss"]),
        export("again", &["--at", "2.9s", "--after-power-loss"]),
    );
    assert_eq!(lost, again, "the seed decides");
    assert_ne!(lost, at, "something was not synced");
    assert_eq!(at, export("still", &["--at", "2.9s"]), "EX-2: to look changes nothing");
}

#[test]
fn a_saved_failure_is_exported_as_it_was_saved() {
    let folder = folder("failure");
    fs::write(folder.join("canary.toml"), CANARY).expect("the folder is there");
    trial(&folder, &["run", "canary.toml", "--seed", "3", "--out", "f"]).is(1, "R12");
    let saved = fs::read_dir(folder.join("f")).expect("it was saved").next().expect("one");
    let saved = saved.expect("an entry").path().display().to_string();
    trial(&folder, &["export", &saved, "--to", "a"]).is(0, "the disks at ");
    trial(&folder, &["export", "canary.toml", "--seed", "3", "--to", "b"]).is(0, "the disks at ");
    assert_eq!(files(&folder.join("a")), files(&folder.join("b")));
    let with_seed = ["export", &saved, "--seed", "3", "--to", "c"];
    trial(&folder, &with_seed).is_refused("is played as it was saved");
}

#[test]
fn what_cannot_be_exported_is_refused_and_nothing_is_made() {
    let folder = folder("refused");
    fs::create_dir_all(folder.join("full")).expect("a folder");
    fs::create_dir_all(folder.join("empty")).expect("a folder");
    fs::write(folder.join("full/mine"), "mine").expect("a file");
    let before = support::tree(&folder);
    for (arguments, want) in [
        (&["s.toml", "--to", "full"][..], "--to full: there is something in it"),
        (&["s.toml", "--to", "s.toml"], "cannot write s.toml"),
        (&["s.toml", "--to", "s.toml/x"], "cannot write s.toml/x"),
        (&["s.toml"], "--to <FOLDER>"),
        (&["s.toml", "--to", "x", "--at", "noon"], "--at noon: "),
        (&["s.toml", "--to", "x", "--at", "-3s"], "--at -3s: a duration cannot be negative"),
        (&["s.toml", "--to", "x", "--at", "9999s"], "--at 9999s: the run is over at "),
        (&["s.toml", "--to", "x", "--at", "5"], "--at 5: `5` lacks a unit"),
        (&["s.toml", "--to", "x", "--seed", "many"], "invalid value 'many'"),
        (&["nowhere", "--to", "x"], "there is no scenario `nowhere`"),
        (&["nowhere.json", "--to", "x"], "cannot read nowhere.json"),
        (&["s.toml", "--to", "x", "--set", "time"], "time"),
    ] {
        trial(&folder, &[&["export"][..], arguments].concat()).is_refused(want);
    }
    assert_eq!(support::tree(&folder), before, "EX-3: nothing is made, nothing is lost");
    trial(&folder, &["export", "s.toml", "--to", "empty", "--at", "1s"]).is(0, "empty/b1: ");
}
