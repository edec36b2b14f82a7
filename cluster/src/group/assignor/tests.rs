//! Kafka's tests of its assignors, told again as rows: `RangeAssignorTest`, `UniformHomogeneousAssignmentBuilderTest`,
//! `UniformHeterogeneousAssignmentBuilderTest`, `CommonAssignorTests`, with the topic ids that they have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trial_sim::{Plan, Stream};

use super::{AssignmentFailed, GroupAssignment, GroupSpec, MemberSpec, Partitions};
use crate::config::group::ServerAssignor;
use crate::group::state::MemberId;
use crate::ids::TopicId;

/// Topics `1` to `4`.
fn topic(name: &str) -> TopicId {
    let text = match name {
        "1" => "T1-A4s3VTwiI5CTbEp6POw",
        "2" => "T2-B4s3VTwiI5YHbPp6YUe",
        "3" => "T3-CU8fVTLCz5YMkLoDQsa",
        "4" => "T4-Tw9fVTLCz5HbPp6YQsa",
        other => panic!("there is no topic {other}"),
    };
    // The last digit has bits that an id does not have room for; Java drops them.
    let last = text.chars().last().expect("it has digits");
    let kept = match last {
        'w' => 'w',
        'e' => 'Q',
        'a' => 'Q',
        other => panic!("{other}"),
    };
    format!("{}{kept}", &text[..21]).parse().expect("it is an id")
}

/// `1:0,1 3:2`.
fn partitions(text: &str) -> Partitions {
    let one = |word: &str| {
        let (name, of) = word.split_once(':').expect("topic:partitions");
        (topic(name), of.split(',').map(|p| p.parse().expect("a number")).collect())
    };
    text.split_whitespace().map(one).collect()
}

/// A member: its id, its instance, what it subscribes to, what it had and what it is to get.
type Row<'a> = (&'a str, Option<&'a str>, &'a str, &'a str, &'a str);

fn spec_of(row: &Row<'_>) -> (MemberId, MemberSpec) {
    let topics: BTreeSet<TopicId> = row.2.split_whitespace().map(topic).collect();
    let spec = MemberSpec {
        instance_id: row.1.map(String::from),
        named: topics.len(),
        topics,
        assigned: Arc::new(partitions(row.3)),
    };
    (row.0.into(), spec)
}

fn inverted(members: &[(MemberId, MemberSpec)]) -> BTreeMap<TopicId, BTreeMap<i32, MemberId>> {
    let mut inverted: BTreeMap<TopicId, BTreeMap<i32, MemberId>> = BTreeMap::new();
    for (id, member) in members {
        for (topic, of) in member.assigned.iter() {
            let of = of.iter().map(|partition| (*partition, id.clone()));
            inverted.entry(*topic).or_default().extend(of);
        }
    }
    inverted
}

fn assign(
    assignor: ServerAssignor,
    is_homogeneous: bool,
    topics: &[(&str, i32)],
    rows: &[Row<'_>],
) -> Result<GroupAssignment, AssignmentFailed> {
    let members: Vec<(MemberId, MemberSpec)> = rows.iter().map(spec_of).collect();
    let counts = topics.iter().map(|(name, count)| (topic(name), *count)).collect();
    let assigned_to = inverted(&members);
    let group =
        GroupSpec { members, is_homogeneous, assigned_to: &assigned_to, partition_counts: &counts };
    assignor.assign(&group)
}

#[track_caller]
fn check(
    kafka: &str,
    assignor: ServerAssignor,
    is_homogeneous: bool,
    topics: &[(&str, i32)],
    rows: &[Row<'_>],
) {
    let got = assign(assignor, is_homogeneous, topics, rows).expect("it can be assigned");
    let want: GroupAssignment = rows.iter().map(|row| (row.0.into(), partitions(row.4))).collect();
    assert_eq!(got, want, "{kafka}");
}

use ServerAssignor::{Range, Uniform};

/// 12 of the 14 tests of `RangeAssignorTest`; `testReassignmentStickiness` is told below, and a group without topics is
/// told by `nobody_and_nothing`.
#[test]
fn range() {
    let both = "1 3";
    check(
        "testFirstAssignmentTwoMembersTwoTopicsSameSubscriptions",
        Range,
        true,
        &[("1", 3), ("3", 2)],
        &[("A", None, both, "", "1:0,1 3:0"), ("B", None, both, "", "1:2 3:1")],
    );
    let three = [("1", 3), ("2", 3), ("3", 2)];
    check(
        "testFirstAssignmentThreeMembersThreeTopicsDifferentSubscriptions",
        Range,
        false,
        &three,
        &[
            ("A", None, "1 2", "", "1:0,1,2 2:0,1"),
            ("B", None, "3", "", "3:0"),
            ("C", None, "2 3", "", "2:2 3:1"),
        ],
    );
    check(
        "testFirstAssignmentNumMembersGreaterThanNumPartitions",
        Range,
        true,
        &[("1", 3), ("3", 2)],
        &[
            ("A", None, both, "", "1:0 3:0"),
            ("B", None, both, "", "1:1 3:1"),
            ("C", None, both, "", "1:2"),
        ],
    );
    for id in ["A", "memberA1"] {
        check(
            "testStaticMembership",
            Range,
            true,
            &[("1", 3)],
            &[(id, Some("instanceA"), "1", "", "1:0,1"), ("B", Some("instanceB"), "1", "", "1:2")],
        );
        check(
            "testMixedStaticMembership",
            Range,
            true,
            &[("1", 5)],
            &[
                (id, Some("instanceA"), "1", "", "1:0,1"),
                ("C", Some("instanceC"), "1", "", "1:2,3"),
                ("B", None, "1", "", "1:4"),
            ],
        );
    }
}

/// The rest of them.
#[test]
fn range_again() {
    let three = [("1", 3), ("2", 3), ("3", 2)];
    let two = "1 2";
    check(
        "testReassignmentNumMembersGreaterThanNumPartitionsWhenOneMemberAdded",
        Range,
        true,
        &[("1", 2), ("2", 2)],
        &[
            ("A", None, two, "1:0 2:0", "1:0 2:0"),
            ("B", None, two, "1:1 2:1", "1:1 2:1"),
            ("C", None, two, "", ""),
        ],
    );
    let had = ["1:0,1 2:0,1", "1:2 2:2"];
    check(
        "testReassignmentWhenOnePartitionAddedForTwoMembersTwoTopics",
        Range,
        true,
        &[("1", 4), ("2", 4)],
        &[("A", None, two, had[0], "1:0,1 2:0,1"), ("B", None, two, had[1], "1:2,3 2:2,3")],
    );
    check(
        "testReassignmentWhenOneMemberAddedAfterInitialAssignmentWithTwoMembersTwoTopics",
        Range,
        true,
        &[("1", 3), ("2", 3)],
        &[
            ("A", None, two, had[0], "1:0 2:0"),
            ("B", None, two, had[1], "1:1 2:1"),
            ("C", None, two, "", "1:2 2:2"),
        ],
    );
    check(
        "testReassignmentWhenOneMemberAddedAndOnePartitionAfterInitialAssignmentWithTwoMembersTwoTopics",
        Range,
        false,
        &[("1", 4), ("2", 3)],
        &[
            ("A", None, two, had[0], "1:0,1 2:0,1"),
            ("B", None, two, had[1], "1:2 2:2"),
            ("C", None, "1", "", "1:3"),
        ],
    );
    check(
        "testReassignmentWhenOneMemberRemovedAfterInitialAssignmentWithTwoMembersTwoTopics",
        Range,
        true,
        &[("1", 3), ("2", 3)],
        &[("B", None, two, had[1], "1:0,1,2 2:0,1,2")],
    );
    check(
        "testReassignmentWhenMultipleSubscriptionsRemovedAfterInitialAssignmentWithThreeMembersTwoTopics",
        Range,
        false,
        &three,
        &[
            ("A", None, "1", "1:0,1,2 2:0", "1:0,1"),
            ("B", None, "1 2 3", "2:1", "1:2 2:0,1 3:0,1"),
            ("C", None, "2", "2:2 3:0,1", "2:2"),
        ],
    );
}

/// 10 of the 12 tests of `UniformHomogeneousAssignmentBuilderTest`; `testAssignmentReuse` asks that maps are not
/// copied. Two of them give the assignor maps in which topic 1 comes before topic 2. In a HashMap, in which a
/// coordinator has what it read from its log, topic 2 comes first: so it does in these rows.
#[test]
fn uniform_for_members_that_read_the_same() {
    check(
        "testFirstAssignmentTwoMembersTwoTopicsNoMemberRacks",
        Uniform,
        true,
        &[("1", 3), ("3", 2)],
        &[("A", None, "1 3", "", "3:0,1"), ("B", None, "1 3", "", "1:0,1,2")],
    );
    check(
        "testFirstAssignmentNumMembersGreaterThanTotalNumPartitions",
        Uniform,
        true,
        &[("3", 2)],
        &[("A", None, "3", "", ""), ("B", None, "3", "", "3:0"), ("C", None, "3", "", "3:1")],
    );
    let (two, three) = ("1 2", [("1", 3), ("2", 3)]);
    check(
        "testReassignmentForTwoMembersTwoTopicsGivenUnbalancedPrevAssignment",
        Uniform,
        true,
        &three,
        &[("A", None, two, "1:0,1 2:0,1", "1:0 2:0,1"), ("B", None, two, "1:2 2:2", "1:1,2 2:2")],
    );
    check(
        "testReassignmentWhenPartitionsAreAddedForTwoMembersTwoTopics",
        Uniform,
        true,
        &[("1", 6), ("2", 5)],
        &[
            ("A", None, two, "1:0,2 2:0", "1:0,2 2:0,3,4"),
            ("B", None, two, "1:1 2:1,2", "1:1,3,4,5 2:1,2"),
        ],
    );
    check(
        "testReassignmentWhenOneMemberAddedAfterInitialAssignmentWithTwoMembersTwoTopics",
        Uniform,
        true,
        &three,
        &[
            ("A", None, two, "1:0,2 2:0", "1:0 2:0"),
            ("B", None, two, "1:1 2:1,2", "2:1,2"),
            ("C", None, two, "", "1:1,2"),
        ],
    );
    check(
        "testReassignmentWhenOneMemberRemovedAfterInitialAssignmentWithThreeMembersTwoTopics",
        Uniform,
        true,
        &three,
        &[("A", None, two, "1:0 2:0", "1:0 2:0,2"), ("B", None, two, "1:1 2:1", "1:1,2 2:1")],
    );
    check(
        "testReassignmentWhenOneSubscriptionRemovedAfterInitialAssignmentWithTwoMembersTwoTopics",
        Uniform,
        true,
        &[("1", 2), ("2", 2)],
        &[("A", None, "2", "1:0 2:0", "2:0"), ("B", None, "2", "1:1 2:1", "2:1")],
    );
}

/// 11 of the 13 tests of `UniformHeterogeneousAssignmentBuilderTest`.
#[test]
fn uniform_for_members_that_read_different_topics() {
    check(
        "testFirstAssignmentTwoMembersTwoTopics",
        Uniform,
        false,
        &[("1", 3), ("3", 6)],
        &[("A", None, "1 3", "", "1:0,1,2 3:4"), ("B", None, "3", "", "3:0,1,2,3,5")],
    );
    check(
        "testFirstAssignmentNumMembersGreaterThanTotalNumPartitions",
        Uniform,
        false,
        &[("1", 2), ("3", 1)],
        &[("A", None, "3", "", "3:0"), ("B", None, "3", "", ""), ("C", None, "1", "", "1:0,1")],
    );
    check(
        "testReassignmentForTwoMembersThreeTopicsGivenUnbalancedPrevAssignment",
        Uniform,
        false,
        &[("1", 6), ("2", 4), ("3", 4)],
        &[
            ("A", None, "1", "1:0,1,2", "1:0,1,2,5"),
            ("B", None, "1 2", "1:3 2:0", "1:3 2:0,1,2,3"),
            ("C", None, "1 2 3", "1:4,5 2:1,2,3 3:0,1,2,3", "1:4 3:0,1,2,3"),
        ],
    );
    check(
        "testReassignmentWhenPartitionsAreAddedForTwoMembers",
        Uniform,
        false,
        &[("1", 6), ("2", 5), ("3", 3), ("4", 3)],
        &[
            ("A", None, "1 3", "1:0,1,2,3 3:0,1", "1:0,1,2,3,4,5 3:0,1,2"),
            ("B", None, "1 2 3 4", "2:0,1,2 4:0,1,2", "2:0,1,2,3,4 4:0,1,2"),
        ],
    );
    check(
        "testReassignmentWhenOneMemberAddedAndPartitionsAddedTwoMembersTwoTopics",
        Uniform,
        false,
        &[("1", 6), ("2", 7)],
        &[
            ("A", None, "1", "1:0,2 2:0", "1:0,2,3,4,5"),
            ("B", None, "1 2", "1:1 2:1,2", "1:1 2:1,2,6"),
            ("C", None, "1 2", "", "2:0,3,4,5"),
        ],
    );
}

/// The rest of them.
#[test]
fn uniform_for_members_of_whom_some_went() {
    check(
        "testReassignmentWhenOneMemberRemovedAfterInitialAssignmentWithThreeMembersThreeTopics",
        Uniform,
        false,
        &[("1", 3), ("2", 8), ("3", 3)],
        &[
            ("A", None, "1 3", "1:0,1,2 3:0,1", "1:0,1,2 3:0,1,2"),
            ("B", None, "2", "2:3,4,5,6", "2:0,1,2,3,4,5,6,7"),
        ],
    );
    check(
        "testReassignmentWhenOneSubscriptionRemovedAfterInitialAssignmentWithTwoMembersTwoTopics",
        Uniform,
        false,
        &[("1", 3), ("2", 5)],
        &[
            ("A", None, "1", "1:0,2 2:1,3", "1:0,1,2"),
            ("B", None, "1 2", "1:1 2:0,2,4", "2:0,1,2,3,4"),
        ],
    );
    check(
        "testReassignmentWhenTopicPartitionsRunOutAndMembersHaveNoPartitions",
        Uniform,
        false,
        &[("1", 2), ("2", 2), ("3", 2)],
        &[
            ("A", None, "1 2 3", "1:0,1 2:0,1 3:0,1", "2:0 3:0,1"),
            ("B", None, "1 2 3", "", "1:0,1 2:1"),
        ],
    );
    check(
        "testFirstAssignmentWithTwoMembersIncludingOneWithoutSubscriptions",
        Uniform,
        false,
        &[("1", 3)],
        &[("A", None, "1", "", "1:0,1,2"), ("B", None, "", "", "")],
    );
}

/// `testOneMemberNoTopic`, `testOneMemberNoTopicSubscription`, `testTwoMembersNoTopicSubscription`,
/// `testOneMemberSubscribedToNonExistentTopic` (twice), `testTwoMembersSubscribedToNonexistentTopics`.
#[test]
fn nobody_and_nothing() {
    let nothing = [("A", None, "", "", "")];
    let all = [(Range, true), (Range, false), (Uniform, true), (Uniform, false)];
    for (assignor, is_homogeneous) in all {
        let got = assign(assignor, is_homogeneous, &[], &nothing).expect("it is assigned nothing");
        assert!(got.values().all(BTreeMap::is_empty));
        assert_eq!(assign(assignor, is_homogeneous, &[], &[]), Ok(GroupAssignment::new()));
        let unknown = [("A", None, "2", "", "")];
        assert!(assign(assignor, is_homogeneous, &[("1", 3)], &unknown).is_err());
    }
}

struct Random {
    random: Stream,
    counts: BTreeMap<TopicId, i32>,
}

impl Random {
    fn members(&mut self, is_homogeneous: bool) -> Vec<(MemberId, MemberSpec)> {
        let all: Vec<TopicId> = self.counts.keys().copied().collect();
        let count = 1 + self.random.below(9);
        let member = |random: &mut Stream, number: u64| {
            let subscribes = |random: &mut Stream| is_homogeneous || random.chance(600_000);
            let topics: BTreeSet<TopicId> =
                all.iter().copied().filter(|_| subscribes(random)).collect();
            let spec = MemberSpec {
                instance_id: random.chance(200_000).then(|| format!("i{number}")),
                named: topics.len(),
                topics,
                assigned: Arc::default(),
            };
            (MemberId::from(format!("m{number}")), spec)
        };
        (0..count).map(|number| member(&mut self.random, number)).collect()
    }
}

fn sizes(assignment: &GroupAssignment) -> Vec<usize> {
    assignment.values().map(|of| of.values().map(BTreeSet::len).sum()).collect()
}

fn check_valid(group: &GroupSpec<'_>, assignment: &GroupAssignment) {
    let mut owners = BTreeMap::new();
    for (id, member) in &group.members {
        for (topic, of) in assignment.get(id).into_iter().flatten() {
            assert!(member.topics.contains(topic) && !of.is_empty(), "UH-1 {id} {topic}");
            for partition in of {
                let other = owners.insert((*topic, *partition), id);
                assert!(other.is_none(), "UH-1 {topic}-{partition}: {id} and {other:?}");
            }
        }
    }
    let read: BTreeSet<TopicId> =
        group.members.iter().flat_map(|(_, member)| &member.topics).copied().collect();
    let all: i32 = read.iter().map(|topic| group.partition_counts[topic]).sum();
    assert_eq!(owners.len(), usize::try_from(all).expect("few"), "all partitions are somebody's");
}

/// `testValidityAndBalanceForLargeSampleSet`, `testReassignmentStickiness`: what is assigned again moves nothing, and a
/// member more takes no more than it needs.
#[test]
fn random_groups_are_assigned_all_of_it_and_stay() {
    for seed in 0..300 {
        let mut random = Plan::new(seed).run_stream("group", "assignors");
        let topics = 1 + random.below(4);
        let ids = ["1", "2", "3", "4"].into_iter().take(usize::try_from(topics).expect("few"));
        let counts: BTreeMap<TopicId, i32> = ids
            .map(|name| (topic(name), i32::try_from(1 + random.below(30)).expect("few")))
            .collect();
        let is_homogeneous = random.chance(500_000);
        let mut world = Random { random, counts };
        let mut members = world.members(is_homogeneous);
        for assignor in [Range, Uniform] {
            let assigned_to = inverted(&members);
            let group = GroupSpec {
                members: members.clone(),
                is_homogeneous,
                assigned_to: &assigned_to,
                partition_counts: &world.counts,
            };
            let first = assignor.assign(&group).expect("it can be assigned");
            check_valid(&group, &first);
            if assignor == Uniform && is_homogeneous {
                let sizes = sizes(&first);
                let (min, max) = (sizes.iter().min(), sizes.iter().max());
                assert!(max.zip(min).is_none_or(|(max, min)| max - min <= 1), "UN-1 seed {seed}");
            }
            for (id, member) in &mut members {
                member.assigned = Arc::new(first.get(id).cloned().unwrap_or_default());
            }
            let assigned_to = inverted(&members);
            let group = GroupSpec { members: members.clone(), assigned_to: &assigned_to, ..group };
            let again = assignor.assign(&group).expect("it can be assigned");
            assert_eq!(again, first, "UN-2 seed {seed} {assignor:?}");
            for (_, member) in &mut members {
                member.assigned = Arc::default();
            }
        }
    }
}
