//! Groups: G1 to G13, the ownership of C3, L7, and the invariants of KIP-848's specification.

mod told;

use std::sync::Arc;

use trial_cluster::group::{GroupCoordinator, GroupRecord};
use trial_cluster::ids::Offset;
use trial_cluster::note::controller::ControllerNote;
use trial_sim::{HostId, Span};

use crate::ends;
use crate::story::{B1, B2, M1, M2, ORDERS, Story};
use told::{
    InGeneration as In, classic_member, current, epoch, generation, member, no_generation, offset,
    target, target_epoch,
};

/// Plays a story with a group; wants these violations and no others.
#[track_caller]
fn check(want: &[&str], play: impl FnOnce(&mut Story)) {
    let mut story = Story::with_group();
    play(&mut story);
    ends(story, want);
}

/// Two members, m1 with everything, in generation 1.
fn first() -> GroupRecord {
    generation(1, "range", &[In("m1-a", None, true, false), In("m2-a", None, false, false)])
}

#[test]
fn g1_a_generation_gives_a_partition_to_one_member() {
    let both = [In("m1-a", None, true, false), In("m2-a", None, true, false)];
    check(&["G1"], |story| story.decides(&[&[generation(1, "range", &both)]]));
    check(&[], |story| story.decides(&[&[first()]]));
    // Written again, it says the same; but for a static member, which comes back under another id.
    let other = [In("m1-a", None, false, false), In("m2-a", None, true, false)];
    check(&["G1"], |story| story.decides(&[&[first()], &[generation(1, "range", &other)]]));
    let before = [In("m1-a", Some("i1"), true, false)];
    let after = [In("m1-b", Some("i1"), true, false)];
    check(&[], |story| {
        story.decides(&[&[generation(1, "range", &before)], &[generation(1, "range", &after)]]);
    });
}

#[test]
fn g2_who_is_given_a_partition_is_its_only_owner() {
    check(&["G2"], |story| {
        story.decides(&[&[first()]]);
        story.is_given(M1, "m1-a", 1, true);
        story.is_given(M2, "m2-a", 1, true);
    });
    check(&[], |story| {
        story.decides(&[&[first()]]);
        story.is_given(M1, "m1-a", 1, true);
        story.gives_up(M1);
        story.is_given(M2, "m2-a", 2, true);
    });
    // It was removed, and has not heard of it.
    check(&[], |story| {
        story.decides(&[&[first()]]);
        story.is_given(M1, "m1-a", 1, true);
        let alone = [In("m2-a", None, true, false)];
        story.decides(&[&[generation(2, "range", &alone)]]);
        story.is_given(M2, "m2-a", 2, true);
    });
    // The same, and the answer that gives it something comes late.
    let alone = |id: &'static str, other: &'static str| {
        move |story: &mut Story| {
            story.decides(&[&[first()], &[generation(2, "range", &[In(id, None, true, false)])]]);
            story.is_given(M1, id, 2, true);
            story.is_given(M2, other, 1, true);
        }
    };
    check(&[], alone("m1-a", "m2-a"));
    // It was never a member.
    check(&["G2"], alone("m1-a", "m2-b"));
    // A static member did not join in time, and is in the generation with what it said when it joined first: nothing.
    let late = |instance: Option<&'static str>| {
        move |story: &mut Story| {
            let (m1, m2) = ("m1-a", "m2-a");
            let before = [In(m1, instance, true, false), In(m2, None, false, false)];
            story.decides(&[&[generation(1, "range", &before)]]);
            story.is_given(M1, m1, 1, true);
            let after = [In(m1, instance, false, false), In(m2, None, true, false)];
            story.decides(&[&[generation(2, "range", &after)]]);
            story.is_given(M2, m2, 2, true);
        }
    };
    check(&[], late(Some("i1")));
    check(&["G2"], late(None));
    // Its process is gone.
    check(&[], |story| {
        story.decides(&[&[first()]]);
        story.is_given(M1, "m1-a", 1, true);
        story.dies(M1);
        story.is_given(M2, "m2-a", 2, true);
    });
}

/// KAFKA-12983: it was removed, and knows it.
#[test]
fn g2_who_joins_anew_has_nothing_that_others_have() {
    let tale = |lets_go: bool, id: &'static str| {
        move |story: &mut Story| {
            story.decides(&[&[first()]]);
            story.is_given(M1, "m1-a", 1, true);
            story.decides(&[&[generation(2, "range", &[In("m2-a", None, true, false)])]]);
            story.is_given(M2, "m2-a", 2, true);
            if lets_go {
                story.gives_up(M1);
            }
            let both = [In("m2-a", None, true, true), In(id, None, false, false)];
            story.decides(&[&[generation(3, "range", &both)]]);
        }
    };
    check(&["G2"], tale(false, "m1-b"));
    check(&[], tale(true, "m1-b"));
    // Somebody else comes.
    check(&[], tale(false, "m3-a"));
}

/// It missed the answer to a heartbeat, and takes what it had been told before.
#[test]
fn g2_a_member_may_take_what_its_records_do_not_say_any_more() {
    let has = |id: &str, number: i32, has: bool| current(id, number, has.then_some(number), false);
    let begins = |story: &mut Story, m1_has: bool| {
        let target = target("m1-a", m1_has);
        let records = [epoch(1), member("m1-a", None), target, has("m1-a", 1, m1_has)];
        story.decides(&[&records]);
    };
    let goes_on = |story: &mut Story| {
        let targets = [target("m1-a", false), target("m2-a", true), target_epoch(2)];
        let given: Vec<_> = [epoch(2), member("m2-a", None)].into_iter().chain(targets).collect();
        story.decides(&[&given, &[has("m1-a", 2, false)], &[has("m2-a", 2, true)]]);
    };
    check(&[], |story| {
        begins(story, true);
        goes_on(story);
        story.is_given(M1, "m1-a", 2, true);
        story.is_given(M2, "m2-a", 2, true);
    });
    // It had it before, and nobody took it back; it was never its own.
    check(&["G2"], |story| {
        begins(story, true);
        story.is_given(M1, "m1-a", 1, true);
        goes_on(story);
        story.is_given(M2, "m2-a", 2, true);
    });
    check(&["G2"], |story| {
        begins(story, false);
        goes_on(story);
        story.is_given(M1, "m1-a", 2, true);
        story.is_given(M2, "m2-a", 2, true);
    });
}

/// A classic group believes that its members have the targets of the consumer group that it was (seed 6877 of
/// `groups_at_once`).
#[test]
fn g2_a_member_may_have_what_its_group_forgot_when_it_became_a_classic_one() {
    let tale = |is_downgraded: bool| {
        move |story: &mut Story| {
            let m1 = |number: i32, has: bool| current("m1-a", number, has.then_some(number), false);
            story.decides(&[&[epoch(2), member("m1-a", None), m1(2, true)]]);
            story.is_given(M1, "m1-a", 2, true);
            let nobody = generation(2, "range", &[In("m1-a", None, false, false)]);
            if is_downgraded {
                story.decides(&[&[nobody]]);
            }
            let m2 = current("m2-a", 3, Some(3), false);
            let begun = [epoch(3), member("m1-a", None), m1(2, false), member("m2-a", None), m2];
            let upgrade: Vec<_> = [no_generation()].into_iter().chain(begun).collect();
            story.decides(&[&upgrade]);
            story.is_given(M2, "m2-a", 3, true);
        }
    };
    check(&[], tale(true));
    check(&["G2"], tale(false));
}

#[test]
fn g3_what_a_member_has_is_taken_from_it_first() {
    let before = [In("m1-a", None, true, false), In("m2-a", None, false, false)];
    let at_once = [In("m1-a", None, false, true), In("m2-a", None, true, false)];
    let first_taken = [In("m1-a", None, false, true), In("m2-a", None, false, false)];
    let (eager, cooperative) = ("range", "cooperative-sticky");
    let two = |assignor: &'static str, next: &[In]| {
        [generation(1, assignor, &before), generation(2, assignor, next)]
    };
    for (assignor, next, want) in [
        (cooperative, &at_once, &["G3"][..]),
        (cooperative, &first_taken, &[]),
        (eager, &at_once, &[]),
    ] {
        let [one, other] = two(assignor, next);
        check(want, |story| story.decides(&[&[one], &[other]]));
    }
}

#[test]
fn g4_generations_and_epochs_rise() {
    let later = || [generation(2, "range", &[In("m1-a", None, true, false)])];
    check(&["G4"], |story| story.decides(&[&later(), &[first()]]));
    check(&[], |story| story.decides(&[&[first()], &later()]));
    // A group that was deleted begins anew.
    check(&[], |story| story.decides(&[&later(), &[no_generation()], &[first()]]));
    check(&["G4"], |story| {
        story.decides(&[
            &[epoch(3), member("m1-a", None), current("m1-a", 3, None, false)],
            &[current("m1-a", 2, None, false)],
        ]);
    });
}

#[test]
fn g5_a_commit_is_taken_from_a_member_in_its_generation() {
    let commits = |generation: i32| {
        move |story: &mut Story| {
            story.decides(&[&[first()]]);
            story.is_given(M1, "m1-a", 1, true);
            story.member_reads(M1, 0);
            story.decides(&[&[offset(Some(1))]]);
            story.commit_stands(M1, generation, 1);
        }
    };
    check(&["G5"], commits(0));
    check(&["G5"], commits(2));
    check(&[], commits(1));
    // In the consumer protocol an older epoch will do, if the partition was its own then (KIP-1251).
    let modern = |sent: i32, since: i32| {
        move |story: &mut Story| {
            story.decides(&[&[
                epoch(3),
                member("m1-a", None),
                current("m1-a", 3, Some(since), false),
            ]]);
            story.is_given(M1, "m1-a", 3, true);
            story.member_reads(M1, 0);
            story.decides(&[&[offset(Some(1))]]);
            story.commit_stands(M1, sent, 1);
        }
    };
    check(&[], modern(3, 3));
    check(&[], modern(2, 2));
    check(&["G5"], modern(2, 3));
    check(&["G5"], modern(4, 3));
}

#[test]
fn g6_an_acknowledged_commit_is_what_the_next_owner_is_told() {
    let told = |second: Option<i64>, tombstone: bool| {
        move |story: &mut Story| {
            story.decides(&[&[first()]]);
            story.is_given(M1, "m1-a", 1, true);
            for position in 0..2 {
                story.member_reads(M1, position);
                story.decides(&[&[offset(Some(position + 1))]]);
                story.commit_stands(M1, 1, position + 1);
            }
            if tombstone {
                story.decides(&[&[generation(2, "range", &[])], &[offset(None)]]);
            }
            story.gives_up(M1);
            story.is_given(M2, "m2-a", 2, true);
            story.is_told_committed(M2, second);
        }
    };
    check(&["G6"], told(Some(1), false));
    check(&["G6"], told(None, false));
    check(&[], told(Some(2), false));
    check(&[], told(None, true));
}

#[test]
fn g7_nothing_is_committed_that_was_not_delivered() {
    let commits = |position: i64| {
        move |story: &mut Story| {
            story.decides(&[&[first()]]);
            story.is_given(M1, "m1-a", 1, true);
            story.member_reads(M1, 0);
            story.decides(&[&[offset(Some(position))]]);
            story.commit_stands(M1, 1, position);
        }
    };
    check(&["G7"], commits(2));
    check(&[], commits(1));
    // It was returned, and the application works on it (KAFKA-18641).
    check(&["G7"], |story| {
        story.decides(&[&[first()]]);
        story.is_given(M1, "m1-a", 1, true);
        story.member_polls(M1, 0);
        story.decides(&[&[offset(Some(1))]]);
        story.commit_stands(M1, 1, 1);
    });
}

#[test]
fn g8_no_offset_expires_under_its_reader() {
    check(&["G8"], |story| {
        story.decides(&[&[first()], &[offset(Some(1))], &[offset(None)]]);
    });
    // Nobody is in the group any more.
    check(&[], |story| {
        let empty = generation(2, "range", &[]);
        story.decides(&[&[first()], &[offset(Some(1))], &[empty], &[offset(None)]]);
    });
    // Its topic is gone.
    check(&[], |story| {
        story.decides(&[&[first()], &[offset(Some(1))]]);
        let at: Offset = story.next_offset();
        story.controller(ControllerNote::TopicDeleted { offset: at, id: ORDERS.topic });
        story.decides(&[&[offset(None)]]);
    });
}

/// KAFKA-13636: who is joining may read it.
#[test]
fn g8_no_offset_expires_while_members_join() {
    let state = GroupCoordinator::new(Arc::default()).state().fingerprint();
    let tale = |prepares: Option<HostId>, next: Option<GroupRecord>| {
        move |story: &mut Story| {
            story.coordinator_loads(0, state);
            let empty = generation(1, "range", &[]);
            story.decides(&[&[empty], &[offset(Some(1))]]);
            if let Some(host) = prepares {
                story.coordinator_prepares(host);
            }
            if let Some(next) = next {
                story.decides(&[&[next]]);
            }
            story.decides(&[&[offset(None)]]);
        }
    };
    let empty_again = || Some(generation(2, "range", &[]));
    check(&["G8"], tale(Some(B1), None));
    check(&[], tale(None, None));
    // Whoever joined has left; it is somebody who is coordinator no longer.
    check(&[], tale(Some(B1), empty_again()));
    check(&[], tale(Some(B2), None));
}

#[test]
fn g9_what_is_loaded_is_what_was_written() {
    let state = |records: &[GroupRecord]| {
        let mut coordinator = GroupCoordinator::new(Arc::default());
        for (at, record) in (0..).zip(records) {
            coordinator.replay(Offset(at), record);
        }
        coordinator.state().fingerprint()
    };
    let all = [first(), offset(Some(1)), offset(Some(2))];
    check(&["G9"], |story| {
        story.decides(&[&all]);
        story.coordinator_loads(3, state(&all[..2]));
    });
    check(&[], |story| {
        story.decides(&[&all]);
        story.coordinator_loads(3, state(&all));
    });
    // Another batch was committed in the place of the last one that was loaded.
    check(&[], |story| {
        let other = [first(), offset(Some(1)), offset(Some(7))];
        story.coordinator_writes(0, &other);
        story.coordinator_loads(3, state(&other));
        story.coordinator_cuts();
        story.decides(&[&all]);
    });
    // What was loaded beyond what is committed is judged when that is.
    check(&["G9"], |story| {
        story.coordinator_loads(3, state(&all[..2]));
        story.decides(&[&all]);
    });
}

#[test]
fn g10_one_member_has_an_instance_id() {
    let both = [In("m1-a", Some("i"), true, false), In("m2-a", Some("i"), false, false)];
    check(&["G10"], |story| story.decides(&[&[generation(1, "range", &both)]]));
    let each = [In("m1-a", Some("i"), true, false), In("m2-a", Some("j"), false, false)];
    check(&[], |story| story.decides(&[&[generation(1, "range", &each)]]));
}

#[test]
fn g11_what_is_acknowledged_is_committed() {
    check(&["G11"], |story| {
        let end = story.coordinator_writes(0, &[first()]);
        story.coordinator_answers(end);
        story.coordinator_commits(end);
    });
    check(&[], |story| {
        story.decides(&[&[first()]]);
        story.coordinator_answers(1);
    });
    // The member is told that a commit stands of which there is no record.
    check(&["G11"], |story| {
        story.decides(&[&[first()]]);
        story.is_given(M1, "m1-a", 1, true);
        story.member_reads(M1, 0);
        story.commit_stands(M1, 1, 1);
    });
}

#[test]
fn g12_a_group_that_changes_its_protocol_keeps_what_its_members_have() {
    let upgraded = |has: Option<i32>, other: Option<i32>| {
        [
            no_generation(),
            epoch(2),
            member("m1-a", None),
            member("m2-a", None),
            current("m1-a", 1, has, false),
            current("m2-a", 1, other, false),
        ]
    };
    check(&["G12"], |story| story.decides(&[&[first()], &upgraded(None, Some(1))]));
    check(&[], |story| story.decides(&[&[first()], &upgraded(Some(1), None)]));
    // The assignment of a newer generation could not be written: nobody has anything.
    check(&[], |story| story.decides(&[&[first()], &upgraded(None, None)]));
    // The assignment of a newer generation is not committed yet: its coordinator knows the older one.
    let second =
        generation(2, "range", &[In("m1-a", None, false, false), In("m2-a", None, true, false)]);
    let decisions = [&[first()][..], &[second], &upgraded(Some(1), None)];
    check(&["G12"], |story| story.decides(&decisions));
    check(&[], |story| {
        story.decides(&decisions[..1]);
        story.decides_before_any_is_committed(&decisions[1..]);
    });
}

#[test]
fn g13_what_is_told_is_committed() {
    let told = |position: i64| {
        move |story: &mut Story| {
            story.decides(&[&[first()], &[offset(Some(1))]]);
            story.is_given(M1, "m1-a", 1, true);
            story.is_told_committed(M1, Some(position));
        }
    };
    check(&["G13"], told(2));
    check(&[], told(1));
}

#[test]
fn c3_a_member_gets_records_of_its_own_partitions() {
    check(&["C3"], |story| {
        story.decides(&[&[first()]]);
        story.is_given(M1, "m1-a", 1, false);
        story.member_polls(M1, 0);
    });
    check(&["C3"], |story| {
        story.decides(&[&[first()]]);
        story.is_given(M1, "m1-a", 1, true);
        story.gives_up(M1);
        story.member_polls(M1, 0);
    });
    check(&[], |story| {
        story.decides(&[&[first()]]);
        story.is_given(M1, "m1-a", 1, true);
        story.member_polls(M1, 0);
    });
}

/// The names are those of the specification of KIP-848.
#[test]
fn a_consumer_group_is_what_its_specification_says() {
    let two = |records: &[GroupRecord]| {
        let mut all = vec![epoch(3), member("m1-a", None), member("m2-a", None)];
        all.extend_from_slice(records);
        move |story: &mut Story| story.decides(&[&all])
    };
    check(
        &["NoDoubleClientAssignment"],
        two(&[current("m1-a", 3, Some(3), true), current("m2-a", 3, Some(3), false)]),
    );
    check(&[], two(&[current("m1-a", 3, Some(3), true), current("m2-a", 3, None, false)]));
    check(
        &["LegalTargetAssignment"],
        two(&[target("m1-a", true), target("m2-a", true), target_epoch(2)]),
    );
    check(&["LegalTargetAssignment"], two(&[target("m3-a", true), target_epoch(2)]));
    check(&[], two(&[target("m1-a", true), target("m2-a", false), target_epoch(2)]));
    check(&["ValidMemberEpoch"], two(&[current("m1-a", 4, None, false)]));
    check(&["ValidPartitionEpoch"], two(&[current("m1-a", 2, Some(3), false)]));
    let stable = |has: Option<i32>| {
        two(&[
            target("m1-a", true),
            target("m2-a", false),
            target_epoch(3),
            current("m1-a", 3, has, false),
            current("m2-a", 3, None, false),
        ])
    };
    check(&["ValidStableGroupState"], stable(None));
    check(&[], stable(Some(3)));
}

/// What follows from a loss is the loss's: a coordinator that never saw a commit cannot tell of it.
#[test]
fn a_group_whose_shard_has_lost_something_is_not_judged() {
    let mut story = Story::with_group();
    story.decides(&[&[first()], &[offset(Some(1))]]);
    story.coordinator_leads(1, 1);
    story.is_given(M1, "m1-a", 1, true);
    story.is_told_committed(M1, Some(7));
    let found = story.end();
    assert!(!found.contains(&"G13"), "GC-1: {found:?}");
}

#[test]
fn l7_every_partition_of_a_group_has_one_owner() {
    let missing = |story: &Story| {
        let missing = story.judge.is_live();
        missing.into_iter().filter(|it| it.starts_with("L7")).collect::<Vec<_>>()
    };
    let mut story = Story::with_group();
    story.decides(&[&[first()]]);
    assert_eq!(missing(&story).len(), 3, "two were told nothing, and nobody has it");
    story.is_given(M1, "m1-a", 1, true);
    story.is_given(M2, "m2-a", 1, false);
    assert_eq!(missing(&story), Vec::<String>::new());
    story.gives_up(M1);
    let found = missing(&story);
    assert_eq!(found, ["L7: orders/0 has 0 owners in group g; by its records it is m1-a's"]);
}

/// A classic member of a consumer group whose joining took too long to be written: Kafka sets no timer for it.
#[test]
fn l7_lets_pass_whom_its_coordinator_has_let_in_and_forgotten() {
    let missing = |wait: Span, is_classic: bool, is_loaded: bool, has: Option<i32>| {
        let mut story = Story::with_group();
        let joins = [
            epoch(2),
            member("m1-a", None),
            if is_classic { classic_member("m0-a") } else { member("m0-a", None) },
            target("m0-a", true),
            target_epoch(2),
            current("m1-a", 2, None, false),
            current("m0-a", 2, has, false),
        ];
        let end = story.coordinator_writes(0, &joins);
        story.waits(wait);
        story.coordinator_commits(end);
        story.is_given(M1, "m1-a", 2, false);
        story.is_given(M2, "m2-a", 1, false);
        if is_loaded {
            story.coordinator_loads(end, 0);
        }
        story.judge.is_live().into_iter().filter(|it| it.starts_with("L7")).count()
    };
    let (soon, late) = (Span::from_secs(4), Span::from_secs(6));
    assert_eq!(missing(late, true, false, Some(2)), 0);
    assert_eq!(missing(late, true, false, None), 0, "it is its own by the target alone");
    assert_eq!(missing(soon, true, false, Some(2)), 1, "it has its timers");
    assert_eq!(
        missing(late, false, false, Some(2)),
        1,
        "a member of the new protocol has them from the start"
    );
    assert_eq!(missing(late, true, true, Some(2)), 1, "who loads a group sets them for all");
}
