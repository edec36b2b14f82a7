//! What the leader of a group does more than the others: it assigns.
//!
//! In Kafka:   `ConsumerCoordinator.onLeaderElected`; KIP-814 (a static leader that comes back keeps the assignment).
//! Left out:   `validateCooperativeAssignment`, for assignors that are not Kafka's.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::group_consumer::GroupConsumer;
use super::member::Join;
use crate::client::consumer::assignor::{ClusterTopics, Member, protocol};
use crate::error_code::ErrorCode;
use crate::net::Wires;
use crate::wire::{JoinGroupResponse, sync_group_request};

impl GroupConsumer {
    /// Assigns, as soon as metadata of all topics of the group is there.
    pub(super) fn lead(&mut self, response: Box<JoinGroupResponse>, wires: &mut dyn Wires) {
        match self.try_to_lead(&response) {
            Ok(Some(assignments)) => self.send_sync(assignments, wires),
            Ok(None) => self.classic.join = Join::Leading(response),
            // Whatever Java throws here, nobody tries it again.
            Err(NotAssignable) => {
                self.classic.join = Join::Done(Err(ErrorCode::UnknownServerError));
            }
        }
    }

    /// None while metadata is on its way.
    fn try_to_lead(
        &mut self,
        response: &JoinGroupResponse,
    ) -> Result<Option<Vec<sync_group_request::Assignment>>, NotAssignable> {
        if self.classic.assignor().is_none() {
            return Err(NotAssignable);
        }
        let mut members: Vec<Member> =
            response.members.iter().map(member_of).collect::<Result<_, _>>()?;
        if !self.rules.older_claims_count() {
            forget_older_claims(&mut members);
        }
        let topics: BTreeSet<Arc<str>> =
            members.iter().flat_map(|member| member.subscription.topics.iter().cloned()).collect();
        self.topics.lead(topics.clone());
        self.topics.tell_metadata(&mut self.fetch.cluster.metadata);
        if self.fetch.cluster.is_metadata_stale() {
            return Ok(None);
        }
        self.look_at_metadata();
        self.classic.is_leader = true;
        self.classic.assignment_snapshot = Some(self.classic.snapshot.clone());
        if response.skip_assignment {
            return Ok(Some(Vec::new()));
        }
        let mut cluster = ClusterTopics::default();
        for topic in topics {
            let racks = self.fetch.cluster.metadata.racks(&topic);
            if !racks.is_empty() {
                cluster.insert(topic, racks);
            }
        }
        let assignor = self.classic.assignor().ok_or(NotAssignable)?;
        let assignments = assignor.assign(&cluster, &members).map_err(|_| NotAssignable)?;
        let of = |(member, assignment): (Arc<str>, _)| sync_group_request::Assignment {
            member_id: member.to_string(),
            assignment: protocol::put_assignment(&assignment),
        };
        Ok(Some(assignments.into_iter().map(of).collect()))
    }
}

/// What is claimed in an older generation than others claim (the switch `revoke_assign_same_round`).
fn forget_older_claims(members: &mut [Member]) {
    let newest = members.iter().filter_map(|member| member.subscription.generation_id).max();
    for member in members.iter_mut().filter(|it| it.subscription.generation_id < newest) {
        member.subscription.owned_partitions.clear();
    }
}

/// The leader cannot assign: Java's would throw.
#[derive(Debug)]
struct NotAssignable;

fn member_of(member: &crate::wire::join_group_response::Member) -> Result<Member, NotAssignable> {
    let subscription = protocol::take_subscription(&member.metadata);
    let mut subscription = subscription.map_err(|_| NotAssignable)?;
    subscription.group_instance_id = member.group_instance_id.as_deref().map(Arc::from);
    Ok(Member { id: Arc::from(member.member_id.as_str()), subscription })
}
