//! The settings that producers, consumers and admins share.
//!
//! In Kafka: `CommonClientConfigs` (Kafka 4.3, defaults and validators).
//! Holds:    connections, retries and metadata. `bootstrap.servers` and `client.id` come from the scenario.

use trial_sim::Span;

use super::settings;

settings! {
    /// What every client is told.
    pub struct ClientSettings {
        /// The first wait before a lost connection is tried again.
        reconnect_backoff: Span = "reconnect.backoff.ms", Span::from_millis(50), 0..;
        /// The longest such wait.
        reconnect_backoff_max: Span = "reconnect.backoff.max.ms", Span::from_millis(1_000), 0..;
        /// How long the first attempt to connect may take.
        connection_setup_timeout: Span = "socket.connection.setup.timeout.ms", Span::from_millis(10_000), 1..;
        /// How long any may.
        connection_setup_timeout_max: Span = "socket.connection.setup.timeout.max.ms", Span::from_millis(30_000), 1..;
        /// How long a client waits for an answer before it closes the connection.
        request_timeout: Span = "request.timeout.ms", Span::from_millis(30_000), 0..;
        /// The first wait before a failed request is sent again.
        retry_backoff: Span = "retry.backoff.ms", Span::from_millis(100), 0..;
        /// The longest such wait.
        retry_backoff_max: Span = "retry.backoff.max.ms", Span::from_millis(1_000), 0..;
        /// How old metadata may become before it is asked for again without need.
        metadata_max_age: Span = "metadata.max.age.ms", Span::from_millis(300_000), 0..;
    }
}
