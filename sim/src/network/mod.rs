//! The network: byte streams between hosts, and what goes wrong with them.

mod distribution;

pub use distribution::Distribution;
