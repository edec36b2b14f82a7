//! A broker's standing with the controller: registration, heartbeats, fencing, shutdown in good order.
//!
//! In Kafka:   `BrokerLifecycleManager`, `BrokerState`; KIP-631, KIP-841 and, for the previous epoch, KIP-966.
//! Holds:      the state, the broker epoch, what the next heartbeat will say and when it is due.
//! Inputs:     answers of the controller, "caught up", "shut down". Effects: requests to send, milestones.
//! Invariants: BL-1 one communication at a time. BL-2 never at once again after a failure.
//! Left out:   cordoned and offline directories (one directory a broker until JBOD comes).

use trial_sim::{Span, Time};

use crate::error_code::ErrorCode;
use crate::ids::BrokerEpoch;

/// Kafka's `BrokerState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BrokerState {
    /// The process has begun; its logs are not loaded yet.
    NotRunning,
    /// It registers, and catches up with the metadata log.
    Starting,
    /// It has caught up, and waits to be unfenced.
    Recovery,
    /// It serves.
    Running,
    /// It wants to leave, and waits until its leaderships have gone.
    PendingControlledShutdown,
    /// It leaves.
    ShuttingDown,
}

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifecycleEffect {
    /// Send a BrokerRegistration with this previous epoch.
    Register {
        /// From the clean-shutdown marker, or none.
        previous: BrokerEpoch,
    },
    /// Send a BrokerHeartbeat.
    Heartbeat {
        /// The epoch that the registration gave.
        epoch: BrokerEpoch,
        /// Whether the broker is not ready to be unfenced.
        want_fence: bool,
        /// Whether it asks to be allowed to leave.
        want_shut_down: bool,
    },
    /// The controller has registered it.
    Registered {
        /// Its epoch from now on.
        epoch: BrokerEpoch,
    },
    /// The broker's image of the cluster has reached its own registration.
    CaughtUp,
    /// The controller has unfenced it: clients may come.
    Unfenced,
    /// It may leave now (or has given up).
    ShutDown,
}

/// The machine. One per broker and incarnation.
#[derive(Debug, Clone)]
pub struct BrokerLifecycle {
    state: BrokerState,
    heartbeat_interval: Span,
    previous_epoch: BrokerEpoch,
    epoch: BrokerEpoch,
    registered: bool,
    ready_to_unfence: bool,
    in_flight: bool,
    immediately_next: bool,
    got_controlled_shutdown_response: bool,
    next_communication: Option<Time>,
    registration_deadline: Option<Time>,
}

impl BrokerLifecycle {
    /// A broker that has not begun; `previous_epoch` comes from its clean-shutdown marker.
    #[must_use]
    pub fn new(heartbeat_interval: Span, previous_epoch: BrokerEpoch) -> Self {
        Self {
            state: BrokerState::NotRunning,
            heartbeat_interval,
            previous_epoch,
            epoch: BrokerEpoch::NONE,
            registered: false,
            ready_to_unfence: false,
            in_flight: false,
            immediately_next: false,
            got_controlled_shutdown_response: false,
            next_communication: None,
            registration_deadline: None,
        }
    }

    /// Where the broker stands.
    #[must_use]
    pub fn state(&self) -> BrokerState {
        self.state
    }

    /// The epoch of its registration; none before it.
    #[must_use]
    pub fn epoch(&self) -> BrokerEpoch {
        self.epoch
    }

    /// Begins to register; gives up at `deadline` if nobody answers.
    pub fn start(&mut self, now: Time, deadline: Time, effects: &mut Vec<LifecycleEffect>) {
        assert!(self.state == BrokerState::NotRunning, "started twice: {:?}", self.state);
        self.state = BrokerState::Starting;
        self.registration_deadline = Some(deadline);
        self.communicate(now, effects);
    }

    /// The broker's logs and metadata are ready: from now on it asks to be unfenced.
    pub fn set_ready_to_unfence(&mut self, now: Time) {
        self.ready_to_unfence = true;
        self.schedule(now, Span::ZERO);
    }

    /// Somebody asked the broker to leave in good order.
    pub fn begin_controlled_shutdown(&mut self, now: Time, effects: &mut Vec<LifecycleEffect>) {
        match self.state {
            BrokerState::PendingControlledShutdown | BrokerState::ShuttingDown => {}
            BrokerState::Running => {
                self.state = BrokerState::PendingControlledShutdown;
                self.schedule(now, Span::ZERO);
            }
            BrokerState::NotRunning | BrokerState::Starting | BrokerState::Recovery => {
                self.shut_down(effects);
            }
        }
    }

    /// The registration was answered; `None` if it timed out or could not be read.
    pub fn on_registration_answer(
        &mut self,
        now: Time,
        answer: Option<(ErrorCode, BrokerEpoch)>,
        effects: &mut Vec<LifecycleEffect>,
    ) {
        self.in_flight = false;
        match answer {
            Some((ErrorCode::None, epoch)) => {
                self.epoch = epoch;
                self.registered = true;
                self.registration_deadline = None;
                effects.push(LifecycleEffect::Registered { epoch });
                self.schedule(now, Span::ZERO);
            }
            Some(_) | None => self.schedule_after_failure(now),
        }
    }

    /// The heartbeat was answered; `None` if it timed out or could not be read.
    pub fn on_heartbeat_answer(
        &mut self,
        now: Time,
        answer: Option<HeartbeatAnswer>,
        effects: &mut Vec<LifecycleEffect>,
    ) {
        self.in_flight = false;
        let Some(answer) = answer.filter(|answer| answer.error.is_ok()) else {
            self.schedule_after_failure(now);
            return;
        };
        match self.state {
            BrokerState::Starting => {
                if answer.caught_up {
                    self.state = BrokerState::Recovery;
                    effects.push(LifecycleEffect::CaughtUp);
                }
                // Soon again, so that a broker with nothing to recover starts quickly.
                self.schedule(now, Span::from_millis(10));
            }
            BrokerState::Recovery => {
                if !answer.fenced {
                    self.state = BrokerState::Running;
                    effects.push(LifecycleEffect::Unfenced);
                }
                self.schedule(now, self.heartbeat_interval);
            }
            BrokerState::PendingControlledShutdown => {
                if answer.should_shut_down {
                    self.shut_down(effects);
                } else if self.got_controlled_shutdown_response {
                    self.schedule(now, self.heartbeat_interval);
                } else {
                    self.schedule(now, Span::from_millis(50));
                }
                self.got_controlled_shutdown_response = true;
            }
            BrokerState::Running => self.schedule(now, self.heartbeat_interval),
            BrokerState::NotRunning | BrokerState::ShuttingDown => {}
        }
    }

    /// When the machine wants to be woken.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        [self.next_communication, self.registration_deadline].into_iter().flatten().min()
    }

    /// The time has come (or not yet: then nothing happens).
    pub fn on_timer(&mut self, now: Time, effects: &mut Vec<LifecycleEffect>) {
        if self.registration_deadline.is_some_and(|deadline| deadline <= now) {
            self.registration_deadline = None;
            self.shut_down(effects);
            return;
        }
        if self.next_communication.is_some_and(|due| due <= now) {
            self.next_communication = None;
            self.communicate(now, effects);
        }
    }

    fn communicate(&mut self, _now: Time, effects: &mut Vec<LifecycleEffect>) {
        if self.in_flight {
            self.immediately_next = true;
            return;
        }
        self.in_flight = true;
        if self.registered {
            effects.push(LifecycleEffect::Heartbeat {
                epoch: self.epoch,
                want_fence: !self.ready_to_unfence,
                want_shut_down: self.state == BrokerState::PendingControlledShutdown,
            });
        } else {
            effects.push(LifecycleEffect::Register { previous: self.previous_epoch });
        }
    }

    fn schedule(&mut self, now: Time, after: Span) {
        let after = if self.immediately_next { Span::ZERO } else { after };
        self.immediately_next = false;
        self.next_communication = Some(now + after);
    }

    fn schedule_after_failure(&mut self, now: Time) {
        self.immediately_next = false;
        self.schedule(now, self.heartbeat_interval);
    }

    fn shut_down(&mut self, effects: &mut Vec<LifecycleEffect>) {
        self.state = BrokerState::ShuttingDown;
        self.next_communication = None;
        self.registration_deadline = None;
        effects.push(LifecycleEffect::ShutDown);
    }
}

/// What the controller answered to a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatAnswer {
    /// Whether it was accepted at all.
    pub error: ErrorCode,
    /// Whether the broker's metadata offset has reached its registration.
    pub caught_up: bool,
    /// Whether the broker is fenced.
    pub fenced: bool,
    /// Whether it may leave.
    pub should_shut_down: bool,
}

#[cfg(test)]
mod tests {
    use super::{BrokerLifecycle, BrokerState, HeartbeatAnswer, LifecycleEffect};
    use crate::error_code::ErrorCode;
    use crate::ids::BrokerEpoch;
    use trial_sim::{Span, Time};

    const OK: HeartbeatAnswer = HeartbeatAnswer {
        error: ErrorCode::None,
        caught_up: true,
        fenced: true,
        should_shut_down: false,
    };

    fn at(millis: u64) -> Time {
        Time::ZERO + Span::from_millis(millis)
    }

    fn registered() -> (BrokerLifecycle, Vec<LifecycleEffect>) {
        let mut broker = BrokerLifecycle::new(Span::from_secs(2), BrokerEpoch(7));
        let mut effects = Vec::new();
        broker.start(at(0), at(60_000), &mut effects);
        broker.on_registration_answer(
            at(5),
            Some((ErrorCode::None, BrokerEpoch(20))),
            &mut effects,
        );
        (broker, effects)
    }

    #[test]
    fn a_broker_registers_with_the_epoch_of_its_clean_shutdown_and_reports_at_once() {
        let (mut broker, mut effects) = registered();
        broker.on_timer(at(5), &mut effects);
        let epoch = BrokerEpoch(20);
        let heartbeat =
            LifecycleEffect::Heartbeat { epoch, want_fence: true, want_shut_down: false };
        assert_eq!(
            effects,
            [
                LifecycleEffect::Register { previous: BrokerEpoch(7) },
                LifecycleEffect::Registered { epoch },
                heartbeat
            ]
        );
    }

    #[test]
    fn it_runs_once_it_has_caught_up_and_was_unfenced() {
        let (mut broker, mut effects) = registered();
        broker.on_timer(at(5), &mut effects);
        broker.on_heartbeat_answer(at(6), Some(OK), &mut effects);
        assert_eq!(broker.state(), BrokerState::Recovery);
        assert_eq!(broker.next_deadline(), Some(at(16)), "10 ms while starting");
        broker.set_ready_to_unfence(at(7));
        broker.on_timer(at(7), &mut effects);
        broker.on_heartbeat_answer(
            at(8),
            Some(HeartbeatAnswer { fenced: false, ..OK }),
            &mut effects,
        );
        assert_eq!(broker.state(), BrokerState::Running);
        assert_eq!(broker.next_deadline(), Some(at(2_008)));
    }

    #[test]
    fn a_failure_waits_a_whole_interval_even_if_something_was_urgent() {
        let (mut broker, mut effects) = registered();
        broker.on_timer(at(5), &mut effects);
        broker.set_ready_to_unfence(at(6));
        broker.on_timer(at(6), &mut effects);
        broker.on_heartbeat_answer(at(7), None, &mut effects);
        assert_eq!(broker.next_deadline(), Some(at(2_007)), "BL-2");
    }

    #[test]
    fn a_broker_that_nobody_registers_gives_up() {
        let mut broker = BrokerLifecycle::new(Span::from_secs(2), BrokerEpoch::NONE);
        let mut effects = Vec::new();
        broker.start(at(0), at(60_000), &mut effects);
        broker.on_timer(at(60_000), &mut effects);
        assert_eq!(effects.last(), Some(&LifecycleEffect::ShutDown));
    }
}
