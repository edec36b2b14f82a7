//! The first program: a node with nothing but the quorum and a counter that is replicated by it.
//!
//! In Kafka:   the nodes of `RaftEventSimulationTest`, `ReplicatedCounter`.
//! Holds:      the replica, the connections to its listener, the counter.
//! Invariants: CO-1 the committed values are 1, 2, 3, .. on every node; anything else halts the process.
//! Left out:   everything that a controller does.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use trial_sim::{ConnId, Context, DiskId, Input, Job, Program, Span, Time};

use super::bootstrap::Bootstrap;
use super::effect::{CommittedBatch, RaftEvent, ReplyToken};
use super::listener;
use super::message::Response;
use super::node::RaftNode;
use super::settings::RaftSettings;
use crate::ids::LeaderEpoch;
use crate::net::{FrameReader, frames};
use crate::note::Note;
use crate::wire::{ApiKey, ApiVersionsResponse, Message, api_versions_response};

type Cx<'a> = Context<'a, Note>;

/// What a node of the quorum is made with.
#[derive(Debug, Clone)]
pub struct RaftProgramSpec {
    /// The replica.
    pub settings: Arc<RaftSettings>,
    /// What its disk is formatted with.
    pub format: Bootstrap,
    /// `segment.bytes` of the log.
    pub segment_bytes: u64,
    /// A leader increments the counter after each such span, and up to as much again.
    pub increment_every: Span,
}

/// A counter that every node replicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplicatedCounter {
    /// The last committed value.
    pub committed: i32,
    /// The last value that was scheduled here.
    pub uncommitted: i32,
    /// The epoch in which this node may increment it.
    pub claimed_epoch: Option<LeaderEpoch>,
}

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Asked {
    conn: ConnId,
    api: ApiKey,
    version: i16,
    correlation_id: i32,
}

/// The program.
#[derive(Debug, Clone)]
pub struct RaftProgram {
    raft: RaftNode,
    counter: ReplicatedCounter,
    increment_every: Span,
    next_increment: Time,
    port: u16,
    readers: BTreeMap<ConnId, FrameReader>,
    asked: BTreeMap<ReplyToken, Asked>,
    next_token: u64,
}

impl RaftProgram {
    /// A node at its boot.
    #[must_use]
    pub fn new(spec: &RaftProgramSpec) -> Self {
        let format = Some(spec.format.clone());
        let settings = Arc::clone(&spec.settings);
        Self {
            raft: RaftNode::new(settings, DiskId(0), spec.segment_bytes, format),
            counter: ReplicatedCounter::default(),
            increment_every: spec.increment_every,
            next_increment: Time::ZERO,
            port: spec.settings.endpoint.port,
            readers: BTreeMap::new(),
            asked: BTreeMap::new(),
            next_token: 0,
        }
    }

    /// The replica.
    #[must_use]
    pub fn raft(&self) -> &RaftNode {
        &self.raft
    }

    /// The counter.
    #[must_use]
    pub fn counter(&self) -> ReplicatedCounter {
        self.counter
    }

    /// Takes what the replica has to say, and sets the timer.
    fn pump(&mut self, cx: &mut Cx<'_>) {
        while let Some((token, response)) = self.raft.next_reply() {
            self.answer(token, &response, cx);
        }
        while let Some(event) = self.raft.next_event() {
            self.on_event(event, cx);
        }
        let increment = self.counter.claimed_epoch.map(|_| self.next_increment);
        cx.set_timer([self.raft.next_deadline(), increment].into_iter().flatten().min());
    }

    fn on_event(&mut self, event: RaftEvent, cx: &mut Cx<'_>) {
        match event {
            RaftEvent::Bootstrap { .. } => {}
            RaftEvent::Committed { batches } => self.on_committed(&batches, cx),
            RaftEvent::LeaderChange { epoch, is_me, .. } => {
                self.counter.uncommitted = self.counter.committed;
                self.counter.claimed_epoch = is_me.then_some(epoch);
                self.next_increment = cx.now();
            }
            RaftEvent::Resigned { .. } => self.counter.claimed_epoch = None,
            RaftEvent::ShutDown => cx.exit(),
        }
    }

    fn on_committed(&mut self, batches: &[CommittedBatch], cx: &mut Cx<'_>) {
        for value in batches.iter().flat_map(|batch| &batch.records) {
            let value = <[u8; 4]>::try_from(&value[..]).map(i32::from_be_bytes);
            if value.ok() != Some(self.counter.committed + 1) {
                return cx.halt("CO-1: the counter did not rise by one");
            }
            self.counter.committed += 1;
        }
    }

    fn increment(&mut self, cx: &mut Cx<'_>) {
        let Some(epoch) = self.counter.claimed_epoch else { return };
        if cx.now() < self.next_increment {
            return;
        }
        let jitter = cx.random("counter").below(self.increment_every.as_nanos().max(1));
        self.next_increment = cx.now() + self.increment_every + Span::from_nanos(jitter);
        self.counter.uncommitted += 1;
        let value = Bytes::copy_from_slice(&self.counter.uncommitted.to_be_bytes());
        if self.raft.schedule_append(epoch, vec![value], cx).is_err() {
            self.counter.claimed_epoch = None;
            self.raft.resign(epoch, cx);
        }
    }

    fn on_received(&mut self, conn: ConnId, bytes: Bytes, cx: &mut Cx<'_>) {
        let Some(reader) = self.readers.get_mut(&conn) else { return };
        reader.push(bytes);
        loop {
            let reader = self.readers.get_mut(&conn).expect("it was found above");
            match reader.next_frame() {
                Ok(None) => return,
                Ok(Some(frame)) if self.on_frame(conn, &frame, cx).is_some() => {}
                // What cannot be read ends the connection.
                Ok(Some(_)) | Err(_) => {
                    self.readers.remove(&conn);
                    return cx.close(conn);
                }
            }
        }
    }

    fn on_frame(&mut self, conn: ConnId, frame: &Bytes, cx: &mut Cx<'_>) -> Option<()> {
        let (api, header, body) = frames::split_request(frame)?;
        let (version, correlation_id) = (header.request_api_version, header.correlation_id);
        let asked = Asked { conn, api, version, correlation_id };
        if api == ApiKey::ApiVersions {
            let answer = versions();
            let frame = frames::response_frame(api, version, correlation_id, |body| {
                answer.encode(version, body);
            });
            cx.send_frame(conn, api.response_name(), frame);
            return Some(());
        }
        let envelope = listener::read_request(api, version, &body)?;
        let token = ReplyToken(self.next_token);
        self.next_token += 1;
        self.asked.insert(token, asked);
        self.raft.on_request(token, envelope, cx);
        Some(())
    }

    fn answer(&mut self, token: ReplyToken, response: &Response, cx: &mut Cx<'_>) {
        let asked = self.asked.remove(&token).expect("a request is answered once");
        if !self.readers.contains_key(&asked.conn) {
            // Whoever asked is gone.
            return;
        }
        let Asked { conn, api, version, correlation_id } = asked;
        let frame = listener::response_frame(api, version, correlation_id, response);
        cx.send_frame(conn, api.response_name(), frame);
    }
}

fn versions() -> ApiVersionsResponse {
    let key = |&(api, min_version, max_version): &(ApiKey, i16, i16)| {
        api_versions_response::ApiKey { api_key: api.key(), min_version, max_version }
    };
    let served = listener::SERVED.iter().chain(&[(ApiKey::ApiVersions, 0, 4)]);
    let api_keys = served.map(key).collect();
    ApiVersionsResponse { api_keys, ..ApiVersionsResponse::default() }
}

impl Program<Note> for RaftProgram {
    fn on(&mut self, input: Input, cx: &mut Cx<'_>) {
        match input {
            Input::Boot => {
                cx.listen(self.port);
                self.raft.boot(cx);
            }
            Input::Stop => self.raft.begin_shutdown(cx),
            Input::Timer => {
                self.raft.on_timer(cx);
                self.increment(cx);
            }
            Input::Accepted { conn, .. } => {
                self.readers.insert(conn, FrameReader::default());
            }
            Input::Received { conn, bytes } if self.readers.contains_key(&conn) => {
                self.on_received(conn, bytes, cx);
            }
            Input::Closed { conn, .. } if self.readers.remove(&conn).is_some() => {}
            other => {
                self.raft.on_input(&other, cx);
            }
        }
        self.pump(cx);
    }

    fn start(&mut self, job: Job, cx: &mut Cx<'_>) -> Span {
        self.raft.start(job, cx)
    }

    fn finish(&mut self, job: Job, cx: &mut Cx<'_>) {
        self.raft.finish(job, cx);
        self.pump(cx);
    }

    fn clone_box(&self) -> Box<dyn Program<Note>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
