//! The facts of Kafka's `PartitionChangeBuilderTest`, as tables.

use super::*;
use crate::ids::{LeaderEpoch, PartitionEpoch, Uuid};

fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

fn directory_of(id: BrokerId) -> DirectoryId {
    Uuid(1000 + u128::from(id.0.unsigned_abs()))
}

/// A registration in short: replicas, in-sync set, eligible, last known, leader (0 = nobody).
fn partition(
    replicas: &[i32],
    isr: &[i32],
    elr: &[i32],
    last: &[i32],
    leader: i32,
) -> PartitionRegistration {
    let replicas = ids(replicas);
    PartitionRegistration {
        directories: replicas.iter().copied().map(directory_of).collect(),
        replicas,
        isr: ids(isr),
        eligible_leader_replicas: ids(elr),
        last_known_elr: ids(last),
        leader: (leader > 0).then_some(BrokerId(leader)),
        leader_epoch: LeaderEpoch(100),
        partition_epoch: PartitionEpoch(200),
        ..PartitionRegistration::default()
    }
}

/// Kafka's FOO, and BAR, which is being reassigned from 1, 2, 3 to 2, 3, 4.
fn foo() -> PartitionRegistration {
    partition(&[2, 1, 3], &[2, 1, 3], &[], &[], 1)
}

fn bar() -> PartitionRegistration {
    PartitionRegistration {
        removing_replicas: ids(&[1]),
        adding_replicas: ids(&[4]),
        ..partition(&[1, 2, 3, 4], &[1, 2, 3], &[], &[], 1)
    }
}

fn baz() -> PartitionRegistration {
    partition(&[2, 1, 3], &[1, 3], &[], &[], 3)
}

/// Builds with `alive` as those that may lead.
fn builder<'a>(
    partition: &'a PartitionRegistration,
    is_acceptable_leader: &'a dyn Fn(BrokerId) -> bool,
    min_isr: usize,
    keeps_eligible_leader_replicas: bool,
) -> PartitionChangeBuilder<'a> {
    let default_directory = &|_| DirectoryId::UNASSIGNED_DIRECTORY;
    PartitionChangeBuilder::new(
        partition,
        ChangeContext {
            waits_for_targets: true,
            is_acceptable_leader,
            default_directory,
            min_isr,
            keeps_eligible_leader_replicas,
        },
    )
}

fn to(leader: i32) -> LeaderChange {
    LeaderChange::To((leader > 0).then_some(BrokerId(leader)))
}

#[track_caller]
fn check(builder: &PartitionChangeBuilder<'_>, want: Option<PartitionChange>) {
    assert_eq!(builder.clone().build().map(|built| built.change), want);
}

#[test]
fn leaders_are_elected_by_the_order_of_the_assignment() {
    use ElectedFrom::{Isr, Unclean};
    let not_3 = |id: BrokerId| id != BrokerId(3);
    for elr in [false, true] {
        let (foo, baz) = (foo(), baz());
        let plain = || builder(&foo, &not_3, 2, elr);
        let four = plain().target_isr(ids(&[4])).target_replicas(ids(&[2, 1, 3, 4]));
        let rows = [
            (plain().election(Election::Preferred), Some((2, Isr))),
            (plain(), Some((1, Isr))),
            (plain().election(Election::Unclean), Some((1, Isr))),
            (plain().target_isr(ids(&[1, 3])), Some((1, Isr))),
            (plain().election(Election::Unclean).target_isr(ids(&[1, 3])), Some((1, Isr))),
            (plain().target_isr(ids(&[3])), None),
            (plain().election(Election::Unclean).target_isr(ids(&[3])), Some((2, Unclean))),
            (four.election(Election::Unclean), Some((4, Isr))),
            (builder(&baz, &|_| true, 2, elr).election(Election::Preferred), Some((3, Isr))),
            (builder(&baz, &|_| true, 2, elr), Some((3, Isr))),
            (builder(&baz, &|_| true, 2, elr).election(Election::Unclean), Some((3, Isr))),
        ];
        for (row, (builder, want)) in rows.into_iter().enumerate() {
            let want = want.map(|(id, from)| (BrokerId(id), from));
            assert_eq!(builder.elect(), want, "row {row}, elr {elr}");
        }
    }
}

#[test]
fn nothing_is_written_when_nothing_changes() {
    let not_3 = |id: BrokerId| id != BrokerId(3);
    for elr in [false, true] {
        let (foo, bar, baz) = (foo(), bar(), baz());
        check(&builder(&foo, &not_3, 2, elr), None);
        check(&builder(&foo, &not_3, 2, elr).election(Election::Unclean), None);
        check(&builder(&bar, &not_3, 2, elr), None);
        check(&builder(&bar, &not_3, 2, elr).election(Election::Unclean), None);
        check(&builder(&baz, &|_| true, 2, elr).election(Election::Preferred), None);
    }
}

#[test]
fn a_shrink_keeps_the_leader_epoch_and_a_lost_leader_moves_it() {
    let not_3 = |id: BrokerId| id != BrokerId(3);
    let foo = foo();
    for elr in [false, true] {
        let shrink = builder(&foo, &not_3, 2, elr).target_isr(ids(&[2, 1]));
        let want = PartitionChange { isr: Some(ids(&[2, 1])), ..PartitionChange::default() };
        check(&shrink, Some(want));
        let lost = builder(&foo, &not_3, 2, elr).target_isr(ids(&[2, 3]));
        let want = PartitionChange {
            isr: Some(ids(&[2, 3])),
            leader: to(2),
            ..PartitionChange::default()
        };
        check(&lost, Some(want));
    }
}

#[test]
fn reassignments_rearrange_complete_and_revert() {
    let not_3 = |id: BrokerId| id != BrokerId(3);
    let (foo, bar) = (foo(), bar());
    let dirs = |of: &[i32]| Some(ids(of).into_iter().map(directory_of).collect::<Vec<_>>());
    let none = PartitionChange::default;
    for elr in [false, true] {
        let rearranged = PartitionChange {
            replicas: Some(ids(&[3, 2, 1])),
            directories: dirs(&[3, 2, 1]),
            ..none()
        };
        let build = builder(&foo, &not_3, 2, elr).target_replicas(ids(&[3, 2, 1]));
        check(&build, Some(rearranged));
        let completed = PartitionChange {
            replicas: Some(ids(&[2, 3, 4])),
            isr: Some(ids(&[2, 3, 4])),
            leader: to(2),
            removing_replicas: Some(vec![]),
            adding_replicas: Some(vec![]),
            directories: dirs(&[2, 3, 4]),
            ..none()
        };
        check(&builder(&bar, &not_3, 2, elr).target_isr(ids(&[1, 2, 3, 4])), Some(completed));
        let reverted = PartitionChange {
            replicas: Some(ids(&[1, 2, 3])),
            leader: to(1),
            removing_replicas: Some(vec![]),
            adding_replicas: Some(vec![]),
            directories: dirs(&[1, 2, 3]),
            ..none()
        };
        let revert = builder(&bar, &not_3, 2, elr)
            .target_replicas(ids(&[1, 2, 3]))
            .target_isr(ids(&[1, 2, 3]))
            .target_reassignment(vec![], vec![]);
        check(&revert, Some(reverted));
    }
}

#[test]
fn replicas_are_added_at_once_and_removed_when_the_others_are_in_sync() {
    let not_3 = |id: BrokerId| id != BrokerId(3);
    let foo = foo();
    let none = PartitionChange::default;
    for elr in [false, true] {
        let mut dirs: Vec<_> = ids(&[1, 2]).into_iter().map(directory_of).collect();
        let removed = PartitionChange {
            replicas: Some(ids(&[1, 2])),
            isr: Some(ids(&[2, 1])),
            leader: to(1),
            directories: Some(dirs.clone()),
            ..none()
        };
        let remove = builder(&foo, &not_3, 2, elr)
            .target_replicas(ids(&[1, 2, 3]))
            .target_reassignment(ids(&[3]), vec![]);
        check(&remove, Some(removed));
        dirs.extend([directory_of(BrokerId(3)), DirectoryId::UNASSIGNED_DIRECTORY]);
        let added = PartitionChange {
            replicas: Some(ids(&[1, 2, 3, 4])),
            adding_replicas: Some(ids(&[4])),
            directories: Some(dirs),
            ..none()
        };
        let add = builder(&foo, &not_3, 2, elr)
            .target_replicas(ids(&[1, 2, 3, 4]))
            .target_reassignment(vec![], ids(&[4]));
        check(&add, Some(added));
    }
}

#[test]
fn a_stopped_leader_is_demoted_even_if_nobody_follows_it() {
    let moving = PartitionRegistration {
        removing_replicas: ids(&[7, 1]),
        adding_replicas: ids(&[2, 3]),
        ..partition(&[2, 3, 7, 1], &[7, 1], &[], &[], 7)
    };
    let want = PartitionChange {
        replicas: Some(ids(&[2, 3])),
        isr: Some(ids(&[2, 3])),
        leader: to(0),
        removing_replicas: Some(vec![]),
        adding_replicas: Some(vec![]),
        directories: Some(ids(&[2, 3]).into_iter().map(directory_of).collect()),
        ..PartitionChange::default()
    };
    check(&builder(&moving, &|_| false, 2, false).target_isr(ids(&[7, 1, 2, 3])), Some(want));
}

#[test]
fn an_unclean_leader_starts_alone_and_recovering() {
    let foo = foo();
    let not_3 = |id: BrokerId| id != BrokerId(3);
    let alone = |id: i32| PartitionChange {
        isr: Some(ids(&[id])),
        leader: to(id),
        leader_recovery_state: Some(LeaderRecoveryState::Recovering),
        ..PartitionChange::default()
    };
    for elr in [false, true] {
        let build = builder(&foo, &not_3, 2, elr).election(Election::Unclean);
        check(&build.target_isr(ids(&[3])), Some(alone(2)));
    }
    let only_1 = |id: BrokerId| id == BrokerId(1);
    let without = partition(&[2, 1, 3], &[3], &[], &[], 0);
    check(&builder(&without, &only_1, 2, false).election(Election::Unclean), Some(alone(1)));
    let with = partition(&[2, 1, 3], &[], &[3], &[2], 0);
    let want = PartitionChange {
        eligible_leader_replicas: Some(vec![]),
        last_known_elr: Some(vec![]),
        ..alone(1)
    };
    let build = builder(&with, &only_1, 2, true).election(Election::Unclean);
    check(&build, Some(want.clone()));
    check(&build.target_isr(ids(&[2])), Some(want));
}

#[test]
fn without_elr_the_last_member_stays_in_sync_and_the_recovery_state_with_it() {
    let recovering = PartitionRegistration {
        leader_recovery_state: LeaderRecoveryState::Recovering,
        ..partition(&[1, 2, 3], &[1], &[], &[], 1)
    };
    let offline = builder(&recovering, &|_| false, 2, false).target_isr(vec![]).build();
    let change = offline.expect("the leader is gone").change;
    assert_eq!(change, PartitionChange { leader: to(0), ..PartitionChange::default() });
    let next = recovering.merge(&change);
    assert_eq!((next.isr.clone(), next.leader_recovery_state.code()), (ids(&[1]), 1));
    let back = builder(&next, &|_| true, 2, false);
    check(&back, Some(PartitionChange { leader: to(1), ..PartitionChange::default() }));
}

/// One row: before, target in-sync set, lost replica; wants the change, with KIP-966's own last known field.
struct ElrRow {
    before: PartitionRegistration,
    target: &'static [i32],
    unclean: i32,
    dead: i32,
    want: PartitionChange,
}

#[test]
fn eligible_leader_replicas_follow_the_in_sync_set() {
    let none = PartitionChange::default;
    let rows = [
        ElrRow {
            before: partition(&[1, 2, 3, 4], &[1, 2, 3, 4], &[], &[], 1),
            target: &[1, 2],
            unclean: 0,
            dead: 3,
            want: PartitionChange {
                isr: Some(ids(&[1, 2])),
                eligible_leader_replicas: Some(ids(&[3, 4])),
                ..none()
            },
        },
        ElrRow {
            before: partition(&[1, 2, 3, 4], &[1, 2], &[3], &[4], 1),
            target: &[1, 2, 3],
            unclean: 0,
            dead: 3,
            want: PartitionChange {
                isr: Some(ids(&[1, 2, 3])),
                eligible_leader_replicas: Some(vec![]),
                last_known_elr: Some(vec![]),
                ..none()
            },
        },
        ElrRow {
            before: partition(&[1, 2, 3, 4], &[1], &[3], &[2], 1),
            target: &[1, 4],
            unclean: 0,
            dead: 3,
            want: PartitionChange { isr: Some(ids(&[1, 4])), ..none() },
        },
        ElrRow {
            before: partition(&[1, 2, 3, 4], &[1], &[2, 3], &[], 1),
            target: &[1],
            unclean: 3,
            dead: 3,
            want: PartitionChange {
                eligible_leader_replicas: Some(ids(&[2])),
                last_known_elr: Some(ids(&[3])),
                ..none()
            },
        },
    ];
    for (row, ElrRow { before, target, unclean, dead, want }) in rows.into_iter().enumerate() {
        let alive = |id: BrokerId| id != BrokerId(dead);
        let build = builder(&before, &alive, 3, true)
            .election(Election::Preferred)
            .uses_last_known_leader(false)
            .unclean_shutdown((unclean > 0).then_some(BrokerId(unclean)))
            .target_isr(ids(target));
        let got = build.build().map(|built| built.change);
        assert_eq!(got, Some(want), "row {row}");
    }
}

#[test]
fn an_eligible_replica_leads_when_nobody_is_in_sync() {
    for last_known_leader in [true, false] {
        let last: &[i32] = if last_known_leader { &[] } else { &[2] };
        let before = partition(&[1, 2, 3, 4], &[1], &[3], last, 1);
        let not_1 = |id: BrokerId| id != BrokerId(1);
        let build = builder(&before, &not_1, 3, true)
            .election(Election::Preferred)
            .uses_last_known_leader(last_known_leader)
            .target_isr(vec![]);
        let want = PartitionChange {
            isr: Some(ids(&[3])),
            eligible_leader_replicas: Some(ids(&[1])),
            leader: to(3),
            ..PartitionChange::default()
        };
        let want = BuiltChange { change: want, elected: Some(ElectedFrom::EligibleLeaderReplicas) };
        assert_eq!(build.build(), Some(want), "last known leader: {last_known_leader}");
    }
}

#[test]
fn the_in_sync_set_can_shrink_to_nobody_and_the_last_leader_is_remembered_once() {
    let before = partition(&[1, 2, 3, 4], &[1, 2, 3, 4], &[], &[], 1);
    let gone = builder(&before, &|_| false, 3, true).target_isr(vec![]);
    let want = PartitionChange {
        isr: Some(vec![]),
        leader: to(0),
        eligible_leader_replicas: Some(ids(&[1, 2, 3, 4])),
        last_known_elr: Some(ids(&[1])),
        ..PartitionChange::default()
    };
    check(&gone, Some(want.clone()));
    let next = before.merge(&want);
    let lossy = builder(&next, &|_| false, 3, true).unclean_shutdown(Some(BrokerId(2)));
    let want = PartitionChange {
        eligible_leader_replicas: Some(ids(&[1, 3, 4])),
        ..PartitionChange::default()
    };
    check(&lossy, Some(want));
}

#[test]
fn the_last_leader_is_remembered_although_the_in_sync_set_is_left_alone() {
    let before = partition(&[1, 2, 3], &[1], &[2], &[], 1);
    let want = PartitionChange {
        leader: to(0),
        last_known_elr: Some(ids(&[1])),
        ..PartitionChange::default()
    };
    check(&builder(&before, &|_| false, 3, true).election(Election::Preferred), Some(want));
}

#[test]
fn the_last_known_leader_is_taken_only_when_nobody_is_eligible() {
    let lost = partition(&[1, 2, 3, 4], &[], &[], &[1], 0);
    let want = PartitionChange {
        isr: Some(ids(&[1])),
        leader: to(1),
        leader_recovery_state: Some(LeaderRecoveryState::Recovering),
        last_known_elr: Some(vec![]),
        ..PartitionChange::default()
    };
    let want = BuiltChange { change: want, elected: Some(ElectedFrom::LastKnownLeader) };
    let build = builder(&lost, &|_| true, 3, true).election(Election::Preferred);
    assert_eq!(build.build(), Some(want), "1 led last");
    let eligible = partition(&[1, 2, 3, 4], &[], &[3], &[1], 0);
    check(&builder(&eligible, &|id| id != BrokerId(3), 3, true), None);
    for election in [Election::Preferred, Election::Online, Election::Unclean] {
        check(&builder(&lost, &|_| false, 3, true).election(election), None);
    }
}

#[test]
fn directories_stay_with_their_replicas() {
    let before = partition(&[2, 1, 3], &[2, 1, 3], &[], &[], 1);
    let build = builder(&before, &|_| true, 2, false)
        .target_replicas(ids(&[3, 1, 5, 4]))
        .directory(BrokerId(5), Uuid(55));
    let [one, three] = [directory_of(BrokerId(1)), directory_of(BrokerId(3))];
    let want = PartitionChange {
        leader: to(1),
        replicas: Some(ids(&[3, 1, 5, 4])),
        directories: Some(vec![three, one, Uuid(55), DirectoryId::UNASSIGNED_DIRECTORY]),
        ..PartitionChange::default()
    };
    check(&build, Some(want));
    let moved = builder(&before, &|_| true, 2, true)
        .directory(BrokerId(3), Uuid(33))
        .directory(BrokerId(1), DirectoryId::LOST_DIRECTORY);
    let want = PartitionChange {
        directories: Some(vec![directory_of(BrokerId(2)), DirectoryId::LOST_DIRECTORY, Uuid(33)]),
        ..PartitionChange::default()
    };
    check(&moved, Some(want));
}
