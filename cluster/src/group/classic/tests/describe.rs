//! DescribeGroups.

use super::*;
use crate::group::request::GroupQuestion;
use crate::wire::describe_groups_response;

fn describe(story: &mut Story, version: i16) -> describe_groups_response::Group {
    let question = GroupQuestion::DescribeGroups(vec!["g".to_owned()]);
    match story.driven.ask(version, question) {
        Ok(GroupResponse::DescribeGroups(mut groups)) if groups.len() == 1 => groups.remove(0),
        other => panic!("one group, not {other:?}"),
    }
}

/// `testDescribeGroupStable`, `testDescribeGroupRebalancing`
#[test]
fn what_members_say_is_told_of_a_stable_group() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    let group = describe(&mut story, 6);
    assert_eq!(
        (&*group.group_state, &*group.protocol_type, &*group.protocol_data),
        ("Stable", "consumer", "range")
    );
    assert_eq!((group.error_code, group.error_message), (0, None));
    let member = group.members.iter().find(|member| member.member_id == pair.follower);
    let want = describe_groups_response::Member {
        member_id: pair.follower.clone(),
        group_instance_id: Some("follower".to_owned()),
        client_id: "client-id".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        member_metadata: subscription(&["foo"]),
        member_assignment: Bytes::copy_from_slice(&[2]),
    };
    assert_eq!(member, Some(&want));

    story.join(&join().by(&pair.leader).instance("leader"));
    let group = describe(&mut story, 6);
    assert_eq!((&*group.group_state, &*group.protocol_data), ("PreparingRebalance", ""));
    let member = group.members.iter().find(|member| member.member_id == pair.follower);
    let want = describe_groups_response::Member { member_metadata: Bytes::new(), ..want };
    assert_eq!(member, Some(&want), "it keeps its assignment until the next one");
}

/// `testDescribeGroupsGroupIdNotFoundException`, `testDescribeGroupsBeforeV6GroupIdNotFoundException`
#[test]
fn a_group_that_is_not_there_is_dead() {
    let mut story = Story::new();
    let group = describe(&mut story, 5);
    assert_eq!((&*group.group_state, group.error_code, group.error_message), ("Dead", 0, None));
    let group = describe(&mut story, 6);
    let code = ErrorCode::from_code(group.error_code);
    assert_eq!((&*group.group_state, code), ("Dead", ErrorCode::GroupIdNotFound));
    assert_eq!(group.error_message.as_deref(), Some("Group g not found."));
}

/// The first lines of `testDescribeGroupStable`: a group is not there before that is committed (G13).
#[test]
fn a_group_is_described_once_it_is_committed() {
    let mut story = Story::new();
    story.driven.commits = false;
    story.join(&join());
    assert_eq!(describe(&mut story, 6).group_state, "Dead");
    story.driven.commit();
    assert_eq!(describe(&mut story, 6).group_state, "PreparingRebalance");
}

/// `testListGroups`, what it says of classic groups; `ClassicGroupTest.testIsInStates`
#[test]
fn groups_are_listed_by_state_and_type() {
    let mut story = Story::new();
    story.stable_single();
    for (states, types, want) in [
        (vec![], vec![], 1),
        (vec!["stable"], vec!["classic"], 1),
        (vec!["empty", " STABLE "], vec!["Classic"], 1),
        (vec!["empty"], vec![], 0),
        (vec![], vec!["consumer"], 0),
    ] {
        let words = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
        let question = GroupQuestion::ListGroups { states: words(states), types: words(types) };
        let Ok(GroupResponse::ListGroups(groups)) = story.driven.ask(5, question) else {
            panic!("a list of groups");
        };
        assert_eq!(groups.len(), want);
        for group in groups {
            let told = [group.group_id, group.protocol_type, group.group_state, group.group_type];
            assert_eq!(told, ["g", "consumer", "Stable", "classic"]);
        }
    }
}
