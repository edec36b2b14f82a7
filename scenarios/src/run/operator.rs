//! What whoever runs a cluster does, beside the faults: starts again what has ended by itself, and what will not come
//! back by itself.
//!
//! In Kafka:   nothing; a supervisor of processes, and a person who looks at the brokers that do not serve.
//! Invariants: OPR-1 a process that has ended by itself is started again only if Kafka's would have ended too, for want
//!             of a controller or by its disk. OPR-2 a broker that runs is started again only if no controller takes
//!             its heartbeats, and none ever will.
//! Left out:   anything that helps a broker that could come back without help: that it does is what L2 judges.

use trial_cluster::broker::{LOG_DIRECTORY_FAILED, REGISTRATION_GIVEN_UP};
use trial_cluster::note::Note;
use trial_cluster::raft::fault::RaftFault;
use trial_sim::{CrashKind, World};

use crate::facts::Facts;

/// Whether a process that has ended for this reason, and that no fault keeps down, is started again (OPR-1). One that a
/// failing disk has ended comes back with the disk, while faults go on; what a disk has refused may be told late, so
/// after the faults too.
pub(super) fn starts_again(halt: Option<&str>, faults_are_over: bool) -> bool {
    let of_disk = |why| why == LOG_DIRECTORY_FAILED || RaftFault::is_of_device(why);
    halt.is_some_and(|why| why == REGISTRATION_GIVEN_UP || faults_are_over && of_disk(why))
}

/// The faults are over: brokers whose registration another process of theirs has taken are killed, to be started again
/// (OPR-2).
pub(super) fn kill_overtaken(facts: &Facts, world: &mut World<Note>) {
    for host in facts.overtaken(world.now()) {
        if world.is_up(host) {
            world.crash(host, CrashKind::Process);
            world.restart(host);
        }
    }
}
