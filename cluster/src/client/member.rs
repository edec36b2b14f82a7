//! The application around a subscribing consumer: it polls, works on what came, commits, and polls again.
//!
//! In Kafka:   the loop around `poll` that every application has.
//! Holds:      what it does at the moment, and until when.
//! Inputs:     the host's inputs. Effects: through the consumer, and what is written down.
//! Invariants: AP-1 what was returned is processed before the next poll, and before anything is committed.

use trial_sim::{Input, Span, Time};

use super::Metadata;
use super::consumer::{GroupConsumer, GroupEvent, Polled, Subscription};
use crate::config::ConsumerConfig;
use crate::error_code::ErrorCode;
use crate::net::Wires;
use crate::rules::Rules;

/// When an application commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CommitMode {
    /// Never by itself: `enable.auto.commit` says whether polls do.
    #[default]
    Auto,
    /// After each poll's records, and it waits (`commitSync`); also before partitions are revoked.
    Sync,
    /// After each poll's records, and it goes on (`commitAsync`); before partitions are revoked it waits.
    Async,
}

/// What an application reads, and how long it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumption {
    /// What.
    pub subscription: Subscription,
    /// When it commits.
    pub commit: CommitMode,
    /// How long it works on a record.
    pub per_record: Span,
    /// How long it works on what a poll returned, besides.
    pub per_poll: Span,
    /// How long it does nothing between two polls.
    pub pause: Span,
    /// How long each of its rebalance callbacks takes.
    pub callback: Span,
}

impl Consumption {
    /// Reads these topics as fast as it can, and leaves commits to the consumer.
    #[must_use]
    pub fn of(topics: &[&str]) -> Self {
        let topics = topics.iter().map(|topic| (*topic).into()).collect();
        Self {
            subscription: Subscription::Topics(topics),
            commit: CommitMode::Auto,
            per_record: Span::ZERO,
            per_poll: Span::ZERO,
            pause: Span::ZERO,
            callback: Span::ZERO,
        }
    }
}

/// What an application has to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// A poll returned this.
    Polled(Polled),
    /// What polls have returned is processed.
    Processed,
    /// The consumer reported this.
    Event(GroupEvent),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Polling,
    Working { until: Time },
    Committing,
    Pausing { until: Time },
    Closing,
    Ended,
}

/// An application with a subscribing consumer.
#[derive(Debug, Clone)]
pub(super) struct Application {
    consumer: GroupConsumer,
    consumption: Consumption,
    doing: Doing,
    is_stopping: bool,
}

impl Application {
    pub(super) fn new(
        config: ConsumerConfig,
        consumption: Consumption,
        rules: Rules,
        client_id: &str,
        bootstrap: &[(String, u16)],
    ) -> Self {
        let commits_when_revoked = consumption.commit != CommitMode::Auto;
        let subscription = consumption.subscription.clone();
        let consumer = GroupConsumer::new(config, subscription, client_id, bootstrap)
            .with_callbacks(consumption.callback, commits_when_revoked)
            .with_rules(rules);
        Self { consumer, consumption, doing: Doing::Polling, is_stopping: false }
    }

    pub(super) const fn metadata(&self) -> &Metadata {
        self.consumer.metadata()
    }

    /// Whether its process may end: the consumer is closed.
    pub(super) fn has_ended(&self) -> bool {
        self.doing == Doing::Ended
    }

    /// It is to end in good order: when it is through with what it was given.
    pub(super) const fn stop(&mut self) {
        self.is_stopping = true;
    }

    pub(super) fn on_input(&mut self, input: &Input, wires: &mut dyn Wires) -> bool {
        self.consumer.on_input(input, wires)
    }

    pub(super) fn on_timer(&mut self, wires: &mut dyn Wires) {
        self.consumer.on_timer(wires);
    }

    pub(super) fn next_deadline(&mut self, now: Time) -> Option<Time> {
        let own = match self.doing {
            Doing::Working { until } | Doing::Pausing { until } => Some(until),
            Doing::Polling | Doing::Committing | Doing::Closing | Doing::Ended => None,
        };
        self.consumer.next_deadline(now).into_iter().chain(own).min()
    }

    /// Does all that it can do now.
    pub(super) fn work(&mut self, wires: &mut dyn Wires, heard: &mut Vec<Heard>) {
        loop {
            let before = self.doing;
            match self.doing {
                Doing::Polling if self.is_stopping => self.close(wires),
                Doing::Polling => self.poll(wires, heard),
                Doing::Working { until } if until <= wires.now() => {
                    heard.push(Heard::Processed);
                    self.commit(wires);
                }
                Doing::Committing if !self.consumer.is_committing() => self.pause(wires.now()),
                Doing::Pausing { until } if until <= wires.now() || self.is_stopping => {
                    self.doing = Doing::Polling;
                }
                Doing::Closing if self.consumer.is_closed() => self.doing = Doing::Ended,
                Doing::Working { .. }
                | Doing::Committing
                | Doing::Pausing { .. }
                | Doing::Closing
                | Doing::Ended => {}
            }
            self.listen(wires, heard);
            if self.doing == before {
                return;
            }
        }
    }

    fn poll(&mut self, wires: &mut dyn Wires, heard: &mut Vec<Heard>) {
        let polled = self.consumer.poll(wires);
        self.listen(wires, heard);
        if polled.is_empty() {
            return;
        }
        let records: usize = polled.iter().map(|part| part.records.len()).sum();
        let records = u64::try_from(records).expect("polls are bounded");
        let work = Span(self.consumption.per_record.0.saturating_mul(records));
        let until = wires.now() + self.consumption.per_poll + work;
        heard.extend(polled.into_iter().map(Heard::Polled));
        self.doing = Doing::Working { until };
    }

    /// AP-1.
    fn commit(&mut self, wires: &mut dyn Wires) {
        match self.consumption.commit {
            CommitMode::Auto => self.pause(wires.now()),
            CommitMode::Async => {
                self.consumer.commit_async(wires);
                self.pause(wires.now());
            }
            CommitMode::Sync => {
                self.consumer.commit_sync(wires);
                self.doing = Doing::Committing;
            }
        }
    }

    fn pause(&mut self, now: Time) {
        self.doing = Doing::Pausing { until: now + self.consumption.pause };
    }

    fn close(&mut self, wires: &mut dyn Wires) {
        self.consumer.close(wires);
        self.doing = Doing::Closing;
    }

    /// Takes in what the consumer reports. An error that polling again does not mend ends the application.
    fn listen(&mut self, wires: &mut dyn Wires, heard: &mut Vec<Heard>) {
        while let Some(event) = self.consumer.next_event() {
            let ends =
                matches!(&event, GroupEvent::PollFailed { error } if !is_mended_by_polling(*error));
            heard.push(Heard::Event(event));
            if ends && !matches!(self.doing, Doing::Closing | Doing::Ended) {
                self.close(wires);
            }
        }
    }
}

/// Whether an application that catches this and polls again gets on: the coordinator has forgotten the member, and its
/// heartbeats will say so, or it was in another epoch. Any other error ends it.
#[must_use]
pub const fn is_mended_by_polling(error: ErrorCode) -> bool {
    matches!(error, ErrorCode::UnknownMemberId | ErrorCode::StaleMemberEpoch)
}
