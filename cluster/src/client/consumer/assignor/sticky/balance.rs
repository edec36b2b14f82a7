//! Makes an assignment more even, partition by partition, and turns it back if it has not become so.
//!
//! In Kafka:   `AbstractStickyAssignor.GeneralAssignmentBuilder.{balance, performReassignments, isBalanced}`.
//! Invariants: BA-1 what is moved goes to a member that has two less at least, at that moment. A partition goes back to
//!             who has had it in an older generation even if that member does not want its topic any more: so does
//!             Java.

use std::collections::BTreeMap;

use super::super::AssignorError;
use super::super::frame::Partition;
use super::general::General;

impl General<'_> {
    /// Gives away what is unassigned, then moves partitions. `former` are their owners in older generations.
    pub(super) fn balance(
        &mut self,
        former: &BTreeMap<Partition, usize>,
        mut unassigned: Vec<Partition>,
    ) -> Result<(), AssignorError> {
        let fullest = self.members().next_back().ok_or(AssignorError::NobodyLeft)?;
        let is_first_time = self.size(fullest)? == 0;
        self.give_away(&unassigned)?;

        let mut sorted = std::mem::take(&mut self.sorted);
        let is_free = |partition: &Partition| self.wanting[partition.topic].len() >= 2;
        sorted.retain(is_free);
        unassigned.retain(is_free);
        let mut fixed = Vec::new();
        for member in 0..self.lists.len() {
            if !self.may_change(member)? {
                fixed.push((member, self.fix(member)));
            }
        }

        let before = self.lists.clone();
        if !self.has_revoked {
            self.move_around(&unassigned, former)?;
        }
        let has_moved = self.move_around(&sorted, former)?;
        if !is_first_time && has_moved && score(&self.lists) >= score(&before) {
            self.lists = before;
        }
        for (member, list) in fixed {
            self.lists[member] = Some(list);
        }
        Ok(())
    }

    fn give_away(&mut self, unassigned: &[Partition]) -> Result<(), AssignorError> {
        let mut left = Vec::new();
        for &partition in unassigned {
            if !self.racks.count() || !self.give(partition, true)? {
                left.push(partition);
            }
        }
        for partition in left {
            self.give(partition, false)?;
        }
        Ok(())
    }

    /// Whether a member may gain or lose anything: it lacks something that it wants, or has something that others want.
    fn may_change(&self, member: usize) -> Result<bool, AssignorError> {
        let list = self.lists[member].as_ref().ok_or(AssignorError::NoSuchOwner)?;
        let is_shared = |partition: &Partition| self.wanting[partition.topic].len() >= 2;
        Ok(list.len() < self.most(member) || list.iter().any(is_shared))
    }

    /// How many partitions a member could have.
    fn most(&self, member: usize) -> usize {
        let topics = &self.frame.topics;
        if self.wanted[member].len() == topics.len() {
            self.frame.partition_count()
        } else {
            self.wanted[member].iter().map(|topic| topics[*topic].racks.len()).sum()
        }
    }

    /// Moves partitions until it is even or none can be moved. Answers whether any was.
    fn move_around(
        &mut self,
        partitions: &[Partition],
        former: &BTreeMap<Partition, usize>,
    ) -> Result<bool, AssignorError> {
        let mut has_moved = false;
        loop {
            let mut is_modified = false;
            for &partition in partitions {
                if self.is_balanced()? {
                    break;
                }
                is_modified |= self.move_on(partition, former)?;
            }
            has_moved |= is_modified;
            if !is_modified {
                return Ok(has_moved);
            }
        }
    }

    /// Moves a partition, if its owner has more than it needs. Answers whether it did.
    fn move_on(
        &mut self,
        partition: Partition,
        former: &BTreeMap<Partition, usize>,
    ) -> Result<bool, AssignorError> {
        let owner = *self.owners.get(&partition).ok_or(AssignorError::NoSuchOwner)?;
        let size = self.size(owner)?;
        if let Some(&former) = former.get(&partition)
            && size > self.size(former)? + 1
        {
            self.reassign(partition, former)?;
            return Ok(true);
        }
        // Java looks for a member nearby first, and then moves the partition to the one with the fewest all the same.
        for &other in &self.wanting[partition.topic] {
            if size > self.size(other)? + 1 {
                let wants = |it: &usize| self.wanted[*it].contains(&partition.topic);
                let fewest = self.members().find(wants).ok_or(AssignorError::NoSuchOwner)?;
                self.reassign(partition, fewest)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether nobody lacks a partition of who has two more.
    fn is_balanced(&self) -> Result<bool, AssignorError> {
        let mut members = self.members();
        let fewest = members.next().ok_or(AssignorError::NobodyLeft)?;
        let fullest = members.next_back().unwrap_or(fewest);
        if self.size(fewest)? + 1 >= self.size(fullest)? {
            return Ok(true);
        }
        let mut owners = BTreeMap::new();
        let mut is_doubled = false;
        for (member, list) in self.lists.iter().enumerate() {
            for partition in list.iter().flatten() {
                is_doubled |= owners.insert(*partition, member).is_some();
            }
        }
        for member in self.members() {
            if self.lacks(member, &owners, is_doubled)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a member lacks a partition that it wants, of a member that has two more.
    fn lacks(
        &self,
        member: usize,
        owners: &BTreeMap<Partition, usize>,
        is_doubled: bool,
    ) -> Result<bool, AssignorError> {
        let size = self.size(member)?;
        if size == self.most(member) {
            return Ok(false);
        }
        let list = self.lists[member].as_deref().unwrap_or_default();
        for &topic in &self.wanted[member] {
            for number in self.frame.topics[topic].numbers() {
                let partition = Partition { topic, number };
                let owner = owners.get(&partition).copied();
                if owner == Some(member) || (is_doubled && list.contains(&partition)) {
                    continue;
                }
                if size + 1 < self.size(owner.ok_or(AssignorError::NoSuchOwner)?)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// By how much all pairs of members that take part differ, in sum.
fn score(lists: &[Option<Vec<Partition>>]) -> usize {
    let sizes: Vec<usize> = lists.iter().flatten().map(Vec::len).collect();
    let pairs = sizes.iter().enumerate();
    pairs
        .map(|(at, one)| sizes[at + 1..].iter().map(|other| one.abs_diff(*other)).sum::<usize>())
        .sum()
}
