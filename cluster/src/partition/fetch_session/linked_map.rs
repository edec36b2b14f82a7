//! A map that keeps the order in which its entries came, and can send one to the end.
//!
//! In Kafka: `ImplicitLinkedHashCollection`, `LinkedHashMap`, `PartitionStates`.
//! Holds:    entries in a slab, linked to each other; finding one costs a search, moving one costs nothing more.

use std::collections::BTreeMap;

const END: u32 = u32::MAX;

/// The map.
#[derive(Debug, Clone)]
pub struct LinkedMap<K, V> {
    index: BTreeMap<K, u32>,
    slots: Vec<Slot<K, V>>,
    free: Vec<u32>,
    head: u32,
    tail: u32,
}

#[derive(Debug, Clone)]
struct Slot<K, V> {
    key: K,
    /// None in a free slot.
    value: Option<V>,
    next: u32,
    previous: u32,
}

impl<K, V> Default for LinkedMap<K, V> {
    fn default() -> Self {
        Self { index: BTreeMap::new(), slots: Vec::new(), free: Vec::new(), head: END, tail: END }
    }
}

impl<K: Ord + Clone, V> LinkedMap<K, V> {
    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.slots[self.slot_of(key)?].value.as_ref()
    }

    /// The value of `key`, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let slot = self.slot_of(key)?;
        self.slots[slot].value.as_mut()
    }

    /// Puts `key` at the end; one that is there already keeps its place. Answers the value that was replaced.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(slot) = self.slot_of(&key) {
            return self.slots[slot].value.replace(value);
        }
        let entry = Slot { key: key.clone(), value: Some(value), next: END, previous: END };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[at(slot)] = entry;
                slot
            }
            None => {
                self.slots.push(entry);
                u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 partitions")
            }
        };
        self.index.insert(key, slot);
        self.link_last(slot);
        None
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.index.remove(key)?;
        self.unlink(slot);
        self.free.push(slot);
        self.slots[at(slot)].value.take()
    }

    /// Sends `key` to the end, if it is there.
    pub fn move_to_end(&mut self, key: &K) {
        if let Some(slot) = self.index.get(key).copied()
            && slot != self.tail
        {
            self.unlink(slot);
            self.link_last(slot);
        }
    }

    /// All entries in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> + '_ {
        let mut slot = self.head;
        std::iter::from_fn(move || {
            let entry = self.slots.get(at(slot)).filter(|_| slot != END)?;
            slot = entry.next;
            Some((&entry.key, entry.value.as_ref().expect("a linked slot is taken")))
        })
    }

    /// Every entry in their order, to change its value.
    pub fn for_each(&mut self, mut with: impl FnMut(&K, &mut V)) {
        let mut slot = self.head;
        while slot != END {
            let entry = &mut self.slots[at(slot)];
            with(&entry.key, entry.value.as_mut().expect("a linked slot is taken"));
            slot = entry.next;
        }
    }

    /// Keeps the entries that `keep` wants, asked in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        let mut slot = self.head;
        while slot != END {
            let entry = &mut self.slots[at(slot)];
            let (key, next) = (entry.key.clone(), entry.next);
            if !keep(&key, entry.value.as_mut().expect("a linked slot is taken")) {
                self.remove(&key);
            }
            slot = next;
        }
    }

    fn slot_of(&self, key: &K) -> Option<usize> {
        self.index.get(key).copied().map(at)
    }

    fn link_last(&mut self, slot: u32) {
        self.slots[at(slot)].previous = self.tail;
        self.slots[at(slot)].next = END;
        match self.tail {
            END => self.head = slot,
            tail => self.slots[at(tail)].next = slot,
        }
        self.tail = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let (previous, next) = (self.slots[at(slot)].previous, self.slots[at(slot)].next);
        match previous {
            END => self.head = next,
            previous => self.slots[at(previous)].next = next,
        }
        match next {
            END => self.tail = previous,
            next => self.slots[at(next)].previous = previous,
        }
    }
}

fn at(slot: u32) -> usize {
    usize::try_from(slot).expect("32 bits fit")
}

#[cfg(test)]
mod tests {
    use super::LinkedMap;
    use proptest::prelude::*;

    proptest! {
        /// Against a plain list.
        #[test]
        fn it_keeps_the_order_of_a_list(steps in prop::collection::vec((0u8..4, 0u8..8), 0..200)) {
            let mut map = LinkedMap::default();
            let mut list: Vec<(u8, usize)> = Vec::new();
            for (value, (kind, key)) in steps.into_iter().enumerate() {
                let place = list.iter().position(|(entry, _)| *entry == key);
                match (kind, place) {
                    (0 | 1, Some(place)) => { map.insert(key, value); list[place].1 = value; }
                    (0 | 1, None) => { map.insert(key, value); list.push((key, value)); }
                    (2, _) => {
                        map.move_to_end(&key);
                        if let Some(place) = place { let entry = list.remove(place); list.push(entry); }
                    }
                    (_, _) => {
                        let removed = map.remove(&key);
                        prop_assert_eq!(removed, place.map(|place| list.remove(place).1));
                    }
                }
                prop_assert_eq!(map.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>(), list.clone());
                prop_assert_eq!(map.len(), list.len());
            }
        }
    }
}
