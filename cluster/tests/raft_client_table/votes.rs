//! Votes that others ask it for.

use crate::raft_support::script::Do::{Of, ShutDown, Sleep, Vote, VoteFor, Win};
use crate::raft_support::script::{Script, start};
use crate::{EMPTY, FAR, OTHERS, check};

#[test]
fn votes_that_are_asked_of_it() {
    check(&[
        (
            "testRejectVotesFromSameEpochAfterResigningLeadership",
            start(2).of(0),
            &[(Vote(1, 2, EMPTY), &["None 2 of 0 no", "Resigned 2"])],
        ),
        (
            "testRejectVotesFromSameEpochAfterResigningCandidacy",
            start(2).voted(0),
            &[(Vote(1, 2, EMPTY), &["None 2 no", "Candidate 2 voted 0"])],
        ),
        (
            "testGrantVotesFromHigherEpochAfterResigningLeadership",
            start(2).of(0),
            &[(Vote(1, 3, EMPTY), &["None 3 yes", "Unattached 3 voted 1"])],
        ),
        (
            "testGrantVotesFromHigherEpochAfterResigningCandidacy",
            start(2).voted(0),
            &[(Vote(1, 3, EMPTY), &["None 3 yes", "Unattached 3 voted 1"])],
        ),
        (
            "testGrantVotesWhenShuttingDown",
            start(0),
            &[
                (Win, &["Leader 1"]),
                (ShutDown, &["Resigned 1"]),
                (Vote(1, 2, (1, 3)), &["None 2 yes", "Unattached 2 voted 1"]),
            ],
        ),
        (
            "testHandleValidVoteRequestAsFollower",
            start(2),
            &[(Vote(1, 2, (1, 1)), &["None 2 yes", "Unattached 2 voted 1"])],
        ),
        (
            "testHandleVoteRequestAsFollowerWithElectedLeader",
            start(2).of(2),
            &[(Vote(1, 2, (1, 1)), &["None 2 of 2 no", "Follower 2 of 2"])],
        ),
        (
            "testHandleVoteRequestAsFollowerWithVotedCandidate",
            start(2).voted(2),
            &[(Vote(1, 2, (1, 1)), &["None 2 no", "Unattached 2 voted 2"])],
        ),
        (
            "testHandleVoteRequestAsProspective",
            start(2).of(2),
            &[
                (Sleep(2_000), &["Prospective 2 of 2"]),
                (Vote(1, 3, (2, 1)), &["None 3 yes", "Unattached 3 voted 1"]),
            ],
        ),
        (
            "testHandleVoteRequestAsProspectiveWithVotedCandidate",
            start(2).voted(2),
            &[
                (Sleep(2_000), &["Prospective 2 voted 2"]),
                (Vote(1, 3, (2, 1)), &["None 3 yes", "Unattached 3 voted 1"]),
            ],
        ),
        (
            "testHandleInvalidVoteRequestWithOlderEpoch",
            start(2),
            &[(Vote(1, 1, (0, 1)), &["FencedLeaderEpoch 2 no", "Unattached 2,"])],
        ),
    ]);
}

#[test]
fn votes_that_are_asked_of_it_too() {
    check(&[
        (
            "testHandleVoteRequestAsObserver",
            start(2).voters(OTHERS),
            &[(Vote(1, 3, (2, 1)), &["None 3 yes", "Unattached 3 voted 1"])],
        ),
        (
            "testLeaderIgnoreVoteRequestOnSameEpoch",
            start(2),
            &[(Win, &["Leader 3"]), (Vote(1, 3, (2, 1)), &["None 3 of 0 no", "Leader 3 of 0"])],
        ),
        (
            "testCandidateIgnoreVoteRequestOnSameEpoch",
            start(2).voted(0),
            &[(Vote(1, 2, (1, 1)), &["None 2 no", "Candidate 2 voted 0"])],
        ),
        (
            "testLeaderAcceptVoteFromObserver",
            start(4),
            &[
                (Win, &["Leader 5"]),
                (Vote(7, 4, EMPTY), &["FencedLeaderEpoch 5 of 0 no"]),
                (Vote(7, 5, EMPTY), &["None 5 of 0 no"]),
            ],
        ),
        (
            "testInvalidVoteRequest",
            start(5).of(1),
            &[
                (Vote(1, 6, (0, -5)), &["InvalidRequest 5 of 1 no", "Follower 5 of 1"]),
                (Vote(1, 6, (-1, 0)), &["InvalidRequest 5 of 1 no", "Follower 5 of 1"]),
                (Vote(1, 6, (6, 0)), &["InvalidRequest 5 of 1 no", "Follower 5 of 1"]),
            ],
        ),
        (
            "testInvalidVoterReplicaVoteRequest",
            start(0),
            &[
                (Win, &["Leader 1"]),
                (VoteFor(2, 1, 2), &["InvalidVoterKey 2 no"]),
                (VoteFor(9, 1, 3), &["InvalidVoterKey 3 no"]),
            ],
        ),
        (
            "testVoteRequestClusterIdValidation",
            start(0),
            &[
                (Win, &["Leader 1"]),
                (Vote(1, 1, EMPTY), &["None 1 of 0 no"]),
                (Of(None, Box::new(Vote(1, 1, EMPTY))), &["None 1 of 0 no"]),
                (Of(Some(""), Box::new(Vote(1, 1, EMPTY))), &["answers InconsistentClusterId"]),
                (
                    Of(Some("another"), Box::new(Vote(1, 1, EMPTY))),
                    &["answers InconsistentClusterId"],
                ),
            ],
        ),
    ]);
}

/// An end of a log that the rows above do not need, used once: a vote for who is far ahead of a follower in an older
/// epoch is not given to a log that ends earlier.
#[test]
fn a_candidate_that_is_behind_gets_no_vote() {
    let mut script = Script::open(&start(4).log(&[(4, 100)]));
    assert!(script.go(&Vote(1, 5, (4, 99))).contains("None 5 no"), "one record less");
    assert!(script.go(&Vote(1, 5, FAR)).contains("None 5 yes"), "as far");
}
