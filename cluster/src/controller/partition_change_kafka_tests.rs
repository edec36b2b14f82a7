//! Kafka's `PartitionChangeBuilderTest` as one table: 27 of its 32 test methods, 62 rows, each with its method's name.
//!
//! Inputs:   a registration, who may lead, the targets. Effects: the change that is written, or the leader.
//! Left out: `testRevertReassignment`, `testRemovingReplicaReassignment` and `testAddingReplicaReassignment` need the
//!           plans of reassignments (what the builder makes of them is in `partition_change_tests.rs`);
//!           `testLeaderEpochBumpOnIsrShrink` and `testNoLeaderEpochBumpOnEmptyTargetIsr` are about metadata versions
//!           before 3.6. Of the record's versions 0 and 1 one stands for both: it has directories and no eligible
//!           leader replicas.

use super::*;
use crate::ids::{LeaderEpoch, PartitionEpoch, Uuid};

type Ids = &'static [i32];
/// Replicas with the directories that they are told.
type Moves = &'static [(i32, DirectoryId)];

/// A registration: replicas, in sync, eligible, last known, being removed, being added; the leader, 0 for nobody.
#[derive(Clone, Copy)]
struct Before {
    replicas: Ids,
    isr: Ids,
    elr: Ids,
    last: Ids,
    removing: Ids,
    adding: Ids,
    leader: i32,
    recovering: bool,
}

const PLAIN: Before = Before {
    replicas: &[1, 2, 3, 4],
    isr: &[],
    elr: &[],
    last: &[],
    removing: &[],
    adding: &[],
    leader: 1,
    recovering: false,
};

/// What a row asks for. A target that is none stays as it stands.
#[derive(Clone, Copy)]
struct Asked {
    election: Election,
    isr: Option<Ids>,
    replicas: Option<Ids>,
    unclean: i32,
    moves: Moves,
    /// Whether the last known field holds the last leader, as it does by default.
    keeps_last_leader: bool,
}

const NOTHING: Asked = Asked {
    election: Election::Online,
    isr: None,
    replicas: None,
    unclean: 0,
    moves: &[],
    keeps_last_leader: true,
};
/// As most of Kafka's cases for eligible leader replicas ask.
const MEMBERS: Asked = Asked { election: Election::Preferred, keeps_last_leader: false, ..NOTHING };
const PREFERRED: Asked = Asked { election: Election::Preferred, ..NOTHING };
const UNCLEAN: Asked = Asked { election: Election::Unclean, ..NOTHING };

const fn isr(isr: Ids, asked: Asked) -> Asked {
    Asked { isr: Some(isr), ..asked }
}

/// Who may lead.
#[derive(Clone, Copy)]
enum Alive {
    All,
    Nobody,
    AllBut(i32),
    Only(i32),
}

impl Alive {
    fn holds(self, id: BrokerId) -> bool {
        match self {
            Self::All => true,
            Self::Nobody => false,
            Self::AllBut(dead) => id != BrokerId(dead),
            Self::Only(alive) => id == BrokerId(alive),
        }
    }
}

/// What has to be written. A field that is none is not; a leader of 0 is nobody.
#[derive(Clone, Copy)]
struct Written {
    isr: Option<Ids>,
    leader: Option<i32>,
    elr: Option<Ids>,
    last: Option<Ids>,
    replicas: Option<Ids>,
    /// Those that were assigned keep their own directory, others have none yet.
    directories: bool,
    /// Somewhere else.
    moved: Moves,
    /// Nobody is added or removed any more.
    completes: bool,
    recovering: bool,
}

const NONE: Written = Written {
    isr: None,
    leader: None,
    elr: None,
    last: None,
    replicas: None,
    directories: false,
    moved: &[],
    completes: false,
    recovering: false,
};

enum Want {
    /// The election alone: who, and whether it can lose records. 0: nobody.
    Elects(i32, bool),
    /// Nothing is written.
    Nothing,
    Writes(Written),
    /// The leader epoch stays, or it moves with this leader, whatever else is written.
    Leader(Option<i32>),
}

/// With and without eligible leader replicas, or one of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Elr {
    Both,
    Off,
    On,
}

/// Kafka's FOO: all in sync, min.insync.replicas 2, and 3 may not lead.
const FOO: Before = Before { replicas: &[2, 1, 3], isr: &[2, 1, 3], ..PLAIN };
/// Kafka's BAR: on its way from 1, 2, 3 to 2, 3, 4.
const BAR: Before = Before { isr: &[1, 2, 3], removing: &[1], adding: &[4], ..PLAIN };
const BAZ: Before = Before { replicas: &[2, 1, 3], isr: &[1, 3], leader: 3, ..PLAIN };
const OFFLINE: Before = Before { replicas: &[2, 1, 3], isr: &[3], leader: 0, ..PLAIN };
const OFFLINE_ELR: Before = Before { isr: &[], elr: &[3], last: &[2], ..OFFLINE };
const NOT_3: Alive = Alive::AllBut(3);

struct Row {
    method: &'static str,
    elr: Elr,
    before: Before,
    alive: Alive,
    min_isr: usize,
    asked: Asked,
    want: Want,
}

fn row(
    method: &'static str,
    elr: Elr,
    (before, alive, min_isr): (Before, Alive, usize),
    asked: Asked,
    want: Want,
) -> Row {
    Row { method, elr, before, alive, min_isr, asked, want }
}

fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

fn home(id: BrokerId) -> DirectoryId {
    Uuid(1000 + u128::from(id.0.unsigned_abs()))
}

impl Before {
    fn registration(self) -> PartitionRegistration {
        let replicas = ids(self.replicas);
        let state = [LeaderRecoveryState::Recovered, LeaderRecoveryState::Recovering];
        PartitionRegistration {
            directories: replicas.iter().copied().map(home).collect(),
            replicas,
            isr: ids(self.isr),
            eligible_leader_replicas: ids(self.elr),
            last_known_elr: ids(self.last),
            removing_replicas: ids(self.removing),
            adding_replicas: ids(self.adding),
            leader: (self.leader > 0).then_some(BrokerId(self.leader)),
            leader_recovery_state: state[usize::from(self.recovering)],
            leader_epoch: LeaderEpoch(100),
            partition_epoch: PartitionEpoch(200),
        }
    }
}

fn to(leader: i32) -> LeaderChange {
    LeaderChange::To((leader > 0).then_some(BrokerId(leader)))
}

impl Written {
    fn change(self, before: &PartitionRegistration) -> PartitionChange {
        let all = self.replicas.map_or_else(|| before.replicas.clone(), ids);
        let directory = |id: BrokerId| {
            let moved = self.moved.iter().find(|(to, _)| BrokerId(*to) == id);
            let own = if before.replicas.contains(&id) {
                home(id)
            } else {
                DirectoryId::UNASSIGNED_DIRECTORY
            };
            moved.map_or(own, |(_, directory)| *directory)
        };
        PartitionChange {
            isr: self.isr.map(ids),
            leader: self.leader.map_or(LeaderChange::Unchanged, to),
            replicas: self.replicas.map(ids),
            removing_replicas: self.completes.then(Vec::new),
            adding_replicas: self.completes.then(Vec::new),
            leader_recovery_state: self.recovering.then_some(LeaderRecoveryState::Recovering),
            eligible_leader_replicas: self.elr.map(ids),
            last_known_elr: self.last.map(ids),
            directories: self.directories.then(|| all.into_iter().map(directory).collect()),
        }
    }
}

/// Builds what the row asks for and compares all of it.
fn check(row: &Row, keeps_elr: bool) {
    let before = row.before.registration();
    let may_lead = |id: BrokerId| row.alive.holds(id);
    let context = ChangeContext {
        is_acceptable_leader: &may_lead,
        default_directory: &|_| DirectoryId::UNASSIGNED_DIRECTORY,
        min_isr: row.min_isr,
        keeps_eligible_leader_replicas: keeps_elr,
        waits_for_targets: true,
    };
    let Asked { election, isr, replicas, unclean, moves, keeps_last_leader } = row.asked;
    let mut builder = PartitionChangeBuilder::new(&before, context)
        .election(election)
        .unclean_shutdown((unclean > 0).then_some(BrokerId(unclean)))
        .uses_last_known_leader(keeps_last_leader);
    if let Some(isr) = isr {
        builder = builder.target_isr(ids(isr));
    }
    if let Some(replicas) = replicas {
        builder = builder.target_replicas(ids(replicas));
    }
    for (id, directory) in moves {
        builder = builder.directory(BrokerId(*id), *directory);
    }
    let name = format!("{} (eligible leader replicas: {keeps_elr})", row.method);
    let built = || builder.clone().build().map(|built| built.change);
    match &row.want {
        Want::Elects(leader, unclean) => {
            let got = builder.elect().map(|(id, from)| (id, from.is_unclean()));
            let want = (*leader > 0).then_some((BrokerId(*leader), *unclean));
            assert_eq!(got, want, "{name}");
        }
        Want::Nothing => assert_eq!(built(), None, "{name}"),
        Want::Writes(written) => assert_eq!(built(), Some(written.change(&before)), "{name}"),
        Want::Leader(leader) => {
            let got = built().map_or(LeaderChange::Unchanged, |change| change.leader);
            assert_eq!(got, leader.map_or(LeaderChange::Unchanged, to), "{name}");
        }
    }
}

#[track_caller]
fn check_all(rows: &[Row]) {
    for row in rows {
        for keeps_elr in [false, true] {
            let wanted = if keeps_elr { Elr::On } else { Elr::Off };
            if row.elr == Elr::Both || row.elr == wanted {
                check(row, keeps_elr);
            }
        }
    }
}

#[test]
fn elections() {
    use Want::Elects;
    let (foo, baz) = ((FOO, NOT_3, 2), (BAZ, Alive::All, 2));
    let name = "testElectLeader";
    let four = Asked { replicas: Some(&[2, 1, 3, 4]), ..isr(&[4], UNCLEAN) };
    check_all(&[
        row(name, Elr::Both, foo, PREFERRED, Elects(2, false)),
        row(name, Elr::Both, foo, NOTHING, Elects(1, false)),
        row(name, Elr::Both, foo, UNCLEAN, Elects(1, false)),
        row(name, Elr::Both, foo, isr(&[1, 3], NOTHING), Elects(1, false)),
        row(name, Elr::Both, foo, isr(&[1, 3], UNCLEAN), Elects(1, false)),
        row(name, Elr::Both, foo, isr(&[3], NOTHING), Elects(0, false)),
        row(name, Elr::Both, foo, isr(&[3], UNCLEAN), Elects(2, true)),
        row(name, Elr::Both, foo, four, Elects(4, false)),
        row(name, Elr::Both, baz, PREFERRED, Elects(3, false)),
        row(name, Elr::Both, baz, NOTHING, Elects(3, false)),
        row(name, Elr::Both, baz, UNCLEAN, Elects(3, false)),
    ]);
}

#[test]
fn leader_epochs_and_what_needs_no_record() {
    use Want::{Leader, Nothing, Writes};
    let (foo, bar, baz) = ((FOO, NOT_3, 2), (BAR, NOT_3, 2), (BAZ, Alive::All, 2));
    let disjoint = Asked { replicas: Some(&[2, 1, 4]), ..NOTHING };
    let shrunk = Written { isr: Some(&[2, 1]), ..NONE };
    let lost = Written { isr: Some(&[2, 3]), leader: Some(2), ..NONE };
    let wider = isr(&[2, 1, 3, 4], NOTHING);
    check_all(&[
        row("testNoLeaderEpochBumpIfNothingChanged", Elr::Both, foo, NOTHING, Leader(None)),
        row(
            "testNoLeaderEpochBumpOnIsrShrink",
            Elr::Both,
            foo,
            isr(&[2, 1], NOTHING),
            Leader(None),
        ),
        row("testNoLeaderEpochBumpOnIsrExpansion", Elr::Both, foo, wider, Leader(None)),
        row(
            "testLeaderEpochBumpOnNewReplicaSetDisjoint",
            Elr::Both,
            foo,
            disjoint,
            Leader(Some(1)),
        ),
        row("testNoChange", Elr::Both, foo, NOTHING, Nothing),
        row("testNoChange", Elr::Both, foo, UNCLEAN, Nothing),
        row("testNoChange", Elr::Both, bar, NOTHING, Nothing),
        row("testNoChange", Elr::Both, bar, UNCLEAN, Nothing),
        row("testNoChange", Elr::Both, baz, PREFERRED, Nothing),
        row(
            "testIsrChangeDoesntBumpLeaderEpoch",
            Elr::Both,
            foo,
            isr(&[2, 1], NOTHING),
            Writes(shrunk),
        ),
        row("testIsrChangeAndLeaderChange", Elr::Both, foo, isr(&[2, 3], NOTHING), Writes(lost)),
    ]);
}

#[test]
fn assignments_and_directories() {
    use Want::Writes;
    const NEW: DirectoryId = Uuid(55);
    const OTHER: DirectoryId = Uuid(33);
    const LOST: DirectoryId = DirectoryId::LOST_DIRECTORY;
    let rearranged = Written { replicas: Some(&[3, 2, 1]), directories: true, ..NONE };
    let completed = Written {
        replicas: Some(&[2, 3, 4]),
        isr: Some(&[2, 3, 4]),
        leader: Some(2),
        directories: true,
        completes: true,
        ..NONE
    };
    // Kafka's replicas 0 and 1, which leave, are 5 and 1 here.
    let stopping = Before {
        replicas: &[2, 3, 5, 1],
        isr: &[5, 1],
        removing: &[5, 1],
        adding: &[2, 3],
        leader: 5,
        ..PLAIN
    };
    let demoted =
        Written { replicas: Some(&[2, 3]), isr: Some(&[2, 3]), leader: Some(0), ..completed };
    let kept = Written {
        leader: Some(1),
        replicas: Some(&[3, 1, 5, 4]),
        directories: true,
        moved: &[(5, NEW)],
        ..NONE
    };
    let moved = Written { directories: true, moved: &[(3, OTHER), (1, LOST)], ..NONE };
    let leads_2 = Before { leader: 2, ..FOO };
    let replaces = Asked { replicas: Some(&[3, 1, 5, 4]), moves: &[(5, NEW)], ..NOTHING };
    let moves = Asked { moves: &[(3, OTHER), (1, LOST)], ..NOTHING };
    let turned = Asked { replicas: Some(&[3, 2, 1]), ..NOTHING };
    let stopped = "testStoppedLeaderIsDemotedAfterReassignmentCompletesEvenIfNoNewEligibleLeaders";
    check_all(&[
        row(
            "testReassignmentRearrangesReplicas",
            Elr::Both,
            (FOO, NOT_3, 2),
            turned,
            Writes(rearranged),
        ),
        row(
            "testIsrEnlargementCompletesReassignment",
            Elr::Both,
            (BAR, NOT_3, 2),
            isr(&[1, 2, 3, 4], NOTHING),
            Writes(completed),
        ),
        row(
            stopped,
            Elr::Off,
            (stopping, Alive::Nobody, 2),
            isr(&[5, 1, 2, 3], NOTHING),
            Writes(demoted),
        ),
        row(
            "testKeepsDirectoriesAfterReassignment",
            Elr::Off,
            (FOO, Alive::All, 2),
            replaces,
            Writes(kept),
        ),
        row("testUpdateDirectories", Elr::On, (leads_2, Alive::All, 2), moves, Writes(moved)),
    ]);
}

#[test]
fn unclean_elections_and_recovery() {
    use Want::Writes;
    let alone = |id: Ids| Written { isr: Some(id), leader: Some(id[0]), recovering: true, ..NONE };
    let cleared = Written { elr: Some(&[]), last: Some(&[]), ..alone(&[1]) };
    let recovering = Before { replicas: &[1, 2, 3], isr: &[1], recovering: true, ..PLAIN };
    let offline = Before { leader: 0, ..recovering };
    let others = Before { replicas: &[1, 2, 3], isr: &[2, 3], leader: 0, ..PLAIN };
    let only_1 = Alive::Only(1);
    let unclean = "testUncleanLeaderElection";
    let stays = "testChangeInLeadershipDoesNotChangeRecoveryState";
    let without = Written { leader: Some(0), ..NONE };
    let back = Written { leader: Some(1), ..NONE };
    check_all(&[
        row(unclean, Elr::Both, (FOO, NOT_3, 2), isr(&[3], UNCLEAN), Writes(alone(&[2]))),
        row(unclean, Elr::Off, (OFFLINE, only_1, 2), UNCLEAN, Writes(alone(&[1]))),
        row(unclean, Elr::Off, (OFFLINE, only_1, 2), isr(&[2], UNCLEAN), Writes(alone(&[1]))),
        row(unclean, Elr::On, (OFFLINE_ELR, only_1, 2), UNCLEAN, Writes(cleared)),
        row(unclean, Elr::On, (OFFLINE_ELR, only_1, 2), isr(&[2], UNCLEAN), Writes(cleared)),
        row(stays, Elr::Off, (recovering, Alive::Nobody, 2), isr(&[], NOTHING), Writes(without)),
        row(stays, Elr::Off, (offline, Alive::All, 2), NOTHING, Writes(back)),
        row(
            "testUncleanSetsLeaderRecoveringState",
            Elr::Off,
            (others, only_1, 2),
            UNCLEAN,
            Writes(alone(&[1])),
        ),
    ]);
}

#[test]
fn eligible_leader_replicas_follow_the_in_sync_set() {
    use Want::Writes;
    let all = Before { isr: &[1, 2, 3, 4], ..PLAIN };
    let shrink = "testEligibleLeaderReplicas_IsrShrinkBelowMinISR";
    let shrunk = Written { isr: Some(&[1, 2]), ..NONE };
    let expand = "testEligibleLeaderReplicas_IsrExpandAboveMinISR";
    let few = Before { isr: &[1, 2], elr: &[3], last: &[4], ..PLAIN };
    let expanded = Written { isr: Some(&[1, 2, 3]), elr: Some(&[]), last: Some(&[]), ..NONE };
    let add = "testEligibleLeaderReplicas_IsrAddNewMemberNotInELR";
    let one = Before { isr: &[1], elr: &[3], last: &[2], ..PLAIN };
    let added = Written { isr: Some(&[1, 4]), ..NONE };
    let added_without = Written { elr: Some(&[]), last: Some(&[]), ..added };
    let remove = "testEligibleLeaderReplicas_RemoveUncleanShutdownReplicasFromElr";
    let two = Before { isr: &[1], elr: &[2, 3], ..PLAIN };
    let lossy = Asked { unclean: 3, ..MEMBERS };
    let removed = Written { elr: Some(&[2]), last: Some(&[3]), ..NONE };
    let removed_without = Written { elr: Some(&[]), ..NONE };
    let at = |before: Before| (before, NOT_3, 3);
    check_all(&[
        row(shrink, Elr::Off, at(all), isr(&[1, 2], MEMBERS), Writes(shrunk)),
        row(
            shrink,
            Elr::On,
            at(all),
            isr(&[1, 2], MEMBERS),
            Writes(Written { elr: Some(&[3, 4]), ..shrunk }),
        ),
        row(expand, Elr::Both, at(few), isr(&[1, 2, 3], MEMBERS), Writes(expanded)),
        row(add, Elr::Off, at(one), isr(&[1, 4], MEMBERS), Writes(added_without)),
        row(add, Elr::On, at(one), isr(&[1, 4], MEMBERS), Writes(added)),
        row(remove, Elr::Off, at(two), lossy, Writes(removed_without)),
        row(remove, Elr::On, at(two), lossy, Writes(removed)),
    ]);
}

#[test]
fn eligible_leader_replicas_and_the_last_known_leader_lead() {
    use Want::{Nothing, Writes};
    let elected = "testEligibleLeaderReplicas_ElrCanBeElected";
    let one = Before { isr: &[1], elr: &[3], ..PLAIN };
    let leads_3 = Written { isr: Some(&[3]), elr: Some(&[1]), leader: Some(3), ..NONE };
    let not_1 = Alive::AllBut(1);
    let zero = "testEligibleLeaderReplicas_IsrCanShrinkToZero";
    let all = Before { isr: &[1, 2, 3, 4], ..PLAIN };
    let gone = Written { isr: Some(&[]), leader: Some(0), elr: Some(&[1, 2, 3, 4]), ..NONE };
    let nobody = Before { elr: &[1, 2, 3, 4], last: &[1], leader: 0, ..PLAIN };
    let lossy = Asked { unclean: 2, ..PREFERRED };
    let without_2 = Written { elr: Some(&[1, 3, 4]), ..NONE };
    let no_leader = "testEligibleLeaderReplicas_lastKnownElrShouldBePopulatedWhenNoLeader";
    let two = Before { replicas: &[1, 2, 3], isr: &[1], elr: &[2], ..PLAIN };
    let remembered = Written { leader: Some(0), last: Some(&[1]), ..NONE };
    let last = Before { last: &[1], leader: 0, ..PLAIN };
    let taken =
        Written { isr: Some(&[1]), leader: Some(1), recovering: true, last: Some(&[]), ..NONE };
    let eligible = Before { elr: &[3], ..last };
    let not_eligible = "testEligibleLeaderReplicas_NotEligibleLastKnownLeader";
    let empty = |asked: Asked| isr(&[], asked);
    check_all(&[
        row(elected, Elr::On, (one, not_1, 3), empty(PREFERRED), Writes(leads_3)),
        row(
            elected,
            Elr::On,
            (Before { last: &[2], ..one }, not_1, 3),
            empty(MEMBERS),
            Writes(leads_3),
        ),
        row(
            zero,
            Elr::On,
            (all, Alive::Nobody, 3),
            empty(PREFERRED),
            Writes(Written { last: Some(&[1]), ..gone }),
        ),
        row(zero, Elr::On, (all, Alive::Nobody, 3), empty(MEMBERS), Writes(gone)),
        row(zero, Elr::On, (nobody, Alive::Nobody, 3), lossy, Writes(without_2)),
        row(no_leader, Elr::On, (two, Alive::Nobody, 3), PREFERRED, Writes(remembered)),
        row(
            "testEligibleLeaderReplicas_ElectLastKnownLeader",
            Elr::On,
            (last, Alive::All, 3),
            empty(PREFERRED),
            Writes(taken),
        ),
        row(
            "testEligibleLeaderReplicas_ElectLastKnownLeaderShouldFail",
            Elr::On,
            (eligible, NOT_3, 3),
            empty(PREFERRED),
            Nothing,
        ),
        row(not_eligible, Elr::On, (last, Alive::Nobody, 3), empty(PREFERRED), Nothing),
        row(not_eligible, Elr::On, (last, Alive::Nobody, 3), empty(NOTHING), Nothing),
        row(not_eligible, Elr::On, (last, Alive::Nobody, 3), empty(UNCLEAN), Nothing),
    ]);
}

/// `testChangeRecordIsNoOp`.
#[test]
fn a_change_is_empty_only_if_every_field_is() {
    let none = PartitionChange::default;
    assert!(none().is_no_op(), "testChangeRecordIsNoOp: nothing is in it");
    let rows = [
        PartitionChange { leader: to(1), ..none() },
        PartitionChange { isr: Some(ids(&[1, 2, 3])), ..none() },
        PartitionChange { removing_replicas: Some(ids(&[1])), ..none() },
        PartitionChange { adding_replicas: Some(ids(&[4])), ..none() },
        PartitionChange { eligible_leader_replicas: Some(ids(&[5])), ..none() },
        PartitionChange { last_known_elr: Some(ids(&[6])), ..none() },
        PartitionChange { leader_recovery_state: Some(LeaderRecoveryState::Recovered), ..none() },
        PartitionChange { directories: Some(vec![home(BrokerId(1))]), ..none() },
    ];
    for change in rows {
        assert!(!change.is_no_op(), "testChangeRecordIsNoOp: {change:?}");
    }
}
