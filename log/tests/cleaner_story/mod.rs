//! Stories of a compacted log: what befalls it, step by step, and what S6 and X7 say after each.

mod step;
mod world;

pub use step::{Step, step};
pub use world::{Seen, World};
