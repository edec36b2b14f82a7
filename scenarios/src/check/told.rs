//! What a producer was told of its records, counted for the report.

use std::collections::BTreeMap;

use trial_cluster::error_code::ErrorCode;

/// Records of one producer.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Handed to it.
    pub sent: u64,
    /// Told to be safe.
    pub acked: u64,
    /// Told to have failed.
    pub failed: BTreeMap<ErrorCode, u64>,
}
