//! The cluster that is served when nobody names another.
//!
//! In Kafka:   three brokers and three controllers of their own, as in production: a broker that crashes takes no
//!             controller with it, and its partitions find other leaders when its session has ended, after 9 s.
//! Holds:      two settings that nearly everybody makes who has three brokers; the rest is Kafka's default.

use crate::asked::Asked;

const TEXT: &str = r#"title = "a plain cluster for real clients"
time  = "1h"

[cluster]
brokers     = 3
controllers = 3
config      = { "default.replication.factor" = 3, "min.insync.replicas" = 2 }
"#;

/// No topics, no clients, no faults.
#[must_use]
pub fn plain() -> Asked {
    Asked::built("plain", TEXT.to_owned())
}
