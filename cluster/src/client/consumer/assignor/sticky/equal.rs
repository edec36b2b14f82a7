//! The assignment where all members want the same topics: shares that differ by one at most.
//!
//! In Kafka:   `AbstractStickyAssignor.ConstrainedAssignmentBuilder` (KAFKA-9987, KAFKA-12675).
//! Holds:      who has how much; who has less than the smaller share (`under`), and who has just that and may get one
//!             more (`exactly`).
//! Invariants: EQ-1 a member keeps what it has had, up to its share, if its rack allows it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::AssignorError;
use super::super::frame::{Frame, Partition};
use super::racks::Racks;
use super::{Balanced, Owned};

/// An assignment in the making.
pub(super) struct Equal<'a> {
    frame: &'a Frame<'a>,
    racks: &'a Racks<'a>,
    owned: Vec<Vec<Partition>>,
    contested: BTreeSet<Partition>,
    /// What was taken from a member that has had it.
    taken: BTreeMap<Partition, usize>,
    share_min: usize,
    share_max: usize,
    /// How many members are to have more than the smaller share, and how many have.
    over_wanted: usize,
    over: usize,
    under: Vec<usize>,
    exactly: VecDeque<usize>,
    lists: Vec<Vec<Partition>>,
    moving: BTreeMap<Partition, usize>,
}

impl<'a> Equal<'a> {
    pub(super) fn new(frame: &'a Frame<'a>, racks: &'a Racks<'a>, owned: Owned) -> Self {
        let (partitions, members) = (frame.partition_count(), frame.members.len());
        Self {
            frame,
            racks,
            owned: owned.lists,
            contested: owned.contested,
            taken: BTreeMap::new(),
            share_min: partitions / members,
            share_max: partitions.div_ceil(members),
            over_wanted: partitions % members,
            over: 0,
            under: Vec::new(),
            exactly: VecDeque::new(),
            lists: vec![Vec::new(); members],
            moving: BTreeMap::new(),
        }
    }

    pub(super) fn build(mut self) -> Result<Balanced, AssignorError> {
        for member in 0..self.frame.members.len() {
            self.keep(member);
        }
        let mut left = self.unassigned();
        let ranks = &self.frame.ranks;
        self.under.sort_by_key(|member| ranks[*member]);
        self.exactly.make_contiguous().sort_by_key(|member| ranks[*member]);
        self.racks.sort_by_crowd(&mut left);
        if self.racks.count() {
            let mut turn = 0;
            left.retain(|partition| !self.assign_nearby(*partition, &mut turn));
        }
        self.assign_in_turn(&left)?;
        self.verify()?;
        Ok(Balanced { lists: self.lists, moving: Some(self.moving) })
    }

    /// Gives a member what it has had, up to its share.
    fn keep(&mut self, member: usize) {
        let (mut kept, mismatched): (Vec<Partition>, Vec<Partition>) = self.owned[member]
            .iter()
            .copied()
            .partition(|partition| !self.racks.mismatch(member, *partition));
        self.taken.extend(mismatched.into_iter().map(|partition| (partition, member)));
        kept.sort_by_key(|partition| (partition.number, partition.topic));
        kept.retain(|partition| !self.contested.contains(partition));
        if kept.len() < self.share_min {
            self.under.push(member);
        } else if kept.len() >= self.share_max && self.over < self.over_wanted {
            self.one_more_over();
            self.take_beyond(member, &mut kept, self.share_max);
        } else {
            self.take_beyond(member, &mut kept, self.share_min);
            if self.over < self.over_wanted {
                self.exactly.push_back(member);
            }
        }
        self.lists[member] = kept;
    }

    fn take_beyond(&mut self, member: usize, kept: &mut Vec<Partition>, share: usize) {
        self.taken.extend(kept.drain(share..).map(|partition| (partition, member)));
    }

    fn one_more_over(&mut self) {
        self.over += 1;
        if self.over == self.over_wanted {
            self.exactly.clear();
        }
    }

    /// What nobody has, by topic and number. What members have kept is passed over in the same order: behind a claim
    /// beyond the end of its topic nothing counts as kept any more, as in Java.
    fn unassigned(&self) -> Vec<Partition> {
        let mut kept: Vec<Partition> = self.lists.iter().flatten().copied().collect();
        kept.sort_unstable();
        let mut kept = kept.into_iter().peekable();
        let topics = self.frame.topics.iter().enumerate();
        topics
            .flat_map(|(topic, all)| all.numbers().map(move |number| Partition { topic, number }))
            .filter(|partition| kept.next_if_eq(partition).is_none())
            .collect()
    }

    /// Gives a partition to a member that has a replica nearby and is not full. Answers whether there is one.
    fn assign_nearby(&mut self, partition: Partition, turn: &mut usize) -> bool {
        if let Some(place) = self.racks.next(partition, &self.under, *turn) {
            let member = self.under[place];
            let count = self.lists[member].len() + 1;
            let mut next = place + 1;
            if count >= self.share_min {
                self.under.remove(place);
                next = place;
                if count < self.share_max && self.over < self.over_wanted {
                    self.exactly.push_back(member);
                }
            }
            *turn = if self.under.is_empty() { 0 } else { next % self.under.len() };
            self.give(partition, member);
            return true;
        }
        let exactly = self.exactly.make_contiguous();
        let Some(place) = self.racks.next(partition, exactly, 0) else {
            return false;
        };
        let member = self.exactly[place];
        if self.lists[member].len() + 1 == self.share_max {
            self.exactly.remove(place);
            self.one_more_over();
        }
        self.give(partition, member);
        true
    }

    /// Gives what is left to those who have too little, one after the other, and then to those who may have one more.
    fn assign_in_turn(&mut self, left: &[Partition]) -> Result<(), AssignorError> {
        let mut next = 0;
        for &partition in left {
            let is_under = !self.under.is_empty();
            let member = if is_under {
                next = if next < self.under.len() { next } else { 0 };
                next += 1;
                self.under[next - 1]
            } else {
                self.exactly.pop_front().ok_or(AssignorError::NobodyUnfilled)?
            };
            let count = self.give(partition, member);
            if count == self.share_min {
                assert!(is_under, "who may have one more has its share");
                next -= 1;
                self.under.remove(next);
                self.exactly.push_back(member);
            } else if count == self.share_max {
                self.over += 1;
            }
        }
        Ok(())
    }

    /// Gives a partition to a member, and answers how many it has.
    fn give(&mut self, partition: Partition, member: usize) -> usize {
        self.lists[member].push(partition);
        let was_anothers = self.taken.get(&partition).is_some_and(|other| *other != member);
        if was_anothers || self.contested.contains(&partition) {
            self.moving.insert(partition, member);
        }
        self.lists[member].len()
    }

    fn verify(&self) -> Result<(), AssignorError> {
        let is_short = |member: &usize| self.lists[*member].len() != self.share_min;
        let is_wrong = self.over != self.over_wanted || self.under.iter().any(is_short);
        if !self.under.is_empty() && is_wrong {
            return Err(AssignorError::ShareNotReached);
        }
        Ok(())
    }
}
