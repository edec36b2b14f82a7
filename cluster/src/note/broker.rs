//! What a broker notes about itself as a whole.

use crate::ids::BrokerEpoch;

/// An event of a broker's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BrokerNote {
    /// The controller has registered it.
    Registered {
        /// Its epoch.
        epoch: BrokerEpoch,
    },
    /// Its logs are open.
    LogsLoaded {
        /// Whether the last process ended cleanly.
        clean: bool,
    },
    /// The controller has unfenced it.
    Unfenced {
        /// Its epoch.
        epoch: BrokerEpoch,
    },
}
