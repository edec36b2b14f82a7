//! Under which registrations brokers run, and who has been overtaken by a process of his own that is dead.
//!
//! In Kafka:   `ClusterControlManager.registerBroker`, `BrokerLifecycleManager`. A registration that was sent by a
//!             process that has died since, and that comes late, is taken as long as the present process has not been
//!             heard of under its own: that has no session yet. The present one is refused with STALE_BROKER_EPOCH from
//!             then on, and never registers again; only a restart helps.
//! Holds:      of each broker the epoch that it was told, and the newest that the controllers have given.

use std::collections::BTreeMap;

use trial_cluster::ids::{BrokerEpoch, BrokerId};
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
}

impl Registrations {
    /// What stood at `start` and beyond is on no log any more; an epoch is the offset of its record at most.
    pub(super) fn undo(&mut self, start: i64) {
        self.newest.retain(|_, (epoch, _)| epoch.0 < start);
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

    /// The controllers have registered a process of this broker.
    pub(super) fn on_registered(&mut self, at: Time, id: BrokerId, epoch: BrokerEpoch) {
        self.registrations.newest.insert(id, (epoch, at));
        self.look_at_registration(id);
    }

    fn look_at_registration(&mut self, id: BrokerId) {
        let Registrations { told, newest } = &self.registrations;
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
