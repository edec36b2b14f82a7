//! `trial serve`, over real sockets: a client of a few lines, faults that are typed, and real clients where they can be
//! had. What it holds on to is the business of `serve_memory`.
#![cfg(all(feature = "serve", feature = "binary"))]

#[path = "../support/asking.rs"]
mod asking;
#[path = "../support/mod.rs"]
mod support;

mod command;
mod faults;
mod groups;
mod guest;
mod real_clients;
mod served;
mod whole_way;
