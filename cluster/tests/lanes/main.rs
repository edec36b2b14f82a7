//! Lanes, disks and locks, seen from outside: one real broker, driven by the outside door.
//!
//! Read first `support.rs`. The same claims about a toy program are in `sim/tests/world/lanes.rs`.

mod appends;
mod arrival;
mod coordinators;
mod long_poll;
mod old_records;
mod orderly_stop;
mod producers;
mod quorum_state;
mod refusals;
mod slow_disk;
mod support;
mod versions;
