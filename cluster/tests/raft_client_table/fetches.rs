//! What a follower takes, and whom it asks.

use crate::raft_support::script::Do::{
    Diverges, Error, Fetch, Lost, Records, Sleep, Stand, Vote, Win,
};
use crate::raft_support::script::start;
use crate::{OTHERS, TWO, check};
use trial_cluster::error_code::ErrorCode;

#[test]
fn what_a_follower_takes() {
    check(&[
        (
            "testFollowerReplication",
            start(5).of(1).voters(TWO),
            &[(
                Records(1, 5, Some(1), &[(5, 2)], 0),
                &["asks c1 fetch 5 from 5/2", "Follower 5 of 1, end 2"],
            )],
        ),
        (
            "testObserverReplication",
            start(5).of(1).voters(OTHERS),
            &[(
                Records(1, 5, Some(1), &[(5, 2)], 0),
                &["asks c1 fetch 5 from 5/2", "Follower 5 of 1, end 2"],
            )],
        ),
        (
            "testEmptyRecordSetInFetchResponse",
            start(5).of(1).voters(TWO),
            &[
                (Records(1, 5, Some(1), &[], 0), &["end 0, committed 0"]),
                (Records(1, 5, Some(1), &[(5, 2)], 0), &["end 2, committed 0"]),
                (Records(1, 5, Some(1), &[], 2), &["end 2, committed 2"]),
            ],
        ),
        (
            "testFollowerLogReconciliation",
            start(5).of(1).voters(TWO).log(&[(3, 2), (3, 1)]),
            &[(
                Diverges(1, 5, Some(1), (3, 2)),
                &["cuts to 2", "asks c1 fetch 5 from 3/2", "end 2"],
            )],
        ),
        (
            "testHandleCommitCallbackFiresAfterFollowerHighWatermarkAdvances",
            start(5).of(1).voters(TWO),
            &[
                (Records(1, 5, Some(1), &[(5, 3)], 0), &["end 3, committed 0", "!tells up"]),
                (Records(1, 5, Some(1), &[], 3), &["tells up to 2", "committed 3"]),
            ],
        ),
        (
            "testHandleCommitCallbackFiresInVotedState",
            start(6).voters(TWO).log(&[(2, 3), (4, 6)]),
            &[
                (Win, &["Leader 7 of 0, end 12"]),
                (Fetch(1, 7, (7, 12), 0), &["tells up to 11", "committed 12"]),
                (
                    Vote(1, 8, (7, 12)),
                    &["None 8 yes", "Unattached 8 voted 1, end 12, committed 12"],
                ),
            ],
        ),
        (
            "testHandleCommitCallbackFiresInCandidateState",
            start(6).voters(TWO).log(&[(2, 3), (4, 6)]),
            &[
                (Win, &["Leader 7 of 0, end 12"]),
                (Fetch(1, 7, (7, 12), 0), &["tells up to 11", "committed 12"]),
                (Vote(1, 8, (7, 11)), &["None 8 no", "Unattached 8, end 12, committed 12"]),
                (Stand, &["Candidate 9 voted 0, end 12, committed 12"]),
            ],
        ),
    ]);
}

#[test]
fn whom_it_asks() {
    check(&[
        (
            "testFollowerLeaderRediscoveryAfterBrokerNotAvailableError",
            start(5).of(1),
            &[(Lost(1), &["fetch 5 from 0/0", "Follower 5 of 1"])],
        ),
        (
            "testFollowerLeaderRediscoveryAfterRequestTimeout",
            start(5).of(1).voters(OTHERS),
            &[(Sleep(2_000), &["fetch 5 from 0/0", "Follower 5 of 1"])],
        ),
        (
            "testObserverLeaderRediscoveryAfterBrokerNotAvailableError",
            start(5).of(1).voters(OTHERS),
            &[(Lost(1), &["fetch 5 from 0/0", "Follower 5 of 1"])],
        ),
        (
            "testObserverLeaderRediscoveryAfterRequestTimeout",
            start(5).of(1).voters(OTHERS),
            &[(Sleep(2_000), &["fetch 5 from 0/0", "Follower 5 of 1"])],
        ),
        (
            "testObserverUnattachedSendFetchToBootstrapServers",
            start(5).voters(OTHERS),
            &[(
                Error(2, ErrorCode::FencedLeaderEpoch, 5, Some(1)),
                &["asks c1 fetch 5", "Follower 5 of 1"],
            )],
        ),
        (
            "testObserverQuorumDiscoveryFailure",
            start(0).voters(OTHERS),
            &[
                (
                    Error(2, ErrorCode::UnknownServerError, -1, None),
                    &["fetch 0 from 0/0", "Unattached 0"],
                ),
                (Error(2, ErrorCode::FencedLeaderEpoch, 5, Some(1)), &["Follower 5 of 1"]),
            ],
        ),
        (
            "testObserverFollowerSendFetchToBestNode",
            start(5).of(1).voters(OTHERS),
            &[
                (Sleep(2_000), &["asks c2 fetch 5 from 0/0", "Follower 5 of 1"]),
                (Sleep(2_000), &["asks c1 fetch 5 from 0/0", "Follower 5 of 1"]),
            ],
        ),
    ]);
}
