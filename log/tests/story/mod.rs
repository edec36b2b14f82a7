//! A log and a model of it, side by side: what each act does to both, and what a crash in an act may leave.

#![allow(dead_code, unused_imports, reason = "each test takes what it needs")]

mod act;
mod check;
mod left;
mod model;
mod node;

pub use act::Act;
pub use check::agrees;
pub use left::{Crash, Outcome, crash_and_check};
pub use model::{Batch, Model, Segment};
pub use node::{NOW, Node};
