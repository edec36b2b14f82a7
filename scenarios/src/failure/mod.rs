//! Runs that failed, kept as files. Read first `file.rs`.
//!
//! `record.rs` makes one by playing the run; `again.rs` plays one again and says why it is another run, if it is;
//! `kept.rs` plays a folder of them as a test.

mod again;
mod file;
mod kept;
mod record;

pub use again::{Again, play_again};
pub use file::{Awaits, FAILURE_SCHEMA, Failure, FailureError, Moment};
pub use kept::{Kept, kept};
pub use record::RecordError;
