//! What the published specification of KIP-848 asks of the protocol, under its names: random members come, go, crash,
//! are slow and lose answers, while topics come, grow and go and the coordinator is loaded anew.
//!
//! In Kafka: nothing like it. The names are those of `consumer_group_protocol_kip_848_v2` (TLA+, by J. Vanlightly).

use std::collections::{BTreeMap, BTreeSet};

use trial_sim::{Plan, Stream};

use super::fixture::{Story, beating, joining};
use crate::config::group::{GroupSettings, ServerAssignor, ServerAssignors};
use crate::error_code::ErrorCode;
use crate::group::assignor::Partitions;
use crate::group::consumer::current_assignment::subscribed_topics;
use crate::group::consumer::group::{ConsumerGroup, ConsumerGroupState};
use crate::group::consumer::member::{MemberState, without_epochs};
use crate::group::record::GroupRecord;
use crate::group::state::GroupEntry;
use crate::wire::ConsumerGroupHeartbeatRequest;
use crate::wire::consumer_group_heartbeat_request::TopicPartition;

const TOPICS: [&str; 4] = ["t0", "t1", "t2", "u3"];
const REGEXES: [&str; 3] = ["t.*", "u.*|t0", "none"];

/// A member as it sees itself.
struct Client {
    id: String,
    instance: Option<String>,
    epoch: i32,
    names: Vec<&'static str>,
    regex: Option<&'static str>,
    owned: Partitions,
    told: Option<Partitions>,
    /// Whether its subscription was said since it changed.
    has_said: bool,
    is_alive: bool,
}

impl Client {
    /// It is not a member, and begins anew.
    fn begin_anew(&mut self) {
        self.epoch = 0;
        self.owned.clear();
        self.told = None;
        self.has_said = false;
    }

    /// It has given back what it was told to, and taken what it got.
    fn reconcile(&mut self) {
        if let Some(told) = self.told.take() {
            self.owned = told;
        }
    }

    fn owned(&self) -> Vec<TopicPartition> {
        let of = self.owned.iter();
        of.map(|(&topic_id, of)| TopicPartition {
            topic_id,
            partitions: of.iter().copied().collect(),
        })
        .collect()
    }

    fn request(&self, says_all: bool) -> ConsumerGroupHeartbeatRequest {
        let says_all = says_all || self.epoch == 0 || !self.has_said;
        let full = ConsumerGroupHeartbeatRequest {
            subscribed_topic_regex: Some(self.regex.unwrap_or_default().into()),
            topic_partitions: Some(self.owned()),
            ..joining(&self.id, &self.names)
        };
        ConsumerGroupHeartbeatRequest {
            member_epoch: self.epoch,
            instance_id: self.instance.clone(),
            ..if says_all { full } else { beating(&self.id, self.epoch) }
        }
    }
}

struct World {
    story: Story,
    clients: Vec<Client>,
    random: Stream,
    made: usize,
    /// The epoch of each member when it was last looked at.
    epochs: BTreeMap<String, i32>,
    grown: BTreeMap<&'static str, i32>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Plan::new(seed).run_stream("group", "members");
        let assignors = match random.below(2) {
            0 => vec![ServerAssignor::Range],
            _ => vec![ServerAssignor::Uniform],
        };
        let settings = GroupSettings {
            consumer_assignors: ServerAssignors(assignors),
            consumer_assignment_interval_ms: i32::try_from(random.below(2) * 1_000).expect("small"),
            ..GroupSettings::default()
        };
        let mut story = Story::with(settings);
        story.topic("t0", 3).topic("t1", 2);
        let grown = [("t0", 3), ("t1", 2)].into();
        Self { story, clients: Vec::new(), random, made: 0, epochs: BTreeMap::new(), grown }
    }

    fn subscription(&mut self) -> (Vec<&'static str>, Option<&'static str>) {
        let names: Vec<&str> = TOPICS.into_iter().filter(|_| self.random.chance(500_000)).collect();
        let regex = self.random.pick(&REGEXES).copied().filter(|_| names.is_empty());
        (names, regex)
    }

    fn new_client(&mut self) {
        let (names, regex) = self.subscription();
        let instance = self.random.chance(300_000).then(|| format!("i{}", self.random.below(3)));
        let taken = self.clients.iter().any(|c| c.is_alive && c.instance == instance);
        self.made += 1;
        self.clients.push(Client {
            id: format!("m{}", self.made),
            instance: instance.filter(|_| !taken),
            epoch: 0,
            names,
            regex,
            owned: Partitions::new(),
            told: None,
            has_said: false,
            is_alive: true,
        });
    }

    fn beat(&mut self, index: usize, loses_answer: bool) {
        let says_all = self.random.chance(500_000);
        let client = &self.clients[index];
        let request = client.request(says_all);
        let answer = self.story.beat(&request);
        if loses_answer {
            if request.topic_partitions.is_some() {
                // It has said what it owns, and what it has not taken yet is not in that: the coordinator may give it
                // to somebody else. So it asks again for all before it takes anything. Java's consumer does not, and
                // may take what is another's by then: it is fenced with its next heartbeat, and until then its
                // offsets are refused (STALE_MEMBER_EPOCH).
                let client = &mut self.clients[index];
                (client.told, client.has_said) = (None, false);
            }
            return;
        }
        let client = &mut self.clients[index];
        match answer {
            Ok(beat) => {
                let (before, now) = (client.epoch, beat.response.member_epoch);
                assert!(
                    now >= before,
                    "ClientSideMemberEpochIsMonotonic: {} {before} {now}",
                    client.id
                );
                client.epoch = now;
                client.has_said = true;
                if let Some(assignment) = beat.response.assignment {
                    let of = assignment.topic_partitions.into_iter();
                    client.told = Some(
                        of.map(|of| (of.topic_id, of.partitions.into_iter().collect())).collect(),
                    );
                }
            }
            Err(error) => match error.code {
                ErrorCode::FencedMemberEpoch
                | ErrorCode::UnknownMemberId
                | ErrorCode::GroupIdNotFound => client.begin_anew(),
                ErrorCode::FencedInstanceId => {
                    client.begin_anew();
                    client.is_alive = false;
                }
                // A lost write, or an instance that is not released yet: it asks again.
                ErrorCode::NotCoordinator | ErrorCode::UnreleasedInstanceId => {}
                other => panic!("a member that keeps the rules is told {other:?}: {error:?}"),
            },
        }
    }

    fn leave(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let epoch = if client.instance.is_some() && self.random.chance(600_000) { -2 } else { -1 };
        let instance_id = client.instance.clone();
        let request = ConsumerGroupHeartbeatRequest { instance_id, ..beating(&client.id, epoch) };
        client.begin_anew();
        client.is_alive = false;
        let left = self.story.beat(&request);
        if left.is_err_and(|error| error.code == ErrorCode::NotCoordinator) {
            // It is back without a session (`leave.rs`), and only a new loading mends that.
            self.fail_over();
        }
    }

    fn change_topics(&mut self) {
        let topic = *self.random.pick(&TOPICS).expect("there are some");
        if self.grown.contains_key(topic) && self.random.chance(300_000) {
            self.grown.remove(topic);
            self.story.delete_topic(topic);
        } else {
            let count = self.grown.entry(topic).or_insert(0);
            *count += 1 + i32::try_from(self.random.below(3)).expect("small");
            let count = *count;
            self.story.topic(topic, count);
        }
    }

    fn event(&mut self) {
        let alive: Vec<usize> =
            (0..self.clients.len()).filter(|&c| self.clients[c].is_alive).collect();
        let one = self.random.pick(&alive).copied();
        match (self.random.below(100), one) {
            (0..8, _) | (_, None) => self.new_client(),
            (8..55, Some(client)) => {
                let loses_answer = self.random.chance(100_000);
                self.beat(client, loses_answer);
            }
            (55..75, Some(client)) => self.clients[client].reconcile(),
            (75..79, Some(client)) => self.leave(client),
            (79..82, Some(client)) => self.clients[client].is_alive = false,
            (82..86, Some(client)) => {
                let (names, regex) = self.subscription();
                let client = &mut self.clients[client];
                (client.names, client.regex, client.has_said) = (names, regex, false);
            }
            (86..90, _) => self.change_topics(),
            (90..92, _) => self.fail_over(),
            (92..94, _) => self.story.loses_writes = !self.story.loses_writes,
            (94..99, _) => {
                let ms = self.random.below(4_000);
                self.story.pass(ms);
            }
            _ => {
                self.story.pass(46_000);
            }
        }
    }

    /// The coordinator is loaded from the log, or from one whose beginning was compacted (G9).
    fn fail_over(&mut self) {
        let live = self.story.coordinator.state().clone();
        let cut = *self.random.pick(&self.story.batches).expect("it begins with 0");
        let records = compacted(&self.story.log, cut);
        self.story.reload_from(&records);
        assert_eq!(self.story.coordinator.state(), &live, "G9: compacted up to {cut}");
    }

    fn group(&self) -> Option<std::sync::Arc<ConsumerGroup>> {
        match self.story.coordinator.state().groups.get("g") {
            Some(GroupEntry::Consumer(group)) => Some(group.clone()),
            _ => None,
        }
    }

    fn check(&mut self) {
        let Some(group) = self.group() else { return };
        self.check_clients(&group);
        check_target(&group);
        check_partitions(&group);
        check_stable(&group);
        for member in group.members().values() {
            let epoch = member.member_epoch;
            assert!(epoch <= group.group_epoch(), "ValidMemberEpoch: {member:?}");
            let before = self.epochs.insert(member.member_id.to_string(), epoch);
            let is_back = self.story.loses_writes || epoch < 0 || before.is_some_and(|b| b < 0);
            let grows = before.is_none_or(|before| before <= epoch) || is_back;
            assert!(grows, "GcSideMemberEpochIsMonotonic: {before:?} {member:?}");
        }
        self.epochs.retain(|id, _| group.member(id).is_some());
    }

    fn check_clients(&self, group: &ConsumerGroup) {
        let mut owners: BTreeMap<(crate::ids::TopicId, i32), &str> = BTreeMap::new();
        for client in self.clients.iter().filter(|client| group.member(&client.id).is_some()) {
            for (topic, partitions) in &client.owned {
                for partition in partitions {
                    let other = owners.insert((*topic, *partition), &client.id);
                    let (topic, id) = (self.story.name(*topic), &client.id);
                    assert!(
                        other.is_none(),
                        "NoDoubleClientAssignment: {topic}-{partition} is {id}'s and {other:?}'s"
                    );
                }
            }
        }
    }

    /// From now on nothing goes wrong.
    fn settle(&mut self) {
        self.story.loses_writes = false;
        self.story.pass(60_000);
        if self.clients.iter().all(|client| !client.is_alive) {
            self.new_client();
        }
        for round in 0..100 {
            if round == 50 {
                // Kafka takes a group for one whose members all read the same while somebody joins it with a regular
                // expression that is new, and so may give him what he does not read (seed 568). If the expression
                // matches nothing, no epoch follows that mends it: whatever comes next does.
                for (topic, count) in self.grown.clone() {
                    self.story.topic(topic, count + 1);
                }
            }
            for index in 0..self.clients.len() {
                if self.clients[index].is_alive {
                    self.beat(index, false);
                    self.clients[index].reconcile();
                    self.check();
                }
            }
            self.story.pass(1_000);
        }
        let group = self.group().expect("somebody is there");
        let state = group.state();
        assert_eq!(state, ConsumerGroupState::Stable, "EventuallyConverges: {group:?}");
        let mut assigned = 0;
        for client in self.clients.iter().filter(|client| client.is_alive) {
            let target = group.target_of(&client.id);
            assert_eq!(client.owned, *target, "EventuallyConverges: {}", client.id);
            assigned += target.values().map(BTreeSet::len).sum::<usize>();
        }
        let image = &self.story.image;
        let read: BTreeSet<_> = group
            .members()
            .values()
            .flat_map(|member| subscribed_topics(member, group.subscription(), image))
            .collect();
        let count = |id| image.topics().topic(id).map_or(0, |topic| topic.partitions.len());
        let all: usize = read.into_iter().map(count).sum();
        assert_eq!(
            assigned, all,
            "EventuallyConverges: everything that is read is read by somebody"
        );
    }
}

/// The log after its beginning was cleaned, long ago: of each key the last record is left there, and no tombstones.
fn compacted(log: &[GroupRecord], cut: usize) -> Vec<GroupRecord> {
    let mut last = BTreeMap::new();
    for (at, record) in log[..cut].iter().enumerate() {
        last.insert(record.key_bytes(), at);
    }
    let is_left = |(at, record): &(usize, &GroupRecord)| {
        last[&record.key_bytes()] == *at && record.value_bytes().is_some()
    };
    let beginning = log[..cut].iter().enumerate().filter(is_left).map(|(_, record)| record);
    beginning.chain(&log[cut..]).cloned().collect()
}

fn check_target(group: &ConsumerGroup) {
    let mut owners = BTreeMap::new();
    for (member, target) in group.target() {
        assert!(group.member(member).is_some(), "LegalTargetAssignment: {member} is gone");
        for (topic, partitions) in target.iter() {
            for partition in partitions {
                let other = owners.insert((*topic, *partition), member.clone());
                assert!(
                    other.is_none(),
                    "LegalTargetAssignment: {topic}-{partition} is {member}'s and {other:?}'s"
                );
            }
        }
    }
    let inverted: usize = group.inverted_target().values().map(BTreeMap::len).sum();
    assert_eq!(inverted, owners.len(), "the inverted target is the target");
}

fn check_partitions(group: &ConsumerGroup) {
    let mut held = BTreeMap::new();
    for member in group.members().values() {
        for (topic, of) in member.assigned.iter().chain(&member.pending_revocation) {
            for (partition, epoch) in of {
                let other = held.insert((*topic, *partition), member.member_id.clone());
                assert!(other.is_none(), "NoDoubleClientAssignment: {other:?} {member:?}");
                let of_partition = group.partition_epoch(*topic, *partition);
                assert_eq!(of_partition, member.member_epoch, "ValidPartitionEpoch: {member:?}");
                let is_since = *epoch <= member.member_epoch || member.member_epoch < 0;
                assert!(is_since, "KIP-1251: {member:?}");
            }
        }
    }
}

fn check_stable(group: &ConsumerGroup) {
    if group.state() != ConsumerGroupState::Stable {
        return;
    }
    for member in group.members().values() {
        let is_there = member.state == MemberState::Stable
            && member.member_epoch == group.group_epoch()
            && member.pending_revocation.is_empty();
        assert!(is_there, "ValidStableGroupState: {member:?}");
        let has = without_epochs(&member.assigned);
        let target = group.target_of(&member.member_id);
        let has_no_more =
            has.iter().all(|(topic, of)| target.get(topic).is_some_and(|t| of.is_subset(t)));
        assert!(has_no_more, "ValidStableGroupState: {has:?} of {target:?}");
    }
}

fn play(seed: u64, events: usize) {
    let mut world = World::new(seed);
    for _ in 0..events {
        world.event();
        world.check();
    }
    world.settle();
    world.fail_over();
}

#[test]
fn what_the_specification_asks_holds_whatever_members_do() {
    for seed in 0..250 {
        let played = std::panic::catch_unwind(|| play(seed, 150));
        assert!(played.is_ok(), "seed {seed}");
    }
}
