//! The quorum of controllers: K1 to K9 and K13, from the bytes of their logs and from their notes.

use trial_cluster::ids::{BrokerId, LeaderEpoch, Offset, Uuid};
use trial_cluster::note::Note;
use trial_cluster::note::raft::{RaftNote, RaftRole};
use trial_cluster::raft::voters::ReplicaKey;
use trial_sim::{HostId, Span};

use crate::check;
use crate::story::{C1, C2, C3, Story};

fn raft(story: &mut Story, host: HostId, note: RaftNote) {
    story.note(host, Note::Raft(note));
}

fn is(story: &mut Story, host: HostId, epoch: i32, leader: Option<i32>) {
    let (role, epoch) = (RaftRole::Follower, LeaderEpoch(epoch));
    let (leader, voted) = (leader.map(BrokerId), None);
    let (high_watermark, is_voter) = (None, true);
    let note = RaftNote::Transition { role, epoch, leader, voted, high_watermark, is_voter };
    raft(story, host, note);
}

fn key(id: i32) -> ReplicaKey {
    ReplicaKey::new(BrokerId(id), Uuid(50))
}

fn votes(story: &mut Story, host: HostId, epoch: i32, candidate: i32) {
    let (epoch, candidate) = (LeaderEpoch(epoch), key(candidate));
    raft(story, host, RaftNote::VoteGranted { epoch, candidate });
}

fn starts(story: &mut Story, host: HostId, epoch: i32, offset: i64) {
    let (epoch, offset) = (LeaderEpoch(epoch), Offset(offset));
    raft(story, host, RaftNote::EpochStarted { epoch, offset });
}

fn has(story: &mut Story, host: HostId, base: i64, epoch: i32, number: u64) {
    story.metadata(host, base, epoch, number);
    raft(story, host, RaftNote::Flushed { end: Offset(base + 1) });
}

fn commits(story: &mut Story, host: HostId, epoch: i32, offset: i64) {
    let (epoch, offset) = (LeaderEpoch(epoch), Offset(offset));
    raft(story, host, RaftNote::HighWatermark { epoch, offset, is_leader: true });
}

fn believes(story: &mut Story, host: HostId, epoch: i32, offset: i64) {
    let (epoch, offset) = (LeaderEpoch(epoch), Offset(offset));
    raft(story, host, RaftNote::HighWatermark { epoch, offset, is_leader: false });
}

/// c1 leads epoch 1; c1 and c2 have two records, committed.
fn two_committed(story: &mut Story) {
    is(story, C1, 1, Some(101));
    starts(story, C1, 1, 0);
    for base in 0..2 {
        has(story, C1, base, 1, base.unsigned_abs());
        has(story, C2, base, 1, base.unsigned_abs());
    }
    commits(story, C1, 1, 2);
}

/// c1 leads epoch 1, and everything below `end` is committed.
pub fn commits_all_below(story: &mut Story, end: i64) {
    is(story, C1, 1, Some(101));
    starts(story, C1, 1, 0);
    for base in 0..end {
        has(story, C1, base, 1, base.unsigned_abs());
        has(story, C2, base, 1, base.unsigned_abs());
    }
    commits(story, C1, 1, end);
}

#[test]
fn a_quiet_quorum_breaks_nothing() {
    check(&[], |story| {
        two_committed(story);
        believes(story, C2, 1, 2);
        votes(story, C3, 2, 102);
        votes(story, C3, 2, 102);
        is(story, C2, 2, Some(102));
        starts(story, C2, 2, 2);
        has(story, C2, 2, 2, 9);
        has(story, C1, 2, 2, 9);
        commits(story, C2, 2, 3);
    });
}

#[test]
fn k1_one_leader_in_an_epoch() {
    check(&["K1"], |story| {
        is(story, C1, 1, Some(101));
        is(story, C2, 1, Some(102));
    });
    check(&[], |story| {
        is(story, C1, 1, Some(101));
        is(story, C2, 1, Some(101));
        is(story, C2, 2, Some(102));
    });
}

#[test]
fn k2_the_same_place_and_epoch_mean_the_same_record() {
    check(&["K2"], |story| {
        two_committed(story);
        has(story, C3, 0, 1, 77);
    });
    check(&["K2"], |story| {
        two_committed(story);
        has(story, C3, 0, 0, 5);
        has(story, C3, 1, 1, 1);
    });
    check(&["K2"], |story| {
        two_committed(story);
        has(story, C3, 0, 1, 0);
        has(story, C3, 5, 1, 9);
    });
    check(&["K2"], |story| {
        two_committed(story);
        has(story, C3, 0, 0, 5);
        has(story, C3, 1, 0, 6);
        believes(story, C3, 1, 2);
    });
    check(&[], |story| {
        two_committed(story);
        has(story, C3, 0, 0, 5);
    });
}

#[test]
fn k3_a_leader_has_what_was_committed() {
    check(&["K3"], |story| {
        two_committed(story);
        starts(story, C3, 2, 0);
    });
    check(&["K3"], |story| {
        two_committed(story);
        has(story, C3, 0, 1, 0);
        has(story, C3, 1, 0, 8);
        starts(story, C3, 2, 2);
    });
    check(&[], |story| {
        two_committed(story);
        starts(story, C2, 2, 2);
    });
}

/// C3 has the votes of epoch 2 and takes long to write that it leads; meanwhile C1 is elected once more, and commits
/// what it had written in epoch 1. (Seed 10562 of `groups_at_once`.)
#[test]
fn k3_what_was_committed_in_a_later_epoch_is_not_asked_of_a_leader() {
    let elected_again = |story: &mut Story, late: i32| {
        two_committed(story);
        for host in [C1, C2] {
            has(story, host, 2, 1, 7);
        }
        starts(story, C1, 3, 3);
        for host in [C1, C2] {
            has(story, host, 3, 3, 8);
        }
        commits(story, C1, 3, 4);
        has(story, C3, 0, 1, 0);
        has(story, C3, 1, 1, 1);
        starts(story, C3, late, 2);
    };
    check(&[], |story| elected_again(story, 2));
    check(&["K3"], |story| elected_again(story, 4));
}

#[test]
fn k4_what_is_committed_is_synced_by_a_majority_and_stays() {
    check(&["K4"], |story| {
        is(story, C1, 1, Some(101));
        starts(story, C1, 1, 0);
        has(story, C1, 0, 1, 0);
        story.metadata(C2, 0, 1, 0);
        commits(story, C1, 1, 1);
    });
    check(&["K4"], |story| {
        two_committed(story);
        story.loses_metadata(C2, 1);
    });
    check(&[], |story| {
        two_committed(story);
        story.metadata(C2, 2, 1, 5);
        story.loses_metadata(C2, 2);
    });
}

#[test]
fn k5_the_high_watermark_rises_and_a_majority_has_reached_it() {
    check(&["K4", "K5"], |story| {
        is(story, C1, 1, Some(101));
        starts(story, C1, 1, 0);
        has(story, C1, 0, 1, 0);
        commits(story, C1, 1, 1);
    });
    check(&["K5"], |story| {
        two_committed(story);
        commits(story, C1, 1, 1);
    });
    check(&["K5"], |story| {
        two_committed(story);
        believes(story, C2, 1, 3);
    });
    check(&["K5"], |story| {
        two_committed(story);
        believes(story, C2, 1, 2);
        believes(story, C2, 1, 1);
    });
}

#[test]
fn k6_epochs_rise_and_are_on_disk() {
    check(&["K6"], |story| {
        is(story, C1, 3, None);
        is(story, C1, 2, None);
    });
    let state = |epoch: i32, voted: i32| {
        format!(
            "{{\"leaderId\":-1,\"leaderEpoch\":{epoch},\"votedId\":{voted},\"votedDirectoryId\":\"x\",\"data_version\":1}}"
        )
    };
    let remembers = |epoch: i32, voted: i32, want: &[&str]| {
        check(want, |story| {
            votes(story, C1, 3, 102);
            is(story, C1, 3, None);
            story.writes_file(C1, "__cluster_metadata-0/quorum-state", &state(epoch, voted));
            story.dies(C1);
        });
    };
    remembers(2, 102, &["K6"]);
    remembers(3, 103, &["K7"]);
    remembers(3, 102, &[]);
    check(&["K6"], |story| {
        is(story, C1, 3, None);
        story.writes_file(C1, "__cluster_metadata-0/quorum-state", "{\"leaderId\":");
        story.dies(C1);
    });
}

#[test]
fn k7_one_vote_in_an_epoch() {
    check(&["K7"], |story| {
        votes(story, C3, 2, 101);
        story.dies(C3);
        votes(story, C3, 2, 102);
    });
    check(&[], |story| {
        votes(story, C3, 2, 101);
        votes(story, C3, 3, 102);
    });
}

#[test]
fn k8_a_leader_commits_nothing_before_its_own_epoch() {
    check(&["K8"], |story| {
        has(story, C1, 0, 0, 0);
        has(story, C2, 0, 0, 0);
        starts(story, C1, 1, 1);
        commits(story, C1, 1, 1);
    });
}

/// A host leads epoch 1 as c1.
fn leads(story: &mut Story, host: HostId) {
    let (role, epoch) = (RaftRole::Leader, LeaderEpoch(1));
    let (leader, voted) = (Some(BrokerId(101)), None);
    let (high_watermark, is_voter) = (None, true);
    let note = RaftNote::Transition { role, epoch, leader, voted, high_watermark, is_voter };
    raft(story, host, note);
}

/// Time passes, on all clocks.
fn passes(story: &mut Story, ms: u64) {
    story.waits(Span::from_millis(ms));
    story.clocks(story.wall_ms() + i64::try_from(ms).expect("small"));
}

fn fetched(story: &mut Story, host: HostId, voter: i32) {
    raft(story, host, RaftNote::VoterFetched { voter: BrokerId(voter) });
}

#[test]
fn k13_a_leader_that_nobody_hears_writes_no_more() {
    // Another voter is a majority with the leader; a broker that fetches is none.
    let last_fetch = |voter: i32, waits_ms: u64, want: &[&str]| {
        check(want, |story| {
            leads(story, C1);
            passes(story, 2_900);
            fetched(story, C1, voter);
            passes(story, waits_ms);
            has(story, C1, 0, 1, 0);
        });
    };
    last_fetch(102, 2_900, &[]);
    last_fetch(102, 3_100, &["K13"]);
    last_fetch(1, 200, &["K13"]);
    // A turn that came late begins with a fetch: its note is seen behind the bytes.
    check(&[], |story| {
        leads(story, C1);
        passes(story, 3_100);
        has(story, C1, 0, 1, 0);
        fetched(story, C1, 102);
    });
    // Who has resigned meanwhile may follow, and copy.
    check(&[], |story| {
        leads(story, C1);
        passes(story, 3_100);
        is(story, C1, 2, Some(102));
        has(story, C1, 0, 2, 0);
    });
}

#[test]
fn k9_nothing_is_cut_below_the_high_watermark() {
    check(&["K9"], |story| {
        two_committed(story);
        believes(story, C2, 1, 2);
        story.cuts_metadata(C2, 1);
    });
    check(&[], |story| {
        two_committed(story);
        believes(story, C2, 1, 2);
        story.metadata(C2, 2, 1, 5);
        story.cuts_metadata(C2, 2);
    });
}
