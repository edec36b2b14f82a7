//! Epochs that begin and end while it looks on.

use crate::raft_support::script::Do::{Begin, BeginFor, End, Error, Fetch, Of, Sleep, Stand, Win};
use crate::raft_support::script::start;
use crate::{EMPTY, check};
use trial_cluster::error_code::ErrorCode;

#[test]
fn epochs_that_begin_and_end() {
    check(&[
        (
            "testHandleBeginQuorumRequest",
            start(2).voted(1),
            &[(Begin(1, 2), &["answers None 2 of 1", "Follower 2 of 1 voted 1"])],
        ),
        (
            "testHandleBeginQuorumResponse",
            start(2).of(0),
            &[(Begin(1, 3), &["answers None 3 of 1", "Follower 3 of 1"])],
        ),
        (
            "testInvalidVoterReplicaBeginQuorumEpochRequest",
            start(4),
            &[
                (BeginFor(9, 2, 5), &["InvalidVoterKey 5 of 2", "Follower 5 of 2"]),
                (BeginFor(1, 2, 5), &["InvalidVoterKey 5 of 2", "Follower 5 of 2"]),
                (Begin(2, 5), &["answers None 5 of 2"]),
            ],
        ),
        (
            "testBeginQuorumEpochRequestClusterIdValidation",
            start(4),
            &[
                (Win, &["Leader 5"]),
                (Of(None, Box::new(Begin(0, 5))), &["answers None 5 of 0"]),
                (Of(Some(""), Box::new(Begin(0, 5))), &["answers InconsistentClusterId"]),
                (Of(Some("another"), Box::new(Begin(0, 5))), &["answers InconsistentClusterId"]),
            ],
        ),
        (
            "testEndQuorumEpochRequestClusterIdValidation",
            start(4),
            &[
                (Win, &["Leader 5"]),
                (Of(None, Box::new(End(0, 5, &[1]))), &["answers None 5 of 0"]),
                (Of(Some(""), Box::new(End(0, 5, &[1]))), &["answers InconsistentClusterId"]),
            ],
        ),
        (
            "testEndQuorumIgnoredAsCandidateIfOlderEpoch",
            start(4),
            &[
                (Stand, &["Candidate 5"]),
                (End(1, 3, &[0]), &["FencedLeaderEpoch 5"]),
                (Sleep(1_499), &["Candidate 5 voted 0"]),
                (Sleep(1), &["Prospective 5"]),
            ],
        ),
        (
            "testEndQuorumIgnoredAsLeaderIfOlderEpoch",
            start(6),
            &[
                (Win, &["Leader 7"]),
                (End(1, 5, &[0, 2]), &["FencedLeaderEpoch 7 of 0"]),
                (Sleep(1_999), &["Leader 7 of 0"]),
            ],
        ),
        (
            "testEndQuorumStartsNewElectionImmediatelyIfFollowerUnattached",
            start(2),
            &[(End(1, 2, &[0, 2]), &["answers None 2 of 1", "Prospective 2 of 1"])],
        ),
    ]);
}

#[test]
fn epochs_that_begin_and_end_too() {
    check(&[
        (
            "testHandleEndQuorumRequest",
            start(2).of(1),
            &[(End(1, 2, &[0]), &["answers None 2 of 1", "Prospective 2 of 1"])],
        ),
        (
            "testHandleEndQuorumRequestWithLowerPriorityToBecomeLeader",
            start(3).of(1),
            &[
                (End(1, 3, &[2, 0]), &["answers None 3 of 1", "Follower 3 of 1"]),
                (Sleep(1_000), &["asks c1 pre-vote 3", "asks c2 pre-vote 3", "Prospective 3 of 1"]),
            ],
        ),
        (
            "testBeginQuorumEpochHeartbeat",
            start(0),
            &[
                (Win, &["asks c1 begin 1", "asks c2 begin 1"]),
                (Error(1, ErrorCode::None, 1, Some(0)), &["Leader 1"]),
                (Error(2, ErrorCode::None, 1, Some(0)), &["Leader 1"]),
                (Sleep(999), &["!begin"]),
                (Sleep(1), &["asks c1 begin 1", "asks c2 begin 1"]),
            ],
        ),
        (
            "testBeginQuorumShouldNotSendAfterFetchRequest",
            start(0),
            &[
                (Win, &["Leader 1"]),
                (Error(1, ErrorCode::None, 1, Some(0)), &["Leader 1"]),
                (Error(2, ErrorCode::None, 1, Some(0)), &["Leader 1"]),
                (Sleep(500), &["!begin"]),
                (Fetch(1, 1, EMPTY, 0), &["answers None 1 of 0 records"]),
                (Sleep(500), &["!asks c1 begin", "asks c2 begin 1"]),
            ],
        ),
    ]);
}
