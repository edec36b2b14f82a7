//! Where members and replicas are, as far as it counts.
//!
//! In Kafka: `AbstractStickyAssignor.RackInfo` (KIP-881).
//! Holds:    the rack of each member, or of none if racks do not count; of each rack how many members it has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::frame::{Frame, Partition};
use super::super::racks;

/// Racks.
#[derive(Debug)]
pub(super) struct Racks<'a> {
    frame: &'a Frame<'a>,
    /// Of each member; nobody's if they do not count.
    members: Vec<Option<&'a str>>,
    count: bool,
    /// How many members each rack has, whether racks count or not.
    crowds: BTreeMap<&'a str, usize>,
}

impl<'a> Racks<'a> {
    pub(super) fn new(frame: &'a Frame<'a>) -> Self {
        let members: Vec<_> = frame.members.iter().map(|it| it.subscription.rack()).collect();
        let mut crowds = BTreeMap::new();
        for rack in members.iter().flatten() {
            *crowds.entry(*rack).or_insert(0) += 1;
        }
        let theirs: BTreeSet<&str> = crowds.keys().copied().collect();
        let partitions: Vec<_> = frame.topics.iter().flat_map(|topic| topic.racks).collect();
        let count = racks::are_worth_it(&theirs, &partitions);
        let members = if count { members } else { vec![None; members.len()] };
        Self { frame, members, count, crowds }
    }

    /// Whether racks count.
    pub(super) const fn count(&self) -> bool {
        self.count
    }

    /// The rack of a member, if racks count.
    pub(super) fn of(&self, member: usize) -> Option<&'a str> {
        self.members[member]
    }

    /// The racks of a partition's replicas; none if racks do not count, or there is no such partition.
    pub(super) fn replicas(&self, partition: Partition) -> Option<&'a BTreeSet<Arc<str>>> {
        self.frame.racks(partition).filter(|_| self.count)
    }

    /// Whether a member is in a rack, and no replica in the same.
    pub(super) fn mismatch(&self, member: usize, partition: Partition) -> bool {
        self.of(member)
            .is_some_and(|rack| self.replicas(partition).is_none_or(|racks| !racks.contains(rack)))
    }

    /// Sorts partitions by how many members have a replica nearby, the fewest first; else they stay as they are.
    pub(super) fn sort_by_crowd(&self, partitions: &mut [Partition]) {
        if !self.crowds.is_empty() {
            partitions.sort_by_key(|partition| self.crowd(*partition));
        }
    }

    fn crowd(&self, partition: Partition) -> usize {
        let racks = self.frame.racks(partition).into_iter().flatten();
        racks.filter_map(|rack| self.crowds.get(&**rack)).sum()
    }

    /// The place in a list of members of the next one, from `first` on and around, who has a replica nearby.
    pub(super) fn next(&self, partition: Partition, list: &[usize], first: usize) -> Option<usize> {
        let racks = self.replicas(partition)?;
        let near = |member: usize| self.of(member).is_some_and(|rack| racks.contains(rack));
        let mut places = (0..list.len()).map(|step| (first + step) % list.len());
        places.find(|place| near(list[*place]))
    }
}
