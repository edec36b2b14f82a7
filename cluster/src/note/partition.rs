//! What a broker writes about one of its partitions.
//!
//! Holds: plain data, complete enough to judge R1, R7, R8, R10 to R15, R18 and R22 where bytes do not show them.
//!        A note is what the broker *believes*; where bytes can tell, checkers read bytes.

use trial_log::mark::Mark;
use trial_log::{LeaderEpoch, Offset};
use trial_sim::Hasher;

use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, PartitionEpoch, TopicPartition};

/// An event of one partition on the broker that wrote the note.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartitionNote {
    /// Which partition.
    pub partition: TopicPartition,
    /// What happened.
    pub event: PartitionEvent,
}

/// Why a follower cut its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TruncationCause {
    /// To its own high watermark: the rule of long ago, or a log without epochs.
    HighWatermark,
    /// Leader and follower differ in an epoch or in where it ends.
    Divergence,
    /// The leader's log ends earlier, which only an unclean election explains.
    LeaderIsBehind,
    /// The leader's log starts after the follower's end.
    LeaderStartsLater,
    /// The leader's log starts within a batch, and the follower takes the whole batch.
    BatchStartsEarlier,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PartitionEvent {
    /// This broker leads in a new epoch (R1, R14).
    BecameLeader {
        /// The epoch.
        leader_epoch: LeaderEpoch,
        /// The version of the registration.
        partition_epoch: PartitionEpoch,
        /// Where the epoch starts: the log end.
        epoch_start_offset: Offset,
        /// Its high watermark so far.
        high_watermark: Offset,
        /// The in-sync set; it is the maximal one too.
        isr: Vec<BrokerId>,
        /// Whether it led in the epoch before.
        was_leader: bool,
    },
    /// A leader took a newer registration of its own epoch; whatever change was pending is dropped (R7).
    LeaderUpdated {
        /// The version of the registration.
        partition_epoch: PartitionEpoch,
        /// The in-sync set; it is the maximal one too.
        isr: Vec<BrokerId>,
    },
    /// This broker follows in a new epoch.
    BecameFollower {
        /// The leader, `BrokerId::NONE` if there is none.
        leader: BrokerId,
        /// Its epoch.
        leader_epoch: LeaderEpoch,
        /// The version of the registration.
        partition_epoch: PartitionEpoch,
        /// Where the own log ends.
        log_end_offset: Offset,
        /// The own high watermark.
        high_watermark: Offset,
    },
    /// A registration was not newer than the known one.
    MetadataIgnored {
        /// Its version.
        partition_epoch: PartitionEpoch,
        /// The known one.
        known: PartitionEpoch,
    },
    /// A leader's high watermark moved (R8, R10, R11).
    LeaderHighWatermarkMoved {
        /// Where it stood.
        from: Offset,
        /// Where it stands.
        to: Offset,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// How many are committed as in sync.
        committed_isr: u16,
        /// How many the maximal set has.
        maximal_isr: u16,
        /// min(`min.insync.replicas`, replicas).
        min_isr: u16,
    },
    /// A follower's high watermark moved, forward or back.
    FollowerHighWatermarkMoved {
        /// Where it stood.
        from: Offset,
        /// Where it stands.
        to: Offset,
        /// The epoch that it follows in.
        leader_epoch: LeaderEpoch,
    },
    /// A leader asks the controller to take a replica in (R22). From here on it is in the maximal set (R7).
    IsrExpandAsked {
        /// Who.
        joining: BrokerId,
        /// Where its log ends.
        follower_end: Offset,
        /// The leader's high watermark.
        high_watermark: Offset,
        /// Where the leader's epoch starts.
        epoch_start_offset: Offset,
        /// The partition epoch that the change builds on.
        partition_epoch: PartitionEpoch,
    },
    /// A leader asks the controller to drop members; until it agrees they stay in the maximal set (R7).
    IsrShrinkAsked {
        /// Who is to stay.
        staying: Vec<BrokerId>,
        /// The partition epoch that the change builds on.
        partition_epoch: PartitionEpoch,
        /// Where the leader's log ends.
        log_end_offset: Offset,
    },
    /// The controller agreed, or said that it is so already.
    IsrCommitted {
        /// The in-sync set.
        isr: Vec<BrokerId>,
        /// The version of the registration.
        partition_epoch: PartitionEpoch,
    },
    /// The controller did not apply the change: the committed set is the maximal one again.
    IsrReverted {
        /// Why.
        error: ErrorCode,
    },
    /// It is unknown what the controller did: the change stays pending until newer metadata arrives.
    IsrLeftPending {
        /// Why.
        error: ErrorCode,
    },
    /// The change is sent again.
    IsrRetried {
        /// Why.
        error: ErrorCode,
    },
    /// The answer was to a change that is not pending any more.
    IsrAnswerIgnored,
    /// A produce with acks=all was answered, or would be (R12).
    ProduceCompleted {
        /// The offset after its last record.
        required: Offset,
        /// The high watermark.
        high_watermark: Offset,
        /// How many the maximal set has.
        maximal_isr: u16,
        /// min(`min.insync.replicas`, replicas).
        min_isr: u16,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// The answer.
        error: ErrorCode,
    },
    /// A follower cut its log (R15).
    Truncated {
        /// Where it ended.
        from: Offset,
        /// Where it ends.
        to: Offset,
        /// The high watermark before the cut.
        high_watermark: Offset,
        /// Why.
        cause: TruncationCause,
        /// The leader epoch in which the leader was asked whose answer this follows (R18); none if nobody was.
        asked_in: LeaderEpoch,
    },
    /// A follower dropped its whole log.
    LogRestarted {
        /// Where it ended.
        from: Offset,
        /// Where it starts and ends.
        at: Offset,
        /// The high watermark before.
        high_watermark: Offset,
        /// Why.
        cause: TruncationCause,
    },
    /// An answer to a fetch came too late and was not applied (R18).
    StaleFetchResponse {
        /// The offset of the request.
        fetch_offset: Offset,
        /// Its leader epoch.
        leader_epoch: LeaderEpoch,
        /// The leader epoch now.
        current_leader_epoch: LeaderEpoch,
    },
    /// A follower leaves the partition alone for `replica.fetch.backoff.ms`.
    FetchDelayed {
        /// Why.
        error: ErrorCode,
    },
    /// A follower stops fetching until another leader epoch arrives.
    FetchParked {
        /// Why.
        error: ErrorCode,
    },
    /// It came to a state that matters.
    Reached(&'static Mark),
}

impl PartitionNote {
    /// Takes every field into the digest.
    pub fn digest(&self, into: &mut Hasher) {
        into.u128(self.partition.topic.0);
        into.i32(self.partition.partition);
        self.event.digest(into);
    }
}

impl PartitionEvent {
    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    fn digest(&self, into: &mut Hasher) {
        match self {
            Self::BecameLeader {
                leader_epoch,
                partition_epoch,
                epoch_start_offset,
                high_watermark,
                isr,
                was_leader,
            } => {
                into.u8(0);
                into.i32(leader_epoch.0);
                into.i32(partition_epoch.0);
                into.i64(epoch_start_offset.0);
                into.i64(high_watermark.0);
                members(into, isr);
                into.bool(*was_leader);
            }
            Self::LeaderUpdated { partition_epoch, isr } => {
                into.u8(1);
                into.i32(partition_epoch.0);
                members(into, isr);
            }
            Self::BecameFollower {
                leader,
                leader_epoch,
                partition_epoch,
                log_end_offset,
                high_watermark,
            } => {
                into.u8(2);
                into.i32(leader.0);
                into.i32(leader_epoch.0);
                into.i32(partition_epoch.0);
                into.i64(log_end_offset.0);
                into.i64(high_watermark.0);
            }
            Self::MetadataIgnored { partition_epoch, known } => {
                into.u8(3);
                into.i32(partition_epoch.0);
                into.i32(known.0);
            }
            Self::LeaderHighWatermarkMoved {
                from,
                to,
                leader_epoch,
                committed_isr,
                maximal_isr,
                min_isr,
            } => {
                into.u8(4);
                into.i64(from.0);
                into.i64(to.0);
                into.i32(leader_epoch.0);
                into.u16(*committed_isr);
                into.u16(*maximal_isr);
                into.u16(*min_isr);
            }
            Self::FollowerHighWatermarkMoved { from, to, leader_epoch } => {
                into.u8(5);
                into.i64(from.0);
                into.i64(to.0);
                into.i32(leader_epoch.0);
            }
            Self::IsrExpandAsked {
                joining,
                follower_end,
                high_watermark,
                epoch_start_offset,
                partition_epoch,
            } => {
                into.u8(6);
                into.i32(joining.0);
                into.i64(follower_end.0);
                into.i64(high_watermark.0);
                into.i64(epoch_start_offset.0);
                into.i32(partition_epoch.0);
            }
            Self::IsrShrinkAsked { staying, partition_epoch, log_end_offset } => {
                into.u8(7);
                members(into, staying);
                into.i32(partition_epoch.0);
                into.i64(log_end_offset.0);
            }
            Self::IsrCommitted { isr, partition_epoch } => {
                into.u8(8);
                members(into, isr);
                into.i32(partition_epoch.0);
            }
            Self::IsrReverted { error } => {
                into.u8(9);
                into.i32(error.code().into());
            }
            Self::IsrLeftPending { error } => {
                into.u8(10);
                into.i32(error.code().into());
            }
            Self::IsrRetried { error } => {
                into.u8(11);
                into.i32(error.code().into());
            }
            Self::IsrAnswerIgnored => into.u8(12),
            Self::ProduceCompleted {
                required,
                high_watermark,
                maximal_isr,
                min_isr,
                leader_epoch,
                error,
            } => {
                into.u8(13);
                into.i64(required.0);
                into.i64(high_watermark.0);
                into.u16(*maximal_isr);
                into.u16(*min_isr);
                into.i32(leader_epoch.0);
                into.i32(error.code().into());
            }
            Self::Truncated { from, to, high_watermark, cause, asked_in } => {
                into.u8(14);
                into.i64(from.0);
                into.i64(to.0);
                into.i64(high_watermark.0);
                into.u8(*cause as u8);
                into.i32(asked_in.0);
            }
            Self::LogRestarted { from, at, high_watermark, cause } => {
                into.u8(15);
                into.i64(from.0);
                into.i64(at.0);
                into.i64(high_watermark.0);
                into.u8(*cause as u8);
            }
            Self::StaleFetchResponse { fetch_offset, leader_epoch, current_leader_epoch } => {
                into.u8(16);
                into.i64(fetch_offset.0);
                into.i32(leader_epoch.0);
                into.i32(current_leader_epoch.0);
            }
            Self::FetchDelayed { error } => {
                into.u8(17);
                into.i32(error.code().into());
            }
            Self::FetchParked { error } => {
                into.u8(18);
                into.i32(error.code().into());
            }
            Self::Reached(mark) => {
                into.u8(19);
                into.text(mark.name);
            }
        }
    }
}

fn members(into: &mut Hasher, brokers: &[BrokerId]) {
    into.u64(u64::try_from(brokers.len()).expect("a handful"));
    for broker in brokers {
        into.i32(broker.0);
    }
}
