//! On random small histories the fast checker counts what the slow one counts.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use trial_scenarios::history::check::{Anomaly, Notation, Options, judge};

use super::naive::{Kind, Micro, Op, counts};

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => Just(Kind::Invoke),
        4 => Just(Kind::Ok),
        1 => Just(Kind::Fail),
        1 => Just(Kind::Info),
    ]
}

fn offset() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        1 => Just(None),
        8 => (0_i64..6).prop_map(Some),
        1 => Just(Some(1 << 40)),
        1 => Just(Some(-1)),
    ]
}

fn records() -> impl Strategy<Value = Vec<(Option<i64>, i64)>> {
    prop::collection::vec((offset(), value()), 0..4)
}

/// Few values, so that they meet; and one that is far from them.
fn value() -> impl Strategy<Value = i64> {
    prop_oneof![9 => 0_i64..6, 1 => Just(i64::MAX - 3)]
}

fn micro() -> impl Strategy<Value = Micro> {
    let poll = prop::collection::btree_map(0_i64..3, records(), 0..3);
    prop_oneof![
        (0_i64..3, offset(), value())
            .prop_map(|(key, offset, value)| Micro::Send(key, offset, value)),
        poll.prop_map(|keys| Micro::Poll(keys.into_iter().collect())),
    ]
}

/// Mostly what is consistent: the offset is the value, so that there is more to find than one thing.
fn op() -> impl Strategy<Value = (Op, bool)> {
    let f = prop_oneof![
        3 => Just("send"), 3 => Just("poll"), 3 => Just("txn"), 1 => Just("assign"), 1 => Just("subscribe")
    ];
    let micros = prop::collection::vec(micro(), 0..4);
    let keys = prop::collection::btree_set(0_i64..3, 0..3);
    let rebalanced = prop::collection::btree_set(0_i64..3, 0..2);
    (0_i64..3, kind(), f, micros, keys, rebalanced, any::<bool>()).prop_map(
        |(process, kind, f, micros, keys, rebalanced, is_plain)| {
            let op = Op {
                process,
                kind,
                f,
                micros,
                keys: keys.into_iter().collect(),
                rebalanced: rebalanced.into_iter().collect(),
            };
            (op, is_plain)
        },
    )
}

/// What a history could be: offsets that belong to their values; invocations that poll nothing.
fn tidied((mut op, is_plain): (Op, bool)) -> Op {
    for micro in &mut op.micros {
        match micro {
            Micro::Poll(keys) if op.kind == Kind::Invoke => keys.clear(),
            Micro::Send(_, offset, value) if is_plain => *offset = offset.and(Some(*value)),
            Micro::Poll(keys) if is_plain => {
                let records = keys.iter_mut().flat_map(|(_, records)| records);
                records.for_each(|(offset, value)| *offset = offset.and(Some(*value)));
            }
            _ => {}
        }
    }
    op
}

fn edn(ops: &[Op]) -> String {
    let offset = |offset: &Option<i64>| offset.map_or("nil".to_owned(), |it| it.to_string());
    let mut text = String::new();
    for op in ops {
        let kind = format!("{:?}", op.kind).to_lowercase();
        let micro = |micro: &Micro| match micro {
            Micro::Send(key, None, value) if value % 2 == 0 => format!("[:send {key} {value}]"),
            Micro::Send(key, at, value) => format!("[:send {key} [{} {value}]]", offset(at)),
            Micro::Poll(keys) => {
                let record = |(at, value): &(Option<i64>, i64)| format!("[{} {value}]", offset(at));
                let entry = |(key, records): &(i64, Vec<_>)| {
                    format!("{key} [{}]", records.iter().map(record).collect::<Vec<_>>().join(" "))
                };
                format!("[:poll {{{}}}]", keys.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        };
        let value = if ["assign", "subscribe"].contains(&op.f) {
            format!("{:?}", op.keys)
        } else {
            format!("[{}]", op.micros.iter().map(micro).collect::<Vec<_>>().join(" "))
        };
        text += &format!(
            "{{:type :{kind}, :process {}, :f :{}, :value {value}, :rebalance-log [{{:keys {:?}}}]}}\n",
            op.process, op.f, op.rebalanced
        );
    }
    text
}

/// Whether two operations send one value of one key: Jepsen's values are sent once.
fn is_sent_twice(ops: &[Op]) -> bool {
    let mut sent = std::collections::BTreeMap::new();
    ops.iter().enumerate().filter(|(_, op)| op.kind != Kind::Invoke).any(|(at, op)| {
        op.micros.iter().any(|micro| match micro {
            Micro::Send(key, _, value) => *sent.entry((*key, *value)).or_insert(at) != at,
            Micro::Poll(_) => false,
        })
    })
}

fn agrees(ops: &[Op], ww_deps: bool) -> Result<(), TestCaseError> {
    let text = edn(ops);
    let options = Options { ww_deps, ..Options::default() };
    let judgement = judge(text.as_bytes(), Notation::Edn, &options);
    let judgement = judgement.map_err(|why| TestCaseError::fail(format!("{why}\n{text}")))?;
    let (mut fast, mut slow) = (judgement.counts(), counts(ops, ww_deps));
    if is_sent_twice(ops) {
        // Whose a value is that somebody else sends again is only known at the end: the fast one does not look back.
        fast.remove(&Anomaly::EmptyTransactionGraph);
        slow.remove(&Anomaly::EmptyTransactionGraph);
    }
    prop_assert_eq!(fast, slow, "{}", text);
    Ok(())
}

/// `TRIAL_JUDGE_CASES` says how many.
#[test]
fn the_fast_checker_counts_what_the_slow_one_counts() {
    let cases = std::env::var("TRIAL_JUDGE_CASES").ok().and_then(|cases| cases.parse().ok());
    let config =
        Config { cases: cases.unwrap_or(1_500), failure_persistence: None, ..Config::default() };
    let story = (prop::collection::vec(op().prop_map(tidied), 1..14), any::<bool>());
    TestRunner::new(config)
        .run(&story, |(ops, ww_deps)| agrees(&ops, ww_deps))
        .unwrap_or_else(|why| panic!("{why}"));
}
