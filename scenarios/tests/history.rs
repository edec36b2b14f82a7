//! Histories: what is written reads back, is well formed, counts what the report counts, and shows what is violated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trial_scenarios::asked::Asked;
use trial_scenarios::history::{Form, History, Op, Process, Type, Value};
use trial_scenarios::run::Run;

mod edn;

fn played(name: &str, seed: u64, switch: Option<&str>) -> Run {
    let mut asked = Asked::open(name).expect("it comes with Trial");
    asked.switches.extend(switch.map(str::to_owned));
    let scenario = Arc::new(asked.scenario().expect("it can be played"));
    let mut run = Run::new(&scenario, seed);
    run.keep_record();
    run.play();
    run
}

/// The items of `[[..]]`, the one micro-operation of an operation.
fn micro(op: &Op) -> &[Value] {
    match &op.value {
        Value::Vector(all) => match &all[..] {
            [Value::Vector(items)] => items,
            other => panic!("one micro-operation is expected: {other:?}"),
        },
        other => panic!("a vector is expected: {other:?}"),
    }
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Number(number) => *number,
        other => panic!("a number is expected: {other:?}"),
    }
}

fn vector(value: &Value) -> &[Value] {
    match value {
        Value::Vector(items) => items,
        other => panic!("a vector is expected: {other:?}"),
    }
}

/// Sends that were told an offset: key, offset, value.
fn sent(history: &History) -> Vec<(i64, i64, i64)> {
    let done = history.ops().iter().filter(|op| op.kind == Type::Ok && op.f == "send");
    done.map(|op| {
        let [name, key, told] = micro(op) else { panic!("[:send k [offset v]]") };
        assert_eq!(*name, Value::keyword("send"), "{op:?}");
        let [offset, value] = vector(told) else { panic!("[offset v]") };
        (number(key), number(offset), number(value))
    })
    .collect()
}

/// What was polled: key, offset, value.
fn polled(history: &History) -> Vec<(i64, i64, i64)> {
    let mut found = Vec::new();
    for op in history.ops().iter().filter(|op| op.kind == Type::Ok && op.f == "poll") {
        let [name, Value::Map(keys)] = micro(op) else { panic!("[:poll {{k [..]}}]") };
        assert_eq!(*name, Value::keyword("poll"), "{op:?}");
        for (key, records) in keys {
            for pair in vector(records) {
                let [offset, value] = vector(pair) else { panic!("[offset v]") };
                found.push((number(key), number(offset), number(value)));
            }
        }
    }
    found
}

/// Jepsen's lost write: a send that was told an offset at or below the highest polled one, and that nobody polled.
fn lost(history: &History) -> Vec<(i64, i64, i64)> {
    let polled = polled(history);
    let mut highest: BTreeMap<i64, i64> = BTreeMap::new();
    for (key, offset, _) in &polled {
        let known = highest.entry(*key).or_insert(*offset);
        *known = (*known).max(*offset);
    }
    let seen: BTreeSet<(i64, i64)> = polled.iter().map(|(key, _, value)| (*key, *value)).collect();
    let mut sent = sent(history);
    sent.retain(|(key, offset, value)| {
        highest.get(key).is_some_and(|highest| offset <= highest) && !seen.contains(&(*key, *value))
    });
    sent
}

fn count(history: &History, f: &str, kind: Type) -> u64 {
    history.ops().iter().filter(|op| op.f == f && op.kind == kind).count() as u64
}

/// A process does one thing at a time, and nothing more once nobody knows what became of it.
#[track_caller]
fn is_well_formed(history: &History) {
    let mut invoked: BTreeMap<Process, &Op> = BTreeMap::new();
    let mut gone: BTreeSet<Process> = BTreeSet::new();
    let mut nemesis = 0;
    for pair in history.ops().windows(2) {
        assert!(pair[0].at <= pair[1].at, "times never fall: {pair:?}");
    }
    for op in history.ops() {
        if op.process == Process::Nemesis {
            assert_eq!(op.kind, Type::Info, "{op:?}");
            nemesis += 1;
            continue;
        }
        assert!(!gone.contains(&op.process), "its process is gone: {op:?}");
        if op.kind == Type::Invoke {
            let before = invoked.insert(op.process, op);
            assert!(before.is_none(), "{op:?} while {before:?}");
            continue;
        }
        let begun = invoked.remove(&op.process).unwrap_or_else(|| panic!("never invoked: {op:?}"));
        assert_eq!((&begun.f, &begun.client), (&op.f, &op.client), "the same thing ends");
        if op.kind == Type::Info {
            gone.insert(op.process);
        }
    }
    assert!(invoked.is_empty(), "never ended: {invoked:?}");
    assert_eq!(nemesis % 2, 0, "a nemesis says everything twice");
}

#[test]
fn a_history_counts_what_the_report_counts() {
    let run = played("what_an_ack_buys", 0, None);
    let history = History::of(&run, Form::Kafka);
    is_well_formed(&history);
    let counts = run.judge().records();
    assert_eq!(count(&history, "send", Type::Invoke), counts.sent);
    assert_eq!(count(&history, "send", Type::Ok), counts.acked);
    let failed = count(&history, "send", Type::Fail) + count(&history, "send", Type::Info);
    assert_eq!(failed, counts.sent - counts.acked);
    let read: BTreeSet<i64> = polled(&history).into_iter().map(|(_, _, value)| value).collect();
    assert_eq!(read.len() as u64, counts.read);
    assert!(count(&history, "assign", Type::Ok) > 0, "a consumer was assigned");
    assert!(count(&history, "crash", Type::Info) > 0, "a fault is told");
    assert!(lost(&history).len() as u64 > 0, "acks=1 loses records here");
}

#[test]
fn what_holds_loses_nothing() {
    for name in ["what_an_ack_buys_all", "kill_the_leader", "everything_at_once"] {
        let run = played(name, 3, None);
        let history = History::of(&run, Form::Kafka);
        is_well_formed(&history);
        if name != "kill_the_leader" {
            assert_eq!(lost(&history), [], "{name}");
        }
        assert!(!polled(&history).is_empty(), "{name}");
    }
}

#[test]
fn a_lost_write_is_in_the_history_of_a_run_that_is_violated() {
    let run = played("what_an_ack_buys_all", 0, Some("ack_before_replication"));
    let found = run.judge().violations().iter().find(|found| found.invariant == "lost-write");
    let message = &found.expect("acks=all lost something").message;
    let history = History::of(&run, Form::Kafka);
    is_well_formed(&history);
    let key = history.ops().iter().find(|op| op.f == "keys").expect("keys are named");
    let Value::Map(names) = &key.value else { panic!("a map: {key:?}") };
    let lost = lost(&history);
    let told = lost.iter().any(|(key, offset, _)| {
        let name = names.iter().find(|(number, _)| *number == Value::Number(*key));
        let Some((_, Value::Text(name))) = name else { panic!("key {key} has a name") };
        message.starts_with(&format!("{name}: offset {offset} "))
    });
    assert!(told, "{message}: {lost:?}");
}

#[test]
fn in_the_list_form_a_consumer_reads_longer_and_longer_lists() {
    let run = played("kill_the_leader", 3, None);
    let history = History::of(&run, Form::ListAppend);
    is_well_formed(&history);
    let mut lists: BTreeMap<(Process, i64), Vec<Value>> = BTreeMap::new();
    let mut reads = 0;
    for op in history.ops().iter().filter(|op| op.kind == Type::Ok) {
        for item in vector(&op.value) {
            let [name, key, value] = vector(item) else { panic!("three items: {item:?}") };
            if *name == Value::keyword("append") {
                continue;
            }
            assert_eq!(*name, Value::keyword("r"), "{op:?}");
            let list = vector(value).to_vec();
            let before = lists.insert((op.process, number(key)), list.clone()).unwrap_or_default();
            assert!(list.len() > before.len() && list.starts_with(&before), "{op:?}");
            reads += 1;
        }
    }
    assert!(reads > 5, "{reads} reads");
    let longest = lists.values().map(Vec::len).max().unwrap_or(0) as u64;
    assert_eq!(
        longest,
        run.judge().records().read,
        "one partition, read from its start to its end"
    );
}

#[test]
fn what_is_written_reads_back() {
    let run = played("what_an_ack_buys", 0, None);
    for form in [Form::Kafka, Form::ListAppend] {
        let history = History::of(&run, form);
        let (edn, json) = (history.to_edn(), history.to_json());
        assert_eq!(edn.lines().count(), history.ops().len());
        for ((index, op), line) in history.ops().iter().enumerate().zip(edn.lines()) {
            assert_eq!(edn::read(line), op.value(index), "line {index}");
        }
        let read: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        let read = read.as_array().expect("an array");
        assert_eq!(read.len(), history.ops().len());
        for ((index, op), object) in history.ops().iter().enumerate().zip(read) {
            assert_eq!(object["index"], index);
            assert_eq!(object["type"], op.kind.name());
            assert_eq!(object["time"], op.at.0);
        }
    }
}

/// The first operations, as they are in the file.
#[test]
fn a_history_looks_like_jepsens() {
    let run = played("kill_the_leader", 3, None);
    let text = History::of(&run, Form::Kafka).to_edn();
    let lists = History::of(&run, Form::ListAppend).to_edn();
    let first = |text: &str| text.lines().take(12).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(format!("{}\n\n{}", first(&text), first(&lists)));
}
