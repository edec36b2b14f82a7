//! A request of a client or a broker, from its frame to its response.
//!
//! In Kafka:   `RequestChannel.Request`, `RequestContext`.
//! Holds:      the decoded header and the bytes of the body.

use bytes::Bytes;
use trial_sim::{ConnId, Time};

use crate::error_code::ErrorCode;
use crate::net::frames;
use crate::wire::{ApiKey, Message, Reader, RequestHeader};

/// A request whose header was understood.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where it came from.
    pub conn: ConnId,
    /// Which API.
    pub api: ApiKey,
    /// Version, correlation id, client id.
    pub header: RequestHeader,
    /// The body.
    pub body: Bytes,
    /// Header and body, for an envelope.
    pub frame: Bytes,
    /// When the network lane had read it.
    pub arrived_at: Time,
}

/// Why a request gets no ordinary answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The connection is closed, as Kafka does with what it cannot read.
    Close,
    /// An ApiVersions request of a version from the future: it is answered in version 0 (KIP-511).
    ApiVersionsOfTheFuture,
}

impl Request {
    /// Reads the header of a frame.
    ///
    /// # Errors
    /// The API is not known or the bytes are no header.
    pub fn from_frame(conn: ConnId, frame: Bytes, at: Time) -> Result<Self, Refused> {
        let (api, header, body) = frames::split_request(&frame).ok_or(Refused::Close)?;
        Ok(Self { conn, api, header, body, frame, arrived_at: at })
    }

    /// The body as a message of its version. What follows the message is not looked at, as in Kafka: librdkafka 2.16
    /// sends three bytes too many when it asks for the metadata of all topics in version 13.
    ///
    /// # Errors
    /// The bytes are no such message.
    pub fn message<M: Message>(&self) -> Result<M, Refused> {
        let mut body = Reader::new(&self.body);
        M::decode(self.header.request_api_version, &mut body).map_err(|_| Refused::Close)
    }

    /// Lays out the response frame.
    #[must_use]
    pub fn response<R: crate::wire::Request>(&self, body: &R::Response) -> Bytes {
        let version = self.header.request_api_version;
        frames::response_frame(R::API, version, self.header.correlation_id, |frame| {
            body.encode(version, frame);
        })
    }

    /// The answer to an ApiVersions request of an unknown version: version 0, UNSUPPORTED_VERSION, one entry.
    #[must_use]
    pub fn unknown_api_versions_response(&self) -> Bytes {
        let versions = ApiKey::ApiVersions.versions();
        let body = crate::wire::ApiVersionsResponse {
            error_code: ErrorCode::UnsupportedVersion.code(),
            api_keys: vec![crate::wire::api_versions_response::ApiKey {
                api_key: ApiKey::ApiVersions.key(),
                min_version: *versions.start(),
                max_version: *versions.end(),
            }],
            ..Default::default()
        };
        let api = ApiKey::ApiVersions;
        frames::response_frame(api, 0, self.header.correlation_id, |frame| body.encode(0, frame))
    }
}
