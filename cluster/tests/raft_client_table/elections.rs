//! Elections and pre-votes that it stands for.

use crate::raft_support::script::Do::{
    Begin, Error, Late, PreVote, Records, Sleep, Stand, Vote, Votes, Win,
};
use crate::raft_support::script::start;
use crate::{EMPTY, OTHERS, TWO, check};
use trial_cluster::error_code::ErrorCode;

#[test]
fn elections_that_it_stands_for() {
    check(&[
        (
            "testVoteRequestTimeout",
            start(0).voters(TWO),
            &[
                (Stand, &["asks c1 vote 1", "Candidate 1"]),
                (Late(1, true), &["Candidate 1 voted 0"]),
                (Votes(1, true), &["Leader 1 of 0"]),
            ],
        ),
        (
            "testCandidateWaitsRestOfElectionTimeoutAfterElectionLoss",
            start(0).voters(TWO),
            &[
                (Stand, &["Candidate 1 voted 0"]),
                (Votes(1, false), &["Candidate 1 voted 0"]),
                (Sleep(1_499), &["Candidate 1 voted 0", "!asks"]),
                (Sleep(1), &["asks c1 pre-vote 1 with 0/0", "Prospective 1 voted 0"]),
            ],
        ),
        (
            "testCandidateElectionTimeout",
            start(0).voters(TWO),
            &[
                (Stand, &["asks c1 vote 1 with 0/0", "Candidate 1 voted 0"]),
                (Sleep(1_500), &["asks c1 pre-vote 1 with 0/0", "Prospective 1 voted 0"]),
            ],
        ),
        (
            "testVoterBecomeProspectiveAfterFetchTimeout",
            start(5).of(1).log(&[(3, 1)]),
            &[(
                Sleep(2_000),
                &[
                    "asks c1 pre-vote 5 with 3/1",
                    "asks c2 pre-vote 5 with 3/1",
                    "Prospective 5 of 1",
                ],
            )],
        ),
        (
            "testFollowerAsObserverDoesNotBecomeProspectiveAfterFetchTimeout",
            start(5).of(1).voters(OTHERS).log(&[(3, 1)]),
            &[
                (Sleep(2_000), &["fetch 5 from 3/1", "Follower 5 of 1"]),
                (Vote(1, 6, (5, 1)), &["None 6 yes", "Unattached 6 voted 1"]),
            ],
        ),
        (
            "testUnattachedAsObserverDoesNotBecomeProspectiveAfterElectionTimeout",
            start(5).voters(OTHERS),
            &[
                (Sleep(3_000), &["fetch 5 from 0/0", "Unattached 5"]),
                (Vote(1, 6, (5, 0)), &["None 6 yes", "Unattached 6 voted 1"]),
                (Sleep(3_000), &["fetch 6 from 0/0", "Unattached 6"]),
            ],
        ),
        (
            "testVoteResponseIgnoredAfterBecomingFollower",
            start(4),
            &[
                (Stand, &["Candidate 5"]),
                (Begin(2, 5), &["Follower 5 of 2 voted 0"]),
                (Votes(1, true), &["Follower 5 of 2 voted 0"]),
                (Votes(2, true), &["Follower 5 of 2 voted 0"]),
            ],
        ),
    ]);
}

#[test]
fn elections_that_it_stands_for_too() {
    check(&[
        (
            "testFetchResponseIgnoredAfterBecomingProspective",
            start(5).of(1).voters(TWO),
            &[
                (Sleep(2_000), &["Prospective 5 of 1"]),
                (Records(1, 5, Some(1), &[(3, 2)], 0), &["Prospective 5 of 1, end 0"]),
                (Votes(1, true), &["Candidate 6"]),
            ],
        ),
        (
            "testFetchResponseIgnoredAfterBecomingFollowerOfDifferentLeader",
            start(5).of(1),
            &[
                (Begin(2, 6), &["Follower 6 of 2"]),
                (Records(1, 5, Some(1), &[(3, 2)], 0), &["Follower 6 of 2, end 0"]),
            ],
        ),
        (
            "testUnattachedAsVoterCanBecomeFollowerAfterFindingLeader",
            start(5),
            &[(
                Error(2, ErrorCode::NotLeaderOrFollower, 5, Some(1)),
                &["asks c1 fetch 5 from 0/0", "Follower 5 of 1"],
            )],
        ),
    ]);
}

#[test]
fn pre_votes() {
    check(&[
        (
            "testHandlePreVoteRequestAsFollower",
            start(2).of(1),
            &[
                (PreVote(2, 2, (2, 0)), &["None 2 of 1 yes", "Follower 2 of 1"]),
                (Records(1, 2, Some(1), &[], 0), &["Follower 2 of 1"]),
                (PreVote(2, 2, (2, 0)), &["None 2 of 1 no", "Follower 2 of 1"]),
            ],
        ),
        (
            "testHandlePreVoteRequestAsCandidate",
            start(2).voted(0),
            &[
                (PreVote(1, 2, (2, 1)), &["None 2 yes", "Candidate 2 voted 0"]),
                (PreVote(7, 2, (2, 2)), &["None 2 yes", "Candidate 2 voted 0"]),
                (PreVote(1, 3, (3, 2)), &["None 3 yes", "Unattached 3,"]),
            ],
        ),
        (
            "testHandlePreVoteRequestAsUnattachedObserver",
            start(2).voters(OTHERS),
            &[
                (PreVote(1, 2, (2, 0)), &["None 2 yes", "Unattached 2,"]),
                (PreVote(2, 2, (2, 0)), &["None 2 yes", "Unattached 2,"]),
            ],
        ),
        (
            "testHandlePreVoteRequestAsUnattachedVoted",
            start(2).voted(2),
            &[(PreVote(1, 2, (2, 0)), &["None 2 yes", "Unattached 2 voted 2"])],
        ),
        (
            "testHandleInvalidPreVoteRequestWithOlderEpoch",
            start(2),
            &[(PreVote(1, 1, (1, 0)), &["FencedLeaderEpoch 2 no", "Unattached 2,"])],
        ),
        (
            "testLeaderRejectPreVoteRequestOnSameEpoch",
            start(2),
            &[(Win, &["Leader 3"]), (PreVote(1, 3, (3, 3)), &["None 3 of 0 no", "Leader 3 of 0"])],
        ),
        (
            "testHandlePreVoteRequestAsResigned",
            start(2).of(0),
            &[(PreVote(1, 2, (2, 1)), &["None 2 of 0 yes", "Resigned 2 of 0"])],
        ),
        (
            "testRejectPreVoteIfRemoteLogIsNotUpToDate",
            start(2).log(&[(1, 3)]),
            &[(PreVote(1, 2, (1, 2)), &["None 2 no", "Unattached 2,"])],
        ),
        (
            "testPreVoteResponseIgnoredAfterBecomingFollower",
            start(2),
            &[
                (Sleep(1_500), &["Prospective 2"]),
                (Begin(2, 2), &["Follower 2 of 2"]),
                (Votes(1, true), &["Follower 2 of 2"]),
            ],
        ),
    ]);
}

#[test]
fn pre_votes_too() {
    check(&[
        (
            "testProspectiveReceivesBeginQuorumRequest",
            start(2).of(1),
            &[
                (Sleep(2_000), &["Prospective 2 of 1"]),
                (Begin(1, 3), &["answers None 3 of 1", "Follower 3 of 1"]),
            ],
        ),
        (
            "testProspectiveTransitionsToUnattachedOnElectionFailure",
            start(2),
            &[
                (Sleep(1_500), &["Prospective 2"]),
                (Votes(1, false), &["Prospective 2"]),
                (Votes(2, false), &["Unattached 2"]),
            ],
        ),
        (
            "testProspectiveWithLeaderTransitionsToFollower",
            start(2).of(1),
            &[
                (Sleep(2_000), &["Prospective 2 of 1"]),
                (Votes(1, false), &["Prospective 2 of 1"]),
                (Votes(2, false), &["asks c1 fetch 2", "Follower 2 of 1"]),
            ],
        ),
        (
            "testLeaderAcceptPreVoteFromObserver",
            start(4),
            &[
                (Win, &["Leader 5"]),
                (PreVote(7, 4, EMPTY), &["FencedLeaderEpoch 5 of 0 no"]),
                (PreVote(7, 5, EMPTY), &["None 5 of 0 no"]),
            ],
        ),
        (
            "testPreVoteRequestTimeout",
            start(2).voters(TWO),
            &[
                (Sleep(1_500), &["asks c1 pre-vote 2", "Prospective 2"]),
                (Late(1, true), &["Prospective 2"]),
                (Votes(1, true), &["Candidate 3 voted 0"]),
            ],
        ),
    ]);
}
