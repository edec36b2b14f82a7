//! The first records of a new active controller: those of an empty log, or the end of a torn transaction.
//!
//! In Kafka:   `ActivationRecordsGenerator`, KIP-868; KIP-966 wants a min.insync.replicas of the whole cluster.
//! Inputs:     the state at activation. Effects: records.

use super::decision::{Decision, Draft};
use super::machine::{Controller, MIN_INSYNC_REPLICAS};
use crate::image::{feature, resource_type};
use crate::wire::{
    AbortTransactionRecord, BeginTransactionRecord, ConfigRecord, EndTransactionRecord,
    MetadataRecord,
};

const FAILOVER: &str = "Controller failover";
const BOOTSTRAP: &str = "Bootstrap records";

impl Controller {
    /// What to write on becoming active; `bootstrap` are the records that a new cluster begins with.
    #[must_use]
    pub fn decide_activation(&self, bootstrap: &[MetadataRecord]) -> Decision {
        let mut draft = Draft::default();
        if self.state.transaction_start().is_some() {
            draft.push(AbortTransactionRecord { reason: Some(FAILOVER.to_owned()) });
        }
        if self.state.image().features().metadata_version().is_some() {
            return Decision { draft, atomic: true, ..Decision::nothing() };
        }
        draft.push(BeginTransactionRecord { name: Some(BOOTSTRAP.to_owned()) });
        draft.records.extend(bootstrap.iter().cloned());
        let keeps_elr = bootstrap.iter().any(|record| match record {
            MetadataRecord::FeatureLevel(level) => {
                level.name == feature::ELIGIBLE_LEADER_REPLICAS_VERSION && level.feature_level > 0
            }
            _ => false,
        });
        if keeps_elr {
            draft.push(ConfigRecord {
                resource_type: resource_type::BROKER,
                resource_name: String::new(),
                name: MIN_INSYNC_REPLICAS.to_owned(),
                value: Some(self.settings.topic().min_insync_replicas.to_string()),
            });
        }
        draft.push(EndTransactionRecord::default());
        Decision { draft, ..Decision::nothing() }
    }
}
