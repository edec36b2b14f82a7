//! Fewer hosts, topics and clients, and less that they send.
//!
//! Invariants: TO-1 what is tried can be played: faults, racks and replicas go with the hosts that they name; whatever
//!             cannot be played is no candidate.

use std::collections::BTreeMap;

use trial_cluster::client::consumer::Subscription;
use trial_sim::fault::{Fault, HostExpr};

use super::draft::Draft;
use super::groups::{groups, with_groups, without_hosts};
use super::search::Search;
use crate::scenario::{Client, Scenario};

/// Brokers whose names are looked for.
const BROKERS_MAX: u16 = 99;
/// Records a second that are easy to follow, the fewest first.
const RATES: [u64; 6] = [1, 2, 5, 10, 20, 50];

/// Fewer brokers and controllers.
pub(super) fn fewer_hosts(search: &mut Search<'_>) {
    search.enter("hosts");
    let Some(scenario) = search.scenario() else { return };
    let brokers = scenario.cluster.brokers;
    let most =
        scenario.topics.values().map(|topic| topic.replicas.unsigned_abs()).max().unwrap_or(1);
    let mut fewer = Vec::new();
    for count in most..brokers {
        fewer.push(with_brokers(&search.best, count));
        let renamed = search.best.with_faults(&with_lower_names(&search.best.faults(), count));
        fewer.push(with_brokers(&renamed, count));
    }
    search.take_first(fewer);
    let fewer: Vec<Draft> =
        (1..most).map(|count| with_replicas(&search.best, &scenario, count)).collect();
    search.take_first(fewer);
    let controllers = scenario.cluster.controllers;
    let fewer = (1..controllers).filter(|count| count % 2 == 1);
    let fewer: Vec<Draft> = fewer.map(|count| with_controllers(&search.best, count)).collect();
    search.take_first(fewer);
    drop_keys(search, &["racks"]);
}

fn with_brokers(draft: &Draft, count: u16) -> Draft {
    without_nodes(draft, 'b', count).with(&["cluster", "brokers"], i64::from(count))
}

/// The same faults with brokers above `last` under the names of lower ones that no fault hits.
fn with_lower_names(faults: &[Fault], last: u16) -> Vec<Fault> {
    let name = |number: u16| format!("b{number}");
    let is_hit = |name: &String| {
        let groups = faults.iter().flat_map(|fault| groups(&fault.effect));
        groups.flat_map(|group| group.0).any(|host| host == HostExpr::Name(name.clone()))
    };
    let free = (1..=last).map(name).filter(|name| !is_hit(name));
    let high = (last + 1..=BROKERS_MAX).map(name).filter(|name| is_hit(name));
    let lower: BTreeMap<String, String> = high.zip(free).collect();
    let renamed = |fault: &Fault| {
        let mut groups = groups(&fault.effect);
        for host in groups.iter_mut().flat_map(|group| &mut group.0) {
            if let HostExpr::Name(name) = host
                && let Some(lower) = lower.get(name)
            {
                name.clone_from(lower);
            }
        }
        let effect = with_groups(&fault.effect, groups).unwrap_or_else(|| fault.effect.clone());
        Fault { effect, ..fault.clone() }
    };
    faults.iter().map(renamed).collect()
}

/// Fewer replicas of every topic, and no more brokers than hold them.
fn with_replicas(draft: &Draft, scenario: &Scenario, count: u16) -> Draft {
    let mut draft = with_brokers(draft, count);
    for (name, topic) in &scenario.topics {
        if topic.replicas.unsigned_abs() > count {
            draft = draft.with(&["topics", name, "replicas"], i64::from(count));
        }
    }
    draft
}

fn with_controllers(draft: &Draft, count: u16) -> Draft {
    without_nodes(draft, 'c', count).with(&["cluster", "controllers"], i64::from(count))
}

/// Without the nodes of this letter above `last`, and without what is said of them.
fn without_nodes(draft: &Draft, letter: char, last: u16) -> Draft {
    let is_gone = |name: &str| {
        let number = name.strip_prefix(letter).and_then(|digits| digits.parse::<u16>().ok());
        number.is_some_and(|number| number > last)
    };
    without(draft, &is_gone)
}

/// Without these hosts: in faults, and in racks.
fn without(draft: &Draft, is_gone: &dyn Fn(&str) -> bool) -> Draft {
    let mut less = draft.with_faults(&without_hosts(&draft.faults(), is_gone));
    for rack in draft.keys(&["racks"]) {
        let path = ["racks", rack.as_str(), "hosts"];
        let hosts = less.strings(&path);
        let left: Vec<String> = hosts.iter().filter(|host| !is_gone(host)).cloned().collect();
        if left.is_empty() {
            less = less.without(&["racks", &rack]).unwrap_or(less);
        } else if left.len() < hosts.len() {
            less = less.with(&path, left.into_iter().collect::<toml_edit::Array>());
        }
    }
    less
}

/// Fewer topics, each with whoever uses it, and fewer partitions.
pub(super) fn fewer_topics(search: &mut Search<'_>) {
    search.enter("topics");
    for topic in search.best.keys(&["topics"]) {
        let Some(scenario) = search.scenario() else { return };
        let uses = |client: &Client| match client {
            Client::Producer { topic: used, .. } | Client::Consumer { topic: used, .. } => {
                *used == topic
            }
            Client::Member { consumption, .. } => match &consumption.subscription {
                Subscription::Topics(topics) => topics.contains(topic.as_str()),
                Subscription::Pattern(_) | Subscription::ServerPattern(_) => false,
            },
        };
        let users = scenario.clients.iter().filter(|(_, client)| uses(client));
        let users: Vec<&String> = users.map(|(name, _)| name).collect();
        let Some(mut less) = search.best.without(&["topics", &topic]) else { continue };
        for user in users {
            less = without_client(&less, user).unwrap_or(less);
        }
        search.take(less);
    }
    let Some(scenario) = search.scenario() else { return };
    for (name, topic) in &scenario.topics {
        let path = ["topics", name.as_str(), "partitions"];
        let fewer = (1..topic.partitions).map(i64::from);
        let fewer: Vec<Draft> = fewer.map(|count| search.best.with(&path, count)).collect();
        search.take_first(fewer);
        drop_keys(search, &["topics", name, "config"]);
    }
}

/// Fewer clients.
pub(super) fn fewer_clients(search: &mut Search<'_>) {
    search.enter("clients");
    for name in search.best.keys(&["clients"]) {
        if let Some(less) = without_client(&search.best, &name) {
            search.take(less);
        }
    }
}

fn without_client(draft: &Draft, name: &str) -> Option<Draft> {
    let less = draft.without(&["clients", name])?;
    Some(without(&less, &|host| host == name))
}

/// Fewer records, smaller ones, without keys and without a file.
pub(super) fn fewer_records(search: &mut Search<'_>) {
    search.enter("records");
    for name in search.best.keys(&["clients"]) {
        let at = |key| ["clients", name.as_str(), key];
        let made_up = search.best.without(&at("records"));
        if let Some(less) = made_up.map(|less| less.without(&at("key")).unwrap_or(less)) {
            search.take(less);
        }
        for key in ["size", "keys"] {
            if let Some(less) = search.best.without(&at(key)) {
                search.take(less);
            }
        }
        let Some(scenario) = search.scenario() else { return };
        let Some(Client::Producer { load, .. }) = scenario.clients.get(&name) else { continue };
        let per_second = 1_000_000_000 / load.every.0.max(1);
        let fewer = RATES.iter().filter(|rate| **rate < per_second);
        let fewer: Vec<Draft> =
            fewer.map(|rate| search.best.with(&at("rate"), format!("{rate}/s"))).collect();
        search.take_first(fewer);
        drop_keys(search, &["clients", &name, "config"]);
    }
}

/// What else the text says without need.
pub(super) fn fewer_settings(search: &mut Search<'_>) {
    search.enter("settings");
    for key in [
        "story",
        "must_happen",
        "require_effect",
        "calm",
        "network",
        "lanes",
        "exceeds_budget",
        "left_down",
    ] {
        if let Some(less) = search.best.without(&[key]) {
            search.take(less);
        }
    }
    drop_keys(search, &["cluster", "config"]);
    for topic in search.best.keys(&["topics"]) {
        let path = ["topics", topic.as_str(), "assignment"];
        if let Some(less) = search.best.without(&path) {
            search.take(less);
        }
    }
}

/// Leaves out every key of a table that can go, all at once or one by one.
fn drop_keys(search: &mut Search<'_>, path: &[&str]) {
    let keys = search.best.keys(path);
    if keys.len() > 1
        && let Some(less) = search.best.without(path)
        && search.take(less)
    {
        return;
    }
    for key in keys {
        let path: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
        if let Some(less) = search.best.without(&path) {
            search.take(less);
        }
    }
}
