//! Trial: a deterministic simulation testbed for Apache Kafka. Read first `run` (what is played), then `check`.
//!
//! ```
//! // In a test of any repository; `default-features = false` brings no command line.
//! trial_scenarios::check("what_an_ack_buys_all") // or "tests/my_scenario.toml"
//!     .set("cluster.config.\"min.insync.replicas\"=2")
//!     .seeds(0..4)
//!     .run();
//! ```
//!
//! It plays the scenario under each seed on all cores, compares the end with its `expect` and `must_happen`, and
//! panics with the two facts that contradict each other and a line that replays them. `TRIAL_SEED=7` or
//! `TRIAL_SEEDS=0..2000` in the environment set the seeds.

pub mod asked;
pub mod bench;
pub mod check;
pub mod explain;
pub mod facts;
pub mod failure;
pub mod fingerprint;
pub mod history;
pub mod invariants;
pub mod play;
pub mod probe;
pub mod run;
pub mod scenario;
pub mod sweep;
pub mod tap;
pub mod testing;
pub mod twice;

pub use testing::{Check, check};
