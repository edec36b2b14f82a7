//! Names what can be in the queue, and how an event goes into the digest.
//!
//! Invariants: E-1 an event is 16 bytes without anything on the heap; what it carries lies with its
//!             owner. E-2 an event of a host's earlier life, or of a connection that is gone, is
//!             stale: it is skipped without a trace.

use crate::digest::Hasher;
use crate::ids::{ConnId, HostId};
use crate::time::Time;

/// Something that will happen. `life` counts how often the host's process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The host's process starts.
    Boot { host: HostId, life: u32 },
    /// SIGTERM.
    Stop { host: HostId, life: u32 },
    /// The front of the host's orders reaches its program.
    Order { host: HostId, life: u32 },
    /// The host's timer may be due.
    Timer { host: HostId, life: u32 },
    /// A lane wakes up for the job that it was given.
    LaneStart { host: HostId, lane: u16, life: u32 },
    /// A lane's job has been paid.
    LaneFinish { host: HostId, lane: u16, life: u32 },
    /// A lane of the host may have been held up for too long.
    LaneOverdue { host: HostId, life: u32 },
    /// A job that was submitted for later is due.
    SubmitDue { host: HostId, slot: u16, life: u32 },
    /// A connection request reaches the listener's host.
    Syn { end: ConnId },
    /// The listener's program is told of a connection.
    Accepted { end: ConnId },
    /// The acceptance reaches the host that connected.
    Connected { end: ConnId },
    /// The refusal does.
    Refused { end: ConnId },
    /// The host that connected gives up.
    ConnectTimeout { end: ConnId },
    /// A send that was scheduled for later is due.
    SendDue { end: ConnId },
    /// The front of what this end sent reaches its peer's host.
    Arrive { sender: ConnId },
    /// The program of this end may read what lies in its host's buffer.
    Readable { end: ConnId },
    /// The peer's acknowledgement lets this end send more.
    WindowOpen { sender: ConnId },
    /// The send buffer of this end has room again.
    Writable { end: ConnId },
    /// A reset reaches this end; a forced one is of the network's own making.
    Rst { end: ConnId, forced: bool },
}

impl Event {
    /// The end of a connection that it concerns.
    pub(crate) const fn end(self) -> Option<ConnId> {
        match self {
            Self::Syn { end }
            | Self::Accepted { end }
            | Self::Connected { end }
            | Self::Refused { end }
            | Self::ConnectTimeout { end }
            | Self::SendDue { end }
            | Self::Arrive { sender: end }
            | Self::Readable { end }
            | Self::WindowOpen { sender: end }
            | Self::Writable { end }
            | Self::Rst { end, .. } => Some(end),
            Self::Boot { .. }
            | Self::Stop { .. }
            | Self::Order { .. }
            | Self::Timer { .. }
            | Self::LaneStart { .. }
            | Self::LaneFinish { .. }
            | Self::LaneOverdue { .. }
            | Self::SubmitDue { .. } => None,
        }
    }

    /// Takes it into the digest: time, kind, host or end, lane, in 24 bytes.
    #[inline]
    pub(crate) fn digest(self, at: Time, hasher: &mut Hasher) {
        let (kind, id, detail) = match self {
            Self::Boot { host, life } => (1_u16, u64::from(host.0), life),
            Self::Stop { host, life } => (2, u64::from(host.0), life),
            Self::Timer { host, life } => (3, u64::from(host.0), life),
            Self::LaneStart { host, lane, life } => (4, lane_id(host, lane), life),
            Self::LaneFinish { host, lane, life } => (5, lane_id(host, lane), life),
            Self::SubmitDue { host, slot, life } => (6, lane_id(host, slot), life),
            Self::Syn { end } => (7, end.0, 0),
            Self::Accepted { end } => (8, end.0, 0),
            Self::Connected { end } => (9, end.0, 0),
            Self::Refused { end } => (10, end.0, 0),
            Self::ConnectTimeout { end } => (11, end.0, 0),
            Self::SendDue { end } => (12, end.0, 0),
            Self::Arrive { sender } => (13, sender.0, 0),
            Self::Readable { end } => (14, end.0, 0),
            Self::WindowOpen { sender } => (15, sender.0, 0),
            Self::Writable { end } => (16, end.0, 0),
            Self::Rst { end, forced } => (17, end.0, u32::from(forced)),
            Self::LaneOverdue { host, life } => (18, u64::from(host.0), life),
            Self::Order { host, life } => (19, u64::from(host.0), life),
        };
        let mut record = [0; 24];
        record[..8].copy_from_slice(&at.0.to_le_bytes());
        record[8..10].copy_from_slice(&kind.to_le_bytes());
        record[12..16].copy_from_slice(&detail.to_le_bytes());
        record[16..].copy_from_slice(&id.to_le_bytes());
        hasher.record(&record);
    }
}

const fn lane_id(host: HostId, lane: u16) -> u64 {
    (host.0 as u64) << 16 | lane as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_sixteen_bytes() {
        assert_eq!(size_of::<Event>(), 16, "E-1");
    }
}
