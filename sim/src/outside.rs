//! The outside door: bytes from outside the World, as ordinary queued and digested events.

use bytes::Bytes;

use crate::ids::OutsideId;

/// What comes out of the outside door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutsideEvent {
    /// The connection came through.
    Connected(OutsideId),
    /// It was refused, or the network stack gave up waiting.
    Refused(OutsideId),
    /// A chunk of bytes.
    Bytes(OutsideId, Bytes),
    /// The host ended the connection.
    Closed(OutsideId),
}
