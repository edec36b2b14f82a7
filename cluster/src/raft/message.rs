//! What replicas of the quorum say to each other, as values.
//!
//! In Kafka:   `VoteRequest`, `BeginQuorumEpochRequest`, `EndQuorumEpochRequest`, `FetchRequest` for the one
//!             partition of `__cluster_metadata`, and their responses. `wire` turns them into bytes and back.
//! Holds:      only what the quorum reads; the topic and partition were checked by `wire`.

use std::sync::Arc;

use bytes::Bytes;

use super::voters::{Endpoint, ReplicaKey};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch, Offset};

/// A place in a log: everything below `offset` was written in epochs up to `epoch`. Orders by epoch first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OffsetAndEpoch {
    /// The epoch of the last record below.
    pub epoch: LeaderEpoch,
    /// The end.
    pub offset: Offset,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A vote, or whether a vote would be given (KIP-996).
    Vote(Vote),
    /// Follow me.
    BeginQuorumEpoch(BeginQuorumEpoch),
    /// Follow me no longer.
    EndQuorumEpoch(EndQuorumEpoch),
    /// Records.
    Fetch(Fetch),
    /// Who is in the quorum, and how far each has come.
    DescribeQuorum,
}

/// Which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `Vote`.
    Vote,
    /// `BeginQuorumEpoch`.
    BeginQuorumEpoch,
    /// `EndQuorumEpoch`.
    EndQuorumEpoch,
    /// `Fetch`.
    Fetch,
    /// `DescribeQuorum`.
    DescribeQuorum,
}

/// A request with the cluster that it is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The sender's cluster, if it says.
    pub cluster_id: Option<Arc<str>>,
    /// The request; none if it was for another topic or partition.
    pub request: Option<Request>,
    /// Which request it is, even if it was malformed.
    pub api: Api,
}

/// A candidate asks for a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// Who asks.
    pub candidate: ReplicaKey,
    /// The epoch in which it wants to lead; of a pre-vote, the one in which it is.
    pub epoch: LeaderEpoch,
    /// The end of its log.
    pub log_end: OffsetAndEpoch,
    /// Whom it believes to ask.
    pub voter: Option<ReplicaKey>,
    /// Whether this only sounds out.
    pub pre_vote: bool,
}

/// A leader announces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginQuorumEpoch {
    /// The leader.
    pub leader: BrokerId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// Where it listens.
    pub leader_endpoint: Option<Endpoint>,
    /// Whom it believes to tell.
    pub voter: Option<ReplicaKey>,
}

/// A leader lays down its leadership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndQuorumEpoch {
    /// The leader.
    pub leader: BrokerId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// Where it listens.
    pub leader_endpoint: Option<Endpoint>,
    /// Who should lead next, best first.
    pub preferred_candidates: Vec<ReplicaKey>,
}

/// A replica asks for records beyond its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    /// Who asks; a negative id is nobody whose progress counts.
    pub replica: ReplicaKey,
    /// Its epoch.
    pub current_leader_epoch: LeaderEpoch,
    /// The end of its log, and the epoch of its last record.
    pub position: OffsetAndEpoch,
    /// The high watermark that it knows.
    pub high_watermark: Option<Offset>,
    /// How long the leader may wait for something new.
    pub max_wait_ms: i32,
    /// How many bytes it wants.
    pub max_bytes: i32,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// What went wrong before the partition was looked at.
    pub top_level_error: ErrorCode,
    /// What went wrong with the partition.
    pub error: ErrorCode,
    /// Who leads, as far as the answering replica knows.
    pub leader: Option<BrokerId>,
    /// The epoch of the answering replica.
    pub epoch: LeaderEpoch,
    /// Where the leader listens.
    pub leader_endpoint: Option<Endpoint>,
    /// The rest.
    pub body: ResponseBody,
}

/// The part of an answer that differs by request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseBody {
    /// To `Vote`.
    Vote {
        /// Whether the vote was (or would be) given.
        granted: bool,
    },
    /// To `BeginQuorumEpoch`.
    BeginQuorumEpoch,
    /// To `EndQuorumEpoch`.
    EndQuorumEpoch,
    /// To `Fetch`.
    Fetch(Fetched),
    /// To `DescribeQuorum`: the high watermark, and the rest.
    DescribeQuorum(Option<Offset>, Described),
}

/// Who is in the quorum, as its leader knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// Who votes.
    pub voters: Vec<DescribedReplica>,
    /// Who only fetches.
    pub observers: Vec<DescribedReplica>,
    /// Where voters listen.
    pub nodes: Vec<(BrokerId, Vec<Endpoint>)>,
}

/// How far a replica has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescribedReplica {
    /// Which.
    pub key: ReplicaKey,
    /// The end of its log, as it said; the leader's is its own.
    pub end: Option<Offset>,
    /// When it last fetched, in milliseconds since 1970; -1: never in this epoch.
    pub fetched_ms: i64,
    /// When it last had everything that the leader had; -1: not in this epoch.
    pub caught_up_ms: i64,
}

/// What a fetch brings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Batches, whole.
    pub records: Bytes,
    /// The leader's high watermark.
    pub high_watermark: Option<Offset>,
    /// Where the leader's log starts.
    pub log_start_offset: Option<Offset>,
    /// Where the leader's log of that epoch ends: the follower's goes elsewhere.
    pub diverging: Option<OffsetAndEpoch>,
}

impl Request {
    /// Which request this is.
    #[must_use]
    pub fn api(&self) -> Api {
        match self {
            Self::Vote(_) => Api::Vote,
            Self::BeginQuorumEpoch(_) => Api::BeginQuorumEpoch,
            Self::EndQuorumEpoch(_) => Api::EndQuorumEpoch,
            Self::Fetch(_) => Api::Fetch,
            Self::DescribeQuorum => Api::DescribeQuorum,
        }
    }
}

impl Api {
    /// An answer of this request with nothing in it.
    #[must_use]
    pub fn empty_body(self) -> ResponseBody {
        match self {
            Self::Vote => ResponseBody::Vote { granted: false },
            Self::BeginQuorumEpoch => ResponseBody::BeginQuorumEpoch,
            Self::EndQuorumEpoch => ResponseBody::EndQuorumEpoch,
            Self::Fetch => ResponseBody::Fetch(Fetched::default()),
            Self::DescribeQuorum => ResponseBody::DescribeQuorum(None, Described::default()),
        }
    }
}

impl Response {
    /// An answer that says only what went wrong with the request as a whole.
    #[must_use]
    pub fn failed(api: Api, error: ErrorCode) -> Self {
        Self {
            top_level_error: error,
            error: ErrorCode::None,
            leader: None,
            epoch: LeaderEpoch(-1),
            leader_endpoint: None,
            body: api.empty_body(),
        }
    }
}
