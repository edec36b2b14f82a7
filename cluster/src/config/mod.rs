//! Kafka's settings, under Kafka's own names and with Kafka's defaults.
//!
//! In Kafka: `ServerConfigs`, `ReplicationConfigs`, `QuorumConfig`, `LogConfig`; the clients' own `*Config`.
//! Holds:    the one macro that makes a struct of settings from a table, and the error of a bad one.
//! Read:     `broker.rs` and `topic.rs` (with the words of `storage.rs`), `schema.rs` (all that Kafka has) and
//!           `effective.rs` (what is told), `dynamic.rs` (what changes), `of_group.rs` (one group's), then the clients'
//!           files.

pub mod altered;
pub mod broker;
pub mod client;
pub mod consumer;
pub mod consumer_group;
pub mod dynamic;
pub mod effective;
pub mod group;
pub mod of_group;
pub mod producer;
pub mod replica_selector;
pub mod schema;
pub mod storage;
pub mod topic;
mod value;

pub use broker::BrokerConfig;
pub use client::ClientSettings;
pub use consumer::{ConsumerConfig, ConsumerSettings, OffsetReset};
pub use consumer_group::{AssignmentStrategy, ClientAssignor, GroupProtocol};
pub use producer::{Acks, ProducerConfig};
pub use replica_selector::ReplicaSelector;
pub use storage::{BrokerCompressionType, CleanupPolicy, GzipLevel, Ratio};
pub use topic::TopicConfig;
pub use value::{ConfigError, Value, ValueError};

/// Makes a struct of settings from rows `field: Type = "kafka.name", default, lowest..=highest;`. The bounds are
/// in the unit of Kafka's name (milliseconds for `.ms`), and are written as `..` where the type says it all.
macro_rules! settings {
    (
        $(#[$outer:meta])*
        pub struct $name:ident {
            $( $(#[$doc:meta])* $field:ident: $kind:ty = $kafka:literal, $default:expr, $bounds:expr; )*
        }
    ) => {
        $(#[$outer])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$doc])* #[doc = ""] #[doc = concat!("Kafka's `", $kafka, "`.")] pub $field: $kind, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $name {
            /// Kafka's name of every setting here.
            pub const NAMES: &'static [&'static str] = &[$($kafka,)*];

            /// Sets `name` to `text`.
            ///
            /// # Errors
            /// If there is no such setting here, or the text is no value that it takes.
            pub fn set(&mut self, name: &str, text: &str) -> Result<(), $crate::config::ConfigError> {
                match name {
                    $( $kafka => {
                        self.$field = <$kind as $crate::config::Value>::parse(name, text, &$bounds)?;
                    } )*
                    _ => return Err($crate::config::ConfigError::unknown(name, Self::NAMES)),
                }
                Ok(())
            }
        }
    };
}
pub(crate) use settings;
