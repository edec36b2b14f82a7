//! What the controller part notes.
//!
//! Holds: what was decided and why, as plain data. A decision is noted when its records are appended: it counts once
//!        the record at `offset` is committed, and may be undone by a change of leader before that.

use std::sync::Arc;

use trial_log::mark::Mark;
use trial_sim::Hasher;

use crate::controller::election::ElectedFrom;
use crate::error_code::ErrorCode;
use crate::ids::{
    BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionEpoch, TopicId, TopicPartition, Uuid,
};
use crate::image::PartitionRegistration;

/// Why the controller changed partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeReason {
    /// The broker was fenced: its session ran out, or it asked for it, or it may stop now.
    Fenced(BrokerId),
    /// The broker was unfenced: partitions without a leader may get one.
    Unfenced(BrokerId),
    /// The broker leaves in good order.
    ControlledShutdown(BrokerId),
    /// Another incarnation registered, after a shutdown that lost nothing.
    CleanRestart(BrokerId),
    /// Another incarnation registered, after a shutdown that may have lost something (KIP-966).
    UncleanRestart(BrokerId),
    /// A log directory of the broker went offline.
    DirectoryOffline(BrokerId),
    /// The leader asked for another in-sync set.
    AlterPartition(BrokerId),
    /// An administrator asked for an election.
    ElectLeaders,
    /// The periodic return to preferred leaders.
    PreferredElection,
    /// The periodic search for a leader at any price.
    UncleanElection,
    /// A setting changed, and with it who is eligible.
    Configuration,
    /// Topics came or went.
    Topics,
    /// Somebody asked for other replicas, or for those from before.
    Reassignment,
    /// Nothing of the above: registrations, activation, no-ops.
    Other,
}

/// What the controller says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControllerNote {
    /// It leads the quorum and begins to decide.
    Activated {
        /// The epoch.
        epoch: LeaderEpoch,
        /// Where its first record goes.
        next_write_offset: Offset,
    },
    /// It leads no longer and forgets what was not committed.
    Renounced {
        /// The epoch that it led.
        epoch: LeaderEpoch,
        /// The last offset that it still knows.
        reverted_to: Offset,
    },
    /// A broker was registered.
    BrokerRegistered {
        /// Of the record.
        offset: Offset,
        /// The broker.
        id: BrokerId,
        /// Its epoch.
        epoch: BrokerEpoch,
        /// The process.
        incarnation: Uuid,
        /// The epoch of the registration before; none if there was none.
        previous: Option<BrokerEpoch>,
        /// Whether it shut down cleanly before; a registration that is only amended counts as clean.
        clean: bool,
    },
    /// A broker may not lead or be in sync.
    BrokerFenced {
        /// Of the record.
        offset: Offset,
        /// The broker.
        id: BrokerId,
        /// Its epoch.
        epoch: BrokerEpoch,
    },
    /// A broker may lead and be in sync.
    BrokerUnfenced {
        /// Of the record.
        offset: Offset,
        /// The broker.
        id: BrokerId,
        /// Its epoch.
        epoch: BrokerEpoch,
    },
    /// A broker began to leave.
    ControlledShutdownBegun {
        /// Of the record.
        offset: Offset,
        /// The broker.
        id: BrokerId,
        /// Its epoch.
        epoch: BrokerEpoch,
    },
    /// A topic came.
    TopicCreated {
        /// Of the record.
        offset: Offset,
        /// Its id.
        id: TopicId,
        /// Its name.
        name: Arc<str>,
    },
    /// A topic went.
    TopicDeleted {
        /// Of the record.
        offset: Offset,
        /// Its id.
        id: TopicId,
    },
    /// A partition came or changed.
    PartitionChanged {
        /// Of the record.
        offset: Offset,
        /// Which one.
        partition: TopicPartition,
        /// As it was; none if it is new.
        old: Option<Arc<PartitionRegistration>>,
        /// As it is.
        new: Arc<PartitionRegistration>,
        /// Why.
        why: ChangeReason,
        /// From where a new leader was taken.
        elected: Option<ElectedFrom>,
    },
    /// A leader asked for an in-sync set and did not get it.
    AlterPartitionRefused {
        /// Who asked.
        broker: BrokerId,
        /// For which partition; none if the whole request was refused.
        partition: Option<TopicPartition>,
        /// The leader epoch that it named.
        leader_epoch: LeaderEpoch,
        /// The partition epoch that it named.
        partition_epoch: PartitionEpoch,
        /// What it was told.
        error: ErrorCode,
    },
    /// It came to a state that matters.
    Reached(&'static Mark),
}

impl From<&'static Mark> for ControllerNote {
    fn from(mark: &'static Mark) -> Self {
        Self::Reached(mark)
    }
}

impl ControllerNote {
    /// Takes every field into the digest: the debug form has them all, and these notes are few.
    pub fn digest(&self, into: &mut Hasher) {
        into.text(&format!("{self:?}"));
    }
}
