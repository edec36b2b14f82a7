//! The assignment where members want different topics: who has less is given first, and then partitions are moved as
//! long as that makes it more even (`balance.rs`).
//!
//! In Kafka:   `AbstractStickyAssignor.GeneralAssignmentBuilder`.
//! Holds:      the partitions of each member that takes part, the owner of each partition, and the members by how much
//!             they have.
//! Invariants: GE-1 `by_size` has every member that takes part, under the number of partitions that it has.

use std::collections::{BTreeMap, BTreeSet};

use super::super::AssignorError;
use super::super::frame::{Frame, Partition};
use super::movements::Movements;
use super::racks::Racks;
use super::{Claim, NO_GENERATION, take_out};

/// An assignment in the making.
pub(super) struct General<'a> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) racks: &'a Racks<'a>,
    /// Who wants each topic; who names it twice wants it twice.
    pub(super) wanting: Vec<Vec<usize>>,
    /// What each member wants, in its own order.
    pub(super) wanted: Vec<Vec<usize>>,
    /// The partitions of each member; none of who takes no part any more.
    pub(super) lists: Vec<Option<Vec<Partition>>>,
    pub(super) owners: BTreeMap<Partition, usize>,
    /// Partitions of topics that fewer members want come first.
    pub(super) sorted: Vec<Partition>,
    /// (How many it has, its place by member id), of each member that takes part.
    by_size: BTreeSet<(usize, usize)>,
    by_rank: Vec<usize>,
    /// Somebody has lost what it has had, since it does not want it or its rack does not allow it.
    pub(super) has_revoked: bool,
    movements: Movements,
}

impl<'a> General<'a> {
    pub(super) fn new(
        frame: &'a Frame<'a>,
        racks: &'a Racks<'a>,
        owned: Vec<Vec<Partition>>,
    ) -> Self {
        let mut wanting = vec![Vec::new(); frame.topics.len()];
        let mut wanted = vec![Vec::new(); frame.members.len()];
        for (member, all) in frame.members.iter().enumerate() {
            for topic in all.subscription.topics.iter().filter_map(|topic| frame.place(topic)) {
                wanting[topic].push(member);
                wanted[member].push(topic);
            }
        }
        let mut owners = BTreeMap::new();
        for (member, list) in owned.iter().enumerate() {
            owners.extend(list.iter().map(|partition| (*partition, member)));
        }
        let mut by_rank = vec![0; frame.members.len()];
        for (member, rank) in frame.ranks.iter().enumerate() {
            by_rank[*rank] = member;
        }
        let topics = frame.topics.iter().enumerate();
        let mut sorted: Vec<Partition> = topics
            .flat_map(|(topic, all)| all.numbers().map(move |number| Partition { topic, number }))
            .collect();
        sorted.sort_by_key(|partition| (wanting[partition.topic].len(), *partition));
        Self {
            frame,
            racks,
            wanting,
            wanted,
            lists: owned.into_iter().map(Some).collect(),
            owners,
            sorted,
            by_size: BTreeSet::new(),
            by_rank,
            has_revoked: false,
            movements: Movements::default(),
        }
    }

    pub(super) fn build(
        mut self,
        claims: &[Claim],
        generation_max: i32,
    ) -> Result<Vec<Vec<Partition>>, AssignorError> {
        let former = self.former_owners(claims, generation_max);
        let kept = self.keep();
        let unassigned = self.unassigned(kept);
        for (member, list) in self.lists.iter().enumerate() {
            let size = list.as_ref().map_or(0, Vec::len);
            self.by_size.insert((size, self.frame.ranks[member]));
        }
        self.balance(&former, unassigned)?;
        Ok(self.lists.into_iter().map(Option::unwrap_or_default).collect())
    }

    fn place(&self, partition: Partition) -> (usize, Partition) {
        (self.wanting[partition.topic].len(), partition)
    }

    /// Who has had what, of the claims that are older than the newest generation.
    fn former_owners(&self, claims: &[Claim], generation_max: i32) -> BTreeMap<Partition, usize> {
        let mut former: BTreeMap<Partition, (usize, i32)> = BTreeMap::new();
        for (member, claim) in claims.iter().enumerate() {
            let generation = claim.generation.unwrap_or(NO_GENERATION);
            if generation >= generation_max {
                continue;
            }
            for partition in claim.partitions.iter().filter_map(|it| self.frame.partition(it)) {
                let known = former.get(&partition);
                if known.is_none_or(|(_, known)| generation > *known) {
                    former.insert(partition, (member, generation));
                }
            }
        }
        former.into_iter().map(|(partition, (member, _))| (partition, member)).collect()
    }

    /// Takes away what a member does not want any more, or cannot have by its rack. Answers what stays.
    fn keep(&mut self) -> Vec<Partition> {
        let mut kept = Vec::new();
        for (member, list) in self.lists.iter_mut().enumerate() {
            let list = list.as_mut().expect("everybody takes part at first");
            let before = list.len();
            list.retain(|partition| {
                self.wanted[member].contains(&partition.topic)
                    && !self.racks.mismatch(member, *partition)
            });
            self.has_revoked |= list.len() < before;
            kept.extend_from_slice(list);
        }
        kept
    }

    /// What nobody has, in order. What was kept is passed over in the same order: behind a claim beyond the end of its
    /// topic nothing counts as kept any more, as in Java.
    fn unassigned(&self, mut kept: Vec<Partition>) -> Vec<Partition> {
        kept.sort_by_key(|partition| self.place(*partition));
        let mut kept = kept.into_iter().peekable();
        let all = self.sorted.iter().copied();
        all.filter(|partition| kept.next_if_eq(partition).is_none()).collect()
    }

    /// How many partitions a member has.
    pub(super) fn size(&self, member: usize) -> Result<usize, AssignorError> {
        self.lists[member].as_ref().map(Vec::len).ok_or(AssignorError::NoSuchOwner)
    }

    /// The members that take part, those with the fewest partitions first.
    pub(super) fn members(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.by_size.iter().map(|(_, rank)| self.by_rank[*rank])
    }

    /// Changes what a member has.
    pub(super) fn change(
        &mut self,
        member: usize,
        change: impl FnOnce(&mut Vec<Partition>),
    ) -> Result<(), AssignorError> {
        let list = self.lists[member].as_mut().ok_or(AssignorError::NoSuchOwner)?;
        let (before, rank) = (list.len(), self.frame.ranks[member]);
        change(list);
        let is_in = self.by_size.remove(&(before, rank));
        assert!(is_in, "GE-1: member {member} is not under its number {before}");
        self.by_size.insert((list.len(), rank));
        Ok(())
    }

    /// From now on a member takes no part. Answers what it has.
    pub(super) fn fix(&mut self, member: usize) -> Vec<Partition> {
        let list = self.lists[member].take().expect("a member is fixed once");
        let is_in = self.by_size.remove(&(list.len(), self.frame.ranks[member]));
        assert!(is_in, "GE-1: member {member} is not under its number {}", list.len());
        list
    }

    /// Gives a partition to the member with the fewest who wants it, and if racks are to match, has a replica nearby.
    pub(super) fn give(
        &mut self,
        partition: Partition,
        within_racks: bool,
    ) -> Result<bool, AssignorError> {
        let fits = |member: usize| {
            self.wanted[member].contains(&partition.topic)
                && !(within_racks && self.racks.mismatch(member, partition))
        };
        let Some(member) = self.members().find(|member| fits(*member)) else {
            return Ok(false);
        };
        self.change(member, |list| list.push(partition))?;
        self.owners.insert(partition, member);
        Ok(true)
    }

    /// Moves a partition to a member, or another one of its topic that is to go back to it.
    pub(super) fn reassign(
        &mut self,
        partition: Partition,
        new: usize,
    ) -> Result<(), AssignorError> {
        let old = *self.owners.get(&partition).ok_or(AssignorError::NoSuchOwner)?;
        let partition = self.movements.actual(partition, old, new);
        let old = *self.owners.get(&partition).ok_or(AssignorError::NoSuchOwner)?;
        self.movements.moved(self.frame, partition, old, new);
        self.change(old, |list| take_out(list, partition))?;
        self.change(new, |list| list.push(partition))?;
        self.owners.insert(partition, new);
        Ok(())
    }
}
