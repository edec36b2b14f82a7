//! A broker: the request path of the real one, its replicas, and its standing with the controller.
//!
//! Read first `broker.rs` (what a broker is made of, and how inputs and jobs reach the parts), then `api/` (one file
//! per request, one table), `replicas.rs` (the partitions it hosts) and `fetcher.rs` (how it follows, with
//! `leader_questions.rs` and `replicate.rs` beside it).
//! `startup.rs` and `shutdown.rs` are its first and last hour, `control.rs` its talk with the controller.

pub mod alter_partition;
pub mod api;
mod apply;
#[expect(clippy::module_inception, reason = "the folder holds all of a broker, the file its type")]
mod broker;
mod checkpoints;
mod cleaner;
mod control;
mod controller_channel;
mod costs;
mod fetcher;
mod groups;
mod jobs;
mod leader_questions;
pub mod lifecycle;
mod metadata;
mod producer_ids;
mod reconfigure;
mod recovery_points;
mod replicas;
mod replicate;
pub mod request;
mod retention;
mod shutdown;
mod slab;
mod socket_server;
mod startup;
mod task;
mod yields;

pub use broker::{Broker, BrokerIdentity, INTER_BROKER_LISTENER, Listener};
pub use costs::Pace;
pub use shutdown::{LOG_DIRECTORY_FAILED, REGISTRATION_GIVEN_UP};
pub use slab::Slab;
pub use socket_server::{Arrived, SocketServer};
pub use task::{CLEANER, FETCHERS, HANDLERS, METADATA, NETWORK, SCHEDULER};

/// What a broker may do.
pub(crate) type Cx<'a> = trial_sim::Context<'a, crate::note::Note>;

/// The disk that a broker keeps its logs on.
pub(crate) const DISK: trial_sim::DiskId = trial_sim::DiskId(0);
