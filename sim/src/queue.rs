//! Orders what happens next.
//!
//! Holds:      a heap of four children a node, in one vector: half as deep as one of two, and a node's children lie
//!             side by side. What was taken last leaves a hole at the root, which the next push fills: most events
//!             put one other into the queue, and so cost one way down instead of two.
//! Invariants: Q-1 events come out by (time, tie breaker, order of pushing); the tie breaker is
//!             drawn from its owner's name, so that no slot number decides who goes first.
//!             Q-2 no entry is before its parent, but for the hole.

use crate::event::Event;
use crate::time::Time;

/// Children of a node.
const WIDTH: usize = 4;

#[derive(Debug, Clone, Copy)]
struct Entry {
    time: Time,
    /// The tie breaker, and below it the order of pushing. That wraps; it decides only between two
    /// entries of the same time and tie breaker.
    order: u64,
    event: Event,
}

impl Entry {
    #[inline]
    fn key(&self) -> u128 {
        u128::from(self.time.0) << 64 | u128::from(self.order)
    }
}

/// The events to come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    heap: Vec<Entry>,
    /// The root has been taken.
    hole: bool,
    sequence: u32,
}

impl Queue {
    #[inline]
    pub(crate) fn push(&mut self, time: Time, tie: u32, event: Event) {
        let order = u64::from(tie) << 32 | u64::from(self.sequence);
        self.sequence = self.sequence.wrapping_add(1);
        let entry = Entry { time, order, event };
        if self.hole {
            self.hole = false;
            self.sink(entry);
        } else {
            self.heap.push(entry);
            self.rise(entry);
        }
    }

    /// The next event, if it is due by `limit`.
    #[inline]
    pub(crate) fn pop_until(&mut self, limit: Time) -> Option<(Time, Event)> {
        self.fill();
        let first = self.heap.first()?;
        if first.time > limit {
            return None;
        }
        self.hole = true;
        Some((first.time, first.event))
    }

    pub(crate) fn next_time(&self) -> Option<Time> {
        if !self.hole {
            return self.heap.first().map(|entry| entry.time);
        }
        self.heap.iter().skip(1).take(WIDTH).map(|entry| entry.time).min()
    }

    /// The last entry goes into the hole.
    #[inline]
    fn fill(&mut self) {
        if self.hole {
            self.hole = false;
            if let Some(last) = self.heap.pop()
                && !self.heap.is_empty()
            {
                self.sink(last);
            }
        }
    }

    /// Puts an entry in at the root, and lets it down to where it belongs.
    #[inline]
    fn sink(&mut self, entry: Entry) {
        let (key, heap) = (entry.key(), &mut self.heap[..]);
        let mut at = 0;
        loop {
            let first = at * WIDTH + 1;
            let place = match heap.get(first..) {
                Some([one, two, three, four, ..]) => earliest_of_four([one, two, three, four]),
                Some([]) | None => break,
                Some(few) => earliest(few),
            };
            let least = heap[first + place];
            if least.key() >= key {
                break;
            }
            heap[at] = least;
            at = first + place;
        }
        heap[at] = entry;
    }

    /// Lets the entry at the end up to where it belongs.
    #[inline]
    fn rise(&mut self, entry: Entry) {
        let (key, heap) = (entry.key(), &mut self.heap[..]);
        let mut at = heap.len() - 1;
        while at > 0 {
            let parent = (at - 1) / WIDTH;
            if heap[parent].key() <= key {
                break;
            }
            heap[at] = heap[parent];
            at = parent;
        }
        heap[at] = entry;
    }
}

/// The place of the earliest. Which it is cannot be foretold, so nothing here is worth a branch:
/// places are computed.
#[inline]
fn earliest_of_four(entries: [&Entry; WIDTH]) -> usize {
    let one = usize::from(entries[1].key() < entries[0].key());
    let other = 2 + usize::from(entries[3].key() < entries[2].key());
    let later = usize::from(entries[other].key() < entries[one].key());
    one + (other - one) * later
}

/// The place of the earliest of up to four.
fn earliest(entries: &[Entry]) -> usize {
    let keys = entries.iter().map(Entry::key).enumerate();
    keys.min_by_key(|&(_, key)| key).map_or(0, |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::HostId;
    use crate::random::Plan;

    fn event(host: u16) -> Event {
        Event::Timer { host: HostId(host), life: 0 }
    }

    /// Whatever is pushed and popped in turns comes out as a sorted list would have it.
    #[test]
    fn events_come_out_in_order() {
        for seed in 0..50 {
            let mut draws = Plan::new(seed).run_stream("test", "queue");
            let (mut queue, mut list, mut pushed) = (Queue::default(), Vec::new(), 0);
            for _ in 0..2_000 {
                if draws.below(100) < 55 {
                    let (time, tie) = (Time(draws.below(40)), draws.below(3) as u32);
                    queue.push(time, tie, event(pushed));
                    list.push((time, tie, pushed));
                    list.sort_unstable();
                    pushed += 1;
                } else {
                    let want = (!list.is_empty()).then(|| list.remove(0));
                    let want = want.map(|(time, _, place)| (time, event(place)));
                    assert_eq!(queue.pop_until(Time::MAX), want, "Q-1: seed {seed}");
                }
                let next = list.first().map(|&(time, _, _)| time);
                assert_eq!(queue.next_time(), next, "seed {seed}");
            }
        }
    }

    #[test]
    fn what_is_not_due_stays() {
        let mut queue = Queue::default();
        queue.push(Time(5), 0, event(1));
        assert_eq!(queue.pop_until(Time(4)), None, "too early");
        assert_eq!(queue.pop_until(Time(5)), Some((Time(5), event(1))), "due");
        assert_eq!(queue.pop_until(Time::MAX), None, "gone");
    }

    #[test]
    fn a_clone_with_a_hole_goes_on_alike() {
        let mut queue = Queue::default();
        (0..20).for_each(|place| queue.push(Time(place), 0, event(0)));
        assert!(queue.pop_until(Time::MAX).is_some(), "the first");
        let mut clone = queue.clone();
        clone.push(Time(3), 0, event(7));
        let rest = |queue: &mut Queue| std::iter::from_fn(|| queue.pop_until(Time::MAX)).count();
        assert_eq!((rest(&mut queue), rest(&mut clone)), (19, 20), "one more in the clone");
    }

    #[test]
    fn an_entry_is_thirty_two_bytes() {
        assert_eq!(size_of::<Entry>(), 32, "two to a cache line");
    }
}
