//! Opens a log: takes what the disk holds, and after an unclean shutdown only what is whole. Read `open.rs` first.
//!
//! In Kafka:   `LogLoader`, `LogSegment.recover`.

mod ends;
mod open;
mod recover;
mod temporary;

pub use open::OpenLog;
