//! Says what an observer of a World sees: notes, and taps on network, disks and processes.
//!
//! Invariants: SN-1 in order of happening, each with its (global) time; SN-2 bytes are seen whole,
//!             when they are sent, before the network cuts them into chunks.

use std::sync::Arc;

use bytes::Bytes;

use crate::disk::{DiskCrash, DiskSeen};
use crate::ids::{ConnId, DiskId, HostId, LaneId};
use crate::time::Time;

/// How a host goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashKind {
    /// The process dies (SIGKILL): the page cache stays, the kernel closes the connections.
    Process,
    /// The machine loses power: unsynced pages are at risk, peers hear nothing.
    PowerLoss,
}

/// What a crash did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrashReport {
    /// Jobs that had started and will never finish.
    pub jobs_unfinished: u32,
    /// Jobs that had not started yet.
    pub jobs_queued: u32,
    /// Connections that the host had.
    pub connections: u32,
    /// Bytes that were handed to the network stack and will not be sent.
    pub bytes_unsent: u64,
    /// What it did to each disk.
    pub disks: Vec<DiskCrash>,
}

/// One thing that was seen.
#[derive(Debug, Clone)]
pub enum Seen<N> {
    /// A program wrote a note.
    Note {
        /// When.
        at: Time,
        /// Counts the notes of the run, from 0.
        order: u64,
        /// Whose program.
        host: HostId,
        /// The lane that was at work; none while an input was handled.
        lane: Option<LaneId>,
        /// What it wrote.
        note: N,
    },
    /// Bytes were handed to a connection.
    Sent {
        /// When.
        at: Time,
        /// The connection (its even end).
        conn: ConnId,
        /// The sender.
        from: HostId,
        /// The receiver.
        to: HostId,
        /// The listener's port.
        port: u16,
        /// The direction: true for requests, false for responses.
        towards_listener: bool,
        /// All of them.
        bytes: Bytes,
    },
    /// A connection came to be.
    Connected {
        /// When.
        at: Time,
        /// The connection (its even end).
        conn: ConnId,
        /// Who connected.
        from: HostId,
        /// Who listened.
        to: HostId,
        /// On which port.
        port: u16,
    },
    /// One end of a connection was closed by its program or its kernel.
    Closed {
        /// When.
        at: Time,
        /// The connection (its even end).
        conn: ConnId,
        /// Whose end.
        by: HostId,
        /// By RST, or without a word by a power loss.
        reset: bool,
    },
    /// A disk changed.
    Disk {
        /// When.
        at: Time,
        /// Whose.
        host: HostId,
        /// Which.
        disk: DiskId,
        /// What changed.
        what: DiskSeen,
    },
    /// A host went down.
    Crashed {
        /// When.
        at: Time,
        /// Which.
        host: HostId,
        /// How.
        kind: CrashKind,
        /// What that did.
        report: Arc<CrashReport>,
    },
    /// A host's program was made.
    Booted {
        /// When.
        at: Time,
        /// Which.
        host: HostId,
        /// 1 at the first boot.
        incarnation: u32,
    },
    /// A program ended by itself.
    Stopped {
        /// When.
        at: Time,
        /// Whose.
        host: HostId,
        /// Why, if it ended in disorder (`Context::halt`); none after `Context::exit`.
        halt: Option<&'static str>,
    },
}
