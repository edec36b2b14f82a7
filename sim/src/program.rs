//! Says what a program is: a plain state machine that runs on a host.
//!
//! In Kafka:   a broker's process; a lane is a thread, a job one critical section of it.
//! Inputs:     `Input` (no cost, no lane: the operating system calls), and jobs in two halves.
//! Invariants: P-1 write, pay, publish: `start` changes only disks and what the job's lock guards,
//!             `finish` publishes; a crash between them loses what `finish` would have done.
//!             P-2 a restart goes through the factory, never through the old value.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use crate::context::Context;
use crate::digest::Hasher;
use crate::ids::{ConnId, HostId, LaneId};
use crate::time::Span;

/// What a program writes about itself. It goes into the digest, and to whoever drives the World.
pub trait Note: Clone + Debug + Send + Sync + 'static {
    /// Takes every field into the digest.
    fn digest(&self, into: &mut Hasher);
}

/// For programs that write no notes.
impl Note for () {
    fn digest(&self, _into: &mut Hasher) {}
}

/// What runs on a host.
pub trait Program<N: Note>: Send + 'static {
    /// Handles one input. It takes no time; what costs is submitted as a job.
    fn on(&mut self, input: Input, cx: &mut Context<'_, N>);

    /// First half of a job: may touch disks and what the lock guards. Answers its CPU cost; the
    /// World adds the time of the disks. A job takes at least one nanosecond.
    fn start(&mut self, job: Job, cx: &mut Context<'_, N>) -> Span;

    /// Second half, once the cost has elapsed: publishes (sends, notes, timers, further jobs).
    fn finish(&mut self, job: Job, cx: &mut Context<'_, N>);

    /// A copy that continues by itself; a World's clone asks for it.
    fn clone_box(&self) -> Box<dyn Program<N>>;

    /// For whoever looks at a program from outside.
    fn as_any(&self) -> &dyn Any;
}

/// Makes a host's program, at its first boot and at every later one.
pub type Factory<N> = Arc<dyn Fn(&BootInfo) -> Box<dyn Program<N>> + Send + Sync>;

/// What a factory is told.
#[derive(Debug, Clone)]
pub struct BootInfo {
    /// The host.
    pub host: HostId,
    /// Its name.
    pub host_name: Arc<str>,
    /// Where it stands.
    pub rack: Option<Arc<str>>,
    /// 1 at the first boot.
    pub incarnation: u32,
}

/// One critical section, on the lane that runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// What the program gave to `submit`: its key into a slab of its own.
    pub token: u64,
    /// Who runs it.
    pub lane: LaneId,
}

/// What happens to a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// First input after the factory: declare pools, listen, submit the recovery job.
    Boot,
    /// A graceful stop was asked for (SIGTERM).
    Stop,
    /// Whoever drives the World asks for something (`World::order`).
    Order {
        /// What, in words that only the two of them know.
        bytes: Bytes,
    },
    /// The program's single timer is due.
    Timer,
    /// Somebody connected to a port that the program listens on.
    Accepted {
        /// Our end.
        conn: ConnId,
        /// Who connected.
        from: HostId,
        /// The port it connected to.
        port: u16,
    },
    /// A `connect` came through.
    Connected {
        /// Our end.
        conn: ConnId,
    },
    /// A `connect` did not come through.
    ConnectFailed {
        /// Our end; it is gone.
        conn: ConnId,
        /// Refused by a live host; otherwise the network stack gave up waiting.
        refused: bool,
    },
    /// A chunk of the peer's bytes, in order; any split.
    Received {
        /// Our end.
        conn: ConnId,
        /// At least one byte.
        bytes: Bytes,
    },
    /// The peer ended the connection; our end is gone too.
    Closed {
        /// Our end.
        conn: ConnId,
        /// By RST, not by FIN: bytes may have been lost in either direction.
        reset: bool,
    },
    /// The send buffer fell to half its limit after `send` had said that it was full.
    Writable {
        /// Our end.
        conn: ConnId,
    },
}
