//! Whatever the bytes are: a history is judged or refused with its place, and nothing panics. EDN and JSON come to the
//! same.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use trial_scenarios::history::check::{HistoryError, Notation, Options, Outcome, judge};

use super::tell::edn;

fn cases(default: u32) -> Config {
    let cases = std::env::var("TRIAL_JUDGE_CASES").ok().and_then(|cases| cases.parse().ok());
    Config { cases: cases.unwrap_or(default), failure_persistence: None, ..Config::default() }
}

/// Pieces of which histories, and what nearly are some, are made.
const PIECES: [&str; 56] = [
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "#{",
    "#_",
    "#jepsen.history.Op",
    "#inst",
    "##NaN",
    "\"",
    "\\",
    ";",
    "\n",
    " ",
    ",",
    ":",
    "nil",
    "true",
    "1",
    "-1",
    "+",
    "1.5",
    "1N",
    "99999999999999999999",
    "\\a",
    "\\u00",
    ":type",
    ":ok",
    ":invoke",
    ":info",
    ":fail",
    ":process",
    ":f",
    ":send",
    ":poll",
    ":txn",
    ":assign",
    ":value",
    ":index",
    ":rebalance-log",
    ":keys",
    "[[:send 0 1]]",
    "[[:send 0 [0 1]]]",
    "[[:poll {0 [[0 1]]}]]",
    "{:type :ok :process 0 :f :send :value ",
    "\"type\":\"ok\"",
    "\"value\":",
    "\"\\ud800\\ud800\\n\"",
    "\"\\udc00\"",
    "'",
    "^",
    "\u{e9}",
    "\u{0}",
    "#",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        20 => prop::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A good history with some bytes changed, removed or doubled.
fn spoiled() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0_u8..4);
    prop::collection::vec(change, 1..4).prop_map(|changes| {
        let mut bytes = edn(GOOD).into_bytes();
        for (at, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        bytes
    })
}

const GOOD: &str = "0 invoke send [[:send 0 1]]
    0 ok send [[:send 0 [0 1]]]
    1 invoke assign [0 1]
    1 ok assign [0 1]
    1 invoke txn [[:poll] [:send 1 2]]
    1 ok txn [[:poll {0 [[0 1]]}] [:send 1 [0 2]]] | :rebalance-log [{:keys [0]}]
    1 invoke poll [[:poll]]
    1 ok poll [[:poll {1 [[0 2]]}]]";

fn is_judged_or_refused(bytes: &[u8]) {
    for notation in [Notation::Edn, Notation::Json] {
        match judge(bytes, notation, &Options::default()) {
            Ok(_) => {}
            Err(HistoryError::Bad { place, what }) => {
                assert!(
                    place.line >= 1 && place.column >= 1 && !what.is_empty(),
                    "{place}: {what}"
                );
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn whatever_the_bytes_are_they_are_judged_or_refused() {
    let check = |bytes: Vec<u8>| {
        is_judged_or_refused(&bytes);
        Ok(())
    };
    TestRunner::new(cases(4_000)).run(&bytes(), check).unwrap_or_else(|why| panic!("{why}"));
    TestRunner::new(cases(4_000)).run(&spoiled(), check).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn what_is_very_deep_is_refused() {
    for open in ["[", "{:a ", "(", "#{", "#a ", "#_ ", "[{"] {
        for bytes in [open.repeat(100_000), format!("{{:value {}", open.repeat(100_000))] {
            is_judged_or_refused(bytes.as_bytes());
            assert!(judge(bytes.as_bytes(), Notation::Edn, &Options::default()).is_err(), "{open}");
        }
    }
    let halves = format!("{{\"value\":\"{}\"}}", "\\ud800".repeat(100_000));
    is_judged_or_refused(halves.as_bytes());
}

#[track_caller]
fn refused(text: &str, want: &str) {
    let notation = if text.contains('"') { Notation::Json } else { Notation::Edn };
    let why = judge(text.as_bytes(), notation, &Options::default()).expect_err(text);
    assert_eq!(why.to_string(), want, "{text}");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    refused(
        "{:type :ok\n :process 0 :f :send :value [[:send 0 [a 1]]]}",
        "line 2, column 40: an offset is an integer or nil",
    );
    refused(
        "{:type :ok :process 0 :f :send :value 7}",
        "line 1, column 39: the value of an operation is a vector of micro-operations",
    );
    refused(
        "{:process 0 :f :send}",
        "line 1, column 1: the :type of an operation is :invoke, :ok, :fail or :info",
    );
    refused(
        "{:type :ok :process 0 :f :txn :value [[:append 0 1]]}",
        "line 1, column 39: a micro-operation is [:send key value], [:send key [offset value]], [:poll] or [:poll {key [[offset value] ..]}]",
    );
    refused("17", "line 1, column 1: an operation is a map");
    refused("{:type :ok", "line 1, column 11: the history ends within a form");
    refused("{:type}", "line 1, column 7: a map with a key that has no value");
    refused("[{:type :ok}\n}", "line 2, column 1: `}` closes nothing");
    refused("[{:type :ok}", "line 1, column 13: the history ends, and `]` is missing");
    refused("{:type (:ok}", "line 1, column 12: `)` is expected here");
    refused("{\"type\": \"ok\", }", "line 1, column 16: a key in quotes is expected here");
    refused(
        "[{\"type\": \"ok\"}\n {\"type\": 01}]",
        "line 2, column 2: `,` or `]` is expected here",
    );
    refused("[{\"type\": 01}]", "line 1, column 11: `01` is no value of JSON");
    refused("[{\"type\": \"ok\"},]", "line 1, column 17: an object is expected here");
    refused("[{\"type\": \"\u{1}\"}]", "line 1, column 11: a string with a control character");
}

/// The same history in every form in which one may come.
#[test]
fn a_history_may_be_lines_a_vector_records_or_json() {
    let lines = edn(GOOD);
    let options = Options::default();
    let want = judge(lines.as_bytes(), Notation::Edn, &options).expect("it is one");
    assert_eq!(want.outcome, Outcome::Holds, "{want}");
    assert_eq!(want.ops, 8);
    let records = lines.replace("{:index", "#jepsen.history.Op{:index");
    let more =
        lines.replace(", :f", ", :error #error {:cause \"a \\\"b\\\"\" :via [{:type x.Y}]}, :f");
    let as_list = lines.replace(":assign, :value [0 1]", ":assign, :value (0 1)");
    for text in [
        format!("[{lines}]"),
        format!("({records})\n"),
        format!(";; a history\n#_{{:left out}}{records}"),
        format!("#_#_{{:two 2}} [left out] {more}"),
        as_list,
        lines.replace('\n', " "),
    ] {
        let got = judge(text.as_bytes(), Notation::Edn, &options)
            .unwrap_or_else(|why| panic!("{why}: {text}"));
        assert_eq!(got.findings, want.findings, "{text}");
        assert_eq!(got.ops, want.ops, "{text}");
    }
    let json = r#"
        {"index":0,"type":"invoke","process":0,"f":"send","value":[["send",0,1]]},
        {"index":1,"type":"ok","process":0,"f":"send","value":[["send",0,[0,1]]]},
        {"index":2,"type":"invoke","process":1,"f":"assign","value":[0,1]},
        {"index":3,"type":"ok","process":1,"f":"assign","value":[0,1]},
        {"index":4,"type":"invoke","process":1,"f":"txn","value":[["poll"],["send",1,2]]},
        {"index":5,"type":"ok","process":1,"f":"txn","value":[["poll",{"0":[[0,1]]}],["send",1,[0,2]]]},
        {"index":6,"type":"invoke","process":1,"f":"poll","value":[["poll"]]},
        {"index":7,"type":"ok","process":1,"f":"poll","value":[["poll",{"1":[[0,2]]}]]}"#;
    for text in [json.to_owned(), format!("[{json}\n]"), json.replace("},", "}")] {
        let got = judge(text.as_bytes(), Notation::Json, &options)
            .unwrap_or_else(|why| panic!("{why}: {text}"));
        assert_eq!(got.findings, want.findings, "{text}");
        assert_eq!((got.ops, got.keys, got.records), (want.ops, want.keys, want.records), "{text}");
    }
}
