//! Builds a scenario by calls, one for each key of the file.
//!
//! Holds:      the text as far as it has come, as tables.
//! Invariants: BU-1 what was built is what its text says: it is read by the reader of files, and refused in its words.

use std::fmt;
use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, Value};

use super::parts::{ClientBuilder, RackBuilder, TopicBuilder, item};
use super::text::{Part, Setting, list};
use crate::scenario::{Scenario, ScenarioError};
use crate::testing::{Check, check};

/// Begins a scenario: `title` is one line that says what happens, and what follows.
///
/// ```
/// use trial_scenarios::{consumer, producer, scenario, topic};
///
/// let orders = scenario("orders survive a leader that loses power")
///     .time("20s")
///     .config("min.insync.replicas", 2)
///     .topic(topic("orders").partitions(1).replicas(3))
///     .client(producer("shop", "orders").rate("25/s").config("acks", "all"))
///     .client(consumer("audit", "orders").config("auto.offset.reset", "earliest"))
///     .fault("at 8s crash leader(orders/0) losing unsynced for 4s")
///     .must_happen("lossy_leader_crash");
/// println!("{orders}"); // the same as a file, for `trial run`
/// orders.check().seeds(0..2).run();
/// ```
pub fn scenario(title: &str) -> ScenarioBuilder {
    let mut root = Part::default();
    root.set("title", title);
    ScenarioBuilder {
        name: name_of(title),
        root,
        network: Part::default(),
        lanes: Part::default(),
        cluster: Part::default(),
        expected: Vec::new(),
        picks: Part::default(),
        racks: Vec::new(),
        topics: Vec::new(),
        clients: Vec::new(),
    }
}

/// A scenario that is being built. Its keys are those of the file, and so are their meanings and defaults.
#[derive(Debug, Clone)]
#[must_use = "nothing is played before `check().run()`"]
pub struct ScenarioBuilder {
    name: String,
    root: Part,
    network: Part,
    lanes: Part,
    cluster: Part,
    expected: Vec<(String, String)>,
    picks: Part,
    racks: Vec<RackBuilder>,
    topics: Vec<TopicBuilder>,
    clients: Vec<ClientBuilder>,
}

impl ScenarioBuilder {
    /// What happens and why it matters, in prose.
    pub fn story(self, story: &str) -> Self {
        self.with("story", story)
    }

    /// Which Kafka: `4.3` or `4.3-no-elr`.
    pub fn profile(self, profile: &str) -> Self {
        self.with("profile", profile)
    }

    /// Removes a guard of Kafka's; `trial list bugs` names them.
    pub fn switch(mut self, bug: &str) -> Self {
        self.root.push("switches", bug);
        self
    }

    /// What it comes to: `holds`, `violated` or `stuck`; without, `holds`.
    pub fn expect(self, verdict: &str) -> Self {
        self.with("expect", verdict)
    }

    /// What it comes to under one profile.
    pub fn expect_of(mut self, profile: &str, verdict: &str) -> Self {
        self.expected.push((profile.to_owned(), verdict.to_owned()));
        self
    }

    /// How long faults may happen: `30s`; without, `60s`.
    pub fn time(self, length: &str) -> Self {
        self.with("time", length)
    }

    /// How long producers go on after that; without, `2s`.
    pub fn calm(self, length: &str) -> Self {
        self.with("calm", length)
    }

    /// One more fault: `at 8s crash leader(orders/0) losing unsynced for 4s`.
    pub fn fault(mut self, line: &str) -> Self {
        self.root.push("faults", line);
        self
    }

    /// A probe that must be reached, or the run proves nothing; `trial list probes` names them.
    pub fn must_happen(mut self, probe: &str) -> Self {
        self.root.push("must_happen", probe);
        self
    }

    /// Faults may go beyond what the protocol promises to survive.
    pub fn exceeds_budget(self) -> Self {
        self.with("exceeds_budget", true)
    }

    /// A fault that was written and does nothing fails the run.
    pub fn require_effect(self) -> Self {
        self.with("require_effect", true)
    }

    /// What each seed picks for itself: `pick("cluster.brokers", [3, 4, 5])`.
    pub fn pick<T: Into<Setting>>(
        mut self,
        path: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let values = values.into_iter().map(|value| value.into().0);
        self.picks.0.insert(path, list(values));
        self
    }

    /// How long bytes are on their way between two hosts: `1ms`, `1ms..3ms`, `1ms + 200us`.
    pub fn latency(mut self, latency: &str) -> Self {
        self.network.set("latency", latency);
        self
    }

    /// The same between racks.
    pub fn between_racks(mut self, latency: &str) -> Self {
        self.network.set("between_racks", latency);
        self
    }

    /// The same between zones.
    pub fn between_zones(mut self, latency: &str) -> Self {
        self.network.set("between_zones", latency);
        self
    }

    /// The same between regions.
    pub fn between_regions(mut self, latency: &str) -> Self {
        self.network.set("between_regions", latency);
        self
    }

    /// What a link carries: `100MB/s`.
    pub fn bandwidth(mut self, rate: &str) -> Self {
        self.network.set("bandwidth", rate);
        self
    }

    /// Hosts that stand together.
    pub fn rack(mut self, rack: RackBuilder) -> Self {
        self.racks.push(rack);
        self
    }

    /// How a host's threads take turns: `keyed`, or `pct` with a depth and a number of steps.
    pub fn scheduler(mut self, scheduler: &str) -> Self {
        self.lanes.set("scheduler", scheduler);
        self
    }

    /// How many changes of priority `pct` makes.
    pub fn depth(mut self, depth: u32) -> Self {
        self.lanes.set("depth", depth);
        self
    }

    /// Over how many steps.
    pub fn steps(mut self, steps: u32) -> Self {
        self.lanes.set("steps", steps);
        self
    }

    /// How often a job ends where Kafka lets go of a lock: `none`, `drawn` by the seed for each place, or a percentage.
    pub fn yields(mut self, yields: &str) -> Self {
        self.lanes.set("yields", yields);
        self
    }

    /// How long a broker takes to apply a change of partitions, such as `5ms..50ms`.
    pub fn apply_metadata(mut self, lasting: &str) -> Self {
        self.lanes.set("apply_metadata", lasting);
        self
    }

    /// How many brokers; without, 3.
    pub fn brokers(mut self, count: u32) -> Self {
        self.cluster.set("brokers", count);
        self
    }

    /// How many controllers; 0 makes every broker one too; without, 3.
    pub fn controllers(mut self, count: u32) -> Self {
        self.cluster.set("controllers", count);
        self
    }

    /// One of Kafka's settings of every node: `config("min.insync.replicas", 2)`.
    pub fn config(mut self, name: &str, value: impl Into<Setting>) -> Self {
        self.cluster.config(name, value);
        self
    }

    /// One more topic; its name alone makes one with Kafka's defaults.
    pub fn topic(mut self, topic: impl Into<TopicBuilder>) -> Self {
        self.topics.push(topic.into());
        self
    }

    /// One more client.
    pub fn client(mut self, client: ClientBuilder) -> Self {
        self.clients.push(client);
        self
    }

    /// What it is called: its title in small letters, as a file of it would be named.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The scenario as the text of a file.
    ///
    /// # Errors
    /// If two parts have the same name, which no file can say.
    pub fn to_toml(&self) -> Result<String, ScenarioError> {
        let mut document = DocumentMut::new();
        for (key, item) in self.root.0.iter() {
            document.insert(key, item.clone());
        }
        if !self.expected.is_empty() {
            let mut words = toml_edit::InlineTable::new();
            for (profile, verdict) in &self.expected {
                words.insert(profile, Value::from(verdict));
            }
            document.insert("expect", Item::Value(Value::InlineTable(words)));
        }
        let tables = [
            ("picks", &self.picks),
            ("network", &self.network),
            ("lanes", &self.lanes),
            ("cluster", &self.cluster),
        ];
        for (name, part) in tables.into_iter().filter(|(_, part)| !part.0.is_empty()) {
            document.insert(name, item(part));
        }
        let racks = self.racks.iter().map(|rack| (&rack.name, &rack.part));
        put(&mut document, "racks", "rack", racks)?;
        let topics = self.topics.iter().map(|topic| (&topic.name, &topic.part));
        put(&mut document, "topics", "topic", topics)?;
        let clients = self.clients.iter().map(|client| (&client.name, &client.part));
        put(&mut document, "clients", "client", clients)?;
        Ok(document.to_string())
    }

    /// The scenario, read from its text.
    ///
    /// # Errors
    /// If it cannot be played: the place in its text, and what is allowed there.
    pub fn build(&self) -> Result<Scenario, ScenarioError> {
        Scenario::from_text(&self.name, &self.to_toml()?, None, &[])
    }

    /// Writes its text to a file, for `trial run`.
    ///
    /// # Errors
    /// If it cannot be played or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ScenarioError> {
        self.build()?;
        let path = path.as_ref();
        std::fs::write(path, self.to_toml()?).map_err(|why| {
            ScenarioError::plain(format!("cannot write {}: {why}", path.display()), None)
        })
    }

    /// To be played under many seeds.
    pub fn check(self) -> Check {
        check(self)
    }

    fn with(mut self, key: &str, value: impl Into<Setting>) -> Self {
        self.root.set(key, value);
        self
    }
}

/// The text, as a file would have it.
impl fmt::Display for ScenarioBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_toml() {
            Ok(text) => f.write_str(text.trim_end()),
            Err(error) => write!(f, "# {error}"),
        }
    }
}

/// `[kind.NAME]` for each of them.
fn put<'a>(
    document: &mut DocumentMut,
    key: &str,
    kind: &str,
    parts: impl Iterator<Item = (&'a String, &'a Part)>,
) -> Result<(), ScenarioError> {
    let mut all = Table::new();
    all.set_implicit(true);
    for (name, part) in parts {
        if all.insert(name, item(part)).is_some() {
            let message = format!("there are two {kind}s `{name}`");
            let help = format!("one {kind} of a name");
            return Err(ScenarioError::plain(message, Some(help)));
        }
    }
    if !all.is_empty() {
        document.insert(key, Item::Table(all));
    }
    Ok(())
}

/// A title as the name of a file: small letters and digits, `_` for the rest.
fn name_of(title: &str) -> String {
    let mut name = String::new();
    for letter in title.chars().map(|letter| letter.to_ascii_lowercase()) {
        if letter.is_ascii_alphanumeric() {
            name.push(letter);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    if name.is_empty() { "scenario".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{ScenarioBuilder, name_of, scenario};
    use crate::scenario::{
        consumer, member, member_matched_by_coordinator, member_matching, producer, rack, topic,
    };

    fn everything() -> ScenarioBuilder {
        scenario("everything: at once")
            .story("It says \"all\".")
            .profile("4.3-no-elr")
            .switch("ack_before_replication")
            .expect_of("4.3", "holds")
            .expect_of("4.3-no-elr", "violated")
            .time("30s")
            .calm("1s")
            .fault("at 5s isolate follower(orders/0) for 8s")
            .fault("at 8s crash rack(left)")
            .must_happen("isr_shrink")
            .must_happen("truncation")
            .exceeds_budget()
            .require_effect()
            .pick("cluster.brokers", [3, 4])
            .latency("1ms + 200us")
            .between_racks("2ms")
            .between_zones("3ms")
            .between_regions("4ms")
            .bandwidth("100MB/s")
            .scheduler("pct")
            .depth(3)
            .steps(500)
            .yields("drawn")
            .apply_metadata("1ms..2ms")
            .brokers(3)
            .controllers(1)
            .config("min.insync.replicas", 2)
            .config("unclean.leader.election.enable", false)
            .rack(rack("left").hosts(["b1", "c1"]).zone("z1").region("r1"))
            .topic(
                topic("orders")
                    .partitions(2)
                    .replicas(3)
                    .assignment([[1, 2, 3], [2, 3, 1]])
                    .config("segment.bytes", 1_048_576),
            )
            .topic("plain")
            .client(
                producer("shop", "orders")
                    .rate("25/s")
                    .size(64)
                    .keys(5)
                    .tombstones("10%")
                    .config("acks", "all"),
            )
            .client(producer("tower", "plain").records("departures.csv").key("origin"))
            .client(producer("me", "plain").by_hand())
            .client(
                consumer("audit", "orders").purge("30s").config("auto.offset.reset", "earliest"),
            )
            .client(
                member("m1", "auditors", ["orders", "plain"])
                    .commit("sync")
                    .per_record("1ms")
                    .per_poll("5ms")
                    .pause("20ms")
                    .callback("50ms")
                    .config("session.timeout.ms", 10_000),
            )
            .client(member_matching("m2", "auditors", "ord.*"))
            .client(
                member_matched_by_coordinator("m3", "others", "ord.*")
                    .config("group.protocol", "consumer"),
            )
    }

    #[test]
    fn every_key_of_a_file_can_be_built() {
        let built = everything();
        let text = built.to_toml().expect("no name comes twice");
        insta::assert_snapshot!(text);
        let read = built.build().expect("it can be played");
        assert_eq!(read.name, "everything_at_once");
        assert_eq!((read.topics.len(), read.clients.len()), (2, 7));
    }

    #[test]
    fn what_cannot_be_is_refused_by_the_reader_at_its_place_in_the_text() {
        let error = scenario("t").topic("orders").fault("at 2s crsh b1").build();
        let text = format!("{:?}", miette::Report::new(error.expect_err("a typo")));
        assert!(text.contains("did you mean `crash`?"), "{text}");
        assert!(text.contains("at 2s crsh b1"), "{text}");
        let refused = |client| {
            let built = scenario("t").topic("orders").client(client).build();
            built.expect_err("it does not fit").to_string()
        };
        let both = refused(producer("me", "orders").by_hand().rate("5/s"));
        assert_eq!(both, "a producer by hand sends nothing by itself");
        assert_eq!(refused(consumer("me", "orders").by_hand()), "a consumer sends nothing");
        let two = scenario("t").topic("orders").topic("orders").build();
        assert_eq!(two.expect_err("one is lost").to_string(), "there are two topics `orders`");
    }

    #[test]
    fn a_title_names_a_file() {
        assert_eq!(name_of("Orders survive: a leader, twice!"), "orders_survive_a_leader_twice");
        assert_eq!(name_of("…"), "scenario");
    }
}
