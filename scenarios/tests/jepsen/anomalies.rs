//! Every anomaly has a history that must be rejected for it, and one close by that must not.

use std::collections::{BTreeMap, BTreeSet};

use trial_scenarios::history::check::{Anomaly, Judgement, Options, Outcome, SubVia};

use super::tell::{judged, judged_with};

/// Two histories of an anomaly: one that has it, one close by that has not.
struct Pair {
    anomaly: Anomaly,
    ww_deps: bool,
    bad: &'static str,
    good: &'static str,
}

const fn pair(anomaly: Anomaly, bad: &'static str, good: &'static str) -> Pair {
    Pair { anomaly, ww_deps: false, bad, good }
}

const PAIRS: [Pair; 19] = [
    // Two sends were told one offset; or two.
    pair(
        Anomaly::InconsistentOffsets,
        "0 ok send [[:send 0 [4 1]]]\n1 ok send [[:send 0 [4 2]]]",
        "0 ok send [[:send 0 [4 1]]]\n1 ok send [[:send 0 [5 2]]]",
    ),
    // It was told 4 and polled at 5; or polled at 4, twice.
    pair(
        Anomaly::Duplicate,
        "0 ok send [[:send 0 [4 1]]]\n1 ok poll [[:poll {0 [[5 1]]}]]",
        "0 ok send [[:send 0 [4 1]]]\n1 ok poll [[:poll {0 [[4 1]]}]]\n2 ok poll [[:poll {0 [[4 1]]}]]",
    ),
    // 1 was polled by nobody, 2 was; or what was polled lies before it.
    pair(
        Anomaly::LostWrite,
        "0 ok send [[:send 0 [4 1]]]\n1 ok send [[:send 0 [5 2]]]\n2 ok poll [[:poll {0 [[5 2]]}]]",
        "0 ok send [[:send 0 [5 1]]]\n1 ok send [[:send 0 [4 2]]]\n2 ok poll [[:poll {0 [[4 2]]}]]",
    ),
    // Acknowledged; or nobody knows.
    pair(Anomaly::Unseen, "0 ok send [[:send 0 [4 1]]]", "0 info send [[:send 0 1]]"),
    // Its send had failed; or nobody knows.
    pair(
        Anomaly::G1a,
        "0 fail send [[:send 0 1]]\n1 ok poll [[:poll {0 [[4 1]]}]]",
        "0 info send [[:send 0 1]]\n1 ok poll [[:poll {0 [[4 1]]}]]",
    ),
    // It polls what it sends; or another one does.
    pair(
        Anomaly::PrecommittedRead,
        "0 ok txn [[:send 0 [4 1]] [:poll {0 [[4 1]]}]]",
        "0 ok txn [[:send 0 [4 1]] [:poll {}]]\n0 ok txn [[:poll {0 [[4 1]]}]]",
    ),
    // 5 is there; or it is a gap.
    pair(
        Anomaly::IntPollSkip,
        "0 ok send [[:send 0 [5 2]]]\n1 ok poll [[:poll {0 [[4 1]]}] [:poll {0 [[6 3]]}]]",
        "0 ok send [[:send 1 [5 2]]]\n1 ok poll [[:poll {0 [[4 1]]}] [:poll {0 [[6 3]]}]]",
    ),
    // Back; or back after a rebalance.
    pair(
        Anomaly::IntNonmonotonicPoll,
        "1 ok txn [[:poll {0 [[4 1] [5 2]]}] [:poll {0 [[4 1]]}]] | :rebalance-log [{:keys [1]}]",
        "1 ok txn [[:poll {0 [[4 1] [5 2]]}] [:poll {0 [[4 1]]}]] | :rebalance-log [{:keys [1 0]}]",
    ),
    // Another one came between; or behind.
    pair(
        Anomaly::IntSendSkip,
        "0 ok send [[:send 0 [4 1]] [:send 0 [6 3]]]\n1 ok send [[:send 0 [5 2]]]",
        "0 ok send [[:send 0 [4 1]] [:send 0 [5 3]]]\n1 ok send [[:send 0 [6 2]]]",
    ),
    // The second before the first; or of another key.
    pair(
        Anomaly::IntNonmonotonicSend,
        "0 ok send [[:send 0 [5 1]] [:send 0 [4 2]]]",
        "0 ok send [[:send 0 [5 1]] [:send 1 [4 2]]]",
    ),
    // From 4 to 6, and 5 is there; or it began anew.
    pair(
        Anomaly::PollSkip,
        "0 ok send [[:send 0 [5 2]]]\n1 ok poll [[:poll {0 [[4 1]]}]]\n1 ok poll [[:poll {0 [[6 3]]}]]",
        "0 ok send [[:send 0 [5 2]]]\n1 ok poll [[:poll {0 [[4 1]]}]]\n2 ok poll [[:poll {0 [[6 3]]}]]",
    ),
    // The same again; or after it had failed.
    pair(
        Anomaly::NonmonotonicPoll,
        "1 ok poll [[:poll {0 [[4 1]]}]]\n1 ok poll [[:poll {0 [[4 1]]}]]",
        "1 fail poll [[:poll {0 [[4 1]]}]]\n1 ok poll [[:poll {0 [[4 1]]}]]",
    ),
    // Back; or the first of them failed.
    pair(
        Anomaly::NonmonotonicSend,
        "0 ok send [[:send 0 [5 1]]]\n0 ok send [[:send 0 [4 2]]]",
        "0 fail send [[:send 0 [5 1]]]\n0 ok send [[:send 0 [4 2]]]",
    ),
    // a before b in one, b before a in the other; or a before b in both.
    Pair {
        anomaly: Anomaly::G0,
        ww_deps: true,
        bad: "0 ok send [[:send 0 [0 1]] [:send 1 [1 3]]]\n1 ok send [[:send 0 [1 2]] [:send 1 [0 4]]]",
        good: "0 ok send [[:send 0 [0 1]] [:send 1 [0 3]]]\n1 ok send [[:send 0 [1 2]] [:send 1 [1 4]]]",
    },
    // The first had ended when the second began, and lies behind it; or before it.
    Pair {
        anomaly: Anomaly::G0Realtime,
        ww_deps: true,
        bad: "0 invoke send [[:send 0 1]]\n0 ok send [[:send 0 [1 1]]]
              1 invoke send [[:send 0 2]]\n1 ok send [[:send 0 [0 2]]]",
        good: "0 invoke send [[:send 0 1]]\n1 invoke send [[:send 0 2]]
               0 ok send [[:send 0 [1 1]]]\n1 ok send [[:send 0 [0 2]]]",
    },
    // Each polls of the other; or one of the other.
    pair(
        Anomaly::G1c,
        "0 ok txn [[:send 0 [0 1]] [:poll {1 [[0 2]]}]]\n1 ok txn [[:send 1 [0 2]] [:poll {0 [[0 1]]}]]",
        "0 ok txn [[:send 0 [0 1]] [:poll {1 []}]]\n1 ok txn [[:send 1 [0 2]] [:poll {0 [[0 1]]}]]",
    ),
    // Polled before it was sent; or before it was acknowledged.
    pair(
        Anomaly::G1cRealtime,
        "1 invoke poll [[:poll]]\n1 ok poll [[:poll {0 [[0 1]]}]]
         0 invoke send [[:send 0 1]]\n0 ok send [[:send 0 [0 1]]]",
        "0 invoke send [[:send 0 1]]\n1 invoke poll [[:poll]]\n1 ok poll [[:poll {0 [[0 1]]}]]
         0 ok send [[:send 0 [0 1]]]",
    ),
    // Two at a time; or one after the other.
    pair(
        Anomaly::EmptyTransactionGraph,
        "0 invoke send [[:send 0 1]]\n1 invoke send [[:send 0 2]]
         0 ok send [[:send 0 [0 1]]]\n1 ok send [[:send 0 [1 2]]]",
        "0 invoke send [[:send 0 1]]\n0 ok send [[:send 0 [0 1]]]
         1 invoke send [[:send 0 2]]\n1 ok send [[:send 0 [1 2]]]",
    ),
    // Nobody sent it; or somebody did, and nobody knows what became of it.
    pair(
        Anomaly::NoWriterOfValue,
        "1 ok poll [[:poll {0 [[4 1]]}]]",
        "1 ok poll [[:poll {0 [[4 1]]}]]\n0 info send [[:send 0 1]]",
    ),
];

fn judged_of(pair: &Pair, lines: &str) -> Judgement {
    judged_with(lines, &Options { ww_deps: pair.ww_deps, ..Options::default() })
}

#[test]
fn every_anomaly_is_found_where_it_is_and_not_close_by() {
    let mut seen = BTreeSet::new();
    for pair in &PAIRS {
        let name = pair.anomaly;
        let (bad, good) = (judged_of(pair, pair.bad), judged_of(pair, pair.good));
        assert_eq!(bad.count(name), 1, "{name} is there: {bad}");
        assert_eq!(good.count(name), 0, "{name} is not there: {good}");
        assert!(seen.insert(name), "{name} comes once");
        let operations =
            bad.finding(name).expect("it is there").examples.iter().map(|it| it.ops.len());
        let tells = operations.sum::<usize>() > 0 || name == Anomaly::EmptyTransactionGraph;
        assert!(tells, "{name} tells its operations: {bad}");
    }
    assert_eq!(seen.len(), Anomaly::ALL.len());
}

/// A good history: sent, polled, ended.
const GOOD: &str = "0 invoke send [[:send 0 1]]
    0 ok send [[:send 0 [0 1]]]
    1 invoke poll [[:poll]]
    1 ok poll [[:poll {0 [[0 1]]}]]";

#[test]
fn what_is_allowed_depends_on_how_consumers_came_to_their_partitions() {
    let back = format!("{GOOD}\n1 invoke poll [[:poll]]\n1 ok poll [[:poll {{0 [[0 1]]}}]]");
    let outcome = |sub_via, lines: &str| {
        judged_with(lines, &Options { sub_via, ..Options::default() }).outcome
    };
    assert_eq!(outcome(None, GOOD), Outcome::Holds);
    assert_eq!(outcome(None, &back), Outcome::Violated);
    assert_eq!(outcome(Some(SubVia::Assign), &back), Outcome::Violated);
    assert_eq!(outcome(Some(SubVia::Subscribe), &back), Outcome::Holds);
    let subscribed = format!("1 invoke subscribe [0]\n1 ok subscribe [0]\n{back}");
    assert_eq!(outcome(None, &subscribed), Outcome::Holds);
    assert_eq!(outcome(Some(SubVia::Assign), &subscribed), Outcome::Violated);
    assert_eq!(judged(&back).count(Anomaly::NonmonotonicPoll), 1);
}

#[test]
fn what_somebody_allows_is_no_error_and_all_else_stays_one() {
    let twice = format!("{GOOD}\n1 invoke poll [[:poll]]\n1 ok poll [[:poll {{0 [[1 1]]}}]]");
    let judged = |names: &[Anomaly]| {
        let allowed: BTreeMap<Anomaly, String> =
            names.iter().map(|name| (*name, "enable.idempotence=false".to_owned())).collect();
        judged_with(&twice, &Options { allowed, ..Options::default() })
    };
    assert_eq!(judged(&[]).outcome, Outcome::Violated);
    assert_eq!(judged(&[Anomaly::Duplicate]).outcome, Outcome::Violated, "the poll stands still");
    let both = judged(&[Anomaly::Duplicate, Anomaly::NonmonotonicPoll]);
    assert_eq!(both.outcome, Outcome::Holds, "{both}");
    let told = both.finding(Anomaly::Duplicate).and_then(|finding| finding.allowed.as_deref());
    assert_eq!(told, Some("enable.idempotence=false"));
}

#[test]
fn a_value_that_nobody_sent_leaves_nothing_to_say_but_a_violation_is_one() {
    let phantom = format!("{GOOD}\n2 invoke poll [[:poll]]\n2 ok poll [[:poll {{1 [[0 9]]}}]]");
    assert_eq!(judged(&phantom).outcome, Outcome::Unknown);
    let both = format!("{phantom}\n0 invoke send [[:send 0 2]]\n0 ok send [[:send 0 [1 2]]]");
    assert_eq!(judged(&both).outcome, Outcome::Violated);
}

#[test]
fn any_form_of_edn_is_a_value() {
    let values = "nil true \"a\" :b c \\d 1.5 1/2 12345678901234567890 -9223372036854775808 (1 2) {:a 1} #{1} \
                  #inst\"2026-01-01\" ##Inf";
    let mut story = String::new();
    for (offset, value) in values.split(' ').enumerate() {
        // `(1 2)` and `{:a 1}` are split: they are put together again here.
        let value = match value {
            "(1" => "(1 2)",
            "{:a" => "{:a 1}",
            "2)" | "1}" => continue,
            value => value,
        };
        story += &format!(
            "0 invoke send [[:send 0 {value}]]\n0 ok send [[:send 0 [{offset} {value}]]]\n\
             1 invoke poll [[:poll]]\n1 ok poll [[:poll {{0 [[{offset} {value}]]}}]]\n"
        );
    }
    let judgement = judged(&story);
    assert_eq!(judgement.findings, [], "{judgement}");
    // Equal is what Clojure says is equal.
    let same = "0 ok send [[:send 0 [0 1.50]]]\n1 ok poll [[:poll {0 [[0 1.5]]}]]
                0 ok send [[:send 0 [1 17N]]]\n1 ok poll [[:poll {0 [[1 17]]}]]
                0 ok send [[:send 0 [2 {:a 1 :b 2}]]]\n1 ok poll [[:poll {0 [[2 {:b 2, :a 1}]]}]]
                0 ok send [[:send 0 [3 (1 2)]]]\n1 ok poll [[:poll {0 [[3 [1 2]]]}]]";
    assert_eq!(judged(same).findings, [], "{}", judged(same));
    let other = judged("0 ok send [[:send 0 [0 1.0]]]\n1 ok poll [[:poll {0 [[0 1]]}]]");
    assert_eq!(other.count(Anomaly::InconsistentOffsets), 1, "1 and 1.0 are two: {other}");
}

#[test]
fn offsets_may_be_as_sparse_as_they_like() {
    let mut story = String::new();
    for (value, offset) in
        [0_i64, 2, 70_000, 5_000_000_000, i64::MAX - 1, i64::MAX].into_iter().enumerate()
    {
        story += &format!(
            "0 invoke send [[:send 0 {value}]]\n0 ok send [[:send 0 [{offset} {value}]]]\n\
             1 invoke poll [[:poll]]\n1 ok poll [[:poll {{0 [[{offset} {value}]]}}]]\n"
        );
    }
    assert_eq!(judged(&story).findings, [], "{}", judged(&story));
}
