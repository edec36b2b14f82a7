//! A replica of the quorum on a host: its lane, its disk, its connections.
//!
//! In Kafka:   `KafkaRaftManager`, `KafkaRaftClientDriver` (the thread), `KafkaNetworkChannel`.
//! Holds:      the replica and its log; the messages that wait for the lane; what the owner has to fetch: events
//!             and answers.
//! Inputs:     requests from the owner's listener, network inputs of its own connections, the owner's timer, jobs.
//! Effects:    through `Context`; events and answers are taken by the owner after each call.
//! Invariants: RN-1 a job is one turn of Kafka's loop; what it says leaves in its second half, when what it wrote is
//!             paid. RN-2 the leader's sync follows its append on the lane before any other message.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use trial_sim::{Context, DiskId, Input, Job, PoolId, Span, Time};

use super::accumulator::AppendError;
use super::bootstrap::{self, Bootstrap};
use super::client::{Inbound, RaftClient};
use super::draws::Draws;
use super::effect::{Effect, RaftEvent, ReplyToken, Step};
use super::fault::RaftFault;
use super::message::{Envelope, Response};
use super::network::Channel;
use super::settings::RaftSettings;
use super::store::{FOLDER, RaftStore};
use crate::ids::{BrokerId, LeaderEpoch, Offset};
use crate::note::Note;
use crate::storage::SimulatedDisk;

/// The pool of the quorum's one lane (Kafka's `kafka-<id>-raft-io-thread`).
pub const RAFT_POOL: PoolId = PoolId(40);

/// The high half of every token of the quorum's jobs.
const TOKENS: u64 = 0x7261_6674 << 32;
const OPEN: u64 = TOKENS;
const TURN: u64 = TOKENS + 1;
const FLUSH: u64 = TOKENS + 2;

/// What a turn costs beside the disk: our guess.
const TURN_COST: Span = Span::from_micros(15);
/// Midnight, 1 January 2026: where the quorum's time begins.
const EPOCH_MS: i64 = 1_767_225_600_000;

/// What others may know of a replica: as of the last job that was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The leader of the epoch, if known.
    pub leader: Option<BrokerId>,
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// What is known to be committed.
    pub high_watermark: Option<Offset>,
    /// The end of the log.
    pub log_end_offset: Offset,
}

/// The replica and its log, once they are open.
#[derive(Debug, Clone)]
struct Running {
    client: RaftClient,
    store: RaftStore,
}

/// A part of a program: the quorum's replica on its host.
#[derive(Debug, Clone)]
pub struct RaftNode {
    settings: Arc<RaftSettings>,
    disk: DiskId,
    segment_bytes: u64,
    format: Option<Bootstrap>,
    channel: Channel,
    draws: Draws,
    running: Option<Running>,
    waiting: VecDeque<Inbound>,
    is_turn_due: bool,
    is_shutdown_asked: bool,
    /// What the job on the lane has to say, and how long nothing will be due after it.
    effects: Vec<Effect>,
    outcome: Result<Time, RaftFault>,
    deadline: Option<Time>,
    published: Published,
    events: VecDeque<RaftEvent>,
    replies: VecDeque<(ReplyToken, Response)>,
}

impl RaftNode {
    /// A replica that is not open yet; `disk` holds its log. A disk without a bootstrap checkpoint is formatted with
    /// `format` first, if that is given: what an operator would have done before the first start.
    #[must_use]
    pub fn new(
        settings: Arc<RaftSettings>,
        disk: DiskId,
        segment_bytes: u64,
        format: Option<Bootstrap>,
    ) -> Self {
        Self {
            format,
            channel: Channel::new(&settings),
            settings,
            disk,
            segment_bytes,
            draws: Draws::default(),
            running: None,
            waiting: VecDeque::new(),
            is_turn_due: false,
            is_shutdown_asked: false,
            effects: Vec::new(),
            outcome: Ok(Time::MAX),
            deadline: None,
            published: Published {
                leader: None,
                epoch: LeaderEpoch(0),
                high_watermark: None,
                log_end_offset: Offset::ZERO,
            },
            events: VecDeque::new(),
            replies: VecDeque::new(),
        }
    }

    /// At boot: declares the lane, and reads the disk on it.
    pub fn boot(&mut self, cx: &mut Context<'_, Note>) {
        cx.pool(RAFT_POOL, "raft", 1);
        cx.submit(RAFT_POOL, OPEN, None);
    }

    /// Whether a job is one of the quorum's.
    #[must_use]
    pub fn owns(job: Job) -> bool {
        job.lane.pool == RAFT_POOL
    }

    /// First half of a job.
    pub fn start(&mut self, job: Job, cx: &mut Context<'_, Note>) -> Span {
        assert!(self.effects.is_empty(), "RN-1: a job starts before the last one is published");
        let stream = cx.random("raft");
        self.draws.top_up(|| stream.u64());
        let clocks = (cx.wall_ms(), cx.now());
        let mut disk = SimulatedDisk::new(cx.disk(self.disk));
        self.outcome = match job.token {
            OPEN => self.open(&mut disk, clocks),
            TURN => self.turn(&mut disk, clocks),
            FLUSH => self.flush(&mut disk, clocks),
            other => panic!("{other:#x} is no job of the quorum"),
        };
        if let Some(running) = &mut self.running {
            running.store.drain_reached(&mut self.effects);
        }
        TURN_COST
    }

    /// Second half of a job: what it said leaves. The owner then takes events and answers.
    pub fn finish(&mut self, job: Job, cx: &mut Context<'_, Note>) {
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Send { to, correlation, request } => {
                    self.channel.send(&to, correlation, request, cx);
                }
                Effect::Reply(token, response) => self.replies.push_back((token, response)),
                Effect::Event(event) => self.events.push_back(event),
                Effect::Note(note) => cx.note(Note::Raft(note)),
            }
        }
        let due = match self.outcome {
            Ok(due) => due,
            Err(fault) => return cx.halt(fault.why()),
        };
        let running = self.running.as_mut().expect("a job without a fault leaves it open");
        let (leader, epoch) = running.client.leader_and_epoch();
        self.published = Published {
            leader,
            epoch,
            high_watermark: running.client.high_watermark(),
            log_end_offset: running.store.log().log_end_offset(),
        };
        if job.token != FLUSH {
            // What was appended while the job ran is not in `due`.
            let now = cx.now();
            let linger = running.client.time_until_append(wall_time(cx.wall_ms()));
            self.deadline = Some(due.min(Time(now.0.saturating_add(linger.0))));
        }
        if running.client.take_flush() {
            cx.then(FLUSH, None);
        }
        if self.is_shutdown_asked {
            self.begin_shutdown(cx);
        }
        self.take_inbound(cx);
        self.wake_if_due(cx);
    }

    fn open(
        &mut self,
        disk: &mut SimulatedDisk<'_>,
        (wall_ms, uptime): (i64, Time),
    ) -> Result<Time, RaftFault> {
        if let Some(content) = &self.format
            && bootstrap::read(disk, FOLDER)?.is_none()
        {
            bootstrap::format(disk, content, wall_ms)?;
        }
        let (mut store, opened) = RaftStore::open(disk, self.segment_bytes, wall_ms)?;
        let mut log = store.on(disk, wall_ms);
        let mut step = Step {
            now: wall_time(wall_ms),
            wall_ms,
            uptime,
            log: &mut log,
            draws: &mut self.draws,
            effects: &mut self.effects,
        };
        let client = RaftClient::open(Arc::clone(&self.settings), opened, &mut step)?;
        self.running = Some(Running { client, store });
        Ok(uptime)
    }

    fn turn(
        &mut self,
        disk: &mut SimulatedDisk<'_>,
        (wall_ms, uptime): (i64, Time),
    ) -> Result<Time, RaftFault> {
        let running = self.running.as_mut().expect("the lane opens it first");
        let message = self.waiting.pop_front();
        if message.is_none() {
            self.is_turn_due = false;
        }
        let mut log = running.store.on(disk, wall_ms);
        let mut step = Step {
            now: wall_time(wall_ms),
            wall_ms,
            uptime,
            log: &mut log,
            draws: &mut self.draws,
            effects: &mut self.effects,
        };
        let wait = running.client.step(message, &mut step)?;
        let due = Time(uptime.0.saturating_add(wait.0));
        Ok(running.client.next_expiry().map_or(due, |expiry| due.min(expiry)))
    }

    fn flush(
        &mut self,
        disk: &mut SimulatedDisk<'_>,
        (wall_ms, uptime): (i64, Time),
    ) -> Result<Time, RaftFault> {
        let running = self.running.as_mut().expect("only what is open is synced");
        let mut log = running.store.on(disk, wall_ms);
        let mut step = Step {
            now: wall_time(wall_ms),
            wall_ms,
            uptime,
            log: &mut log,
            draws: &mut self.draws,
            effects: &mut self.effects,
        };
        running.client.on_flushed(&mut step)?;
        Ok(uptime)
    }

    /// Handles a network input; false if it is about a connection that is not this replica's.
    pub fn on_input(&mut self, input: &Input, cx: &mut Context<'_, Note>) -> bool {
        let is_mine = self.channel.on_input(input, cx);
        if is_mine {
            self.take_inbound(cx);
        }
        is_mine
    }

    /// Handles a request that came over the owner's listener; the answer comes out of [`Self::next_reply`].
    pub fn on_request(
        &mut self,
        token: ReplyToken,
        envelope: Envelope,
        cx: &mut Context<'_, Note>,
    ) {
        self.queue(Inbound::Request(token, envelope), cx);
    }

    /// When [`Self::on_timer`] has something to do, by the host's monotonic clock.
    #[must_use]
    pub fn next_deadline(&mut self) -> Option<Time> {
        let mine = self.deadline.filter(|deadline| !self.is_turn_due && *deadline < Time::MAX);
        [mine, self.channel.next_deadline()].into_iter().flatten().min()
    }

    /// Does what is due. To be called at [`Self::next_deadline`]; earlier does no harm.
    pub fn on_timer(&mut self, cx: &mut Context<'_, Note>) {
        self.channel.on_timer(cx);
        self.take_inbound(cx);
        self.wake_if_due(cx);
    }

    /// Takes `records` to be written as one, if this replica leads `epoch`; answers the last one's offset. They are
    /// committed when an event says so, and lost if the leadership ends before.
    ///
    /// # Errors
    /// Nothing was taken.
    pub fn schedule_append(
        &mut self,
        epoch: LeaderEpoch,
        records: Vec<Bytes>,
        cx: &mut Context<'_, Note>,
    ) -> Result<Offset, AppendError> {
        let Published { leader, epoch: published, .. } = self.published;
        let running = self.running.as_mut().ok_or(AppendError::NotLeader)?;
        if leader != Some(self.settings.local.id) || published != epoch {
            return Err(AppendError::NotLeader);
        }
        let wall_ms = cx.wall_ms();
        let now = wall_time(wall_ms);
        let offset = running.client.schedule_append(epoch, records, now, wall_ms)?;
        let until = running.client.time_until_append(now);
        let due = Time(cx.now().0.saturating_add(until.0));
        self.deadline = Some(self.deadline.map_or(due, |deadline| deadline.min(due)));
        self.wake_if_due(cx);
        Ok(offset)
    }

    /// Lays the leadership of `epoch` down; nothing if it is over already.
    pub fn resign(&mut self, epoch: LeaderEpoch, cx: &mut Context<'_, Note>) {
        if let Some(running) = &mut self.running {
            running.client.resign(epoch);
            self.wake(cx);
        }
    }

    /// Stops in good order; `RaftEvent::ShutDown` says when.
    pub fn begin_shutdown(&mut self, cx: &mut Context<'_, Note>) {
        match &mut self.running {
            Some(running) => {
                running.client.begin_shutdown(wall_time(cx.wall_ms()));
                self.is_shutdown_asked = false;
                self.wake(cx);
            }
            None => self.is_shutdown_asked = true,
        }
    }

    /// What the owner has not been told yet, oldest first.
    pub fn next_event(&mut self) -> Option<RaftEvent> {
        self.events.pop_front()
    }

    /// An answer that has to go out.
    pub fn next_reply(&mut self) -> Option<(ReplyToken, Response)> {
        self.replies.pop_front()
    }

    /// What others may know.
    #[must_use]
    pub fn published(&self) -> Published {
        self.published
    }

    /// The leader if known, and the epoch.
    #[must_use]
    pub fn leader_and_epoch(&self) -> (Option<BrokerId>, LeaderEpoch) {
        (self.published.leader, self.published.epoch)
    }

    /// What is known to be committed.
    #[must_use]
    pub fn high_watermark(&self) -> Option<Offset> {
        self.published.high_watermark
    }

    /// The replica, to look at; none before its disk is read.
    #[must_use]
    pub fn client(&self) -> Option<&RaftClient> {
        self.running.as_ref().map(|running| &running.client)
    }

    fn take_inbound(&mut self, cx: &mut Context<'_, Note>) {
        while let Some((from, correlation, response)) = self.channel.next_response() {
            self.queue(Inbound::Response(from, correlation, Box::new(response)), cx);
        }
    }

    fn queue(&mut self, message: Inbound, cx: &mut Context<'_, Note>) {
        self.waiting.push_back(message);
        cx.submit(RAFT_POOL, TURN, None);
    }

    fn wake_if_due(&mut self, cx: &mut Context<'_, Note>) {
        if self.deadline.is_some_and(|deadline| deadline <= cx.now()) {
            self.wake(cx);
        }
    }

    fn wake(&mut self, cx: &mut Context<'_, Note>) {
        if !self.is_turn_due {
            self.is_turn_due = true;
            cx.submit(RAFT_POOL, TURN, None);
        }
    }
}

/// The wall clock as time since the beginning of 2026, which it does not go behind.
fn wall_time(wall_ms: i64) -> Time {
    let since = u64::try_from(wall_ms - EPOCH_MS).unwrap_or(0);
    Time(since * 1_000_000)
}
