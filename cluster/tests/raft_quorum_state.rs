//! Kafka's table of a replica's states: from each state to each other one, what is allowed and what is remembered.
//!
//! In Kafka:   `QuorumStateTest`: 94 of its 98 tests, each row under the name of its method, with kraft.version 1.
//! Holds:      rows: what is on the disk, the moves, and what the replica is then; a move that is refused panics.
//!             After every row the file `quorum-state` says what the memory says.
//! Left out:   testCannotTransitionToFollowerWithNoLeaderEndpoint (a leader without an endpoint cannot be written),
//!             testFollowerToFollowerSameEpochAndMoreEndpoints (a voter has one listener here),
//!             testInitializeWithEmptyLocalId and testNoLocalIdInitializationFailsIfElectionStateHasVotedCandidate (a
//!             replica has an id). A vote is given in the epoch that the replica is in, so what Kafka refuses for a
//!             vote in another epoch cannot be asked.

mod raft_support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use raft_support::moves::Move::{Follow, Lead, Resign, Run, Sleep, Stand, Unattach, Usurp, Vote};
use raft_support::moves::{Member, Move, Stored};
use trial_cluster::ids::{LeaderEpoch, Offset};

/// Plays each row; wants what is said, or that the last move is refused and changes nothing.
#[track_caller]
fn check(rows: &[(&str, Stored, &[Move], &str)]) {
    for (test, stored, moves, want) in rows {
        let mut member = Member::start(stored);
        let (last, first) =
            moves.split_last().map_or((None, *moves), |(last, rest)| (Some(last), rest));
        first.iter().for_each(|step| member.go(step));
        let before = member.show();
        let refused =
            last.is_some_and(|last| catch_unwind(AssertUnwindSafe(|| member.go(last))).is_err());
        let got = if refused { "refused".to_owned() } else { member.show() };
        assert_eq!(got, *want, "{test}: {stored:?} {moves:?}, after {before}");
        if refused {
            assert_eq!(member.show(), before, "{test}: what is refused changes nothing");
        }
        member.check_file(test);
    }
}

const NEW: Stored = Stored::Nothing { log_epoch: 0 };

fn log(log_epoch: i32) -> Stored {
    Stored::Nothing { log_epoch }
}

/// The file says: this epoch, its leader, who has the vote.
fn file(epoch: i32, leader: Option<i32>, voted: Option<i32>) -> Stored {
    Stored::File { epoch, leader, voted }
}

#[test]
fn what_a_replica_starts_with() {
    check(&[
        (
            "testInitializePrimordialEpoch",
            Stored::Alone,
            &[Stand, Run],
            "Candidate 1 voted 0, 1500 ms",
        ),
        ("testInitializeAsUnattached", file(5, None, None), &[], "Unattached 5, 1500 ms"),
        ("testInitializeAsFollower", file(5, Some(1), None), &[], "Follower 5 of 1, 2000 ms"),
        (
            "testInitializeVotedAndLeaderAreSame",
            file(5, Some(1), Some(1)),
            &[],
            "Follower 5 of 1 voted 1, 2000 ms",
        ),
        (
            "testInitializeVotedAndLeaderAreDifferent",
            file(5, Some(1), Some(2)),
            &[],
            "Follower 5 of 1 voted 2, 2000 ms",
        ),
        (
            "testInitializeAsUnattachedWhenMissingEndpoints",
            file(5, Some(3), Some(1)),
            &[],
            "Unattached 5 of 3 voted 1, 1500 ms",
        ),
        (
            "testInitializeAsVotedNoLeader",
            file(5, None, Some(1)),
            &[],
            "Unattached 5 voted 1, 1500 ms",
        ),
        (
            "testInitializeAsResignedCandidate",
            file(5, None, Some(0)),
            &[],
            "Candidate 5 voted 0, 1500 ms",
        ),
        ("testInitializeAsResignedLeader", file(5, Some(0), None), &[], "Resigned 5 of 0, 1500 ms"),
        ("testInitializeAsOnlyVoter", Stored::Alone, &[], "Unattached 0, 1500 ms"),
        ("testInitializeWithCorruptedStore", log(2), &[], "Unattached 2, 1500 ms"),
        ("testCanBecomeFollowerOfNonVoter", log(4), &[Vote(9)], "Unattached 4 voted 9, 1500 ms"),
        (
            "testCanBecomeFollowerOfNonVoter",
            log(4),
            &[Vote(9), Follow(4, 9)],
            "Follower 4 of 9 voted 9, 2000 ms",
        ),
        ("testCannotFollowSelf", NEW, &[Follow(0, 0)], "refused"),
        ("testCannotFollowSelf", NEW, &[Vote(0)], "refused"),
    ]);
}

#[test]
fn from_unattached() {
    check(&[
        ("testUnattachedToUnattached", log(0), &[Unattach(5, None), Unattach(5, None)], "refused"),
        (
            "testUnattachedToUnattached",
            log(0),
            &[Unattach(5, None), Sleep(1000), Unattach(6, None)],
            "Unattached 6, 500 ms",
        ),
        ("testUnattachedCannotAddVotedStateForSelf", NEW, &[Vote(0)], "refused"),
        (
            "testUnattachedToUnattachedVotedSameEpoch",
            NEW,
            &[Unattach(5, None), Sleep(700), Vote(1)],
            "Unattached 5 voted 1, 1500 ms",
        ),
        (
            "testUnattachedToUnattachedVotedHigherEpoch",
            NEW,
            &[Unattach(5, None), Unattach(10, None), Vote(1)],
            "Unattached 10 voted 1, 1500 ms",
        ),
        (
            "testUnattachedToFollowerSameEpoch",
            NEW,
            &[Unattach(5, None), Follow(5, 1)],
            "Follower 5 of 1, 2000 ms",
        ),
        (
            "testUnattachedToFollowerHigherEpoch",
            NEW,
            &[Unattach(5, None), Follow(8, 1)],
            "Follower 8 of 1, 2000 ms",
        ),
        ("testUnattachedToProspective", log(5), &[Sleep(900), Stand], "Prospective 5, 1500 ms"),
        ("testUnattachedToCandidate", NEW, &[Unattach(5, None), Run], "refused"),
        ("testUnattachedToLeaderOrResigned", file(5, None, Some(1)), &[Usurp], "refused"),
        ("testUnattachedToLeaderOrResigned", file(5, None, Some(1)), &[Resign], "refused"),
        (
            "testUnattachedToAnyStateLowerEpoch",
            NEW,
            &[Unattach(5, None), Unattach(4, None)],
            "refused",
        ),
        ("testUnattachedToAnyStateLowerEpoch", NEW, &[Unattach(5, None), Follow(4, 1)], "refused"),
        (
            "testUnattachedVotedToUnattachedSameEpoch",
            log(5),
            &[Vote(1), Unattach(5, None)],
            "refused",
        ),
        (
            "testUnattachedVotedToUnattachedHigherEpoch",
            log(5),
            &[Vote(1), Sleep(1000), Unattach(6, None)],
            "Unattached 6, 500 ms",
        ),
        ("testUnattachedVotedToUnattachedVoted", log(8), &[Vote(1), Vote(2)], "refused"),
        ("testUnattachedVotedToUnattachedVoted", log(8), &[Vote(1), Vote(1)], "refused"),
        (
            "testUnattachedVotedToFollowerSameEpoch",
            log(5),
            &[Vote(1), Follow(5, 2)],
            "Follower 5 of 2 voted 1, 2000 ms",
        ),
    ]);
}

#[test]
fn from_unattached_too() {
    check(&[
        (
            "testUnattachedVotedToFollowerHigherEpoch",
            log(5),
            &[Vote(1), Follow(8, 2)],
            "Follower 8 of 2, 2000 ms",
        ),
        (
            "testUnattachedVotedToProspective",
            log(5),
            &[Vote(1), Stand],
            "Prospective 5 voted 1, 1500 ms",
        ),
        ("testUnattachedVotedToCandidateOrLeaderOrResigned", log(5), &[Vote(1), Run], "refused"),
        ("testUnattachedVotedToCandidateOrLeaderOrResigned", log(5), &[Vote(1), Usurp], "refused"),
        ("testUnattachedVotedToCandidateOrLeaderOrResigned", log(5), &[Vote(1), Resign], "refused"),
        (
            "testUnattachedVotedToAnyStateLowerEpoch",
            log(5),
            &[Vote(1), Unattach(4, None)],
            "refused",
        ),
        ("testUnattachedVotedToAnyStateLowerEpoch", log(5), &[Vote(1), Follow(4, 1)], "refused"),
        (
            "testUnattachedWithLeaderToProspective",
            file(3, Some(1), None),
            &[Stand],
            "Prospective 3 of 1, 1500 ms",
        ),
        (
            "testUnattachedWithLeaderNoEndpointToAndFromProspective",
            file(5, Some(3), None),
            &[Stand],
            "Prospective 5 of 3, 1500 ms",
        ),
        (
            "testUnattachedWithLeaderNoEndpointToAndFromProspective",
            file(5, Some(3), None),
            &[Stand, Unattach(5, Some(3))],
            "Unattached 5 of 3, 1500 ms",
        ),
    ]);
}

#[test]
fn from_follower() {
    check(&[
        ("testFollowerToUnattachedSameEpoch", NEW, &[Follow(8, 1), Unattach(8, None)], "refused"),
        ("testFollowerToUnattachedSameEpoch", NEW, &[Follow(8, 1), Vote(2)], "refused"),
        (
            "testFollowerToUnattachedHigherEpoch",
            NEW,
            &[Follow(8, 1), Sleep(1900), Unattach(9, None)],
            "Unattached 9, 1500 ms",
        ),
        ("testFollowerToUnattachedVotedHigherEpoch", NEW, &[Follow(8, 1), Vote(2)], "refused"),
        ("testFollowerToFollowerSameEpoch", NEW, &[Follow(8, 1), Follow(8, 1)], "refused"),
        ("testFollowerToFollowerSameEpoch", NEW, &[Follow(8, 1), Follow(8, 2)], "refused"),
        (
            "testFollowerToFollowerHigherEpoch",
            NEW,
            &[Follow(8, 1), Follow(9, 2)],
            "Follower 9 of 2, 2000 ms",
        ),
        ("testFollowerToProspective", NEW, &[Follow(8, 1), Stand], "Prospective 8 of 1, 1500 ms"),
        ("testFollowerToCandidate", NEW, &[Follow(8, 1), Run], "refused"),
        ("testFollowerToLeaderOrResigned", NEW, &[Follow(8, 1), Usurp], "refused"),
        ("testFollowerToLeaderOrResigned", NEW, &[Follow(8, 1), Resign], "refused"),
        ("testFollowerToAnyStateLowerEpoch", NEW, &[Follow(5, 1), Unattach(4, None)], "refused"),
        ("testFollowerToAnyStateLowerEpoch", NEW, &[Follow(5, 1), Follow(4, 1)], "refused"),
        (
            "testFollowerVotedToUnattachedSameEpoch",
            NEW,
            &[Stand, Vote(1), Follow(0, 2), Unattach(0, None)],
            "refused",
        ),
        (
            "testFollowerVotedToUnattachedHigherEpoch",
            NEW,
            &[Stand, Vote(1), Follow(0, 2), Unattach(10, None)],
            "Unattached 10, 1500 ms",
        ),
        (
            "testFollowerVotedToFollowerSameEpoch",
            NEW,
            &[Stand, Vote(1), Follow(0, 2)],
            "Follower 0 of 2 voted 1, 2000 ms",
        ),
        (
            "testFollowerVotedToFollowerSameEpoch",
            NEW,
            &[Stand, Vote(1), Follow(0, 2), Follow(0, 1)],
            "refused",
        ),
        (
            "testFollowerVotedToFollowerHigherEpoch",
            NEW,
            &[Stand, Vote(1), Follow(0, 2), Follow(1, 1)],
            "Follower 1 of 1, 2000 ms",
        ),
    ]);
}

#[test]
fn from_prospective() {
    check(&[
        (
            "testProspectiveToUnattachedInSameEpoch",
            NEW,
            &[Stand, Unattach(0, None)],
            "Unattached 0, 1500 ms",
        ),
        (
            "testProspectiveToUnattachedInHigherEpoch",
            NEW,
            &[Stand, Unattach(20, None)],
            "Unattached 20, 1500 ms",
        ),
        ("testProspectiveToUnattachedVoted", NEW, &[Stand, Vote(0)], "refused"),
        ("testProspectiveToUnattachedVoted", NEW, &[Stand, Vote(1), Vote(2)], "refused"),
        (
            "testProspectiveToUnattachedWithLeaderInHigherEpoch",
            NEW,
            &[Stand, Unattach(10, Some(1))],
            "Unattached 10 of 1, 1500 ms",
        ),
        (
            "testProspectiveToFollowerSameEpoch",
            NEW,
            &[Stand, Follow(0, 1)],
            "Follower 0 of 1, 2000 ms",
        ),
        (
            "testProspectiveToFollowerHigherEpoch",
            NEW,
            &[Stand, Follow(1, 1)],
            "Follower 1 of 1, 2000 ms",
        ),
        ("testProspectiveToProspective", NEW, &[Stand, Stand], "refused"),
        (
            "testProspectiveToCandidate",
            NEW,
            &[Stand, Sleep(400), Run],
            "Candidate 1 voted 0, 1500 ms",
        ),
        ("testProspectiveToLeaderOrResigned", NEW, &[Stand, Usurp], "refused"),
        ("testProspectiveToLeaderOrResigned", NEW, &[Stand, Resign], "refused"),
        (
            "testProspectiveVotedToUnattachedInSameEpoch",
            NEW,
            &[Stand, Vote(1), Unattach(0, None)],
            "Unattached 0 voted 1, 1500 ms",
        ),
        (
            "testProspectiveVotedToAndFromFollowerSameEpoch",
            NEW,
            &[Stand, Vote(1), Follow(0, 2)],
            "Follower 0 of 2 voted 1, 2000 ms",
        ),
        (
            "testProspectiveVotedToAndFromFollowerSameEpoch",
            NEW,
            &[Stand, Vote(1), Follow(0, 2), Stand],
            "Prospective 0 of 2 voted 1, 1500 ms",
        ),
        (
            "testProspectiveVotedToCandidate",
            file(5, None, Some(1)),
            &[Stand],
            "Prospective 5 voted 1, 1500 ms",
        ),
    ]);
}

#[test]
fn from_prospective_too() {
    let led = || file(5, Some(1), None);
    check(&[
        (
            "testProspectiveVotedToCandidate",
            file(5, None, Some(1)),
            &[Stand, Run],
            "Candidate 6 voted 0, 1500 ms",
        ),
        (
            "testProspectiveWithLeaderToUnattachedInSameEpoch",
            led(),
            &[Stand, Unattach(5, Some(1))],
            "Unattached 5 of 1, 1500 ms",
        ),
        (
            "testProspectiveWithLeaderToUnattachedInHigherEpoch",
            led(),
            &[Stand, Unattach(10, None)],
            "Unattached 10, 1500 ms",
        ),
        (
            "testProspectiveWithLeaderToUnattachedWithLeaderInHigherEpoch",
            led(),
            &[Stand, Unattach(10, Some(2))],
            "Unattached 10 of 2, 1500 ms",
        ),
        (
            "testProspectiveWithLeaderToFollowerSameEpoch",
            led(),
            &[Stand, Follow(5, 1)],
            "Follower 5 of 1, 2000 ms",
        ),
        (
            "testProspectiveWithLeaderToFollowerHigherEpoch",
            led(),
            &[Stand, Follow(10, 2)],
            "Follower 10 of 2, 2000 ms",
        ),
        (
            "testProspectiveWithLeaderToCandidate",
            led(),
            &[Stand, Run],
            "Candidate 6 voted 0, 1500 ms",
        ),
        (
            "testProspectiveVotedWithLeaderToUnattachedInSameEpoch",
            led(),
            &[Stand, Vote(2), Unattach(5, Some(1))],
            "Unattached 5 of 1 voted 2, 1500 ms",
        ),
    ]);
}

#[test]
fn from_candidate() {
    check(&[
        ("testCandidateToUnattachedSameEpoch", NEW, &[Stand, Run, Unattach(1, None)], "refused"),
        (
            "testCandidateToUnattachedHigherEpoch",
            NEW,
            &[Stand, Run, Unattach(5, None)],
            "Unattached 5, 1500 ms",
        ),
        (
            "testCandidateToFollowerSameEpoch",
            NEW,
            &[Stand, Run, Follow(1, 1)],
            "Follower 1 of 1 voted 0, 2000 ms",
        ),
        (
            "testCandidateToFollowerHigherEpoch",
            NEW,
            &[Stand, Run, Follow(5, 1)],
            "Follower 5 of 1, 2000 ms",
        ),
        (
            "testCandidateToProspective",
            NEW,
            &[Stand, Run, Sleep(1500), Stand],
            "Prospective 1 voted 0, 1500 ms",
        ),
        ("testCandidateToCandidate", NEW, &[Stand, Run, Run], "refused"),
        ("testCandidateToLeader", Stored::Alone, &[Stand, Run, Usurp], "Leader 1 of 0"),
        ("testCandidateToLeaderWithoutGrantedVote", NEW, &[Stand, Run, Usurp], "refused"),
        ("testCandidateToLeaderWithoutGrantedVote", NEW, &[Stand, Run, Lead], "Leader 1 of 0"),
        ("testCandidateToResigned", NEW, &[Stand, Run, Resign], "refused"),
        ("testCandidateToAnyStateLowerEpoch", log(5), &[Stand, Run, Unattach(4, None)], "refused"),
        ("testCandidateToAnyStateLowerEpoch", log(5), &[Stand, Run, Follow(4, 1)], "refused"),
    ]);
}

#[test]
fn from_leader_and_resigned() {
    let led = || file(5, Some(0), None);
    check(&[
        ("testLeaderToUnattachedSameEpoch", NEW, &[Stand, Run, Lead, Unattach(1, None)], "refused"),
        (
            "testLeaderToUnattachedHigherEpoch",
            NEW,
            &[Stand, Run, Lead, Unattach(5, None)],
            "Unattached 5, 1500 ms",
        ),
        ("testLeaderToFollowerSameEpoch", NEW, &[Stand, Run, Lead, Follow(1, 1)], "refused"),
        (
            "testLeaderToFollowerHigherEpoch",
            NEW,
            &[Stand, Run, Lead, Follow(5, 1)],
            "Follower 5 of 1, 2000 ms",
        ),
        ("testLeaderToProspective", NEW, &[Stand, Run, Lead, Stand], "refused"),
        ("testLeaderToCandidate", NEW, &[Stand, Run, Lead, Run], "refused"),
        ("testLeaderToLeader", NEW, &[Stand, Run, Lead, Usurp], "refused"),
        ("testLeaderToResigned", NEW, &[Stand, Run, Lead, Resign], "Resigned 1 of 0, 1500 ms"),
        (
            "testLeaderToAnyStateLowerEpoch",
            log(5),
            &[Stand, Run, Lead, Unattach(4, None)],
            "refused",
        ),
        ("testLeaderToAnyStateLowerEpoch", log(5), &[Stand, Run, Lead, Follow(4, 1)], "refused"),
        ("testResignedToFollowerInSameEpoch", led(), &[Follow(5, 0)], "refused"),
        ("testResignedToFollowerInSameEpoch", led(), &[Follow(5, 1)], "Follower 5 of 1, 2000 ms"),
        (
            "testResignedToUnattachedInHigherEpoch",
            led(),
            &[Sleep(300), Unattach(6, None)],
            "Unattached 6, 1200 ms",
        ),
    ]);
}

#[test]
fn an_observer_never_stands() {
    let observer = |log_epoch| Stored::Observer { log_epoch };
    check(&[
        (
            "testObserverUnattachedToUnattachedVoted",
            observer(5),
            &[Vote(1)],
            "Unattached 5 voted 1",
        ),
        (
            "testObserverUnattachedToFollower",
            observer(0),
            &[Unattach(2, None), Follow(3, 1)],
            "Follower 3 of 1, 2000 ms",
        ),
        ("testObserverUnattachedToProspective", observer(5), &[Stand], "refused"),
        ("testObserverUnattachedToProspective", observer(5), &[Vote(1), Stand], "refused"),
        (
            "testObserverUnattachedToProspective",
            observer(5),
            &[Vote(1), Follow(5, 2)],
            "Follower 5 of 2 voted 1, 2000 ms",
        ),
        (
            "testObserverUnattachedToProspective",
            observer(5),
            &[Vote(1), Follow(5, 2), Stand],
            "refused",
        ),
        ("testObserverUnattachedToCandidateOrLeaderOrResigned", observer(0), &[Run], "refused"),
        ("testObserverUnattachedToCandidateOrLeaderOrResigned", observer(0), &[Usurp], "refused"),
        ("testObserverUnattachedToCandidateOrLeaderOrResigned", observer(0), &[Resign], "refused"),
        (
            "testObserverFollowerToUnattached",
            observer(0),
            &[Follow(2, 1), Unattach(3, None)],
            "Unattached 3",
        ),
        (
            "testObserverFollowerToProspectiveOrCandidateOrLeaderOrResigned",
            observer(0),
            &[Follow(0, 1), Stand],
            "refused",
        ),
        (
            "testObserverFollowerToProspectiveOrCandidateOrLeaderOrResigned",
            observer(0),
            &[Follow(0, 1), Run],
            "refused",
        ),
        (
            "testObserverFollowerToProspectiveOrCandidateOrLeaderOrResigned",
            observer(0),
            &[Follow(0, 1), Usurp],
            "refused",
        ),
        (
            "testObserverFollowerToProspectiveOrCandidateOrLeaderOrResigned",
            observer(0),
            &[Follow(0, 1), Resign],
            "refused",
        ),
    ]);
}

/// `testHasRemoteLeader`.
#[test]
fn only_a_follower_has_a_remote_leader() {
    let mut member = Member::start(&NEW);
    for (step, want) in [
        (Stand, false),
        (Run, false),
        (Lead, false),
        (Unattach(2, None), false),
        (Vote(1), false),
        (Follow(2, 1), true),
    ] {
        member.go(&step);
        assert_eq!(member.quorum.has_remote_leader(), want, "after {step:?}");
    }
}

/// `testHighWatermarkRetained`.
#[test]
fn the_high_watermark_outlives_every_state_but_the_leaders() {
    let mut member = Member::start(&NEW);
    member.go(&Follow(5, 1));
    member.quorum.high_watermark = Some(Offset(10));
    for step in [Unattach(6, None), Vote(1), Stand, Run] {
        member.go(&step);
        assert_eq!(member.quorum.high_watermark, Some(Offset(10)), "after {step:?}");
    }
    member.go(&Lead);
    assert_eq!(member.quorum.high_watermark, None, "a leader finds it out for itself");
    assert_eq!(member.quorum.epoch(), LeaderEpoch(7));
}
