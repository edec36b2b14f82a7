//! What a World promises, claim by claim.

mod support;

mod clocks;
mod lanes;
mod network;
mod outside_door;
mod processes;
mod recording;
mod replay;
mod streams;
