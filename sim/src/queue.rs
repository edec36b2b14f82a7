//! Orders what happens next.
//!
//! Invariants: Q-1 events come out by (time, tie breaker, order of pushing); the tie breaker is
//!             drawn from its owner's name, so that no slot number decides who goes first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::event::Event;
use crate::time::Time;

#[derive(Debug, Clone, Copy)]
struct Entry {
    time: Time,
    tie: u32,
    /// Wraps; it decides only between two entries of the same time and tie breaker.
    sequence: u32,
    event: Event,
}

impl Entry {
    #[inline]
    fn key(&self) -> (u64, u64) {
        (self.time.0, (u64::from(self.tie) << 32) | u64::from(self.sequence))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest: what a `BinaryHeap` hands out first.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

/// The events to come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Entry>,
    sequence: u32,
}

impl Queue {
    #[inline]
    pub(crate) fn push(&mut self, time: Time, tie: u32, event: Event) {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.heap.push(Entry { time, tie, sequence, event });
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(Time, Event)> {
        self.heap.pop().map(|entry| (entry.time, entry.event))
    }

    #[inline]
    pub(crate) fn next_time(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.time)
    }
}
