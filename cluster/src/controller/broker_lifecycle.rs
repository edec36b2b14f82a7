//! Decides the life of brokers: registration, heartbeat, fencing, unfencing, shutdown.
//!
//! In Kafka:   `ClusterControlManager.registerBroker`, `ReplicationControlManager.processBrokerHeartbeat` and the
//!             `handleBroker*` around it; KIP-631, KIP-841, KIP-858, KIP-966 (clean shutdown by broker epoch).
//! Inputs:     registrations, heartbeats, expired sessions. Effects: records.
//! Invariants: K15 a new incarnation gets the next offset as its epoch; BR-1 a live incarnation is not replaced;
//!             R17 after a restart that may have lost something a replica is in no ISR and no ELR.

use std::collections::BTreeSet;

use trial_sim::Time;

use super::decision::{Decision, Draft, SoftChange};
use super::heartbeat::{BrokerControlState, Heartbeat};
use super::isr_updates::LeadershipCause;
use super::machine::{Circumstances, Controller};
use super::request::{ControllerRequest, ControllerResponse};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId, DirectoryId, Offset, Uuid};
use crate::image::{BrokerRegistration, VersionRange, feature};
use crate::mark;
use crate::note::controller::{ChangeReason, ControllerNote};
use crate::wire::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationChangeRecord,
    BrokerRegistrationRequest, BrokerRegistrationResponse, ControllerRegistrationRequest,
    ControllerRegistrationResponse, RegisterBrokerRecord, RegisterControllerRecord,
    broker_registration_request, register_broker_record, register_controller_record,
};

/// The first registration version that says how the broker shut down.
const DETECTS_CLEAN_SHUTDOWN: i16 = 3;
/// Directory ids below this are reserved.
const RESERVED_DIRECTORIES: u128 = 100;

type Refusal = (ErrorCode, String);

fn invalid(message: impl Into<String>) -> Refusal {
    (ErrorCode::InvalidRegistration, message.into())
}

impl Controller {
    pub(super) fn decide_registration(
        &self,
        at: &Circumstances<'_>,
        version: i16,
        body: &BrokerRegistrationRequest,
        request: &ControllerRequest,
    ) -> Decision {
        if let Err((error, message)) = self.check_registration(at.now, body) {
            let mut notes: Vec<ControllerNote> = Vec::new();
            mark::sometimes!(
                notes,
                error == ErrorCode::DuplicateBrokerRegistration,
                "registration_waits_for_old_session",
                "a broker came back before the session of its last process had run out"
            );
            return Decision { notes, ..Decision::refused(request, error, Some(&message)) };
        }
        let id = BrokerId(body.broker_id);
        let existing = self.state.image().cluster().broker(id);
        let mut record = registration_record(body);
        let mut draft = Draft::default();
        let mut reason = ChangeReason::Other;
        match existing {
            Some(same) if same.incarnation == body.incarnation_id => {
                record.fenced = same.fenced;
                record.in_controlled_shutdown = same.in_controlled_shutdown;
                record.broker_epoch = same.epoch.0;
            }
            _ => {
                let stored = existing.map(|broker| broker.epoch.0);
                let proven =
                    version >= DETECTS_CLEAN_SHUTDOWN && stored == Some(body.previous_broker_epoch);
                let clean = proven || !self.settings.rules.detects_unclean_shutdowns();
                reason = self.draft_shutdown(id, clean, &mut draft);
                record.broker_epoch = at.next_offset.0;
            }
        }
        let response = BrokerRegistrationResponse {
            broker_epoch: record.broker_epoch,
            ..BrokerRegistrationResponse::default()
        };
        // Last, so that a controller that fails in between leaves a broker that has to register again.
        draft.push(record);
        Decision::of(draft, ControllerResponse::BrokerRegistration(response), reason)
    }

    fn check_registration(
        &self,
        now: Time,
        body: &BrokerRegistrationRequest,
    ) -> Result<(), Refusal> {
        if body.cluster_id != self.settings.cluster_id {
            let message = format!(
                "Expected cluster ID {}, but got cluster ID {}",
                self.settings.cluster_id, body.cluster_id
            );
            return Err((ErrorCode::InconsistentClusterId, message));
        }
        let id = BrokerId(body.broker_id);
        if let Some(existing) = self.state.image().cluster().broker(id) {
            let alive = self.active_heartbeats().has_valid_session(now, id, existing.epoch);
            // BR-1: two processes with one id would fence each other for ever.
            if alive && existing.incarnation != body.incarnation_id {
                let message = "Another broker is registered with that broker id. If the broker \
                     was recently restarted this should self-resolve once the heartbeat manager \
                     expires the broker's session.";
                return Err((ErrorCode::DuplicateBrokerRegistration, message.to_owned()));
            }
        }
        if body.is_migrating_zk_broker {
            let message = "Controller does not support registering ZK brokers.";
            return Err((ErrorCode::BrokerIdNotRegistered, message.to_owned()));
        }
        self.check_directories(id, &body.log_dirs)?;
        self.check_features(&body.features)
    }

    fn check_directories(&self, id: BrokerId, directories: &[DirectoryId]) -> Result<(), Refusal> {
        if directories.is_empty() {
            return Err(invalid("No directories specified in request"));
        }
        if directories.iter().any(|directory| directory.0 < RESERVED_DIRECTORIES) {
            return Err(invalid("Reserved directory ID in request"));
        }
        let distinct: BTreeSet<&Uuid> = directories.iter().collect();
        if distinct.len() != directories.len() {
            return Err(invalid("Duplicate directory ID in request"));
        }
        let others = self.state.image().cluster().brokers().filter(|broker| broker.id != id);
        for broker in others {
            if let Some(taken) = broker.directories.iter().find(|it| distinct.contains(it)) {
                let message =
                    format!("Broker {} is already registered with directory {taken}", broker.id);
                return Err(invalid(message));
            }
        }
        Ok(())
    }

    /// Every finalized feature must be one that the broker supports, at its level; one that it does not name it
    /// supports at zero only.
    fn check_features(
        &self,
        features: &[broker_registration_request::Feature],
    ) -> Result<(), Refusal> {
        let image = self.state.image().features();
        let finalized = |name: &str| {
            if name == feature::KRAFT_VERSION {
                self.settings.kraft_version
            } else {
                image.level(name)
            }
        };
        let unsupported = |name: &str, level: i16, range: VersionRange| {
            let message = format!(
                "Unable to register because the broker does not support finalized version {level} \
                 of {name}. The broker wants a version between {} and {}, inclusive.",
                range.lowest, range.highest
            );
            Err((ErrorCode::UnsupportedVersion, message))
        };
        for it in features {
            let range = VersionRange {
                lowest: it.min_supported_version,
                highest: it.max_supported_version,
            };
            let level = finalized(&it.name);
            if !range.contains(level) {
                return unsupported(&it.name, level, range);
            }
        }
        let names = |name: &str| features.iter().any(|it| it.name == name);
        if !names(feature::METADATA_VERSION) {
            return Err(invalid("Request features do not contain 'metadata.version'"));
        }
        let kraft = (feature::KRAFT_VERSION, self.settings.kraft_version);
        for (name, level) in image.iter().chain([kraft]) {
            if level != 0 && !names(name) {
                return unsupported(name, level, VersionRange { lowest: 0, highest: 0 });
            }
        }
        Ok(())
    }

    /// The incarnation before is gone. R17: what it may have lost makes it unfit to lead.
    fn draft_shutdown(&self, id: BrokerId, clean: bool, draft: &mut Draft) -> ChangeReason {
        if self.keeps_elr() && !clean {
            mark::sometimes!(
                draft.reached,
                self.partitions_with_isr(id).iter().any(|of| self.is_last_in_sync(*of)),
                "last_in_sync_restarts_unclean",
                "the only replica in sync came back and may have lost something (KIP-966)"
            );
            mark::sometimes!(
                draft.reached,
                !self.partitions_with_elr(id).is_empty(),
                "eligible_replica_restarts_unclean",
                "an eligible leader replica came back and may have lost something (KIP-966)"
            );
            let cause = LeadershipCause::UncleanShutdown(id);
            self.draft_leader_updates(cause, self.partitions_with_isr(id), draft);
            self.draft_leader_updates(cause, self.partitions_with_elr(id), draft);
        } else {
            let cause = LeadershipCause::Removed(id);
            self.draft_leader_updates(cause, self.partitions_with_isr(id), draft);
        }
        if clean { ChangeReason::CleanRestart(id) } else { ChangeReason::UncleanRestart(id) }
    }

    pub(super) fn decide_heartbeat(
        &self,
        body: &BrokerHeartbeatRequest,
        request: &ControllerRequest,
    ) -> Decision {
        let id = match self.check_broker_epoch(body.broker_id, body.broker_epoch) {
            Ok(id) => id,
            Err(error) => {
                let mut notes: Vec<ControllerNote> = Vec::new();
                mark::reachable!(
                    notes,
                    "heartbeat_of_old_incarnation",
                    "a heartbeat came from a broker that has registered anew since, or never did"
                );
                return Decision { notes, ..Decision::refused(request, error, None) };
            }
        };
        let registered_at = self.state.registration_offset(id);
        let registered_at = registered_at.expect("a registered broker has a registration offset");
        let heartbeat = Heartbeat {
            metadata_offset: Offset(body.current_metadata_offset),
            want_fence: body.want_fence,
            want_shut_down: body.want_shut_down,
        };
        let heartbeats = self.active_heartbeats();
        let has_leaderships = || self.has_leaderships(id);
        let (now, next) = heartbeats.next_state(id, heartbeat, registered_at, has_leaderships);
        let mut draft = Draft::default();
        let mut reason = ChangeReason::Other;
        mark::sometimes!(
            draft.reached,
            now == next && next == BrokerControlState::ControlledShutdown,
            "controlled_shutdown_waits",
            "a broker that leaves has to wait: it leads, or others do not know yet that it does not"
        );
        mark::sometimes!(
            draft.reached,
            now == BrokerControlState::ControlledShutdown
                && next == BrokerControlState::ShutdownNow,
            "controlled_shutdown_granted",
            "a broker that leaves was let go once its leaderships had moved"
        );
        if now != next {
            reason = match next {
                BrokerControlState::Fenced | BrokerControlState::ShutdownNow => {
                    self.draft_fencing(id, &mut draft)
                }
                BrokerControlState::Unfenced => self.draft_unfencing(id, &mut draft),
                BrokerControlState::ControlledShutdown => {
                    self.draft_controlled_shutdown(id, &mut draft)
                }
            };
        }
        if self.draft_directories_offline(id, &body.offline_log_dirs, &mut draft)
            && reason == ChangeReason::Other
        {
            reason = ChangeReason::DirectoryOffline(id);
        }
        self.draft_directories_cordoned(id, body.cordoned_log_dirs.as_ref(), &mut draft);
        let fenced = matches!(next, BrokerControlState::Fenced | BrokerControlState::ShutdownNow);
        let response = BrokerHeartbeatResponse {
            is_caught_up: heartbeat.metadata_offset >= registered_at,
            is_fenced: fenced,
            should_shut_down: next == BrokerControlState::ShutdownNow,
            ..BrokerHeartbeatResponse::default()
        };
        let soft = SoftChange::Touch {
            id,
            fenced,
            metadata_offset: heartbeat.metadata_offset,
            in_controlled_shutdown: next == BrokerControlState::ControlledShutdown,
        };
        let response = ControllerResponse::BrokerHeartbeat(response);
        Decision { soft, ..Decision::of(draft, response, reason) }
    }

    /// One session that ran out at a time, so that the next one is judged by what this one changed.
    pub(super) fn decide_fence_stale_broker(&self, now: Time) -> Decision {
        let Some((id, epoch)) = self.active_heartbeats().expired(now) else {
            return Decision::nothing();
        };
        let mut draft = Draft::default();
        let mut reason = ChangeReason::Other;
        let current = self.state.image().cluster().broker(id);
        let fences = current.is_some_and(|broker| broker.epoch == epoch);
        mark::sometimes!(
            draft.reached,
            fences,
            "session_expires",
            "a broker was fenced since it had sent no heartbeat for broker.session.timeout.ms"
        );
        mark::sometimes!(
            draft.reached,
            !fences,
            "session_of_old_incarnation_expires",
            "a session ran out whose broker has registered anew since"
        );
        if fences {
            reason = self.draft_fencing(id, &mut draft);
        }
        let soft = SoftChange::SessionExpired { id, epoch, fences };
        Decision { draft, reason, soft, more: true, ..Decision::nothing() }
    }

    /// First the broker leaves its in-sync sets, then it is fenced.
    fn draft_fencing(&self, id: BrokerId, draft: &mut Draft) -> ChangeReason {
        let cause = LeadershipCause::Removed(id);
        self.draft_leader_updates(cause, self.partitions_with_isr(id), draft);
        draft.push(BrokerRegistrationChangeRecord { fenced: 1, ..self.change_of(id) });
        ChangeReason::Fenced(id)
    }

    /// First the broker is unfenced, then partitions without a leader may take it.
    fn draft_unfencing(&self, id: BrokerId, draft: &mut Draft) -> ChangeReason {
        draft.push(BrokerRegistrationChangeRecord { fenced: -1, ..self.change_of(id) });
        let cause = LeadershipCause::Added(id);
        self.draft_leader_updates(cause, self.partitions_without_leader(), draft);
        ChangeReason::Unfenced(id)
    }

    fn draft_controlled_shutdown(&self, id: BrokerId, draft: &mut Draft) -> ChangeReason {
        mark::sometimes!(
            draft.reached,
            self.has_leaderships(id),
            "controlled_shutdown_moves_leaders",
            "the controller moves the partitions that a leaving broker leads"
        );
        if !self.registered(id).in_controlled_shutdown {
            let change = self.change_of(id);
            draft.push(BrokerRegistrationChangeRecord { in_controlled_shutdown: 1, ..change });
        }
        let cause = LeadershipCause::Removed(id);
        self.draft_leader_updates(cause, self.partitions_with_isr(id), draft);
        ChangeReason::ControlledShutdown(id)
    }

    /// Directories that were online until now; answers whether there were any.
    fn draft_directories_offline(
        &self,
        id: BrokerId,
        offline: &[DirectoryId],
        draft: &mut Draft,
    ) -> bool {
        let broker = self.registered(id);
        let (lost, online): (Vec<_>, Vec<_>) =
            broker.directories.iter().copied().partition(|it| offline.contains(it));
        if lost.is_empty() {
            return false;
        }
        for directory in lost {
            let partitions = self.partitions_in_directory(id, directory);
            self.draft_leader_updates(LeadershipCause::Removed(id), partitions, draft);
        }
        draft.push(BrokerRegistrationChangeRecord { log_dirs: online, ..self.change_of(id) });
        true
    }

    fn draft_directories_cordoned(
        &self,
        id: BrokerId,
        cordoned: Option<&Vec<DirectoryId>>,
        draft: &mut Draft,
    ) {
        // A broker says nothing until it has caught up.
        let Some(cordoned) = cordoned else { return };
        let known = self.registered(id).cordoned_directories.as_ref();
        let set = |directories: &[DirectoryId]| -> BTreeSet<DirectoryId> {
            directories.iter().copied().collect()
        };
        if known.is_none_or(|known| set(known) != set(cordoned)) {
            let cordoned_log_dirs = Some(cordoned.clone());
            draft.push(BrokerRegistrationChangeRecord { cordoned_log_dirs, ..self.change_of(id) });
        }
    }

    fn registered(&self, id: BrokerId) -> &BrokerRegistration {
        let broker = self.state.image().cluster().broker(id);
        broker.unwrap_or_else(|| panic!("broker {id} is not registered"))
    }

    fn change_of(&self, id: BrokerId) -> BrokerRegistrationChangeRecord {
        let BrokerEpoch(broker_epoch) = self.registered(id).epoch;
        BrokerRegistrationChangeRecord { broker_id: id.0, broker_epoch, ..Default::default() }
    }

    pub(super) fn decide_controller_registration(body: &ControllerRegistrationRequest) -> Decision {
        let mut draft = Draft::default();
        let end_points = body.listeners.iter().map(|it| register_controller_record::EndPoint {
            name: it.name.clone(),
            host: it.host.clone(),
            port: it.port,
            security_protocol: it.security_protocol,
        });
        let features = body.features.iter().map(|it| register_controller_record::Feature {
            name: it.name.clone(),
            min_supported_version: it.min_supported_version,
            max_supported_version: it.max_supported_version,
        });
        draft.push(RegisterControllerRecord {
            controller_id: body.controller_id,
            incarnation_id: body.incarnation_id,
            zk_migration_ready: false,
            end_points: end_points.collect(),
            features: features.collect(),
        });
        let response = ControllerRegistrationResponse::default();
        let response = ControllerResponse::ControllerRegistration(response);
        Decision::atomic_of(draft, response, ChangeReason::Other)
    }
}

/// The record of a registration, fenced and of no epoch yet.
fn registration_record(body: &BrokerRegistrationRequest) -> RegisterBrokerRecord {
    let end_points = body.listeners.iter().map(|it| register_broker_record::EndPoint {
        name: it.name.clone(),
        host: it.host.clone(),
        port: it.port,
        security_protocol: it.security_protocol,
    });
    let features = body.features.iter().map(|it| register_broker_record::Feature {
        name: it.name.clone(),
        min_supported_version: it.min_supported_version,
        max_supported_version: it.max_supported_version,
    });
    RegisterBrokerRecord {
        broker_id: body.broker_id,
        is_migrating_zk_broker: false,
        incarnation_id: body.incarnation_id,
        broker_epoch: -1,
        end_points: end_points.collect(),
        features: features.collect(),
        rack: body.rack.clone(),
        fenced: true,
        in_controlled_shutdown: false,
        log_dirs: body.log_dirs.clone(),
        cordoned_log_dirs: None,
    }
}
