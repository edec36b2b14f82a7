//! What holds of every assignor, whatever the group: found by proptest, in groups whose members speak the truth.
//!
//! Left out: members that want nothing, for the sticky assignors, and claims of topics that a member does not want any
//!           more: there Kafka's break their word (`groups::ODD`, and the table has their answers).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use trial_cluster::client::NamedPartition;
use trial_cluster::client::consumer::assignor::{
    Assignment, Assignor, ClusterTopics, Member, Subscription,
};

/// Topics with the racks of each partition's replicas, and for each member what it wants and where it is.
#[derive(Debug, Clone)]
struct Plan {
    topics: Vec<Vec<BTreeSet<u8>>>,
    members: Vec<(BTreeSet<usize>, Option<u8>)>,
    /// In each round who takes part, and of these who does not hear of the outcome.
    rounds: Vec<Vec<(bool, bool)>>,
}

fn plan(is_equal: bool, has_racks: bool) -> impl Strategy<Value = Plan> {
    let racks = if has_racks { 3u8 } else { 0 };
    let partition = prop::collection::btree_set(0..racks.max(1), 0..=usize::from(racks));
    let topics = vec(vec(partition, 0..7), 1..5);
    (topics, 1usize..8).prop_flat_map(move |(topics, count)| {
        let all = 0..topics.len();
        let wanted = prop::sample::subsequence(all.clone().collect::<Vec<_>>(), 1..=topics.len());
        let wanted = wanted.prop_map(move |some| {
            if is_equal { all.clone().collect() } else { some.into_iter().collect::<BTreeSet<_>>() }
        });
        let rack =
            prop::option::of(0..racks.max(1)).prop_map(move |rack| rack.filter(|_| has_racks));
        let members = vec((wanted, rack), count);
        let rounds = vec(vec((prop::bool::weighted(0.8), prop::bool::weighted(0.2)), count), 1..6);
        (Just(topics), members, rounds).prop_map(|(topics, members, rounds)| Plan {
            topics,
            members,
            rounds,
        })
    })
}

fn any_plan() -> impl Strategy<Value = Plan> {
    (any::<bool>(), any::<bool>()).prop_flat_map(|(is_equal, has_racks)| plan(is_equal, has_racks))
}

/// What a member believes.
#[derive(Debug, Clone)]
struct Believed {
    assignor: Assignor,
    owned: Vec<NamedPartition>,
    generation: i32,
}

/// A group that is played.
struct Group<'a> {
    plan: &'a Plan,
    cluster: ClusterTopics,
    leader: Assignor,
    members: Vec<Believed>,
    generation: i32,
}

/// What was said and answered in a round.
struct Round {
    members: Vec<Member>,
    assigned: BTreeMap<Arc<str>, Assignment>,
}

impl<'a> Group<'a> {
    fn new(name: &str, plan: &'a Plan) -> Self {
        let mut cluster = ClusterTopics::default();
        for (topic, racks) in plan.topics.iter().enumerate() {
            let named = |racks: &BTreeSet<u8>| racks.iter().map(|rack| rack_name(*rack)).collect();
            cluster.insert(topic_name(topic), racks.iter().map(named).collect());
        }
        let assignor = Assignor::by_name(name).expect("it has Kafka's name");
        let member = Believed { assignor: assignor.clone(), owned: Vec::new(), generation: -1 };
        let members = vec![member; plan.members.len()];
        Self { plan, cluster, leader: assignor, members, generation: 0 }
    }

    fn says(&self, member: usize) -> Member {
        let Believed { assignor, owned, generation } = &self.members[member];
        let (wanted, rack) = &self.plan.members[member];
        let is_cooperative = assignor.name() == "cooperative-sticky";
        Member {
            id: member_name(member),
            subscription: Subscription {
                topics: wanted.iter().map(|topic| topic_name(*topic)).collect(),
                user_data: assignor.subscription_user_data(),
                owned_partitions: if is_cooperative { owned.clone() } else { Vec::new() },
                generation_id: (*generation >= 0).then_some(*generation),
                rack_id: rack.map(rack_name),
                group_instance_id: None,
            },
        }
    }

    /// Plays a round; who takes no part forgets what it has had.
    fn round(&mut self, who: &[(bool, bool)]) -> Option<Round> {
        self.generation += 1;
        for (member, (takes_part, _)) in who.iter().enumerate() {
            if !takes_part {
                let fresh = Assignor::by_name(self.leader.name()).expect("it has one");
                self.members[member] =
                    Believed { assignor: fresh, owned: Vec::new(), generation: -1 };
            }
        }
        let here = (0..who.len()).filter(|member| who[*member].0);
        let members: Vec<Member> = here.clone().map(|member| self.says(member)).collect();
        if members.is_empty() {
            return None;
        }
        let assigned = self.leader.assign(&self.cluster, &members).expect("nobody lies");
        for member in here.filter(|member| !who[*member].1) {
            let assignment = &assigned[&member_name(member)];
            let believed = &mut self.members[member];
            believed.assignor.on_assignment(assignment, self.generation);
            believed.owned.clone_from(&assignment.partitions);
            believed.generation = self.generation;
        }
        Some(Round { members, assigned })
    }

    /// Every partition that one of the members wants.
    fn wanted(&self, round: &Round) -> BTreeSet<NamedPartition> {
        let topics: BTreeSet<_> =
            round.members.iter().flat_map(|it| &it.subscription.topics).collect();
        let mut wanted = BTreeSet::new();
        for topic in topics {
            let count = self.cluster.racks(topic).map_or(0, <[_]>::len);
            let named = |partition| NamedPartition { topic: topic.clone(), partition };
            wanted.extend((0..).take(count).map(named));
        }
        wanted
    }
}

fn member_name(member: usize) -> Arc<str> {
    format!("member-{member}").into()
}

fn topic_name(topic: usize) -> Arc<str> {
    format!("topic-{topic}").into()
}

fn rack_name(rack: u8) -> Arc<str> {
    format!("rack-{rack}").into()
}

impl Round {
    /// Who was given what; nothing twice, and nobody what it does not want.
    fn owners(&self) -> BTreeMap<NamedPartition, Arc<str>> {
        let mut owners = BTreeMap::new();
        for member in &self.members {
            for partition in &self.assigned[&member.id].partitions {
                assert!(
                    member.subscription.topics.contains(&partition.topic),
                    "{} does not want {partition:?}",
                    member.id
                );
                let other = owners.insert(partition.clone(), member.id.clone());
                assert_eq!(other, None, "{partition:?} is given to {} too", member.id);
            }
        }
        assert_eq!(self.assigned.len(), self.members.len(), "everybody is told");
        owners
    }

    fn sizes(&self) -> Vec<usize> {
        self.assigned.values().map(|assignment| assignment.partitions.len()).collect()
    }
}

fn spread(sizes: &[usize]) -> usize {
    sizes.iter().max().expect("somebody") - sizes.iter().min().expect("somebody")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_partition_is_assigned_once_to_somebody_who_wants_it(plan in any_plan()) {
        for name in Assignor::NAMES {
            let mut group = Group::new(name, &plan);
            for who in &plan.rounds {
                let Some(round) = group.round(who) else { continue };
                let given: BTreeSet<NamedPartition> = round.owners().into_keys().collect();
                let wanted = group.wanted(&round);
                if name != "cooperative-sticky" {
                    prop_assert_eq!(given, wanted, "{}", name);
                    continue;
                }
                // What is withheld is what somebody has and is to give up.
                let kept: BTreeSet<NamedPartition> =
                    round.members.iter().flat_map(|it| it.subscription.owned_partitions.clone()).collect();
                prop_assert!(given.is_subset(&wanted), "more than there is");
                for withheld in wanted.difference(&given) {
                    prop_assert!(kept.contains(withheld), "{:?} is kept from everybody", withheld);
                }
            }
        }
    }

    #[test]
    fn cooperative_hands_nothing_over_that_another_one_has(plan in any_plan()) {
        let mut group = Group::new("cooperative-sticky", &plan);
        for who in &plan.rounds {
            let Some(round) = group.round(who) else { continue };
            let owners = round.owners();
            for member in &round.members {
                for partition in &member.subscription.owned_partitions {
                    let new = owners.get(partition).unwrap_or(&member.id);
                    prop_assert_eq!(new, &member.id, "{:?} in one round", partition);
                }
            }
            let believed = group.members.iter().flat_map(|it| &it.owned);
            let count = believed.clone().count();
            prop_assert_eq!(believed.collect::<BTreeSet<_>>().len(), count, "two owners");
        }
    }

    #[test]
    fn cooperative_comes_to_rest_with_everything_assigned(plan in any_plan()) {
        let mut group = Group::new("cooperative-sticky", &plan);
        for who in &plan.rounds {
            group.round(who);
        }
        let all = vec![(true, false); plan.members.len()];
        let mut rounds = 0;
        loop {
            let before: Vec<_> = group.members.iter().map(|it| it.owned.clone()).collect();
            let round = group.round(&all).expect("everybody is there");
            let wanted = group.wanted(&round);
            let given: BTreeSet<_> = round.owners().into_keys().collect();
            let as_sets = |lists: &[Vec<NamedPartition>]| -> Vec<BTreeSet<NamedPartition>> {
                lists.iter().map(|list| list.iter().cloned().collect()).collect()
            };
            let after: Vec<_> = group.members.iter().map(|it| it.owned.clone()).collect();
            if given == wanted && as_sets(&before) == as_sets(&after) {
                break;
            }
            rounds += 1;
            prop_assert!(rounds < 10, "no rest after {} rounds", rounds);
        }
    }

    #[test]
    fn sticky_is_even_and_keeps_what_its_share_allows(plan in plan(true, false)) {
        let mut group = Group::new("sticky", &plan);
        for who in &plan.rounds {
            let before: Vec<_> = group.members.iter().map(|it| it.owned.clone()).collect();
            let Some(round) = group.round(who) else { continue };
            let sizes = round.sizes();
            prop_assert!(spread(&sizes) <= 1, "{:?}", sizes);
            let share = sizes.iter().min().expect("somebody");
            // A claim that somebody else contradicts is not kept.
            let mut claims = BTreeMap::new();
            for (member, owned) in before.iter().enumerate().filter(|(member, _)| who[*member].0) {
                owned.iter().for_each(|partition| {
                    claims.entry(partition.clone()).or_insert_with(Vec::new).push(member);
                });
            }
            for (member, owned) in before.iter().enumerate().filter(|(member, _)| who[*member].0) {
                let had: BTreeSet<_> = owned.iter().filter(|it| claims[*it].len() == 1).collect();
                let has: BTreeSet<_> = round.assigned[&member_name(member)].partitions.iter().collect();
                let kept = had.intersection(&has).count();
                prop_assert!(kept >= had.len().min(*share), "member {}: {:?} {:?}", member, had, has);
            }
        }
    }

    #[test]
    fn members_that_want_the_same_have_even_shares(plan in plan(true, true)) {
        for name in ["roundrobin", "sticky"] {
            let mut group = Group::new(name, &plan);
            for who in &plan.rounds {
                let Some(round) = group.round(who) else { continue };
                prop_assert!(spread(&round.sizes()) <= 1, "{}: {:?}", name, round.sizes());
            }
        }
    }
}
