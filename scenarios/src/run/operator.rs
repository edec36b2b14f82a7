//! What whoever runs a cluster does, beside the faults: starts again what has ended by itself, and what will not come
//! back by itself.
//!
//! In Kafka:   nothing; a supervisor of processes, and a person who looks at the brokers that do not serve.
//! Invariants: OPR-1 a process that has ended by itself is started again only if Kafka's would have ended too, for want
//!             of a controller or by its disk. OPR-2 a broker that runs is started again only if no controller takes
//!             its heartbeats, and none ever will. OPR-3 once the faults are over, a disk's process is started again
//!             once: what a disk that works again has left to tell is told by then, and a dead one is dead.
//! Left out:   anything that helps a broker that could come back without help: that it does is what L2 judges.

use std::collections::BTreeSet;

use trial_cluster::broker::{LOG_DIRECTORY_FAILED, REGISTRATION_GIVEN_UP};
use trial_cluster::note::Note;
use trial_cluster::raft::fault::RaftFault;
use trial_sim::{CrashKind, HostId, World};

use crate::facts::Facts;

/// Remembers what it has tried.
#[derive(Debug, Clone, Default)]
pub(super) struct Operator {
    /// Whose process has been started again since the faults are over, after its disk had ended it (OPR-3).
    disk_tried: BTreeSet<HostId>,
}

impl Operator {
    /// Whether the process of `host` that has ended for this reason, and that no fault keeps down, is started again
    /// (OPR-1). One that a failing disk has ended comes back with the disk, while faults go on; what a disk has refused
    /// may be told late, so after the faults too (OPR-3).
    pub(super) fn starts_again(
        &mut self,
        host: HostId,
        halt: Option<&str>,
        faults_are_over: bool,
    ) -> bool {
        match halt {
            Some(REGISTRATION_GIVEN_UP) => true,
            Some(why) if why == LOG_DIRECTORY_FAILED || RaftFault::is_of_device(why) => {
                faults_are_over && self.disk_tried.insert(host)
            }
            _ => false,
        }
    }
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
