//! A member of a classic group.
//!
//! In Kafka:   `ClassicGroupMember`.
//! Holds:      what it said of itself, its assignment, and which of its requests are kept.

use std::sync::Arc;

use bytes::Bytes;

use crate::group::state::MemberId;
use crate::group::step::Token;
use crate::wire::describe_groups_response;
use crate::wire::join_group_request::Protocol;

/// A request that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub token: Token,
    /// The number that its group gave to it; a broker may use a token again.
    pub serial: u64,
    /// Whether it was told that a write has failed. The group waits on as if it had not been, in Kafka as here.
    pub is_answered: bool,
}

/// A member.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassicMember {
    /// Its id.
    pub id: MemberId,
    /// Its `group.instance.id`, if it is static.
    pub instance_id: Option<Arc<str>>,
    /// Its `client.id` when it joined first.
    pub client_id: Arc<str>,
    /// Where it came from then.
    pub client_host: Arc<str>,
    /// How long it may take to join again, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: i32,
    /// The type of its protocols.
    pub protocol_type: Arc<str>,
    /// Its protocols with what it says in each, the one it likes best first.
    pub protocols: Vec<Protocol>,
    /// What the leader assigned to it.
    pub assignment: Bytes,
    /// Its JoinGroup.
    pub awaiting_join: Option<Waiting>,
    /// Its SyncGroup.
    pub awaiting_sync: Option<Waiting>,
    /// Whether it waits for the end of its first join phase.
    pub is_new: bool,
}

impl ClassicMember {
    /// Whether its JoinGroup is kept.
    #[must_use]
    pub const fn is_awaiting_join(&self) -> bool {
        self.awaiting_join.is_some()
    }

    /// Whether its SyncGroup is kept.
    #[must_use]
    pub const fn is_awaiting_sync(&self) -> bool {
        self.awaiting_sync.is_some()
    }

    /// What it says in a protocol; none if it does not know it.
    #[must_use]
    pub fn metadata(&self, protocol: &str) -> Option<&Bytes> {
        self.protocols.iter().find(|known| known.name == protocol).map(|known| &known.metadata)
    }

    /// Whether a silence is excused. Who waits for the group cannot be heard of; but who has not been told its id yet
    /// may go away without a word, and only its session ends that.
    #[must_use]
    pub const fn has_satisfied_heartbeat(&self) -> bool {
        !self.is_new && (self.is_awaiting_join() || self.is_awaiting_sync())
    }

    /// The member as DescribeGroups has it; `protocol` is none where the group is not stable.
    #[must_use]
    pub fn describe(&self, protocol: Option<&str>) -> describe_groups_response::Member {
        let metadata = protocol.and_then(|name| self.metadata(name)).cloned();
        describe_groups_response::Member {
            member_id: self.id.to_string(),
            group_instance_id: self.instance_id.as_deref().map(str::to_owned),
            client_id: self.client_id.to_string(),
            client_host: self.client_host.to_string(),
            member_metadata: metadata.unwrap_or_default(),
            member_assignment: self.assignment.clone(),
        }
    }
}
