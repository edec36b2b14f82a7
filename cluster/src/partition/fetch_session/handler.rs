//! The fetching side of a session: what to name in the next request, and what the answer means for the one after.
//!
//! In Kafka:   `FetchSessionHandler` (KIP-227). There each request is built from all partitions and compared with
//!             the session; here the caller says what changed, so that a request costs what changed.
//! Holds:      what is wanted of each partition, what the broker was told of it, and the metadata of the next
//!             request. One handler per connection's broker.
//! Invariants: FS-1 one request at a time: build, then its answer or its failure.

use super::linked_map::LinkedMap;
use super::session::{FetchMetadata, SessionEpoch, SessionId};
use crate::error_code::ErrorCode;
use crate::ids::TopicPartition;
use crate::partition::read::FetchPartition;

/// What to put into a fetch request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchRequestPlan {
    /// Its session.
    pub metadata: FetchMetadata,
    /// The partitions to name.
    pub to_send: Vec<(TopicPartition, FetchPartition)>,
    /// The partitions that the session shall forget.
    pub to_forget: Vec<TopicPartition>,
}

/// The session with one broker, from the fetching side.
#[derive(Debug, Clone, Default)]
pub struct FetchSessionHandler {
    next: FetchMetadata,
    partitions: LinkedMap<TopicPartition, Entry>,
    changed: Vec<TopicPartition>,
    /// How many partitions are wanted.
    wanted: usize,
    /// How many partitions the broker was told of.
    told: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    wanted: Option<FetchPartition>,
    told: Option<FetchPartition>,
    is_changed: bool,
}

impl FetchSessionHandler {
    /// Fetches `partition` from now on, or from another offset.
    pub fn set(&mut self, partition: TopicPartition, fetch: FetchPartition) {
        let Some(entry) = self.partitions.get_mut(&partition) else {
            let entry = Entry { wanted: Some(fetch), told: None, is_changed: true };
            self.partitions.insert(partition, entry);
            self.changed.push(partition);
            self.wanted += 1;
            return;
        };
        if entry.wanted == Some(fetch) {
            return;
        }
        self.wanted += usize::from(entry.wanted.is_none());
        entry.wanted = Some(fetch);
        if !entry.is_changed {
            entry.is_changed = true;
            self.changed.push(partition);
        }
        // A full request names those last that got data last.
        self.partitions.move_to_end(&partition);
    }

    /// Does not fetch `partition` any more, or not for now.
    pub fn remove(&mut self, partition: TopicPartition) {
        if let Some(entry) = self.partitions.get_mut(&partition) {
            self.wanted -= usize::from(entry.wanted.take().is_some());
            if !entry.is_changed {
                entry.is_changed = true;
                self.changed.push(partition);
            }
        }
    }

    /// Whether there is anything to ask: a session with partitions, or partitions to take out of it.
    #[must_use]
    pub fn has_request(&self) -> bool {
        self.wanted > 0 || self.told > 0 && !self.next.is_full()
    }

    /// Writes the next request into `plan`.
    pub fn build(&mut self, plan: &mut FetchRequestPlan) {
        plan.metadata = self.next;
        plan.to_send.clear();
        plan.to_forget.clear();
        if self.next.is_full() {
            self.build_full(plan);
        } else {
            self.build_incremental(plan);
        }
    }

    fn build_full(&mut self, plan: &mut FetchRequestPlan) {
        self.changed.clear();
        self.partitions.retain(|partition, entry| {
            let Some(fetch) = entry.wanted else { return false };
            *entry = Entry { wanted: Some(fetch), told: Some(fetch), is_changed: false };
            plan.to_send.push((*partition, fetch));
            true
        });
        self.told = plan.to_send.len();
    }

    fn build_incremental(&mut self, plan: &mut FetchRequestPlan) {
        for partition in self.changed.drain(..) {
            let entry = self.partitions.get_mut(&partition).expect("what changed is still there");
            entry.is_changed = false;
            match (entry.wanted, entry.told) {
                (Some(wanted), told) => {
                    if told != Some(wanted) {
                        self.told += usize::from(told.is_none());
                        entry.told = Some(wanted);
                        plan.to_send.push((partition, wanted));
                    }
                }
                (None, told) => {
                    if told.is_some() {
                        self.told -= 1;
                        plan.to_forget.push(partition);
                    }
                    self.partitions.remove(&partition);
                }
            }
        }
    }

    /// What the broker was told of `partition` in the request that is being answered.
    #[must_use]
    pub fn told(&self, partition: TopicPartition) -> Option<FetchPartition> {
        self.partitions.get(&partition).and_then(|entry| entry.told)
    }

    /// An answer arrived with these partitions. False if it cannot be used; the next request starts anew then.
    pub fn on_response(
        &mut self,
        error: ErrorCode,
        session: SessionId,
        partitions: impl Iterator<Item = TopicPartition>,
        is_throttled: bool,
    ) -> bool {
        if error != ErrorCode::None {
            if error == ErrorCode::FetchSessionIdNotFound {
                self.next = FetchMetadata::INITIAL;
            } else {
                self.close_and_try_again();
            }
            return false;
        }
        let (mut count, mut all_known) = (0, true);
        for partition in partitions {
            count += 1;
            all_known &= self.told(partition).is_some();
        }
        if self.next.is_full() {
            // An answer without any partition to a full request is how a broker throttles (KIP-219).
            let is_usable = all_known && count == self.told && !(count == 0 && is_throttled);
            self.next = if is_usable && session != SessionId::NONE {
                FetchMetadata { session, epoch: SessionEpoch::INITIAL.next() }
            } else {
                FetchMetadata::INITIAL
            };
            return is_usable;
        }
        if !all_known {
            self.close_and_try_again();
            return false;
        }
        self.next = match session {
            SessionId::NONE => FetchMetadata::INITIAL,
            _ => FetchMetadata { session: self.next.session, epoch: self.next.epoch.next() },
        };
        true
    }

    /// The request could not be sent, or the connection broke: it is unknown what the broker has seen.
    pub fn on_failure(&mut self) {
        self.close_and_try_again();
    }

    /// The next request closes the session and opens none.
    pub fn close(&mut self) {
        self.next.epoch = SessionEpoch::FINAL;
    }

    fn close_and_try_again(&mut self) {
        self.next.epoch = SessionEpoch::INITIAL;
    }
}
