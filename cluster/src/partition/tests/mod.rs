//! The machines of this folder at work: tables for each rule, three brokers wired by hand, random orders.
//!
//! `wired.rs` is the fixture with real logs; `divergence.rs` plays KIP-101, KIP-279 and KAFKA-18991 on it,
//! `seven_cases.rs` the ways in which two logs can differ, `random_orders.rs` lets a seed decide what happens next.

mod divergence;
mod follower;
mod high_watermark;
mod isr;
mod leading;
mod low_watermark;
mod marks;
mod metadata;
mod random_orders;
mod read_replica;
mod reads;
mod seven_cases;
mod wired;
