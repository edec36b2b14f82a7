//! A classic group that was a consumer group a moment ago.
//!
//! In Kafka: `ClassicGroup.fromConsumerGroup`; who converts is `consumer/downgrade.rs`.

use bytes::Bytes;

use super::group::ClassicGroup;
use super::member::ClassicMember;
use super::state::ClassicState;
use crate::group::state::GroupId;

impl ClassicGroup {
    /// A stable group of these members, the first of whom leads, in a generation that goes on from the group's epoch.
    #[must_use]
    pub fn converted(
        id: GroupId,
        generation: i32,
        members: Vec<ClassicMember>,
        wall_ms: i64,
    ) -> Self {
        let mut group = Self::new(id, wall_ms);
        group.state = ClassicState::Stable;
        group.generation = generation;
        group.protocol_type = Some("consumer".into());
        for member in members {
            group.add(member);
        }
        group.protocol_name = group.select_protocol();
        group.subscribed_topics = group.compute_subscribed_topics().unwrap_or_default();
        group
    }

    /// What a member is assigned.
    pub fn assign(&mut self, id: &str, assignment: Bytes) {
        self.set_assignment(id, assignment);
    }
}
