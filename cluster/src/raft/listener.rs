//! The quorum's side of a listener: bytes of a request to what the replica is handed, its answer to bytes.
//!
//! In Kafka:   the raft requests of `ControllerApis`.
//! Holds:      the table of what the quorum serves.

use bytes::Bytes;

use super::message::{Envelope, Response};
use super::wire;
use crate::net::frames;
use crate::wire::{
    ApiKey, BeginQuorumEpochRequest, EndQuorumEpochRequest, FetchRequest, Message, Request,
    VoteRequest,
};

/// The APIs of the quorum with the first and last version that it serves.
pub const SERVED: [(ApiKey, i16, i16); 4] = [
    (ApiKey::Fetch, 17, 18),
    (ApiKey::Vote, 2, 2),
    (ApiKey::BeginQuorumEpoch, 1, 1),
    (ApiKey::EndQuorumEpoch, 1, 1),
];

/// What a request asks; none if the quorum does not serve it, or its bytes cannot be read.
#[must_use]
pub fn read_request(api: ApiKey, version: i16, body: &Bytes) -> Option<Envelope> {
    let (_, first, last) = SERVED.iter().find(|served| served.0 == api)?;
    if !(*first..=*last).contains(&version) {
        return None;
    }
    Some(match api {
        ApiKey::Vote => wire::read_vote_request(VoteRequest::from_bytes(version, body).ok()?),
        ApiKey::BeginQuorumEpoch => {
            wire::read_begin_request(BeginQuorumEpochRequest::from_bytes(version, body).ok()?)
        }
        ApiKey::EndQuorumEpoch => {
            wire::read_end_request(EndQuorumEpochRequest::from_bytes(version, body).ok()?)
        }
        ApiKey::Fetch => wire::read_fetch_request(FetchRequest::from_bytes(version, body).ok()?),
        _ => return None,
    })
}

/// The frame of an answer.
#[must_use]
pub fn response_frame(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    response: &Response,
) -> Bytes {
    let head = (api, version, correlation_id);
    match api {
        ApiKey::Vote => frame::<VoteRequest>(head, &wire::vote_response(response)),
        ApiKey::BeginQuorumEpoch => {
            frame::<BeginQuorumEpochRequest>(head, &wire::begin_response(response))
        }
        ApiKey::EndQuorumEpoch => {
            frame::<EndQuorumEpochRequest>(head, &wire::end_response(response))
        }
        ApiKey::Fetch => frame::<FetchRequest>(head, &wire::fetch_response(response)),
        other => panic!("the quorum does not answer {other}"),
    }
}

fn frame<R: Request>(head: (ApiKey, i16, i32), response: &R::Response) -> Bytes {
    let (api, version, correlation_id) = head;
    frames::response_frame(api, version, correlation_id, |body| response.encode(version, body))
}
