//! Random groups are assigned by our assignors of brokers as by Kafka's (`ServerAssignors.java`): equal, all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use trial_cluster::config::group::ServerAssignor;
use trial_cluster::group::MemberId;
use trial_cluster::group::assignor::{
    GroupAssignment, GroupSpec, MemberSpec, Partitions, walk_order,
};
use trial_cluster::ids::{TopicId, Uuid};
use trial_sim::{Plan, Stream};

use crate::oracle::Oracle;

const GROUPS: u64 = 10_000;

struct Group {
    assignor: ServerAssignor,
    is_homogeneous: bool,
    counts: BTreeMap<TopicId, i32>,
    /// In the order in which they are put into Kafka's map.
    members: Vec<(MemberId, MemberSpec)>,
}

impl Group {
    fn assign(&self) -> Option<GroupAssignment> {
        let mut assigned_to: BTreeMap<TopicId, BTreeMap<i32, MemberId>> = BTreeMap::new();
        for (id, member) in &self.members {
            for (topic, of) in member.assigned.iter() {
                let of = of.iter().map(|partition| (*partition, id.clone()));
                assigned_to.entry(*topic).or_default().extend(of);
            }
        }
        let by_id: BTreeMap<&MemberId, &MemberSpec> =
            self.members.iter().map(|(id, member)| (id, member)).collect();
        let order = walk_order(self.members.iter().map(|(id, _)| id.clone()).collect());
        let group = GroupSpec {
            members: order.into_iter().map(|id| (id.clone(), by_id[&id].clone())).collect(),
            is_homogeneous: self.is_homogeneous,
            assigned_to: &assigned_to,
            partition_counts: &self.counts,
        };
        self.assignor.assign(&group).ok()
    }

    fn write(&self, text: &mut String) {
        let kind = if self.is_homogeneous { "homogeneous" } else { "heterogeneous" };
        writeln!(text, "group {} {kind}", self.assignor.name()).expect("text");
        for (id, count) in &self.counts {
            writeln!(text, "topic {id} {count}").expect("text");
        }
        for (id, member) in &self.members {
            let topics: Vec<String> = member.topics.iter().map(ToString::to_string).collect();
            let (topics, had) = (or_dash(&topics, ","), or_dash(&words(&member.assigned), ";"));
            let instance = member.instance_id.as_deref().unwrap_or("-");
            writeln!(text, "member {id} {instance} {topics} {had}").expect("text");
        }
        text.push_str("end\n");
    }

    fn answer(&self) -> String {
        let mut text = String::new();
        match self.assign() {
            None => text.push_str("failed\n"),
            Some(assignment) => {
                let ids: BTreeSet<&MemberId> = self.members.iter().map(|(id, _)| id).collect();
                for id in ids {
                    let of = assignment.get(id).map_or("-".into(), shown);
                    writeln!(text, "{id} {of}").expect("text");
                }
            }
        }
        text
    }
}

/// Its topics in the order of our ids: what shares a bin of Java's map is walked in the order in which it came.
fn words(partitions: &Partitions) -> Vec<String> {
    let word = |(id, of): (&TopicId, &BTreeSet<i32>)| {
        let of: Vec<String> = of.iter().map(ToString::to_string).collect();
        format!("{id}:{}", of.join(","))
    };
    partitions.iter().map(word).collect()
}

fn or_dash(words: &[String], between: &str) -> String {
    if words.is_empty() { "-".into() } else { words.join(between) }
}

/// In the order of the texts, as the program prints it.
fn shown(partitions: &Partitions) -> String {
    let mut words = words(partitions);
    words.sort();
    or_dash(&words, ";")
}

fn member(random: &mut Stream, all: &[TopicId], same: bool) -> (MemberId, MemberSpec) {
    let topics: BTreeSet<TopicId> =
        all.iter().copied().filter(|_| same || random.chance(500_000)).collect();
    let number = random.below(1_000_000);
    let spec = MemberSpec {
        instance_id: random.chance(200_000).then(|| format!("i{number}")),
        named: topics.len(),
        topics,
        assigned: Arc::default(),
    };
    let name = if random.chance(500_000) {
        format!("m{number}")
    } else {
        Uuid(u128::from(random.u64()) << 64 | u128::from(random.u64())).to_string()
    };
    (name.into(), spec)
}

/// A group that was assigned once, and has changed since.
fn group(seed: u64) -> Group {
    let mut random = Plan::new(seed).run_stream("group", "assignors");
    let topics = 1 + random.below(6);
    let mut counts: BTreeMap<TopicId, i32> = BTreeMap::new();
    for _ in 0..topics {
        let id = Uuid(u128::from(random.u64()) << 64 | u128::from(random.u64()));
        let many = if random.chance(100_000) { 80 } else { 12 };
        counts.insert(id, i32::try_from(1 + random.below(many)).expect("few"));
    }
    let all: Vec<TopicId> = counts.keys().copied().collect();
    let is_homogeneous = random.chance(500_000);
    let assignor =
        [ServerAssignor::Uniform, ServerAssignor::Range][usize::from(random.chance(250_000))];
    let size_max = if random.chance(100_000) { 40 } else { 10 };
    let size = 1 + random.below(size_max);
    let members = (0..size).map(|_| member(&mut random, &all, is_homogeneous)).collect();
    let mut group = Group { assignor, is_homogeneous, counts, members };
    let mut seen = BTreeSet::new();
    group.members.retain(|(id, _)| seen.insert(id.clone()));
    if random.chance(200_000) {
        return group;
    }
    let mut before = group.assign().unwrap_or_default();
    for (id, member) in &mut group.members {
        member.assigned = Arc::new(before.remove(id).unwrap_or_default());
    }
    for count in group.counts.values_mut() {
        if random.chance(200_000) {
            *count += i32::try_from(random.below(5)).expect("few");
        }
    }
    group.members.retain(|_| !random.chance(200_000));
    for _ in 0..random.below(4) {
        group.members.push(member(&mut random, &all, is_homogeneous));
    }
    if !is_homogeneous {
        for (_, member) in &mut group.members {
            member.topics.retain(|_| !random.chance(100_000));
            member.named = member.topics.len();
        }
    }
    let mut seen = BTreeSet::new();
    group.members.retain(|(id, _)| seen.insert(id.clone()));
    if group.members.is_empty() {
        group.members.push(member(&mut random, &all, is_homogeneous));
    }
    group
}

#[test]
fn ten_thousand_groups_are_assigned_as_kafka_assigns_them() {
    let Some(oracle) = Oracle::of_environment() else { return };
    let groups: Vec<Group> = (0..GROUPS).map(group).collect();
    let mut text = String::new();
    for group in &groups {
        group.write(&mut text);
    }
    let file: PathBuf = std::env::temp_dir().join(format!("groups-{}.txt", std::process::id()));
    std::fs::write(&file, text).expect("the folder for such files is there");
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("oracle/ServerAssignors.java");
    let (program, path) = (program.display().to_string(), file.display().to_string());
    let printed = oracle.run(&["java", &program, &path]);
    std::fs::remove_file(&file).expect("it was written");
    let answers: Vec<&str> = printed.out.split("end\n").collect();
    assert_eq!(answers.len(), groups.len() + 1, "{:?}", printed.complaints);
    for (seed, (group, want)) in groups.iter().zip(answers).enumerate() {
        let mut asked = String::new();
        group.write(&mut asked);
        assert_eq!(group.answer(), want, "seed {seed}\n{asked}");
    }
}
