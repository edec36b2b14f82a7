//! What nodes and clients write about themselves, as plain data; text only when somebody looks.

pub mod broker;
pub mod client;
pub mod controller;
pub mod partition;
pub mod raft;
