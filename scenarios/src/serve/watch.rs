//! Sees what is worth a line while a cluster is served: who is down, who leads, who is in sync, what is violated.
//!
//! Inputs:     the facts, looked at now and then.
//! Holds:      how things stood at the last look.
//! Invariants: WA-1 partitions of which the same is to be told share a line: a crash of a broker with a thousand of
//!             them is a few lines.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_sim::HostId;

use crate::check::Judge;
use crate::facts::Facts;

/// Partitions that a line names before it counts them.
const NAMED_MAX: usize = 4;
/// Partitions that a status names before it counts them.
const STATUS_MAX: usize = 40;

/// How a partition stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stand {
    leader: Option<BrokerId>,
    epoch: i32,
    in_sync: Vec<BrokerId>,
}

/// How things stood.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    controller: Option<HostId>,
    down: BTreeSet<HostId>,
    running: BTreeSet<BrokerId>,
    partitions: BTreeMap<TopicPartition, Stand>,
    violations: usize,
}

impl Watch {
    /// What has changed since the last look, in lines.
    pub(super) fn look(&mut self, judge: &Judge) -> Vec<String> {
        let facts = judge.facts();
        let mut lines = Vec::new();
        let name = |host: &HostId| facts.setup.name(*host);
        for host in facts.down.difference(&self.down) {
            lines.push(format!("{} is down", name(host)));
        }
        for host in self.down.difference(&facts.down) {
            lines.push(format!("{} starts again", name(host)));
        }
        self.down.clone_from(&facts.down);
        self.running(facts, &mut lines);
        if facts.active_controller != self.controller {
            self.controller = facts.active_controller;
            lines.push(match &self.controller {
                Some(host) => format!("{} is the active controller", name(host)),
                None => "there is no active controller".to_owned(),
            });
        }
        self.partitions(facts, &mut lines);
        for found in &judge.violations()[self.violations..] {
            lines.push(format!("{} is violated: {}", found.invariant, found.message));
        }
        self.violations = judge.violations().len();
        lines
    }

    /// Brokers that are fenced or unfenced.
    fn running(&mut self, facts: &Facts, lines: &mut Vec<String>) {
        let is_running = |id: &&BrokerId| facts.is_running(**id);
        let running: BTreeSet<BrokerId> =
            facts.unfenced.keys().filter(is_running).copied().collect();
        for id in running.difference(&self.running) {
            lines.push(format!("{} is unfenced: it serves", node(facts, *id)));
        }
        for id in self.running.difference(&running) {
            // Who is down has a line of its own; that the controller has noticed is another matter.
            if facts.unfenced.get(id) == Some(&false) {
                lines.push(format!("{} is fenced: its session is over", node(facts, *id)));
            }
        }
        self.running = running;
    }

    /// WA-1.
    fn partitions(&mut self, facts: &Facts, lines: &mut Vec<String>) {
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut made: BTreeMap<&str, usize> = BTreeMap::new();
        for partition in facts.partitions() {
            let Some(found) = partition.registration.as_deref() else { continue };
            let stand = Stand {
                leader: found.leader,
                epoch: found.leader_epoch.0,
                in_sync: found.isr.clone(),
            };
            let Some(before) = self.partitions.insert(partition.id, stand.clone()) else {
                *made.entry(&partition.topic).or_default() += 1;
                continue;
            };
            if before.leader != stand.leader {
                let says = match stand.leader {
                    Some(leader) => {
                        format!("{} leads (epoch {})", node(facts, leader), stand.epoch)
                    }
                    None => "nobody leads".to_owned(),
                };
                told.entry(says).or_default().push(partition.name());
            }
            if before.in_sync != stand.in_sync {
                let says = format!("in sync are {}", nodes(facts, &stand.in_sync));
                told.entry(says).or_default().push(partition.name());
            }
        }
        for (topic, count) in made {
            lines.push(format!("topic {topic}: {count} {}", plural(count, "partition")));
        }
        for (says, names) in told {
            lines.push(format!("{}: {says}", some(&names)));
        }
    }
}

/// How things stand, whole.
pub(super) fn status(facts: &Facts) -> String {
    let controller = facts.active_controller.map_or("nobody", |host| facts.setup.name(host));
    let down: Vec<&str> = facts.down.iter().map(|host| facts.setup.name(*host)).collect();
    let down = if down.is_empty() { "nobody".to_owned() } else { down.join(" ") };
    let mut lines = vec![format!("active controller: {controller}; down: {down}")];
    let registered = facts.partitions().filter_map(|partition| {
        partition.registration.as_deref().map(|registered| (partition, registered))
    });
    let mut registered: Vec<_> = registered.collect();
    // Facts have them by topic id, which says nothing to anybody.
    registered.sort_by_key(|(partition, _)| (partition.topic.as_ref(), partition.id.partition));
    for (partition, found) in registered.iter().take(STATUS_MAX) {
        let leader = found.leader.map_or_else(|| "nobody".to_owned(), |id| node(facts, id));
        lines.push(format!(
            "{}: {leader} leads (epoch {}), in sync are {}; committed up to {}, {} acknowledged",
            partition.name(),
            found.leader_epoch,
            nodes(facts, &found.isr),
            partition.high_watermark,
            partition.records_acked,
        ));
    }
    if let Some((first, _)) = registered.get(STATUS_MAX) {
        let more = registered.len() - STATUS_MAX;
        let what = plural(more, "partition");
        lines.push(format!("and {more} more {what}, from {} on, by name", first.name()));
    }
    lines.join("\n")
}

fn node(facts: &Facts, id: BrokerId) -> String {
    facts.setup.host_of(id).map_or_else(|| id.to_string(), |host| facts.setup.name(host).to_owned())
}

fn nodes(facts: &Facts, ids: &[BrokerId]) -> String {
    ids.iter().map(|id| node(facts, *id)).collect::<Vec<_>>().join(" ")
}

fn some(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let named = names[..names.len() - more].join(" ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
