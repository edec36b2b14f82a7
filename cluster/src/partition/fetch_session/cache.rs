//! The sessions of a broker, and what a request means in the light of its own.
//!
//! In Kafka:   `FetchManager`, `FetchSessionCache`, `FetchSessionCacheShard`, `FetchContext` (KIP-227, KAFKA-9401).
//! Holds:      at most `max.incremental.fetch.session.cache.slots` sessions, in shards of their own.
//! Inputs:     a request's session fields; its answer. Effects: none, it answers.
//! Invariants: FS-1 an incremental request is served only with the session's own epoch. FS-2 a session is pushed
//!             out only by a follower's if it is a consumer's, after two minutes of silence, or two minutes after
//!             its creation by one with more partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::session::{
    AnswerFacts, AskedPartition, CachedPartition, FetchMetadata, FetchSession, SessionEpoch,
    SessionId,
};
use crate::error_code::ErrorCode;
use crate::ids::Uuid;
use crate::partition::effect::WallTime;
use crate::partition::read::FetchPartition;
use crate::rules::Rules;

/// How long a session is safe from sessions of its own kind.
const EVICTION_MS_MIN: i64 = 120_000;
/// Kafka's number of shards.
const SHARDS: usize = 8;

/// A fetch request, as far as sessions go.
#[derive(Debug, Clone, Copy)]
pub struct FetchSessionRequest<'a> {
    /// The session it names.
    pub metadata: FetchMetadata,
    /// Whether a follower sent it.
    pub is_follower: bool,
    /// Whether it names topics by id (version 13 on).
    pub uses_topic_ids: bool,
    /// The partitions that it names.
    pub partitions: &'a [(AskedPartition, FetchPartition)],
    /// The partitions that its session shall forget.
    pub forgotten: &'a [AskedPartition],
}

/// What a request turned out to be. Keep it until the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchContext {
    /// Its session is gone or has another epoch: answer with this error and no partition.
    Error(ErrorCode),
    /// It names everything, and wants no session.
    Sessionless,
    /// It names everything, and would like a session.
    Full {
        /// Whether a follower sent it.
        is_follower: bool,
        /// Whether it names topics by id.
        uses_topic_ids: bool,
    },
    /// It goes on with a session; `FetchManager::partitions` knows what to read.
    Incremental {
        /// Which.
        session: SessionId,
        /// The epoch that the session must still have when the answer is made.
        next_epoch: SessionEpoch,
    },
}

/// What the answer says about the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionAnswer {
    /// The error of the whole answer.
    pub error: ErrorCode,
    /// The session; `SessionId::NONE` if there is none.
    pub session: SessionId,
}

/// All sessions of a broker.
#[derive(Debug, Clone)]
pub struct FetchManager {
    shards: Vec<Shard>,
    /// Shards take new sessions in turn.
    created: usize,
    evictions: u64,
    remembers_epochs: bool,
}

#[derive(Debug, Clone, Default)]
struct Shard {
    slots: usize,
    /// Its ids: from the first one up to, not including, the second.
    ids: (i32, i32),
    sessions: BTreeMap<SessionId, FetchSession>,
    by_last_use: BTreeSet<(WallTime, SessionId)>,
    evictable_by_all: BTreeSet<Worth>,
    evictable_by_privileged: BTreeSet<Worth>,
}

/// How much a session is worth: a follower's more than a consumer's, then by its number of partitions.
type Worth = (bool, usize, SessionId);

impl FetchManager {
    /// A cache with room for `slots` sessions.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self::with_shards(slots, SHARDS)
    }

    /// The same, by `rules`.
    #[must_use]
    pub fn by(rules: &Rules, slots: usize) -> Self {
        Self { remembers_epochs: rules.sessions_remember_epochs(), ..Self::new(slots) }
    }

    pub(super) fn with_shards(slots: usize, shards: usize) -> Self {
        let range = i32::MAX / i32::try_from(shards).expect("a handful of shards");
        let shard = |index: i32| Shard {
            slots: slots / shards,
            ids: ((index * range).max(1), (index + 1) * range),
            ..Shard::default()
        };
        let shards = (0..).take(shards).map(shard).collect();
        Self { shards, created: 0, evictions: 0, remembers_epochs: true }
    }

    /// Finds out what a request is, and takes its changes into its session.
    pub fn on_request(&mut self, now: WallTime, request: &FetchSessionRequest<'_>) -> FetchContext {
        let FetchMetadata { session: id, epoch } = request.metadata;
        if request.metadata.is_full() {
            // A full request closes the session it names.
            if let Some(shard) = self.shard(id) {
                shard.remove(id);
            }
            return match epoch {
                SessionEpoch::FINAL => FetchContext::Sessionless,
                _ => FetchContext::Full {
                    is_follower: request.is_follower,
                    uses_topic_ids: request.uses_topic_ids,
                },
            };
        }
        let Some(shard) = self.shard(id) else {
            return FetchContext::Error(ErrorCode::FetchSessionIdNotFound);
        };
        let Some(session) = shard.sessions.get_mut(&id) else {
            return FetchContext::Error(ErrorCode::FetchSessionIdNotFound);
        };
        if session.epoch != epoch {
            return FetchContext::Error(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.uses_topic_ids != request.uses_topic_ids {
            return FetchContext::Error(ErrorCode::FetchSessionTopicIdError);
        }
        session.update(request.partitions, request.forgotten);
        if session.partitions.is_empty() {
            shard.remove(id);
            return FetchContext::Sessionless;
        }
        session.epoch = session.epoch.next();
        let next_epoch = session.epoch;
        shard.touch(id, now);
        FetchContext::Incremental { session: id, next_epoch }
    }

    /// The partitions to read, in order. `named` are those that the request itself names; `name_of` knows the topics
    /// that are there.
    pub fn partitions(
        &mut self,
        context: &FetchContext,
        named: &[(AskedPartition, FetchPartition)],
        name_of: &dyn Fn(Uuid) -> Option<Arc<str>>,
        into: &mut Vec<(AskedPartition, FetchPartition)>,
    ) {
        match context {
            FetchContext::Error(_) => {}
            FetchContext::Sessionless | FetchContext::Full { .. } => into.extend_from_slice(named),
            FetchContext::Incremental { session, .. } => {
                let (id, remembers) = (*session, self.remembers_epochs);
                let shard = self.shard(id);
                if let Some(session) = shard.and_then(|shard| shard.sessions.get_mut(&id)) {
                    session.partitions.for_each(|asked, cached| {
                        let asked = cached.resolve(asked, name_of);
                        into.push((asked, cached.remembered(remembers)));
                    });
                }
            }
        }
    }

    /// Makes the answer: opens a session if one was wanted and there is room, and takes the partitions out of
    /// `answers` that a session needs not be told about. `below(n)` draws a number from 0 to n-1.
    pub fn on_answer<T>(
        &mut self,
        now: WallTime,
        context: &FetchContext,
        named: &[(AskedPartition, FetchPartition)],
        answers: &mut Vec<T>,
        facts: impl Fn(&T) -> AnswerFacts,
        below: &mut dyn FnMut(u64) -> u64,
    ) -> SessionAnswer {
        match *context {
            FetchContext::Error(error) => {
                answers.clear();
                SessionAnswer { error, session: SessionId::NONE }
            }
            FetchContext::Sessionless => {
                SessionAnswer { error: ErrorCode::None, session: SessionId::NONE }
            }
            FetchContext::Full { is_follower, uses_topic_ids } => {
                let index = self.created % self.shards.len();
                self.created += 1;
                let shard = &mut self.shards[index];
                let before = shard.sessions.len();
                if !shard.make_room(now, is_follower, answers.len()) {
                    return SessionAnswer { error: ErrorCode::None, session: SessionId::NONE };
                }
                self.evictions += u64::from(shard.sessions.len() < before);
                let mut session = shard.new_session(now, below, is_follower, uses_topic_ids);
                for (place, answer) in answers.iter().enumerate() {
                    let facts = facts(answer);
                    if let Some(fetch) = find(named, place, &facts.partition) {
                        let cached = CachedPartition::told(fetch, &facts);
                        session.partitions.insert(facts.partition, cached);
                    }
                }
                SessionAnswer { error: ErrorCode::None, session: shard.file(now, session) }
            }
            FetchContext::Incremental { session: id, next_epoch } => {
                let shard = self.shard(id);
                let session = shard.and_then(|shard| shard.sessions.get_mut(&id));
                match session {
                    Some(session) if session.epoch == next_epoch => {
                        answers.retain(|answer| session.must_tell(&facts(answer)));
                        SessionAnswer { error: ErrorCode::None, session: id }
                    }
                    // The same request came twice. (Pushed out meanwhile: Kafka still answers from the object that
                    // the request holds; here the fetcher starts anew one request earlier.)
                    Some(_) | None => {
                        answers.clear();
                        SessionAnswer { error: ErrorCode::InvalidFetchSessionEpoch, session: id }
                    }
                }
            }
        }
    }

    /// How many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.sessions.len()).sum()
    }

    /// How many sessions had to go to make room (Kafka's `IncrementalFetchSessionEvictionsPerSec`).
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[cfg(test)]
    pub(super) fn session(&self, id: SessionId) -> Option<&FetchSession> {
        self.shards.iter().find_map(|shard| shard.sessions.get(&id))
    }

    fn shard(&mut self, id: SessionId) -> Option<&mut Shard> {
        self.shards.iter_mut().find(|shard| (shard.ids.0..shard.ids.1).contains(&id.0))
    }
}

/// The request that an answer belongs to; answers come in the order of the request, most of the time.
fn find(
    named: &[(AskedPartition, FetchPartition)],
    place: usize,
    partition: &AskedPartition,
) -> Option<FetchPartition> {
    let at_its_place = named.get(place).filter(|(key, _)| key == partition);
    at_its_place.or_else(|| named.iter().find(|(key, _)| key == partition)).map(|(_, fetch)| *fetch)
}

impl Shard {
    /// Whether there is room for a new session, by pushing one out if need be.
    fn make_room(&mut self, now: WallTime, is_privileged: bool, size: usize) -> bool {
        if self.sessions.len() < self.slots {
            return true;
        }
        let Some((last_used, stalest)) = self.by_last_use.first().copied() else { return false };
        if now.0 - last_used.0 > EVICTION_MS_MIN {
            self.remove(stalest);
            return true;
        }
        let evictable =
            if is_privileged { &self.evictable_by_privileged } else { &self.evictable_by_all };
        match evictable.first().copied() {
            Some(least) if (is_privileged, size, SessionId::NONE) >= least => {
                self.remove(least.2);
                true
            }
            _ => false,
        }
    }

    fn new_session(
        &self,
        now: WallTime,
        below: &mut dyn FnMut(u64) -> u64,
        is_privileged: bool,
        uses_topic_ids: bool,
    ) -> FetchSession {
        let (first, end) = self.ids;
        let count = u64::try_from(end - first).expect("a shard has ids");
        let id = loop {
            let drawn = i32::try_from(below(count)).expect("below the number of ids");
            let id = SessionId(first + drawn);
            if !self.sessions.contains_key(&id) {
                break id;
            }
        };
        FetchSession {
            id,
            is_privileged,
            uses_topic_ids,
            epoch: SessionEpoch::INITIAL.next(),
            created: now,
            last_used: now,
            filed_size: None,
            partitions: super::linked_map::LinkedMap::default(),
        }
    }

    fn file(&mut self, now: WallTime, session: FetchSession) -> SessionId {
        let id = session.id;
        self.sessions.insert(id, session);
        self.touch(id, now);
        id
    }

    /// The session was used: files it anew.
    fn touch(&mut self, id: SessionId, now: WallTime) {
        let session = self.sessions.get_mut(&id).expect("only known sessions are touched");
        let is_old = now.0 - session.created.0 > EVICTION_MS_MIN;
        let size = session.partitions.len();
        let was = session.filed_size.map(|size| (session.is_privileged, size, id));
        if session.last_used != now || was.is_none() {
            self.by_last_use.remove(&(session.last_used, id));
            session.last_used = now;
            self.by_last_use.insert((now, id));
        }
        let worth = (session.is_privileged, size, id);
        if was.is_some_and(|was| was != worth) {
            let was = was.expect("it is some");
            self.evictable_by_privileged.remove(&was);
            self.evictable_by_all.remove(&was);
        }
        session.filed_size = Some(size);
        if !session.is_privileged || is_old {
            self.evictable_by_privileged.insert(worth);
        }
        if is_old {
            self.evictable_by_all.insert(worth);
        }
    }

    fn remove(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.by_last_use.remove(&(session.last_used, id));
        if let Some(size) = session.filed_size {
            let worth = (session.is_privileged, size, id);
            self.evictable_by_all.remove(&worth);
            self.evictable_by_privileged.remove(&worth);
        }
        assert_eq!(self.by_last_use.len(), self.sessions.len(), "FS-2: each session is filed once");
    }
}
