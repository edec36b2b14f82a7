//! The metadata image: what the committed metadata log says, shared by brokers and controllers.
//!
//! In Kafka:   `org.apache.kafka.image.MetadataImage` and its parts; `MetadataLoader`.
//! Read first: `metadata.rs` (the image and what each record does to it), then `loader.rs` (who publishes it);
//!             `partition.rs` is the registration of one partition.

mod cluster;
mod configs;
mod delta;
mod features;
mod fingerprint;
mod loader;
mod metadata;
pub mod partition;
pub mod record;
mod topics;

pub use cluster::{BrokerRegistration, ClusterImage, ControllerRegistration, Endpoint};
pub(crate) use configs::resource_type;
pub use configs::{ConfigMap, ConfigResource, ConfigsImage};
pub use delta::MetadataDelta;
pub use features::{
    FeaturesImage, METADATA_VERSION_4_3, METADATA_VERSION_MINIMUM, SUPPORTED_FEATURES,
    VersionRange, feature,
};
pub use fingerprint::Fingerprint;
pub use loader::{MetadataLoader, Publication};
pub use metadata::MetadataImage;
pub use partition::{LeaderRecoveryState, PartitionRegistration};
pub use topics::{TopicImage, TopicsImage};
