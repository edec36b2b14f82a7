//! The cluster that is asked: nodes that are broker and controller, as the oracle starts them, and connections to them.
//!
//! Holds:      a run without clients and faults; what has come on each connection and has not been read.
//! Invariants: BR-1 whoever waits for an answer lets virtual time go on by no more than [`SLICE`] beyond it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use miette::Diagnostic as _;
use trial_cluster::node::EXTERNAL_PORT;
use trial_sim::{OutsideEvent, OutsideId, Span, Time};

use super::conversation::{Conversation, ConversationError, Line};
use crate::check::Violation;
use crate::run::Run;
use crate::scenario::{Guests, Scenario};

/// What is told apart of two moments.
const SLICE: Span = Span::from_millis(1);
/// A cluster that has not booted by then has not booted.
const BOOT_MAX: Span = Span::from_secs(30);
/// How long the brokers have after that.
const SETTLING: Span = Span::from_secs(1);
/// The cluster's wall clock when it is switched on: the conversations' day.
const WALL_MS: i64 = 1_795_737_600_000;
/// Kafka's first port in the recordings.
const BASE_PORT: u16 = 29_090;
/// The seed: there is nothing to draw that an answer would tell.
const SEED: u64 = 1;

/// What came on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Came {
    /// A frame, without its length.
    Frame(Bytes),
    /// The broker has closed it.
    Closed,
    /// Nothing, for as long as somebody waited.
    Nothing,
}

#[derive(Debug)]
struct Connection {
    id: OutsideId,
    bytes: BytesMut,
    closed: bool,
}

/// A cluster, and who talks to it.
#[derive(Debug)]
pub(super) struct Brokers {
    run: Run,
    connections: BTreeMap<Line, Connection>,
}

impl Brokers {
    /// Boots the nodes of a conversation.
    pub(super) fn boot(conversation: &Conversation) -> Result<Self, ConversationError> {
        let scenario = Scenario::from_text("conversation", &text(conversation), None, &[]);
        let scenario = Arc::new(scenario.map_err(|refused| ConversationError {
            path: conversation.path.clone(),
            what: format!("`config`: {refused}"),
            allowed: refused.help().map(|help| help.to_string()),
        })?);
        let guests =
            Guests { host: "127.0.0.1".to_owned(), base_port: BASE_PORT, wall_ms: WALL_MS };
        let mut run = Run::by_hand(&scenario.for_guests(SEED, guests), SEED);
        while run.now() < Time::ZERO + BOOT_MAX && !run.judge().facts().are_ready() {
            run.play_until(run.now() + SLICE);
        }
        // What the controllers know the brokers learn.
        run.play_until(run.now() + SETTLING);
        Ok(Self { run, connections: BTreeMap::new() })
    }

    /// Which invariants were violated so far, and how.
    pub(super) fn violated(&self) -> Vec<String> {
        let told = |found: &Violation| format!("{}: {}", found.invariant, found.message);
        self.run.judge().violations().iter().map(told).collect()
    }

    /// Lets time go on.
    pub(super) fn wait(&mut self, span: Span) {
        self.run.play_until(self.run.now() + span);
        self.drain();
    }

    /// Sends bytes; connects if nobody has.
    pub(super) fn send(&mut self, line: &Line, bytes: Bytes) {
        let world = self.run.world_mut();
        let connection = self.connections.entry(line.clone()).or_insert_with(|| Connection {
            id: world.outside_connect(&format!("b{}", line.node), EXTERNAL_PORT),
            bytes: BytesMut::new(),
            closed: false,
        });
        world.outside_write(connection.id, bytes);
    }

    /// The next frame, as long as it takes, up to `patience`.
    pub(super) fn next(&mut self, line: &Line, patience: Span) -> Came {
        let end = self.run.now() + patience;
        loop {
            self.drain();
            let Some(connection) = self.connections.get_mut(line) else { return Came::Closed };
            if let Some(frame) = take_frame(&mut connection.bytes) {
                return Came::Frame(frame);
            }
            if connection.closed {
                self.connections.remove(line);
                return Came::Closed;
            }
            if self.run.now() >= end {
                return Came::Nothing;
            }
            // Where nothing happens nothing comes.
            let next = self.run.next_time().unwrap_or(end).min(end);
            self.run.play_until(next.max(self.run.now() + SLICE));
        }
    }

    /// Closes a connection.
    pub(super) fn close(&mut self, line: &Line) {
        if let Some(connection) = self.connections.remove(line) {
            self.run.world_mut().outside_close(connection.id);
        }
    }

    fn drain(&mut self) {
        for output in self.run.world_mut().drain_outputs() {
            let (OutsideEvent::Connected(id)
            | OutsideEvent::Refused(id)
            | OutsideEvent::Bytes(id, _)
            | OutsideEvent::Closed(id)
            | OutsideEvent::Reset(id)) = &output;
            let found = self.connections.values_mut().find(|connection| connection.id == *id);
            let Some(connection) = found else { continue };
            match output {
                OutsideEvent::Connected(_) => {}
                OutsideEvent::Bytes(_, bytes) => connection.bytes.extend_from_slice(&bytes),
                OutsideEvent::Refused(_) | OutsideEvent::Closed(_) | OutsideEvent::Reset(_) => {
                    connection.closed = true;
                }
            }
        }
    }
}

fn take_frame(bytes: &mut BytesMut) -> Option<Bytes> {
    let length = usize::try_from(i32::from_be_bytes(*bytes.first_chunk()?)).ok()?;
    if bytes.len() < 4 + length {
        return None;
    }
    bytes.advance(4);
    Some(bytes.split_to(length).freeze())
}

/// The oracle's cluster as a scenario.
fn text(conversation: &Conversation) -> String {
    let mut text = format!(
        "title = \"a conversation\"\ntime = \"10h\"\n[cluster]\nbrokers = {}\ncontrollers = 0\n[cluster.config]\n",
        conversation.nodes
    );
    let of_the_oracle = [
        ("num.partitions", 4),
        ("offsets.topic.replication.factor", conversation.nodes.min(3)),
        ("group.initial.rebalance.delay.ms", 0),
    ];
    for (key, value) in of_the_oracle {
        if !conversation.config.contains_key(key) {
            let _ = writeln!(text, "{key:?} = {value}");
        }
    }
    for (key, value) in &conversation.config {
        let _ = writeln!(text, "{key:?} = {value:?}");
    }
    for node in 1..=conversation.nodes {
        let _ = writeln!(text, "[racks.r{node}]\nhosts = [\"b{node}\"]");
    }
    text
}
