//! What the leader tells of the quorum.

use crate::raft_support::script::Do::{Append, Describe, Fetch, Sleep, Win};
use crate::raft_support::script::start;
use crate::{EMPTY, TWO, check};

/// Each replica is told as `ID@END FETCHED CAUGHT-UP`, in milliseconds from now.
#[test]
fn who_is_in_the_quorum_and_how_far_each_has_come() {
    check(&[
        ("testDescribeQuorumNonLeader", start(2), &[(Describe, &["NotLeaderOrFollower 2"])]),
        (
            "testDescribeQuorumWithOnlyStaticVoters",
            start(4).voters(TWO),
            &[(Win, &["Leader 5"]), (Describe, &["None 5 of 0 hw -1: 0@3 0 0, 1@- - -"])],
        ),
        (
            "testDescribeQuorumWithFollowers",
            start(4),
            &[
                (Win, &["Leader 5"]),
                (Describe, &["hw -1: 0@3 0 0, 1@- - -, 2@- - -"]),
                (Sleep(100), &[]),
                (Fetch(1, 5, (5, 3), 0), &["None 5 of 0"]),
                (Append(2), &[]),
                (Sleep(100), &[]),
                (Describe, &["hw 3: 0@5 0 0, 1@3 -100 -100, 2@- - -"]),
                (Fetch(2, 5, (5, 5), 0), &["None 5 of 0"]),
                (Sleep(100), &[]),
                (Describe, &["hw 5: 0@5 0 0, 1@3 -200 -200, 2@5 -100 -100"]),
                (Fetch(1, 5, (5, 5), 0), &["None 5 of 0"]),
                (Describe, &["hw 5: 0@5 0 0, 1@5 0 0, 2@5 -100 -100"]),
            ],
        ),
        (
            "testDescribeQuorumWithObserver",
            start(4).voters(TWO),
            &[
                (Win, &["Leader 5"]),
                (Fetch(1, 5, (5, 3), 0), &["None 5 of 0"]),
                (Sleep(100), &[]),
                (Fetch(2, 5, EMPTY, 0), &["None 5 of 0"]),
                (Sleep(100), &[]),
                (Describe, &["hw 3: 0@3 0 0, 1@3 -200 -200; 2@0 -100 -"]),
                (Fetch(2, 5, (5, 3), 0), &["None 5 of 0"]),
                (Sleep(100), &[]),
                (Describe, &["hw 3: 0@3 0 0, 1@3 -300 -300; 2@3 -100 -100"]),
            ],
        ),
        (
            "testDescribeQuorumNonMonotonicFollowerFetch",
            start(4).voters(TWO),
            &[
                (Win, &["Leader 5"]),
                (Append(2), &[]),
                (Fetch(1, 5, (5, 5), 0), &["None 5 of 0"]),
                (Sleep(100), &[]),
                (Describe, &["hw 5: 0@5 0 0, 1@5 -100 -100"]),
                (Fetch(1, 5, (5, 3), 0), &["None 5 of 0"]),
                (Sleep(100), &[]),
                (Describe, &["hw 5: 0@5 0 0, 1@3 -100 -200"]),
            ],
        ),
    ]);
}
