//! How facts read in a report: who, when, what.
//!
//! Invariants: WO-1 every fact begins with its time and names its host.

use trial_cluster::ids::BrokerId;
use trial_sim::{HostId, Time};

use crate::facts::{Committed, Facts, Stored};

/// `at 1234.567 ms`.
pub fn when(at: Time) -> String {
    format!("at {}.{:03} ms", at.as_millis(), at.0 / 1_000 % 1_000)
}

/// `at 1234.567 ms b1 `, to be followed by what it did.
pub fn who(facts: &Facts, at: Time, host: HostId) -> String {
    format!("{} {}", when(at), facts.setup.name(host))
}

/// The name of a node's host.
pub fn node(facts: &Facts, id: BrokerId) -> String {
    match facts.setup.host_of(id) {
        Some(host) => facts.setup.name(host).to_owned(),
        None => format!("node {id}"),
    }
}

/// `b1, b2`.
pub fn nodes(facts: &Facts, ids: &[BrokerId]) -> String {
    if ids.is_empty() {
        return "nobody".to_owned();
    }
    ids.iter().map(|id| node(facts, *id)).collect::<Vec<_>>().join(", ")
}

/// `offset 17` or `offsets 17 to 19`.
pub fn offsets(first: i64, last: i64) -> String {
    if first == last { format!("offset {first}") } else { format!("offsets {first} to {last}") }
}

/// `offset 17 in epoch 1 (checksum 0x...)`.
pub fn batch(batch: &Stored) -> String {
    let span = offsets(batch.base, batch.last);
    format!("{span} of epoch {} (checksum {:08x})", batch.epoch, batch.crc)
}

/// When and by whom a batch was committed.
pub fn committed(facts: &Facts, entry: &Committed) -> String {
    let span = offsets(entry.batch.base, entry.batch.last);
    let by = who(facts, entry.at, entry.leader);
    let Stored { epoch, crc, .. } = entry.batch;
    format!("{by} committed {span} (written in epoch {epoch}, checksum {crc:08x})")
}
