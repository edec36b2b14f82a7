//! Hands everything that is seen to the fold, and everything that became known to the checkers.
//!
//! Holds:      the facts, the checkers, their verdicts; a clone goes on by itself.
//! Invariants: JU-1 a checker sees facts that already contain what it is told. JU-2 nothing scans at every event:
//!             audits run at a crash, a restart, a change of leader and the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_cluster::mark;
use trial_cluster::note::Note;
use trial_cluster::note::broker::BrokerNote;
use trial_cluster::note::partition::PartitionEvent;
use trial_reports::RecordCounts;
use trial_sim::fault::{Effect, Fault};
use trial_sim::{HostId, Seen, Time};

use super::answers::Answers;
use super::broker_epochs::BrokerEpochs;
use super::clients::Clients;
use super::commitments::Commitments;
use super::committed::CommittedRecords;
use super::elections::Elections;
use super::exclusion::Exclusion;
use super::groups::{self, Groups};
use super::held_back::HeldBack;
use super::images::Images;
use super::isolated_leader::IsolatedLeaders;
use super::isr::InSyncSets;
use super::losses::Losses;
use super::low_watermark::LowWatermarks;
use super::pending::PendingChanges;
use super::promise::FaultSeen;
use super::quorum::Quorum;
use super::reassignments::Reassignments;
use super::registrations::Registrations;
use super::sent_elsewhere::SentElsewhere;
use super::sequences::Sequences;
use super::snapshots::Snapshots;
use super::stale_answers::StaleAnswers;
use super::told::Told;
use super::topic_ids::TopicIds;
use super::verdicts::{Excuse, Verdicts, Violation};
use super::watermark::HighWatermarks;
use super::writes::Writes;
use super::{compaction, ends, epochs, history, live, retention, unreachable};
use crate::facts::{Disks, Fact, Facts, Known, Role, Setup};

/// The judge of one run.
#[derive(Debug, Clone)]
pub struct Judge {
    facts: Facts,
    faults: Vec<FaultSeen>,
    verdicts: Verdicts,
    checkers: Checkers,
    clients: Clients,
    groups: Groups,
    quorum: Quorum,
    controllers: Controllers,
    isolated_leaders: IsolatedLeaders,
    known: Vec<Known>,
    beyond: Option<Beyond>,
}

/// A fault that takes what no number of copies makes good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beyond {
    /// Since when.
    pub at: Time,
    /// Whom it hit.
    pub host: String,
    /// The fault, as a scenario would write it.
    pub fault: String,
    /// Why Kafka does not promise to survive it.
    pub why: &'static str,
}

/// Those that judge partitions.
#[derive(Debug, Clone, Default)]
struct Checkers {
    writes: Writes,
    committed: CommittedRecords,
    elections: Elections,
    in_sync_sets: InSyncSets,
    registrations: Registrations,
    reassignments: Reassignments,
    high_watermarks: HighWatermarks,
    answers: Answers,
    stale_answers: StaleAnswers,
    sequences: Sequences,
    held_back: HeldBack,
    sent_elsewhere: SentElsewhere,
    low_watermarks: LowWatermarks,
    exclusion: Exclusion,
    pending: PendingChanges,
    snapshots: Snapshots,
}

/// Those that judge controllers.
#[derive(Debug, Clone, Default)]
struct Controllers {
    broker_epochs: BrokerEpochs,
    commitments: Commitments,
    topic_ids: TopicIds,
    images: Images,
}

impl Judge {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let facts = Facts::new(Arc::new(setup));
        Self {
            quorum: Quorum::new(&facts),
            isolated_leaders: IsolatedLeaders::new(&facts),
            facts,
            faults: Vec::new(),
            verdicts: Verdicts::default(),
            checkers: Checkers::default(),
            clients: Clients::default(),
            groups: Groups::default(),
            controllers: Controllers::default(),
            known: Vec::new(),
            beyond: None,
        }
    }

    /// The first fault that no redundancy of Kafka's promises to survive.
    #[must_use]
    pub fn beyond(&self) -> Option<&Beyond> {
        self.beyond.as_ref()
    }

    /// In Kafka: nobody checks what a log answers but its reader; `KafkaRaftClient.flushLeaderLog` counts the leader
    /// before it has synced.
    fn why_beyond(&self, effect: &Effect, hosts: &[HostId]) -> Option<&'static str> {
        if effect.corrupts() {
            return Some(
                "a disk answers with other bytes than were written, which no copy promises to notice",
            );
        }
        let votes = |host: &HostId| {
            let role = self.facts.setup.role(*host);
            matches!(role, Some(Role::Controller { .. } | Role::Broker { controller: true, .. }))
        };
        let forgets = matches!(effect, Effect::Wipe { .. } | Effect::Swap { .. });
        if forgets && hosts.iter().any(votes) {
            return Some(
                "a voter that loses its disk forgets whom it voted for, and what it had synced",
            );
        }
        let lone = self.facts.setup.voters() == 1 && hosts.iter().any(votes);
        let loses = matches!(effect, Effect::Crash { losing_unsynced: true, .. });
        (lone && loses).then_some("a controller that is alone commits before it has synced")
    }

    /// Takes one thing in.
    pub fn on_seen(&mut self, seen: &Seen<Note>, disks: &dyn Disks) {
        let mut known = std::mem::take(&mut self.known);
        known.clear();
        self.facts.on_seen(seen, disks, &mut known);
        for one in &known {
            self.checkers.on(one, &self.facts, &mut self.verdicts);
            self.groups.on(one, &self.facts, &mut self.verdicts);
        }
        self.known = known;
        self.checkers.exclusion.on_seen(seen, &self.facts, &mut self.verdicts);
        self.checkers.snapshots.on_seen(seen);
        self.checkers.low_watermarks.on_seen(seen);
        self.groups.on_seen(seen, &self.facts, &mut self.verdicts);
        self.quorum.on(seen, disks, &self.facts, &mut self.verdicts);
        let committed_end = self.quorum.committed_end();
        self.controllers.on_seen(seen, committed_end, &self.facts, &mut self.verdicts);
        self.isolated_leaders.on(seen, disks, &self.facts, &mut self.verdicts);
        if let Seen::Note { at, host, note, .. } = seen
            && let Some(mark) = note.reached()
        {
            unreachable::on(*at, *host, mark, &self.facts, &mut self.verdicts);
            return;
        }
        match seen {
            Seen::Note { at, host, note: Note::Client(note), .. } => {
                self.clients.on(*at, *host, note, &self.facts, &mut self.verdicts);
            }
            Seen::Note { at, host, note: Note::Broker(BrokerNote::LogsLoaded { .. }), .. } => {
                compaction::audit_loaded(*at, *host, disks, &self.facts, &mut self.verdicts);
                self.audit(*at);
                self.audit_epochs(*at, disks);
                self.audit_snapshots(*at, Some(*host), disks);
            }
            Seen::Crashed { at, host, .. } | Seen::Stopped { at, host, .. } => {
                self.clients.on_down(*host);
                self.checkers.in_sync_sets.on_down(*host);
                self.checkers.sent_elsewhere.on_down(*host);
                self.checkers.registrations.on_down(*host);
                self.checkers.pending.on_down(*host);
                self.audit(*at);
            }
            _ => {}
        }
    }

    /// A fault was carried out on these hosts.
    pub fn on_fault(&mut self, at: Time, text: &str, hosts: &[HostId]) {
        let fault = text.parse::<Fault>().ok();
        let ends_processes = fault.as_ref().is_some_and(|fault| fault.effect.ends_processes());
        let seen = FaultSeen { at, text: Arc::from(text), hosts: hosts.to_vec(), ends_processes };
        self.faults.push(seen);
        let why = fault.and_then(|fault| self.why_beyond(&fault.effect, hosts));
        let Some(why) = why else { return };
        let host = hosts.first().map_or("", |host| self.facts.setup.name(*host)).to_owned();
        if self.facts.setup.exceeds_budget {
            self.verdicts.on_beyond(text, &host);
        }
        self.beyond.get_or_insert(Beyond { at, host, fault: text.to_owned(), why });
    }

    /// The run is over.
    pub fn finish(&mut self, at: Time, disks: &dyn Disks) {
        self.isolated_leaders.tell(None, &self.facts, &mut self.verdicts);
        self.audit(at);
        self.audit_epochs(at, disks);
        self.audit_snapshots(at, None, disks);
        let Self { facts, faults, verdicts, clients, .. } = self;
        clients.finish(at, facts, faults, verdicts);
        history::finish(clients, facts, faults, verdicts);
        let losses = Losses { at, clients, facts, faults, disks };
        let ended = losses.finish(verdicts);
        verdicts.settle(facts, faults);
        for text in &facts.unread {
            verdicts.unknown(text.clone());
        }
        for _ in 0..ended.excused {
            mark::reachable!(
                facts.probes,
                "excused_loss",
                "an acknowledged record was lost as its settings allow"
            );
        }
        for _ in 0..ended.let_go {
            mark::reachable!(
                facts.probes,
                "acked_record_let_go",
                "an acknowledged record was gone by the end, and might: by retention, compaction or DeleteRecords"
            );
        }
    }

    /// What became known by the last thing that was taken in.
    #[must_use]
    pub fn known(&self) -> &[Known] {
        &self.known
    }

    /// What is known.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Invariants that did not hold, in the order of their discovery.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.verdicts.violations()
    }

    /// Losses that the settings allow.
    #[must_use]
    pub fn excused(&self) -> &[Excuse] {
        self.verdicts.excuses()
    }

    /// What could not be decided.
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        self.verdicts.unknowns()
    }

    /// What each producer was told of its records.
    #[must_use]
    pub const fn told(&self) -> &BTreeMap<HostId, Told> {
        &self.clients.told
    }

    /// Records of all clients, by their notes.
    #[must_use]
    pub fn records(&self) -> RecordCounts {
        self.clients.counts
    }

    /// What is still missing before the cluster is live, with the rule's id; empty if nothing is.
    #[must_use]
    pub fn is_live(&self) -> Vec<String> {
        let mut missing = live::missing(&self.facts, &self.clients, &self.checkers.pending);
        self.controllers.images.missing(&self.facts, &mut missing);
        groups::missing(&self.groups, &self.clients, &self.facts, &mut missing);
        missing
    }

    fn audit(&mut self, at: Time) {
        for partition in self.facts.partitions() {
            self.checkers.committed.audit(at, partition, &self.facts, &mut self.verdicts);
            self.checkers.elections.audit(at, partition, &self.facts, &mut self.verdicts);
        }
    }

    fn audit_snapshots(&mut self, at: Time, only: Option<HostId>, disks: &dyn Disks) {
        let Self { facts, verdicts, checkers, .. } = self;
        checkers.snapshots.audit(at, only, disks, facts, verdicts);
    }

    fn audit_epochs(&mut self, at: Time, disks: &dyn Disks) {
        for partition in self.facts.partitions() {
            epochs::audit(at, partition, disks, &self.facts, &mut self.verdicts);
        }
    }
}

impl Checkers {
    /// Hands a fact to those that it concerns.
    fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        match &known.fact {
            Fact::Written { .. } => {
                self.writes.on(known, facts, verdicts);
                self.sequences.on(known, facts, verdicts);
                self.committed.on(known, facts, verdicts);
            }
            Fact::Removed { .. } => {
                self.sequences.on(known, facts, verdicts);
                self.committed.on(known, facts, verdicts);
                self.high_watermarks.on(known, facts, verdicts);
            }
            Fact::Dropped { .. } => {
                retention::on(known, facts, verdicts);
                self.committed.on(known, facts, verdicts);
            }
            Fact::Deleted { .. } => self.committed.on(known, facts, verdicts),
            Fact::LogStartMoved { .. } => retention::on(known, facts, verdicts),
            Fact::Cleaned { .. } => {
                compaction::on(known, facts, verdicts);
                self.committed.on(known, facts, verdicts);
            }
            Fact::Mixed { .. } => compaction::on(known, facts, verdicts),
            Fact::BadBytes { .. } => self.writes.on(known, facts, verdicts),
            Fact::EndTold { .. } => ends::on(known, facts, verdicts),
            Fact::LowWatermarkTold { .. } => self.low_watermarks.on(known, facts, verdicts),
            Fact::Acked { .. } => self.answers.on(known, facts, verdicts),
            Fact::Fetched { .. } => {
                self.answers.on(known, facts, verdicts);
                self.high_watermarks.on(known, facts, verdicts);
                self.held_back.on(known, facts, verdicts);
                self.sent_elsewhere.on(known, facts, verdicts);
                self.low_watermarks.on(known, facts, verdicts);
            }
            Fact::Registered { .. } => {
                self.low_watermarks.on(known, facts, verdicts);
                self.held_back.on(known, facts, verdicts);
                self.registrations.on(known, facts, verdicts);
                self.exclusion.on(known, facts, verdicts);
                self.reassignments.on(known, facts, verdicts);
                self.elections.on(known, facts, verdicts);
                self.in_sync_sets.on(known, facts, verdicts);
            }
            Fact::Noted { event, .. } => {
                self.pending.on(known);
                self.noted(event, known, facts, verdicts);
            }
        }
    }

    fn noted(
        &mut self,
        event: &PartitionEvent,
        known: &Known,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        match event {
            PartitionEvent::LeaderHighWatermarkMoved { .. }
            | PartitionEvent::FollowerHighWatermarkMoved { .. }
            | PartitionEvent::Truncated { .. } => {
                // R18 first: it is why the cut is below the high watermark, if it is.
                self.stale_answers.on(known, facts, verdicts);
                self.high_watermarks.on(known, facts, verdicts);
                self.held_back.on(known, facts, verdicts);
            }
            PartitionEvent::ProduceCompleted { .. } => self.answers.on(known, facts, verdicts),
            PartitionEvent::BecameLeader { .. } => {
                self.low_watermarks.on(known, facts, verdicts);
                self.writes.on(known, facts, verdicts);
                self.stale_answers.on(known, facts, verdicts);
                self.held_back.on(known, facts, verdicts);
                self.sent_elsewhere.on(known, facts, verdicts);
                self.elections.on(known, facts, verdicts);
                self.registrations.on(known, facts, verdicts);
                self.reassignments.on(known, facts, verdicts);
                self.in_sync_sets.on(known, facts, verdicts);
                if let Some(partition) = facts.partition(known.partition) {
                    self.committed.audit(known.at, partition, facts, verdicts);
                    self.elections.audit(known.at, partition, facts, verdicts);
                }
            }
            _ => {
                self.stale_answers.on(known, facts, verdicts);
                self.held_back.on(known, facts, verdicts);
                self.sent_elsewhere.on(known, facts, verdicts);
                self.registrations.on(known, facts, verdicts);
                self.in_sync_sets.on(known, facts, verdicts);
            }
        }
    }
}

impl Controllers {
    fn on_seen(
        &mut self,
        seen: &Seen<Note>,
        committed_end: i64,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        self.broker_epochs.on_seen(seen, facts, verdicts);
        self.commitments.on_seen(seen, committed_end, facts, verdicts);
        self.topic_ids.on_seen(seen, facts, verdicts);
        self.images.on_seen(seen, facts, verdicts);
    }
}
