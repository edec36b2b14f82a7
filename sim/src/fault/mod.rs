//! Faults as text: one line each, which prints back as itself.
//!
//! Read first `words.rs` (every word with an example), then `line.rs` (the type of a fault),
//! `effect.rs` and `when.rs` (its parts), `parser.rs` (the grammar). `swarm.rs` draws faults from a
//! seed, `budget.rs` keeps them within what a protocol promises to survive.

mod budget;
mod effect;
mod error;
mod lexer;
mod line;
mod parser;
mod quantity;
mod swarm;
#[cfg(test)]
mod tests;
mod when;
mod words;

pub use budget::Budget;
pub use effect::{ClockFault, DiskFault, Effect, Family, Group, Sides};
pub use error::FaultError;
pub use line::Fault;
pub use quantity::{Factor, Rate, parse_rate, parse_span};
pub use swarm::{SwarmHost, SwarmRates, SwarmSettings, swarm};
pub use when::{Comparison, Condition, HostExpr, When};
pub use words::{WORDS, Word};
