//! Which fetcher copies a partition: there are so many for each leader, and the partition's name says which is its.
//!
//! In Kafka:   `AbstractFetcherManager.getFetcherId`, `resizeThreadPool`, `BrokerIdAndFetcherId`;
//!             `num.replica.fetchers`.
//! Holds:      nothing: a replica knows the fetcher that has it.
//! Invariants: FI-1 a partition has one fetcher; with another number of them it goes to the one that is its then, and
//!             fetches at once, whatever it waited for. What its former one was answered already is still processed.
//! Left out:   lanes for more than 64 fetchers at a time: Kafka's are threads of their own.

use super::task::FETCHERS;
use super::{Broker, Cx};
use crate::ids::{BrokerId, TopicPartition};
use crate::java::{abs, hash_code};

/// Lanes of a pool with one fetcher for each leader: nobody waits for a lane unless there are many leaders.
const LANES: usize = 16;
/// The most that a pool can have.
const LANES_MAX: usize = 64;

/// A fetcher, by its leader and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetcherId {
    /// Whom it asks.
    pub leader: BrokerId,
    /// Which of this leader's it is, from 0 on.
    pub number: u32,
}

impl FetcherId {
    /// The one of a partition where there are `count` for each leader.
    #[must_use]
    pub fn of(leader: BrokerId, topic: &str, partition: i32, count: usize) -> Self {
        let count = u32::try_from(count.max(1)).expect("bounded when it is read");
        let hash = abs(hash_code(topic).wrapping_mul(31).wrapping_add(partition));
        Self { leader, number: hash.cast_unsigned() % count }
    }
}

/// How many lanes so many fetchers for each leader have.
pub(super) fn fetcher_lanes(count: usize) -> u16 {
    u16::try_from((LANES * count).min(LANES_MAX)).expect("it was bounded just now")
}

impl Broker {
    /// The fetcher of a hosted partition that follows `leader`.
    pub(super) fn fetcher_of(&self, leader: BrokerId, slot: u32) -> Option<FetcherId> {
        let (topic, partition) = self.replicas.get(slot)?.name();
        Some(FetcherId::of(leader, &topic, partition, self.config.node.num_replica_fetchers))
    }

    /// Every fetcher that copies something, with what it copies.
    pub fn followed(&self) -> impl Iterator<Item = (FetcherId, Vec<TopicPartition>)> + '_ {
        let busy = self.fetchers.iter().map(|(which, fetcher)| (*which, fetcher.copies()));
        busy.filter(|(_, copies)| !copies.is_empty())
    }

    /// Another number of fetchers holds: every partition goes to its own (FI-1).
    pub(super) fn resize_fetchers(&mut self, cx: &mut Cx<'_>) {
        cx.resize_pool(FETCHERS, fetcher_lanes(self.config.node.num_replica_fetchers));
        self.fetchers.values_mut().for_each(|fetcher| fetcher.end_wait());
        for slot in self.replicas.slots().collect::<Vec<_>>() {
            let Some(before) = self.replicas.get(slot).and_then(|it| it.fetched_from) else {
                continue;
            };
            let after = self.fetcher_of(before.leader, slot).expect("its slot is taken");
            let replica = self.replicas.get_mut(slot).expect("its slot is taken");
            replica.partition.end_fetch_delay();
            replica.fetched_from = Some(after);
            let id = replica.partition.id();
            if after != before {
                let questions = self.fetchers.get_mut(&before).map(|fetcher| fetcher.remove(id));
                self.fetch_from(before.leader, id, slot, cx);
                if let Some(fetcher) = self.fetchers.get_mut(&after) {
                    questions.into_iter().flatten().for_each(|question| fetcher.ask(question));
                }
                self.poll_fetcher(before, cx);
            }
            self.changed_follower(slot, cx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FetcherId;
    use crate::ids::BrokerId;

    /// Wants the number of its fetcher of 2, 3 and 7.
    #[track_caller]
    fn check(topic: &str, partition: i32, want: [u32; 3]) {
        let number = |count| FetcherId::of(BrokerId(1), topic, partition, count).number;
        assert_eq!([number(2), number(3), number(7)], want, "{topic}-{partition}");
        assert_eq!(number(1), 0, "{topic}-{partition}: there is no other");
    }

    /// As Java reckons it: `Utils.abs(31 * topic.hashCode() + partition) % count`.
    #[test]
    fn a_partitions_fetcher_follows_from_its_name() {
        check("orders", 0, [1, 2, 6]);
        check("orders", 1, [0, 1, 5]);
        check("orders", 5, [0, 0, 1]);
        check("__consumer_offsets", 0, [1, 2, 6]);
        check("a-rather-long-name-of-a-topic", 0, [1, 0, 4]);
        check("a-rather-long-name-of-a-topic", 5, [0, 1, 6]);
        // The least of all numbers, and the greatest.
        check("t", 2_147_480_052, [0, 0, 0]);
        check("t", 2_147_480_051, [1, 1, 1]);
    }
}
