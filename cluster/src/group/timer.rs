//! The timers of a coordinator.
//!
//! In Kafka:   `CoordinatorTimer`, `CoordinatorTimerImpl`, and the keys that `GroupMetadataManager` makes.
//! Holds:      for each key when it is due. What happens then is the machine's, by the key.
//! Invariants: TI-1 a key is due once; setting it again takes the earlier time back.

use std::collections::{BTreeMap, BTreeSet};

use trial_sim::Time;

use super::state::{GroupId, MemberId};

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKey {
    /// The join phase of a classic group ends (`classicGroupJoinKey`).
    ClassicJoin(GroupId),
    /// Members of a classic group have not synced (`classicGroupSyncKey`).
    ClassicSync(GroupId),
    /// A member of a classic group, or one that has an id and has not joined, was not heard of
    /// (`classicGroupHeartbeatKey`).
    ClassicHeartbeat(GroupId, MemberId),
    /// A member of a consumer group was not heard of (`groupSessionTimeoutKey`).
    ConsumerSession(GroupId, MemberId),
    /// A member of a consumer group has not given back what it has to (`groupRebalanceTimeoutKey`).
    ConsumerRebalance(GroupId, MemberId),
    /// A member with the classic protocol in a consumer group has not joined again (`consumerGroupJoinKey`).
    ConsumerJoin(GroupId, MemberId),
    /// It has not synced (`consumerGroupSyncKey`).
    ConsumerSync(GroupId, MemberId),
    /// The regular expressions of a consumer group were resolved in the background (`CoordinatorExecutor`, its key is
    /// the group and `-regex`).
    ConsumerRegex(GroupId),
    /// Offsets and groups that have expired are looked for (`offsets.retention.check.interval.ms`).
    Expiry,
}

/// The timers of one shard.
#[derive(Debug, Clone, Default)]
pub struct Timers {
    due: BTreeMap<TimerKey, Time>,
    order: BTreeSet<(Time, TimerKey)>,
}

impl Timers {
    /// `key` is due at `at`, and not when it was before.
    pub fn schedule(&mut self, key: TimerKey, at: Time) {
        self.cancel(&key);
        self.order.insert((at, key.clone()));
        self.due.insert(key, at);
    }

    /// The same, unless it is scheduled already.
    pub fn schedule_if_absent(&mut self, key: TimerKey, at: Time) {
        if !self.is_scheduled(&key) {
            self.schedule(key, at);
        }
    }

    /// It is not due any more.
    pub fn cancel(&mut self, key: &TimerKey) {
        if let Some(at) = self.due.remove(key) {
            self.order.remove(&(at, key.clone()));
        }
    }

    /// Whether it will be due.
    #[must_use]
    pub fn is_scheduled(&self, key: &TimerKey) -> bool {
        self.due.contains_key(key)
    }

    /// When the first one is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes one that is due, the longest overdue first.
    pub fn take_due(&mut self, now: Time) -> Option<TimerKey> {
        let (at, key) = self.order.first().filter(|(at, _)| *at <= now).cloned()?;
        self.order.remove(&(at, key.clone()));
        self.due.remove(&key);
        Some(key)
    }

    /// Takes all back.
    pub fn cancel_all(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use trial_sim::Span;

    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Span::from_millis(ms)
    }

    #[test]
    fn a_key_is_due_once_and_at_its_last_time() {
        let mut timers = Timers::default();
        let key = |name: &str| TimerKey::ClassicJoin(name.into());
        timers.schedule(key("a"), at(30));
        timers.schedule(key("b"), at(20));
        timers.schedule(key("a"), at(10));
        timers.schedule_if_absent(key("b"), at(5));
        assert_eq!(timers.next_deadline(), Some(at(10)));
        assert_eq!(timers.take_due(at(9)), None);
        assert_eq!(timers.take_due(at(30)), Some(key("a")));
        assert_eq!(timers.take_due(at(30)), Some(key("b")));
        assert_eq!(timers.take_due(at(99)), None, "TI-1");
        timers.schedule(key("a"), at(1));
        timers.cancel(&key("a"));
        assert!(!timers.is_scheduled(&key("a")) && timers.next_deadline().is_none());
    }
}
