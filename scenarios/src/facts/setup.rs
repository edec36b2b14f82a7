//! What a run was made of, as the facts and checkers need to know it.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::client::consumer::{Pattern, Subscription};
use trial_cluster::ids::BrokerId;
use trial_cluster::rules::Rules;
use trial_sim::{HostId, Place, Span};

use super::keeping::Keeping;

/// What a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A broker; perhaps a controller too.
    Broker {
        /// Its node id.
        id: BrokerId,
        /// Whether it is a controller too.
        controller: bool,
    },
    /// A controller.
    Controller {
        /// Its node id.
        id: BrokerId,
    },
    /// A producer.
    Producer {
        /// 0, 1 or -1 for all.
        acks: i16,
        /// `enable.idempotence`.
        idempotent: bool,
        /// `delivery.timeout.ms`.
        delivery_timeout_ms: u64,
    },
    /// A consumer that reads all partitions of a topic.
    Consumer,
    /// A consumer that reads what its group gives it.
    Member,
    /// The client that creates the topics.
    Admin,
    /// Whoever comes from outside the World: it may say anything, and notes nothing.
    Outside,
}

/// What a consumer that subscribes is a member of.
#[derive(Debug, Clone)]
pub struct MemberSetup {
    /// `group.id`.
    pub group: String,
    /// What it subscribes to.
    pub subscription: Subscription,
    /// How its group agrees, as far as it goes by its settings: `classic, range`, `consumer, uniform`.
    pub protocol: String,
    /// `max.poll.interval.ms`: so long its group waits for it, and so long it waits for an answer when it joins.
    pub rebalance_timeout_ms: u64,
}

/// A host of the run.
#[derive(Debug, Clone)]
pub struct HostSetup {
    /// Its name.
    pub name: String,
    /// The topic that a client produces to or consumes.
    pub topic: Option<String>,
    /// The group of a consumer that subscribes.
    pub member: Option<MemberSetup>,
    /// What it is.
    pub role: Role,
    /// Where it stands.
    pub place: Place,
    /// Whether it is a consumer that begins at the end of a log when its position is not in it
    /// (`auto.offset.reset=latest`), and so leaves out what it has not read.
    pub resets_to_end: bool,
}

/// A topic of the run.
#[derive(Debug, Clone)]
pub struct TopicSetup {
    /// Partitions.
    pub partitions: i32,
    /// Replicas of each.
    pub replicas: usize,
    /// `min.insync.replicas`, at most the number of replicas.
    pub min_insync: usize,
    /// `min.insync.replicas` as it is set.
    pub min_insync_set: usize,
    /// Whether a leader may be elected that lacks committed records.
    pub unclean: bool,
    /// What it keeps, by its settings.
    pub keeping: Keeping,
}

/// Everything that is fixed before the run.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The hosts by their numbers in the World.
    pub hosts: Vec<HostSetup>,
    /// The topics by name; clients from outside may make more.
    pub topics: BTreeMap<String, TopicSetup>,
    /// What the brokers' settings let go of a topic that sets nothing itself, as clients from outside make them.
    pub keeping: Keeping,
    /// `min.insync.replicas` of a topic that has no setting of its own.
    pub min_insync: usize,
    /// Which Kafka.
    pub rules: Rules,
    /// Nodes that nobody starts again when the faults end: the others have to do without them.
    pub left_down: BTreeSet<HostId>,
    /// Whether the scenario loses more, on purpose, than the protocol promises to survive.
    pub exceeds_budget: bool,
    /// `replica.lag.time.max.ms`.
    pub lag_max_ms: u64,
    /// `broker.session.timeout.ms`.
    pub session_timeout_ms: u64,
    /// `controller.quorum.fetch.timeout.ms`.
    pub quorum_fetch_timeout_ms: u64,
    /// `offsets.commit.timeout.ms`: how long a coordinator waits for what it writes.
    pub coordinator_write_timeout_ms: u64,
}

impl Setup {
    /// How many controllers vote.
    #[must_use]
    pub fn voters(&self) -> usize {
        let votes = |host: &&HostSetup| {
            matches!(host.role, Role::Controller { .. } | Role::Broker { controller: true, .. })
        };
        self.hosts.iter().filter(votes).count()
    }

    /// The node ids of the controllers.
    pub fn voter_ids(&self) -> impl Iterator<Item = BrokerId> + '_ {
        self.hosts.iter().filter_map(|host| match host.role {
            Role::Controller { id } | Role::Broker { controller: true, id } => Some(id),
            _ => None,
        })
    }

    /// Where a host stands.
    #[must_use]
    pub fn place(&self, host: HostId) -> &Place {
        &self.hosts[usize::from(host.0)].place
    }

    /// The name of a host.
    #[must_use]
    pub fn name(&self, host: HostId) -> &str {
        self.hosts.get(usize::from(host.0)).map_or("outside", |host| &host.name)
    }

    /// The host of this name.
    #[must_use]
    pub fn host_named(&self, name: &str) -> Option<HostId> {
        let place = self.hosts.iter().position(|host| host.name == name)?;
        Some(HostId(u16::try_from(place).expect("few hosts")))
    }

    /// What a host is.
    #[must_use]
    pub fn role(&self, host: HostId) -> Option<Role> {
        self.hosts.get(usize::from(host.0)).map(|host| host.role)
    }

    /// The host of a node.
    #[must_use]
    pub fn host_of(&self, node: BrokerId) -> Option<HostId> {
        let is_node = |host: &HostSetup| match host.role {
            Role::Broker { id, .. } | Role::Controller { id } => id == node,
            Role::Producer { .. } | Role::Consumer | Role::Member | Role::Admin | Role::Outside => {
                false
            }
        };
        let place = self.hosts.iter().position(is_node)?;
        Some(HostId(u16::try_from(place).expect("few hosts")))
    }

    /// Whether a host is a consumer of a topic.
    #[must_use]
    pub fn reads(&self, host: HostId, topic: &str) -> bool {
        let found = self.hosts.get(usize::from(host.0));
        found
            .is_some_and(|host| host.role == Role::Consumer && host.topic.as_deref() == Some(topic))
    }

    /// The group of which a host is a member.
    #[must_use]
    pub fn group(&self, host: HostId) -> Option<&str> {
        Some(&self.hosts.get(usize::from(host.0))?.member.as_ref()?.group)
    }

    /// How long a group may take to come to rest when somebody has to be waited for: who has asked to join waits for an
    /// answer for five seconds longer than its rebalance timeout, and a broker that lost power does not say that it has
    /// forgotten the question.
    #[must_use]
    pub fn rebalance_within(&self) -> Span {
        let members = self.hosts.iter().filter_map(|host| host.member.as_ref());
        let longest = members.map(|member| member.rebalance_timeout_ms).max();
        longest.map_or(Span::ZERO, |longest| Span::from_millis(longest + 5_000))
    }

    /// Whether a host is a member of a group that subscribes to a topic.
    #[must_use]
    pub fn subscribes(&self, host: HostId, topic: &str) -> bool {
        let member = self.hosts.get(usize::from(host.0)).and_then(|host| host.member.as_ref());
        member.is_some_and(|member| match &member.subscription {
            Subscription::Topics(topics) => topics.contains(topic),
            // Neither matches a topic of Kafka's own.
            Subscription::Pattern(pattern) => !topic.starts_with("__") && pattern.is_match(topic),
            Subscription::ServerPattern(text) => {
                let pattern = Pattern::compile(text);
                !topic.starts_with("__") && pattern.is_ok_and(|pattern| pattern.is_match(topic))
            }
        })
    }

    /// Whether a host is a consumer that begins at the end where its position is not in the log.
    #[must_use]
    pub fn resets_to_end(&self, host: HostId) -> bool {
        self.hosts.get(usize::from(host.0)).is_some_and(|host| host.resets_to_end)
    }

    /// The node id of a host.
    #[must_use]
    pub fn node_of(&self, host: HostId) -> Option<BrokerId> {
        match self.role(host)? {
            Role::Broker { id, .. } | Role::Controller { id } => Some(id),
            Role::Producer { .. } | Role::Consumer | Role::Member | Role::Admin | Role::Outside => {
                None
            }
        }
    }
}
