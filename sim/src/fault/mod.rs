//! Faults as text: one line each, which prints back as itself.
//!
//! Read first `words.rs` (every word with an example), then `line.rs` (the type of a fault),
//! `effect.rs` and `when.rs` (its parts), `parser.rs` (the grammar). `swarm.rs` draws faults from a
//! seed (`swarm_choice.rs`: which kinds, how often), `budget.rs` keeps them within what a protocol promises to survive.

mod budget;
mod clock_fault;
mod disk_fault;
mod effect;
mod effect_text;
mod error;
mod family;
mod lexer;
mod line;
mod parse_effect;
mod parser;
mod quantity;
mod swarm;
mod swarm_choice;
#[cfg(test)]
mod tests;
mod when;
mod words;

pub use budget::Budget;
pub use clock_fault::ClockFault;
pub use disk_fault::{DiskCalls, DiskFault};
pub use effect::{Configured, Effect, Group, Sides};
pub use error::FaultError;
pub use family::Family;
pub use line::Fault;
pub use quantity::{Factor, Rate, parse_rate, parse_span};
pub use swarm::{SwarmHost, SwarmRates, SwarmSettings, swarm};
pub use swarm_choice::{FamilyChoice, SwarmChoice};
pub use when::{Comparison, Condition, HostExpr, When};
pub use words::{WORDS, Word};
