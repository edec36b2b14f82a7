//! The names that a scenario may use: hosts, topics, conditions; and whether a fault names what exists.
//!
//! In Kafka: `Topic.validate` for the names of topics.

use std::collections::BTreeMap;

use trial_sim::fault::{ClockFault, Condition, DiskFault, Effect, Fault, HostExpr, Sides, When};

use super::scenario::{Client, Cluster, Topic};

/// The client that creates the topics.
pub const ADMIN: &str = "admin";

/// What a condition may look at, with its arguments.
pub const CONDITIONS: &[(&str, &str)] = &[
    ("high_watermark", "high_watermark(TOPIC/PARTITION): the leader's"),
    ("log_end", "log_end(HOST, TOPIC/PARTITION): as published"),
    ("isr", "isr(TOPIC/PARTITION): how many are in sync, by the controller"),
    ("epoch", "epoch(TOPIC/PARTITION): the leader epoch, by the controller"),
    ("acked", "acked(PRODUCER): records that it was told are safe"),
];

/// What may stand for a host.
pub const HOST_FUNCTIONS: &[(&str, &str)] = &[
    ("leader", "leader(TOPIC/PARTITION): by the controller"),
    ("follower", "follower(TOPIC/PARTITION): the first in-sync one that does not lead"),
    ("controller", "controller(): the active one"),
];

/// Whether a topic may be called this.
#[must_use]
pub fn is_topic_name(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    !name.is_empty() && name.len() <= 249 && !matches!(name, "." | "..") && name.chars().all(fits)
}

/// Whether a client may be called this.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic())
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
}

/// Why a fault does not fit its scenario.
pub(super) struct Unfit {
    /// The word that does not fit, to be underlined.
    pub(super) name: Option<String>,
    pub(super) what: String,
    pub(super) allowed: Option<String>,
}

impl Unfit {
    fn name(name: &str, what: String, allowed: impl Into<String>) -> Self {
        Self { name: Some(name.to_owned()), what, allowed: Some(allowed.into()) }
    }
}

impl Known<'_> {
    pub(super) fn check(&self, fault: &Fault) -> Result<(), Unfit> {
        if let When::When(conditions) = &fault.when {
            for condition in conditions {
                self.condition(condition)?;
            }
        }
        for host in hosts_of(&fault.effect) {
            self.host(host)?;
        }
        unavailable(&fault.effect)
    }

    fn hosts(&self) -> Vec<String> {
        let mut names = node_names(self.cluster);
        names.extend(self.clients.keys().cloned());
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
                    ("leader" | "follower", [partition]) => self.partition(partition),
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
            ("high_watermark" | "isr" | "epoch", [partition]) => self.partition(partition),
            ("log_end", [host, partition]) => {
                self.host(&HostExpr::Name(host.clone()))?;
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

/// The hosts that an effect names.
#[must_use]
pub fn hosts_of(effect: &Effect) -> Vec<&HostExpr> {
    match effect {
        Effect::Cut { sides: Sides::Both(a, b) | Sides::OneWay(a, b) }
        | Effect::Delay { from: a, to: b, .. }
        | Effect::Throttle { from: a, to: b, .. }
        | Effect::Stall { from: a, to: b }
        | Effect::Reset { one: a, other: b }
        | Effect::Hold { from: a, to: b, .. }
        | Effect::Release { from: a, to: b, .. } => a.0.iter().chain(&b.0).collect(),
        Effect::Isolate { hosts }
        | Effect::Crash { hosts, .. }
        | Effect::Stop { hosts }
        | Effect::Restart { hosts, .. }
        | Effect::Pause { hosts }
        | Effect::Slow { hosts, .. }
        | Effect::Wipe { hosts }
        | Effect::Disk { hosts, .. }
        | Effect::Clock { hosts, .. } => hosts.0.iter().collect(),
        Effect::Swarm { .. } => Vec::new(),
    }
}

/// Words of the grammar that nothing carries out yet: refused, never ignored.
fn unavailable(effect: &Effect) -> Result<(), Unfit> {
    let refuse = |name: &str| {
        let what = format!("`{name}` is in the grammar, but cannot be carried out yet");
        Err(Unfit { name: Some(name.to_owned()), what, allowed: None })
    };
    match effect {
        Effect::Hold { .. } => refuse("hold"),
        Effect::Release { .. } => refuse("release"),
        Effect::Restart { profile: Some(_), .. } => refuse("as"),
        Effect::Disk {
            fault:
                DiskFault::Slow(_)
                | DiskFault::Eio { .. }
                | DiskFault::Full
                | DiskFault::Rot
                | DiskFault::Dies,
            ..
        }
        | Effect::Clock {
            fault: ClockFault::Ahead(_) | ClockFault::Drift(_) | ClockFault::Step(_),
            ..
        } => Ok(()),
        _ => Ok(()),
    }
}
