//! The names that a scenario may use: hosts, topics, conditions; and whether a fault names what exists.
//!
//! In Kafka: `Topic.validate` for the names of topics.

use std::collections::BTreeMap;

use trial_cluster::config::{TopicConfig, ValueError};
use trial_cluster::rules::Profile;
use trial_cluster::wire::ApiKey;
use trial_sim::Place;
use trial_sim::fault::{Condition, Configured, Effect, Fault, Group, HostExpr, Sides, When};

use super::error::did_you_mean;
use super::scenario::{Client, Cluster, Topic};

/// The client that creates the topics.
pub const ADMIN: &str = "admin";

/// Whoever is outside the World, under `trial serve`: faults of the network may name it.
pub const OUTSIDE: &str = "outside";

/// Disks of a node.
const DISKS: u16 = 1;
/// Settings that decide what checkers may expect: they are the whole cluster's.
const PROMISES: [&str; 10] = [
    "min.insync.replicas",
    "unclean.leader.election.enable",
    "replica.lag.time.max.ms",
    "cleanup.policy",
    "retention.ms",
    "retention.bytes",
    "delete.retention.ms",
    "min.compaction.lag.ms",
    "compression.type",
    "message.timestamp.type",
];

/// What a condition may look at, with its arguments.
pub const CONDITIONS: &[(&str, &str)] = &[
    ("high_watermark", "high_watermark(TOPIC/PARTITION): the leader's"),
    ("log_end", "log_end(HOST, TOPIC/PARTITION): as published"),
    ("isr", "isr(TOPIC/PARTITION): how many are in sync, by the controller"),
    ("epoch", "epoch(TOPIC/PARTITION): the leader epoch, by the controller"),
    ("acked", "acked(PRODUCER): records that it was told are safe"),
    ("moving", "moving(TOPIC/PARTITION): 1 while a reassignment is under way, by the controller"),
    (
        "swaps",
        "swaps(HOST, TOPIC/PARTITION): how often compacted segments began to take the place of others",
    ),
];

/// What may stand for a host.
pub const HOST_FUNCTIONS: &[(&str, &str)] = &[
    ("leader", "leader(TOPIC/PARTITION): by the controller"),
    ("follower", "follower(TOPIC/PARTITION): the first in-sync one that does not lead"),
    (
        "bystander",
        "bystander(TOPIC/PARTITION): the first in-sync one that neither leads nor is the active controller",
    ),
    ("controller", "controller(): the active one"),
    ("coordinator", "coordinator(GROUP): of a consumer group, by the controller"),
    ("rack", "rack(RACK): every host in it"),
    ("zone", "zone(ZONE): every host in it"),
    ("region", "region(REGION): every host in it"),
];

/// Whether a topic may be called this.
#[must_use]
pub fn is_topic_name(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    !name.is_empty() && name.len() <= 249 && !matches!(name, "." | "..") && name.chars().all(fits)
}

/// Whether a client or a rack may be called this: a label of frames begins with a capital letter.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The hosts of the nodes.
#[must_use]
pub fn node_names(cluster: &Cluster) -> Vec<String> {
    let brokers = (1..=cluster.brokers).map(|number| format!("b{number}"));
    brokers.chain((1..=cluster.controllers).map(|number| format!("c{number}"))).collect()
}

/// Everything that a fault of one scenario may name.
pub(super) struct Known<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) topics: &'a BTreeMap<String, Topic>,
    pub(super) clients: &'a BTreeMap<String, Client>,
    pub(super) places: &'a BTreeMap<String, Place>,
    /// Whether somebody may come from outside.
    pub(super) outside: bool,
}

/// Why a fault does not fit its scenario.
pub(super) struct Unfit {
    /// The word that does not fit, to be underlined.
    pub(super) name: Option<String>,
    pub(super) what: String,
    pub(super) allowed: Option<String>,
}

impl Unfit {
    pub(super) fn name(name: &str, what: String, allowed: impl Into<String>) -> Self {
        Self { name: Some(name.to_owned()), what, allowed: Some(allowed.into()) }
    }
}

impl Known<'_> {
    pub(super) fn check(&self, fault: &Fault) -> Result<(), Unfit> {
        if let When::When { conditions, .. } = &fault.when {
            for condition in conditions {
                self.condition(condition)?;
            }
        }
        for host in hosts_of(&fault.effect) {
            self.host(host)?;
        }
        if needs_a_machine(&fault.effect) && hosts_of(&fault.effect).iter().any(is_outside) {
            let what =
                "nothing of Trial's runs outside: only the network on the way there can fail";
            let allowed = "cut, delay, throttle, stall, refuse, hang, hold, reset, with a host on the other side";
            return Err(Unfit::name(OUTSIDE, what.to_owned(), allowed));
        }
        if let Some(name) = with_itself(&fault.effect) {
            let what = format!("between `{name}` and itself nothing can happen");
            return Err(Unfit::name(name, what, "two different hosts"));
        }
        match &fault.effect {
            Effect::Hold { label, .. }
            | Effect::Release { label, .. }
            | Effect::Delay { label: Some(label), .. } => known_label(label),
            Effect::Restart { hosts, profile, config } => {
                self.restart(hosts, profile.as_deref(), config)
            }
            Effect::Disk { disk: Some(disk), .. } | Effect::Wipe { disk: Some(disk), .. }
                if *disk >= DISKS =>
            {
                let what = format!("there is no disk {disk}");
                Err(Unfit::name(&disk.to_string(), what, "0: every node has one log directory"))
            }
            Effect::Reassign { partition, to } => {
                self.partition(partition)?;
                to.0.iter().try_for_each(|host| self.taker(host))
            }
            Effect::Cancel { partition } | Effect::Elect { partition } => self.partition(partition),
            Effect::Grow { topic, .. } if !self.topics.contains_key(topic) => {
                let known: Vec<_> = self.topics.keys().map(String::as_str).collect();
                Err(Unfit::name(topic, format!("there is no topic `{topic}`"), known.join(", ")))
            }
            Effect::Configure { of, with, without } => self.configure(of, with, without),
            Effect::Ring { hosts } if distinct(hosts) < 3 => {
                let what = "a ring takes three hosts or more".to_owned();
                Err(Unfit { name: Some("ring".to_owned()), what, allowed: None })
            }
            _ => Ok(()),
        }
    }

    fn hosts(&self) -> Vec<String> {
        let mut names = node_names(self.cluster);
        names.extend(self.clients.keys().cloned());
        names.extend(self.outside.then(|| OUTSIDE.to_owned()));
        names
    }

    fn host(&self, host: &HostExpr) -> Result<(), Unfit> {
        match host {
            HostExpr::Name(name) => {
                let names = self.hosts();
                if names.contains(name) {
                    return Ok(());
                }
                Err(Unfit::name(name, format!("there is no host `{name}`"), names.join(", ")))
            }
            HostExpr::Call { name, args } => {
                if !HOST_FUNCTIONS.iter().any(|(known, _)| known == name) {
                    let known: Vec<_> = HOST_FUNCTIONS.iter().map(|(_, about)| *about).collect();
                    let what = format!("`{name}()` stands for no host");
                    return Err(Unfit::name(name, what, known.join("; ")));
                }
                match (name.as_str(), args.as_slice()) {
                    ("controller", []) => Ok(()),
                    ("leader" | "follower" | "bystander", [partition]) => self.partition(partition),
                    ("coordinator", [group]) => self.group(group),
                    ("rack" | "zone" | "region", [place]) => self.place(name, place),
                    _ => Err(Unfit::name(
                        name,
                        format!("`{name}` takes other arguments"),
                        HOST_FUNCTIONS
                            .iter()
                            .find(|(known, _)| known == name)
                            .map_or("", |(_, about)| about),
                    )),
                }
            }
        }
    }

    /// Whoever comes from outside may bring a group of its own.
    pub(super) fn group(&self, wanted: &str) -> Result<(), Unfit> {
        let mut known: Vec<&str> =
            self.clients.values().filter_map(|client| client.group()).collect();
        known.sort_unstable();
        known.dedup();
        if self.outside || known.contains(&wanted) {
            return Ok(());
        }
        let allowed = match known[..] {
            [] => "a client with `group = \"NAME\"`".to_owned(),
            _ => known.join(", "),
        };
        Err(Unfit::name(wanted, format!("there is no consumer group `{wanted}`"), allowed))
    }

    fn place(&self, kind: &str, wanted: &str) -> Result<(), Unfit> {
        let mut known: Vec<&str> =
            self.places.values().filter_map(|place| place_name(place, kind)).collect();
        known.sort_unstable();
        known.dedup();
        if known.contains(&wanted) {
            return Ok(());
        }
        let allowed = if known.is_empty() {
            "[racks.NAME] hosts = [...], zone, region".to_owned()
        } else {
            known.join(", ")
        };
        Err(Unfit::name(wanted, format!("there is no {kind} `{wanted}`"), allowed))
    }

    /// A node with these, and no client.
    fn node(&self, host: &HostExpr, word: &str) -> Result<(), Unfit> {
        let HostExpr::Name(name) = host else { return Ok(()) };
        if node_names(self.cluster).contains(name) {
            return Ok(());
        }
        let what = format!("`{word}` is for brokers and controllers, `{name}` is a client");
        Err(Unfit::name(name, what, node_names(self.cluster).join(", ")))
    }

    /// A broker: who else has a partition's log?
    fn broker(&self, host: &str, word: &str) -> Result<(), Unfit> {
        self.host(&HostExpr::Name(host.to_owned()))?;
        let brokers: Vec<String> =
            (1..=self.cluster.brokers).map(|number| format!("b{number}")).collect();
        if brokers.iter().any(|broker| broker == host) {
            return Ok(());
        }
        let what = format!("`{word}` is about a broker's log, and `{host}` is none");
        Err(Unfit::name(host, what, brokers.join(", ")))
    }

    /// A broker by its name, to which a replica may go.
    fn taker(&self, host: &HostExpr) -> Result<(), Unfit> {
        let brokers: Vec<_> = (1..=self.cluster.brokers).map(|it| format!("b{it}")).collect();
        let (name, what) = match host {
            HostExpr::Name(name) if brokers.contains(name) => return Ok(()),
            HostExpr::Name(name) => {
                (name, format!("a replica goes to a broker, and `{name}` is none"))
            }
            HostExpr::Call { name, .. } => {
                (name, "replicas go to brokers by their names".to_owned())
            }
        };
        Err(Unfit::name(name, what, brokers.join(", ")))
    }

    fn restart(
        &self,
        hosts: &Group,
        profile: Option<&str>,
        config: &[(String, String)],
    ) -> Result<(), Unfit> {
        if let Some(profile) = profile {
            hosts.0.iter().try_for_each(|host| self.node(host, "as"))?;
            profile.parse::<Profile>().map_err(|what| {
                let known: Vec<_> = Profile::ALL.iter().map(|known| known.name()).collect();
                Unfit::name(profile, what, known.join(", "))
            })?;
        }
        let mut tried = self.cluster.config.clone();
        for (name, value) in config {
            hosts.0.iter().try_for_each(|host| self.node(host, "with"))?;
            if PROMISES.contains(&TopicConfig::name_of(name)) {
                let what = format!("`{name}` decides what the cluster promises");
                let allowed = "settings of one node; this one in [cluster] or [topics]";
                return Err(Unfit::name(name, what, allowed));
            }
            let setting = format!("{name}={value}");
            tried.set(name, value).map_err(|error| {
                let at = match error.what {
                    ValueError::UnknownName => name,
                    ValueError::BadValue => &setting,
                };
                Unfit::name(at, error.headline(), error.allowed)
            })?;
            tried.topic.check().map_err(|error| {
                let allowed = format!("`{}` {}", error.name, error.allowed);
                Unfit::name(&setting, error.headline(), allowed)
            })?;
        }
        Ok(())
    }

    fn condition(&self, condition: &Condition) -> Result<(), Unfit> {
        let name = condition.name.as_str();
        let Some((_, about)) = CONDITIONS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = CONDITIONS.iter().map(|(_, about)| *about).collect();
            let what = format!("there is no condition `{name}`");
            return Err(Unfit::name(name, what, known.join("; ")));
        };
        if condition.number().is_none() {
            let what = format!("`{name}` is compared with a number");
            return Err(Unfit::name(&condition.value, what, "a whole number"));
        }
        match (name, condition.args.as_slice()) {
            ("high_watermark" | "isr" | "epoch" | "moving", [partition]) => {
                self.partition(partition)
            }
            ("log_end" | "swaps", [host, partition]) => {
                self.broker(host, name)?;
                self.partition(partition)
            }
            ("acked", [client]) => match self.clients.get(client) {
                Some(Client::Producer { .. }) => Ok(()),
                _ => Err(Unfit::name(
                    client,
                    format!("there is no producer `{client}`"),
                    "a client that produces",
                )),
            },
            _ => Err(Unfit::name(name, format!("`{name}` takes other arguments"), *about)),
        }
    }

    fn partition(&self, text: &str) -> Result<(), Unfit> {
        let found = text
            .rsplit_once('/')
            .and_then(|(topic, index)| Some((self.topics.get(topic)?, index.parse::<i32>().ok()?)));
        match found {
            Some((topic, index)) if (0..topic.partitions).contains(&index) => Ok(()),
            _ => {
                let all = self.topics.iter();
                let allowed: Vec<_> = all
                    .map(|(name, topic)| format!("{name}/0 to {name}/{}", topic.partitions - 1))
                    .collect();
                Err(Unfit::name(
                    text,
                    format!("there is no partition `{text}`"),
                    allowed.join(", "),
                ))
            }
        }
    }
}

/// Whom an effect is about.
enum Parts<'e> {
    /// It happens between the two sides.
    Between(&'e [HostExpr], &'e [HostExpr]),
    /// It happens to these.
    To(Vec<&'e HostExpr>),
}

fn parts(effect: &Effect) -> Parts<'_> {
    match effect {
        Effect::Cut { sides: Sides::Both(a, b) | Sides::OneWay(a, b) }
        | Effect::Delay { from: a, to: b, .. }
        | Effect::Throttle { from: a, to: b, .. }
        | Effect::Stall { from: a, to: b }
        | Effect::Refuse { from: a, to: b }
        | Effect::Hang { from: a, to: b }
        | Effect::Reset { one: a, other: b }
        | Effect::Hold { from: a, to: b, .. }
        | Effect::Release { from: a, to: b, .. } => Parts::Between(&a.0, &b.0),
        Effect::Swap { one, other } => {
            Parts::Between(std::slice::from_ref(one), std::slice::from_ref(other))
        }
        Effect::Bridge { over, one, other } => {
            Parts::To(std::iter::once(over).chain(&one.0).chain(&other.0).collect())
        }
        Effect::Isolate { hosts }
        | Effect::Ring { hosts }
        | Effect::Swizzle { hosts }
        | Effect::Crash { hosts, .. }
        | Effect::Stop { hosts }
        | Effect::Restart { hosts, .. }
        | Effect::Pause { hosts }
        | Effect::Slow { hosts, .. }
        | Effect::Lag { hosts, .. }
        | Effect::Wipe { hosts, .. }
        | Effect::Disk { hosts, .. }
        | Effect::Clock { hosts, .. }
        | Effect::Reassign { to: hosts, .. } => Parts::To(hosts.0.iter().collect()),
        Effect::Configure { of: Configured::Broker(host), .. } => Parts::To(vec![host]),
        Effect::Swarm { .. }
        | Effect::Cancel { .. }
        | Effect::Grow { .. }
        | Effect::Elect { .. }
        | Effect::Configure { .. } => Parts::To(Vec::new()),
    }
}

/// The hosts that an effect names.
#[must_use]
pub fn hosts_of(effect: &Effect) -> Vec<&HostExpr> {
    match parts(effect) {
        Parts::Between(one, other) => one.iter().chain(other).collect(),
        Parts::To(hosts) => hosts,
    }
}

/// The name of a place's rack, zone or region.
#[must_use]
pub fn place_name<'p>(place: &'p Place, kind: &str) -> Option<&'p str> {
    match kind {
        "rack" => place.rack.as_deref(),
        "zone" => place.zone.as_deref(),
        _ => place.region.as_deref(),
    }
}

fn is_outside(host: &&HostExpr) -> bool {
    matches!(host, HostExpr::Name(name) if name == OUTSIDE)
}

/// Whether it happens to a machine or its process, and not on the network between two.
fn needs_a_machine(effect: &Effect) -> bool {
    match effect {
        Effect::Isolate { .. }
        | Effect::Bridge { .. }
        | Effect::Ring { .. }
        | Effect::Swizzle { .. } => false,
        Effect::Swap { .. } => true,
        other => matches!(parts(other), Parts::To(_)),
    }
}

/// The host that stands alone on both sides of an effect between two.
fn with_itself(effect: &Effect) -> Option<&str> {
    let Parts::Between(one, other) = parts(effect) else { return None };
    match (one, other) {
        ([HostExpr::Name(one)], [HostExpr::Name(other)]) if one == other => Some(one),
        _ => None,
    }
}

/// How many hosts a group names at least; a function may stand for many.
fn distinct(hosts: &Group) -> usize {
    let several = |host: &&HostExpr| matches!(host, HostExpr::Call { name, .. } if matches!(name.as_str(), "rack" | "zone" | "region"));
    if hosts.0.iter().any(|host| several(&host)) {
        return usize::MAX;
    }
    let mut all: Vec<&HostExpr> = hosts.0.iter().collect();
    all.sort_unstable();
    all.dedup();
    all.len()
}

fn known_label(label: &str) -> Result<(), Unfit> {
    let of = |api: &ApiKey| api.name() == label || api.response_name() == label;
    if ApiKey::ALL.iter().any(of) {
        return Ok(());
    }
    let names = ApiKey::ALL.iter().flat_map(|api| [api.name(), api.response_name()]);
    let what = match did_you_mean(label, names) {
        Some(near) => format!("there is no request or response `{label}`: did you mean `{near}`?"),
        None => format!("there is no request or response `{label}`"),
    };
    Err(Unfit::name(
        label,
        what,
        "an API's name such as Fetch, or its response such as FetchResponse",
    ))
}
