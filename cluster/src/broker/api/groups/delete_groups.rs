//! DeleteGroups: groups without members go, with their offsets.
//!
//! In Kafka: `KafkaApis.handleDeleteGroupsRequest`, `GroupCoordinatorService.deleteGroups`. The empty name is one; who
//!           is named twice is deleted once.
//! Left out: Kafka asks each shard twice, first for share groups; nothing comes of that here, and it is not asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, Part, Rest, by_partition, for_clients, other};
use crate::config::schema::in_hash_order;
use crate::group::{GroupRequest, GroupResponse};
use crate::wire::{
    DeleteGroupsRequest, DeleteGroupsResponse, delete_groups_response::DeleteGroupsResponseResult,
};

/// What each shard is asked to delete.
#[derive(Debug, Clone)]
pub(super) struct Deleted(Vec<Vec<String>>);

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let message = request.message::<DeleteGroupsRequest>()?;
    let mut seen = BTreeSet::new();
    let groups = message.groups_names.into_iter().filter(|group| seen.insert(group.clone()));
    let groups: Vec<String> = groups.collect();
    let (mut asked, mut parts) = (Vec::new(), Vec::new());
    for (partition, groups) in by_partition(broker, groups) {
        let groups = in_hash_order(groups, |group| group);
        asked.push(groups.clone());
        parts.push((partition, Part::Request(GroupRequest::DeleteGroups(groups))));
    }
    broker.ask_groups(request, Rest::DeleteGroups(Deleted(asked)), parts, cx);
    Ok(())
}

impl Deleted {
    pub(super) fn answer(
        self,
        broker: &mut Broker,
        request: &Request,
        answers: Vec<Answer>,
        cx: &mut Cx<'_>,
    ) {
        let mut results = Vec::new();
        for (answer, asked) in answers.into_iter().zip(self.0) {
            match answer {
                Ok(GroupResponse::DeleteGroups(deleted)) => results.extend(deleted),
                Ok(response) => other(&response),
                Err(error) => {
                    let error_code = for_clients(error).code.code();
                    let refused = |group_id| DeleteGroupsResponseResult { group_id, error_code };
                    results.extend(asked.into_iter().map(refused));
                }
            }
        }
        let response = DeleteGroupsResponse { results, ..Default::default() };
        broker.respond::<DeleteGroupsRequest>(request, &response, cx);
    }
}
