//! Builds the World of a scenario: nodes, clients, and what the judge has to know of them.
//!
//! Invariants: AS-1 hosts stand in one order for one scenario: brokers, controllers, the admin, clients by name, and
//!             whoever is outside.

use std::sync::Arc;

use trial_cluster::client::{ClientKind, ClientSpec, NewTopic, RecordSource, Workload};
use trial_cluster::config::{
    ClientSettings, ConsumerConfig, ConsumerSettings, GroupProtocol, OffsetReset,
};
use trial_cluster::ids::BrokerId;
use trial_cluster::node::{BROKER_PORT, ClusterSpec, NodeSpec, Roles};
use trial_cluster::note::Note;
use trial_sim::{ClockSpec, EPOCH_MS, HostSpec, Place, Plan, Span, Time, World, WorldSettings};

use super::programs::Programs;
use crate::facts::{HostSetup, Keeping, MemberSetup, Role, Setup, TopicSetup};
use crate::scenario::{ADMIN, Client, Load, OUTSIDE, Scenario, Topic};

/// Controllers of their own have ids from here on, so that `c1` is node 101.
const CONTROLLER_IDS: i32 = 100;
/// When producers begin: the topics are there by then.
const WARM_UP: Span = Span::from_millis(1_500);

/// Who says what happens in a run, and when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Played {
    /// The scenario: its faults, its `time`.
    ByPlan,
    /// Whoever holds the run, in addition: its clients take orders, and faults last until it says so.
    ByHand,
}

/// The World of `scenario` under `seed`, and what the judge is told.
#[must_use]
pub fn assemble(
    scenario: &Scenario,
    seed: u64,
    mut settings: WorldSettings,
    played: Played,
) -> (World<Note>, Setup, Programs) {
    apply(scenario, &mut settings);
    let place = |name: &str| scenario.places.get(name).cloned().unwrap_or_default();
    let mut world = World::new(seed, settings);
    let mut hosts = Vec::new();
    let cluster = cluster_spec(scenario, seed);
    for (index, node) in cluster.nodes.iter().enumerate() {
        let spec = HostSpec::new(cluster.factory(index)).with_place(place(&node.host));
        let spec = spec.with_clock(clock(scenario));
        let host = world.add_host(&node.host, spec);
        world.boot(host);
        let role = match node.roles {
            Roles::Controller => Role::Controller { id: node.id },
            Roles::Broker | Roles::Combined => {
                Role::Broker { id: node.id, controller: node.roles.is_controller() }
            }
        };
        let place = place(&node.host);
        let name = node.host.to_string();
        hosts.push(HostSetup {
            name,
            role,
            topic: None,
            member: None,
            place,
            resets_to_end: false,
        });
    }
    let bootstrap: Vec<(String, u16)> = cluster
        .nodes
        .iter()
        .filter(|node| node.roles.is_broker())
        .map(|node| (node.host.to_string(), BROKER_PORT))
        .collect();
    for (number, (name, kind, role)) in clients(scenario, played).into_iter().enumerate() {
        let number = u16::try_from(number).expect("few clients");
        let spec = ClientSpec { number, bootstrap: bootstrap.clone(), kind };
        let place = place(&name);
        let factory = match played {
            Played::ByPlan => spec.factory(),
            Played::ByHand => spec.factory_for_orders(),
        };
        let spec = HostSpec::new(factory).with_place(place.clone()).with_clock(clock(scenario));
        let host = world.add_host(&name, spec);
        world.boot(host);
        let client = scenario.clients.get(&name);
        hosts.push(client_setup(name, client, role, place));
    }
    if scenario.guests.is_some() {
        world.outside_host();
        let (name, role, place) = (OUTSIDE.to_owned(), Role::Outside, Place::default());
        hosts.push(HostSetup {
            name,
            role,
            topic: None,
            member: None,
            place,
            resets_to_end: false,
        });
    }
    let topics =
        scenario.topics.iter().map(|(name, topic)| (name.clone(), topic_setup(scenario, topic)));
    let left_down = scenario.left_down.iter().filter_map(|name| world.host(name)).collect();
    let config = &scenario.cluster.config;
    let setup = Setup {
        hosts,
        left_down,
        topics: topics.collect(),
        keeping: Keeping::of(&scenario.cluster.settings, &[]),
        min_insync: usize::try_from(config.topic.min_insync_replicas).unwrap_or(1),
        rules: scenario.rules.clone(),
        exceeds_budget: scenario.exceeds_budget,
        lag_max_ms: config.node.replica_lag_time_max.as_millis(),
        session_timeout_ms: config.node.broker_session_timeout.as_millis(),
        quorum_fetch_timeout_ms: config.node.quorum_fetch_timeout.as_millis(),
        coordinator_write_timeout_ms: config.group.offsets_commit_timeout.as_millis(),
    };
    (world, setup, Programs::new(cluster))
}

/// What checkers have to know of a client; the admin is none of the scenario's.
fn client_setup(name: String, client: Option<&Client>, role: Role, place: Place) -> HostSetup {
    let topic = client.and_then(|client| match client {
        Client::Producer { topic, .. } | Client::Consumer { topic, .. } => Some(topic.clone()),
        Client::Member { .. } => None,
    });
    let member = client.and_then(|client| match client {
        Client::Member { config, consumption } => Some(MemberSetup {
            group: config.consumer.group_id.clone()?,
            subscription: consumption.subscription.clone(),
            protocol: protocol_of(&config.consumer),
            rebalance_timeout_ms: u64::from(config.consumer.max_poll_interval_ms.unsigned_abs()),
        }),
        Client::Producer { .. } | Client::Consumer { .. } => None,
    });
    let resets_to_end = matches!(client,
        Some(Client::Consumer { config, .. } | Client::Member { config, .. })
            if config.consumer.auto_offset_reset == OffsetReset::Latest);
    HostSetup { name, role, topic, member, place, resets_to_end }
}

/// The protocol of a member, and the assignor that it prefers.
fn protocol_of(config: &ConsumerSettings) -> String {
    match config.group_protocol {
        GroupProtocol::Classic => {
            let strategy = config.partition_assignment_strategy.clone().unwrap_or_default();
            let preferred = strategy.0.first().map_or("", |assignor| assignor.name());
            format!("classic, {preferred}")
        }
        GroupProtocol::Consumer => match &config.group_remote_assignor {
            Some(assignor) => format!("consumer, {assignor}"),
            None => "consumer".to_owned(),
        },
    }
}

/// What checkers have to know of a topic.
fn topic_setup(scenario: &Scenario, topic: &Topic) -> TopicSetup {
    let replicas = usize::try_from(topic.replicas).expect("at least one");
    let setting = |key: &str| {
        let own = topic.settings.iter().chain(&scenario.cluster.settings);
        own.clone().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    };
    let min = setting("min.insync.replicas").and_then(|text| text.parse().ok()).unwrap_or(1);
    let unclean = setting("unclean.leader.election.enable").as_deref() == Some("true");
    let partitions = topic.partitions;
    let (min_insync, min_insync_set) = (usize::min(min, replicas), min);
    let keeping = Keeping::of(&scenario.cluster.settings, &topic.settings);
    TopicSetup { partitions, replicas, min_insync, min_insync_set, unclean, keeping }
}

/// What a host's clock reads: with guests, what theirs do.
fn clock(scenario: &Scenario) -> ClockSpec {
    let ahead_ms = scenario.guests.as_ref().map_or(0, |guests| guests.wall_ms - EPOCH_MS);
    ClockSpec { ahead_ns: ahead_ms.saturating_mul(1_000_000), ..ClockSpec::default() }
}

fn apply(scenario: &Scenario, settings: &mut WorldSettings) {
    settings.lanes.scheduler = scenario.lanes.scheduler;
    settings.lanes.yields = scenario.lanes.yields;
    let (given, network) = (&scenario.network, &mut settings.network);
    network.latency = given.latency.unwrap_or(network.latency);
    network.bandwidth = given.bandwidth.unwrap_or(network.bandwidth);
    network.distances = given.distances;
}

fn cluster_spec(scenario: &Scenario, seed: u64) -> Arc<ClusterSpec> {
    let told = &scenario.cluster;
    let combined = told.controllers == 0;
    let external = |number: u16| {
        let guests = scenario.guests.as_ref()?;
        Some((Arc::from(guests.host.as_str()), guests.base_port + number))
    };
    let broker = |number: u16| NodeSpec {
        id: BrokerId(i32::from(number)),
        host: Arc::from(format!("b{number}")),
        roles: if combined { Roles::Combined } else { Roles::Broker },
        rack: scenario.places.get(&format!("b{number}")).and_then(|place| place.rack.clone()),
        external: external(number),
    };
    let controller = |number: u16| NodeSpec {
        id: BrokerId(CONTROLLER_IDS + i32::from(number)),
        host: Arc::from(format!("c{number}")),
        roles: Roles::Controller,
        rack: None,
        external: None,
    };
    let nodes =
        (1..=told.brokers).map(broker).chain((1..=told.controllers).map(controller)).collect();
    let draws = Plan::new(seed);
    let salt = u128::from(draws.u64("cluster", "directories", 0));
    Arc::new(ClusterSpec {
        cluster_id: Arc::from("trial-cluster-of-this-run"),
        salt,
        nodes,
        config: Arc::new(told.config.clone()),
        rules: scenario.rules.clone(),
        pace: scenario.lanes.pace,
    })
}

fn clients(scenario: &Scenario, played: Played) -> Vec<(String, ClientKind, Role)> {
    let topics = scenario
        .topics
        .iter()
        .map(|(name, topic)| NewTopic {
            name: Arc::from(name.as_str()),
            partitions: topic.partitions,
            replicas: topic.replicas,
            assignment: topic.assignment.clone(),
            configs: topic.settings.clone(),
        })
        .collect();
    let config = Box::new(ClientSettings::default());
    let mut clients = vec![(ADMIN.to_owned(), ClientKind::Admin { topics, config }, Role::Admin)];
    for (name, client) in &scenario.clients {
        let (kind, role) = match client {
            Client::Producer { topic, load, config } => {
                let own = &config.producer;
                let role = Role::Producer {
                    acks: own.acks.code(),
                    idempotent: own.is_idempotent(),
                    delivery_timeout_ms: own.delivery_timeout.as_millis(),
                };
                let topic = Arc::from(topic.as_str());
                // By hand, whoever holds the run says when it is enough.
                let until = scenario.time + scenario.calm;
                let until = (played == Played::ByPlan).then_some(until);
                let workload = workload(load, until);
                let config = Box::new(config.clone());
                (ClientKind::Producer { topic, config, workload }, role)
            }
            Client::Consumer { topic, config, purge } => {
                let (topic, config) = (Arc::from(topic.as_str()), placed(scenario, name, config));
                let purge_interval = *purge;
                (ClientKind::Consumer { topic, config, purge_interval }, Role::Consumer)
            }
            Client::Member { consumption, config } => {
                let (config, consumption) = (placed(scenario, name, config), consumption.clone());
                let rules = scenario.rules.clone();
                (ClientKind::Member { config, consumption, rules }, Role::Member)
            }
        };
        clients.push((name.clone(), kind, role));
    }
    clients
}

/// A consumer stands where its host does, unless it says otherwise; as brokers do.
fn placed(scenario: &Scenario, name: &str, config: &ConsumerConfig) -> Box<ConsumerConfig> {
    let mut config = Box::new(config.clone());
    let place = scenario.places.get(name).and_then(|place| place.rack.as_deref());
    let rack = &mut config.consumer.client_rack;
    *rack = rack.take().or_else(|| place.map(str::to_owned));
    config
}

fn workload(load: &Load, until: Option<Span>) -> Workload {
    let source = if load.records.is_empty() {
        let keys = (load.keys > 0).then_some(load.keys);
        RecordSource::Generated { keys, tombstone_percent: load.tombstones, value_size: load.size }
    } else {
        let records = load.records.iter();
        RecordSource::List(
            records.map(|record| (record.key.clone(), record.value.clone())).collect(),
        )
    };
    let start = Time::ZERO + WARM_UP;
    let end = until.map(|until| Time::ZERO + until);
    let count = load.by_hand.then_some(0);
    Workload { source, interval: load.every, start, end, count }
}
