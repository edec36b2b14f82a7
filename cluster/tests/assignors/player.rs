//! Plays groups with our assignors and says what `scenarios/oracle/Assignors.java` says with Kafka's.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::client::consumer::assignor::protocol::{
    put_assignment, put_subscription_as, take_assignment, take_subscription,
};
use trial_cluster::client::consumer::assignor::{
    Assignment, Assignor, ClusterTopics, Member, Subscription,
};
use trial_cluster::wire::{Fault, WireError};

use crate::words::{bytes, digits, or_nothing, partitions, racks, sum, told};

/// A group, and what its leader has said last.
#[derive(Default)]
pub struct Player {
    name: String,
    leader: Option<Assignor>,
    topics: ClusterTopics,
    members: Vec<Member>,
    sums: Vec<String>,
    assigned: BTreeMap<Arc<str>, Assignment>,
}

impl Player {
    /// What everybody was assigned in the last round; nobody is here if that was refused.
    pub fn assigned(&self) -> &BTreeMap<Arc<str>, Assignment> {
        &self.assigned
    }

    /// Takes a line; answers what is said to it.
    pub fn line(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "group" => {
                words[1].clone_into(&mut self.name);
                self.leader = Some(self.fresh());
                self.topics = ClusterTopics::default();
            }
            "leader" => self.leader = Some(self.fresh()),
            "topic" => self.topics.insert(words[1].into(), racks(&words[2..])),
            "member" => self.member(&words),
            "assign" => return self.assign(),
            other => panic!("no such word: {other}"),
        }
        Vec::new()
    }

    fn fresh(&self) -> Assignor {
        Assignor::by_name(&self.name).expect("it has Kafka's name")
    }

    fn member(&mut self, words: &[&str]) {
        let topics = or_nothing(words[6]);
        let generation: i32 = words[4].parse().expect("a number");
        let said = Subscription {
            topics: topics.iter().flat_map(|word| word.split(',')).map(Arc::from).collect(),
            user_data: self.data(words[8]),
            owned_partitions: partitions(words[7]),
            generation_id: (generation >= 0).then_some(generation),
            rack_id: or_nothing(words[5]),
            group_instance_id: None,
        };
        let bytes = put_subscription_as(&said, words[3].parse().expect("a number"));
        self.sums.push(sum(&bytes));
        let mut heard = take_subscription(&bytes).expect("it was written");
        heard.group_instance_id = or_nothing(words[2]);
        self.members.push(Member { id: words[1].into(), subscription: heard });
    }

    fn data(&self, word: &str) -> Option<Bytes> {
        if let Some(data) = word.strip_prefix("raw:") {
            return Some(bytes(data).into());
        }
        if word == "null" {
            return None;
        }
        let mut assignor = self.fresh();
        if let Some(on) = word.strip_prefix("on:") {
            let (generation, list) = on.split_once(':').expect("generation and partitions");
            let assignment = Assignment { partitions: partitions(list), user_data: None };
            assignor.on_assignment(&assignment, generation.parse().expect("a number"));
        }
        assignor.subscription_user_data()
    }

    fn assign(&mut self) -> Vec<String> {
        let leader = self.leader.as_mut().expect("a group was begun");
        let members = std::mem::take(&mut self.members);
        let sums = std::mem::take(&mut self.sums);
        let assigned = leader.assign(&self.topics, &members);
        let said = members.iter().zip(sums).map(|(member, sum_of_subscription)| {
            let id = &member.id;
            match &assigned {
                Ok(assigned) => {
                    let (list, sum) =
                        (told(&assigned[id].partitions), sum(&put_assignment(&assigned[id])));
                    format!("{id} {list} {sum_of_subscription} {sum}")
                }
                Err(error) => format!("{id} !{} {sum_of_subscription} -", error.java_class()),
            }
        });
        let said = said.collect();
        self.assigned = assigned.unwrap_or_default();
        said
    }
}

/// The sum of what bytes say.
pub fn read(line: &str) -> Result<String, WireError> {
    let data = Bytes::from(bytes(&line[2..]));
    let told_data = |data: &Option<Bytes>| match data {
        Some(data) => format!("raw:{}", digits(data)),
        None => "null".to_owned(),
    };
    let said = if line.starts_with('s') {
        let said = take_subscription(&data)?;
        let topics = if said.topics.is_empty() { "-".to_owned() } else { said.topics.join(",") };
        let (owned, generation) = (told(&said.owned_partitions), said.generation_id.unwrap_or(-1));
        let rack = said.rack_id.as_deref().unwrap_or("-");
        format!("{topics} {owned} {generation} {rack} {}", told_data(&said.user_data))
    } else {
        let said = take_assignment(&data)?;
        format!("{} {}", told(&said.partitions), told_data(&said.user_data))
    };
    Ok(sum(said.as_bytes()))
}

/// Whether Java may take what we refuse.
pub fn is_stricter(error: &WireError) -> bool {
    let nullable = error.field.ends_with("userData") || error.field.ends_with("rackId");
    match error.fault {
        Fault::NotText => true,
        Fault::BadLength(_) => nullable,
        _ => false,
    }
}
