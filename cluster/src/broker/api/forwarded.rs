//! Requests that only the controller can answer: wrapped into an envelope and passed on.
//!
//! In Kafka: `ForwardingManager`, `EnvelopeUtils`; KIP-590. The envelope holds the request whole, header included.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::super::controller_channel::Ask;
use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use super::alter_configs::{Answer, reassemble};
use crate::error_code::ErrorCode;
use crate::net::Completed;
use crate::node::served::{is_forwardable, timed_out};
use crate::wire::EnvelopeRequest;

/// What waits for the controller.
#[derive(Debug, Clone)]
pub enum Forwarded {
    /// A request of a client's.
    Asked(Asked),
    /// Topics that this broker wants to be made: nobody waits for the answer.
    Creation(Vec<String>),
}

/// A request that the controller answers.
#[derive(Debug, Clone)]
pub struct Asked {
    pub(super) request: Arc<Request>,
    /// What this broker has answered itself, by its place in the answer.
    pub(super) answers: Vec<(usize, Answer)>,
}

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    // What is no such message is refused here, as Kafka parses before it forwards.
    if !is_forwardable(request) {
        return Err(Refused::Close);
    }
    let asked = Asked { request: Arc::clone(request), answers: Vec::new() };
    broker.forward(Forwarded::Asked(asked), request.frame.clone(), cx);
    Ok(())
}

impl Broker {
    /// Passes a request on; `frame` is what the controller is to read.
    pub(super) fn forward(&mut self, forwarded: Forwarded, frame: Bytes, cx: &mut Cx<'_>) {
        let envelope = EnvelopeRequest {
            request_data: frame,
            request_principal: Some(Bytes::new()),
            client_host_address: Bytes::from_static(&[127, 0, 0, 1]),
        };
        let mark = self.forwarded.insert(forwarded);
        self.forwarding.enqueue(Ask::Forward(envelope, mark), cx.now());
        self.poll_control(cx);
    }

    /// The controller has answered an envelope, or nobody did in time.
    pub(in crate::broker) fn on_forwarded(
        &mut self,
        mark: u32,
        answer: Option<Completed>,
        cx: &mut Cx<'_>,
    ) {
        let asked = match self.forwarded.take(mark) {
            Forwarded::Asked(asked) => asked,
            Forwarded::Creation(names) => {
                // Made or not: whoever asks again is told, or has it tried again.
                self.auto_created.retain(|name| !names.contains(name));
                return;
            }
        };
        let request = &asked.request;
        let inner = answer
            .and_then(|completed| completed.response::<EnvelopeRequest>().ok())
            .filter(|envelope| envelope.error_code == ErrorCode::None.code())
            .and_then(|envelope| envelope.response_data);
        let frame = inner.and_then(|response| match asked.answers.as_slice() {
            [] => Some(framed(&response)),
            _ => reassemble(&asked, &response),
        });
        match frame {
            Some(frame) => self.respond_frame(request.conn, frame, cx),
            None => self.answer_timed_out(request, cx),
        }
    }

    fn answer_timed_out(&mut self, request: &Request, cx: &mut Cx<'_>) {
        match timed_out(request) {
            Some(frame) => self.respond_frame(request.conn, frame, cx),
            None => self.close(request.conn, cx),
        }
    }
}

fn framed(response: &Bytes) -> Bytes {
    let mut frame = BytesMut::with_capacity(4 + response.len());
    let length = u32::try_from(response.len()).expect("a frame's length");
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(response);
    frame.freeze()
}
