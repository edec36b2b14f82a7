//! The timers of a coordinator.
//!
//! In Kafka:   `CoordinatorTimer`, `CoordinatorTimerImpl`, and the keys that `GroupMetadataManager` makes.
//! Holds:      for each key when it is due. What happens then is the machine's, by the key.
//! Invariants: TI-1 a key is due once; setting it again takes the earlier time back. TI-2 one that has run out waits
//!             for its turn in the shard's queue, and does nothing if it is taken back or set again before.

use std::collections::{BTreeMap, BTreeSet};

use trial_sim::{Span, Time};

use super::state::{GroupId, MemberId};
use crate::config::group::GroupSettings;

/// After how long most timers are tried again.
const RETRY_BACKOFF: Span = Span::from_millis(500);

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

impl TimerKey {
    /// After how long it is tried again when what it does cannot be done; none: it is not (`CoordinatorTimerImpl`).
    #[must_use]
    pub fn retry_backoff(&self, settings: &GroupSettings) -> Option<Span> {
        match self {
            Self::ClassicJoin(_)
            | Self::ClassicSync(_)
            | Self::ClassicHeartbeat(..)
            | Self::ConsumerRegex(_) => None,
            Self::Expiry => Some(settings.offsets_retention_check_interval),
            Self::ConsumerSession(..)
            | Self::ConsumerRebalance(..)
            | Self::ConsumerJoin(..)
            | Self::ConsumerSync(..) => Some(RETRY_BACKOFF),
        }
    }
}

/// One that is set.
#[derive(Debug, Clone, Copy)]
struct Set {
    at: Time,
    /// Which setting of the key this is.
    serial: u64,
}

/// The timers of one shard.
#[derive(Debug, Clone, Default)]
pub struct Timers {
    set: BTreeMap<TimerKey, Set>,
    /// Those that have not run out.
    order: BTreeSet<(Time, TimerKey)>,
    settings: u64,
}

impl Timers {
    /// `key` is due at `at`, and not when it was before.
    pub fn schedule(&mut self, key: TimerKey, at: Time) {
        self.cancel(&key);
        self.order.insert((at, key.clone()));
        self.settings += 1;
        self.set.insert(key, Set { at, serial: self.settings });
    }

    /// The same, unless it is scheduled already.
    pub fn schedule_if_absent(&mut self, key: TimerKey, at: Time) {
        if !self.is_scheduled(&key) {
            self.schedule(key, at);
        }
    }

    /// It is not due any more.
    pub fn cancel(&mut self, key: &TimerKey) {
        if let Some(set) = self.set.remove(key) {
            self.order.remove(&(set.at, key.clone()));
        }
    }

    /// Whether it will be due, or has run out and waits for its turn.
    #[must_use]
    pub fn is_scheduled(&self, key: &TimerKey) -> bool {
        self.set.contains_key(key)
    }

    /// When the first one is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Lets one run out that is due, the longest overdue first: it stays scheduled until [`Self::take`].
    pub fn run_out(&mut self, now: Time) -> Option<(TimerKey, u64)> {
        let (at, key) = self.order.first().filter(|(at, _)| *at <= now).cloned()?;
        self.order.remove(&(at, key.clone()));
        let serial = self.set.get(&key).expect("what is in order is set").serial;
        Some((key, serial))
    }

    /// Takes one that has run out; false if it was taken back or set again meanwhile.
    pub fn take(&mut self, key: &TimerKey, serial: u64) -> bool {
        let is_it = self.set.get(key).is_some_and(|set| set.serial == serial);
        if is_it {
            self.cancel(key);
        }
        is_it
    }

    /// Takes one that is due, the longest overdue first.
    pub fn take_due(&mut self, now: Time) -> Option<TimerKey> {
        let (key, serial) = self.run_out(now)?;
        let taken = self.take(&key, serial);
        assert!(taken, "TI-1: {key:?} has run out just now");
        Some(key)
    }

    /// Takes all back.
    pub fn cancel_all(&mut self) {
        self.set.clear();
        self.order.clear();
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
        let (ran_out, serial) = timers.run_out(at(1)).expect("it is due");
        assert_eq!((&ran_out, timers.next_deadline()), (&key("a"), None));
        assert!(timers.is_scheduled(&key("a")), "TI-2: it waits for its turn");
        timers.schedule(key("a"), at(2));
        assert!(!timers.take(&ran_out, serial), "TI-2: it was set again");
        timers.cancel(&key("a"));
        assert!(!timers.is_scheduled(&key("a")) && timers.next_deadline().is_none());
    }
}
