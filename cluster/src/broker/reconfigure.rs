//! Settings that change while the broker runs: its own, and those of topics.
//!
//! In Kafka:   `DynamicConfigPublisher`, `DynamicBrokerConfig.updateCurrentConfig`, `DynamicLogConfig`,
//!             `TopicConfigHandler`, `LogCleaner.reconfigure`, `BrokerDynamicThreadPool`; KIP-226.
//! Holds:      nothing: what the file says and what holds stand in the broker.
//! Invariants: RC-1 what holds follows from the file and the image alone, and so survives a restart.
//!             RC-2 a log has its topic's settings over its broker's, from the publication on that has changed either;
//!             who waits for replicas or bytes is looked at when something happens, and not because of it.
//!             RC-3 the jitter of a segment is that of its beginning.
//! Left out:   a cleaning that is under way ends as it was begun; Kafka's cleaners begin anew.

use std::sync::Arc;

use super::replicas::log_config;
use super::task::{CLEANER, HANDLERS, Task};
use super::{Broker, Cx};
use crate::config::TopicConfig;
use crate::image::{ConfigResource, MetadataDelta};

impl Broker {
    /// Whether something else holds for this broker from now on (RC-1).
    pub(super) fn reconfigure(&mut self, delta: &MetadataDelta, cx: &mut Cx<'_>) -> bool {
        let own = ConfigResource::Broker(self.identity.id);
        if !delta.configs.iter().any(|it| *it == ConfigResource::Cluster || *it == own) {
            return false;
        }
        let running = self.file_config.running(self.image.configs(), self.identity.id);
        if running == *self.config {
            return false;
        }
        let before = std::mem::replace(&mut self.config, Arc::new(running));
        let (before, now) = (&before.node, self.config.node.clone());
        if before.num_io_threads != now.num_io_threads {
            cx.resize_pool(HANDLERS, lanes(now.num_io_threads));
        }
        if before.num_network_threads != now.num_network_threads {
            self.server.resize(lanes(now.num_network_threads), cx);
        }
        if before.num_replica_fetchers != now.num_replica_fetchers {
            self.resize_fetchers(cx);
        }
        if before.log_cleaner_threads != now.log_cleaner_threads {
            cx.resize_pool(CLEANER, lanes(now.log_cleaner_threads));
        }
        for thread in self.cleaners.reconfigure(&now) {
            self.then(Task::Grab(thread), cx);
        }
        true
    }

    /// The defaults of all topics have changed.
    pub(super) fn reconfigure_logs(&mut self) {
        for slot in self.replicas.slots().collect::<Vec<_>>() {
            self.reconfigure_log(slot);
        }
    }

    /// Settings of topics that changed. Kafka too applies them after the topics of the same publication.
    pub(super) fn apply_configs(&mut self, delta: &MetadataDelta) {
        for resource in &delta.configs {
            let ConfigResource::Topic(name) = resource else { continue };
            let of_topic =
                |slot: &u32| self.replicas.get(*slot).is_some_and(|it| it.topic == *name);
            for slot in self.replicas.slots().filter(of_topic).collect::<Vec<_>>() {
                self.reconfigure_log(slot);
            }
        }
    }

    /// RC-2.
    fn reconfigure_log(&mut self, slot: u32) {
        let Some(topic) = self.replicas.get(slot).map(|replica| Arc::clone(&replica.topic)) else {
            return;
        };
        let settings = self.topic_config(&topic);
        let mut config = log_config(&settings, &self.config, &self.rules);
        let replica = self.replicas.get_mut(slot).expect("its slot is taken");
        replica.partition.set_min_insync_replicas(min_insync_replicas(&settings));
        // RC-3.
        config.segment_jitter_ms = replica.log.config().segment_jitter_ms;
        let was_compacted = replica.log.config().compacted;
        let is_compacted = config.compacted;
        replica.log.set_config(config);
        if was_compacted && !is_compacted {
            let name = replica.name();
            self.cleaners.ask_to_stop(&name);
        }
    }

    /// The settings of a topic: its own over this broker's defaults.
    pub(super) fn topic_config(&self, topic: &str) -> TopicConfig {
        let mut settings = self.config.topic.clone();
        let own = self.image.configs().resource(&ConfigResource::Topic(topic.into()));
        for (name, value) in own.into_iter().flatten() {
            // The controller has validated it; a setting we do not obey never gets that far.
            settings.set(name, value).expect("the controller refuses bad values");
        }
        settings
    }
}

/// How many lanes so many threads are.
fn lanes(threads: usize) -> u16 {
    u16::try_from(threads).expect("bounded when it is read")
}

/// How many replicas have to be in sync.
pub(super) fn min_insync_replicas(settings: &TopicConfig) -> usize {
    usize::try_from(settings.min_insync_replicas).expect("at least one, checked when it is read")
}
