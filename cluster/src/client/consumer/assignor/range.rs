//! Topic by topic: each member gets a range of partitions, the first ones one more where it does not come out even.
//!
//! In Kafka:   `RangeAssignor`; KIP-881: first those partitions that have a replica in a member's rack, topics with
//!             equal members and equal numbers of partitions together, so that equal numbers stay with one member.
//! Holds:      of each topic who still gets how many.
//! Invariants: RA-1 of a topic nobody gets two more than another who wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::frame::{Frame, Partition};
use super::racks;

/// The partitions of each member: topics in the order of their hashes, or sorted if racks count.
pub(super) fn assign(frame: &Frame<'_>) -> Vec<Vec<Partition>> {
    let sorted = frame.static_ones_first();
    let places = frame.topics_by_hash.iter();
    let mut topics: Vec<_> = places.map(|topic| Ranges::new(frame, *topic, &sorted)).collect();
    let mut lists = vec![Vec::new(); frame.members.len()];
    let racks_count = topics.iter().any(|topic| topic.needs_racks);
    if racks_count {
        assign_within_racks(&mut topics, &mut lists);
    }
    for topic in &mut topics {
        topic.assign_ranges(false, &mut lists);
    }
    if racks_count {
        lists.iter_mut().for_each(|list| list.sort_unstable());
    }
    lists
}

/// One topic.
struct Ranges<'a> {
    topic: usize,
    consumers: Vec<Consumer<'a>>,
    /// The racks of each partition; none if no consumer says where it is.
    racks: &'a [BTreeSet<Arc<str>>],
    needs_racks: bool,
    unassigned: BTreeSet<i32>,
    per_consumer: usize,
    /// How many consumers still get one more.
    extras: usize,
}

struct Consumer<'a> {
    member: usize,
    rack: Option<&'a str>,
    assigned: usize,
}

impl<'a> Ranges<'a> {
    fn new(frame: &Frame<'a>, topic: usize, sorted: &[usize]) -> Self {
        let all = &frame.topics[topic];
        let wanting = sorted.iter().filter(|member| frame.wants(**member, topic));
        let consumers: Vec<_> = wanting
            .map(|&member| {
                let rack = frame.members[member].subscription.rack();
                Consumer { member, rack, assigned: 0 }
            })
            .collect();
        let theirs: BTreeSet<&str> =
            consumers.iter().filter_map(|consumer| consumer.rack).collect();
        let racks: &[_] = if theirs.is_empty() { &[] } else { all.racks };
        Self {
            topic,
            racks,
            needs_racks: racks::are_worth_it(&theirs, &racks.iter().collect::<Vec<_>>()),
            unassigned: all.numbers().collect(),
            per_consumer: all.racks.len() / consumers.len(),
            extras: all.racks.len() % consumers.len(),
            consumers,
        }
    }

    fn racks_match(&self, consumer: usize, partition: i32) -> bool {
        let Some(rack) = self.consumers[consumer].rack else {
            return true;
        };
        let racks = usize::try_from(partition).ok().and_then(|number| self.racks.get(number));
        racks.is_some_and(|racks| racks.contains(rack))
    }

    fn assignable(&self, consumer: usize) -> usize {
        let most = self.per_consumer + usize::from(self.extras > 0);
        most.saturating_sub(self.consumers[consumer].assigned)
    }

    fn assign_ranges(&mut self, within_racks: bool, lists: &mut [Vec<Partition>]) {
        for consumer in 0..self.consumers.len() {
            let fits = |it: &i32| !within_racks || self.racks_match(consumer, *it);
            let left = self.unassigned.iter().copied().filter(fits);
            let range: Vec<i32> = left.take(self.assignable(consumer)).collect();
            if !range.is_empty() {
                self.assign(consumer, &range, lists);
            }
        }
    }

    fn assign(&mut self, consumer: usize, range: &[i32], lists: &mut [Vec<Partition>]) {
        let topic = self.topic;
        let Consumer { member, assigned, .. } = &mut self.consumers[consumer];
        lists[*member].extend(range.iter().map(|&number| Partition { topic, number }));
        *assigned += range.len();
        if *assigned > self.per_consumer {
            assert!(self.extras > 0, "RA-1: nobody had one more to get");
            self.extras -= 1;
        }
        for number in range {
            self.unassigned.remove(number);
        }
    }
}

fn assign_within_racks(topics: &mut [Ranges<'_>], lists: &mut [Vec<Partition>]) {
    let mut alike: BTreeMap<(Vec<usize>, usize), Vec<usize>> = BTreeMap::new();
    for (place, topic) in topics.iter().enumerate() {
        let members = topic.consumers.iter().map(|consumer| consumer.member).collect();
        alike.entry((members, topic.racks.len())).or_default().push(place);
    }
    for ((_, partitions), places) in alike {
        if places.len() > 1 {
            assign_together(topics, &places, partitions, lists);
        } else if topics[places[0]].needs_racks {
            topics[places[0]].assign_ranges(true, lists);
        }
    }
}

/// Partitions of equal number go to one member, if it is in a rack with a replica of each.
fn assign_together(
    topics: &mut [Ranges<'_>],
    places: &[usize],
    partitions: usize,
    lists: &mut [Vec<Partition>],
) {
    let mut remaining: Vec<usize> = (0..topics[places[0]].consumers.len()).collect();
    for number in (0..).take(partitions) {
        let fits = |consumer: usize| {
            let fits =
                |it: &Ranges<'_>| it.racks_match(consumer, number) && it.assignable(consumer) > 0;
            places.iter().all(|place| fits(&topics[*place]))
        };
        let Some(place) = remaining.iter().position(|consumer| fits(*consumer)) else {
            continue;
        };
        let consumer = remaining[place];
        for topic in places {
            topics[*topic].assign(consumer, &[number], lists);
        }
        if places.iter().all(|topic| topics[*topic].assignable(consumer) == 0) {
            remaining.remove(place);
        }
    }
}
