//! Carries the leaders' changes of their in-sync sets to the controller, one request at a time.
//!
//! In Kafka:   `DefaultAlterPartitionManager` (KIP-497, KIP-903).
//! Holds:      the change that each partition has asked for, and whether a request is under way.
//! Inputs:     a change, the controller's answer. Effects: a request to send, an answer for a partition.
//! Invariants: AP-1 one request in flight per broker. AP-2 one change per partition: a second is refused with
//!             OPERATION_NOT_ATTEMPTED. AP-3 a request never times out; a top-level error is tried again after
//!             50 ms.

use std::collections::BTreeMap;

use trial_sim::{Span, Time};

use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch, TopicPartition};

/// The in-sync set that a leader wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsrChange {
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The partition epoch that the change builds on.
    pub partition_epoch: PartitionEpoch,
    /// The members with the broker epochs that the leader knows of them.
    pub isr: Vec<(BrokerId, BrokerEpoch)>,
    /// Whether the leader is still recovering from an unclean election.
    pub recovering: bool,
}

/// What the controller says about one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsrAnswer {
    /// The leader, as the controller knows it.
    pub leader: BrokerId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// The in-sync set.
    pub isr: Vec<BrokerId>,
    /// Whether the leader is recovering.
    pub recovering: bool,
    /// The partition's epoch.
    pub partition_epoch: PartitionEpoch,
}

/// The machine. One per broker.
#[derive(Debug, Clone, Default)]
pub struct AlterPartitionManager {
    unsent: BTreeMap<TopicPartition, IsrChange>,
    in_flight: Option<Vec<(TopicPartition, IsrChange)>>,
    retry_at: Option<Time>,
}

impl AlterPartitionManager {
    /// Retry after a top-level error.
    const RETRY: Span = Span::from_millis(50);

    /// Takes a change; answers false if the partition still has one here (AP-2).
    pub fn submit(&mut self, partition: TopicPartition, change: IsrChange) -> bool {
        if self.unsent.contains_key(&partition) {
            return false;
        }
        self.unsent.insert(partition, change);
        true
    }

    /// The changes to send now, if none are under way.
    pub fn take_request(&mut self) -> Option<Vec<(TopicPartition, IsrChange)>> {
        if self.in_flight.is_some() || self.retry_at.is_some() || self.unsent.is_empty() {
            return None;
        }
        let changes: Vec<_> =
            self.unsent.iter().map(|(partition, change)| (*partition, change.clone())).collect();
        self.in_flight = Some(changes.clone());
        Some(changes)
    }

    /// The controller answered, or the answer could not be read: `Err` is a top-level error. Hands back, for each
    /// partition that was sent and answered, what it asked for and what it got.
    pub fn on_answer(
        &mut self,
        now: Time,
        answer: Result<BTreeMap<TopicPartition, Result<IsrAnswer, ErrorCode>>, ErrorCode>,
    ) -> Vec<(TopicPartition, IsrChange, Result<IsrAnswer, ErrorCode>)> {
        let sent = self.in_flight.take().unwrap_or_default();
        let mut answers = match answer {
            Ok(answers) => answers,
            Err(_) => {
                self.retry_at = Some(now + Self::RETRY);
                return Vec::new();
            }
        };
        let mut told = Vec::new();
        for (partition, change) in sent {
            // One that the controller left out stays, and is sent again.
            if let Some(answer) = answers.remove(&partition) {
                self.unsent.remove(&partition);
                told.push((partition, change, answer));
            }
        }
        told
    }

    /// When a retry is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.retry_at
    }

    /// The time has come: `take_request` may answer again.
    pub fn on_timer(&mut self, now: Time) {
        if self.retry_at.is_some_and(|due| due <= now) {
            self.retry_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AlterPartitionManager, IsrChange};
    use crate::error_code::ErrorCode;
    use crate::ids::{LeaderEpoch, PartitionEpoch, TopicPartition, Uuid};
    use std::collections::BTreeMap;
    use trial_sim::Time;

    fn partition(index: i32) -> TopicPartition {
        TopicPartition { topic: Uuid(9), partition: index }
    }

    fn change() -> IsrChange {
        IsrChange {
            leader_epoch: LeaderEpoch(1),
            partition_epoch: PartitionEpoch(1),
            isr: Vec::new(),
            recovering: false,
        }
    }

    #[test]
    fn one_request_is_in_flight_and_later_changes_wait() {
        let mut manager = AlterPartitionManager::default();
        assert!(manager.submit(partition(0), change()), "the first");
        assert_eq!(manager.take_request().map(|request| request.len()), Some(1));
        assert!(manager.submit(partition(1), change()), "another partition");
        assert!(!manager.submit(partition(0), change()), "AP-2");
        assert_eq!(manager.take_request(), None, "AP-1");
        let refused = BTreeMap::from([(partition(0), Err(ErrorCode::FencedLeaderEpoch))]);
        assert_eq!(manager.on_answer(Time::ZERO, Ok(refused)).len(), 1);
        assert_eq!(manager.take_request().map(|request| request.len()), Some(1));
    }

    #[test]
    fn a_top_level_error_is_tried_again_after_fifty_milliseconds() {
        let mut manager = AlterPartitionManager::default();
        manager.submit(partition(0), change());
        manager.take_request();
        assert_eq!(manager.on_answer(Time(5), Err(ErrorCode::StaleBrokerEpoch)), []);
        assert_eq!(manager.take_request(), None);
        assert_eq!(manager.next_deadline(), Some(Time(50_000_005)));
        manager.on_timer(Time(50_000_005));
        assert_eq!(manager.take_request().map(|request| request.len()), Some(1));
    }
}
