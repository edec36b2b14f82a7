//! The interface of assignors, and who gets what in the cases that Kafka's documentation tells.
//!
//! Holds: tables; `tests/assignors` has random groups and Kafka's own answers.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Assignment, Assignor, AssignorError, ClusterTopics, Member, RebalanceProtocol, Subscription,
};
use crate::client::NamedPartition;

fn assignor(name: &str) -> Assignor {
    Assignor::by_name(name).expect("it is one of Kafka's")
}

/// `t0/0 t1/2`.
fn partitions(text: &str) -> Vec<NamedPartition> {
    let named = |word: &str| {
        let (topic, partition) = word.split_once('/').expect("topic and number");
        NamedPartition { topic: topic.into(), partition: partition.parse().expect("a number") }
    };
    text.split_whitespace().map(named).collect()
}

fn member(id: &str, topics: &str) -> Member {
    let topics = topics.split_whitespace().map(Arc::from).collect();
    Member { id: id.into(), subscription: Subscription { topics, ..Subscription::default() } }
}

fn topics(counts: &[usize]) -> ClusterTopics {
    let mut topics = ClusterTopics::default();
    for (topic, count) in counts.iter().enumerate() {
        topics.insert_without_racks(format!("t{topic}").into(), *count);
    }
    topics
}

#[track_caller]
fn check(assignor: &mut Assignor, counts: &[usize], members: &[Member], want: &[&str]) {
    let assigned = assignor.assign(&topics(counts), members).expect("nobody lies");
    let got: Vec<_> =
        members.iter().map(|member| assigned[&member.id].partitions.clone()).collect();
    let want: Vec<_> = want.iter().map(|text| partitions(text)).collect();
    assert_eq!(got, want);
}

#[test]
fn assignors_are_known_by_kafkas_names() {
    for name in Assignor::NAMES {
        assert_eq!(assignor(name).name(), name);
    }
    assert_eq!(Assignor::by_name("uniform"), None, "that one is the coordinator's");
}

#[test]
fn the_newest_protocol_that_all_support_is_followed() {
    let [range, sticky, cooperative] = ["range", "sticky", "cooperative-sticky"].map(assignor);
    let common = Assignor::common_protocol;
    assert_eq!(common(&[]), None);
    assert_eq!(common(&[range.clone(), sticky]), Some(RebalanceProtocol::Eager));
    assert_eq!(common(&[cooperative.clone(), range]), Some(RebalanceProtocol::Eager));
    assert_eq!(common(&[cooperative]), Some(RebalanceProtocol::Cooperative));
}

#[test]
fn user_data_tells_the_leader_what_an_assignor_remembers() {
    let assignment = Assignment { partitions: partitions("t0/1"), user_data: None };
    let said = |name: &str| {
        let mut assignor = assignor(name);
        let before = assignor.subscription_user_data();
        assignor.on_assignment(&assignment, 7);
        (before, assignor.subscription_user_data())
    };
    assert_eq!(said("range"), (None, None));
    assert_eq!(said("roundrobin"), (None, None));
    let claim = [0, 0, 0, 1, 0, 2, b't', b'0', 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7];
    assert_eq!(said("sticky"), (None, Some(Bytes::copy_from_slice(&claim))));
    let (before, after) = (Bytes::from_static(&[255; 4]), Bytes::from_static(&[0, 0, 0, 7]));
    assert_eq!(said("cooperative-sticky"), (Some(before), Some(after)));
}

#[test]
fn the_examples_of_the_documentation() {
    let two = [member("C0", "t0 t1"), member("C1", "t0 t1")];
    check(&mut assignor("range"), &[3, 3], &two, &["t0/0 t0/1 t1/0 t1/1", "t0/2 t1/2"]);
    let turns = ["t0/0 t0/2 t1/1", "t0/1 t1/0 t1/2"];
    check(&mut assignor("roundrobin"), &[3, 3], &two, &turns);
    let mixed = [member("C0", "t0"), member("C1", "t0 t1"), member("C2", "t0 t1 t2")];
    let uneven = ["t0/0", "t1/0", "t1/1 t2/0 t2/1 t2/2"];
    check(&mut assignor("roundrobin"), &[1, 2, 3], &mixed, &uneven);
    let even = ["t0/0", "t1/0 t1/1", "t2/0 t2/1 t2/2"];
    check(&mut assignor("sticky"), &[1, 2, 3], &mixed, &even);
}

#[test]
fn cooperative_takes_away_in_one_round_and_gives_in_the_next() {
    let mut leader = assignor("cooperative-sticky");
    let owning = |id: &str, owned: &str, generation: i32| {
        let mut member = member(id, "t0");
        member.subscription.owned_partitions = partitions(owned);
        member.subscription.generation_id = Some(generation);
        member
    };
    let first = [owning("a", "t0/0 t0/1 t0/2 t0/3", 5), member("b", "t0")];
    check(&mut leader, &[4], &first, &["t0/0 t0/1", ""]);
    let second = [owning("a", "t0/0 t0/1", 6), owning("b", "", 6)];
    check(&mut leader, &[4], &second, &["t0/0 t0/1", "t0/2 t0/3"]);
    let stale = [owning("a", "t0/0 t0/1", 7), owning("b", "t0/1 t0/2 t0/3", 6)];
    check(&mut leader, &[4], &stale, &["t0/0 t0/1", "t0/2 t0/3"]);
    let twice = [owning("a", "t0/0 t0/1", 8), owning("b", "t0/1 t0/2", 8)];
    check(&mut leader, &[4], &twice, &["t0/0", "t0/2 t0/3"]);
}

#[test]
fn a_group_without_members_has_no_assignment() {
    let empty = topics(&[1]);
    assert!(assignor("range").assign(&empty, &[]).is_ok_and(|assigned| assigned.is_empty()));
    for name in &Assignor::NAMES[1..] {
        let refused = assignor(name).assign(&empty, &[]);
        assert_eq!(refused, Err(AssignorError::NoMembers), "{name}");
    }
}
