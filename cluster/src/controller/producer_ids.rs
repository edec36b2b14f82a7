//! Hands out producer ids, a block at a time.
//!
//! In Kafka:   `ProducerIdControlManager`, KIP-730.
//! Inputs:     AllocateProducerIds. Effects: a record that moves the end of what was handed out.
//! Invariants: X3 blocks are disjoint: the record names the first id of the next one.

use super::decision::{Decision, Draft};
use super::machine::Controller;
use super::request::{ControllerRequest, ControllerResponse};
use crate::error_code::ErrorCode;
use crate::note::controller::ChangeReason;
use crate::wire::{AllocateProducerIdsRequest, AllocateProducerIdsResponse, ProducerIdsRecord};

/// Ids of one block.
const BLOCK: i32 = 1_000;

impl Controller {
    pub(super) fn decide_allocate_producer_ids(
        &self,
        body: &AllocateProducerIdsRequest,
        request: &ControllerRequest,
    ) -> Decision {
        if let Err(error) = self.check_broker_epoch(body.broker_id, body.broker_epoch) {
            return Decision::refused(request, error, None);
        }
        let first = self.state.image().next_producer_id();
        let Some(next_producer_id) = first.checked_add(i64::from(BLOCK)) else {
            return Decision::refused(request, ErrorCode::UnknownServerError, None);
        };
        let mut draft = Draft::default();
        draft.push(ProducerIdsRecord {
            broker_id: body.broker_id,
            broker_epoch: body.broker_epoch,
            next_producer_id,
        });
        let response = AllocateProducerIdsResponse {
            producer_id_start: first,
            producer_id_len: BLOCK,
            ..AllocateProducerIdsResponse::default()
        };
        let response = ControllerResponse::AllocateProducerIds(response);
        Decision::atomic_of(draft, response, ChangeReason::Other)
    }
}
