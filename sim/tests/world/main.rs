//! What a World promises, claim by claim.

mod support;

mod clocks;
mod lanes;
mod network;
mod outside_door;
mod processes;
mod races;
mod replay;
mod schedule;
