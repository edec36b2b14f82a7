//! What a broker is made of, and how inputs and jobs reach its parts.
//!
//! In Kafka:   `BrokerServer`.
//! Holds:      everything of one incarnation; nothing outlives it but the disk.
//! Inputs:     the node's: network, timer, stop, publications of the metadata log, who leads the quorum.
//! Invariants: BR-1 whatever an input or a job wakes is polled before the input or the job is over, so that nothing
//!             waits without a timer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use trial_sim::{ConnId, Input, LaneId, Time};

use super::alter_partition::AlterPartitionManager;
use super::api::{DeleteRecords, Fetch, Forwarded, Produce};
use super::checkpoints::Schedule;
use super::cleaner::Cleaners;
use super::controller_channel::ControllerChannel;
use super::costs::Pace;
use super::fetcher::ReplicaFetcher;
use super::groups::GroupCoordinators;
use super::lifecycle::BrokerLifecycle;
use super::producer_ids::ProducerIds;
use super::replicas::{BrokersInImage, Replicas};
use super::request::Request;
use super::retention::Retention;
use super::slab::Slab;
use super::socket_server::{Arrived, SocketServer};
use super::task::{EXTERNAL_NETWORK, HANDLERS, NETWORK, Task};
use super::{Cx, control};
use crate::config::BrokerConfig;
use crate::ids::{BrokerEpoch, BrokerId, DirectoryId, LeaderEpoch, Offset, TopicPartition, Uuid};
use crate::image::MetadataImage;
use crate::partition::fetch_session::FetchManager;
use crate::partition::{Partition, Purgatory, WallTime, effect};
use crate::rules::Rules;

/// The listener that brokers, and clients beside them, use (`inter.broker.listener.name`).
pub const INTER_BROKER_LISTENER: &str = "PLAINTEXT";

/// One of `listeners`, with what `advertised.listeners` says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name.
    pub name: Arc<str>,
    /// The port on which the broker listens.
    pub port: u16,
    /// Where whoever uses it is told to connect: the host.
    pub advertised_host: Arc<str>,
    /// The port.
    pub advertised_port: u16,
}

/// Who a broker is: the part of its `server.properties` that no other broker has.
#[derive(Debug, Clone)]
pub struct BrokerIdentity {
    /// `node.id`.
    pub id: BrokerId,
    /// `listeners`; the first is that of the brokers.
    pub listeners: Vec<Listener>,
    /// `broker.rack`.
    pub rack: Option<Arc<str>>,
    /// The cluster that it belongs to.
    pub cluster_id: Arc<str>,
    /// Its only log directory.
    pub directory: DirectoryId,
    /// The controllers: id, host, port.
    pub controllers: Vec<(BrokerId, Arc<str>, u16)>,
}

/// Where a leader is reached: host, port, rack.
type LeaderEndpoint = (String, u16, Option<String>);

impl BrokerIdentity {
    /// The listener on a port, by its place.
    #[must_use]
    pub fn listening_on(&self, port: u16) -> Option<usize> {
        self.listeners.iter().position(|listener| listener.port == port)
    }
}

/// A broker.
#[derive(Debug, Clone)]
pub struct Broker {
    pub(super) identity: Arc<BrokerIdentity>,
    /// What its file says.
    pub(super) file_config: Arc<BrokerConfig>,
    /// What holds now: the file, and what is set while it runs.
    pub(super) config: Arc<BrokerConfig>,
    pub(super) rules: Rules,
    pub(super) pace: Pace,
    pub(super) incarnation: Uuid,
    pub(super) image: MetadataImage,
    /// The metadata offset up to which everything was applied here.
    pub(super) applied_offset: Offset,
    /// Whether metadata is applied to replicas yet.
    pub(super) publishes: bool,
    pub(super) quorum_leader: Option<BrokerId>,

    pub(super) server: SocketServer,
    pub(super) requests_queued: usize,
    pub(super) tasks: Slab<Task>,
    /// The lane whose job is being finished.
    pub(super) lane: Option<LaneId>,

    pub(super) replicas: Replicas,
    pub(super) high_watermarks: BTreeMap<TopicPartition, Offset>,
    pub(super) produces: Slab<Produce>,
    pub(super) fetches: Slab<Fetch>,
    pub(super) deletions: Slab<DeleteRecords>,
    pub(super) delayed_produces: Purgatory<u32, u32>,
    pub(super) delayed_fetches: Purgatory<u32, u32>,
    pub(super) delayed_deletions: Purgatory<u32, u32>,
    pub(super) fetch_sessions: FetchManager,
    pub(super) fetchers: BTreeMap<BrokerId, Box<ReplicaFetcher>>,
    pub(super) schedule: Schedule,
    pub(super) retention: Retention,
    pub(super) cleaners: Cleaners,
    /// Slots of partitions that were dropped, until whoever waits on them is told.
    pub(super) dropped: Vec<u32>,

    pub(super) lifecycle: BrokerLifecycle,
    pub(super) clean_start: bool,
    pub(super) stopping: bool,
    /// The last flushes are asked for or done: no job begins to change a log any more.
    pub(super) closing: bool,
    /// Logs whose last flush is not paid for yet.
    pub(super) last_flushes: usize,
    pub(super) left: bool,
    pub(super) alter_partition: AlterPartitionManager,
    pub(super) heartbeats: ControllerChannel,
    pub(super) alterations: ControllerChannel,
    pub(super) forwarding: ControllerChannel,
    pub(super) forwarded: Slab<Forwarded>,
    /// Topics that are being made because somebody asked for them.
    pub(super) auto_created: BTreeSet<String>,
    pub(super) producer_ids: ProducerIds,
    pub(super) groups: GroupCoordinators,
}

impl Broker {
    /// A broker whose process has just begun.
    #[must_use]
    pub fn new(identity: BrokerIdentity, config: Arc<BrokerConfig>, rules: Rules) -> Self {
        let node = &config.node;
        let lanes = u16::try_from(node.num_network_threads).expect("bounded when it is read");
        let pools = [NETWORK, EXTERNAL_NETWORK];
        let pools = pools.get(..identity.listeners.len()).expect("one listener, or two");
        let server = SocketServer::new(pools, lanes, node.socket_request_max_bytes);
        let [heartbeats, alterations, forwarding] = control::channels(&identity, node);
        let lifecycle = BrokerLifecycle::new(node.broker_heartbeat_interval, BrokerEpoch::NONE);
        let fetch_sessions = FetchManager::by(&rules, node.fetch_session_cache_slots);
        Self {
            identity: Arc::new(identity),
            rules,
            pace: Pace::default(),
            incarnation: Uuid::ZERO,
            image: MetadataImage::default(),
            applied_offset: Offset(-1),
            publishes: false,
            quorum_leader: None,
            server,
            requests_queued: 0,
            tasks: Slab::default(),
            lane: None,
            replicas: Replicas::default(),
            high_watermarks: BTreeMap::new(),
            produces: Slab::default(),
            fetches: Slab::default(),
            deletions: Slab::default(),
            delayed_produces: Purgatory::default(),
            delayed_fetches: Purgatory::default(),
            delayed_deletions: Purgatory::default(),
            fetch_sessions,
            fetchers: BTreeMap::new(),
            schedule: Schedule::default(),
            retention: Retention::default(),
            cleaners: Cleaners::new(node),
            dropped: Vec::new(),
            lifecycle,
            clean_start: false,
            stopping: false,
            closing: false,
            last_flushes: 0,
            left: false,
            alter_partition: AlterPartitionManager::default(),
            heartbeats,
            alterations,
            forwarding,
            forwarded: Slab::default(),
            auto_created: BTreeSet::new(),
            producer_ids: ProducerIds::default(),
            groups: GroupCoordinators::default(),
            file_config: Arc::clone(&config),
            config,
        }
    }

    /// The same at another pace.
    #[must_use]
    pub fn at_pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &BrokerIdentity {
        &self.identity
    }

    /// What holds for it: what it was told, and what is set while it runs.
    #[must_use]
    pub fn config(&self) -> &BrokerConfig {
        &self.config
    }

    /// The newest image of the cluster that it has.
    #[must_use]
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// The newest metadata offset that was applied here: what its heartbeats report.
    #[must_use]
    pub fn applied_offset(&self) -> Offset {
        self.applied_offset
    }

    /// Whether it has left in good order: its process may end.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.left
    }

    /// Handles an input; false if it is not this broker's.
    pub fn on_input(&mut self, input: &Input, cx: &mut Cx<'_>) -> bool {
        match input {
            Input::Accepted { conn, port, .. } => match self.identity.listening_on(*port) {
                Some(listener) => {
                    self.server.on_accepted(*conn, listener);
                    true
                }
                None => self.on_client_input(input, cx),
            },
            Input::Received { conn, bytes } if self.server.owns(*conn) => {
                let arrived = self.server.on_received(*conn, bytes.clone(), cx);
                self.take_in(arrived, cx);
                true
            }
            Input::Closed { conn, .. } if self.server.owns(*conn) => {
                self.server.on_closed(*conn);
                true
            }
            Input::Writable { conn } if self.server.owns(*conn) => {
                let arrived = self.server.on_writable(*conn, cx);
                self.take_in(arrived, cx);
                true
            }
            Input::Timer => {
                self.on_timer(cx);
                true
            }
            Input::Stop => {
                self.on_stop(cx);
                true
            }
            _ => self.on_client_input(input, cx),
        }
    }

    fn on_client_input(&mut self, input: &Input, cx: &mut Cx<'_>) -> bool {
        if self.heartbeats.on_input(input, cx)
            || self.alterations.on_input(input, cx)
            || self.forwarding.on_input(input, cx)
        {
            self.poll_control(cx);
            return true;
        }
        let found = self
            .fetchers
            .iter_mut()
            .find_map(|(leader, fetcher)| fetcher.on_input(input, cx).then_some(*leader));
        if let Some(leader) = found {
            self.poll_fetcher(leader, cx);
        }
        found.is_some()
    }

    /// The quorum has another leader, or none that is known.
    pub fn on_quorum_leader(&mut self, leader: Option<BrokerId>, cx: &mut Cx<'_>) {
        self.quorum_leader = leader;
        self.poll_control(cx);
    }

    /// The wait is over for something.
    fn on_timer(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now();
        let mut effects = Vec::new();
        self.lifecycle.on_timer(now, &mut effects);
        self.on_lifecycle(effects, cx);
        self.alter_partition.on_timer(now);
        self.poll_control(cx);
        self.run_schedule(cx);
        self.delete_due_files(cx);
        self.wake_cleaners(cx);
        self.on_group_time(cx);
        let mut expired = Vec::new();
        self.delayed_produces.expire(now, &mut expired);
        for key in expired.drain(..) {
            self.expire_produce(key, cx);
        }
        self.delayed_fetches.expire(now, &mut expired);
        for key in expired.drain(..) {
            self.read_again(key, cx);
        }
        self.delayed_deletions.expire(now, &mut expired);
        for key in expired {
            self.answer_delete_records(key, cx);
        }
        let leaders: Vec<BrokerId> = self.fetchers.keys().copied().collect();
        for leader in leaders {
            self.poll_fetcher(leader, cx);
        }
    }

    /// When the broker wants to be woken.
    #[must_use]
    pub fn next_deadline(&mut self) -> Option<Time> {
        let fetchers =
            self.fetchers.values_mut().filter_map(|fetcher| fetcher.next_deadline()).min();
        [
            self.lifecycle.next_deadline(),
            self.alter_partition.next_deadline(),
            self.heartbeats.next_deadline(),
            self.alterations.next_deadline(),
            self.forwarding.next_deadline(),
            self.delayed_produces.next_deadline(),
            self.delayed_fetches.next_deadline(),
            self.delayed_deletions.next_deadline(),
            self.schedule.next_deadline(),
            self.retention.next_deadline(),
            self.cleaners.next_deadline(),
            self.groups.next_deadline(),
            fetchers,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Calls a partition machine and carries out what it asks for.
    pub(super) fn with_partition<R>(
        &mut self,
        slot: u32,
        cx: &mut Cx<'_>,
        call: impl FnOnce(
            &mut Partition,
            WallTime,
            &BrokersInImage<'_>,
            &trial_log::LeaderEpochCache,
            &mut Vec<effect::Effect>,
        ) -> R,
    ) -> Option<R> {
        let mut effects = Vec::new();
        let now = WallTime(cx.wall_ms());
        let brokers = BrokersInImage { image: &self.image, local_epoch: self.lifecycle.epoch() };
        let replica = self.replicas.get_mut(slot)?;
        let epochs = replica.log.epochs();
        let answer = call(&mut replica.partition, now, &brokers, epochs, &mut effects);
        self.apply(slot, effects, cx);
        Some(answer)
    }

    /// The name of the listener at which a connection came in: whoever uses it is told of endpoints of that name.
    pub(super) fn listener_of(&self, conn: ConnId) -> &str {
        let listener = self.server.listener_of(conn).and_then(|at| self.identity.listeners.get(at));
        listener.map_or(INTER_BROKER_LISTENER, |listener| &listener.name)
    }

    /// Who leads a partition, and where: the hint for clients that ask the wrong broker on this connection.
    pub(super) fn current_leader(
        &self,
        id: TopicPartition,
        conn: ConnId,
    ) -> (BrokerId, LeaderEpoch, Option<LeaderEndpoint>) {
        let hosted = self.replicas.slot(id).and_then(|slot| self.replicas.get(slot));
        let (leader, epoch) = match hosted {
            Some(replica) => (replica.partition.leader_id(), replica.partition.leader_epoch()),
            None => match self.image.topics().partition(id) {
                Some(found) => (found.leader.unwrap_or(BrokerId::NONE), found.leader_epoch),
                None => (BrokerId::NONE, LeaderEpoch::NONE),
            },
        };
        let alive = self.image.cluster().broker(leader).filter(|broker| !broker.fenced);
        let endpoint = alive.and_then(|broker| {
            let endpoint = broker.endpoint(self.listener_of(conn))?;
            let rack = broker.rack.as_deref().map(str::to_owned);
            Some((endpoint.host.to_string(), endpoint.port, rack))
        });
        (leader, epoch, endpoint)
    }
}

/// Requests in, responses out.
impl Broker {
    /// A network lane has read a request: it goes to the queue, unless that is full.
    fn take_in(&mut self, arrived: Option<Arrived>, cx: &mut Cx<'_>) {
        let Some(Arrived { conn, frame, at }) = arrived else { return };
        match Request::from_frame(conn, frame, at) {
            Ok(request) => {
                self.requests_queued += 1;
                let token = self.tasks.insert(Task::Handle(Arc::new(request)));
                cx.submit_at(at, HANDLERS, u64::from(token), None);
            }
            Err(_) => self.close(conn, cx),
        }
    }

    /// Answers a request.
    pub(super) fn respond<R: crate::wire::Request>(
        &mut self,
        request: &Request,
        response: &R::Response,
        cx: &mut Cx<'_>,
    ) {
        self.respond_frame(request.conn, request.response::<R>(response), cx);
    }

    /// Answers with a frame that is laid out already. A connection that is gone takes its answer with it.
    pub(super) fn respond_frame(&mut self, conn: ConnId, frame: Bytes, cx: &mut Cx<'_>) {
        let arrived = self.server.respond(conn, frame, cx);
        self.take_in(arrived, cx);
    }

    /// A request that gets no answer is done.
    pub(super) fn go_on(&mut self, conn: ConnId, cx: &mut Cx<'_>) {
        let arrived = self.server.go_on(conn, cx);
        self.take_in(arrived, cx);
    }

    /// Closes a client's connection.
    pub(super) fn close(&mut self, conn: ConnId, cx: &mut Cx<'_>) {
        self.server.close(conn, cx);
    }
}
