//! What the builder makes of reassignments: those of Kafka's `PartitionChangeBuilderTest` that need plans of them. All
//! else of it is in `partition_change_kafka_tests.rs`.

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
