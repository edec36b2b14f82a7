//! What a World promises, claim by claim.

mod support;

mod lanes;
mod outside_door;
