//! What other programs read: JUnit XML, annotations, and the standard output when nobody reads it.
#![cfg(feature = "binary")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use support::{CANARY, command};

/// With a fault that has to do something and comes too late, and a probe that is never reached.
const IDLE: &str = "title = \"<idle> & \\\"100%\\\"\"\ntime = \"2s\"\nrequire_effect = true\n\
    faults = [\n  \"at 1s restart b1\",\n]\n[topics.t]\npartitions = 1\nreplicas = 3\n\
    [clients.p]\nproduce = \"t\"\nrate = \"20/s\"\n";

fn folder(name: &str) -> PathBuf {
    let path = support::folder("machines", name);
    fs::write(path.join("idle.toml"), IDLE).expect("the folder is there");
    fs::write(path.join("canary.toml"), CANARY).expect("the folder is there");
    path
}

/// Exit status, and what was said.
fn trial(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let said = support::trial(folder, arguments);
    (said.status, said.out, said.err)
}

/// An element, with its attributes and the text in it.
#[derive(Debug)]
struct Element {
    path: String,
    attributes: BTreeMap<String, String>,
    text: String,
}

impl Element {
    fn get(&self, attribute: &str) -> &str {
        let found = self.attributes.get(attribute);
        found.unwrap_or_else(|| panic!("{} has no {attribute}", self.path))
    }
}

fn attributes(start: &BytesStart<'_>) -> BTreeMap<String, String> {
    let attribute = |found: quick_xml::events::attributes::Attribute<'_>| {
        let name = String::from_utf8(found.key.as_ref().to_vec()).expect("UTF-8");
        let value = std::str::from_utf8(&found.value).expect("UTF-8");
        (name, quick_xml::escape::unescape(value).expect("well escaped").into_owned())
    };
    start.attributes().map(|found| attribute(found.expect("well formed"))).collect()
}

/// Every element of a file, in the order in which they begin.
fn elements(xml: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(xml);
    let (mut found, mut open) = (Vec::<Element>::new(), Vec::<usize>::new());
    loop {
        let event = reader.read_event().expect("well formed");
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                let above = open.last().map_or("", |at| &found[*at].path);
                let name = String::from_utf8(start.name().as_ref().to_vec()).expect("UTF-8");
                let path = format!("{above}/{name}");
                found.push(Element { path, attributes: attributes(start), text: String::new() });
                if matches!(event, Event::Start(_)) {
                    open.push(found.len() - 1);
                }
            }
            Event::End(_) => drop(open.pop().expect("it was opened")),
            Event::Text(text) => {
                if let Some(at) = open.last() {
                    found[*at].text.push_str(&text.decode().expect("UTF-8"));
                }
            }
            Event::GeneralRef(name) => {
                let name = format!("&{};", name.decode().expect("UTF-8"));
                let text = quick_xml::escape::unescape(&name).expect("a known entity");
                found[*open.last().expect("within an element")].text.push_str(&text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "every element is closed");
    found
}

fn read(path: &Path) -> (String, Vec<Element>) {
    let text = fs::read_to_string(path).expect("it was written");
    let elements = elements(&text);
    (text, elements)
}

fn counts(element: &Element) -> [&str; 3] {
    ["tests", "failures", "errors"].map(|name| element.get(name))
}

#[test]
fn a_sweep_is_a_suite_for_each_scenario_and_a_case_for_each_kind_of_failure() {
    let folder = folder("sweep");
    let sweep = |seeds: &str, jobs: &str, file: &str, out: &str| {
        let arguments = ["sweep", "canary.toml", "idle.toml", "--seeds", seeds, "--jobs", jobs];
        trial(&folder, &[&arguments[..], &["--junit", file, "--out", out]].concat())
    };
    let (status, page, _) = sweep("1..4", "1", "one.xml", "one");
    assert_eq!(status, 1, "{page}");
    let (text, found) = read(&folder.join("one.xml"));
    let paths: Vec<&str> = found.iter().map(|element| element.path.as_str()).collect();
    let case = "/testsuites/testsuite/testcase";
    let of = |path: &str| found.iter().filter(|element| element.path == path).collect::<Vec<_>>();
    assert_eq!(paths[0], "/testsuites", "the root");
    assert_eq!(counts(&found[0]), ["4", "4", "0"], "{text}");
    let suites = of("/testsuites/testsuite");
    assert_eq!(
        suites.iter().map(|suite| suite.get("name")).collect::<Vec<_>>(),
        ["canary", "idle"]
    );
    let cases = of(case);
    let names: Vec<&str> = cases.iter().map(|case| case.get("name")).collect();
    assert_eq!((names[0], names[2]), ("every seed is as expected", "every seed is as expected"));
    assert!(names[1].starts_with("R12-") && names[3].starts_with("no-effect-"), "{names:?}");
    assert_eq!(cases[1].get("classname"), "trial.canary");
    let failures = of("/testsuites/testsuite/testcase/failure");
    assert_eq!(failures[0].get("message"), "3 of 3 seeds are not as expected");
    let r12 = failures[1];
    assert_eq!(r12.get("type"), "R12");
    assert!(r12.get("message").contains("acks=all"), "{r12:?}");
    assert!(r12.get("message").ends_with("(in 3 of 3 seeds)"), "{r12:?}");
    assert!(r12.text.contains("min.insync.replicas"), "the first fact: {}", r12.text);
    assert!(r12.text.contains("\n      at "), "the second, with its time: {}", r12.text);
    assert!(r12.text.contains("again: trial run canary.toml --seed "), "the line: {}", r12.text);
    // JX-1, and the same of shards that are joined.
    sweep("1..4", "2", "two.xml", "two");
    assert_eq!(read(&folder.join("two.xml")).0, text, "JX-1");
    for real in ["time=", "timestamp", "hostname"] {
        assert!(!text.contains(real), "JX-1: {real}");
    }
    let (status, ..) = trial(&folder, &["merge", "one", "--out", "m", "--junit", "m.xml"]);
    assert_eq!((status, read(&folder.join("m.xml")).0), (1, text), "merge tells the same");
}

#[test]
fn a_scenario_without_seeds_is_skipped_and_a_run_is_one_case() {
    let folder = folder("runs");
    let none = ["sweep", "idle.toml", "--seeds", "0..1", "--shard", "2/2", "--out", "o"];
    let (status, xml, page) = trial(&folder, &[&none[..], &["--junit", "-"]].concat());
    assert_eq!(status, 0, "{page}");
    assert!(page.contains("none played"), "the page is on the standard error: {page}");
    let skipped = elements(&xml).into_iter().find(|found| found.path.ends_with("/skipped"));
    assert_eq!(skipped.expect("JX-3").get("message"), "no seed was played");

    let (status, xml, _) = trial(&folder, &["run", "canary.toml", "--seed", "7", "--junit", "-"]);
    let found = elements(&xml);
    assert_eq!((status, counts(&found[0])), (1, ["1", "1", "0"]), "{xml}");
    assert_eq!(found[2].get("name"), "seed 7");
    assert!(found[3].text.contains("again: trial run canary.toml --seed 7"), "{xml}");
    let arguments = ["run", "canary.toml", "--set", "expect=violated", "--junit", "-"];
    let (status, xml, _) = trial(&folder, &arguments);
    assert_eq!((status, counts(&elements(&xml)[0])), (0, ["1", "0", "0"]), "as expected: {xml}");
    let (status, out, why) = trial(&folder, &["run", "idle.toml", "--json", "-", "--junit", "-"]);
    assert_eq!((status, out.as_str()), (2, ""), "MA-1: {why}");
}

#[test]
fn annotations_name_the_file_and_the_line() {
    let folder = folder("annotations");
    let github = ["--annotations", "github"];
    let (status, _, said) = trial(&folder, &[&["run", "idle.toml"][..], &github].concat());
    assert_eq!(status, 5, "{said}");
    let line = said.lines().find(|line| line.starts_with("::error ")).expect("it is told");
    assert!(line.starts_with("::error file=idle.toml,line=5,title=idle seed 1%3A "), "{line}");
    let sweep = ["sweep", "canary.toml", "idle.toml", "--seeds", "1..3"];
    let (status, page, said) = trial(&folder, &[&sweep[..], &github].concat());
    assert_eq!(status, 1, "{page}");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("::error ")).collect();
    assert_eq!(lines.len(), 2, "one for each kind: {said}");
    let canary_title = CANARY.lines().position(|line| line.starts_with("title")).expect("one") + 1;
    let place = format!("::error file=canary.toml,line={canary_title},title=canary R12-");
    assert!(lines[0].starts_with(&place), "{}", lines[0]);
    assert!(lines[0].contains("%0A"), "several lines in one: {}", lines[0]);
    assert!(
        lines[1].starts_with("::error file=idle.toml,line=5,title=idle no-effect-"),
        "{}",
        lines[1]
    );
    let builtin = ["run", "kill_the_leader", "--set", "expect=stuck"];
    let (_, _, said) = trial(&folder, &[&builtin[..], &github].concat());
    assert!(said.lines().any(|line| line.starts_with("::error title=kill_the_leader ")), "{said}");
}

#[test]
fn a_reader_that_goes_away_changes_no_exit_status() {
    let folder = folder("unread");
    for arguments in
        [&["run", "canary.toml"][..], &["sweep", "canary.toml", "--seeds", "1..2", "--out", "o"]]
    {
        let (status, _, why) = trial(&folder, arguments);
        assert_eq!(status, 1, "{why}");
        let _ = fs::remove_dir_all(folder.join("o"));
        let mut unread =
            command(&folder, arguments).stdout(Stdio::piped()).spawn().expect("it starts");
        drop(unread.stdout.take());
        let status = unread.wait().expect("it ends").code();
        assert_eq!(status, Some(1), "PR-1: {arguments:?}");
    }
    let saved = fs::read_dir(folder.join("o/failures")).expect("PR-1: failures are saved");
    assert_eq!(saved.count(), 1);
}

/// Linux alone has a device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_standard_output_that_is_full_is_told() {
    let folder = folder("full");
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let cases: [&[&str]; 8] = [
        &["run", "canary.toml"],
        &["run", "canary.toml", "--json", "-"],
        &["run", "canary.toml", "--junit", "-"],
        &["sweep", "canary.toml", "--seeds", "1..2"],
        &["list", "faults"],
        &["--help"],
        &["--version"],
        &["help", "sweep"],
    ];
    for arguments in cases {
        let output = command(&folder, arguments).stdout(full()).output().expect("it starts");
        let why = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "PR-2: {arguments:?}: {why}");
        let told = why.matches("cannot write to the standard output").count();
        assert_eq!(told, 1, "PR-2: {arguments:?}: {why}");
        assert!(why.contains("No space left on device"), "PR-2: {arguments:?}: {why}");
    }
    assert!(folder.join("trial-failures").exists(), "what was found is saved all the same");
}
