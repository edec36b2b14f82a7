//! The sticky assignor of the eager protocol: what a member has had goes into its user data, since it gives everything
//! up before it joins.
//!
//! In Kafka:   `StickyAssignor` (KIP-54); user data of version 1 (KIP-341), read in version 0 too.
//! Holds:      what the member was assigned last, and when; the highest generation that a leader has heard of.
//! Invariants: SA-1 user data that cannot be read is a member that has had nothing.
//! Left out:   names of topics that are not UTF-8 are read with one replacement character for another number of bytes
//!             than Java's; no such topic exists.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::AssignorError;
use super::frame::{Frame, Partition};
use super::group::{Assignment, Subscription};
use super::java_order::{HashOrder, hash};
use super::sticky::{self, Claim, NO_GENERATION};
use crate::client::NamedPartition;

/// What it remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StickyAssignor {
    assigned: Option<Vec<NamedPartition>>,
    generation: i32,
    generation_max: i32,
}

impl Default for StickyAssignor {
    fn default() -> Self {
        Self { assigned: None, generation: NO_GENERATION, generation_max: NO_GENERATION }
    }
}

impl StickyAssignor {
    pub(super) fn on_assignment(&mut self, assignment: &Assignment, generation_id: i32) {
        self.assigned = Some(assignment.partitions.clone());
        self.generation = generation_id;
    }

    pub(super) fn subscription_user_data(&self) -> Option<Bytes> {
        self.assigned.as_ref().map(|assigned| put(assigned, self.generation))
    }

    pub(super) fn assign(
        &mut self,
        frame: &Frame<'_>,
    ) -> Result<Vec<Vec<Partition>>, AssignorError> {
        let claims: Vec<Claim> =
            frame.members.iter().map(|member| claim(&member.subscription)).collect();
        sticky::assign(frame, &claims, &mut self.generation_max).map(|balanced| balanced.lists)
    }
}

/// What a member has had, as it says in its user data.
fn claim(subscription: &Subscription) -> Claim {
    let Some(data) = subscription.user_data.as_ref().filter(|data| !data.is_empty()) else {
        return Claim { partitions: Vec::new(), generation: None };
    };
    let mut rest: &[u8] = data;
    match take_partitions(&mut rest) {
        Some(partitions) => {
            Claim { partitions, generation: take(&mut rest).map(i32::from_be_bytes) }
        }
        None => Claim { partitions: Vec::new(), generation: Some(NO_GENERATION) },
    }
}

/// Topics in the order of Java's hashes, partitions in their own.
fn put(assigned: &[NamedPartition], generation: i32) -> Bytes {
    let mut topics: HashOrder<&Arc<str>> = HashOrder::new();
    assigned.iter().for_each(|it| topics.insert_first(hash(&it.topic), &it.topic));
    let mut data = BytesMut::new();
    data.put_i32(length(topics.iter().count()));
    for topic in topics.iter() {
        let name = i16::try_from(topic.len()).expect("a topic's name came over the wire");
        data.put_i16(name);
        data.put_slice(topic.as_bytes());
        let numbers = || assigned.iter().filter(|it| it.topic == **topic).map(|it| it.partition);
        data.put_i32(length(numbers().count()));
        numbers().for_each(|number| data.put_i32(number));
    }
    data.put_i32(generation);
    data.freeze()
}

fn length(count: usize) -> i32 {
    i32::try_from(count).expect("an assignment came over the wire")
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*first)
}

/// A count that the bytes behind it can hold, at a byte for each.
fn take_count(rest: &mut &[u8]) -> Option<usize> {
    let count = usize::try_from(i32::from_be_bytes(take(rest)?)).ok()?;
    (count <= rest.len()).then_some(count)
}

fn take_name(rest: &mut &[u8]) -> Option<Arc<str>> {
    let length = usize::try_from(i16::from_be_bytes(take(rest)?)).ok()?;
    let (name, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(String::from_utf8_lossy(name).into())
}

fn take_partitions(rest: &mut &[u8]) -> Option<Vec<NamedPartition>> {
    let mut partitions = Vec::new();
    for _ in 0..take_count(rest)? {
        let topic = take_name(rest)?;
        for _ in 0..take_count(rest)? {
            let partition = i32::from_be_bytes(take(rest)?);
            partitions.push(NamedPartition { topic: topic.clone(), partition });
        }
    }
    Some(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(data: &[u8]) -> (usize, Option<i32>) {
        let user_data = Some(Bytes::copy_from_slice(data));
        let claim = claim(&Subscription { user_data, ..Subscription::default() });
        (claim.partitions.len(), claim.generation)
    }

    #[test]
    fn user_data_of_both_versions_is_read_and_nonsense_is_a_member_without_anything() {
        let two: Vec<_> =
            (0..2).map(|partition| NamedPartition { topic: "t".into(), partition }).collect();
        let whole = put(&two, 7);
        assert_eq!(said(&whole), (2, Some(7)));
        assert_eq!(said(&[&whole[..], b"more"].concat()), (2, Some(7)), "what follows is let be");
        for end in 19..whole.len() {
            assert_eq!(said(&whole[..end]), (2, None), "version 0, with {end} bytes");
        }
        for end in 1..19 {
            assert_eq!(said(&whole[..end]), (0, Some(NO_GENERATION)), "{end} bytes");
        }
        assert_eq!(said(&[]), (0, None));
        assert_eq!(said(&[0xff; 40]), (0, Some(NO_GENERATION)), "a negative count");
        assert_eq!(said(&[0x7f; 40]), (0, Some(NO_GENERATION)), "a count beyond the bytes");
    }
}
