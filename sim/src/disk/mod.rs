//! A disk with a page cache: what a program writes, what survives a crash, and what each call costs.
//!
//! Read first `access.rs` (the calls a program makes), then `model.rs` (the disk), `crash.rs`
//! (what a crash takes). `file.rs` and `page.rs` hold bytes, `names.rs` the directories,
//! `device.rs` and `queue.rs` the time that everything takes, `journal.rs` what unfinished jobs have
//! done. What can be wrong with a disk is in `trouble.rs`, what that does to bytes in `harm.rs`.

mod access;
mod crash;
mod device;
mod error;
mod file;
mod harm;
mod journal;
mod keyed;
mod model;
mod names;
mod page;
mod queue;
mod scope;
mod seen;
mod settings;
#[cfg(test)]
mod tests;
mod trouble;

pub use access::DiskAccess;
pub use crash::{DiskCrash, FileDamage};
pub use device::DiskTimes;
pub use error::DiskError;
pub use journal::JobId;
pub use model::{Disk, FileId};
pub use names::NameChange;
pub use page::{EXTENT_PAGES, PAGE_BYTES, SECTOR_BYTES};
pub use scope::{BitFlip, DiskCall, DiskHarm, DiskScope};
pub use seen::DiskSeen;
pub use settings::{DiskSettings, PowerLossOdds};
pub use trouble::{DiskTrouble, Owed};
