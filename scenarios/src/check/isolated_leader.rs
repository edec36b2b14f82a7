//! A leader of the quorum from which no majority fetches any more: K13.
//!
//! In Kafka:   `LeaderState.timeUntilCheckQuorumExpires`, `KafkaRaftClient.pollLeader` (KAFKA-15489).
//! Holds:      of each leader the voters that have fetched since a majority last had, and when that was.
//! Inputs:     notes of fetches that have reached a leader: only it can say so, since bytes are seen when they are
//!             sent; the bytes that it writes into its metadata log.
//! Invariants: K13 a leader of two or more voters writes nothing once no majority has fetched from it for one and a
//!             half fetch timeouts, by its own wall clock: it looks right before it writes, in the same turn, however
//!             late that comes. A turn may begin with the fetch that was waited for: bytes are seen at once, and notes
//!             when the turn has been worked out, so what was written is judged when it is noted, which comes last. A
//!             clock that steps back stops the wait, and does not wind it back.
//! Left out:   a node that was started again with another `controller.quorum.fetch.timeout.ms`.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::ids::BrokerId;
use trial_cluster::note::Note;
use trial_cluster::note::raft::{RaftNote, RaftRole};
use trial_sim::disk::DiskSeen;
use trial_sim::{HostId, Seen, Time};

use super::quorum::FOLDER;
use super::step::Step;
use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Disks, Facts, segment_base};

/// The watch over one leader.
#[derive(Debug, Clone)]
struct Watch {
    fetched: BTreeSet<BrokerId>,
    /// The latest that its wall clock has shown.
    clock_ms: i64,
    /// What that was when a majority last had fetched, or when it began to lead.
    heard_ms: i64,
    heard_at: Time,
    has_heard: bool,
    /// It has written too late, unless a fetch of the same turn is noted yet.
    suspect: Option<Breach>,
}

impl Watch {
    fn hear(&mut self, at: Time) {
        self.suspect = None;
        self.fetched.clear();
        self.heard_ms = self.clock_ms;
        self.heard_at = at;
    }
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct IsolatedLeaders {
    voters: BTreeSet<BrokerId>,
    patience_ms: i64,
    leaders: BTreeMap<HostId, Watch>,
}

impl IsolatedLeaders {
    /// Nobody leads yet.
    #[must_use]
    pub fn new(facts: &Facts) -> Self {
        let timeout = i64::try_from(facts.setup.quorum_fetch_timeout_ms).unwrap_or(i64::MAX / 3);
        let voters = facts.setup.voter_ids().collect();
        Self { voters, patience_ms: timeout * 3 / 2, leaders: BTreeMap::new() }
    }

    /// Something was seen.
    pub fn on(
        &mut self,
        seen: &Seen<Note>,
        disks: &dyn Disks,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        match seen {
            Seen::Note { host, note: Note::Raft(RaftNote::Appended { .. }), .. } => {
                self.tell(Some(*host), facts, verdicts);
            }
            Seen::Note { at, host, note: Note::Raft(note), .. } => {
                let wall_ms = disks.wall_ms(*host);
                self.on_note(note, (*at, *host), wall_ms);
            }
            Seen::Disk { at, host, what: DiskSeen::Wrote { path, .. }, .. } => {
                let file = path.strip_prefix(FOLDER).and_then(|file| file.strip_prefix('/'));
                if file.is_some_and(|file| segment_base(file).is_some()) {
                    let wall_ms = disks.wall_ms(*host);
                    let mut step = Step { at: *at, host: *host, facts, verdicts };
                    self.on_written(wall_ms, &mut step);
                }
            }
            Seen::Crashed { host, .. } | Seen::Stopped { host, .. } => {
                self.leaders.remove(host);
            }
            _ => {}
        }
    }

    /// What was suspected of this host is so, or of all if it is over.
    pub fn tell(&mut self, of: Option<HostId>, facts: &Facts, verdicts: &mut Verdicts) {
        for (host, watch) in &mut self.leaders {
            let is_meant = of.is_none_or(|of| of == *host);
            if let Some(breach) = watch.suspect.take_if(|_| is_meant) {
                verdicts.always(facts.setup.name(*host), breach);
            }
        }
    }

    fn on_note(&mut self, note: &RaftNote, (at, host): (Time, HostId), wall_ms: i64) {
        match note {
            RaftNote::Transition { role: RaftRole::Leader, .. } => {
                let watch = Watch {
                    fetched: BTreeSet::new(),
                    clock_ms: wall_ms,
                    heard_ms: wall_ms,
                    heard_at: at,
                    has_heard: false,
                    suspect: None,
                };
                self.leaders.insert(host, watch);
            }
            RaftNote::Transition { .. } => {
                self.leaders.remove(&host);
            }
            RaftNote::VoterFetched { voter } if self.voters.contains(voter) => {
                let majority = self.voters.len() / 2 + 1;
                let Some(watch) = self.leaders.get_mut(&host) else { return };
                watch.clock_ms = watch.clock_ms.max(wall_ms);
                watch.fetched.insert(*voter);
                // The leader is one of them, and does not fetch.
                if watch.fetched.len() + 1 >= majority {
                    watch.has_heard = true;
                    watch.hear(at);
                }
            }
            _ => {}
        }
    }

    fn on_written(&mut self, wall_ms: i64, step: &mut Step<'_>) {
        if self.voters.len() < 2 {
            return;
        }
        let Some(watch) = self.leaders.get_mut(&step.host) else { return };
        watch.clock_ms = watch.clock_ms.max(wall_ms);
        let waited = watch.clock_ms.saturating_sub(watch.heard_ms);
        if waited < self.patience_ms {
            return;
        }
        let when = words::when(watch.heard_at);
        let before = if watch.has_heard {
            format!("{when} a majority of the voters had fetched from it, and none has since")
        } else {
            format!(
                "{when} it began to lead, and no majority of the voters has fetched from it since"
            )
        };
        let now = format!(
            "it writes into its metadata log after {waited} ms by its clock; it resigns after {}",
            self.patience_ms
        );
        let found =
            step.found("K13", "leads on although no majority fetches from it", [before, now]);
        watch.suspect.get_or_insert(found);
    }
}
