//! Trial: a deterministic simulation testbed for Apache Kafka, as a library for the tests of any repository.
//!
//! # Your first fault-injection test in ten lines
//!
//! ```
//! use trial_scenarios::{consumer, producer, scenario};
//!
//! // In a test of your own: #[test] fn orders_survive_a_leader_that_loses_power()
//! scenario("orders survive a leader that loses power")
//!     .time("12s")
//!     .config("min.insync.replicas", 2)
//!     .topic("orders")
//!     .client(producer("shop", "orders").rate("25/s").config("acks", "all"))
//!     .client(consumer("audit", "orders").config("auto.offset.reset", "earliest"))
//!     .fault("at 8s crash leader(orders/0) losing unsynced for 4s")
//!     .must_happen("lossy_leader_crash")
//!     .check()
//!     .seeds(0..2)
//!     .run();
//! ```
//!
//! Every seed is played on a simulated network, disk and clock, on all cores; its end is compared with the scenario's
//! `expect` and `must_happen`. A seed that fails panics with the invariant, the two facts that contradict each other,
//! the faults as they were played, and a line to paste. [`check()`] does the same for a scenario file or one that comes
//! with Trial. `TRIAL_SEED=7`, `TRIAL_SEEDS=0..2000` and `TRIAL_TIME=10m` in the environment say other seeds, see
//! [`Check::run`].
//!
//! # By hand
//!
//! A [`Lab`] is a cluster that a test scripts; [`lab()`] plays one script under many seeds.
//!
//! ```
//! use trial_scenarios::{Lab, producer, scenario};
//!
//! let orders = scenario("orders").topic("orders").client(producer("shop", "orders").by_hand());
//! let mut lab = Lab::start(orders, 7);
//! lab.produce("shop", "anna", "apples").expect("nothing is broken yet");
//! lab.crash("leader(orders/0)");
//! let stored = lab.produce("shop", "anna", "pears").expect("somebody else leads");
//! assert_eq!(stored.offset, 1);
//! lab.finish();
//! ```
//!
//! # How it is made
//!
//! Read first [`run`](mod@run) (what is played), then [`check`](mod@check) (what is judged), [`lab`](mod@lab) and
//! [`testing`].

pub mod asked;
pub mod bench;
pub mod cause;
pub mod check;
pub mod conform;
pub mod explain;
pub mod export;
pub mod facts;
pub mod failure;
mod file_disk;
pub mod fingerprint;
pub mod history;
pub mod hunt;
pub mod invariants;
pub mod lab;
pub mod play;
pub mod probe;
pub mod run;
pub mod scenario;
#[cfg(feature = "serve")]
pub mod serve;
pub mod shrink;
pub mod sweep;
pub mod tap;
pub mod testing;
pub mod twice;

pub use failure::{Kept, kept};
pub use file_disk::FileDisk;
pub use lab::{Consumed, Lab, LabCheck, SendError, Sent, Stored, lab};
pub use scenario::{
    Scenario, ScenarioBuilder, consumer, member, member_matched_by_coordinator, member_matching,
    producer, rack, scenario, topic,
};
pub use testing::{Check, CheckFailure, check};
