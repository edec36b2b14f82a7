//! What one event of a coordinator is lent, and what it answers.
//!
//! In Kafka:   `CoordinatorResult` (records, response, append future, `replayRecords`, `isAtomic`), the `Time` and the
//!             futures that a `GroupCoordinatorShard` is given.
//! Holds:      nothing beyond one event.
//! Invariants: ST-1 an answer that rests on records leaves when they are committed, or is an error (G11).

use trial_sim::{Stream, Time};

use super::classic::Afterwards;
use super::consumer::ConsumerAfterwards;
use super::record::GroupRecord;
use super::request::GroupResponse;
use crate::error_code::ErrorCode;
use crate::image::MetadataImage;
use crate::mark::Mark;
use crate::note::group::GroupEvent;

/// Which request is answered: the broker's name for it.
pub type Token = u32;

/// What one event is lent.
pub struct Step<'a> {
    /// The time by which timers run.
    pub now: Time,
    /// What the wall clock of the host shows: what records and expiry of offsets go by, in milliseconds.
    pub wall_ms: i64,
    /// Draws for member ids.
    pub random: &'a mut Stream,
    /// The cluster as the coordinator knows it.
    pub image: &'a MetadataImage,
    /// What is to be done at once.
    pub effects: &'a mut Vec<GroupEffect>,
}

/// What the broker has to do, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupEffect {
    /// Answer a request.
    Reply {
        /// Which.
        token: Token,
        /// The answer.
        answer: Result<GroupResponse, GroupError>,
    },
    /// A request has no answer: its member has asked again, or was removed while it waited. In Kafka its connection
    /// stays mute until the client gives up.
    Forget {
        /// Which.
        token: Token,
    },
    /// A state was reached.
    Reached(&'static Mark),
    /// Write it down.
    Note(GroupEvent),
}

impl From<&'static Mark> for GroupEffect {
    fn from(mark: &'static Mark) -> Self {
        Self::Reached(mark)
    }
}

/// Why a request is refused as a whole. The broker makes the answer of the API from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupError {
    /// The code.
    pub code: ErrorCode,
    /// What is said of it, in the APIs that have room for that.
    pub message: Option<String>,
}

impl From<ErrorCode> for GroupError {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: None }
    }
}

impl GroupError {
    /// With words.
    #[must_use]
    pub fn because(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }
}

/// What is to be written, and what happens once it is committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The records.
    pub records: Vec<GroupRecord>,
    /// Whether they are replayed here. A classic group changes by itself, and writes down what it has become.
    pub replays: bool,
    /// Whether they have to stand in one batch.
    pub is_atomic: bool,
    /// What happens when they are committed, or cannot be. Without records: when all that was written before is.
    pub then: Then,
}

/// See [`Decision::then`].
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// Nobody waits.
    Nothing,
    /// A request is answered.
    Reply(Token, GroupResponse),
    /// A classic group goes on, and answers whom it likes.
    Classic(Box<Afterwards>),
    /// A member with the classic protocol in a consumer group is answered.
    Consumer(Box<ConsumerAfterwards>),
}

/// A decision, or why there is none. An error is told at once, unless it rests on what is not committed.
pub type Decided = Result<Decision, GroupError>;

impl Decision {
    /// Records that are replayed, and an answer.
    #[must_use]
    pub fn reply(records: Vec<GroupRecord>, token: Token, response: GroupResponse) -> Self {
        Self { records, replays: true, is_atomic: true, then: Then::Reply(token, response) }
    }

    /// Records that are replayed, for which nobody waits.
    #[must_use]
    pub fn records(records: Vec<GroupRecord>) -> Self {
        Self { records, replays: true, is_atomic: true, then: Then::Nothing }
    }

    /// What a classic group has become, and what it does once that is committed.
    #[must_use]
    pub fn classic(records: Vec<GroupRecord>, then: Afterwards) -> Self {
        Self { records, replays: false, is_atomic: true, then: Then::Classic(Box::new(then)) }
    }

    /// Nothing to write, nobody to tell.
    #[must_use]
    pub fn nothing() -> Self {
        Self::records(Vec::new())
    }
}
