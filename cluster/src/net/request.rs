//! What a network client is told, what it is given to send, and what it answers.
//!
//! In Kafka: `ClientRequest`, `ClientResponse`, `CommonClientConfigs`.
//! Holds:    plain data.

use bytes::{Bytes, BytesMut};
use trial_sim::Span;

use super::backoff::ExponentialBackoff;
use crate::ids::BrokerId;
use crate::wire::{self, ApiKey, Message};

/// How a network client behaves; Kafka's names and defaults.
#[derive(Debug, Clone)]
pub struct NetSettings {
    /// `client.id`.
    pub client_id: String,
    /// The name of the stream that jitter is drawn from: one per client on a host.
    pub stream: &'static str,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `reconnect.backoff.ms` to `reconnect.backoff.max.ms`.
    pub reconnect_backoff: ExponentialBackoff,
    /// `socket.connection.setup.timeout.ms` to `socket.connection.setup.timeout.max.ms`.
    pub connection_setup_timeout: ExponentialBackoff,
    /// `request.timeout.ms`, for requests that bring none of their own.
    pub request_timeout: Span,
    /// Whether a connection begins with ApiVersions.
    pub discover_versions: bool,
}

impl NetSettings {
    /// Kafka's defaults for a client.
    #[must_use]
    pub fn new(client_id: &str, stream: &'static str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            stream,
            max_in_flight: 5,
            reconnect_backoff: ExponentialBackoff::new(
                Span::from_millis(50),
                Span::from_millis(1_000),
            ),
            connection_setup_timeout: ExponentialBackoff::new(
                Span::from_secs(10),
                Span::from_secs(30),
            ),
            request_timeout: Span::from_secs(30),
            discover_versions: true,
        }
    }
}

/// A request that is ready to go; made by [`super::NetworkClient::request`].
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) api: ApiKey,
    pub(super) version: i16,
    pub(super) token: u64,
    pub(super) timeout: Option<Span>,
    pub(super) expects_response: bool,
    pub(super) frame: BytesMut,
}

impl Request {
    /// With a timeout of its own.
    #[must_use]
    pub const fn timeout(mut self, timeout: Span) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// One that the node does not answer (a Produce with acks=0): it completes, with an empty body, when it is sent.
    #[must_use]
    pub const fn without_response(mut self) -> Self {
        self.expects_response = false;
        self
    }
}

/// Why there is no response. The node may have handled the request all the same, except for the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetError {
    /// The connection was lost, closed, or could not be made.
    Disconnected,
    /// The node took too long; its connection is closed with all that was in flight on it.
    TimedOut,
    /// The node does not serve the API in this version; nothing was sent.
    UnsupportedVersion,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// The sender's own mark.
    pub token: u64,
    /// Whom it was sent to.
    pub node: BrokerId,
    /// Which API.
    pub api: ApiKey,
    /// In which version: that of the body too.
    pub version: i16,
    /// The response's body, or why there is none.
    pub result: Result<Bytes, NetError>,
    /// From sending (or enqueueing, if it was never sent) until now.
    pub latency: Span,
}

impl Completed {
    /// The body as the response to an `R`; as disconnected if the bytes are none, since whoever sends such bytes cannot
    /// be talked to.
    ///
    /// # Errors
    /// Why there is no response.
    ///
    /// # Panics
    /// If the request was not an `R`.
    pub fn response<R: wire::Request>(&self) -> Result<R::Response, NetError> {
        assert_eq!(self.api, R::API, "the answer to another request is asked for");
        let body = self.result.as_ref().map_err(|error| *error)?;
        R::Response::from_bytes(self.version, body).map_err(|_| NetError::Disconnected)
    }
}
