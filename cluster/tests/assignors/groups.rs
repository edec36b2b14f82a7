//! Random groups, round after round: members come and go, miss a round, claim what others have, lie about generations.
//!
//! Holds: what each member believes; it is told what our assignors say, and Kafka has to say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::client::NamedPartition;
use trial_cluster::client::consumer::assignor::protocol::{put_assignment, put_subscription_as};
use trial_cluster::client::consumer::assignor::{Assignment, Subscription};

use crate::words::{digits, told};

/// Draws that depend on a seed alone.
#[derive(Clone)]
pub struct Draws(u64);

impl Draws {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    /// One time of so many.
    pub fn one_of(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn small(&mut self, end: u64) -> i32 {
        i32::try_from(self.below(end)).expect("a small number")
    }

    /// One of a list.
    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}

/// How large groups are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Up to 20 members, 10 topics, 30 partitions.
    Any,
    /// Up to 5 members, 3 topics, 6 partitions.
    Small,
}

/// How truly members speak.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    /// Everybody hears of every round and says what it has.
    Whole,
    /// Some miss rounds, and claim what they have had.
    Late,
    /// Some claim anything.
    None,
}

struct Person {
    id: String,
    instance: Option<String>,
    rack: Option<String>,
    version: i16,
    topics: Vec<String>,
    owned: Vec<NamedPartition>,
    generation: i32,
    /// What its assignor was told last.
    told: Option<(i32, Vec<NamedPartition>)>,
}

/// A group, round after round.
pub struct History {
    name: &'static str,
    draws: Draws,
    truth: Truth,
    racks: Vec<String>,
    /// Everybody wants the same.
    is_equal: bool,
    /// Members that follow the eager protocol tell what they have all the same.
    tells_all: bool,
    has_old_versions: bool,
    topics: BTreeMap<String, Vec<String>>,
    people: Vec<Person>,
    members_max: u64,
    topics_max: u64,
    partitions_max: u64,
    born: u64,
    generation: i32,
    rounds_left: u64,
    is_first: bool,
}

const IDS: [&str; 6] =
    ["c", "consumer-orders-", "sarama-5b0d2f6e-", "\u{1d4b3}", "\u{ff5e}", "größe-"];
const TOPICS: [&str; 5] = ["t", "orders-", "a.b_", "Events.", "payments-2024-"];

impl History {
    pub fn new(name: &'static str, seed: u64, size: Size) -> Self {
        let mut draws = Draws::new(seed);
        let is_small = size == Size::Small;
        let (members, topics, partitions) = if is_small { (5, 3, 6) } else { (20, 10, 30) };
        let truth = [Truth::Whole, Truth::Late, Truth::None][draws.below(3) as usize];
        let racks = if draws.one_of(2) { draws.below(4) + 1 } else { 0 };
        let mut history = Self {
            name,
            truth,
            racks: (0..racks).map(|rack| format!("r{rack}")).collect(),
            is_equal: draws.one_of(2),
            tells_all: name == "cooperative-sticky" || draws.one_of(8),
            has_old_versions: draws.one_of(4),
            topics: BTreeMap::new(),
            people: Vec::new(),
            members_max: draws.below(members) + 1,
            topics_max: draws.below(topics) + 1,
            partitions_max: draws.below(partitions) + 1,
            born: 0,
            generation: 0,
            rounds_left: 1 + draws.below(6),
            is_first: true,
            draws,
        };
        for _ in 0..history.topics_max {
            history.make_topic();
        }
        let first = history.draws.below(history.members_max) + 1;
        (0..first).for_each(|_| history.join());
        history
    }

    /// The lines of the next round, after what was assigned in the one before; none when it is over.
    pub fn round(&mut self, assigned: &BTreeMap<Arc<str>, Assignment>) -> Option<Vec<String>> {
        self.rounds_left = self.rounds_left.checked_sub(1)?;
        let mut lines = Vec::new();
        if std::mem::take(&mut self.is_first) {
            lines.push(format!("group {}", self.name));
            lines.extend(self.topics.iter().map(|(topic, racks)| topic_line(topic, racks)));
        } else {
            self.hear(assigned);
            self.happen(&mut lines);
        }
        self.generation += 1 + if self.draws.one_of(10) { self.draws.small(3) } else { 0 };
        if self.draws.one_of(60) {
            self.generation = 1;
        }
        let mut people = std::mem::take(&mut self.people);
        lines.extend(people.iter().map(|person| self.member_line(person)));
        if self.draws.one_of(3) {
            people.reverse();
        }
        self.people = people;
        lines.push("assign".to_owned());
        Some(lines)
    }

    fn hear(&mut self, assigned: &BTreeMap<Arc<str>, Assignment>) {
        for person in &mut self.people {
            let misses = self.truth > Truth::Whole && self.draws.one_of(5);
            if let Some(assignment) = assigned.get(&*person.id).filter(|_| !misses) {
                person.owned.clone_from(&assignment.partitions);
                person.generation = self.generation;
                person.told = Some((self.generation, assignment.partitions.clone()));
            }
        }
    }

    fn happen(&mut self, lines: &mut Vec<String>) {
        if self.draws.one_of(10) {
            lines.push("leader".to_owned());
        }
        for _ in 0..self.draws.below(3) {
            match self.draws.below(7) {
                0 | 1 if (self.people.len() as u64) < self.members_max => self.join(),
                2 | 3 if self.people.len() > 1 => {
                    let who = self.draws.below(self.people.len() as u64) as usize;
                    self.people.remove(who);
                }
                4 if (self.topics.len() as u64) < self.topics_max + 1 => self.make_topic(),
                5 => self.grow(),
                6 => self.change_mind(),
                _ => continue,
            }
        }
        lines.extend(self.topics.iter().map(|(topic, racks)| topic_line(topic, racks)));
    }

    fn make_topic(&mut self) {
        let (stem, number) = (*self.draws.of(&TOPICS), self.draws.below(40));
        let count = self.draws.below(self.partitions_max + 1);
        let racks = (0..count).map(|_| self.replicas()).collect();
        self.topics.insert(format!("{stem}{number}"), racks);
    }

    /// The racks of a partition's replicas, as a word.
    fn replicas(&mut self) -> String {
        if self.racks.is_empty() {
            return "-".to_owned();
        }
        let copies = self.draws.below(self.racks.len() as u64) + 1;
        let mut racks: Vec<&str> = Vec::new();
        for _ in 0..copies {
            let rack = self.draws.of(&self.racks).as_str();
            racks.push(if self.draws.one_of(30) { "-" } else { rack });
        }
        racks.join(",")
    }

    fn grow(&mut self) {
        let names: Vec<String> = self.topics.keys().cloned().collect();
        let name = self.draws.of(&names).clone();
        let mut racks = self.topics.remove(&name).unwrap_or_default();
        if self.draws.one_of(4) {
            racks.truncate(self.draws.below(racks.len() as u64 + 1) as usize);
        } else {
            let more = self.draws.below(4);
            racks.extend((0..more).map(|_| self.replicas()).collect::<Vec<_>>());
        }
        self.topics.insert(name, racks);
    }

    fn wanted(&mut self) -> Vec<String> {
        let names: Vec<String> = self.topics.keys().cloned().collect();
        if self.is_equal && !self.draws.one_of(60) {
            return names;
        }
        let mut wanted = names.clone();
        wanted.retain(|_| self.draws.one_of(2));
        match self.draws.below(40) {
            0 => wanted.push("nowhere".to_owned()),
            1 => wanted.extend(wanted.first().cloned()),
            2 => wanted.clear(),
            _ if wanted.is_empty() => wanted.push(self.draws.of(&names).clone()),
            _ => {}
        }
        if self.draws.one_of(2) {
            wanted.reverse();
        }
        wanted
    }

    fn change_mind(&mut self) {
        if self.is_equal {
            let wanted = self.wanted();
            self.people.iter_mut().for_each(|person| person.topics.clone_from(&wanted));
        } else {
            let (who, wanted) = (self.draws.below(self.people.len() as u64), self.wanted());
            self.people[who as usize].topics = wanted;
        }
    }

    fn join(&mut self) {
        self.born += 1;
        let number = self.draws.below(1000);
        let id = format!("{}{}-{number}", self.draws.of(&IDS), self.born);
        let instance = match self.draws.below(12) {
            0 => Some("twin".to_owned()),
            1..=3 => Some(format!("i{}-{}", self.draws.below(9), self.born)),
            _ => None,
        };
        let has_rack = !self.racks.is_empty() && !self.draws.one_of(6);
        let rack = has_rack.then(|| self.draws.of(&self.racks).clone());
        let rack = if self.draws.one_of(50) { Some("elsewhere".to_owned()) } else { rack };
        let version = if self.has_old_versions { self.draws.below(4) as i16 } else { 3 };
        let topics = self.wanted();
        let (owned, generation, told) = (Vec::new(), -1, None);
        self.people.push(Person { id, instance, rack, version, topics, owned, generation, told });
    }

    fn member_line(&mut self, person: &Person) -> String {
        let lies = self.truth == Truth::None && self.draws.one_of(4);
        let mut owned = if self.tells_all { person.owned.clone() } else { Vec::new() };
        let mut generation = person.generation;
        let mut data = match &person.told {
            Some((generation, list)) => format!("on:{generation}:{}", told(list)),
            None => "own".to_owned(),
        };
        if lies {
            let claimed = self.claimed();
            match self.draws.below(6) {
                0 => owned = claimed,
                1 => data = format!("on:{}:{}", self.generation, told(&claimed)),
                2 => generation = self.draws.small(4) - 1 + self.generation,
                3 => (owned, generation) = (claimed, self.generation),
                4 => data = "null".to_owned(),
                _ => data = self.garbage(),
            }
        }
        let topics = person.topics.join(",");
        [
            "member",
            &person.id,
            or_dash(person.instance.as_deref()),
            &person.version.to_string(),
            &generation.to_string(),
            or_dash(person.rack.as_deref()),
            or_dash(Some(&*topics)),
            &told(&owned),
            &data,
        ]
        .join(" ")
    }

    /// Some partitions, of which a few do not exist.
    fn claimed(&mut self) -> Vec<NamedPartition> {
        let mut list = BTreeSet::new();
        for _ in 0..self.draws.below(8) {
            let names: Vec<&str> = self.topics.keys().map(String::as_str).collect();
            let topic = if self.draws.one_of(20) { "gone" } else { *self.draws.of(&names) };
            let end = self.topics.get(topic).map_or(3, Vec::len) as u64;
            let beyond = u64::from(self.draws.one_of(12)) * 3;
            let partition = self.draws.small((end + beyond).max(1));
            list.insert(NamedPartition { topic: topic.into(), partition });
        }
        let mut list: Vec<NamedPartition> = list.into_iter().collect();
        if self.draws.one_of(10) {
            list.extend(list.first().cloned());
        }
        list
    }

    fn garbage(&mut self) -> String {
        let mut bytes = vec![0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5];
        bytes.truncate(self.draws.below(20) as usize);
        if let Some(byte) = bytes.last_mut().filter(|_| self.draws.one_of(2)) {
            *byte = self.draws.below(256) as u8;
        }
        format!("raw:{}", digits(&bytes))
    }
}

fn or_dash(word: Option<&str>) -> &str {
    word.filter(|word| !word.is_empty()).unwrap_or("-")
}

fn topic_line(topic: &str, racks: &[String]) -> String {
    let none = !racks.is_empty() && racks.iter().all(|word| word == "-");
    let words = if none { format!("*{}", racks.len()) } else { racks.join(" ") };
    format!("topic {topic} {words}").trim_end().to_owned()
}

/// A subscription or an assignment as a line of digits, whole or not.
pub fn bytes(draws: &mut Draws) -> String {
    let named = |draws: &mut Draws| NamedPartition {
        topic: (*draws.of(&["a", "orders", "größe"])).into(),
        partition: draws.small(5),
    };
    let partitions = (0..draws.below(6)).map(|_| named(draws)).collect::<Vec<_>>();
    let data = [None, Some(Bytes::new()), Some(Bytes::from_static(&[0, 7, 255]))];
    let user_data = draws.of(&data).clone();
    let version = draws.below(4) as i16;
    let (kind, bytes) = if draws.one_of(3) {
        ('a', put_assignment(&Assignment { partitions, user_data }))
    } else {
        let racks = [None, Some(Arc::from("")), Some(Arc::from("r"))];
        let said = Subscription {
            topics: (0..draws.below(4)).map(|topic| format!("t{topic}").into()).collect(),
            user_data,
            owned_partitions: partitions,
            generation_id: [None, Some(0), Some(77)][draws.below(3) as usize],
            rack_id: draws.of(&racks).clone(),
            group_instance_id: None,
        };
        ('s', put_subscription_as(&said, version))
    };
    let mut bytes = bytes.to_vec();
    let any = draws.below(bytes.len() as u64) as usize;
    match draws.below(6) {
        0 => bytes.truncate(any),
        1 => bytes[any] = draws.below(256) as u8,
        2 => bytes[any] = *draws.of(&[0, 1, 127, 128, 255]),
        3 => bytes[1] = draws.below(12) as u8,
        4 => bytes.extend_from_slice(b"more"),
        _ => {}
    }
    format!("{kind} {}", digits(&bytes))
}

/// Groups in which Kafka's assignors do what they should not, or nothing.
pub const ODD: &[(&str, &[&str])] = &[
    (
        "A member that wants nothing, and comes first in Java's order, counts as wanting what the others want.",
        &[
            "group sticky",
            "topic t *4",
            "member a - 3 -1 - - - own",
            "member b - 3 -1 - t - own",
            "assign",
        ],
    ),
    (
        "One that comes later does not.",
        &[
            "group sticky",
            "topic t *4",
            "member a - 3 -1 - t - own",
            "member b - 3 -1 - - - own",
            "assign",
        ],
    ),
    (
        "A claim of an older generation, by a member that does not want the topic any more and has all that it can have.",
        &[
            "group cooperative-sticky",
            "topic t *4",
            "topic u *1",
            "member a - 3 5 - t t/0/1/2/3 on:5:-",
            "member b - 3 5 - t - on:5:-",
            "member c - 3 4 - u t/0 on:4:-",
            "assign",
        ],
    ),
    (
        "The same where it lacks something: it is given what it does not want, in the round in which another one has it.",
        &[
            "group cooperative-sticky",
            "topic t *4",
            "topic u *2",
            "member a - 3 5 - t t/0/1/2/3 on:5:-",
            "member b - 3 5 - t - on:5:-",
            "member c - 3 4 - u t/0 on:4:-",
            "member d - 3 5 - u - on:5:-",
            "assign",
        ],
    ),
    (
        "A claim beyond the end of a topic: what members have kept behind it is given away once more.",
        &[
            "group cooperative-sticky",
            "topic t *3",
            "member a - 3 5 - t t/0/7 on:5:-",
            "member b - 3 5 - t t/1/2 on:5:-",
            "assign",
        ],
    ),
    (
        "The same in a group whose members want different topics.",
        &[
            "group sticky",
            "topic t *3",
            "topic u *2",
            "member a - 3 5 - t,u - on:5:t/7/0",
            "member b - 3 5 - t - on:5:t/1/2",
            "assign",
        ],
    ),
    (
        "The same claim in one generation: nobody's, and given to nobody in this round.",
        &[
            "group cooperative-sticky",
            "topic t *2",
            "member a - 3 5 - t t/0/1 on:5:-",
            "member b - 3 5 - t t/0 on:5:-",
            "assign",
        ],
    ),
    (
        "In different generations: the newer one counts.",
        &[
            "group cooperative-sticky",
            "topic t *2",
            "member a - 3 4 - t t/0/1 on:4:-",
            "member b - 3 5 - t t/0 on:5:-",
            "assign",
        ],
    ),
    (
        "The leader remembers the highest generation: after a rebirth of the group every claim is an old one.",
        &[
            "group sticky",
            "topic t *4",
            "topic u *1",
            "member a - 3 9 - t - on:9:t/0/1/2/3",
            "member b - 3 9 - t,u - on:9:-",
            "assign",
            "member a - 3 1 - t - on:1:t/0/1/2/3",
            "member b - 3 1 - t,u - on:1:-",
            "assign",
        ],
    ),
    (
        "Generations are compared with the field of the subscription, not with the user data.",
        &[
            "group sticky",
            "topic t *2",
            "member a - 0 5 - t - on:5:t/0/1",
            "member b - 0 4 - t - on:4:t/0",
            "assign",
        ],
    ),
];
