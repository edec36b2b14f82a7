//! Known ways for two logs to differ, and what each rule of truncation makes of them.
//!
//! Holds: KIP-101 scenarios 1 and 2, KIP-279, KIP-320, KAFKA-18991, played on real logs.

use crate::note::partition::PartitionEvent;
use crate::partition::tests::wired::Wired;
use crate::rules::{Profile, Rules, Switch};

fn rules(switch: Option<Switch>) -> Rules {
    Rules::new(Profile::Kafka43, switch)
}

/// Brokers 1 (leader) and 2 hold m1 and m2; both are acknowledged, but 2 knows it only of m1.
fn acknowledged_and_not_known(switch: Option<Switch>) -> Wired {
    let mut wired = Wired::new(2, 1, rules(switch));
    wired.produce(1, "m1").expect("1 leads");
    wired.fetch(2);
    wired.fetch(2);
    wired.produce(1, "m2").expect("1 leads");
    wired.fetch(2);
    wired.fetch(2);
    assert_eq!((wired.node(1).high_watermark(), wired.node(2).high_watermark()), (2, 1));
    wired
}

#[test]
fn kip_101_scenario_1_a_restart_and_a_failover_lose_a_record_only_under_the_old_rule() {
    for (switch, want) in [(None, vec!["m1", "m2"]), (Some(Switch::TruncToHwLoss), vec!["m1"])] {
        let mut wired = acknowledged_and_not_known(switch);
        wired.restart(2, 2, 1);
        wired.tell(2);
        wired.elect(2, &[2]);
        wired.tell(2);
        assert_eq!(wired.values(2), want, "{switch:?}");
    }
}

#[test]
fn kip_101_scenario_2_two_lossy_crashes_make_logs_differ_only_under_the_old_rule() {
    for (switch, want) in
        [(None, vec!["m1", "m3", "m4"]), (Some(Switch::TruncToHwDiverge), vec!["m1", "m2", "m4"])]
    {
        let mut wired = acknowledged_and_not_known(switch);
        wired.restart(2, 1, 1);
        wired.restart(1, 2, 2);
        wired.elect(2, &[2]);
        wired.tell(2);
        wired.produce(2, "m3").expect("2 leads");
        wired.tell(1);
        wired.fetch(1);
        wired.produce(2, "m4").expect("2 leads");
        wired.fetch(1);
        wired.fetch(1);
        assert_eq!(wired.values(2), ["m1", "m3", "m4"]);
        assert_eq!(wired.values(1), want, "{switch:?}");
    }
}

/// Both logs as KIP-279 has them: epochs 0, 1, 3 on broker 2, epochs 0, 2, 4 on broker 1.
fn fast_failovers(switch: Option<Switch>) -> Wired {
    let mut wired = Wired::new(2, 1, rules(switch));
    for _ in 0..3 {
        wired.produce(1, "e0").expect("1 leads");
        wired.fetch(2);
    }
    for (leader, count) in [(2, 3), (1, 5), (2, 3), (1, 1)] {
        wired.elect(leader, &[leader]);
        wired.tell(leader);
        let value = format!("e{}", wired.metadata.leader_epoch);
        for _ in 0..count {
            wired.produce(leader, &value).expect("it leads");
        }
    }
    assert_eq!(wired.values(1), ["e0", "e0", "e0", "e2", "e2", "e2", "e2", "e2", "e4"]);
    assert_eq!(wired.values(2), ["e0", "e0", "e0", "e1", "e1", "e1", "e3", "e3", "e3"]);
    wired
}

#[test]
fn kip_279_an_epoch_that_only_the_leader_has_takes_several_cuts() {
    let mut wired = fast_failovers(None);
    wired.tell(2);
    for _ in 0..6 {
        wired.fetch(2);
    }
    assert_eq!(wired.values(2), wired.values(1));
    let cuts: Vec<(i64, i64)> = wired.node(2).notes.iter().filter_map(cut).collect();
    assert_eq!(cuts, [(9, 6), (6, 3)], "to the end of epoch 1, then to the end of epoch 0");
}

#[test]
fn kip_279_by_its_leaders_offset_alone_a_follower_keeps_epochs_that_the_leader_never_had() {
    let mut wired = fast_failovers(Some(Switch::FastFailoverDiverge));
    wired.tell(2);
    for _ in 0..6 {
        wired.fetch(2);
    }
    let cuts: Vec<(i64, i64)> = wired.node(2).notes.iter().filter_map(cut).collect();
    assert_eq!(cuts, [(9, 8)], "where epoch 2 ends on the leader");
    let want = ["e0", "e0", "e0", "e1", "e1", "e1", "e3", "e3", "e4"];
    assert_eq!(wired.values(2), want);
    assert_eq!(wired.values(1).last().map(String::as_str), Some("e4"));
}

fn cut(event: &PartitionEvent) -> Option<(i64, i64)> {
    match event {
        PartitionEvent::Truncated { from, to, .. } => Some((from.0, to.0)),
        _ => None,
    }
}

#[test]
fn kip_320_a_follower_that_missed_an_election_gets_nothing_from_a_newer_leader() {
    let mut wired = Wired::new(3, 1, rules(None));
    wired.produce(1, "m1").expect("1 leads");
    wired.elect(2, &[2, 3]);
    wired.tell(2);
    // Broker 3 still believes in epoch 0, but asks broker 2 as if that led.
    let time = wired.time();
    let sent = wired.node(3).partition.to_fetch(time, 100).expect("it fetches");
    let answer = wired.serve(3, 2, sent);
    wired.apply(3, &answer);
    assert!(
        wired.ask(3).is_none()
            && wired
                .node(3)
                .notes
                .iter()
                .any(|event| matches!(event, PartitionEvent::FetchParked { .. })),
        "FENCED_LEADER_EPOCH parks it: {:?}",
        wired.node(3).notes
    );
    wired.tell(3);
    assert!(wired.ask(3).is_some(), "until it hears of the election");
}

/// KAFKA-18991: an answer of the old epoch says "truncate"; meanwhile the epoch has changed, the offset has not.
#[test]
fn an_answer_of_the_epoch_before_cuts_nothing() {
    let mut wired = fast_failovers(None);
    wired.tell(2);
    let late = wired.ask(2).expect("2 follows 1");
    wired.elect(1, &[1]);
    wired.tell(2);
    wired.apply(2, &late);
    assert_eq!(wired.node(2).log_end(), 9, "{:?}", wired.node(2).notes);
    assert!(
        wired
            .node(2)
            .notes
            .iter()
            .any(|event| matches!(event, PartitionEvent::StaleFetchResponse { .. })),
        "R18 leaves a note"
    );
}

#[test]
fn a_follower_that_is_behind_the_leaders_log_start_begins_there() {
    let mut wired = Wired::new(2, 1, rules(None));
    wired.elect(1, &[1]);
    wired.tell(1);
    for value in ["a", "b", "c"] {
        wired.produce(1, value).expect("1 leads");
    }
    // The leader's log has been cut from below; the follower has nothing yet.
    wired.now.0 += 60_000;
    let follower_lags = wired.node(1).high_watermark();
    assert_eq!(follower_lags, 3, "a lone leader commits by itself");
    wired.node(1).delete_below(2);
    wired.tell(2);
    wired.fetch(2);
    assert_eq!(wired.node(2).log_end(), 2, "{:?}", wired.node(2).notes);
    wired.fetch(2);
    assert_eq!(wired.values(2), ["c"]);
}

#[test]
fn an_unclean_leader_that_is_behind_makes_its_followers_cut() {
    let mut wired = Wired::new(3, 1, rules(None));
    for value in ["a", "b", "c"] {
        wired.produce(1, value).expect("1 leads");
        wired.fetch(2);
    }
    wired.elect(3, &[3]);
    for broker in [1, 2, 3] {
        wired.tell(broker);
    }
    wired.fetch(2);
    wired.fetch(2);
    wired.produce(3, "z").expect("3 leads");
    wired.fetch(2);
    assert_eq!(wired.values(2), ["z"], "{:?}", wired.node(2).notes);
}
