//! Requests that wait: for the high watermark, for bytes, for a deadline.
//!
//! In Kafka:   `DelayedOperationPurgatory`, `DelayedOperation`, `SystemTimer`.
//! Holds:      parked operations, by the keys that wake them and by deadline. What an operation is, and when it
//!             is complete, the caller knows.
//! Inputs:     park, check a key, the time. Effects: the operations that left, in order.
//! Invariants: PU-1 an operation leaves exactly once. PU-2 those of one key are tried in the order in which they
//!             came, those that expire leave in the order of their deadlines. PU-3 the cost of a check is that
//!             of the operations watched there, however many others wait. PU-4 the next deadline that is kept is the
//!             first of the queues' heads.
//! Left out:   Kafka's reaper ticks every 200 ms and its wheel is 1 ms wide: here a deadline is exact.

use std::collections::{BTreeMap, VecDeque};

use trial_sim::{Span, Time};

/// Watch entries of operations that have left are dropped when there are more than this and than live ones.
const PURGE_INTERVAL: usize = 1000;
/// Queues of deadlines are kept for this many different waits, empty ones included.
const WAITS_MAX: usize = 64;

/// Names one parked operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    slot: u32,
    generation: u32,
}

/// Operations `T` that wait for events of keys `K`.
#[derive(Debug, Clone)]
pub struct Purgatory<K, T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    watchers: BTreeMap<K, Vec<Ticket>>,
    /// One queue for each length of wait: within one, deadlines come in order, so no heap is needed.
    deadlines: BTreeMap<Span, VecDeque<Deadline>>,
    /// The first of all these queues' heads.
    next: Option<Deadline>,
    parked_so_far: u64,
    live_watches: usize,
    stale_watches: usize,
}

#[derive(Debug, Clone)]
struct Slot<T> {
    generation: u32,
    parked: Option<Parked<T>>,
}

#[derive(Debug, Clone)]
struct Parked<T> {
    operation: T,
    wait: Span,
    watches: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Deadline {
    at: Time,
    order: u64,
    ticket: Ticket,
}

impl<T> Slot<T> {
    /// Whether the ticket's operation is still parked here.
    const fn holds(&self, ticket: Ticket) -> bool {
        self.generation == ticket.generation && self.parked.is_some()
    }
}

impl<K, T> Default for Purgatory<K, T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            watchers: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            next: None,
            parked_so_far: 0,
            live_watches: 0,
            stale_watches: 0,
        }
    }
}

impl<K: Ord + Copy, T> Purgatory<K, T> {
    /// Parks `operation` until one of `keys` completes it or `wait` is over. The caller has tried to complete
    /// it, and tries once more at the end of its job: a publish in between would be missed.
    pub fn park(
        &mut self,
        now: Time,
        wait: Span,
        keys: impl IntoIterator<Item = K>,
        operation: T,
    ) -> Ticket {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, parked: None });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 requests wait at one time")
        });
        let ticket = Ticket { slot, generation: self.slots[index(slot)].generation };
        let mut watches = 0;
        for key in keys {
            self.watchers.entry(key).or_default().push(ticket);
            watches += 1;
        }
        assert!(watches > 0, "PU-1: an operation without a key can only expire");
        self.live_watches += watches;
        self.slots[index(slot)].parked = Some(Parked { operation, wait, watches });
        let deadline = Deadline { at: now + wait, order: self.parked_so_far, ticket };
        self.parked_so_far += 1;
        self.deadlines.entry(wait).or_default().push_back(deadline);
        self.next = self.next.into_iter().chain([deadline]).min();
        ticket
    }

    /// Something has happened to `key`: tries what waits there, and moves what is complete to `completed`.
    pub fn check(
        &mut self,
        key: K,
        mut try_complete: impl FnMut(&mut T) -> bool,
        completed: &mut Vec<T>,
    ) {
        let Some(mut watching) = self.watchers.get_mut(&key).map(std::mem::take) else { return };
        watching.retain(|ticket| {
            let Some(parked) = self.parked(*ticket) else {
                self.stale_watches -= 1;
                return false;
            };
            if !try_complete(&mut parked.operation) {
                return true;
            }
            completed.push(self.leave(*ticket));
            // The entry that is being looked at goes with it.
            self.stale_watches -= 1;
            false
        });
        // The list keeps its memory: the next request on this partition comes soon.
        *self.watchers.get_mut(&key).expect("it was there, and nobody else was") = watching;
        self.maybe_purge();
    }

    /// Completes one operation whatever it waits for; none if it has left already.
    pub fn complete(&mut self, ticket: Ticket) -> Option<T> {
        self.parked(ticket)?;
        let operation = self.leave(ticket);
        self.maybe_purge();
        Some(operation)
    }

    /// Moves everything whose time is over to `expired`.
    pub fn expire(&mut self, now: Time, expired: &mut Vec<T>) {
        while let Some(due) = self.next.filter(|due| due.at <= now) {
            expired.push(self.leave(due.ticket));
        }
        self.maybe_purge();
    }

    /// Moves everything that waits on `key` to `cancelled`, and forgets the key: the partition was deleted.
    pub fn forget(&mut self, key: K, cancelled: &mut Vec<T>) {
        self.check(key, |_| true, cancelled);
        self.watchers.remove(&key);
    }

    /// Moves everything to `cancelled`, oldest first: the broker shuts down.
    pub fn drain(&mut self, cancelled: &mut Vec<T>) {
        let mut deadlines: Vec<Deadline> = self.deadlines.values().flatten().copied().collect();
        deadlines.sort_by_key(|deadline| deadline.order);
        for deadline in deadlines {
            if self.parked(deadline.ticket).is_some() {
                cancelled.push(self.leave(deadline.ticket));
            }
        }
        self.maybe_purge();
    }

    /// When the next operation expires.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        debug_assert_eq!(self.next, self.first(), "PU-4: a change of a queue's head went unseen");
        self.next.map(|due| due.at)
    }

    /// How many operations wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many operations watch `key`, those counted too that have left by another key.
    #[must_use]
    pub fn watched(&self, key: K) -> usize {
        self.watchers.get(&key).map_or(0, Vec::len)
    }

    fn first(&self) -> Option<Deadline> {
        // Heads are live: `leave` trims them.
        self.deadlines.values().filter_map(|queue| queue.front()).min().copied()
    }

    fn parked(&mut self, ticket: Ticket) -> Option<&mut Parked<T>> {
        let slot = &mut self.slots[index(ticket.slot)];
        if slot.generation == ticket.generation { slot.parked.as_mut() } else { None }
    }

    fn leave(&mut self, ticket: Ticket) -> T {
        let slot = &mut self.slots[index(ticket.slot)];
        assert_eq!(slot.generation, ticket.generation, "PU-1: {ticket:?} has left before");
        let parked = slot.parked.take().expect("a slot of the current generation is taken");
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(ticket.slot);
        self.live_watches -= parked.watches;
        self.stale_watches += parked.watches;
        self.trim(parked.wait);
        parked.operation
    }

    /// Drops the deadlines at the head of a queue whose operations have left (PU-4).
    fn trim(&mut self, wait: Span) {
        let queue = self.deadlines.get_mut(&wait).expect("a queue lives as long as its deadlines");
        while let Some(head) = queue.front() {
            if self.slots[index(head.ticket.slot)].holds(head.ticket) {
                break;
            }
            queue.pop_front();
        }
        if queue.is_empty() && self.deadlines.len() > WAITS_MAX {
            self.deadlines.remove(&wait);
        }
        let is_parked = |due: &Deadline| self.slots[index(due.ticket.slot)].holds(due.ticket);
        if !self.next.as_ref().is_some_and(is_parked) {
            self.next = self.first();
        }
    }

    /// An operation leaves stale entries under its other keys, and a stale deadline behind a live one.
    fn maybe_purge(&mut self) {
        if self.stale_watches <= PURGE_INTERVAL.max(self.live_watches) {
            return;
        }
        let slots = &self.slots;
        let is_live = |ticket: &Ticket| slots[index(ticket.slot)].holds(*ticket);
        for watching in self.watchers.values_mut() {
            watching.retain(is_live);
        }
        for queue in self.deadlines.values_mut() {
            queue.retain(|deadline| is_live(&deadline.ticket));
        }
        self.stale_watches = 0;
    }
}

fn index(slot: u32) -> usize {
    usize::try_from(slot).expect("32 bits fit")
}

#[cfg(test)]
mod tests {
    use super::{PURGE_INTERVAL, Purgatory};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use trial_sim::{Span, Time};

    fn ms(count: u64) -> Span {
        Span::from_millis(count)
    }

    fn at(count: u64) -> Time {
        Time::ZERO + ms(count)
    }

    /// Checks `key` with operations that are complete when they are at most `limit`.
    fn check(purgatory: &mut Purgatory<char, u32>, key: char, limit: u32) -> Vec<u32> {
        let mut left = Vec::new();
        purgatory.check(key, |operation| *operation <= limit, &mut left);
        left
    }

    #[test]
    fn an_operation_leaves_by_the_first_key_that_completes_it() {
        let mut purgatory = Purgatory::default();
        purgatory.park(at(0), ms(500), ['a', 'b'], 1);
        purgatory.park(at(0), ms(500), ['b'], 2);
        assert_eq!(check(&mut purgatory, 'a', 0), [] as [u32; 0]);
        assert_eq!(check(&mut purgatory, 'a', 1), [1]);
        assert_eq!(check(&mut purgatory, 'b', 9), [2], "the first one is not handed out again");
        assert!(purgatory.is_empty(), "both have left");
        assert_eq!(purgatory.next_deadline(), None);
    }

    #[test]
    fn those_of_one_key_are_tried_in_the_order_in_which_they_came() {
        let mut purgatory = Purgatory::default();
        for operation in [5, 3, 4, 1] {
            purgatory.park(at(0), ms(500), ['a'], operation);
        }
        assert_eq!(check(&mut purgatory, 'a', 4), [3, 4, 1]);
        purgatory.park(at(1), ms(500), ['a'], 2);
        assert_eq!(check(&mut purgatory, 'a', 5), [5, 2]);
    }

    #[test]
    fn deadlines_expire_in_their_order_whatever_their_length() {
        let mut purgatory = Purgatory::default();
        purgatory.park(at(0), ms(500), ['a'], 1);
        purgatory.park(at(10), ms(100), ['a'], 2);
        purgatory.park(at(20), ms(480), ['a'], 3);
        assert_eq!(purgatory.next_deadline(), Some(at(110)));
        let mut expired = Vec::new();
        purgatory.expire(at(109), &mut expired);
        assert_eq!(expired, [] as [u32; 0]);
        purgatory.expire(at(500), &mut expired);
        assert_eq!(
            expired,
            [2, 1, 3],
            "equal deadlines leave in the order in which they were parked"
        );
    }

    #[test]
    fn a_deadline_goes_with_its_operation() {
        let mut purgatory = Purgatory::default();
        let ticket = purgatory.park(at(0), ms(100), ['a'], 1);
        purgatory.park(at(0), ms(500), ['a'], 2);
        assert_eq!(purgatory.complete(ticket), Some(1));
        assert_eq!(purgatory.complete(ticket), None, "PU-1");
        assert_eq!(purgatory.next_deadline(), Some(at(500)));
    }

    #[test]
    fn entries_that_operations_leave_behind_are_purged() {
        let mut purgatory = Purgatory::default();
        for operation in 0..10_000 {
            purgatory.park(at(0), ms(500), ['a', 'b'], operation);
            check(&mut purgatory, 'a', operation);
        }
        assert!(purgatory.watched('b') <= PURGE_INTERVAL + 1, "{} entries", purgatory.watched('b'));
        purgatory.park(at(0), ms(500), ['a', 'b'], 1);
        let mut left = Vec::new();
        purgatory.forget('b', &mut left);
        assert_eq!((left, purgatory.watched('b')), (vec![1], 0));
    }

    #[test]
    fn a_shutdown_takes_everything_oldest_first() {
        let mut purgatory = Purgatory::default();
        purgatory.park(at(0), ms(500), ['a'], 1);
        purgatory.park(at(0), ms(100), ['b'], 2);
        purgatory.park(at(0), ms(500), ['b'], 3);
        let mut left = Vec::new();
        purgatory.drain(&mut left);
        assert_eq!(left, [1, 2, 3]);
        assert!(purgatory.is_empty() && purgatory.next_deadline().is_none(), "nothing is left");
    }

    proptest! {
        /// Against a plain map of what waits: nothing is lost, nothing leaves twice, nothing stays too long.
        #[test]
        fn every_operation_leaves_exactly_once(steps in prop::collection::vec((0u8..4, 0u8..5, 0u64..40), 1..200)) {
            let mut purgatory: Purgatory<u8, u32> = Purgatory::default();
            let mut waits: BTreeMap<u32, (Time, u8)> = BTreeMap::new();
            let mut now = Time::ZERO;
            for (order, (kind, key, millis)) in (0u32..).zip(steps) {
                let mut left = Vec::new();
                match kind {
                    0 | 1 => {
                        purgatory.park(now, ms(millis), [key, (key + 1) % 5], order);
                        waits.insert(order, (now + ms(millis), key));
                    }
                    2 => {
                        purgatory.check(key, |operation| *operation % 2 == 0, &mut left);
                        let want: Vec<u32> = waits.iter()
                            .filter(|(op, (_, first))| *op % 2 == 0 && (*first == key || (first + 1) % 5 == key))
                            .map(|(op, _)| *op).collect();
                        prop_assert_eq!(&left, &want);
                    }
                    _ => {
                        now += ms(millis);
                        purgatory.expire(now, &mut left);
                        let mut due: Vec<(Time, u32)> = waits.iter()
                            .filter(|(_, (due, _))| *due <= now).map(|(op, (due, _))| (*due, *op)).collect();
                        due.sort_unstable();
                        prop_assert_eq!(&left, &due.iter().map(|(_, op)| *op).collect::<Vec<_>>());
                    }
                }
                for operation in left {
                    prop_assert!(waits.remove(&operation).is_some(), "{operation} left twice");
                }
                prop_assert_eq!(purgatory.len(), waits.len());
                prop_assert_eq!(purgatory.next_deadline(), waits.values().map(|(due, _)| *due).min());
            }
        }
    }
}
