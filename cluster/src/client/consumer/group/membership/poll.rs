//! What a poll does about a consumer group: it lets assignments begin, and takes in what they have come to.
//!
//! In Kafka:   `ApplicationEventProcessor.process(AsyncPollEvent)`, `AsyncKafkaConsumer.processBackgroundEvents`.

use super::super::group_consumer::GroupConsumer;
use super::super::turn::{Listener, Then};
use super::member::{MemberState, Task};
use crate::client::consumer::KafkaConsumer;
use crate::net::Wires;

impl GroupConsumer {
    /// One round. False: the application is in a callback, or has been thrown an error.
    pub(in super::super) fn poll_membership(&mut self, wires: &mut dyn Wires) -> bool {
        let now = wires.now();
        self.member.name_itself(KafkaConsumer::STREAM, wires);
        self.reconcile(true, wires);
        self.commit_by_interval(wires);
        if self.topics.update_pattern(&self.fetch.cluster.metadata) {
            self.member.is_subscription_new = true;
        }
        if std::mem::take(&mut self.member.is_subscription_new)
            && self.member.state == MemberState::Unsubscribed
        {
            self.begin_joining();
        }
        if self.member.poll_by <= now {
            self.rejoin_if_stale();
        }
        self.member.poll_by = now + self.max_poll_interval();
        while let Some(task) = self.member.tasks.pop_front() {
            self.run_task(task, wires);
            if !self.is_polling() {
                return false;
            }
        }
        if let Some(error) = self.member.errors.pop_front() {
            self.fail(error);
            return false;
        }
        // What the tasks have changed is said at once.
        self.run_network_thread(wires);
        self.is_polling()
    }

    fn run_task(&mut self, task: Task, wires: &mut dyn Wires) {
        match task {
            Task::Revoked(partitions) => {
                self.call_back(Listener::Revoked, partitions, Then::Reconcile, wires);
            }
            Task::Lost => {
                let owned = self.fetch.assigned.keys().cloned().collect();
                self.call_back(Listener::Lost, owned, Then::Released, wires);
            }
            Task::Assigned { assigned, added } => {
                self.fetch.assign_only(&assigned);
                for at in &added {
                    if let Some(state) = self.fetch.assigned.get_mut(at) {
                        state.is_pending_callback = true;
                    }
                }
                self.call_back(Listener::Assigned, added, Then::Reconciled, wires);
            }
        }
    }
}
