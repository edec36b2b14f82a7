//! From `cargo test` of any repository: a scenario under many seeds, and what a failing one is told.
//!
//! Read `checking.rs` first (what is called), then `environment.rs` (`TRIAL_SEED` and its kin), `story.rs` (what a
//! failure prints) and `again.rs` (the lines to paste).

pub(crate) mod again;
pub(crate) mod checking;
pub(crate) mod environment;
pub(crate) mod quiet;
pub(crate) mod story;

pub use checking::{Check, CheckFailure, check};
