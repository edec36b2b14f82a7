//! The program of a node: its replica of the quorum, the controller, the broker.
//!
//! In Kafka:   `KafkaRaftServer`, `SharedServer`.
//! Holds:      the parts of one incarnation.
//! Inputs:     the host's. Effects: through the parts; one timer for all of them.
//! Invariants: NO-2 after every input and every job, what the quorum has to tell has been told, and the timer stands
//!             at the earliest deadline of any part.

use std::any::Any;

use trial_sim::{Context, DiskId, Input, Job, Program, Span};

use super::backlog::Backlog;
use super::controller_server::ControllerServer;
use super::spec::{ClusterSpec, NodeSpec};
use crate::broker::Broker;
use crate::ids::BrokerId;
use crate::image::MetadataLoader;
use crate::note::Note;
use crate::note::image::ImageNote;
use crate::raft::effect::{CommittedBatch, RaftEvent};
use crate::raft::node::RaftNode;
use crate::wire::{MetadataRecord, WireError};

/// Size at which a segment of the metadata log is closed.
const METADATA_SEGMENT_BYTES: u64 = 1 << 30;

/// What is committed cannot be read: a disk gave back other bytes than were written.
pub(super) const UNREADABLE_METADATA: &str = "a committed metadata record cannot be read";

/// A node.
#[derive(Debug, Clone)]
pub struct Node {
    raft: RaftNode,
    controller: Option<ControllerServer>,
    loader: MetadataLoader,
    /// What the loader has not come to.
    backlog: Backlog,
    broker: Option<Broker>,
    leader: Option<BrokerId>,
    stopping: bool,
}

impl Node {
    /// A node whose process has just begun.
    #[must_use]
    pub fn new(cluster: &ClusterSpec, node: &NodeSpec) -> Self {
        let (settings, format) = cluster.raft(node);
        let raft = RaftNode::new(settings, DiskId(0), METADATA_SEGMENT_BYTES, Some(format));
        let controller =
            node.roles.is_controller().then(|| ControllerServer::new(cluster, node.id));
        let broker = node.roles.is_broker().then(|| {
            let (config, rules) = (cluster.config.clone(), cluster.rules.clone());
            Broker::new(cluster.broker(node), config, rules).at_pace(cluster.pace)
        });
        Self {
            raft,
            controller,
            loader: MetadataLoader::default(),
            backlog: Backlog::default(),
            broker,
            leader: None,
            stopping: false,
        }
    }

    /// The broker, if it is one.
    #[must_use]
    pub fn broker(&self) -> Option<&Broker> {
        self.broker.as_ref()
    }

    /// Its replica of the quorum.
    #[must_use]
    pub fn raft(&self) -> &RaftNode {
        &self.raft
    }

    fn boot(&mut self, cx: &mut Context<'_, Note>) {
        self.raft.boot(cx);
        if let Some(controller) = &mut self.controller {
            controller.boot(cx);
        }
        if let Some(broker) = &mut self.broker {
            broker.boot(cx);
        }
    }

    fn stop(&mut self, cx: &mut Context<'_, Note>) {
        self.stopping = true;
        match &mut self.broker {
            // The broker leaves first; the quorum follows when it is done.
            Some(broker) => {
                broker.on_input(&Input::Stop, cx);
            }
            None => self.raft.begin_shutdown(cx),
        }
    }

    fn on_timer(&mut self, cx: &mut Context<'_, Note>) {
        let now = cx.now();
        if self.raft.next_deadline().is_some_and(|due| due <= now) {
            self.raft.on_timer(cx);
        }
        if let Some(controller) = &mut self.controller {
            controller.on_timer(cx);
        }
        if let Some(broker) = &mut self.broker
            && broker.next_deadline().is_some_and(|due| due <= now)
        {
            broker.on_input(&Input::Timer, cx);
        }
    }

    fn on_network(&mut self, input: &Input, cx: &mut Context<'_, Note>) {
        if let Some(controller) = &mut self.controller
            && controller.on_input(input, &mut self.raft, cx)
        {
            return;
        }
        if let Some(broker) = &mut self.broker
            && broker.on_input(input, cx)
        {
            return;
        }
        self.raft.on_input(input, cx);
    }

    /// Hands on what the quorum has to tell, until it has nothing more to say (NO-2).
    fn pump(&mut self, cx: &mut Context<'_, Note>) {
        loop {
            if let Some(controller) = &mut self.controller {
                controller.pump(&mut self.raft, cx);
            }
            let Some(event) = self.raft.next_event() else { break };
            self.on_raft_event(event, cx);
        }
        self.catch_up(cx);
        let (leader, _) = self.raft.leader_and_epoch();
        if leader != self.leader {
            self.leader = leader;
            if let Some(broker) = &mut self.broker {
                broker.on_quorum_leader(leader, cx);
            }
        }
        if self.stopping
            && let Some(broker) = &self.broker
            && broker.has_left()
        {
            match &self.controller {
                Some(_) => {
                    self.broker = None;
                    self.raft.begin_shutdown(cx);
                }
                None => cx.exit(),
            }
        }
        let deadlines = [
            self.raft.next_deadline(),
            self.controller.as_ref().and_then(ControllerServer::next_deadline),
            self.broker.as_mut().and_then(Broker::next_deadline),
            self.backlog.next_deadline(cx.now(), cx.lag()),
        ];
        cx.set_timer(deadlines.into_iter().flatten().min());
    }

    fn on_raft_event(&mut self, event: RaftEvent, cx: &mut Context<'_, Note>) {
        match &event {
            RaftEvent::Committed { batches } => self.load(batches, cx),
            RaftEvent::ShutDown => cx.exit(),
            RaftEvent::Bootstrap { .. }
            | RaftEvent::LeaderChange { .. }
            | RaftEvent::Resigned { .. } => {}
        }
        if let Some(controller) = &mut self.controller {
            controller.on_raft_event(event, cx);
        }
    }

    /// The metadata log as all nodes read it; a controller that decides has its own state beside it.
    fn load(&mut self, batches: &[CommittedBatch], cx: &mut Context<'_, Note>) {
        for batch in batches {
            if cx.lag().is_some() || !self.backlog.is_empty() {
                cx.held_back_by_lag();
                self.backlog.push(cx.now(), batch.clone());
            } else if self.load_batch(batch, cx).is_err() {
                return cx.halt(UNREADABLE_METADATA);
            }
        }
    }

    /// What was held back and is due now.
    fn catch_up(&mut self, cx: &mut Context<'_, Note>) {
        while let Some(batch) = self.backlog.next(cx.now(), cx.lag()) {
            if self.load_batch(&batch, cx).is_err() {
                return cx.halt(UNREADABLE_METADATA);
            }
        }
    }

    fn load_batch(
        &mut self,
        batch: &CommittedBatch,
        cx: &mut Context<'_, Note>,
    ) -> Result<(), WireError> {
        let records = decode(batch)?;
        let publication = self.loader.on_committed(batch.base_offset, &records);
        let Some(publication) = publication else { return Ok(()) };
        let (offset, fingerprint) = (publication.new.highest_offset(), publication.fingerprint);
        cx.note(Note::Image(ImageNote::Published { offset, fingerprint }));
        if let Some(broker) = &mut self.broker {
            broker.on_publication(&publication, cx);
        }
        Ok(())
    }
}

/// The records of a committed batch.
pub(super) fn decode(batch: &CommittedBatch) -> Result<Vec<MetadataRecord>, WireError> {
    let read = |bytes| MetadataRecord::from_bytes(bytes).map(|(record, _)| record);
    batch.records.iter().map(read).collect()
}

impl Program<Note> for Node {
    fn on(&mut self, input: Input, cx: &mut Context<'_, Note>) {
        match input {
            Input::Boot => self.boot(cx),
            Input::Stop => self.stop(cx),
            Input::Timer => self.on_timer(cx),
            other => self.on_network(&other, cx),
        }
        self.pump(cx);
    }

    fn start(&mut self, job: Job, cx: &mut Context<'_, Note>) -> Span {
        if RaftNode::owns(job) {
            return self.raft.start(job, cx);
        }
        if ControllerServer::owns(job) {
            return ControllerServer::start();
        }
        match &mut self.broker {
            Some(broker) => broker.start(job, cx),
            // What was held up finds that the broker has ended, and the controller of this node has not yet.
            None => Span::from_micros(1),
        }
    }

    fn finish(&mut self, job: Job, cx: &mut Context<'_, Note>) {
        if RaftNode::owns(job) {
            self.raft.finish(job, cx);
        } else if ControllerServer::owns(job) {
            let controller = self.controller.as_mut().expect("only a controller has these jobs");
            controller.finish(job, &mut self.raft, cx);
        } else if let Some(broker) = &mut self.broker {
            broker.finish(job, cx);
        }
        self.pump(cx);
    }

    fn clone_box(&self) -> Box<dyn Program<Note>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
