//! A Lab: a cluster that a test scripts by hand, in plain synchronous Rust on virtual time.
//!
//! Read `lab.rs` first (start, time, the end), then `clients.rs` (produce and read), `faults.rs`, `looks.rs` (who
//! leads, what is committed), `check.rs` (one script under many seeds).

mod check;
mod clients;
mod faults;
#[expect(clippy::module_inception, reason = "the folder holds all of a Lab, the file its type")]
mod lab;
mod looks;
mod record;

pub use check::{LabCheck, lab};
pub use clients::{SendError, Sent, Stored};
pub use faults::Ongoing;
pub use lab::Lab;
pub use record::{Consumed, Payload};
