//! `trial serve` and whoever does not behave: clients that do not read, bytes that no client sends. Memory stays.
//!
//! A program of its own, whose tests take turns: nobody else's memory is counted.
#![cfg(feature = "serve")]

#[path = "../support/asking.rs"]
mod asking;
#[path = "../serve/guest.rs"]
#[expect(dead_code, reason = "the tests of `serve` need more of it")]
mod guest;
#[path = "../serve/served.rs"]
#[expect(dead_code, reason = "the tests of `serve` need more of it")]
mod served;

mod back_pressure;
mod hostile;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by the test whose turn it is.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What this process holds, in bytes; nothing where nobody says so.
fn resident() -> u64 {
    let Ok(text) = std::fs::read_to_string("/proc/self/statm") else { return 0 };
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}
