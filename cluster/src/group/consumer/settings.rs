//! What a group is told to live by: its own settings, or those of the broker.
//!
//! In Kafka:   `GroupConfig`, `GroupConfigManager`: `consumer.session.timeout.ms`, `consumer.heartbeat.interval.ms` and
//!             `consumer.assignment.interval.ms` of the resource type GROUP, kept within the bounds of the broker.
//! Left out:   `consumer.assignor.offload.enable`, which 4.3 does not have in the end (KAFKA-20339).

use crate::group::machine::GroupCoordinator;
use crate::image::{ConfigResource, MetadataImage};

impl GroupCoordinator {
    fn group_setting(
        image: &MetadataImage,
        group: &str,
        name: &str,
        bounds: (i32, i32),
    ) -> Option<i32> {
        let resource = ConfigResource::Group(group.into());
        let value: i32 = image.configs().value(&resource, name)?.trim().parse().ok()?;
        Some(value.max(bounds.0).min(bounds.1))
    }

    /// How long a member may be silent, in milliseconds.
    pub(crate) fn consumer_session_timeout_ms(&self, image: &MetadataImage, group: &str) -> i32 {
        let bounds = (
            self.settings.consumer_min_session_timeout_ms,
            self.settings.consumer_max_session_timeout_ms,
        );
        Self::group_setting(image, group, "consumer.session.timeout.ms", bounds)
            .unwrap_or(self.settings.consumer_session_timeout_ms)
    }

    /// How often a member is told to be heard of, in milliseconds.
    pub(crate) fn consumer_heartbeat_interval_ms(&self, image: &MetadataImage, group: &str) -> i32 {
        let bounds = (
            self.settings.consumer_min_heartbeat_interval_ms,
            self.settings.consumer_max_heartbeat_interval_ms,
        );
        Self::group_setting(image, group, "consumer.heartbeat.interval.ms", bounds)
            .unwrap_or(self.settings.consumer_heartbeat_interval_ms)
    }

    /// How long there is between two assignments, in milliseconds.
    pub(crate) fn consumer_assignment_interval_ms(
        &self,
        image: &MetadataImage,
        group: &str,
    ) -> i32 {
        let bounds = (
            self.settings.consumer_min_assignment_interval_ms,
            self.settings.consumer_max_assignment_interval_ms,
        );
        Self::group_setting(image, group, "consumer.assignment.interval.ms", bounds)
            .unwrap_or(self.settings.consumer_assignment_interval_ms)
    }
}
