//! Which protocol a group uses, and what its members read.
//!
//! In Kafka:   `ClassicGroup.{supportsProtocols, selectProtocol, computeSubscribedTopics}`, `ConsumerProtocol`.
//! Invariants: CG-5 the protocol of a generation is known to all its members.
//! Left out:   a subscription whose list of topics is null ends Kafka's operation with an error that it does not
//!             expect; here it is one that is not understood.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::group::ClassicGroup;
use super::hash_order::HashOrder;
use super::member::ClassicMember;
use super::state::ClassicState;
use crate::wire::join_group_request::Protocol;
use crate::wire::{Reader, WireError};

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
    #[must_use]
    pub(super) fn compute_subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if !self.is_of_consumers() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol_name.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            topics.extend(subscribed_topics(member.metadata(protocol)?).ok()?);
        }
        Some(topics)
    }
}

/// The topics of a subscription of the consumer protocol. All its versions begin like version 0.
///
/// # Errors
/// The bytes are no subscription.
pub fn subscribed_topics(subscription: &Bytes) -> Result<Vec<String>, WireError> {
    let mut from = Reader::new(subscription);
    from.int16("ConsumerProtocolSubscription.version")?;
    let name = |from: &mut Reader<'_>| from.text(false, "ConsumerProtocolSubscription.topics");
    let topics = from.array(false, 2, "ConsumerProtocolSubscription.topics", name)?;
    from.bytes_or_null(false, true, "ConsumerProtocolSubscription.userData")?;
    Ok(topics)
}
