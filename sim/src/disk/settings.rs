//! What a disk costs and how long its cache holds back: one value per disk.

use crate::time::Span;

/// Sizes and speeds of one disk. The defaults resemble a cloud volume on a solid-state disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSettings {
    /// What the device moves in a second.
    pub bytes_per_second: u64,
    /// Written bytes that the device may lag behind before writers are paced by its bandwidth.
    pub dirty_limit_bytes: u64,
    /// What any call costs, however little it does.
    pub call_cost: Span,
    /// What copying 1 KiB into or out of the cache costs.
    pub copy_cost_per_kib: Span,
    /// What a read pays, beside its bytes, when a page is not in the cache.
    pub cold_read_latency: Span,
    /// What a sync pays when everything is written already.
    pub sync_latency: Span,
    /// What creating, renaming, removing and listing pay.
    pub metadata_latency: Span,
    /// A dirty page becomes durable by itself at the earliest after this.
    pub writeback_min: Span,
    /// A dirty page becomes durable by itself at the latest after this, if the device keeps up.
    pub writeback_max: Span,
    /// One device operation in a million that stalls; 0 never does and draws nothing.
    pub stall_ppm: u32,
    /// The longest of these stalls.
    pub stall_max: Span,
    /// Operations that the device does in a second, each of which takes no less than its share; 0: no limit.
    pub operations_per_second: u64,
    /// Bytes that fit; a write beyond answers `Full`.
    pub capacity_bytes: u64,
    /// Bytes that the cache holds before pages that nobody touched become cold.
    pub cache_bytes: u64,
    /// What a power loss does to an unsynced page.
    pub power_loss: PowerLossOdds,
}

/// Weights of the three ends an unsynced page can meet in a power loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerLossOdds {
    /// The page was written in time.
    pub kept: u32,
    /// The page was not written: what was durable before stands there.
    pub lost: u32,
    /// Some of its sectors were written.
    pub torn: u32,
}

impl Default for PowerLossOdds {
    fn default() -> Self {
        Self { kept: 4, lost: 4, torn: 2 }
    }
}

impl Default for DiskSettings {
    fn default() -> Self {
        Self {
            bytes_per_second: 250_000_000,
            dirty_limit_bytes: 8 << 20,
            call_cost: Span::from_nanos(700),
            copy_cost_per_kib: Span::from_nanos(100),
            cold_read_latency: Span::from_micros(120),
            sync_latency: Span::from_micros(900),
            metadata_latency: Span::from_micros(15),
            writeback_min: Span::from_millis(500),
            writeback_max: Span::from_secs(8),
            stall_ppm: 0,
            stall_max: Span::from_millis(200),
            operations_per_second: 0,
            capacity_bytes: u64::MAX,
            cache_bytes: 1 << 30,
            power_loss: PowerLossOdds::default(),
        }
    }
}

impl DiskSettings {
    /// Device time for `count` bytes at full speed.
    pub(super) fn transfer(&self, count: u64) -> u64 {
        assert!(self.bytes_per_second > 0, "a disk needs bandwidth");
        count.saturating_mul(1_000_000_000).div_ceil(self.bytes_per_second)
    }

    /// Device time that an operation takes at least.
    pub(super) fn operation(&self) -> u64 {
        1_000_000_000_u64.checked_div(self.operations_per_second).unwrap_or(0)
    }

    /// Processor time for a call that copies `count` bytes.
    pub(super) fn copy(&self, count: u64) -> Span {
        Span(self.call_cost.0 + self.copy_cost_per_kib.0 * count / 1024)
    }
}
