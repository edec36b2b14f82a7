//! What a replica wants done, and what one step of it is lent.
//!
//! In Kafka:   `NetworkChannel`, the futures of `RaftClient.handle`, `RaftClient.Listener`.
//! Invariants: EF-1 effects leave when the step's disk work is paid: no answer before the vote is on disk.

use bytes::Bytes;
use trial_log::mark::Mark;
use trial_sim::Time;

use super::draws::Draws;
use super::log::RaftLog;
use super::message::{Request, Response};
use super::requests::Peer;
use crate::ids::{BrokerId, LeaderEpoch, Offset};
use crate::note::raft::RaftNote;

/// Names a request whose answer somebody waits for; the shell chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplyToken(pub u64);

/// Something that the shell has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a request.
    Send {
        /// To whom.
        to: Peer,
        /// What the answer is matched with.
        correlation: u64,
        /// The request.
        request: Request,
    },
    /// Answer a request.
    Reply(ReplyToken, Response),
    /// Tell the owner.
    Event(RaftEvent),
    /// Write it down.
    Note(RaftNote),
}

impl From<&'static Mark> for Effect {
    fn from(mark: &'static Mark) -> Self {
        Self::Note(RaftNote::Reached(mark))
    }
}

/// What the owner of a replica (the controller, a broker's metadata loader) learns, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum RaftEvent {
    /// The records of the bootstrap checkpoint; once, before the first committed batch.
    Bootstrap {
        /// The records of the users.
        records: Vec<Bytes>,
    },
    /// These batches are committed. Every batch comes once, in order.
    Committed {
        /// The batches.
        batches: Vec<CommittedBatch>,
    },
    /// Who leads. A leader learns it of itself only after everything committed before its epoch.
    LeaderChange {
        /// The epoch.
        epoch: LeaderEpoch,
        /// Its leader, if known.
        leader: Option<BrokerId>,
        /// Whether it is this replica.
        is_me: bool,
    },
    /// This replica leads no more, and does not know yet who does. Nothing was lost that was committed.
    Resigned {
        /// The epoch in which it led.
        epoch: LeaderEpoch,
    },
    /// A graceful stop is complete.
    ShutDown,
}

/// A committed batch.
#[derive(Debug, Clone, PartialEq)]
pub struct CommittedBatch {
    /// The first offset; the n-th record has this offset plus n.
    pub base_offset: Offset,
    /// The last offset. A batch of the quorum's own has offsets and no records.
    pub last_offset: Offset,
    /// The epoch of the leader that wrote it.
    pub epoch: LeaderEpoch,
    /// When it was written.
    pub timestamp_ms: i64,
    /// The records.
    pub records: Vec<Bytes>,
}

/// What one step of a replica is lent.
pub struct Step<'a> {
    /// The wall clock, as time since the start of the calendar of runs; Kafka's quorum measures with it.
    pub now: Time,
    /// The same, in milliseconds since 1970: for records.
    pub wall_ms: i64,
    /// The clock that never jumps: how long a fetch is held.
    pub uptime: Time,
    /// The disk.
    pub log: &'a mut dyn RaftLog,
    /// Randomness.
    pub draws: &'a mut Draws,
    /// What is to be done.
    pub effects: &'a mut Vec<Effect>,
}

impl Step<'_> {
    /// Notes something.
    pub fn note(&mut self, note: RaftNote) {
        self.effects.push(Effect::Note(note));
    }

    /// Tells the owner something.
    pub fn event(&mut self, event: RaftEvent) {
        self.effects.push(Effect::Event(event));
    }
}
