//! ApiVersions: what this node serves.
//!
//! In Kafka: `ApiVersionsResponse`, `DefaultApiVersionManager`; KIP-35, KIP-511, KIP-584.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use super::served;
use crate::error_code::ErrorCode;
use crate::image::{MetadataImage, SUPPORTED_FEATURES, feature};
use crate::wire::{ApiKey, ApiVersionsRequest, ApiVersionsResponse, api_versions_response as wire};

/// From here on a client says what it is (KIP-511).
const NAMES_SOFTWARE: i16 = 3;
/// Before that a feature may not go down to 0 (KIP-1022): such features are not told.
const TAKES_VERSION_ZERO: i16 = 4;

/// What the quorum keeps of itself, in a control record: the metadata does not have it (KIP-853).
const QUORUM: (&str, i16) = (feature::KRAFT_VERSION, 1);

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<ApiVersionsRequest>()?;
    let version = request.header.request_api_version;
    if version >= NAMES_SOFTWARE && !names_software(&message) {
        let error_code = ErrorCode::InvalidRequest.code();
        let response = ApiVersionsResponse { error_code, ..Default::default() };
        broker.respond::<ApiVersionsRequest>(request, &response, cx);
        return Ok(());
    }
    let served = served().map(|served| (served.api, served.versions.clone()));
    let mut response = api_versions_response(broker.image(), served);
    if version < TAKES_VERSION_ZERO {
        response.supported_features.retain(|feature| feature.min_version > 0);
    }
    broker.respond::<ApiVersionsRequest>(request, &response, cx);
    Ok(())
}

/// Name and version begin and end with a letter or a digit; dots and dashes may stand in between.
fn names_software(message: &ApiVersionsRequest) -> bool {
    let is_name = |text: &str| {
        let letter = |letter: char| letter.is_ascii_alphanumeric();
        text.starts_with(letter)
            && text.ends_with(letter)
            && text.chars().all(|it| letter(it) || matches!(it, '-' | '.'))
    };
    is_name(&message.client_software_name) && is_name(&message.client_software_version)
}

/// The answer of a node that serves these APIs and has this image.
pub fn api_versions_response(
    image: &MetadataImage,
    served: impl Iterator<Item = (ApiKey, RangeInclusive<i16>)>,
) -> ApiVersionsResponse {
    let mut api_keys: Vec<_> = served
        .map(|(api, versions)| wire::ApiKey {
            api_key: api.key(),
            min_version: if api == ApiKey::Produce { 0 } else { *versions.start() },
            max_version: *versions.end(),
        })
        .collect();
    api_keys.sort_by_key(|entry| entry.api_key);
    let features = image.features();
    ApiVersionsResponse {
        api_keys,
        supported_features: SUPPORTED_FEATURES
            .iter()
            .map(|(name, range)| wire::SupportedFeature {
                name: (*name).to_owned(),
                min_version: range.lowest,
                max_version: range.highest,
            })
            .collect(),
        finalized_features_epoch: image.highest_offset().0,
        finalized_features: features
            .iter()
            .chain([QUORUM])
            .map(|(name, level)| wire::FinalizedFeature {
                name: name.to_owned(),
                max_version_level: level,
                min_version_level: level,
            })
            .collect(),
        ..Default::default()
    }
}
