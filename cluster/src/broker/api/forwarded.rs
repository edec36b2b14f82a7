//! Requests that only the controller can answer: wrapped into an envelope and passed on.
//!
//! In Kafka: `ForwardingManager`, `EnvelopeUtils`; KIP-590. The envelope holds the request whole, header included.

use std::sync::Arc;

use super::super::controller_channel::Ask;
use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use crate::error_code::ErrorCode;
use crate::net::Completed;
use crate::node::served::{is_forwardable, timed_out};
use crate::wire::EnvelopeRequest;

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    // What is no such message is refused here, as Kafka parses before it forwards.
    if !is_forwardable(request) {
        return Err(Refused::Close);
    }
    let envelope = EnvelopeRequest {
        request_data: request.frame.clone(),
        request_principal: Some(bytes::Bytes::new()),
        client_host_address: bytes::Bytes::from_static(&[127, 0, 0, 1]),
    };
    let mark = broker.forwarded.insert(Arc::clone(request));
    broker.forwarding.enqueue(Ask::Forward(envelope, mark), cx.now());
    broker.poll_control(cx);
    Ok(())
}

impl Broker {
    /// The controller has answered an envelope, or nobody did in time.
    pub(in crate::broker) fn on_forwarded(
        &mut self,
        mark: u32,
        answer: Option<Completed>,
        cx: &mut Cx<'_>,
    ) {
        let request = self.forwarded.take(mark);
        let inner = answer
            .and_then(|completed| completed.response::<EnvelopeRequest>().ok())
            .filter(|envelope| envelope.error_code == ErrorCode::None.code())
            .and_then(|envelope| envelope.response_data);
        match inner {
            Some(response) => {
                let mut frame = bytes::BytesMut::with_capacity(4 + response.len());
                frame.extend_from_slice(
                    &u32::try_from(response.len()).expect("a frame's length").to_be_bytes(),
                );
                frame.extend_from_slice(&response);
                self.respond_frame(request.conn, frame.freeze(), cx);
            }
            None => self.answer_timed_out(&request, cx),
        }
    }

    fn answer_timed_out(&mut self, request: &Request, cx: &mut Cx<'_>) {
        match timed_out(request) {
            Some(frame) => self.respond_frame(request.conn, frame, cx),
            None => self.close(request.conn, cx),
        }
    }
}
