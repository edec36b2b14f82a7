//! What the node at the other end understands: the first exchange on a connection.
//!
//! In Kafka: `ApiVersionsRequest`, `NodeApiVersions` (KIP-35, KIP-511): version 4 is asked for; a node that does not
//!           know it answers in version 0 with UNSUPPORTED_VERSION and is asked again.
//! Holds:    the range of versions per API of one node.
//! Left out: features; nobody here reads them from this answer.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::wire::{ApiKey, ApiVersionsRequest, ApiVersionsResponse, Message};

/// The newest version that is asked for.
pub const API_VERSIONS_VERSION_MAX: i16 = 4;

/// The versions that a node serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeApiVersions {
    ranges: BTreeMap<ApiKey, RangeInclusive<i16>>,
}

impl NodeApiVersions {
    /// The newest version of `api` within `allowed` that the node serves.
    #[must_use]
    pub fn latest_usable(&self, api: ApiKey, allowed: RangeInclusive<i16>) -> Option<i16> {
        let served = self.ranges.get(&api)?;
        let newest = *served.end().min(allowed.end());
        (newest >= *served.start() && newest >= *allowed.start()).then_some(newest)
    }

    /// Whether the node serves exactly this.
    #[must_use]
    pub fn serves(&self, api: ApiKey, version: i16) -> bool {
        self.ranges.get(&api).is_some_and(|served| served.contains(&version))
    }

    fn of(response: &ApiVersionsResponse) -> Self {
        // A node of the future may serve APIs that have no name here.
        let ranges = response.api_keys.iter().filter_map(|served| {
            Some((ApiKey::from_key(served.api_key)?, served.min_version..=served.max_version))
        });
        Self { ranges: ranges.collect() }
    }
}

/// What is asked.
pub(super) fn request() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "apache-kafka-java".to_owned(),
        client_software_version: "4.3.0".to_owned(),
    }
}

/// What a node answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Versions(NodeApiVersions),
    /// Ask again in this version.
    AskAgain(i16),
    Refused,
}

/// Reads the answer to a request of `version`; none if it is not one.
pub(super) fn read_response(version: i16, body: &Bytes) -> Option<Answer> {
    let error = ErrorCode::from_code(i16::from_be_bytes([*body.first()?, *body.get(1)?]));
    if error == ErrorCode::UnsupportedVersion && version > 0 {
        // This one always comes in version 0; a node that lists nothing is asked in version 0.
        let listed =
            ApiVersionsResponse::from_bytes(0, body).ok().map(|it| NodeApiVersions::of(&it));
        let newest =
            listed.and_then(|listed| listed.latest_usable(ApiKey::ApiVersions, 0..=version - 1));
        return Some(Answer::AskAgain(newest.unwrap_or(0)));
    }
    if !error.is_ok() {
        return Some(Answer::Refused);
    }
    let response = ApiVersionsResponse::from_bytes(version, body).ok()?;
    Some(Answer::Versions(NodeApiVersions::of(&response)))
}
