//! What a leader writes, commits and answers, and how it resigns.

use crate::raft_support::script::Do::{
    Append, AppendIn, Begin, Ends, Fetch, Of, Poll, Resign, ShutDown, Sleep, Vote, Win,
};
use crate::raft_support::script::{Script, Start, start};
use crate::{ALONE, EMPTY, OTHERS, TWO, check};

#[test]
fn a_leader_that_resigns() {
    check(&[
        (
            "testLeaderShouldResignLeadershipIfNotGetFetchRequestFromMajorityVoters",
            start(0),
            &[
                (Win, &["Leader 1"]),
                (Sleep(1_500), &["Leader 1"]),
                (Fetch(1, 1, EMPTY, 0), &["Leader 1"]),
                (Sleep(1_500), &["Leader 1"]),
                (Fetch(2, 1, EMPTY, 0), &["Leader 1"]),
                (Sleep(1_500), &["Leader 1"]),
                (Fetch(7, 1, EMPTY, 0), &["Leader 1"]),
                (Sleep(1_500), &["Resigned 1 of 0"]),
            ],
        ),
        (
            "testLeaderShouldNotResignLeadershipIfOnlyOneVoters",
            start(0).voters(ALONE),
            &[(Sleep(3_000), &["Leader 1"])],
        ),
        (
            "testResignInOlderEpochIgnored",
            start(4).voters(ALONE),
            &[
                (Poll, &["Leader 5"]),
                (Resign(4), &["Leader 5"]),
                (Sleep(3_000), &["Leader 5 of 0"]),
            ],
        ),
        (
            "testHandleBeginQuorumEpochAfterUserInitiatedResign",
            start(0),
            &[
                (Win, &["Leader 1"]),
                (Resign(1), &["Resigned 1 of 0"]),
                (Begin(1, 2), &["answers None 2 of 1", "tells 1 leads 2", "Follower 2 of 1"]),
            ],
        ),
        (
            "testElectionTimeoutAfterUserInitiatedResign",
            start(0).voters(TWO),
            &[
                (Win, &["Leader 1"]),
                (Resign(1), &["asks c1 end 1 then [1]", "Resigned 1 of 0"]),
                (Ends(1), &["Resigned 1"]),
                (Sleep(20), &["!asks"]),
                (Fetch(7, 1, EMPTY, 0), &["NotLeaderOrFollower 1 of 0"]),
                (Sleep(3_000), &["tells nobody leads 2", "Prospective 2,"]),
            ],
        ),
        (
            "testResignWillCompleteFetchPurgatory",
            start(0).voters(TWO),
            &[
                (Win, &["Leader 1"]),
                (Fetch(1, 1, (1, 3), 1_000), &["!records", "!empty"]),
                (ShutDown, &["NotLeaderOrFollower 1 of 0", "Resigned 1 of 0"]),
                (Sleep(5_000), &["tells it has stopped"]),
            ],
        ),
    ]);
}

#[test]
fn a_leader_that_resigns_too() {
    check(&[
        (
            "testLeaderGracefulShutdown",
            start(0).voters(TWO),
            &[
                (Win, &["Leader 1"]),
                (ShutDown, &["asks c1 end 1 then [1]", "!stopped"]),
                (Vote(1, 2, (1, 3)), &["None 2 yes", "!stopped"]),
                (Begin(1, 2), &["tells it has stopped"]),
            ],
        ),
        (
            "testLeaderGracefulShutdownTimeout",
            start(0).voters(TWO),
            &[
                (Win, &["Leader 1"]),
                (ShutDown, &["asks c1 end 1", "!stopped"]),
                (Sleep(4_999), &["!stopped"]),
                (Sleep(1), &["tells it has stopped"]),
            ],
        ),
        ("testFollowerGracefulShutdown", start(5).of(1), &[(ShutDown, &["tells it has stopped"])]),
        (
            "testObserverGracefulShutdown",
            start(5).voters(OTHERS),
            &[(ShutDown, &["tells it has stopped"])],
        ),
        (
            "testGracefulShutdownSingleMemberQuorum",
            start(0).voters(ALONE),
            &[(ShutDown, &["tells it has stopped"])],
        ),
    ]);
}

#[test]
fn what_a_leader_writes_and_commits() {
    let lingers = Start { linger_ms: 50, ..start(0).voters(TWO) };
    check(&[
        (
            "testAppendFailedWithNotLeaderException",
            start(5),
            &[(AppendIn(5), &["refuses NotLeader"])],
        ),
        (
            "testAppendFailedWithFencedEpoch",
            start(0),
            &[(Win, &["Leader 1"]), (AppendIn(0), &["refuses NotLeader"])],
        ),
        (
            "testAppendFailedWithRecordBatchTooLargeException",
            start(0).voters(ALONE),
            &[(Append(400_000), &["refuses TooLarge"])],
        ),
        (
            "testAccumulatorClearedAfterBecomingFollower",
            lingers.clone(),
            &[
                (Win, &["Leader 1 of 0, end 3"]),
                (Append(1), &["will write 3"]),
                (Begin(1, 2), &["Follower 2 of 1"]),
                (Sleep(50), &["Follower 2 of 1, end 3"]),
            ],
        ),
        (
            "testAccumulatorClearedAfterBecomingVoted",
            lingers.clone(),
            &[
                (Win, &["Leader 1 of 0, end 3"]),
                (Append(1), &["will write 3"]),
                (Vote(1, 2, (1, 3)), &["Unattached 2 voted 1"]),
                (Sleep(50), &["end 3"]),
            ],
        ),
        (
            "testAccumulatorClearedAfterBecomingUnattached",
            lingers.clone(),
            &[
                (Win, &["Leader 1 of 0, end 3"]),
                (Append(1), &["will write 3"]),
                (Vote(1, 2, (1, 0)), &["None 2 no", "Unattached 2,"]),
                (Sleep(50), &["end 3"]),
            ],
        ),
        (
            "testChannelWokenUpIfLingerTimeoutReachedWithoutAppend",
            lingers,
            &[
                (Win, &["Leader 1 of 0, end 3"]),
                (Append(1), &["will write 3", "end 3"]),
                (Sleep(20), &["end 3"]),
                (Sleep(30), &["end 4"]),
            ],
        ),
    ]);
}

#[test]
fn what_a_leader_writes_and_commits_too() {
    check(&[
        (
            "testListenerCommitCallbackAfterLeaderWrite",
            start(4).voters(TWO),
            &[
                (Win, &["Leader 5 of 0, end 3", "!committed"]),
                (Fetch(1, 5, (5, 3), 0), &["committed 3", "tells up to 2", "tells it leads 5"]),
                (Append(3), &["end 6, committed 3"]),
                (
                    Fetch(1, 5, (5, 3), 500),
                    &["answers None 5 of 0 records", "committed 3", "!tells up"],
                ),
                (Fetch(1, 5, (5, 6), 500), &["tells up to 5", "committed 6"]),
            ],
        ),
        (
            "testFetchShouldBeTreatedAsLeaderAcknowledgement",
            start(0).voters(TWO),
            &[
                (Win, &["Leader 1", "asks c1 begin 1"]),
                (Fetch(1, 1, EMPTY, 500), &["answers None 1 of 0 records"]),
                (Sleep(999), &["!asks"]),
            ],
        ),
        (
            "testLeaderAppendSingleMemberQuorum",
            start(0).voters(ALONE),
            &[
                (Append(3), &["will write 5", "end 6, committed 6", "tells up to 5"]),
                (Fetch(7, 1, EMPTY, 500), &["answers None 1 of 0 records"]),
            ],
        ),
    ]);
}

#[test]
fn fetches_that_a_leader_answers() {
    check(&[
        (
            "testLeaderImmediatelySendsDivergingEpoch",
            start(5).log(&[(1, 3), (3, 3), (5, 3)]),
            &[
                (Win, &["Leader 6"]),
                (Fetch(1, 6, (2, 6), 500), &["None 6 of 0 diverging 1/3 empty"]),
            ],
        ),
        (
            "testInvalidFetchRequest",
            start(4),
            &[
                (Win, &["Leader 5"]),
                (Fetch(1, 5, (0, -5), 0), &["InvalidRequest 5 of 0"]),
                (Fetch(1, 5, (-1, 0), 0), &["InvalidRequest 5 of 0"]),
                (Fetch(1, 5, (6, 0), 0), &["InvalidRequest 5 of 0"]),
                (Fetch(1, 6, EMPTY, 0), &["UnknownLeaderEpoch 5 of 0"]),
                (Fetch(1, 5, EMPTY, -1), &["InvalidRequest 5 of 0"]),
            ],
        ),
        (
            "testFetchRequestClusterIdValidation",
            start(4),
            &[
                (Win, &["Leader 5"]),
                (Fetch(1, 5, (0, -5), 0), &["InvalidRequest 5 of 0"]),
                (Of(None, Box::new(Fetch(1, 5, (0, -5), 0))), &["InvalidRequest 5 of 0"]),
                (
                    Of(Some(""), Box::new(Fetch(1, 5, (0, -5), 0))),
                    &["answers InconsistentClusterId"],
                ),
                (
                    Of(Some("another"), Box::new(Fetch(1, 5, (0, -5), 0))),
                    &["answers InconsistentClusterId"],
                ),
            ],
        ),
        (
            "testPurgatoryFetchTimeout",
            start(4),
            &[
                (Win, &["Leader 5"]),
                (Fetch(1, 5, (5, 3), 0), &["tells up to 2"]),
                (Fetch(1, 5, (5, 3), 500), &["!answers"]),
                (Sleep(500), &["answers None 5 of 0 empty"]),
            ],
        ),
        (
            "testPurgatoryFetchSatisfiedByWrite",
            start(4),
            &[
                (Win, &["Leader 5"]),
                (Fetch(1, 5, (5, 3), 0), &["answers None 5 of 0 empty"]),
                (Fetch(1, 5, (5, 3), 500), &["!answers"]),
                (Append(3), &["answers None 5 of 0 records"]),
            ],
        ),
        (
            "testPurgatoryFetchCompletedByFollowerTransition",
            start(4),
            &[
                (Win, &["Leader 5"]),
                (Fetch(1, 5, (5, 3), 0), &["answers None 5 of 0 empty"]),
                (Fetch(1, 5, (5, 3), 500), &["!answers"]),
                (
                    Begin(2, 6),
                    &["answers None 6 of 2", "NotLeaderOrFollower 6 of 2", "Follower 6 of 2"],
                ),
            ],
        ),
    ]);
}

/// `testCannotResignWithLargerEpochThanCurrentEpoch`; to resign without leading is no fault here, and changes nothing.
#[test]
#[should_panic(expected = "which has not begun")]
fn nobody_resigns_an_epoch_that_has_not_begun() {
    let mut script = Script::open(&start(0).voters(ALONE));
    script.go(&Resign(2));
}
