//! Kafka's table of what a replica of the quorum does with each message and as time passes.
//!
//! In Kafka:   `KafkaRaftClientTest`: 97 of its 123 tests, and 14 of the 24 of `KafkaRaftClientPreVoteTest`, each
//!             row under the name of its method, with the requests of KIP-853.
//! Holds:      rows: what the replica starts from (0 of the voters 0, 1 and 2), then what happens, and what of its
//!             answer, its requests and its state Kafka's test demands; after `!` what must not be there. Where Kafka's
//!             leader begins with one record, ours begins with three: the voters go into the log, too.
//! Left out:   DescribeQuorum (5), listeners that register late or again (7), kraft.version 0, its files and old
//!             versions of requests (3), metrics and the memory pool (2), several listeners (1), ids that are missing
//!             (2), whom an observer asks next after each kind of failure (2), an append that comes while others
//!             linger (1), the order of successors by their fetches, which `raft/high_watermark.rs` tests (1), and to
//!             resign without leading, which changes nothing here and is a caller's fault there (2).

mod raft_support;

use Do::{
    Append, AppendIn, Begin, BeginFor, Diverges, End, Ends, Error, Fetch, Late, Lost, Of, Poll,
    PreVote, Records, Resign, ShutDown, Sleep, Stand, Vote, VoteFor, Votes, Win,
};
use raft_support::script::{Do, Script, Start, start};
use trial_cluster::error_code::ErrorCode;

type Row<'a> = (&'a str, Start, &'a [(Do, &'a [&'a str])]);

/// Plays each row, and demands of each of its lines what is said.
#[track_caller]
fn check(rows: &[Row<'_>]) {
    let wrong: Vec<String> = rows.iter().filter_map(broken).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The first line of a row that does not say what it should.
fn broken((test, start, lines): &Row<'_>) -> Option<String> {
    let mut script = Script::open(start);
    lines.iter().find_map(|(what, want)| {
        let got = script.go(what);
        let holds = |part: &&&str| match part.strip_prefix('!') {
            Some(absent) => !got.contains(absent),
            None => got.contains(**part),
        };
        let part = want.iter().find(|part| !holds(part))?;
        Some(format!("{test}: {what:?}: {part:?} of {got:?}"))
    })
}

const ALONE: &[i32] = &[0];
const TWO: &[i32] = &[0, 1];
const OTHERS: &[i32] = &[1, 2];
/// The end of an empty log.
const EMPTY: (i32, i64) = (0, 0);
/// An end far beyond.
const FAR: (i32, i64) = (4, 100);

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

/// `testCannotResignWithLargerEpochThanCurrentEpoch`; to resign without leading is no fault here, and changes nothing.
#[test]
#[should_panic(expected = "which has not begun")]
fn nobody_resigns_an_epoch_that_has_not_begun() {
    let mut script = Script::open(&start(0).voters(ALONE));
    script.go(&Resign(2));
}

/// An end of a log that the rows above do not need, used once: a vote for who is far ahead of a follower in an older
/// epoch is not given to a log that ends earlier.
#[test]
fn a_candidate_that_is_behind_gets_no_vote() {
    let mut script = Script::open(&start(4).log(&[(4, 100)]));
    assert!(script.go(&Vote(1, 5, (4, 99))).contains("None 5 no"), "one record less");
    assert!(script.go(&Vote(1, 5, FAR)).contains("None 5 yes"), "as far");
}
