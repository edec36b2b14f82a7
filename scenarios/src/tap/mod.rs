//! What the checkers read for themselves: bytes on connections and on disks, decoded by this small reader alone.
//!
//! It shares no code with the brokers, so that a fault in their codec cannot blind the checkers. It reads only what
//! they need: produces, fetches, ends of logs, a few requests of administrators, what controllers answer, and record
//! batches. Read `conversation.rs` first, then `batch.rs`.

mod admin;
mod batch;
mod codec;
mod conversation;
mod cursor;
mod decided;
mod ends;
mod fetch;
mod produce;

pub use admin::{SettingAsked, StartAsked, StartTold};
pub use batch::{BatchFault, BatchHead, RecordSeen, Sequence, batches, records};
pub use conversation::{Conversations, Heard};
pub use cursor::{Cursor, Malformed};
pub use decided::{Decided, Decision};
pub use ends::EndAnswer;
pub use fetch::{FetchAnswer, FetchRequestSeen};
pub use produce::{ProduceAnswer, ProduceRequestSeen};

use trial_cluster::ids::TopicId;

/// A topic as a message names it: by id since Produce 13 and Fetch 13, by name before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TopicRef {
    /// By its id.
    Id(TopicId),
    /// By its name.
    Name(String),
}
