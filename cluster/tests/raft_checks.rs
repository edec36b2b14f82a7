//! The judge of the quorum is judged: each rule has a history that it must reject, and one that it must not.

mod raft_support;

use raft_support::checks::{Batch, Checks};
use raft_support::instant::key;
use trial_cluster::ids::{BrokerId, LeaderEpoch, Offset};
use trial_cluster::note::raft::{RaftNote, RaftRole};

fn is(role: RaftRole, epoch: i32, leader: Option<i32>) -> RaftNote {
    let (epoch, leader) = (LeaderEpoch(epoch), leader.map(BrokerId));
    let (voted, high_watermark, is_voter) = (None, None, true);
    RaftNote::Transition { role, epoch, leader, voted, high_watermark, is_voter }
}

fn votes(epoch: i32, candidate: i32) -> RaftNote {
    RaftNote::VoteGranted { epoch: LeaderEpoch(epoch), candidate: key(candidate) }
}

fn starts(epoch: i32, offset: i64) -> RaftNote {
    RaftNote::EpochStarted { epoch: LeaderEpoch(epoch), offset: Offset(offset) }
}

/// One record; the checksum stands for its content.
fn has(offset: i64, epoch: i32, crc: u32) -> RaftNote {
    RaftNote::Appended {
        base_offset: Offset(offset),
        last_offset: Offset(offset),
        epoch: LeaderEpoch(epoch),
        crc,
        is_leader: false,
    }
}

fn synced(end: i64) -> RaftNote {
    RaftNote::Flushed { end: Offset(end) }
}

fn commits(epoch: i32, offset: i64) -> RaftNote {
    let (epoch, offset) = (LeaderEpoch(epoch), Offset(offset));
    RaftNote::HighWatermark { epoch, offset, is_leader: true }
}

fn believes(epoch: i32, offset: i64) -> RaftNote {
    let (epoch, offset) = (LeaderEpoch(epoch), Offset(offset));
    RaftNote::HighWatermark { epoch, offset, is_leader: false }
}

fn cuts(from: i64, to: i64) -> RaftNote {
    RaftNote::Truncated { from: Offset(from), to: Offset(to) }
}

/// Plays a history of voters 1 to 3; wants the rules that it breaks.
#[track_caller]
fn check(history: &[(i32, RaftNote)], want: &[&str]) {
    let mut checks = Checks::new([1, 2, 3]);
    for (id, note) in history {
        checks.on_note(*id, note);
    }
    checks.at_end();
    let rule = |text: &'_ String| text.split(':').next().unwrap_or_default().to_owned();
    let got: Vec<String> = checks.violations.iter().map(rule).collect();
    assert_eq!(got, want, "{:#?}", checks.violations);
}

/// 1 leads epoch 1 and has committed one record of it with 2; 3 has nothing.
fn committed_one() -> Vec<(i32, RaftNote)> {
    vec![
        (1, is(RaftRole::Leader, 1, Some(1))),
        (1, starts(1, 0)),
        (1, has(0, 1, 7)),
        (1, synced(1)),
        (2, is(RaftRole::Follower, 1, Some(1))),
        (2, has(0, 1, 7)),
        (2, synced(1)),
        (1, commits(1, 1)),
        (2, believes(1, 1)),
    ]
}

#[track_caller]
fn after_one(more: &[(i32, RaftNote)], want: &[&str]) {
    let mut history = committed_one();
    history.extend_from_slice(more);
    check(&history, want);
}

#[test]
fn an_orderly_history_breaks_nothing() {
    after_one(&[], &[]);
    let next = [(2, is(RaftRole::Leader, 2, Some(2))), (2, starts(2, 1)), (2, has(1, 2, 8))];
    after_one(&next, &[]);
}

#[test]
fn k1_two_leaders_of_an_epoch() {
    after_one(&[(3, is(RaftRole::Follower, 1, Some(2)))], &["K1"]);
}

#[test]
fn k2_logs_that_do_not_match() {
    after_one(&[(3, has(0, 1, 9))], &["K2"]);
    after_one(&[(3, has(1, 1, 9))], &["K2"]);
    after_one(&[(1, has(1, 1, 8)), (3, has(0, 2, 5)), (3, has(1, 1, 8))], &["K2"]);
    after_one(&[(3, has(0, 2, 5)), (3, believes(2, 1))], &["K2", "K2"]);
}

#[test]
fn k3_a_leader_without_what_is_committed() {
    after_one(&[(3, is(RaftRole::Leader, 2, Some(3))), (3, starts(2, 0))], &["K3"]);
}

#[test]
fn k4_committed_and_not_synced_by_a_majority() {
    let unsynced = [
        (1, starts(1, 0)),
        (1, has(0, 1, 7)),
        (1, synced(1)),
        (2, has(0, 1, 7)),
        (1, commits(1, 1)),
    ];
    check(&unsynced, &["K4"]);
    let mut checks = Checks::new([1, 2, 3]);
    committed_one().iter().for_each(|(id, note)| checks.on_note(*id, note));
    checks.on_opened(2, vec![Batch { base: 0, last: 0, epoch: 1, crc: 7 }]);
    checks.assert_clean();
    checks.on_opened(2, Vec::new());
    assert!(checks.violations[0].starts_with("K4"), "{:?}", checks.violations);
}

#[test]
fn k5_a_high_watermark_that_falls_or_that_no_majority_has_reached() {
    let alone = [(1, starts(1, 0)), (1, has(0, 1, 7)), (1, synced(1)), (1, commits(1, 1))];
    check(&alone, &["K5", "K4"]);
    let (record, end) = (has(1, 1, 8), synced(2));
    let two = [(1, record), (1, end), (2, record), (2, end), (1, commits(1, 2))];
    after_one(&two, &[]);
    after_one(&[&two[..], &[(2, believes(1, 2)), (2, believes(1, 1))]].concat(), &["K5"]);
    after_one(&[&two[..], &[(1, commits(1, 1))]].concat(), &["K5"]);
    after_one(&[(2, believes(1, 2))], &["K5"]);
}

#[test]
fn k6_an_epoch_that_falls() {
    after_one(&[(2, is(RaftRole::Unattached, 0, None))], &["K6"]);
}

#[test]
fn k7_two_votes_in_an_epoch() {
    after_one(&[(3, votes(2, 1)), (3, votes(2, 1)), (3, votes(3, 2))], &[]);
    after_one(&[(3, votes(2, 1)), (3, votes(2, 2))], &["K7"]);
}

#[test]
fn k8_nothing_of_the_leaders_own_epoch() {
    let old = [
        (2, is(RaftRole::Leader, 2, Some(2))),
        (2, starts(2, 1)),
        (3, has(0, 1, 7)),
        (3, synced(1)),
        (2, commits(2, 1)),
    ];
    after_one(&old, &["K8"]);
}

#[test]
fn k9_a_cut_below_the_high_watermark() {
    after_one(&[(2, cuts(1, 0))], &["K9", "K9"]);
    after_one(&[(1, has(1, 1, 8)), (1, cuts(2, 1))], &[]);
}

#[test]
fn k11_an_observer_that_stands_for_election() {
    let observer = |role| RaftNote::Transition {
        role,
        epoch: LeaderEpoch(1),
        leader: None,
        voted: None,
        high_watermark: None,
        is_voter: false,
    };
    after_one(&[(7, observer(RaftRole::Unattached))], &[]);
    after_one(&[(7, observer(RaftRole::Prospective))], &["K11"]);
}
