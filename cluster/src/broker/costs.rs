//! What work costs on a lane, besides the time of the disk.
//!
//! Holds: our guesses, of the order that Apache Kafka shows on one core of today (0.1 to 0.5 million small records a
//!        second with two cores). They decide how lanes overlap, not what is right.

use trial_sim::{Distribution, Span};

/// How fast a node goes about what takes an unusual time on real machines; nothing takes longer by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// From reading a change of partitions in the metadata log to applying it (`BrokerMetadataPublisher`).
    pub apply_metadata: Option<Distribution>,
}

/// A handler's first look at a request.
pub const HANDLE: Span = Span::from_micros(5);
/// Appending one batch, besides its bytes.
pub const APPEND: Span = Span::from_micros(10);
/// One event of a group coordinator, besides the bytes that it appends.
pub const COORDINATE: Span = Span::from_micros(10);
/// Reading one partition, besides its bytes.
pub const READ: Span = Span::from_micros(5);
/// Applying one change of metadata to a partition.
pub const ASSIGN: Span = Span::from_micros(20);
/// A step of housekeeping.
pub const HOUSEKEEPING: Span = Span::from_micros(50);

/// Checksums, validation and copies: about a nanosecond for every two bytes.
#[must_use]
pub fn bytes(count: usize) -> Span {
    Span::from_nanos(count as u64 / 2)
}
