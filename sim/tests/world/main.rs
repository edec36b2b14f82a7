//! What a World promises, claim by claim.

mod support;

mod clocks;
mod disks;
mod lanes;
mod network;
mod outside_door;
mod processes;
mod replay;
