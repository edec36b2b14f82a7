//! What happens in a run, in words: faults, crashes, elections, in-sync sets, cuts, and how far records are committed.
//!
//! Holds:      one line for each such event, with its time; kept only if somebody asks, since it takes words.
//! Invariants: CH-1 keeping it changes nothing of the run.

use trial_cluster::ids::BrokerId;
use trial_cluster::note::Note;
use trial_cluster::note::broker::BrokerNote;
use trial_cluster::note::client::ClientNote;
use trial_cluster::note::controller::{ChangeReason, ControllerNote};
use trial_cluster::note::partition::{PartitionEvent, PartitionNote};
use trial_sim::{CrashKind, HostId, Seen, Time};

use super::plan::lasting;
use super::trial_run::Run;
use crate::facts::Facts;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// When.
    pub at: Time,
    /// What, in words.
    pub text: String,
}

/// Everything that happened, in its order.
pub(super) type Chronicle = Vec<Told>;

impl Run {
    /// From here on what happens is told.
    pub fn keep_chronicle(&mut self) {
        self.chronicle.get_or_insert_default();
    }

    /// What was told, in the order of time, with the ends of faults.
    #[must_use]
    pub fn chronicle(&self) -> Vec<Told> {
        let mut all = self.chronicle.clone().unwrap_or_default();
        for (_, planned, outcome) in self.player.timed() {
            let Some((began, length)) = outcome.at.zip(lasting(&planned.fault)) else { continue };
            let at = began + length;
            if at <= self.world.now() && planned.fault.effect.can_last() {
                all.push(Told { at, text: format!("`{}` ends", planned.fault) });
            }
        }
        all.sort_by_key(|told| told.at);
        all
    }
}

/// One thing that was seen, in words, if it is worth them.
pub(super) fn tell(seen: &Seen<Note>, facts: &Facts) -> Option<Told> {
    let name = |host: HostId| facts.setup.name(host);
    let (at, text) = match seen {
        Seen::Crashed { at, host, kind: CrashKind::PowerLoss, report } => {
            let pages: usize = report.disks.iter().map(|disk| disk.pages_lost as usize).sum();
            (*at, format!("{} loses power and {pages} pages that were not synced", name(*host)))
        }
        Seen::Crashed { at, host, kind: CrashKind::Process, .. } => {
            (*at, format!("{} crashes", name(*host)))
        }
        Seen::Booted { at, host, incarnation } if *incarnation > 1 => {
            (*at, format!("{} starts again", name(*host)))
        }
        Seen::Stopped { at, host, halt: None } => {
            (*at, format!("{} stops in good order", name(*host)))
        }
        Seen::Stopped { at, host, halt: Some(why) } => {
            (*at, format!("{} ends: {why}", name(*host)))
        }
        Seen::Note { at, host, note, .. } => (*at, note_text(*host, note, facts)?),
        _ => return None,
    };
    Some(Told { at, text })
}

fn note_text(host: HostId, note: &Note, facts: &Facts) -> Option<String> {
    let name = facts.setup.name(host);
    match note {
        Note::Partition(PartitionNote { partition, event }) => {
            let partition = facts.partition(*partition)?.name();
            partition_text(name, &partition, event, facts)
        }
        Note::Controller(note) => controller_text(name, note, facts),
        Note::Client(ClientNote::Sent { partition, .. }) => {
            Some(format!("{name} sends a record to {}", facts.partition(*partition)?.name()))
        }
        Note::Client(ClientNote::Acked { partition, offset: Some(offset), .. }) => {
            let partition = facts.partition(*partition)?.name();
            Some(format!("{name} hears that offset {} of {partition} is safe", offset.0))
        }
        Note::Broker(BrokerNote::LogsLoaded { clean: false }) => {
            Some(format!("{name} has opened its logs after an unclean end"))
        }
        _ => None,
    }
}

fn partition_text(
    name: &str,
    partition: &str,
    event: &PartitionEvent,
    facts: &Facts,
) -> Option<String> {
    let node = |id: BrokerId| named(id, facts);
    Some(match event {
        PartitionEvent::BecameLeader {
            leader_epoch, epoch_start_offset, high_watermark, ..
        } => {
            let (epoch, end, mark) = (leader_epoch.0, epoch_start_offset.0, high_watermark.0);
            format!(
                "{name} leads {partition} in epoch {epoch}: log end {end}, high watermark {mark}"
            )
        }
        PartitionEvent::BecameFollower {
            leader,
            leader_epoch,
            log_end_offset,
            high_watermark,
            ..
        } => {
            let (epoch, end, mark) = (leader_epoch.0, log_end_offset.0, high_watermark.0);
            let leader = node(*leader);
            format!(
                "{name} follows {leader} in {partition}, epoch {epoch}: log end {end}, high watermark {mark}"
            )
        }
        PartitionEvent::LeaderHighWatermarkMoved { to, .. } => {
            format!("{name}, the leader, moves the high watermark of {partition} to {}", to.0)
        }
        PartitionEvent::FollowerHighWatermarkMoved { to, .. } => {
            format!("{name}, a follower, hears of high watermark {} of {partition}", to.0)
        }
        PartitionEvent::Truncated { from, to, .. } if to < from => {
            format!("{name} cuts its log of {partition} from {} to {}", from.0, to.0)
        }
        PartitionEvent::IsrExpandAsked { joining, .. } => {
            format!("{name} asks for {} to be in sync in {partition}", node(*joining))
        }
        PartitionEvent::IsrShrinkAsked { staying, .. } => {
            format!(
                "{name} asks for nobody but {} to be in sync in {partition}",
                nodes(staying, facts)
            )
        }
        PartitionEvent::IsrCommitted { isr, .. } | PartitionEvent::LeaderUpdated { isr, .. } => {
            format!("{name} reckons with {} in sync in {partition}", nodes(isr, facts))
        }
        PartitionEvent::ProduceCompleted { required, .. } => {
            format!("{name} answers acks=all up to {} of {partition}", required.0)
        }
        _ => return None,
    })
}

fn controller_text(name: &str, note: &ControllerNote, facts: &Facts) -> Option<String> {
    let node = |id: BrokerId| named(id, facts);
    Some(match note {
        ControllerNote::Activated { epoch, .. } => {
            format!("{name} becomes the active controller in epoch {}", epoch.0)
        }
        ControllerNote::BrokerFenced { id, .. } => format!("the controller fences {}", node(*id)),
        ControllerNote::BrokerUnfenced { id, .. } => {
            format!("the controller unfences {}", node(*id))
        }
        ControllerNote::PartitionChanged { partition, old: Some(old), new, why, .. } => {
            let partition = facts.partition(*partition)?.name();
            let isr = nodes(&new.isr, facts);
            let why = reason(*why, facts);
            if old.leader == new.leader {
                format!("the controller writes {isr} in sync in {partition}{why}")
            } else {
                let leader = new.leader.map_or("nobody".to_owned(), node);
                let epoch = new.leader_epoch.0;
                format!(
                    "the controller makes {leader} leader of {partition} in epoch {epoch}, {isr} in sync{why}"
                )
            }
        }
        _ => return None,
    })
}

fn reason(why: ChangeReason, facts: &Facts) -> String {
    let node = |id: BrokerId| named(id, facts);
    match why {
        ChangeReason::Fenced(id) => format!(", since {} is fenced", node(id)),
        ChangeReason::Unfenced(id) => format!(", since {} is unfenced", node(id)),
        ChangeReason::ControlledShutdown(id) => {
            format!(", since {} leaves in good order", node(id))
        }
        ChangeReason::CleanRestart(id) => format!(", since {} has started again", node(id)),
        ChangeReason::UncleanRestart(id) => {
            format!(", since {} has started again after an unclean end", node(id))
        }
        ChangeReason::AlterPartition(id) => format!(", as {} has asked", node(id)),
        _ => String::new(),
    }
}

fn named(id: BrokerId, facts: &Facts) -> String {
    let host = facts.setup.host_of(id);
    host.map_or_else(|| "nobody".to_owned(), |host| facts.setup.name(host).to_owned())
}

fn nodes(ids: &[BrokerId], facts: &Facts) -> String {
    let names: Vec<String> = ids.iter().map(|id| named(*id, facts)).collect();
    names.join(" ")
}
