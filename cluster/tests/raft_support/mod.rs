//! What the tests of the quorum share: a disk that loses power, a quorum without network, and a judge.

#![expect(dead_code, reason = "each test program uses its own part")]
#![expect(unreachable_pub, reason = "shared by several test programs")]

pub mod checks;
pub mod crash_disk;
pub mod instant;
pub mod moves;
pub mod script;
pub mod simulation;
