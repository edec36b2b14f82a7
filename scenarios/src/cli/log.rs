//! The readable log of a run: who tells it, and to whom.
//!
//! Holds:      nothing. A Run says what happens by `tracing`; here it gets a listener, on the standard error.
//! Invariants: LO-1 lines carry virtual time and no other, so two logs of one seed are equal.

use std::io::stderr;

use tracing_subscriber::filter::LevelFilter;

use super::args::{LogArgs, LogLevel};

/// Lets the runs of this thread be heard while `work` is done.
pub(crate) fn listening<T>(args: LogArgs, work: impl FnOnce() -> T) -> T {
    let level = match args.level {
        None => return work(),
        Some(LogLevel::Info) => LevelFilter::INFO,
        Some(LogLevel::Debug) => LevelFilter::DEBUG,
    };
    let listener = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_max_level(level)
        .with_ansi(false)
        .with_level(false)
        .with_target(false)
        .without_time()
        .finish();
    tracing::subscriber::with_default(listener, work)
}
