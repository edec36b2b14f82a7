//! The partitions of a request that are served one after another, each by a job under its lock.
//!
//! In Kafka: the loops over entries of `ReplicaManager.appendRecordsToLeader` and `deleteRecordsOnLocalLog`.
//! Holds:    all partitions of the request, and whose turn it is.

use std::ops::{Deref, DerefMut};

use crate::error_code::ErrorCode;

/// One partition of a request.
pub(super) trait Part {
    /// Where this broker keeps it; none if it has no such replica.
    fn slot(&self) -> Option<u32>;
    /// Why it is not served, or nothing.
    fn error(&self) -> ErrorCode;
}

/// The partitions of a request, in its order.
#[derive(Debug, Clone)]
pub(super) struct InTurn<P> {
    parts: Vec<P>,
    next: usize,
}

impl<P: Part> InTurn<P> {
    pub(super) const fn new(parts: Vec<P>) -> Self {
        Self { parts, next: 0 }
    }

    /// Goes on to the next one that is not refused; false if none is left.
    pub(super) fn goes_on(&mut self) -> bool {
        let served = |part: &P| part.error().is_ok();
        let skipped = self.parts[self.next..].iter().position(served);
        self.next += skipped.unwrap_or(0);
        skipped.is_some()
    }

    /// Whose turn it is.
    pub(super) fn current(&mut self) -> &mut P {
        &mut self.parts[self.next]
    }

    /// Where it is kept.
    pub(super) fn slot(&self) -> u32 {
        self.parts[self.next].slot().expect("it was found before it was queued")
    }

    /// Its turn is over; answers its place.
    pub(super) const fn pass(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }
}

impl<P> Deref for InTurn<P> {
    type Target = [P];

    fn deref(&self) -> &[P] {
        &self.parts
    }
}

impl<P> DerefMut for InTurn<P> {
    fn deref_mut(&mut self) -> &mut [P] {
        &mut self.parts
    }
}

impl<P> IntoIterator for InTurn<P> {
    type Item = P;
    type IntoIter = std::vec::IntoIter<P>;

    fn into_iter(self) -> Self::IntoIter {
        self.parts.into_iter()
    }
}
