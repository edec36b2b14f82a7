//! Jepsen's own unit tests of its checker (`jepsen.tests.kafka-test`), told again: the same histories have to come to
//! the same errors. Its tests of generators, of plots and of real-time lag have nothing here to be told of.

use trial_scenarios::history::check::{Anomaly, Options, Outcome};

use super::tell::{check, examples, judged, judged_with};

/// `version-orders-test`: c was sent to where b was polled.
#[test]
fn version_orders() {
    check(
        "0 ok txn [[:poll {:x [[0 :a] [1 :b]]}]]
         1 info txn [[:send :x [1 :c]] [:send :x [3 :b]] [:send :x [4 :d]]]",
        Anomaly::InconsistentOffsets,
        &["key :x; values :b, :c; at 1; op 1 sent it; op 0 polled it; op 1 sent it"],
    );
    check(
        "379 invoke send [[:send 11 641]]
         379 ok send [[:send 11 [537 641]]]
         363 invoke send [[:send 11 645]]
         363 ok send [[:send 11 [537 645]]]",
        Anomaly::InconsistentOffsets,
        &["key 11; values 641, 645; at 537; op 1 sent it; op 3 sent it"],
    );
}

/// `inconsistent-offsets-test`: an `:info` counts once one of its values was polled.
#[test]
fn inconsistent_offsets() {
    let sends = "0 invoke send [[:send :x 1] [:send :y 1]]
         0 info send [[:send :x [0 1]] [:send :y 1]]
         1 invoke send [[:send :x 2]]
         1 ok send [[:send :x [0 2]]]";
    check(sends, Anomaly::InconsistentOffsets, &[]);
    let polled = format!("{sends}\n2 invoke poll [[:poll]]\n2 ok poll [[:poll {{:y [[5 1]]}}]]");
    check(
        &polled,
        Anomaly::InconsistentOffsets,
        &["key :x; values 1, 2; at 0; op 1 sent it; op 3 sent it"],
    );
}

/// `g1a-test`.
#[test]
fn g1a() {
    check(
        "0 invoke send [[:send :x 2] [:send :y 3]]
         0 fail send [[:send :x 2] [:send :y 3]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {:x [[0 2]]}]]",
        Anomaly::G1a,
        &["key :x; value 2; at 0; op 3 polled it; op 1 sent it"],
    );
}

/// `lost-write-test`, consistent: c was polled at 2, so a and b should have been.
#[test]
fn lost_write_consistent() {
    check(
        "0 invoke send [[:send :x :a]]
         0 ok send [[:send :x [0 :a]]]
         0 invoke send [[:send :x :b] [:send :x :d]]
         0 ok send [[:send :x [1 :b]] [:send :x [3 :d]]]
         1 invoke send [[:send :x :c]]
         1 info send [[:send :x :c]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {:x [[2 :c]]}]]",
        Anomaly::LostWrite,
        &[
            "key :x; value :b; op 3 sent it; op 7 polled a later one",
            "key :x; value :a; op 1 sent it; op 7 polled a later one",
        ],
    );
}

/// `lost-write-test`, inconsistent: a was at 0, and so is b.
#[test]
fn lost_write_inconsistent() {
    check(
        "0 invoke send [[:send :x :a]]
         0 ok send [[:send :x [0 :a]]]
         0 invoke send [[:send :x :b] [:send :x :c]]
         0 ok send [[:send :x [0 :b]] [:send :x [2 :c]]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {:x [[0 :b] [2 :c]]}]]",
        Anomaly::LostWrite,
        &["key :x; value :a; op 1 sent it; op 5 polled a later one"],
    );
}

/// `lost-write-test`, atomic: if one value of an `:info` was polled, all of them have to be.
#[test]
fn lost_write_atomic() {
    let sends = "0 invoke send [[:send :x :a] [:send :y :b]]
         0 info send [[:send :x :a] [:send :y [0 :b]]]
         1 invoke send [[:send :y :c]]
         1 info send [[:send :y :c]]";
    let poll_a = "2 invoke poll [[:poll]]\n2 ok poll [[:poll {:x [[0 :a]]}]]";
    let poll_c = "3 invoke poll [[:poll]]\n3 ok poll [[:poll {:y [[1 :c]]}]]";
    check(&format!("{sends}\n{poll_c}"), Anomaly::LostWrite, &[]);
    check(
        &format!("{sends}\n{poll_a}\n{poll_c}"),
        Anomaly::LostWrite,
        &["key :y; value :b; op 1 sent it; op 7 polled a later one"],
    );
}

/// The history of `poll-skip-test`, with something done in between, twice.
fn skipping(first: &str, second: &str) -> String {
    format!(
        "0 invoke poll [[:poll]]
         0 ok poll [[:poll {{:x [[1 :a] [2 :b]]}}]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {{:x [[3 :c]]}}]]
         {first}
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {{:x [[4 :d]]}}]]
         {second}
         2 invoke send [[:send :x :f]]
         2 ok send [[:send :x [6 :f]]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {{:x [[7 :g]]}}]]
         3 invoke send [[:send :x :a] [:send :x :b] [:send :x :c] [:send :x :d] [:send :x :g]]
         3 info send [[:send :x :a] [:send :x :b] [:send :x :c] [:send :x :d] [:send :x :g]]"
    )
}

/// `poll-skip-test`.
#[test]
fn poll_skip() {
    check(
        &skipping("", ""),
        Anomaly::PollSkip,
        &[
            "key :x; :d after :b (+2); left out :c; op 1 before it; op 5 it",
            "key :x; :g after :d (+2); left out :f; op 5 before it; op 9 it",
        ],
    );
    let gone = skipping(
        "0 invoke subscribe [:y]\n0 ok subscribe [:y]",
        "0 invoke assign [:y]\n0 info assign [:y]",
    );
    check(&gone, Anomaly::PollSkip, &[]);
    let kept = skipping(
        "0 invoke subscribe [:x :y]\n0 ok subscribe [:x :y]",
        "0 invoke assign [:x :y]\n0 ok assign [:x :y]",
    );
    check(
        &kept,
        Anomaly::PollSkip,
        &[
            "key :x; :d after :b (+2); left out :c; op 1 before it; op 7 it",
            "key :x; :g after :d (+2); left out :f; op 7 before it; op 13 it",
        ],
    );
}

const SIX: &str = "0 invoke send [[:send :x 0] [:send :x 1] [:send :x 2] [:send :x 3] [:send :x 4] [:send :x 5]]
     0 ok send [[:send :x [0 0]] [:send :x [1 1]] [:send :x [2 2]] [:send :x [3 3]] [:send :x [4 4]] [:send :x [5 5]]]
     1 invoke txn [[:poll]]
     1 ok txn [[:poll {:x [[0 0]]}]]
     1 invoke txn [[:poll]]
     1 fail txn [[:poll {:x [[1 1] [2 2]]}]]";

/// `poll-skip-test`, txn abort: what was aborted or crashed takes the position back.
#[test]
fn poll_skip_of_transactions_that_abort() {
    let good = judged(
        "0 invoke send [[:send :x 0] [:send :x 1] [:send :x 2]]
         0 ok send [[:send :x [0 0]] [:send :x [1 1]] [:send :x [2 2]]]
         1 invoke txn [[:poll]]
         1 ok txn [[:poll {:x [[0 0]]}]]
         1 invoke txn [[:poll]]
         1 fail txn [[:poll {:x [[1 1] [2 2]]}]]
         1 invoke txn [[:poll]]
         1 info txn [[:poll {:x [[1 1] [2 2]]}]]
         1 invoke txn [[:poll]]
         1 ok txn [[:poll {:x [[1 1] [2 2]]}]]",
    );
    assert_eq!(good.findings, [], "{good}");
    let on = format!(
        "{SIX}
         1 invoke txn [[:poll]]
         1 fail txn [[:poll {{:x [[3 3] [4 4]]}}]]
         1 invoke txn [[:poll]]
         1 ok txn [[:poll {{:x [[5 5]]}}]]"
    );
    check(
        &on,
        Anomaly::PollSkip,
        &[
            "key :x; 3 after 0 (+3); left out 1, 2; op 3 before it; op 7 it",
            "key :x; 5 after 0 (+5); left out 1, 2, 3, 4; op 3 before it; op 9 it",
        ],
    );
    let crashed = format!(
        "{SIX}
         1 invoke txn [[:poll]]
         1 info txn [[:poll {{:x [[3 3] [4 4]]}}]]"
    );
    check(
        &crashed,
        Anomaly::PollSkip,
        &["key :x; 3 after 0 (+3); left out 1, 2; op 3 before it; op 7 it"],
    );
}

/// `nonmonotonic-poll-test`.
#[test]
fn nonmonotonic_poll() {
    let story = |between: &str| {
        format!(
            "0 invoke send [[:send :x :a] [:send :x :b] [:send :x :c] [:send :x :d]]
             0 ok send [[:send :x :a] [:send :x :b] [:send :x :c] [:send :x :d]]
             0 invoke poll [[:poll]]
             0 ok poll [[:poll {{:x [[1 :a] [2 :b] [3 :c]]}}]]
             {between}
             0 invoke poll [[:poll]]
             0 ok poll [[:poll {{:x [[2 :b] [3 :c] [4 :d]]}}]]"
        )
    };
    let anomaly = Anomaly::NonmonotonicPoll;
    check(&story(""), anomaly, &["key :x; :b after :c (-1); op 3 before it; op 5 it"]);
    for f in ["subscribe", "assign"] {
        let with = |keys: &str| story(&format!("0 invoke {f} {keys}\n0 ok {f} {keys}"));
        check(&with("[:y]"), anomaly, &[]);
        let want = ["key :x; :b after :c (-1); op 3 before it; op 7 it"];
        check(&with("[:x :y]"), anomaly, &want);
    }
}

/// `nonmonotonic-send-test`.
#[test]
fn nonmonotonic_send() {
    let story = |between: &str| {
        format!(
            "0 invoke send [[:send :x :c] [:send :x :d]]
             0 ok send [[:send :x [3 :c]] [:send :x [4 :d]]]
             {between}
             0 invoke send [[:send :x 1] [:send :x 2]]
             0 ok send [[:send :x [1 :a]] [:send :x [2 :b]]]"
        )
    };
    let anomaly = Anomaly::NonmonotonicSend;
    check(&story(""), anomaly, &["key :x; :a after :d (-3); op 1 before it; op 3 it"]);
    check(&story("0 invoke subscribe [:y]\n0 ok subscribe [:y]"), anomaly, &[]);
    check(&story("0 invoke assign [:y]\n0 info assign [:y]"), anomaly, &[]);
    for f in ["subscribe", "assign"] {
        let kept = story(&format!("0 invoke {f} [:x :y]\n0 ok {f} [:x :y]"));
        check(&kept, anomaly, &["key :x; :a after :d (-3); op 1 before it; op 5 it"]);
    }
}

/// `int-poll-skip-test`.
#[test]
fn int_poll_skip() {
    check(
        "1 invoke send [[:send :x :a] [:send :x :b] [:send :x :d]]
         1 info send [[:send :x :a] [:send :x :b] [:send :x :d]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {:x [[1 :a] [4 :d]]}]]
         0 invoke poll [[:poll] [:poll]]
         0 ok poll [[:poll {:x [[1 :a]]}] [:poll {:x [[4 :d]]}]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {:x [[2 :b]]}]]",
        Anomaly::IntPollSkip,
        &[
            "key :x; :d after :a (+2); left out :b; op 3",
            "key :x; :d after :a (+2); left out :b; op 5",
        ],
    );
}

/// `int-send-skip-test`.
#[test]
fn int_send_skip() {
    check(
        "0 invoke send [[:send :x :a] [:send :x :c]]
         0 ok send [[:send :x [1 :a]] [:send :x :c]]
         1 invoke send [[:send :x :b]]
         1 info send [[:send :x :b]]
         2 invoke poll [[:poll]]
         2 ok poll [[:poll {:x [[2 :b] [3 :c]]}]]",
        Anomaly::IntSendSkip,
        &["key :x; :c after :a (+2); left out :b; op 1"],
    );
}

/// `int-nonmonotonic-poll-test`.
#[test]
fn int_nonmonotonic_poll() {
    check(
        "0 invoke send [[:send :x :a] [:send :x :b] [:send :x :c]]
         0 info send [[:send :x :a] [:send :x :b] [:send :x :c]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {:x [[3 :c] [1 :a]]}]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {:x [[2 :b] [3 :c]]}] [:poll {:x [[3 :c]]}]]",
        Anomaly::IntNonmonotonicPoll,
        &["key :x; :c after :c (+0); op 5", "key :x; :a after :c (-2); op 3"],
    );
}

/// `int-nonmonotonic-send-test`.
#[test]
fn int_nonmonotonic_send() {
    check(
        "0 invoke send [[:send :x 3] [:send :x 1]]
         0 ok send [[:send :x [3 :c]] [:send :x [1 :a]]]
         0 invoke send [[:send :y :d] [:send :y :b]]
         0 info send [[:send :y :d] [:send :y :b]]
         1 invoke send [[:send :y :c]]
         1 info send [[:send :y :c]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {:y [[2 :b] [3 :c] [4 :d]]}]]",
        Anomaly::IntNonmonotonicSend,
        &["key :x; :a after :c (-1); op 1", "key :y; :b after :d (-2); op 3"],
    );
}

/// `duplicate-test`, basic, and with aborted transactions.
#[test]
fn duplicate() {
    check(
        "0 invoke send [[:send :x :a]]
         0 ok send [[:send :x [1 :a]]]
         1 invoke send [[:send :x :b]]
         1 info send [[:send :x :b]]
         2 invoke poll [[:poll]]
         2 ok poll [[:poll {:x [[2 :b] [3 :a]]}]]",
        Anomaly::Duplicate,
        &["key :x; value :a; at 1, 3; op 1 sent it; op 5 polled it"],
    );
    check(
        "0 invoke send [[:send :x 0]]
         0 ok send [[:send :x [1 0]]]
         0 invoke send [[:send :x 1]]
         0 fail send [[:send :x [2 1]]]
         1 invoke poll [[:poll]]
         1 fail poll [[:poll {:x [[11 0] [12 1]]}]]",
        Anomaly::Duplicate,
        &["key :x; value 0; at 1, 11; op 1 sent it; op 5 polled it"],
    );
}

/// `duplicate-test`, hash-insensitive: ten values at the same two offsets.
#[test]
fn duplicates_where_offsets_are_inconsistent() {
    let mut story = String::new();
    for value in 0..10 {
        story += &format!(
            "0 invoke send [[:send :x {value}]]\n0 ok send [[:send :x [0 {value}]]]\n\
             1 invoke poll [[:poll]]\n1 ok poll [[:poll {{:x [[1 {value}]]}}]]\n"
        );
    }
    let judgement = judged(&story);
    assert_eq!(judgement.count(Anomaly::Duplicate), 10, "{judgement}");
    assert_eq!(judgement.count(Anomaly::InconsistentOffsets), 2, "{judgement}");
    let offsets = judgement.finding(Anomaly::InconsistentOffsets).expect("it is there");
    for (offset, example) in offsets.examples.iter().enumerate() {
        assert_eq!(example.offsets, [i64::try_from(offset).expect("small")]);
        assert_eq!(example.values.len(), 10, "{example}");
    }
}

/// `empty-history-test`.
#[test]
fn an_empty_history_is_not_valid() {
    let judgement = judged("0 invoke assign [:x]\n0 ok assign [:x]");
    assert_eq!(judgement.outcome, Outcome::Violated, "{judgement}");
    assert_eq!(judgement.count(Anomaly::EmptyTransactionGraph), 1, "{judgement}");
}

/// `unseen-test`, up to each of its operations.
#[test]
fn unseen() {
    let lines = [
        "0 invoke poll [[:poll]]\n0 ok poll [[:poll {}]]",
        "0 invoke send [[:send :x :a] [:send :x :b]]\n0 ok send [[:send :x [0 :a]] [:send :x [1 :b]]]",
        "0 invoke poll [[:poll]]\n0 ok poll [[:poll {:x [[0 :a]]}]]",
        "0 invoke poll [[:poll]]\n0 ok poll [[:poll {:x [[1 :b]]}]]",
    ];
    for (count, want) in [(1, 0), (2, 2), (3, 1), (4, 0)] {
        let judgement = judged(&lines[..count].join("\n"));
        assert_eq!(judgement.count(Anomaly::Unseen), want, "{count}: {judgement}");
    }
}

/// `g0-test`, `g1c-pure-wr-test`, `g1c-ww-wr-test`.
#[test]
fn circles() {
    let ww = Options { ww_deps: true, ..Options::default() };
    let g0 = "0 invoke send [[:send :x :a] [:send :y :a]]
         1 invoke send [[:send :x :b] [:send :y :b]]
         0 ok send [[:send :x [0 :a]] [:send :y [1 :a]]]
         1 ok send [[:send :x [1 :b]] [:send :y [0 :b]]]";
    let judgement = judged_with(g0, &ww);
    assert_eq!(examples(&judgement, Anomaly::G0), ["op 2; op 3"], "{judgement}");
    assert_eq!(judged(g0).count(Anomaly::G0), 0, "without ww-deps nothing is known of writes");
    let pure = "0 invoke txn [[:send :x :a] [:poll]]
         1 invoke txn [[:send :y :b] [:poll]]
         0 ok txn [[:send :x [0 :a]] [:poll {:y [[0 :b]]}]]
         1 ok txn [[:send :y [0 :b]] [:poll {:x [[0 :a]]}]]";
    for judgement in [judged(pure), judged_with(pure, &ww)] {
        assert_eq!(examples(&judgement, Anomaly::G1c), ["op 2; op 3"], "{judgement}");
    }
    let mixed = "0 invoke txn [[:send :x :a] [:send :y :c]]
         1 invoke txn [[:poll] [:send :y :b]]
         0 ok txn [[:send :x [0 :a]] [:send :y [2 :c]]]
         1 ok txn [[:poll {:x [[0 :a]]}] [:send :y [1 :b]]]";
    let judgement = judged_with(mixed, &ww);
    assert_eq!(examples(&judgement, Anomaly::G1c), ["op 2; op 3"], "{judgement}");
    assert_eq!(judged(mixed).count(Anomaly::G1c), 0, "it takes a write before a write");
}

/// `precommitted-read-test`.
#[test]
fn precommitted_read() {
    check(
        "0 invoke txn [[:send :x :a] [:poll]]
         0 ok txn [[:send :x [0 :a]] [:poll {:x [[0 :a]]}]]",
        Anomaly::PrecommittedRead,
        &["key :x; value :a; op 1"],
    );
}
