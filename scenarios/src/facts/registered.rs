//! Under which registrations brokers run, and who has been overtaken by a process of his own that is dead.
//!
//! In Kafka:   `ClusterControlManager.registerBroker`, `BrokerLifecycleManager`. A registration that was sent by a
//!             process that has died since, and that comes late, is taken as long as the present process has not been
//!             heard of under its own: that has no session yet. The present one is refused with STALE_BROKER_EPOCH from
//!             then on, and never registers again; only a restart helps.
//! Holds:      of each broker the epoch that it was told, and the newest that the controllers have given; whose first
//!             registration since its process ended may still be undone, by a controller that does not have it.

use std::collections::BTreeMap;

use trial_cluster::ids::{BrokerEpoch, BrokerId, TopicPartition};
use trial_cluster::note::broker::BrokerNote;
use trial_sim::{HostId, Span, Time};

use super::facts::Facts;
use trial_cluster::mark;

/// For how long a broker may be behind its registration before somebody looks: longer than an answer takes, or a change
/// of the controller.
const PATIENCE: Span = Span::from_secs(20);

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Registrations {
    told: BTreeMap<BrokerId, BrokerEpoch>,
    newest: BTreeMap<BrokerId, (BrokerEpoch, Time)>,
    /// Those of brokers that had none, by their offsets.
    anew: Vec<(i64, Anew)>,
}

/// A broker is registered that had not been since its process ended.
#[derive(Debug, Clone)]
pub(super) struct Anew {
    node: BrokerId,
    /// The partitions for which it counts since then.
    partitions: Vec<TopicPartition>,
}

impl Registrations {
    /// What stood at `start` and beyond is on no log any more; an epoch is the offset of its record at most.
    fn undo(&mut self, start: i64) -> Vec<Anew> {
        self.newest.retain(|_, (epoch, _)| epoch.0 < start);
        self.anew.extract_if(.., |(offset, _)| *offset >= start).map(|(_, anew)| anew).collect()
    }

    pub(super) fn on_down(&mut self, id: BrokerId) {
        self.told.remove(&id);
    }

    fn is_overtaken(&self, id: BrokerId, now: Time) -> bool {
        let (told, newest) = (self.told.get(&id), self.newest.get(&id));
        told.zip(newest)
            .is_some_and(|(told, (newest, at))| told < newest && now.since(*at) >= PATIENCE)
    }
}

impl Facts {
    /// Who runs under a registration that another one has replaced, for good.
    #[must_use]
    pub fn overtaken(&self, now: Time) -> Vec<HostId> {
        let ids = self.registrations.told.keys();
        let overtaken = ids.filter(|id| self.registrations.is_overtaken(**id, now));
        overtaken.filter_map(|id| self.setup.host_of(*id)).collect()
    }

    /// The controllers have registered a process of this broker, by the record at `offset`.
    pub(super) fn on_registered(
        &mut self,
        at: Time,
        offset: i64,
        node: BrokerId,
        epoch: BrokerEpoch,
    ) {
        if let Some(host) = self.setup.host_of(node) {
            let counts = self.partitions.values_mut();
            let counts = counts.filter_map(|it| it.registered_since.insert(host).then_some(it.id));
            let partitions = counts.collect();
            if self.unregistered.remove(&node) {
                self.registrations.anew.push((offset, Anew { node, partitions }));
            }
        }
        self.registrations.newest.insert(node, (epoch, at));
        self.look_at_registration(node);
    }

    /// Registrations from `start` on have not come to be: who was registered there is not.
    pub(super) fn undo_registered(&mut self, start: i64) {
        for Anew { node, partitions } in self.registrations.undo(start) {
            self.unregistered.insert(node);
            let Some(host) = self.setup.host_of(node) else { continue };
            for id in partitions {
                if let Some(partition) = self.partitions.get_mut(&id) {
                    partition.registered_since.remove(&host);
                }
            }
        }
    }

    fn look_at_registration(&mut self, id: BrokerId) {
        let Registrations { told, newest, .. } = &self.registrations;
        let overtaken =
            told.get(&id).zip(newest.get(&id)).is_some_and(|(it, newest)| *it < newest.0);
        mark::sometimes!(
            self.probes,
            overtaken,
            "registration_overtaken",
            "a registration that a dead process had sent came late, and took the place of the present one's"
        );
    }

    pub(super) fn on_broker_note(&mut self, host: HostId, note: &BrokerNote) {
        match note {
            BrokerNote::Registered { epoch } => {
                let Some(id) = self.setup.node_of(host) else { return };
                self.registrations.told.insert(id, *epoch);
                self.look_at_registration(id);
            }
            BrokerNote::LogsLoaded { clean: false } if self.restarts.contains_key(&host) => {
                mark::reachable!(
                    self.probes,
                    "unclean_restart",
                    "a broker came back without its clean-shutdown marker"
                );
            }
            _ => {}
        }
    }
}
