//! Which classic group is meant: what the timeline names, and what it names it for.
//!
//! In Kafka:   the references from the timeline map `groups` to `ClassicGroup`s, which are on no timeline themselves:
//!             if the map goes back, it holds the object that it held then, as that has become meanwhile.
//! Holds:      every classic group that a state of the timeline may still name.
//! Invariants: CR-1 a number is given once.

use std::collections::BTreeMap;

use super::group::ClassicGroup;
use crate::group::machine::GroupCoordinator;
use crate::group::state::{GroupEntry, GroupState};

/// The name of a group's object. Two states that differ in nothing else say the same.
#[derive(Debug, Clone, Copy)]
pub struct ClassicRef(u64);

impl PartialEq for ClassicRef {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ClassicRef {}

/// The classic groups of a coordinator.
#[derive(Debug, Clone, Default)]
pub struct ClassicGroups {
    groups: BTreeMap<u64, ClassicGroup>,
    given: u64,
    /// How many there may be before those that nobody names are looked for.
    sweep_at: usize,
}

impl ClassicGroups {
    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Takes a group in.
    pub fn add(&mut self, group: ClassicGroup) -> ClassicRef {
        let number = self.given;
        self.given += 1;
        self.groups.insert(number, group);
        ClassicRef(number)
    }

    /// The group that is meant.
    #[must_use]
    pub fn get(&self, name: ClassicRef) -> Option<&ClassicGroup> {
        self.groups.get(&name.0)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, name: ClassicRef) -> Option<&mut ClassicGroup> {
        self.groups.get_mut(&name.0)
    }

    /// Forgets what none of these states names. It looks only when twice as many have been added as were left.
    fn sweep(&mut self, states: &[&GroupState]) {
        if self.groups.len() < self.sweep_at {
            return;
        }
        self.groups.retain(|number, group| {
            let names = |state: &&GroupState| {
                let found = state.groups.get(group.id());
                matches!(found, Some(GroupEntry::Classic(name)) if name.0 == *number)
            };
            states.iter().any(names)
        });
        self.sweep_at = 2 * self.groups.len() + 16;
    }
}

impl GroupCoordinator {
    /// A classic group, if `id` is one.
    #[must_use]
    pub fn classic_group(&self, id: &str) -> Option<&ClassicGroup> {
        self.classic.get(self.classic_ref(id)?)
    }

    /// Its name.
    #[must_use]
    pub(in crate::group) fn classic_ref(&self, id: &str) -> Option<ClassicRef> {
        match self.state.groups.get(id)? {
            GroupEntry::Classic(name) => Some(*name),
            GroupEntry::Consumer(_) => None,
        }
    }

    /// The classic group that a state of the timeline names.
    #[must_use]
    pub(in crate::group) fn classic_group_in<'a>(
        &'a self,
        state: &GroupState,
        id: &str,
    ) -> Option<&'a ClassicGroup> {
        match state.groups.get(id)? {
            GroupEntry::Classic(name) => self.classic.get(*name),
            GroupEntry::Consumer(_) => None,
        }
    }

    /// Puts a classic group on the timeline, in the place of what was there.
    pub(in crate::group) fn put_classic(&mut self, group: ClassicGroup) -> ClassicRef {
        let id = group.id().clone();
        let name = self.classic.add(group);
        self.state.groups.insert(id, GroupEntry::Classic(name));
        name
    }

    /// The group of offsets whose group is not there: a simple one (`getOrMaybeCreateClassicGroup`).
    pub(in crate::group) fn classic_group_for_offsets(&mut self, id: &str, wall_ms: i64) {
        if !self.state.groups.contains_key(id) {
            self.put_classic(ClassicGroup::new(id.into(), wall_ms));
        }
    }

    /// Forgets classic groups that are named neither here nor in `kept`: the states to which the timeline may go back,
    /// and the committed one. To be called now and then.
    pub fn forget_classic_groups(&mut self, kept: &[&GroupState]) {
        let mut states = vec![&self.state];
        states.extend(kept);
        self.classic.sweep(&states);
    }
}
