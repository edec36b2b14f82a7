//! A disk in memory: fails when a test asks it to, and loses what was not synced if it was made to. Read `disk.rs`.

mod disk;
mod names;
mod power_loss;

pub use disk::MemoryDisk;
pub use power_loss::PowerLoss;
