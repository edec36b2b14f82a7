//! `trial judge`: what it prints of a history of ours and of Jepsen's, its exit status, and what it refuses.
#![cfg(feature = "binary")]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use support::{Said, command, trial};

/// As Jepsen writes it: records, with what else an operation has.
const JEPSEN: &str = r#"#jepsen.history.Op{:index 0, :time 1, :type :invoke, :process 0, :f :send, :value [[:send 3 1]]}
#jepsen.history.Op{:index 1, :time 2, :type :ok, :process 0, :f :send, :value [[:send 3 [0 1]]]}
#jepsen.history.Op{:index 2, :time 3, :type :info, :process :nemesis, :f :kill, :value {"n1" "killed"}}
#jepsen.history.Op{:index 3, :time 4, :type :invoke, :process 0, :f :send, :value [[:send 3 2]]}
#jepsen.history.Op{:index 4, :time 5, :type :info, :process 0, :f :send, :value [[:send 3 2]], :error [:timeout "5 s"]}
#jepsen.history.Op{:index 5, :time 6, :type :invoke, :process 1, :f :subscribe, :value [3]}
#jepsen.history.Op{:index 6, :time 7, :type :ok, :process 1, :f :subscribe, :value [3]}
#jepsen.history.Op{:index 7, :time 8, :type :invoke, :process 1, :f :poll, :value [[:poll]]}
#jepsen.history.Op{:index 8, :time 9, :type :ok, :process 1, :f :poll, :value [[:poll {3 [[0 1] [2 2]]}]]}
#jepsen.history.Op{:index 9, :time 9, :type :invoke, :process 1, :f :poll, :value [[:poll]]}
#jepsen.history.Op{:index 10, :time 10, :type :ok, :process 1, :f :poll, :value [[:poll {3 [[2 2]]}]]}
"#;

fn folder(name: &str) -> PathBuf {
    support::folder("judging", name)
}

fn judged(name: &str, text: &str, arguments: &[&str]) -> Said {
    let folder = folder(name);
    fs::write(folder.join("history.edn"), text).expect("the folder is there");
    trial(&folder, &[&["judge", "history.edn"], arguments].concat())
}

#[test]
fn a_history_of_jepsens_is_judged() {
    let said = judged("jepsen", JEPSEN, &[]);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "a rebalance may send a consumer back");
    let strict = judged("assign", JEPSEN, &["--sub-via", "assign"]);
    assert_eq!(strict.status, 1, "{}", strict.err);
    let allowed = judged("allow", JEPSEN, &["--sub-via", "assign", "--allow", "nonmonotonic-poll"]);
    assert_eq!(allowed.status, 0, "{}", allowed.out);
    insta::assert_snapshot!(format!("{}\n{}\n{}", said.out, strict.out, allowed.out));
}

#[test]
fn a_value_that_nobody_sent_is_unknown() {
    let text = JEPSEN.replace("[2 2]", "[2 9]");
    let said = judged("unknown", &text, &[]);
    assert_eq!(said.status, 5, "{}", said.out);
    said.is(5, "no-writer-of-value: 2, polled, and sent by nobody in this history");
}

#[test]
fn what_is_no_history_is_refused_with_its_place() {
    let cut = &JEPSEN[..JEPSEN.len() - 10];
    judged("cut", cut, &[]).is_refused("history.edn: line 11, column");
    judged(
        "word",
        &JEPSEN.replace(":type :ok, :process 1, :f :poll", ":type :yes, :process 1, :f :poll"),
        &[],
    )
    .is_refused(
        "history.edn: line 9, column 45: the :type of an operation is :invoke, :ok, :fail or :info",
    );
    judged("empty", "", &[]).is_refused("history.edn: nobody sends or polls in it");
    let jump = "{:index 0, :time 1, :type :invoke, :process 0, :f :jump, :value nil}";
    judged("jump", jump, &[]).is_refused("of the functions send, poll and txn");
    let folder = folder("named");
    fs::write(folder.join("half.json"), "[{\"index\": 0").expect("the folder is there");
    trial(&folder, &["judge", "half.json"]).is_refused("the history ends within a value");
    fs::create_dir_all(folder.join("folder.edn")).expect("the folder is there");
    trial(&folder, &["judge", "folder.edn"]).is_refused("folder.edn: it cannot be read");
    fs::write(folder.join("history.txt"), JEPSEN).expect("the folder is there");
    trial(&folder, &["judge", "history.txt"]).is_refused("the name must end in .edn");
    trial(&folder, &["judge", "nowhere.edn"]).is_refused("nowhere.edn: it cannot be read");
    fs::write(folder.join("history.json"), "[]").expect("the folder is there");
    trial(&folder, &["judge", "history.json", "--json", "history.json"])
        .is_refused("would be written over");
    trial(&folder, &["judge", "history.json", "--allow", "G2"]).is_refused("possible values");
}

#[test]
fn the_standard_input_is_a_history_too() {
    let mut child = command(&folder("stdin"), &["judge", "-", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    let mut to = child.stdin.take().expect("it is piped");
    to.write_all(JEPSEN.as_bytes()).expect("it reads");
    drop(to);
    let said = Said::of(child.wait_with_output().expect("it ends"));
    assert_eq!(said.status, 0, "{}", said.err);
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("it is JSON");
    assert_eq!(json["outcome"], "holds");
    assert_eq!(json["sub_via"], "subscribe");
    assert_eq!(json["findings"][0]["anomaly"], "nonmonotonic-poll");
    assert_eq!(json["findings"][0]["examples"][0]["ops"][1]["index"], 10);
}

/// What a run of ours writes is judged: in both notations it comes to the same.
#[test]
fn a_history_of_ours_is_judged() {
    let folder = folder("ours");
    for file in ["ack.edn", "ack.json"] {
        let run = trial(&folder, &["run", "what_an_ack_buys", "--seed", "0", "--history", file]);
        assert_eq!(run.status, 0, "{}", run.err);
    }
    let (edn, json) =
        (trial(&folder, &["judge", "ack.edn"]), trial(&folder, &["judge", "ack.json"]));
    assert_eq!(edn.status, 1, "acks=1 loses records here: {}", edn.out);
    edn.is(1, "lost-write:");
    assert_eq!(edn.out, json.out);
}
