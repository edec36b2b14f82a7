//! A replica's behaviour, message by message: replicas talk at once, time passes when nothing else happens.

mod raft_support;

use std::collections::BTreeSet;
use std::sync::Arc;

use raft_support::instant::{Cluster, key, voters};
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::{BrokerId, LeaderEpoch, Offset};
use trial_cluster::note::raft::{RaftNote, RaftRole};
use trial_cluster::raft::effect::RaftEvent;
use trial_cluster::raft::election_state::ElectionState;
use trial_cluster::raft::message::{
    Api, EndQuorumEpoch, Envelope, OffsetAndEpoch, Request, Response, ResponseBody, Vote,
};
use trial_cluster::raft::voters::ReplicaKey;
use trial_sim::Span;

fn vote(candidate: i32, epoch: i32, end: (i32, i64), voter: i32, pre_vote: bool) -> Request {
    Request::Vote(Vote {
        candidate: key(candidate),
        epoch: LeaderEpoch(epoch),
        log_end: OffsetAndEpoch { epoch: LeaderEpoch(end.0), offset: Offset(end.1) },
        voter: Some(key(voter)),
        pre_vote,
    })
}

#[test]
fn voters_elect_a_leader_that_commits_its_first_record() {
    for count in 1..=5 {
        let ids: Vec<i32> = (1..=count).collect();
        let mut cluster = Cluster::new(&ids, &ids);
        cluster.run_until(|cluster| cluster.all_reached(3));
        let leader = cluster.leader().expect("somebody leads");
        assert!(cluster.append().is_ok(), "the leader writes");
        cluster.run_until(|cluster| cluster.all_reached(4));
        let told = cluster.events[&leader].last();
        assert!(matches!(told, Some(RaftEvent::Committed { .. })), "{count}: {told:?}");
        let change = cluster.events[&leader]
            .iter()
            .position(|event| matches!(event, RaftEvent::LeaderChange { is_me: true, .. }));
        assert!(change > Some(1), "{count}: it hears of its leadership after what is committed");
    }
}

#[test]
fn observers_follow_and_learn_the_voters_from_the_log() {
    let mut cluster = Cluster::new(&[1, 2, 3, 7], &[1, 2, 3]);
    cluster.run_until(|cluster| cluster.all_reached(3));
    assert_eq!(cluster.replica(7).quorum().voter_set(), voters(&[1, 2, 3]));
    let stood = cluster.notes.iter().any(|(id, note)| {
        let role = match note {
            RaftNote::Transition { role, .. } => *role,
            _ => return false,
        };
        *id == 7 && !matches!(role, RaftRole::Unattached | RaftRole::Follower)
    });
    assert!(!stood, "K11: an observer stood for election");
}

#[test]
fn a_deposed_leader_cuts_what_was_not_committed() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[1, 2, 3]);
    cluster.run_until(|cluster| cluster.all_reached(3));
    let old = cluster.leader().expect("somebody leads");
    cluster.down.extend([1, 2, 3].into_iter().filter(|id| *id != old));
    let lost = cluster.append().expect("it still leads");
    cluster.run_until(|cluster| cluster.role(old) == RaftRole::Resigned);
    assert_eq!(cluster.events[&old].last(), Some(&RaftEvent::Resigned { epoch: LeaderEpoch(1) }));
    cluster.down = BTreeSet::from([old]);
    for id in [1, 2, 3].into_iter().filter(|id| *id != old) {
        cluster.restart(id);
    }
    cluster.run_until(|cluster| cluster.all_reached(4));
    cluster.restart(old);
    cluster.run_until(|cluster| cluster.all_reached(4));
    let cut = RaftNote::Truncated { from: lost.next(), to: lost };
    assert!(cluster.notes.contains(&(old, cut)), "{:?}", cluster.notes);
}

#[test]
fn a_stopping_leader_hands_over_at_once() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[1, 2, 3]);
    cluster.run_until(|cluster| cluster.all_reached(3));
    let old = cluster.leader().expect("somebody leads");
    let (now, begun) = (cluster.now, cluster.now);
    let replica = cluster.replicas.get_mut(&old).expect("it exists");
    replica.client.as_mut().expect("it leads").begin_shutdown(now);
    cluster.deliver(old, None);
    cluster.run_until(|cluster| cluster.leader().is_some_and(|leader| leader != old));
    assert!(cluster.now.since(begun) < Span::from_millis(100), "{}", cluster.now.since(begun));
    cluster.run_until(|cluster| cluster.replica(old).is_shut_down());
    assert_eq!(cluster.events[&old].last(), Some(&RaftEvent::ShutDown));
}

#[test]
fn a_vote_is_on_disk_when_it_is_given_and_is_kept_after_a_restart() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[1, 2, 3]);
    let granted = |response: &Response| response.body == ResponseBody::Vote { granted: true };
    cluster.down.extend([2, 3]);
    let first = cluster.ask(1, vote(2, 5, (0, 0), 1, false));
    assert!(granted(&first), "{first:?}");
    let file = cluster.replicas[&1].disk.contents("__cluster_metadata-0/quorum-state");
    let file = std::str::from_utf8(file.expect("it was written")).expect("text");
    let stored = ElectionState::from_json(file).expect("it can be read");
    assert_eq!((stored.epoch, stored.voted), (LeaderEpoch(5), Some(key(2))), "K7");
    cluster.restart(1);
    assert!(!granted(&cluster.ask(1, vote(3, 5, (0, 0), 1, false))), "K7: to another");
    assert!(granted(&cluster.ask(1, vote(2, 5, (0, 0), 1, false))), "the same again");
    assert!(granted(&cluster.ask(1, vote(3, 6, (0, 0), 1, false))), "another epoch");
}

#[test]
fn requests_that_are_stale_or_meant_for_others_are_refused() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[1, 2, 3]);
    cluster.down.extend([2, 3]);
    let mut error = |request| cluster.ask(1, request).error;
    assert_eq!(error(vote(2, 5, (0, 0), 1, false)), ErrorCode::None);
    assert_eq!(error(vote(2, 4, (0, 0), 1, false)), ErrorCode::FencedLeaderEpoch);
    assert_eq!(error(vote(2, 6, (6, 0), 1, false)), ErrorCode::InvalidRequest, "its own epoch");
    assert_eq!(error(vote(2, 6, (6, 0), 1, true)), ErrorCode::None, "not so a pre-vote");
    assert_eq!(error(vote(2, 6, (0, -1), 1, false)), ErrorCode::InvalidRequest);
    assert_eq!(error(vote(2, 7, (0, 0), 3, false)), ErrorCode::InvalidVoterKey);
    assert_eq!(
        cluster.replica(1).quorum().epoch(),
        LeaderEpoch(7),
        "the epoch is news all the same"
    );
}

#[test]
fn a_request_of_another_cluster_is_refused_before_it_is_read() {
    let mut cluster = Cluster::new(&[1], &[1]);
    let request = vote(2, 9, (0, 0), 1, false);
    let cluster_id = Some(Arc::from("another"));
    let envelope = Envelope { cluster_id, api: request.api(), request: Some(request) };
    cluster.post(1, envelope);
    let want = Response::failed(Api::Vote, ErrorCode::InconsistentClusterId);
    assert_eq!(cluster.replies, [want]);
    assert_eq!(cluster.replica(1).quorum().epoch(), LeaderEpoch(1), "nothing was learned from it");
}

#[test]
fn successors_wait_the_longer_the_shorter_their_log() {
    let all: Vec<ReplicaKey> = (1..=4).map(key).collect();
    for (id, want_ms) in [(1, 0), (2, 125), (3, 250), (4, 500), (5, 1_000)] {
        let mut cluster = Cluster::new(&[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5, 6]);
        cluster.down.extend((1..=6).filter(|other| *other != id));
        cluster.ask(
            id,
            Request::EndQuorumEpoch(EndQuorumEpoch {
                leader: BrokerId(6),
                epoch: LeaderEpoch(3),
                leader_endpoint: None,
                preferred_candidates: all.clone(),
            }),
        );
        let begun = cluster.now;
        cluster.run_until(|cluster| cluster.role(id) == RaftRole::Prospective);
        let waited = cluster.now.since(begun).as_millis();
        assert!((want_ms..=want_ms + 30).contains(&waited), "{id}: {waited} ms");
    }
}
