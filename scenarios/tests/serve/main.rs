//! `trial serve`, over real sockets: a client of a few lines, and faults that are typed. What it holds on to is the
//! business of `serve_memory`.
#![cfg(all(feature = "serve", feature = "binary"))]

#[path = "../support/mod.rs"]
mod support;

mod command;
mod faults;
mod guest;
mod served;
mod whole_way;
