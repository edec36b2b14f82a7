//! What a World promises, claim by claim.

mod support;
mod talk;

mod clocks;
mod connects;
mod disks;
mod filters;
mod lanes;
mod network;
mod orders;
mod outside_door;
mod places;
mod processes;
mod races;
mod randomness;
mod recording;
mod replay;
mod schedule;
mod streams;
