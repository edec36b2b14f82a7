//! Which fault stands behind an end of a process, or behind what the controller did about a broker.
//!
//! Inputs:     the record, and what faults did and when (`deeds.rs`).
//! Invariants: BE-1 a fault is named only if the record shows the link: it ended the process, its disk calls failed, or
//!             it held back what was due. Else nobody is blamed.

use trial_cluster::ids::BrokerId;
use trial_cluster::note::controller::ChangeReason;
use trial_sim::fault::{DiskFault, Effect, Fault};
use trial_sim::{CrashKind, HostId, Span, Time};

use super::chain::{Chain, Weight};
use super::deeds::{Deed, On};
use super::record::What;

/// A fault, and what shows that it is behind something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Behind {
    /// The entries to refer to: the fault, and what it did if that has an entry.
    pub(super) entries: Vec<usize>,
    /// `because a fault ...`, without a host's name where the sentence has said it.
    pub(super) words: String,
}

/// Whether a fault of this kind can keep a word back.
type Test = fn(&Effect) -> bool;

impl Chain<'_> {
    /// The fault that ended this process: it crashed or stopped it, or failed its disk.
    pub(super) fn ended_by(&self, down: usize) -> Option<usize> {
        match self.record[down].what {
            What::Crashed { host, kind } => {
                let losing = kind == CrashKind::PowerLoss;
                let at = self.record[down].at;
                self.last(down, |what| {
                    matches!(what, What::Fault { fault, hosts } if hosts.contains(&host)
                        && matches!(fault.effect, Effect::Crash { losing_unsynced, .. } if losing_unsynced == losing))
                })
                .filter(|fault| self.record[*fault].at == at)
            }
            What::Stopped { host, halt: None } => self.asked_to_stop(host, down),
            What::Stopped { host, halt: Some(_) } => self.failed_disk(host, down),
            _ => None,
        }
    }

    /// The end of the host's process that comes with a loss of its bytes at `lost`.
    pub(super) fn down_with(&self, host: HostId, lost: usize) -> Option<usize> {
        let at = self.record[lost].at;
        let is_down = |what: &What| is_down(what, host);
        let found = self.next(lost, is_down).filter(|down| self.record[*down].at == at);
        found.or_else(|| self.last(lost, is_down).filter(|down| self.record[*down].at == at))
    }

    /// The last end of a process of the host.
    pub(super) fn down(&self, host: HostId, before: usize) -> Option<usize> {
        self.last(before, |what| is_down(what, host))
    }

    fn booted(&self, host: HostId, before: usize) -> Option<usize> {
        self.last(before, |what| matches!(what, What::Booted { host: who, .. } if *who == host))
    }

    fn asked_to_stop(&self, host: HostId, before: usize) -> Option<usize> {
        let since = self.booted(host, before).unwrap_or(0);
        self.last(before, |what| {
            matches!(what, What::Fault { fault, hosts }
                if hosts.contains(&host) && matches!(fault.effect, Effect::Stop { .. }))
        })
        .filter(|fault| *fault >= since)
    }

    /// The fault by which calls of the host's disk have failed since its process began.
    fn failed_disk(&self, host: HostId, before: usize) -> Option<usize> {
        let since = self.booted(host, before).map_or(Time::ZERO, |boot| self.record[boot].at);
        let until = self.record[before].at;
        let fails = |deed: &&Deed| {
            let failing = matches!(
                self.effect(deed.fault),
                Some(Effect::Disk {
                    fault: DiskFault::Eio { .. } | DiskFault::Full | DiskFault::Dies,
                    ..
                })
            );
            failing && deed.on == On::Host(host) && since <= deed.at && deed.at <= until
        };
        self.deeds.iter().rev().find(fails).map(|deed| deed.fault)
    }

    fn effect(&self, fault: usize) -> Option<&Effect> {
        Some(&self.carried_out(fault)?.effect)
    }

    fn carried_out(&self, fault: usize) -> Option<&Fault> {
        match &self.record[fault].what {
            What::Fault { fault, .. } => Some(fault),
            _ => None,
        }
    }

    /// The fault behind what the controller wrote, if the record shows one.
    pub(super) fn behind(&self, registered: usize) -> Option<Behind> {
        use ChangeReason as R;
        let What::Registered { host: controller, why, .. } = self.record[registered].what else {
            return None;
        };
        let host = |id: BrokerId| self.facts.setup.host_of(id);
        match why {
            R::Fenced(id) => {
                let host = host(id)?;
                match self
                    .down(host, registered)
                    .filter(|down| self.was_absent(host, *down, registered))
                {
                    Some(down) => self.end_of(host, down),
                    None => self.silenced(host, controller, registered),
                }
            }
            R::UncleanRestart(id) | R::CleanRestart(id) => {
                let host = host(id)?;
                let boot = self.booted(host, registered)?;
                self.end_of(host, self.down(host, boot)?)
            }
            R::ControlledShutdown(id) => {
                let host = host(id)?;
                let entries = vec![self.asked_to_stop(host, registered)?];
                let words = format!("because a fault had asked {} to stop", self.name(host));
                Some(Behind { entries, words })
            }
            R::DirectoryOffline(id) => {
                let host = host(id)?;
                let entries = vec![self.failed_disk(host, registered)?];
                let words = format!("because a fault had failed the disk of {}", self.name(host));
                Some(Behind { entries, words })
            }
            _ => None,
        }
    }

    fn end_of(&self, host: HostId, down: usize) -> Option<Behind> {
        let fault = self.ended_by(down)?;
        let name = self.name(host);
        let did = match self.record[down].what {
            What::Crashed { kind: CrashKind::PowerLoss, .. } => {
                format!("taken the power of {name}")
            }
            What::Crashed { .. } => format!("killed the process of {name}"),
            What::Stopped { halt: None, .. } => format!("asked {name} to stop"),
            _ => format!("failed the disk of {name}"),
        };
        Some(Behind { entries: vec![fault], words: format!("because a fault had {did}") })
    }

    /// Whether the host had no process, since it went down, to the end or for half of the broker's session.
    fn was_absent(&self, host: HostId, down: usize, fenced: usize) -> bool {
        let Some(boot) = self.booted(host, fenced).filter(|boot| *boot > down) else { return true };
        let session = Span::from_millis(self.facts.setup.session_timeout_ms);
        let since = Time(self.record[fenced].at.0.saturating_sub(session.0));
        let (from, to) = (self.record[down].at.max(since), self.record[boot].at);
        from < to && to.since(from).0 * 2 >= session.0
    }

    /// The fault that kept a broker's word from the controller for half of its session or longer before it was fenced.
    fn silenced(&self, host: HostId, controller: HostId, fenced: usize) -> Option<Behind> {
        let session = Span::from_millis(self.facts.setup.session_timeout_ms);
        let until = self.record[fenced].at;
        let since = Time(until.0.saturating_sub(session.0));
        let shows = |on: On, blocks: Test| {
            let deeds = self.deeds.iter().filter(|deed| {
                deed.on == on && since <= deed.at && deed.at <= until + super::EVERY
            });
            let mut faults = deeds.map(|deed| deed.fault);
            faults.find(|fault| {
                self.effect(*fault).is_some_and(blocks)
                    && self.in_force(*fault, since, until).0 * 2 >= session.0
            })
        };
        let (name, to) = (self.name(host), self.name(controller));
        let ways: [(On, Test, String); 3] = [
            (
                On::Link(host, controller),
                blocks_link,
                format!("held back what {name} sent to {to}"),
            ),
            (On::Host(host), |it| matches!(it, Effect::Pause { .. }), format!("had paused {name}")),
            (
                On::Link(controller, host),
                blocks_link,
                format!("held back what {to} sent to {name}"),
            ),
        ];
        ways.into_iter().find_map(|(on, blocks, did)| {
            let entries = vec![shows(on, blocks)?];
            Some(Behind { entries, words: format!("because a fault {did}") })
        })
    }

    /// For how long of this time a fault was in force.
    fn in_force(&self, fault: usize, since: Time, until: Time) -> Span {
        let began = self.record[fault].at;
        let lasting = self.carried_out(fault).and_then(crate::run::lasting);
        let ended = lasting.map_or(Time::MAX, |length| began + length);
        let (from, to) = (began.max(since), ended.min(until));
        if from < to { to.since(from) } else { Span::ZERO }
    }

    /// Whether a fault did anything up to here that the record shows.
    pub(super) fn did(&self, fault: usize, before: usize) -> bool {
        let until = self.record[before.min(self.record.len() - 1)].at;
        self.deeds.iter().any(|deed| deed.fault == fault && deed.at <= until)
            || self.ended(fault, before).is_some()
    }

    /// The first end of a process, or start of one, that this fault brought about.
    fn ended(&self, fault: usize, before: usize) -> Option<usize> {
        let What::Fault { fault: line, hosts } = &self.record[fault].what else { return None };
        let at = self.record[fault].at;
        (fault..before).find(|place| match &self.record[*place].what {
            what @ (What::Crashed { host, .. } | What::Stopped { host, .. }) => {
                is_down(what, *host) && hosts.contains(host) && self.ended_by(*place) == Some(fault)
            }
            What::Booted { host, .. } => {
                matches!(line.effect, Effect::Restart { .. })
                    && hosts.contains(host)
                    && self.record[*place].at == at
            }
            _ => false,
        })
    }

    /// The last fault that did something to a host.
    pub(super) fn last_fault(&self, host: HostId, before: usize) -> Option<usize> {
        let until = self.record.get(before).map_or(Time::MAX, |entry| entry.at);
        let deed = self.deeds.iter().filter(|deed| deed.touches(host) && deed.at <= until);
        let deed = deed.map(|deed| deed.fault).max();
        let ended = self.down(host, before).and_then(|down| self.ended_by(down));
        deed.max(ended)
    }

    /// Chooses what stands behind what the controller wrote, if anything does; answers how to refer to it.
    pub(super) fn choose_behind(
        &mut self,
        registered: usize,
        weight: Weight,
    ) -> Option<(String, Vec<usize>)> {
        let Behind { entries, words } = self.behind(registered)?;
        let refs = entries.into_iter().map(|entry| self.event(entry, weight)).collect();
        Some((words, refs))
    }
}

fn is_down(what: &What, host: HostId) -> bool {
    matches!(what, What::Crashed { host: who, .. } | What::Stopped { host: who, .. } if *who == host)
}

/// Whether nothing gets through a link that this acts on.
fn blocks_link(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Cut { .. }
            | Effect::Isolate { .. }
            | Effect::Bridge { .. }
            | Effect::Ring { .. }
            | Effect::Swizzle { .. }
            | Effect::Stall { .. }
            | Effect::Hold { .. }
            | Effect::Refuse { .. }
            | Effect::Hang { .. }
    )
}
