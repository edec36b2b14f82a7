//! The machine room: a world of hosts, lanes, network, disks and clocks, decided by one seed.
//!
//! Read first: `program.rs` (what runs on a host), `context.rs` (what it may do), `world.rs` (who
//! drives it). It never hears of Kafka, and knows no real time, thread, socket, file or async.

pub mod ids;
pub mod time;

pub mod digest;
pub mod random;

pub mod clock;
pub mod context;
pub mod difference;
pub mod disk;
pub mod fault;
pub mod network;
pub mod place;
pub mod program;
pub mod recording;
pub mod seen;
pub mod settings;
pub mod streams;
pub mod world;

mod effect;
mod event;
mod host;
mod jobs;
mod lane;
mod lock;
mod order;
mod outside;
mod primitives;
mod queue;
mod room;
mod schedule;

pub use clock::{ClockSpec, EPOCH_MS};
pub use context::{Context, Lag};
pub use difference::{Difference, Moment};
pub use digest::{Digest, Hasher};
pub use effect::FaultEffect;
pub use ids::{ConnId, DiskId, FaultId, HostId, LaneId, LockId, OutsideId, PoolId};
pub use network::Distribution;
pub use outside::OutsideEvent;
pub use place::{Distances, Place};
pub use program::{BootInfo, Factory, Input, Job, Note, Program};
pub use random::{Plan, Stream};
pub use recording::Recording;
pub use schedule::ScheduleEffect;
pub use seen::{CrashKind, CrashReport, Seen};
pub use settings::{
    Chunking, HostSpec, LaneSettings, NetworkSettings, Scheduler, WorldSettings, Yields,
};
pub use streams::StreamState;
pub use time::{Span, Time};
pub use world::World;
