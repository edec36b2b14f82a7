//! What the node at the other end understands: the first exchange on a connection.
//!
//! In Kafka: `ApiVersionsRequest`, `NodeApiVersions` (KIP-35, KIP-511): version 4 is asked for; a node that does not
//!           know it answers in version 0 with UNSUPPORTED_VERSION and is asked again.
//! Holds:    the range of versions per API of one node.
//! Left out: features; nobody here reads them from this answer.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::error_code::ErrorCode;

/// The key of ApiVersions itself.
pub const API_VERSIONS_KEY: i16 = 18;
/// The newest version that is asked for.
pub const API_VERSIONS_VERSION_MAX: i16 = 4;

const FIRST_FLEXIBLE: i16 = 3;

/// The versions that a node serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeApiVersions {
    ranges: BTreeMap<i16, RangeInclusive<i16>>,
}

impl NodeApiVersions {
    /// The newest version of `api_key` within `allowed` that the node serves.
    #[must_use]
    pub fn latest_usable(&self, api_key: i16, allowed: RangeInclusive<i16>) -> Option<i16> {
        let served = self.ranges.get(&api_key)?;
        let newest = *served.end().min(allowed.end());
        (newest >= *served.start() && newest >= *allowed.start()).then_some(newest)
    }

    /// Whether the node serves exactly this.
    #[must_use]
    pub fn serves(&self, api_key: i16, version: i16) -> bool {
        self.ranges.get(&api_key).is_some_and(|served| served.contains(&version))
    }
}

/// Writes a request's body in `version`.
pub(super) fn write_request(version: i16, body: &mut BytesMut) {
    if version >= FIRST_FLEXIBLE {
        for text in ["apache-kafka-java", "4.3.0"] {
            body.put_u8(u8::try_from(text.len() + 1).expect("a compact string below 127 bytes"));
            body.put_slice(text.as_bytes());
        }
        body.put_u8(0); // no tagged fields
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
pub(super) fn read_response(version: i16, mut body: Bytes) -> Option<Answer> {
    if body.len() < 2 {
        return None;
    }
    let error = ErrorCode::from_code(body.get_i16());
    if error == ErrorCode::UnsupportedVersion && version > 0 {
        // This one always comes in version 0; a node that lists nothing is asked in version 0.
        let newest = read_ranges(0, &mut body)
            .and_then(|ranges| ranges.get(&API_VERSIONS_KEY).map(|served| *served.end()))
            .unwrap_or(0);
        return Some(Answer::AskAgain(newest.clamp(0, version - 1)));
    }
    if !error.is_ok() {
        return Some(Answer::Refused);
    }
    Some(Answer::Versions(NodeApiVersions { ranges: read_ranges(version, &mut body)? }))
}

fn read_ranges(version: i16, body: &mut Bytes) -> Option<BTreeMap<i16, RangeInclusive<i16>>> {
    let flexible = version >= FIRST_FLEXIBLE;
    let count = if flexible {
        i64::from(super::frames::read_unsigned_varint(body)?) - 1
    } else {
        (body.len() >= 4).then(|| i64::from(body.get_i32()))?
    };
    let mut ranges = BTreeMap::new();
    for _ in 0..count {
        if body.len() < 6 {
            return None;
        }
        let (api_key, oldest, newest) = (body.get_i16(), body.get_i16(), body.get_i16());
        if flexible {
            super::frames::skip_tagged_fields(body)?;
        }
        ranges.insert(api_key, oldest..=newest);
    }
    Some(ranges)
}
