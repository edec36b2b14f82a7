//! Where the storage engine meets the simulated disk.
//!
//! `log` asks for a small `Disk` and knows no simulator; `sim` has disks and knows no Kafka.

mod simulated_disk;

pub use simulated_disk::SimulatedDisk;
