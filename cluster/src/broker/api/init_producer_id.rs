//! InitProducerId: an id for a producer whose batches are to be recognised.
//!
//! In Kafka: `KafkaApis.handleInitProducerIdRequest`, `TransactionCoordinator.handleInitProducerId`; KIP-98, KIP-360.
//! Left out: transactional ids: this broker says that it is not their coordinator.

use std::sync::Arc;

use super::super::controller_channel::Ask;
use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use crate::error_code::ErrorCode;
use crate::net::Completed;
use crate::wire::{AllocateProducerIdsRequest, InitProducerIdRequest, InitProducerIdResponse};

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<InitProducerIdRequest>()?;
    let has_half = (message.producer_id == -1) != (message.producer_epoch == -1);
    let id = match &message.transactional_id {
        _ if has_half => Err(ErrorCode::InvalidRequest),
        None => broker.next_producer_id(cx),
        Some(id) if id.is_empty() => Err(ErrorCode::InvalidRequest),
        Some(_) => Err(ErrorCode::NotCoordinator),
    };
    let response = match id {
        Ok(producer_id) => InitProducerIdResponse {
            producer_id,
            producer_epoch: 0,
            ..InitProducerIdResponse::default()
        },
        Err(error) => InitProducerIdResponse {
            error_code: error.code(),
            producer_id: -1,
            producer_epoch: -1,
            ..InitProducerIdResponse::default()
        },
    };
    broker.respond::<InitProducerIdRequest>(request, &response, cx);
    Ok(())
}

impl Broker {
    fn next_producer_id(&mut self, cx: &mut Cx<'_>) -> Result<i64, ErrorCode> {
        let (id, asks) = self.producer_ids.generate(cx.now());
        if asks {
            let request = AllocateProducerIdsRequest {
                broker_id: self.identity.id.0,
                broker_epoch: self.lifecycle.epoch().0,
            };
            self.forwarding.enqueue(Ask::AllocateProducerIds(request), cx.now());
            self.poll_control(cx);
        }
        id
    }

    /// The controller has answered the wish for a block of ids, or nobody did in time.
    pub(in crate::broker) fn on_producer_ids(
        &mut self,
        answer: Option<Completed>,
        cx: &mut Cx<'_>,
    ) {
        let answer = answer.and_then(|it| it.response::<AllocateProducerIdsRequest>().ok());
        self.producer_ids.on_answer(cx.now(), answer.as_ref());
    }
}
