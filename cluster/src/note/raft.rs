//! What a replica of the quorum notes: enough to judge K1 to K9, K11 and K13.
//!
//! Holds:      plain data; the host that notes is the replica. A note is written when others may see what it
//!             says, so a vote is noted when it is on disk and its answer leaves.

use trial_log::mark::Mark;

use crate::ids::{BrokerId, LeaderEpoch, Offset};
use crate::raft::voters::ReplicaKey;

/// What a replica is in its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RaftRole {
    /// It knows no leader, or cannot reach it.
    Unattached,
    /// It sounds out whether it could win an election.
    Prospective,
    /// It stands for election.
    Candidate,
    /// It leads.
    Leader,
    /// It follows a leader.
    Follower,
    /// It has led and does no more.
    Resigned,
}

/// One step of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RaftNote {
    /// It has read its disk.
    Opened {
        /// The epoch that it starts in.
        epoch: LeaderEpoch,
        /// The end of its log.
        end: Offset,
        /// Whether it votes.
        is_voter: bool,
    },
    /// It changed its state. Whatever is durable in it is on disk.
    Transition {
        /// What it is now.
        role: RaftRole,
        /// The epoch.
        epoch: LeaderEpoch,
        /// The leader of the epoch, if it knows.
        leader: Option<BrokerId>,
        /// To whom its vote of this epoch went, as far as it remembers.
        voted: Option<ReplicaKey>,
        /// The high watermark that it knows.
        high_watermark: Option<Offset>,
        /// Whether it votes.
        is_voter: bool,
    },
    /// It gave its vote (a candidate to itself, too).
    VoteGranted {
        /// The epoch.
        epoch: LeaderEpoch,
        /// To whom.
        candidate: ReplicaKey,
    },
    /// It would give its vote.
    PreVoteGranted {
        /// The epoch that the candidate is in.
        epoch: LeaderEpoch,
        /// To whom.
        candidate: ReplicaKey,
    },
    /// It leads from this offset on.
    EpochStarted {
        /// The epoch.
        epoch: LeaderEpoch,
        /// The end of its log at that moment.
        offset: Offset,
    },
    /// A batch is in its log.
    Appended {
        /// The batch's first offset.
        base_offset: Offset,
        /// The batch's last offset.
        last_offset: Offset,
        /// The epoch in which it was first written.
        epoch: LeaderEpoch,
        /// Its checksum.
        crc: u32,
        /// Whether this replica wrote it first.
        is_leader: bool,
    },
    /// Everything below is on disk.
    Flushed {
        /// The end.
        end: Offset,
    },
    /// It cut its log because the leader's goes elsewhere.
    Truncated {
        /// Where it ended.
        from: Offset,
        /// Where it ends.
        to: Offset,
    },
    /// Its high watermark moved.
    HighWatermark {
        /// The epoch.
        epoch: LeaderEpoch,
        /// Where it stands.
        offset: Offset,
        /// Whether it computed it, as the leader.
        is_leader: bool,
    },
    /// A fetch of a voter has reached it, the leader, in its epoch: bytes are seen when they are sent, not when they
    /// arrive.
    VoterFetched {
        /// Who fetched.
        voter: BrokerId,
    },
    /// A leader has not heard from a majority for too long.
    QuorumLost {
        /// The epoch that it gives up.
        epoch: LeaderEpoch,
    },
    /// It, or its log, came to a state that matters.
    Reached(&'static Mark),
}
