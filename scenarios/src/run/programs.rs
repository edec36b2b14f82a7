//! What runs on the nodes: the cluster's programs, and those that a restart has changed.
//!
//! In Kafka:   a rolling upgrade, or a broker that comes back with another `server.properties`.
//! Holds:      the cluster's specification, and one for each node that differs from it.
//! Invariants: PG-1 a change stays: the next one of the same node builds on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_cluster::node::ClusterSpec;
use trial_cluster::note::Note;
use trial_cluster::rules::Rules;
use trial_sim::{Factory, HostId};

/// The programs of the nodes.
#[derive(Debug, Clone)]
pub struct Programs {
    cluster: Arc<ClusterSpec>,
    changed: BTreeMap<HostId, Arc<ClusterSpec>>,
}

impl Programs {
    /// Every node as the cluster has it.
    #[must_use]
    pub fn new(cluster: Arc<ClusterSpec>) -> Self {
        Self { cluster, changed: BTreeMap::new() }
    }

    /// From now on `host` is of this profile and has these settings; both were checked before.
    pub fn change(
        &mut self,
        host: HostId,
        profile: Option<&str>,
        settings: &[(String, String)],
    ) -> Factory<Note> {
        let mut spec = ClusterSpec::clone(self.changed.get(&host).unwrap_or(&self.cluster));
        if let Some(profile) = profile {
            let profile = profile.parse().expect("the scenario was checked: a profile");
            let switches = spec.rules.switches().collect::<Vec<_>>();
            spec.rules = Rules::new(profile, switches);
        }
        let config = Arc::make_mut(&mut spec.config);
        for (name, value) in settings {
            config.set(name, value).expect("the scenario was checked: a setting");
        }
        let spec = Arc::new(spec);
        self.changed.insert(host, Arc::clone(&spec));
        // Nodes stand first, in the order of the specification (AS-1).
        spec.factory(usize::from(host.0))
    }
}
