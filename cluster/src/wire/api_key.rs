//! The APIs by number and name, their versions, and the headers that each version takes.
//!
//! In Kafka:   `org.apache.kafka.common.protocol.ApiKeys`, `requestHeaderVersion` and `responseHeaderVersion` of
//!             `ApiMessageType`, KIP-511 (the header of an ApiVersions response).
//! Holds:      every API that Kafka 4.3.0 has; which of them a node serves is the table of `broker/api`.

use std::fmt;
use std::ops::RangeInclusive;

macro_rules! api_keys {
    ($($name:ident = $key:literal, $low:literal, $high:literal, $flexible:expr;)*) => {
        /// An API of Kafka 4.3.0.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $(#[doc = concat!("Versions ", $low, " to ", $high, ".")] $name = $key,)*
        }

        impl ApiKey {
            /// All of them, by key.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The API of this number.
            #[must_use]
            pub const fn from_key(key: i16) -> Option<Self> {
                match key {
                    $($key => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name, without `Request`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Kafka's name of the response: what faults call such a frame.
            #[must_use]
            pub const fn response_name(self) -> &'static str {
                match self {
                    $(Self::$name => concat!(stringify!($name), "Response"),)*
                }
            }

            /// The versions that Kafka 4.3.0 has.
            #[must_use]
            pub const fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $(Self::$name => $low..=$high,)*
                }
            }

            /// The first version with tagged fields.
            #[must_use]
            pub const fn flexible_from(self) -> i16 {
                match self {
                    $(Self::$name => $flexible,)*
                }
            }
        }
    };
}

impl ApiKey {
    /// The number on the wire.
    #[must_use]
    pub const fn key(self) -> i16 {
        self as i16
    }

    /// The version of the header before a request of this version.
    #[must_use]
    pub const fn request_header_version(self, version: i16) -> i16 {
        if version >= self.flexible_from() { 2 } else { 1 }
    }

    /// The version of the header before a response of this version. An ApiVersions response always has the oldest:
    /// who asks does not yet know what the other side speaks.
    #[must_use]
    pub const fn response_header_version(self, version: i16) -> i16 {
        if version >= self.flexible_from() && !matches!(self, Self::ApiVersions) { 1 } else { 0 }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

include!(concat!(env!("OUT_DIR"), "/api_keys.rs"));

#[cfg(test)]
mod tests {
    use super::ApiKey;

    #[test]
    fn headers_are_those_of_kafka() {
        assert_eq!(ApiKey::from_key(1), Some(ApiKey::Fetch));
        assert_eq!(ApiKey::from_key(4), None, "LeaderAndIsr is gone");
        assert_eq!(ApiKey::Fetch.versions(), 4..=18);
        assert_eq!(ApiKey::Fetch.request_header_version(11), 1);
        assert_eq!(ApiKey::Fetch.request_header_version(12), 2);
        assert_eq!(ApiKey::Fetch.response_header_version(12), 1);
        assert_eq!(ApiKey::ApiVersions.request_header_version(3), 2);
        assert_eq!(ApiKey::ApiVersions.response_header_version(3), 0);
        assert_eq!(ApiKey::SaslHandshake.request_header_version(1), 1);
    }
}
