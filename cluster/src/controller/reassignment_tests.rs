//! Who comes, who goes and when it is over, as tables: `PartitionReassignmentReplicasTest`,
//! `PartitionReassignmentRevertTest`.

use super::*;

fn ids(numbers: &[i32]) -> Vec<BrokerId> {
    numbers.iter().copied().map(BrokerId).collect()
}

#[track_caller]
fn check_way(current: &[i32], target: &[i32], removing: &[i32], adding: &[i32], replicas: &[i32]) {
    let way = Reassignment::towards(&ids(current), &ids(target));
    let want =
        Reassignment { removing: ids(removing), adding: ids(adding), replicas: ids(replicas) };
    assert_eq!(way, want, "from {current:?} to {target:?}");
}

#[test]
fn a_way_adds_who_is_missing_and_removes_who_is_not_wanted() {
    check_way(&[], &[], &[], &[], &[]);
    check_way(&[1], &[1], &[], &[], &[1]);
    check_way(&[1, 2], &[2, 1], &[], &[], &[2, 1]);
    check_way(&[1], &[1, 2], &[], &[2], &[1, 2]);
    check_way(&[1, 2], &[1], &[2], &[], &[1, 2]);
    check_way(&[1, 2], &[3, 2], &[1], &[3], &[3, 2, 1]);
    check_way(&[4, 3, 2], &[1, 5], &[2, 3, 4], &[1, 5], &[1, 5, 2, 3, 4]);
}

/// Removing, adding, replicas and in-sync set; what it comes to.
#[track_caller]
fn check_end(
    (removing, adding, replicas): (&[i32], &[i32], &[i32]),
    isr: &[i32],
    waits: bool,
    want: Option<(&[i32], &[i32])>,
) {
    let way =
        Reassignment { removing: ids(removing), adding: ids(adding), replicas: ids(replicas) };
    let want = want.map(|(replicas, isr)| (ids(replicas), ids(isr)));
    assert_eq!(way.completed(&ids(isr), waits), want, "{way:?} with {isr:?} in sync");
}

#[test]
fn a_reassignment_is_over_when_who_is_added_is_in_sync() {
    // `testDoesNotCompleteReassignment`, `testDoesCompleteReassignmentAllNewReplicas`, `...SomeNewReplicas`,
    // `...NoneAdded`, `testDoesNotCompleteReassignmentIfNoneAddedButNotAllInSync` and the rest.
    let (all_new, some_new) = (
        (&[0, 1, 2][..], &[3, 4, 5][..], &[0, 1, 2, 3, 4, 5][..]),
        (&[0, 1][..], &[3, 4][..], &[0, 1, 2, 3, 4][..]),
    );
    check_end(all_new, &[0, 1, 2], true, None);
    check_end(all_new, &[0, 1, 2, 3, 4], true, None);
    check_end(all_new, &[0, 1, 2, 3, 4, 5], true, Some((&[3, 4, 5], &[3, 4, 5])));
    check_end(some_new, &[0, 1, 2], true, None);
    check_end(some_new, &[2, 3, 4], true, Some((&[2, 3, 4], &[2, 3, 4])));
    check_end((&[], &[], &[0, 1]), &[0, 1], true, None);
    check_end((&[], &[2], &[0, 1, 2]), &[0, 1], true, None);
    check_end((&[], &[2], &[0, 1, 2]), &[2], true, Some((&[0, 1, 2], &[2])));
    // Nobody would be left in sync, or at all.
    check_end((&[0], &[], &[0, 1]), &[0], true, None);
    check_end((&[0, 1], &[], &[0, 1]), &[0, 1], true, None);
}

#[test]
fn a_reassignment_to_fewer_waits_for_all_who_stay() {
    let shrinks = (&[0, 1][..], &[5][..], &[2, 3, 4, 5, 0, 1][..]);
    // KAFKA-15665: it would be over with one replica in sync.
    check_end(shrinks, &[0, 1, 5], true, None);
    check_end(shrinks, &[0, 1, 5], false, Some((&[2, 3, 4, 5], &[5])));
    check_end(shrinks, &[0, 2, 3, 4, 5], true, Some((&[2, 3, 4, 5], &[2, 3, 4, 5])));
    check_end((&[2], &[], &[0, 1, 2]), &[0, 2], true, None);
    check_end((&[2], &[], &[0, 1, 2]), &[0, 1], true, Some((&[0, 1], &[0, 1])));
    // KAFKA-19975: as many come as go, and who stays may be out of sync.
    check_end((&[0], &[3], &[1, 2, 3, 0]), &[0, 3], true, Some((&[1, 2, 3], &[3])));
}

#[track_caller]
fn check_revert(
    replicas: &[i32],
    adding: &[i32],
    isr: &[i32],
    want: Option<(&[i32], &[i32], bool)>,
) {
    let partition = PartitionRegistration {
        replicas: ids(replicas),
        adding_replicas: ids(adding),
        isr: ids(isr),
        ..PartitionRegistration::default()
    };
    let want = want.map(|(replicas, isr, unclean)| Revert {
        replicas: ids(replicas),
        isr: ids(isr),
        unclean,
    });
    assert_eq!(Revert::of(&partition), want, "of {replicas:?} with {isr:?} in sync");
}

#[test]
fn a_cancelled_reassignment_keeps_who_was_there() {
    // `testNoneAddedOrRemoved`, `testSomeRemoving`, `testSomeAdding`, `testSomeRemovingAndAdding`,
    // `testIsrSpecialCase`.
    check_revert(&[3, 2, 1], &[], &[3, 2], Some((&[3, 2, 1], &[3, 2], false)));
    check_revert(&[4, 5, 3, 2, 1], &[4, 5], &[4, 5, 2], Some((&[3, 2, 1], &[2], false)));
    check_revert(&[4, 5, 3, 2, 1], &[4, 5], &[4, 5], Some((&[3, 2, 1], &[3], true)));
    check_revert(&[4, 5], &[4, 5], &[4], None);
}
