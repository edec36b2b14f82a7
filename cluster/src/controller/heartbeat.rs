//! Tracks who was heard of when, and decides what a heartbeat does: unfence, fence, begin to leave, leave.
//!
//! In Kafka:   `BrokerHeartbeatManager`, `BrokerHeartbeatTracker`; KIP-631, KIP-841.
//! Holds:      soft state of the active controller only; a new one begins with fresh sessions (KAFKA-18138).
//! Invariants: HB-1 a session is of one broker epoch: heartbeats of another epoch never keep it alive;
//!             HB-2 who leaves in good order waits until the active brokers have seen its leaders move.

use std::collections::BTreeMap;

use trial_sim::{Span, Time};

use crate::ids::{BrokerEpoch, BrokerId, Offset};

/// What a broker may do, and what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BrokerControlState {
    /// Neither leads nor is in sync.
    Fenced,
    /// Serves.
    Unfenced,
    /// Its leaderships are moving away.
    ControlledShutdown,
    /// It may stop its process.
    ShutdownNow,
}

/// What a heartbeat asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The highest metadata offset that the broker has applied.
    pub metadata_offset: Offset,
    /// Whether it wants to be, or to stay, fenced.
    pub want_fence: bool,
    /// Whether it wants to shut down.
    pub want_shut_down: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tracked {
    fenced: bool,
    metadata_offset: Offset,
    controlled_shutdown_offset: Option<Offset>,
}

const UNKNOWN_OFFSET: Offset = Offset(-1);

impl Tracked {
    fn state(&self) -> BrokerControlState {
        match (self.controlled_shutdown_offset, self.fenced) {
            (Some(_), _) => BrokerControlState::ControlledShutdown,
            (None, true) => BrokerControlState::Fenced,
            (None, false) => BrokerControlState::Unfenced,
        }
    }
}

/// The sessions and states of all brokers, as one active controller knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerHeartbeatManager {
    session_timeout: Span,
    contacts: BTreeMap<(BrokerId, BrokerEpoch), Time>,
    brokers: BTreeMap<BrokerId, Tracked>,
}

impl BrokerHeartbeatManager {
    /// Knows nobody yet.
    #[must_use]
    pub fn new(session_timeout: Span) -> Self {
        Self { session_timeout, contacts: BTreeMap::new(), brokers: BTreeMap::new() }
    }

    /// A heartbeat of `id` at `epoch` has arrived, whatever comes of it. Called when the bytes arrive, before the
    /// request waits for the event queue, so that a busy controller does not fence the living.
    pub fn track(&mut self, now: Time, id: BrokerId, epoch: BrokerEpoch) {
        let contact = self.contacts.entry((id, epoch)).or_insert(now);
        *contact = (*contact).max(now);
    }

    /// Whether the broker was heard of at this epoch within the session timeout.
    #[must_use]
    pub fn has_valid_session(&self, now: Time, id: BrokerId, epoch: BrokerEpoch) -> bool {
        self.contacts.get(&(id, epoch)).is_some_and(|&contact| !self.is_expired(now, contact))
    }

    /// The first session that has run out.
    #[must_use]
    pub fn expired(&self, now: Time) -> Option<(BrokerId, BrokerEpoch)> {
        let expired = self.contacts.iter().find(|&(_, &contact)| self.is_expired(now, contact));
        expired.map(|(&session, _)| session)
    }

    /// Forgets a session.
    pub fn forget_session(&mut self, id: BrokerId, epoch: BrokerEpoch) {
        self.contacts.remove(&(id, epoch));
    }

    fn is_expired(&self, now: Time, contact: Time) -> bool {
        contact + self.session_timeout < now
    }

    /// A registration or a change of one was replayed. As in Kafka, the broker's metadata offset counts as unknown
    /// until its next heartbeat, unless its fence changed.
    pub fn register(&mut self, id: BrokerId, fenced: bool) {
        let known = self.brokers.get(&id).filter(|broker| broker.fenced != fenced);
        let offset = known.map_or(UNKNOWN_OFFSET, |broker| broker.metadata_offset);
        self.brokers.entry(id).or_insert(Tracked {
            fenced,
            metadata_offset: offset,
            controlled_shutdown_offset: None,
        });
        self.touch(id, fenced, offset);
    }

    /// A heartbeat was handled: what the broker is from now on. A fenced broker leaves controlled shutdown; its next
    /// heartbeat lets it stop at once.
    pub fn touch(&mut self, id: BrokerId, fenced: bool, metadata_offset: Offset) {
        let broker = self.brokers.get_mut(&id);
        let broker = broker.unwrap_or_else(|| panic!("broker {id} is not registered"));
        broker.fenced = fenced;
        broker.metadata_offset = metadata_offset;
        if fenced {
            broker.controlled_shutdown_offset = None;
        }
    }

    /// The broker's session ran out.
    pub fn fence(&mut self, id: BrokerId) {
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.fenced = true;
        }
    }

    /// The broker is gone, or another incarnation has come.
    pub fn remove(&mut self, id: BrokerId) {
        self.brokers.remove(&id);
    }

    /// Whether `id` is known.
    #[must_use]
    pub fn contains(&self, id: BrokerId) -> bool {
        self.brokers.contains_key(&id)
    }

    /// Whether `id` is in controlled shutdown.
    #[must_use]
    pub fn is_leaving(&self, id: BrokerId) -> bool {
        let broker = self.brokers.get(&id);
        broker.is_some_and(|broker| broker.state() == BrokerControlState::ControlledShutdown)
    }

    /// HB-2: the records that move its leaders end at `offset`; only the first call counts.
    pub fn begin_controlled_shutdown(&mut self, id: BrokerId, offset: Offset) {
        let broker = self.brokers.get_mut(&id);
        let broker = broker.unwrap_or_else(|| panic!("broker {id} is not registered"));
        assert!(!broker.fenced, "fenced broker {id} cannot enter controlled shutdown");
        broker.controlled_shutdown_offset.get_or_insert(offset);
    }

    /// Brokers that new replicas may be placed on, with their fences: all but those on their way out.
    pub fn usable_brokers(&self) -> impl Iterator<Item = (BrokerId, bool)> {
        let staying = self.brokers.iter().filter(|(_, it)| it.controlled_shutdown_offset.is_none());
        staying.map(|(&id, broker)| (id, broker.fenced))
    }

    /// The lowest metadata offset of those who are neither fenced nor leaving.
    fn lowest_active_offset(&self) -> Offset {
        let active =
            self.brokers.values().filter(|broker| broker.state() == BrokerControlState::Unfenced);
        active.map(|broker| broker.metadata_offset).min().unwrap_or(Offset(i64::MAX))
    }

    /// The state of `id` and the one that `heartbeat` takes it to.
    #[must_use]
    pub fn next_state(
        &self,
        id: BrokerId,
        heartbeat: Heartbeat,
        registration_offset: Offset,
        has_leaderships: impl Fn() -> bool,
    ) -> (BrokerControlState, BrokerControlState) {
        use BrokerControlState::{ControlledShutdown, Fenced, ShutdownNow, Unfenced};
        let broker = self.brokers.get(&id);
        let broker = broker.unwrap_or_else(|| panic!("broker {id} is not registered"));
        let Heartbeat { metadata_offset, want_fence, want_shut_down } = heartbeat;
        let current = broker.state();
        let next = match current {
            Fenced if want_shut_down => ShutdownNow,
            Fenced if !want_fence && metadata_offset >= registration_offset => Unfenced,
            Fenced => Fenced,
            Unfenced if want_fence && want_shut_down => ShutdownNow,
            Unfenced if want_fence => Fenced,
            Unfenced if want_shut_down && has_leaderships() => ControlledShutdown,
            Unfenced if want_shut_down => ShutdownNow,
            Unfenced => Unfenced,
            ControlledShutdown => {
                let seen = broker.controlled_shutdown_offset <= Some(self.lowest_active_offset());
                if has_leaderships() || !seen { ControlledShutdown } else { ShutdownNow }
            }
            ShutdownNow => ShutdownNow,
        };
        (current, next)
    }
}

#[cfg(test)]
mod tests {
    use super::BrokerControlState::{ControlledShutdown, Fenced, ShutdownNow, Unfenced};
    use super::*;

    const SESSION: Span = Span::from_secs(9);

    /// Broker 1 in state `from`, registered at offset 100, heard of with the given wishes.
    #[track_caller]
    fn check(
        from: BrokerControlState,
        (offset, want_fence, want_shut_down): (i64, bool, bool),
        leads: bool,
        want: BrokerControlState,
    ) {
        let mut manager = BrokerHeartbeatManager::new(SESSION);
        manager.register(BrokerId(1), from == Fenced);
        manager.register(BrokerId(2), false);
        manager.touch(BrokerId(2), false, Offset(150));
        if from == ControlledShutdown {
            manager.begin_controlled_shutdown(BrokerId(1), Offset(120));
            manager.begin_controlled_shutdown(BrokerId(1), Offset(999));
        }
        let heartbeat = Heartbeat { metadata_offset: Offset(offset), want_fence, want_shut_down };
        let got = manager.next_state(BrokerId(1), heartbeat, Offset(100), || leads);
        assert_eq!(got, (from, want), "{heartbeat:?}, leads: {leads}");
    }

    #[test]
    fn heartbeats_move_brokers_as_in_kafka() {
        check(Fenced, (99, false, false), false, Fenced);
        check(Fenced, (100, false, false), false, Unfenced);
        check(Fenced, (100, true, false), false, Fenced);
        check(Fenced, (0, false, true), false, ShutdownNow);
        check(Fenced, (0, true, true), true, ShutdownNow);
        check(Unfenced, (0, false, false), true, Unfenced);
        check(Unfenced, (0, true, false), true, Fenced);
        check(Unfenced, (0, true, true), true, ShutdownNow);
        check(Unfenced, (0, false, true), true, ControlledShutdown);
        check(Unfenced, (0, false, true), false, ShutdownNow);
        check(ControlledShutdown, (0, false, true), true, ControlledShutdown);
        check(ControlledShutdown, (0, false, true), false, ShutdownNow);
    }

    #[test]
    fn a_shutdown_waits_for_the_slowest_active_broker() {
        let mut manager = BrokerHeartbeatManager::new(SESSION);
        for (id, fenced, offset) in [(1, false, 200), (2, false, 110), (3, true, 5)] {
            manager.register(BrokerId(id), fenced);
            manager.touch(BrokerId(id), fenced, Offset(offset));
        }
        manager.begin_controlled_shutdown(BrokerId(1), Offset(120));
        let wish =
            Heartbeat { metadata_offset: Offset(200), want_fence: false, want_shut_down: true };
        let ask = |manager: &BrokerHeartbeatManager| {
            manager.next_state(BrokerId(1), wish, Offset(100), || false).1
        };
        assert_eq!(ask(&manager), ControlledShutdown, "broker 2 is at 110, broker 3 is fenced");
        manager.touch(BrokerId(2), false, Offset(120));
        assert_eq!(ask(&manager), ShutdownNow);
    }

    #[test]
    fn sessions_are_of_one_epoch_and_run_out() {
        let mut manager = BrokerHeartbeatManager::new(SESSION);
        let (id, old, new) = (BrokerId(1), BrokerEpoch(5), BrokerEpoch(8));
        manager.track(Time::ZERO, id, old);
        let edge = Time::ZERO + SESSION;
        assert!(manager.has_valid_session(edge, id, old), "the last moment counts");
        assert!(!manager.has_valid_session(edge, id, new), "HB-1");
        assert_eq!(manager.expired(edge), None);
        let past = edge + Span::from_nanos(1);
        assert_eq!(manager.expired(past), Some((id, old)));
        manager.forget_session(id, old);
        assert_eq!(manager.expired(past), None);
    }
}
