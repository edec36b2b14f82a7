//! Which protocol a group uses, and what its members read.
//!
//! In Kafka:   `ClassicGroup.{supportsProtocols, selectProtocol, computeSubscribedTopics}`, `ConsumerProtocol`.
//! Invariants: CG-5 the protocol of a generation is known to all its members.
//! Left out:   a record with a subscription that is malformed, which a static member may bring about, keeps Kafka 4.3.0
//!             from loading its whole partition; here only what its group reads is not known.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::group::ClassicGroup;
use super::hash_order::HashOrder;
use super::member::ClassicMember;
use super::state::ClassicState;
use crate::error_code::ErrorCode;
use crate::group::step::GroupError;
use crate::wire::join_group_request::Protocol;

impl ClassicGroup {
    /// Whether somebody with these protocols may join.
    #[must_use]
    pub fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.state == ClassicState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.is_known_to_all(&protocol.name))
    }

    fn is_known_to_all(&self, protocol: &str) -> bool {
        self.supporters.get(protocol).copied().unwrap_or(0) == self.members.len()
    }

    /// The first of a member's protocols that all members know.
    fn vote_of(&self, member: &ClassicMember) -> Option<String> {
        let mut known = member.protocols.iter();
        known.find(|known| self.is_known_to_all(&known.name)).map(|known| known.name.clone())
    }

    /// The protocol with the most votes; of those with as many, the first in Kafka's map. None if a member knows none
    /// that all know: a member that lists a protocol twice counts twice.
    #[must_use]
    pub fn select_protocol(&self) -> Option<Arc<str>> {
        let mut votes: HashOrder<u32> = HashOrder::default();
        for member in self.members.values() {
            let vote: Arc<str> = self.vote_of(member)?.into();
            let count = votes.get(&vote).copied().unwrap_or(0);
            votes.insert(vote, count + 1);
        }
        let mut best: Option<(&Arc<str>, &u32)> = None;
        for (name, count) in votes.iter() {
            if best.is_none_or(|(_, most)| count > most) {
                best = Some((name, count));
            }
        }
        best.map(|(name, _)| name.clone())
    }

    /// What all members read; none if the group is not one of consumers, has no protocol or is not understood.
    ///
    /// # Errors
    /// A member says what Kafka does not expect, and its operation ends with an exception.
    pub(super) fn compute_subscribed_topics(&self) -> Result<Option<BTreeSet<String>>, GroupError> {
        if !self.is_of_consumers() {
            return Ok(None);
        }
        if self.members.is_empty() {
            return Ok(Some(BTreeSet::new()));
        }
        let Some(protocol) = self.protocol_name.as_deref() else { return Ok(None) };
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let said = member.metadata(protocol).ok_or(ErrorCode::UnknownServerError)?;
            match subscribed_topics(said) {
                Ok(read) => topics.extend(read),
                Err(Unread::TooShort) => return Ok(None),
                Err(Unread::Malformed) => return Err(ErrorCode::UnknownServerError.into()),
            }
        }
        Ok(Some(topics))
    }
}

/// Why a subscription cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It ends where a number is expected. Kafka takes note, and does not know what the member reads.
    TooShort,
    /// A length in it cannot be. Kafka 4.3.0 does not expect that.
    Malformed,
}

/// The topics of a subscription of the consumer protocol. All its versions begin like version 0.
///
/// # Errors
/// The bytes are no subscription.
pub fn subscribed_topics(subscription: &Bytes) -> Result<Vec<String>, Unread> {
    let mut from = &subscription[..];
    take::<2>(&mut from)?;
    let count = length(i32::from_be_bytes(take(&mut from)?), from)?;
    let mut topics = Vec::new();
    for _ in 0..count {
        let size = length(i16::from_be_bytes(take(&mut from)?).into(), from)?;
        let (name, rest) = from.split_at(size);
        topics.push(String::from_utf8_lossy(name).into_owned());
        from = rest;
    }
    match i32::from_be_bytes(take(&mut from)?) {
        size if size < 0 => {}
        size => {
            length(size, from)?;
        }
    }
    Ok(topics)
}

fn take<const SIZE: usize>(from: &mut &[u8]) -> Result<[u8; SIZE], Unread> {
    let (taken, rest) = from.split_first_chunk().ok_or(Unread::TooShort)?;
    *from = rest;
    Ok(*taken)
}

/// A length, of which there may not be more than bytes.
fn length(said: i32, from: &[u8]) -> Result<usize, Unread> {
    let length = usize::try_from(said).map_err(|_| Unread::Malformed)?;
    if length > from.len() { Err(Unread::Malformed) } else { Ok(length) }
}
