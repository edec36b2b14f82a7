//! How a replica starts, from what its disk remembers.

use crate::raft_support::script::Do::{AppendIn, Ends, Error, Poll, Records, Sleep, Votes};
use crate::raft_support::script::start;
use crate::{ALONE, OTHERS, TWO, check};
use trial_cluster::error_code::ErrorCode;

#[test]
fn how_a_replica_starts() {
    check(&[
        ("testInitializeSingleMemberQuorum", start(0).voters(ALONE), &[(Poll, &["Leader 1 of 0"])]),
        (
            "testInitializeAsOnlyVoterWithEmptyElectionState",
            start(0).voters(ALONE),
            &[(Poll, &["Leader 1 of 0"])],
        ),
        (
            "testInitializeAsLeaderFromStateStoreSingleMemberQuorum",
            start(2).of(0).voters(ALONE),
            &[(Poll, &["Leader 3 of 0"])],
        ),
        (
            "testInitializeAsResignedAndOnlyVoter",
            start(2).of(0).voters(ALONE),
            &[(Poll, &["Leader 3 of 0"])],
        ),
        (
            "testInitializeAsCandidateAndOnlyVoter",
            start(2).voted(0).voters(ALONE),
            &[(Poll, &["Leader 2 of 0"])],
        ),
        (
            "testInitializeAsFollowerAndOnlyVoter",
            start(2).of(1).voters(ALONE),
            &[(Poll, &["Leader 3 of 0"])],
        ),
        (
            "testInitializeAsResignedLeaderFromStateStore",
            start(2).of(0),
            &[
                (AppendIn(2), &["refuses NotLeader", "Resigned 2 of 0"]),
                (Ends(1), &["Resigned 2"]),
                (Sleep(1_500), &["Prospective 3", "!voted"]),
            ],
        ),
        (
            "testInitializeAsResignedAndUnableToContactQuorum",
            start(2).of(0),
            &[
                (Sleep(1_500), &["then unattached 3", "Prospective 3,"]),
                (Sleep(2_000), &["then unattached 3"]),
            ],
        ),
        (
            "testEndQuorumEpochRetriesWhileResigned",
            start(19).of(0),
            &[
                (Ends(1), &["!asks", "Resigned 19 of 0"]),
                (Sleep(500), &["!asks c1 end", "Resigned 19"]),
            ],
        ),
        (
            "testInitializeAsCandidateFromStateStore",
            start(2).voted(0),
            &[(Poll, &["Candidate 2 voted 0, end 0"])],
        ),
        (
            "testInitializeAsCandidateAndBecomeLeaderQuorumOfThree",
            start(2).voted(0),
            &[(Votes(1, true), &["Leader 2 of 0, end 3", "asks c1 begin 2", "asks c2 begin 2"])],
        ),
    ]);
}

#[test]
fn how_a_replica_starts_too() {
    check(&[
        (
            "testInitializeAsUnattachedAndBecomeLeader",
            start(0).voters(TWO),
            &[
                (Poll, &["Unattached 0"]),
                (Error(1, ErrorCode::NotLeaderOrFollower, 0, None), &["Unattached 0"]),
                (Sleep(2_000), &["asks c1 pre-vote 0 with 0/0", "Prospective 0"]),
                (Votes(1, true), &["asks c1 vote 1 with 0/0", "Candidate 1 voted 0"]),
                (Votes(1, true), &["asks c1 begin 1", "Leader 1 of 0, end 3"]),
            ],
        ),
        (
            "testInitializeAsFollowerEmptyLog",
            start(5).of(1),
            &[(Sleep(2_000), &["pre-vote 5 with 0/0"])],
        ),
        (
            "testInitializeAsFollowerNonEmptyLog",
            start(5).of(1).log(&[(3, 1)]),
            &[(Records(1, 5, Some(1), &[], 0), &["asks c1 fetch 5 from 3/1", "Follower 5 of 1"])],
        ),
        (
            "testInitializeObserverNoPreviousState",
            start(0).voters(OTHERS),
            &[(
                Error(2, ErrorCode::FencedLeaderEpoch, 5, Some(1)),
                &["asks c1 fetch 5 from 0/0", "Follower 5 of 1"],
            )],
        ),
    ]);
}
