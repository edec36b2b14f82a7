//! The machine room: a world of hosts, lanes, network, disks and clocks, decided by one seed.

pub mod time;

pub use time::{Span, Time};
