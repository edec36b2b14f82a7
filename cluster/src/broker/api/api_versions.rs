//! ApiVersions: what this node serves.
//!
//! In Kafka: `ApiVersionsResponse`, `DefaultApiVersionManager`; KIP-35, KIP-511, KIP-584.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use super::SERVED;
use crate::image::{MetadataImage, SUPPORTED_FEATURES};
use crate::wire::{ApiKey, ApiVersionsRequest, ApiVersionsResponse, api_versions_response as wire};

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    request.message::<ApiVersionsRequest>()?;
    let served = SERVED.iter().map(|served| (served.api, served.versions.clone()));
    let response = api_versions_response(broker.image(), served);
    broker.respond::<ApiVersionsRequest>(request, &response, cx);
    Ok(())
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
            .map(|(name, level)| wire::FinalizedFeature {
                name: name.to_owned(),
                max_version_level: level,
                min_version_level: level,
            })
            .collect(),
        ..Default::default()
    }
}
