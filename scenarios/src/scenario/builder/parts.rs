//! Parts of a built scenario: topics, clients, racks.

use toml_edit::{Array, Item, Value};

use super::text::{Part, Setting, list};

/// A topic to be: `topic("orders").partitions(2).replicas(3)`.
pub fn topic(name: &str) -> TopicBuilder {
    TopicBuilder { name: name.to_owned(), part: Part::default() }
}

/// A producer to be: `producer("shop", "orders").rate("25/s").config("acks", "all")`.
pub fn producer(name: &str, topic: &str) -> ClientBuilder {
    ClientBuilder::new(name, "produce", topic)
}

/// A consumer to be: `consumer("audit", "orders").config("auto.offset.reset", "earliest")`.
pub fn consumer(name: &str, topic: &str) -> ClientBuilder {
    ClientBuilder::new(name, "consume", topic)
}

/// A member of a group to be: `member("audit", "auditors", ["orders"]).commit("sync")`.
pub fn member<T: AsRef<str>>(
    name: &str,
    group: &str,
    topics: impl IntoIterator<Item = T>,
) -> ClientBuilder {
    let topics = topics.into_iter().map(|topic| Value::from(topic.as_ref()));
    let mut part = Part::default();
    part.0.insert("consume", list(topics));
    part.set("group", group);
    ClientBuilder { name: name.to_owned(), part }
}

/// A member of a group that reads every topic whose name it finds to match: `member_matching("audit", "g", "ord.*")`.
pub fn member_matching(name: &str, group: &str, pattern: &str) -> ClientBuilder {
    let mut built = ClientBuilder::new(name, "consume_pattern", pattern);
    built.part.set("group", group);
    built
}

/// The same, with names matched by the coordinator: it takes `config("group.protocol", "consumer")`.
pub fn member_matched_by_coordinator(name: &str, group: &str, pattern: &str) -> ClientBuilder {
    let mut built = ClientBuilder::new(name, "consume_regex", pattern);
    built.part.set("group", group);
    built
}

/// A rack to be: `rack("left").hosts(["b1", "c1"]).zone("z1")`.
pub fn rack(name: &str) -> RackBuilder {
    RackBuilder { name: name.to_owned(), part: Part::default() }
}

/// `[topics.NAME]`.
#[derive(Debug, Clone)]
#[must_use = "a topic is for a scenario"]
pub struct TopicBuilder {
    pub(super) name: String,
    pub(super) part: Part,
}

impl TopicBuilder {
    /// How many partitions; without, Kafka's `num.partitions`, which is 1.
    pub fn partitions(mut self, count: u32) -> Self {
        self.part.set("partitions", count);
        self
    }

    /// How many replicas of each; without, 3, or as many as there are brokers.
    pub fn replicas(mut self, count: u32) -> Self {
        self.part.set("replicas", count);
        self
    }

    /// Which brokers hold each partition, one list for each, the preferred leader first: `[[1, 2, 3]]`.
    pub fn assignment<L: AsRef<[i32]>>(mut self, brokers: impl IntoIterator<Item = L>) -> Self {
        let one = |list: L| list.as_ref().iter().map(|id| i64::from(*id)).collect::<Array>();
        self.part.0.insert("assignment", list(brokers.into_iter().map(one)));
        self
    }

    /// One of Kafka's settings of a topic: `config("min.insync.replicas", 2)`.
    pub fn config(mut self, name: &str, value: impl Into<Setting>) -> Self {
        self.part.config(name, value);
        self
    }
}

impl From<&str> for TopicBuilder {
    /// A topic with Kafka's own defaults.
    fn from(name: &str) -> Self {
        topic(name)
    }
}

/// `[clients.NAME]`.
#[derive(Debug, Clone)]
#[must_use = "a client is for a scenario"]
pub struct ClientBuilder {
    pub(super) name: String,
    pub(super) part: Part,
}

impl ClientBuilder {
    fn new(name: &str, does: &str, topic: &str) -> Self {
        let mut part = Part::default();
        part.set(does, topic);
        Self { name: name.to_owned(), part }
    }

    /// Records a second that a producer sends: `"25/s"`, which is also the default.
    pub fn rate(mut self, rate: &str) -> Self {
        self.part.set("rate", rate);
        self
    }

    /// Bytes of a record that is made up.
    pub fn size(mut self, bytes: u32) -> Self {
        self.part.set("size", bytes);
        self
    }

    /// How many different keys are made up.
    pub fn keys(mut self, count: u32) -> Self {
        self.part.set("keys", count);
        self
    }

    /// Which part of the records buries its key: `"10%"`.
    pub fn tombstones(mut self, part: &str) -> Self {
        self.part.set("tombstones", part);
        self
    }

    /// How often a consumer deletes what it has read (`DeleteRecords`): `"30s"`.
    pub fn purge(mut self, interval: &str) -> Self {
        self.part.set("purge", interval);
        self
    }

    /// When a member of a group commits: `"auto"`, which leaves it to `enable.auto.commit`, `"sync"` or `"async"` after
    /// each poll's records.
    pub fn commit(mut self, mode: &str) -> Self {
        self.part.set("commit", mode);
        self
    }

    /// How long a member of a group works on a record: `"5ms"`.
    pub fn per_record(mut self, time: &str) -> Self {
        self.part.set("per_record", time);
        self
    }

    /// How long it works on what a poll returned, besides.
    pub fn per_poll(mut self, time: &str) -> Self {
        self.part.set("per_poll", time);
        self
    }

    /// How long it does nothing between two polls.
    pub fn pause(mut self, time: &str) -> Self {
        self.part.set("pause", time);
        self
    }

    /// How long each of its rebalance callbacks takes.
    pub fn callback(mut self, time: &str) -> Self {
        self.part.set("callback", time);
        self
    }

    /// A file of records, CSV or NDJSON. Its path counts from where the test runs: the root of its package.
    pub fn records(mut self, file: &str) -> Self {
        self.part.set("records", file);
        self
    }

    /// The column of that file that is the key.
    pub fn key(mut self, column: &str) -> Self {
        self.part.set("key", column);
        self
    }

    /// A producer that sends nothing by itself, only what a [`Lab`](crate::Lab) asks for.
    pub fn by_hand(mut self) -> Self {
        self.part.set("by_hand", true);
        self
    }

    /// One of Kafka's settings of this client: `config("acks", "all")`.
    pub fn config(mut self, name: &str, value: impl Into<Setting>) -> Self {
        self.part.config(name, value);
        self
    }
}

/// `[racks.NAME]`.
#[derive(Debug, Clone)]
#[must_use = "a rack is for a scenario"]
pub struct RackBuilder {
    pub(super) name: String,
    pub(super) part: Part,
}

impl RackBuilder {
    /// Who stands in it: brokers, controllers, clients.
    pub fn hosts<T: AsRef<str>>(mut self, hosts: impl IntoIterator<Item = T>) -> Self {
        let hosts = hosts.into_iter().map(|host| Value::from(host.as_ref()));
        self.part.0.insert("hosts", list(hosts));
        self
    }

    /// The zone that it is in.
    pub fn zone(mut self, zone: &str) -> Self {
        self.part.set("zone", zone);
        self
    }

    /// The region that it is in.
    pub fn region(mut self, region: &str) -> Self {
        self.part.set("region", region);
        self
    }
}

/// As it stands in the whole text.
pub(super) fn item(part: &Part) -> Item {
    Item::Table(part.0.clone())
}
