//! One session as the broker remembers it.
//!
//! In Kafka:   `FetchSession`, `CachedPartition`, `FetchMetadata` (KIP-227, KIP-516).
//! Holds:      for each partition what the fetcher asked for last, what it was told last, and the name of its topic.
//! Invariants: R18 (KAFKA-9338) the leader epoch and the last fetched epoch are remembered too: else an
//!             incremental request would be read without its fences. FS-3 a name, once known, is kept: a session that
//!             asks by ids and whose topic goes is told of a name that is not there, not of an id.

use std::cmp::Ordering;
use std::sync::Arc;

use trial_log::Offset;

use super::linked_map::LinkedMap;
use crate::error_code::ErrorCode;
use crate::ids::Uuid;
use crate::partition::effect::WallTime;
use crate::partition::read::FetchPartition;

/// The id of a session on its broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionId(pub i32);

impl SessionId {
    /// No session.
    pub const NONE: Self = Self(0);
}

/// Counts the requests of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionEpoch(pub i32);

impl SessionEpoch {
    /// Of a request that wants a new session.
    pub const INITIAL: Self = Self(0);
    /// Of a request that wants none.
    pub const FINAL: Self = Self(-1);

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0 {
            ..0 => Self::FINAL,
            i32::MAX => Self(1),
            epoch => Self(epoch + 1),
        }
    }
}

/// What a request says about its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FetchMetadata {
    /// Which.
    pub session: SessionId,
    /// Its count.
    pub epoch: SessionEpoch,
}

impl FetchMetadata {
    /// Of the first request.
    pub const INITIAL: Self = Self { session: SessionId::NONE, epoch: SessionEpoch::INITIAL };

    /// Whether the request names all its partitions.
    #[must_use]
    pub const fn is_full(self) -> bool {
        matches!(self.epoch, SessionEpoch::INITIAL | SessionEpoch::FINAL)
    }
}

/// A partition as a fetch names it: by the id of its topic (version 13 on), of which the name may not be known, or by
/// its name alone (`TopicIdPartition`). Two are the same if the ids are or, without ids, the names.
#[derive(Debug, Clone)]
pub struct AskedPartition {
    /// The topic's id; zero where topics are named by name.
    pub topic: Uuid,
    /// The topic's name; none of an id that nobody knows.
    pub name: Option<Arc<str>>,
    /// The partition.
    pub partition: i32,
}

impl Ord for AskedPartition {
    fn cmp(&self, other: &Self) -> Ordering {
        let names = || match self.topic {
            Uuid::ZERO => self.name.cmp(&other.name),
            _ => Ordering::Equal,
        };
        let topics = self.topic.cmp(&other.topic).then_with(names);
        topics.then(self.partition.cmp(&other.partition))
    }
}

impl PartialOrd for AskedPartition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for AskedPartition {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for AskedPartition {}

/// What decides whether a partition's answer is worth sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerFacts {
    /// Which partition.
    pub partition: AskedPartition,
    /// Its error.
    pub error: ErrorCode,
    /// Its high watermark.
    pub high_watermark: Offset,
    /// Its log start.
    pub log_start_offset: Offset,
    /// Whether there are records.
    pub has_records: bool,
    /// Whether the logs diverge.
    pub is_diverging: bool,
    /// Whether a consumer is sent to another replica.
    pub has_preferred_replica: bool,
}

/// A partition of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CachedPartition {
    pub(super) fetch: FetchPartition,
    /// FS-3.
    name: Option<Arc<str>>,
    high_watermark: Offset,
    log_start_offset: Offset,
}

const NOT_TOLD: Offset = Offset(-1);

impl CachedPartition {
    fn asked(asked: &AskedPartition, fetch: FetchPartition) -> Self {
        let name = asked.name.clone();
        Self { fetch, name, high_watermark: NOT_TOLD, log_start_offset: NOT_TOLD }
    }

    /// Of a new session, whose first answer is always sent.
    pub(super) fn told(fetch: FetchPartition, facts: &AnswerFacts) -> Self {
        Self {
            fetch,
            name: facts.partition.name.clone(),
            high_watermark: facts.high_watermark,
            log_start_offset: facts.log_start_offset,
        }
    }

    /// The partition by its name, if that is known by now (`maybeResolveUnknownName`).
    pub(super) fn resolve(
        &mut self,
        asked: &AskedPartition,
        name_of: &dyn Fn(Uuid) -> Option<Arc<str>>,
    ) -> AskedPartition {
        if self.name.is_none() {
            self.name = name_of(asked.topic);
        }
        AskedPartition { name: self.name.clone(), ..*asked }
    }

    /// What was asked for; without its epochs if they are not remembered.
    pub(super) fn remembered(&self, with_epochs: bool) -> FetchPartition {
        match with_epochs {
            true => self.fetch,
            false => FetchPartition {
                current_leader_epoch: None,
                last_fetched_epoch: None,
                ..self.fetch
            },
        }
    }

    /// Whether the fetcher has to be told, which is remembered as done.
    fn must_tell(&mut self, facts: &AnswerFacts) -> bool {
        let mut must = facts.has_records || facts.has_preferred_replica || facts.is_diverging;
        if self.high_watermark != facts.high_watermark {
            self.high_watermark = facts.high_watermark;
            must = true;
        }
        if self.log_start_offset != facts.log_start_offset {
            self.log_start_offset = facts.log_start_offset;
            must = true;
        }
        if facts.error != ErrorCode::None {
            // So that the partition is sent again once the error is gone.
            self.high_watermark = NOT_TOLD;
            must = true;
        }
        must
    }
}

/// A session.
#[derive(Debug, Clone)]
pub(super) struct FetchSession {
    pub(super) id: SessionId,
    /// A follower's: it may push out a consumer's.
    pub(super) is_privileged: bool,
    pub(super) uses_topic_ids: bool,
    pub(super) epoch: SessionEpoch,
    pub(super) created: WallTime,
    pub(super) last_used: WallTime,
    /// The number of partitions by which it is filed; none before it is.
    pub(super) filed_size: Option<usize>,
    pub(super) partitions: LinkedMap<AskedPartition, CachedPartition>,
}

impl FetchSession {
    /// An incremental request changes, adds and forgets partitions.
    pub(super) fn update(
        &mut self,
        asked: &[(AskedPartition, FetchPartition)],
        forgotten: &[AskedPartition],
    ) {
        for (partition, fetch) in asked {
            match self.partitions.get_mut(partition) {
                Some(cached) => cached.fetch = *fetch,
                None => {
                    let cached = CachedPartition::asked(partition, *fetch);
                    self.partitions.insert(partition.clone(), cached);
                }
            }
        }
        for partition in forgotten {
            self.partitions.remove(partition);
        }
    }

    /// Whether an answer has to be sent. One with data sends its partition to the end, so that a full response
    /// does not starve the others.
    pub(super) fn must_tell(&mut self, facts: &AnswerFacts) -> bool {
        let Some(cached) = self.partitions.get_mut(&facts.partition) else { return false };
        let must = cached.must_tell(facts);
        if must && facts.has_records {
            self.partitions.move_to_end(&facts.partition);
        }
        must
    }
}
