//! What goes before a request and a response.
//!
//! In Kafka:   `RequestHeader`, `ResponseHeader` of `org.apache.kafka.common.requests`.
//! Holds:      nothing; whole requests and responses are appended to and read from buffers without the four bytes of
//!             their length, which belong to the frame.
//! Invariants: HEAD-1 the version of the header follows from API and version alone (`ApiKey`).

use bytes::{BufMut, BytesMut};

use super::writer::{self, TagWriter};
use super::{ApiKey, Fault, Message, Reader, Request, RequestHeader, ResponseHeader, WireError};

/// Appends a request: header and body.
///
/// # Panics
/// As [`Message::encode`].
pub fn put_request<R: Request>(
    into: &mut BytesMut,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    body: &R,
) {
    into.put_i16(R::API.key());
    into.put_i16(version);
    into.put_i32(correlation_id);
    // The client id keeps its old form in both versions of the header.
    writer::text_or_null(into, false, true, "RequestHeader.clientId", client_id);
    if R::API.request_header_version(version) >= 2 {
        TagWriter::begin(into).end();
    }
    body.encode(version, into);
}

/// Appends a response: header and body.
///
/// # Panics
/// As [`Message::encode`].
pub fn put_response<R: Request>(
    into: &mut BytesMut,
    version: i16,
    correlation_id: i32,
    body: &R::Response,
) {
    into.put_i32(correlation_id);
    if R::API.response_header_version(version) >= 1 {
        TagWriter::begin(into).end();
    }
    body.encode(version, into);
}

/// Reads the header of a request and leaves the reader at its body. The version may be one that does not exist: an
/// ApiVersions request of the future must be answered.
///
/// # Errors
/// The API is not known, or the bytes are not a header.
pub fn take_request(from: &mut Reader<'_>) -> Result<(ApiKey, RequestHeader), WireError> {
    let mut ahead = from.clone();
    let key = ahead.int16("RequestHeader.requestApiKey")?;
    let version = ahead.int16("RequestHeader.requestApiVersion")?;
    let Some(api) = ApiKey::from_key(key) else {
        return Err(from.fault("RequestHeader.requestApiKey", Fault::Unknown(i64::from(key))));
    };
    let header = RequestHeader::decode(api.request_header_version(version), from)?;
    Ok((api, header))
}

/// Reads a response of which request and version are known: its correlation id and its body.
///
/// # Errors
/// The bytes are not such a response, or bytes follow it.
pub fn take_response<R: Request>(
    version: i16,
    from: &mut Reader<'_>,
) -> Result<(i32, R::Response), WireError> {
    let header = ResponseHeader::decode(R::API.response_header_version(version), from)?;
    let body = R::Response::decode(version, from)?;
    from.end(R::Response::NAME)?;
    Ok((header.correlation_id, body))
}
