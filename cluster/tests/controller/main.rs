//! The controller as a whole: decide, replay and shell, driven by three controllers on one log.

mod random;
mod reassignments;
mod replication;
mod support;
