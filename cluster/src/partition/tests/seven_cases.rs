//! The seven ways in which a follower's log and its new leader's can stand to each other, under each of the five rules.
//!
//! In Kafka: the cases A to G of the description of Kafka's replication that belongs to the specification of KIP-966
//!           (Jack Vanlightly, `3_log_divergence.md`).
//! Holds:    both logs as the description draws them; what lies below the follower's high watermark is committed. The
//!           follower has one round less behind it than its leader, so its high watermark lags.

use crate::note::partition::PartitionEvent;
use crate::partition::tests::wired::Wired;
use crate::rules::{Profile, Rules, Switch, Truncation};

/// A case: the epoch of each record of a log, and the epoch in which both learn of the election.
struct Case {
    name: &'static str,
    leader: &'static [i32],
    follower: &'static [i32],
    leader_epoch: i32,
    high_watermark: i64,
    /// To where the follower has to cut its log; none if nothing is to be cut.
    cut: Option<i64>,
}

const CASES: [Case; 7] = [
    Case {
        name: "A: behind, in the same epoch",
        leader: &[1, 1, 1, 1],
        follower: &[1, 1],
        leader_epoch: 2,
        high_watermark: 1,
        cut: None,
    },
    Case {
        name: "B: behind, and the leader has a later epoch",
        leader: &[1, 1, 2, 2],
        follower: &[1, 1],
        leader_epoch: 3,
        high_watermark: 1,
        cut: None,
    },
    Case {
        name: "C: ahead, in the same epoch",
        leader: &[1, 1],
        follower: &[1, 1, 1, 1],
        leader_epoch: 2,
        high_watermark: 1,
        cut: Some(2),
    },
    Case {
        name: "D: ahead, with a later epoch",
        leader: &[1, 1],
        follower: &[1, 1, 2, 2],
        leader_epoch: 3,
        high_watermark: 1,
        cut: Some(2),
    },
    Case {
        name: "E: forked, each with an epoch of its own",
        leader: &[1, 1, 3, 3],
        follower: &[1, 1, 2, 2],
        leader_epoch: 4,
        high_watermark: 1,
        cut: Some(2),
    },
    Case {
        name: "F: forked, and the leader has more of the last common epoch",
        leader: &[1, 1],
        follower: &[1, 2, 2],
        leader_epoch: 3,
        high_watermark: 1,
        cut: Some(1),
    },
    Case {
        name: "G: forked, with no epoch in common",
        leader: &[1, 3],
        follower: &[2],
        leader_epoch: 4,
        high_watermark: 0,
        cut: Some(0),
    },
];

fn rules(truncation: Truncation) -> Rules {
    let switch = match truncation {
        Truncation::ToHighWatermark => Some(Switch::TruncToHwDiverge),
        Truncation::Kip101 => Some(Switch::FastFailoverDiverge),
        Truncation::Kip279 => Some(Switch::ZombieReplicaUnfencedFetch),
        Truncation::Kip320FirstTry => Some(Switch::FetchWithoutLeaderEpoch),
        Truncation::Kip320 => None,
    };
    let rules = Rules::new(Profile::Kafka43, switch);
    assert_eq!(rules.truncation(), truncation);
    rules
}

/// The leader learns of the election, then the follower, which fetches; a record is written, and it fetches again.
/// Answers to where it cut its log first, and whether both logs are the same in the end.
fn play(case: &Case, truncation: Truncation) -> (Option<i64>, bool) {
    let mut wired = Wired::new(2, 1, rules(truncation));
    wired.starts_with(1, case.leader, case.high_watermark);
    wired.starts_with(2, case.follower, case.high_watermark);
    wired.metadata.leader_epoch = case.leader_epoch - 1;
    wired.elect(1, &[1, 2]);
    wired.tell(1);
    wired.tell(2);
    for _ in 0..3 {
        wired.fetch(2);
    }
    wired.produce(1, "new").expect("1 leads");
    for _ in 0..6 {
        wired.fetch(2);
    }
    let cut = wired.node(2).notes.iter().find_map(|event| match event {
        PartitionEvent::Truncated { from, to, .. } if to < from => Some(to.0),
        _ => None,
    });
    (cut, wired.values(1) == wired.values(2))
}

#[track_caller]
fn check(truncation: Truncation, want: [(Option<i64>, bool); 7]) {
    for (case, want) in CASES.iter().zip(want) {
        assert_eq!(play(case, truncation), want, "{truncation:?}, {}", case.name);
    }
}

#[test]
fn today_each_is_cut_where_the_description_says_and_all_logs_agree() {
    check(Truncation::Kip320, CASES.each_ref().map(|case| (case.cut, true)));
}

#[test]
fn the_first_try_at_kip_320_and_kip_279_cut_in_the_same_places() {
    for truncation in [Truncation::Kip279, Truncation::Kip320FirstTry] {
        check(truncation, CASES.each_ref().map(|case| (case.cut, true)));
    }
}

/// It keeps what the leader never had where the leader's offset alone says that there is something: F and G.
#[test]
fn kip_101_keeps_an_epoch_that_its_leader_never_had() {
    let agree = |cut| (cut, true);
    let differ = |cut| (cut, false);
    check(
        Truncation::Kip101,
        [
            agree(None),
            agree(None),
            agree(Some(2)),
            agree(Some(2)),
            agree(Some(2)),
            differ(Some(2)),
            differ(None),
        ],
    );
}

/// The logs agree wherever the high watermark lags; but in A and B, where nothing is to be cut, a record goes that is
/// committed, and nobody else may have it.
#[test]
fn before_kip_101_what_is_committed_is_cut_too() {
    let cut = |to| (Some(to), true);
    check(Truncation::ToHighWatermark, [cut(1), cut(1), cut(1), cut(1), cut(1), cut(1), cut(0)]);
}
