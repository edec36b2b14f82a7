//! Consumer groups: what their coordinators wrote, what members were told, what became of their offsets.
//!
//! Read first `view.rs` (a group by its committed records), then `assignments.rs` (one decision of a coordinator),
//! `owners.rs` (what members believe) and `commits.rs` (offsets).
//!
//! Inputs:     records of `__consumer_offsets` as far as they are committed; notes of members; of coordinators their
//!             releases and loads.
//! Invariants: GC-1 a shard whose partition has lost what was committed is not judged any more: its groups were
//!             somebody else's, and that loss is judged by those who judge partitions.

mod assignments;
mod commits;
mod live;
mod owners;
mod rebuilt;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::client::NamedPartition;
use trial_cluster::client::member::is_mended_by_polling;
use trial_cluster::group::GroupRecord;
use trial_cluster::ids::{TopicId, TopicPartition};
use trial_cluster::note::Note;
use trial_cluster::note::client::ClientNote;
use trial_cluster::note::controller::ControllerNote;
use trial_cluster::note::group::{GroupEvent, GroupNote};
use trial_sim::{HostId, Seen, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Facts, GroupBatch, Known, OFFSETS_TOPIC, PartitionFacts};
use commits::{Commits, Place, Sender};
use owners::{Assigned, Owners};
use rebuilt::{Loaded, Rebuilt};
use view::{GroupView, group_of};

pub use live::missing;

/// Something that is wrong with a group.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    invariant: &'static str,
    message: String,
    facts: [String; 2],
}

impl Finding {
    const fn new(invariant: &'static str, message: String, one: String, other: String) -> Self {
        Self { invariant, message, facts: [one, other] }
    }
}

/// `orders/3`.
fn named(facts: &Facts, partition: TopicPartition) -> String {
    facts.partition(partition).map_or_else(
        || format!("partition {} of a topic that nobody knows", partition.partition),
        PartitionFacts::name,
    )
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    /// How many committed batches of each partition were read.
    read: BTreeMap<TopicPartition, usize>,
    groups: BTreeMap<String, GroupView>,
    /// The partition of `__consumer_offsets` that a group is on.
    homes: BTreeMap<String, TopicPartition>,
    owners: Owners,
    commits: Commits,
    gone: BTreeSet<TopicId>,
    rebuilt: Rebuilt,
    /// Who has loaded each partition last.
    coordinators: BTreeMap<TopicPartition, HostId>,
    /// Ids of members for whom no coordinator has set a timer, with the partition their group is on (L7).
    untimed: BTreeMap<String, TopicPartition>,
}

impl Groups {
    /// A fact about a partition: what has come to be committed is read.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let Some(partition) = facts.partition(known.partition) else { return };
        let Some(log) = &partition.offsets else { return };
        let read = self.read.entry(known.partition).or_default();
        let from = std::mem::replace(read, log.len());
        for batch in log.from(from) {
            self.untimed.extend(live::untimed(batch, facts).map(|id| (id, partition.id)));
            if !self.on_batch(batch, partition, facts, verdicts) {
                self.rebuilt.forget(partition.id);
            }
            self.rebuilt.on_batch(partition, (batch.last, &batch.records), facts, verdicts);
        }
    }

    /// One decision of a coordinator; answers whether it could be one.
    fn on_batch(
        &mut self,
        batch: &GroupBatch,
        partition: &PartitionFacts,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) -> bool {
        let (at, records) = (batch.at, &batch.records);
        let mut is_sound = true;
        let mut touched = BTreeMap::new();
        for (_, record) in records.iter() {
            let group = group_of(record);
            let view = self.groups.entry(group.to_owned()).or_default();
            self.homes.insert(group.to_owned(), partition.id);
            touched.entry(group.to_owned()).or_insert_with(|| view.shape.clone());
            view.apply(at, record, facts);
        }
        for (group, before) in touched {
            let mut found = Vec::new();
            let view = self.groups.get_mut(&group).expect("it was made just now");
            if !std::sync::Arc::ptr_eq(&before, &view.shape) {
                view.on_changed(&before);
                let (earlier, since) = &view.generation_before;
                let earlier = (batch.written < *since).then_some(&**earlier);
                let shapes = (earlier, &*before, &*view.shape);
                assignments::audit(shapes, &self.gone, facts, &mut found);
                owners::on_decided(&mut self.owners, at, (&before, &view.shape), facts, &mut found);
            }
            self.audit_tombstones(&group, batch, facts, &mut found);
            let view = self.groups.get_mut(&group).expect("it was made just now");
            view.on_written(&group, batch);
            is_sound &= found.is_empty();
            tell(at, &group, partition, found, verdicts);
        }
        is_sound
    }

    fn audit_tombstones(
        &self,
        group: &str,
        batch: &GroupBatch,
        facts: &Facts,
        found: &mut Vec<Finding>,
    ) {
        let view = &self.groups[group];
        for (_, record) in batch.records.iter() {
            let GroupRecord::OffsetCommit(key, None) = record else { continue };
            let is_gone = facts.topic_id(&key.topic).is_none_or(|id| self.gone.contains(&id));
            if key.group != group || is_gone {
                continue;
            }
            let place = (key.topic.as_str(), key.partition);
            let entries = view.committed(place.0, place.1);
            let before = entries.len().checked_sub(2).map(|at| &entries[at]);
            commits::on_tombstone((group, batch.written), place, before, view, found);
        }
    }

    /// Something was seen; the facts know it already.
    pub fn on_seen(&mut self, seen: &Seen<Note>, facts: &Facts, verdicts: &mut Verdicts) {
        match seen {
            Seen::Note { at, host, note: Note::Client(note), .. } => {
                let Some(group) = facts.setup.group(*host) else { return };
                self.on_client(*at, *host, group, note, facts, verdicts);
            }
            Seen::Note { at, host, note: Note::Group(note), .. } => {
                self.on_coordinator(*at, *host, note, facts, verdicts);
            }
            Seen::Note {
                host,
                note: Note::Controller(ControllerNote::TopicDeleted { id, .. }),
                ..
            } if facts.active_controller == Some(*host) => {
                self.gone.insert(*id);
            }
            Seen::Crashed { host, .. } | Seen::Stopped { host, .. } => {
                self.owners.remove(host);
                self.commits.on_down(*host);
            }
            _ => {}
        }
    }

    fn on_client(
        &mut self,
        at: Time,
        host: HostId,
        group: &str,
        note: &ClientNote,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let nobody = GroupView::default();
        let view = self.groups.get(group).unwrap_or(&nobody);
        let place = |partition| Place { at, host, group, partition, facts };
        let all = |named: &[NamedPartition]| -> Vec<TopicPartition> {
            named.iter().filter_map(|named| facts.id_of(named)).collect()
        };
        let mut found = Vec::new();
        match note {
            ClientNote::GroupAssigned { generation, member, added, owned } => {
                let (added, owned, generation) = (&all(added)[..], &all(owned)[..], *generation);
                let told = Assigned { at, host, group, member, generation, added, owned };
                owners::on_assigned(&mut self.owners, &told, view, facts, &mut found);
            }
            ClientNote::GroupRevoked { partitions, .. }
            | ClientNote::GroupLost { partitions, .. } => {
                owners::on_given_up(&mut self.owners, host, &all(partitions));
            }
            ClientNote::MemberClosed => {
                let owner = self.owners.entry(host).or_default();
                owner.owned.clear();
                owner.has_left = true;
            }
            ClientNote::PollFailed { error } if !is_mended_by_polling(*error) => {
                self.owners.entry(host).or_default().ended_by = Some(*error);
            }
            ClientNote::Polled { partition, position, .. } => {
                self.commits.on_polled(host, *partition, position.0);
                found.extend(owners::on_polled(&self.owners, at, host, *partition, facts));
            }
            ClientNote::Processed => self.commits.on_processed(host),
            ClientNote::PositionCommitted { partition, offset } => {
                let Some(partition) = facts.id_of(partition) else { return };
                self.commits.on_position(host, partition, offset.0);
                self.on_told(&place(partition), Some(offset.0), &mut found);
            }
            ClientNote::PositionReset { partition, offset, cause } => {
                self.commits.on_position(host, *partition, offset.0);
                if *cause == trial_cluster::client::consumer::ResetCause::Beginning {
                    self.on_told(&place(*partition), None, &mut found);
                }
            }
            ClientNote::OffsetsCommitted { generation, offsets, .. } => {
                let ids = self.owners.get(&host).map_or(&[][..], |owner| &owner.ids);
                let sender = Sender { ids, generation: *generation };
                for one in offsets {
                    let Some(partition) = facts.id_of(&one.partition) else { continue };
                    let at = place(partition);
                    self.commits.on_acked(&at, one.offset.0, &sender, view, &mut found);
                }
            }
            _ => {}
        }
        let home = self.homes.get(group).and_then(|home| facts.partition(*home));
        match home {
            Some(home) => tell(at, group, home, found, verdicts),
            None => found.into_iter().for_each(|one| always(at, group, one, verdicts)),
        }
    }

    fn on_coordinator(
        &mut self,
        at: Time,
        host: HostId,
        note: &GroupNote,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let Some(topic) = facts.topic_id(OFFSETS_TOPIC) else { return };
        let id = TopicPartition { topic, partition: note.partition };
        let Some(partition) = facts.partition(id) else { return };
        match note.event {
            GroupEvent::Prepares { ref group } if self.coordinators.get(&id) == Some(&host) => {
                self.homes.insert(group.to_string(), id);
                let view = self.groups.entry(group.to_string()).or_default();
                view.prepares_since.get_or_insert(at);
            }
            GroupEvent::Released { epoch, rests_below, .. } => {
                let what = (epoch.0, rests_below.0);
                on_released((at, host), what, partition, facts, verdicts);
            }
            GroupEvent::Loaded { written, state, .. } => {
                self.untimed.retain(|_, home| *home != id);
                self.coordinators.insert(id, host);
                let here =
                    self.groups.iter_mut().filter(|(group, _)| self.homes.get(*group) == Some(&id));
                here.for_each(|(_, view)| view.prepares_since = None);
                let tail = partition.logs.get(&host).and_then(|log| log.at(written.0 - 1));
                let loaded = Loaded { at, host, end: written.0, state, tail: tail.copied() };
                self.rebuilt.on_loaded(partition, loaded, facts, verdicts);
            }
            _ => {}
        }
    }

    fn on_told(&self, place: &Place<'_>, told: Option<i64>, found: &mut Vec<Finding>) {
        let nobody = GroupView::default();
        let view = self.groups.get(place.group).unwrap_or(&nobody);
        let owner = self.owners.get(&place.host);
        let since = owner.and_then(|owner| owner.since.get(&place.partition)).copied();
        self.commits.on_told(place, told, since.unwrap_or_default(), view, found);
    }
}

/// What is wrong with a group is told once, unless its shard has lost something (GC-1).
fn tell(
    at: Time,
    group: &str,
    home: &PartitionFacts,
    found: Vec<Finding>,
    verdicts: &mut Verdicts,
) {
    if home.offsets.as_ref().is_some_and(|log| log.shaken.is_none()) {
        found.into_iter().for_each(|one| always(at, group, one, verdicts));
    }
}

fn always(at: Time, group: &str, found: Finding, verdicts: &mut Verdicts) {
    let Finding { invariant, message, facts } = found;
    let message = format!("group {group}: {message}");
    verdicts.always(group, Breach { invariant, at, message, facts });
}

/// A coordinator lets answers go: what they rest on is committed, and was written by itself (G11).
fn on_released(
    (at, host): (Time, HostId),
    (epoch, rests_below): (i32, i64),
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let last = rests_below - 1;
    let own = partition.logs.get(&host).and_then(|log| log.at(last));
    let committed = partition.committed_at(last);
    let stands = committed.is_some_and(|entry| own.is_some_and(|own| own.is_same(&entry.batch)));
    let is_cleaned = own.is_none() && committed.is_some();
    if stands || is_cleaned || last < 0 {
        return;
    }
    let name = partition.name();
    let found = Finding::new(
        "G11",
        format!("the coordinator of {name} answers what is not committed"),
        committed.map_or_else(
            || format!("{name} is committed up to {}", partition.committed_end),
            |entry| words::committed(facts, entry),
        ),
        format!(
            "{} answered in epoch {epoch} what rests on offset {last}",
            words::who(facts, at, host)
        ),
    );
    tell(at, &name, partition, vec![found], verdicts);
}
