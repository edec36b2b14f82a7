//! A run: one scenario under one seed, from the first boot to the verdict.
//!
//! Read first `trial_run.rs` (the value that is played, cloned, judged), then `plan.rs`, `player.rs` and
//! `carrier.rs` (faults), `assemble.rs` (what the World is made of) and `document.rs` (what is told of it).

mod assemble;
mod by_hand;
mod carrier;
mod document;
#[cfg(test)]
mod one_item_less;
mod operator;
mod outcome;
mod pauses;
mod pinned;
mod plan;
mod player;
mod programs;
mod situation;
mod timeline;
mod told;
mod trial_run;
mod waits;

pub use assemble::{Played, assemble};
pub(crate) use plan::lasting;
pub use plan::{Plan, Planned};
pub use player::{Done, Player, Situation};
pub(crate) use player::{SWIZZLE, swizzled};
pub use programs::Programs;
pub use timeline::Timeline;
pub use trial_run::{Phase, Run};
