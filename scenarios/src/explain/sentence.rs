//! What an entry of the record reads like: when, who, what, in Kafka's words.
//!
//! Invariants: SE-1 a sentence says nothing but what its entry holds; names of hosts and batches are all it adds.

use trial_cluster::client::NamedPartition;
use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::Note;
use trial_cluster::note::broker::BrokerNote;
use trial_cluster::note::client::{ClientNote, CommittedOffset};
use trial_cluster::note::controller::{ChangeReason, ControllerNote};
use trial_cluster::note::group::{GroupEvent, GroupNote};
use trial_cluster::note::partition::{PartitionEvent, TruncationCause};
use trial_cluster::note::raft::{RaftNote, RaftRole};
use trial_log::LogEvent;
use trial_sim::{CrashKind, HostId};

use super::record::{Entry, What};
use crate::check::words::{node, nodes, offsets, when};
use crate::facts::{Fact, Facts, Stored};

/// Batches that an explanation names, and how hosts are called.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) facts: &'a Facts,
    /// The batches by their letters.
    pub(super) batches: &'a [(char, Stored)],
}

impl Names<'_> {
    pub(super) fn host(&self, host: HostId) -> &str {
        self.facts.setup.name(host)
    }

    fn hosts(&self, hosts: &[HostId]) -> String {
        hosts.iter().map(|host| self.host(*host)).collect::<Vec<_>>().join(", ")
    }

    /// A batch by its letter, or in words.
    pub(super) fn batch(&self, batch: &Stored) -> String {
        let named = self.batches.iter().find(|(_, known)| known.is_same(batch));
        match named {
            Some((letter, _)) => letter.to_string(),
            None => {
                format!("{} of leader epoch {}", offsets(batch.base, batch.last), batch.epoch)
            }
        }
    }

    /// When what happened, as a sentence without its full stop.
    pub(super) fn told(&self, entry: &Entry) -> String {
        format!("{} {}", when(entry.at), self.happened(entry))
    }

    /// What happened, without the time.
    pub(super) fn happened(&self, entry: &Entry) -> String {
        match &entry.what {
            What::Known(_, fact) => self.fact(fact),
            What::Registered { host, old, new, why, elected, .. } => {
                let change = self.registered(old.as_deref(), new, *why, *elected);
                format!("the controller {} {change}", self.host(*host))
            }
            What::CameBack { host, batch, .. } => format!(
                "the crash of {} gave {} back to its log, from which it had been cut",
                self.host(*host),
                self.batch(batch)
            ),
            What::Crashed { host, kind: CrashKind::PowerLoss } => {
                format!("{} lost power", self.host(*host))
            }
            What::Crashed { host, kind: CrashKind::Process } => {
                format!("the process of {} was killed", self.host(*host))
            }
            What::Booted { host, incarnation: 1 } => format!("{} started", self.host(*host)),
            What::Booted { host, incarnation } => {
                format!("{} started again, as process {incarnation}", self.host(*host))
            }
            What::Stopped { host, halt: None } => {
                format!("{} stopped in good order", self.host(*host))
            }
            What::Stopped { host, halt: Some(why) } => {
                format!("{} ended: {why}", self.host(*host))
            }
            What::Fault { fault, hosts } => {
                format!("a fault of the scenario hit {}: `{fault}`", self.hosts(hosts))
            }
            What::Noted { host, note } => self.note(*host, note),
        }
    }

    fn fact(&self, fact: &Fact) -> String {
        match fact {
            Fact::Written { host, batch, end_before, first, .. } => {
                let (host, batch) = (self.host(*host), self.batch(batch));
                let how = if *first { "appended" } else { "copied" };
                format!("{host} {how} {batch}: its log end offset was {end_before} before")
            }
            Fact::Removed { host, from, to, by_crash: true } => {
                format!(
                    "the crash of {} took {} off its disk",
                    self.host(*host),
                    offsets(*from, *to)
                )
            }
            Fact::Removed { host, from, to, by_crash: false } => {
                format!("{} cut {} off its disk", self.host(*host), offsets(*from, *to))
            }
            Fact::Deleted { host } => {
                format!("{} deleted what it had, being no replica any more", self.host(*host))
            }
            Fact::Dropped { host, segment, from, to, high_watermark, .. } => {
                format!(
                    "{} dropped its segment at {segment} with {}, at a high watermark of {high_watermark}",
                    self.host(*host),
                    offsets(*from, *to)
                )
            }
            Fact::Cleaned { host, from, to, .. } => {
                format!(
                    "{} put new segments in the place of those of {}",
                    self.host(*host),
                    offsets(*from, *to)
                )
            }
            Fact::Mixed { host, offset, what } => {
                format!("{} came back from a cleaning: offset {offset} {what}", self.host(*host))
            }
            Fact::LogStartMoved { host, from, to, .. } => {
                format!("{} let its log start at {to} instead of {from}", self.host(*host))
            }
            Fact::BadBytes { host, place, fault } => {
                format!("{} put a bad batch into {place}: {fault:?}", self.host(*host))
            }
            Fact::Noted { host, event } => self.event(*host, event),
            Fact::Registered { host, .. } => {
                format!("the controller {} changed the partition", self.host(*host))
            }
            Fact::Acked { ack, .. } => {
                let how = if ack.acks == -1 { "all" } else { "1" };
                format!(
                    "{} told {} with acks={how} that {} {} safe",
                    self.host(ack.by),
                    self.host(ack.producer),
                    offsets(ack.base, ack.base + i64::from(ack.count.max(1)) - 1),
                    if ack.count > 1 { "are" } else { "is" }
                )
            }
            Fact::EndTold { told, .. } => {
                format!(
                    "{} told a consumer that the log ends at {}",
                    self.host(told.host),
                    told.offset
                )
            }
            Fact::LowWatermarkTold { host, low_watermark, .. } => {
                let host = self.host(*host);
                format!(
                    "{host} told who had asked for records to be deleted that all logs start at {low_watermark} or later"
                )
            }
            Fact::Fetched { host, by_consumer, high_watermark, .. } => {
                let who = if *by_consumer { "consumer" } else { "follower" };
                format!(
                    "{} answered a {who}'s fetch and told a high watermark of {high_watermark}",
                    self.host(*host)
                )
            }
        }
    }

    fn event(&self, host: HostId, event: &PartitionEvent) -> String {
        use PartitionEvent as E;
        let name = self.host(host);
        match event {
            E::BecameLeader { leader_epoch, epoch_start_offset, high_watermark, isr, .. } => {
                format!(
                    "{name} became leader in leader epoch {leader_epoch}, with a log end offset of {epoch_start_offset}, \
                 a high watermark of {high_watermark} and {} in sync",
                    nodes(self.facts, isr)
                )
            }
            E::LeaderUpdated { partition_epoch, isr } => format!(
                "{name} applied partition epoch {} over what it had pending, and took the in-sync set for {}",
                partition_epoch.0,
                nodes(self.facts, isr)
            ),
            E::BecameFollower { leader, leader_epoch, log_end_offset, high_watermark, .. } => {
                let leader = match *leader {
                    BrokerId::NONE => "nobody".to_owned(),
                    leader => node(self.facts, leader),
                };
                format!(
                    "{name} became a follower of {leader} in leader epoch {leader_epoch}, with a log end offset of \
                     {log_end_offset} and a high watermark of {high_watermark}"
                )
            }
            E::LeaderHighWatermarkMoved { from, to, maximal_isr, min_isr, .. } => format!(
                "{name} moved its high watermark from {from} to {to}, with {maximal_isr} in its in-sync set \
                 (min.insync.replicas asks for {min_isr})"
            ),
            E::FollowerHighWatermarkMoved { from, to, .. } => {
                format!("{name} was told of a high watermark of {to} instead of {from}")
            }
            E::IsrExpandAsked { joining, follower_end, high_watermark, .. } => format!(
                "{name} asked the controller to take {} into the in-sync set: it had fetched up to {follower_end}, \
                 and the high watermark was {high_watermark}",
                node(self.facts, *joining)
            ),
            E::IsrShrinkAsked { staying, .. } => format!(
                "{name} asked the controller for an in-sync set of {} only",
                nodes(self.facts, staying)
            ),
            E::IsrCommitted { isr, partition_epoch } => format!(
                "{name} learned that the in-sync set is {} by partition epoch {}",
                nodes(self.facts, isr),
                partition_epoch.0
            ),
            E::ProduceCompleted { required, high_watermark, maximal_isr, min_isr, .. } => format!(
                "{name} answered a produce with acks=all that needs a high watermark of {required}, at a high \
                 watermark of {high_watermark}, with {maximal_isr} in its in-sync set (min.insync.replicas asks for \
                 {min_isr})"
            ),
            E::Truncated { from, to, high_watermark, cause, .. } => format!(
                "{name} was done truncating its log from {from} to {to}, {}, with a high watermark of {high_watermark}",
                why_truncated(*cause)
            ),
            E::LogRestarted { from, at, cause, .. } => {
                format!(
                    "{name} dropped its log, which ended at {from}, and began anew at {at}, {}",
                    why_truncated(*cause)
                )
            }
            E::IsrReverted { error } => {
                format!("{name} was refused its change of the in-sync set: {error:?}")
            }
            other => format!("{name} noted {other:?}"),
        }
    }

    fn registered(
        &self,
        old: Option<&PartitionRegistration>,
        new: &PartitionRegistration,
        why: ChangeReason,
        elected: Option<ElectedFrom>,
    ) -> String {
        let leader =
            new.leader.map_or_else(|| "nobody".to_owned(), |leader| node(self.facts, leader));
        let sets = format!("in-sync set {}{}", nodes(self.facts, &new.isr), self.eligible(new));
        let reason = self.reason(why);
        if old.is_some_and(|old| old.leader_epoch == new.leader_epoch) {
            let with = if reason.is_empty() { " with" } else { ", with" };
            let leads = if new.leader.is_some() { "still leads" } else { "leads" };
            return format!(
                "registered partition epoch {}{reason}{with} {sets}; {leader} {leads}",
                new.partition_epoch.0
            );
        }
        let from = match elected {
            Some(ElectedFrom::EligibleLeaderReplicas) => ", out of the eligible leader replicas",
            Some(ElectedFrom::LastKnownLeader) => ", as the last known leader",
            Some(ElectedFrom::Unclean) => ", in an unclean election",
            Some(ElectedFrom::Isr) | None => "",
        };
        format!(
            "made {leader} the leader of leader epoch {}{from}{reason}: {sets}",
            new.leader_epoch
        )
    }

    fn eligible(&self, new: &PartitionRegistration) -> String {
        if new.eligible_leader_replicas.is_empty() {
            return String::new();
        }
        format!(
            " and eligible leader replicas {}",
            nodes(self.facts, &new.eligible_leader_replicas)
        )
    }

    fn reason(&self, why: ChangeReason) -> String {
        let node = |id| node(self.facts, id);
        match why {
            ChangeReason::Fenced(id) => format!(", since {} was fenced", node(id)),
            ChangeReason::Unfenced(id) => format!(", since {} was unfenced", node(id)),
            ChangeReason::ControlledShutdown(id) => format!(", since {} was leaving", node(id)),
            ChangeReason::CleanRestart(id) => {
                format!(", since {} registered again after a clean shutdown", node(id))
            }
            ChangeReason::UncleanRestart(id) => {
                format!(", since {} registered again after an unclean shutdown", node(id))
            }
            ChangeReason::DirectoryOffline(id) => {
                format!(", since the log directory of {} is offline", node(id))
            }
            ChangeReason::AlterPartition(id) => format!(", as {} had asked", node(id)),
            ChangeReason::Reassignment => ", for a reassignment that was asked for".to_owned(),
            ChangeReason::PreferredElection => ", to return to the preferred leader".to_owned(),
            _ => String::new(),
        }
    }

    fn note(&self, host: HostId, note: &Note) -> String {
        let name = self.host(host);
        match note {
            Note::Raft(note) => self.raft(name, note),
            Note::Controller(ControllerNote::BrokerFenced { id, .. }) => {
                format!("the controller {name} fenced {}", node(self.facts, *id))
            }
            Note::Controller(ControllerNote::BrokerUnfenced { id, .. }) => {
                format!("the controller {name} unfenced {}", node(self.facts, *id))
            }
            Note::Controller(ControllerNote::Activated { epoch, .. }) => {
                format!("{name} became the active controller in epoch {epoch}")
            }
            Note::Client(ClientNote::Sent { partition, .. }) => {
                format!("{name} sent a record to {}", self.partition(*partition))
            }
            Note::Client(ClientNote::Acked { partition, offset: Some(offset), .. }) => {
                let partition = self.partition(*partition);
                format!("{name} heard that offset {} of {partition} is safe", offset.0)
            }
            Note::Client(ClientNote::GroupAssigned { generation, added, owned, .. }) => {
                let (added, owned) = (named(added), named(owned));
                format!("{name} was given {added} in generation {generation}, and has {owned}")
            }
            Note::Client(ClientNote::GroupRevoked { generation, partitions }) => {
                format!("{name} gave up {} of generation {generation}", named(partitions))
            }
            Note::Client(ClientNote::GroupLost { partitions, .. }) => {
                format!("{name} learned that it has lost {}", named(partitions))
            }
            Note::Client(ClientNote::OffsetsCommitted { generation, offsets, .. }) => {
                let all = committed(offsets);
                format!("{name} heard that its commit in generation {generation} stands: {all}")
            }
            Note::Client(ClientNote::CommitFailed { offsets, failure, .. }) => {
                let all = committed(offsets);
                format!("{name} heard that its commit has failed ({failure:?}): {all}")
            }
            Note::Client(ClientNote::PositionCommitted { partition, offset }) => {
                let partition = named(std::slice::from_ref(partition));
                format!("{name} was told to go on in {partition} at the committed offset {offset}")
            }
            Note::Client(ClientNote::MemberClosed) => format!("{name} left its group"),
            Note::Group(GroupNote { partition, event }) => coordinator(name, *partition, event),
            Note::Broker(BrokerNote::LogsLoaded { clean: false }) => {
                format!("{name} had opened its logs after an unclean end")
            }
            Note::Log { partition, event } => self.log(name, *partition, event),
            other => format!("{name} noted {other:?}"),
        }
    }

    fn log(&self, name: &str, partition: TopicPartition, event: &LogEvent) -> String {
        let of = self.partition(partition);
        match event {
            LogEvent::Rolled { base_offset } => {
                format!(
                    "{name} closed a segment of {of} and began the next one at offset {base_offset}"
                )
            }
            LogEvent::SegmentRecovered { base_offset, bytes_kept, bytes_dropped } => format!(
                "{name} recovered the segment of {of} that begins at offset {base_offset}: it kept {bytes_kept} \
                 bytes and cut off {bytes_dropped}"
            ),
            LogEvent::Opened { log_start_offset, log_end_offset, .. } => format!(
                "{name} had opened its log of {of}, from offset {log_start_offset} to {log_end_offset}"
            ),
            other => format!("{name} noted of its log of {of} {other:?}"),
        }
    }

    fn partition(&self, partition: TopicPartition) -> String {
        let known = self.facts.partition(partition);
        known.map_or_else(|| format!("{partition:?}"), |known| known.name())
    }

    fn raft(&self, name: &str, note: &RaftNote) -> String {
        match note {
            RaftNote::Transition { role, epoch, .. } => {
                let role = match role {
                    RaftRole::Unattached => "knew no leader of the quorum",
                    RaftRole::Prospective => "asked for pre-votes",
                    RaftRole::Candidate => "stood for election",
                    RaftRole::Leader => "became leader of the quorum",
                    RaftRole::Follower => "followed the leader of the quorum",
                    RaftRole::Resigned => "resigned",
                };
                format!("{name} {role} in epoch {epoch}")
            }
            RaftNote::VoteGranted { epoch, candidate } => {
                format!("{name} voted for {} in epoch {epoch}", node(self.facts, candidate.id))
            }
            RaftNote::EpochStarted { epoch, offset } => {
                format!("{name} began epoch {epoch} of the quorum at offset {offset}")
            }
            RaftNote::Truncated { from, to } => {
                format!("{name} truncated its metadata log from {from} to {to}")
            }
            RaftNote::HighWatermark { epoch, offset, is_leader: true } => {
                format!(
                    "{name}, leading in epoch {epoch}, moved the quorum's high watermark to {offset}"
                )
            }
            RaftNote::HighWatermark { epoch, offset, .. } => {
                format!("{name} learned of the quorum's high watermark {offset} in epoch {epoch}")
            }
            RaftNote::Appended { base_offset, last_offset, epoch, is_leader, .. } => {
                let how = if *is_leader { "wrote" } else { "copied" };
                let span = offsets(base_offset.0, last_offset.0);
                format!("{name} {how} {span} of epoch {epoch} in its metadata log")
            }
            RaftNote::QuorumLost { epoch } => {
                format!("{name} gave up leading in epoch {epoch}: it had not heard from a majority")
            }
            other => format!("{name} noted {other:?}"),
        }
    }
}

/// `orders/0, orders/3`; `nothing`.
fn named(partitions: &[NamedPartition]) -> String {
    a_few(partitions.iter().map(|it| format!("{}/{}", it.topic, it.partition)).collect())
}

fn committed(offsets: &[CommittedOffset]) -> String {
    let offset = |it: &CommittedOffset| {
        format!("{}/{} up to offset {}", it.partition.topic, it.partition.partition, it.offset)
    };
    a_few(offsets.iter().map(offset).collect())
}

/// The first of them, in one line.
fn a_few(mut all: Vec<String>) -> String {
    const FEW: usize = 6;
    if all.is_empty() {
        return "nothing".to_owned();
    }
    let more = if all.len() > FEW { " and more" } else { "" };
    all.truncate(FEW);
    format!("{}{more}", all.join(", "))
}

fn coordinator(name: &str, partition: i32, event: &GroupEvent) -> String {
    let of = format!("__consumer_offsets/{partition}");
    match event {
        GroupEvent::Elected { epoch } => {
            format!("{name} became the coordinator of {of} in leader epoch {epoch}")
        }
        GroupEvent::Loaded { written, .. } => {
            format!("{name} had read {of} up to offset {written}, and coordinates its groups")
        }
        GroupEvent::Unloaded { epoch } => {
            format!(
                "{name} ceased to be the coordinator of {of}, which it was in leader epoch {epoch}"
            )
        }
        GroupEvent::Prepares { group } => {
            format!("{name} began to wait for members to join the group {group}")
        }
        other => format!("{name} noted of {of} {other:?}"),
    }
}

fn why_truncated(cause: TruncationCause) -> &'static str {
    match cause {
        TruncationCause::HighWatermark => "down to its own high watermark",
        TruncationCause::Divergence => "since leader and follower differ in an epoch",
        TruncationCause::LeaderIsBehind => "since the leader's log ends earlier",
        TruncationCause::LeaderStartsLater => "since the leader's log starts later",
        TruncationCause::BatchStartsEarlier => "since a whole batch is taken",
    }
}
