//! The file `quorum-state` of a voter that went down: K6 and K7 by bytes.
//!
//! In Kafka:   `FileQuorumStateStore`.
//! Holds:      nothing.
//! Invariants: K6 the epoch that others know of is on disk. K7 so is the vote.

use trial_cluster::raft::voters::ReplicaKey;
use trial_sim::Time;

use super::quorum::FOLDER;
use super::step::Step;
use super::words;
use crate::facts::Disks;

/// Compares the file with the epoch that the voter was in and with the votes that it gave.
pub(super) fn audit(
    disks: &dyn Disks,
    known: i32,
    votes: impl Fn(i32) -> Option<(ReplicaKey, Time)>,
    step: &mut Step<'_>,
) {
    let path = format!("{FOLDER}/quorum-state");
    let read = disks.disk(step.host).peek(&path, 0, u64::MAX);
    let Some(bytes) = read.filter(|bytes| !bytes.is_empty()) else { return };
    let Ok(state) = serde_json::from_slice::<serde_json::Value>(&bytes) else {
        step.breach(
            "K6",
            "has a quorum-state file that cannot be read",
            [format!("it was in epoch {known}"), "the file is torn".to_owned()],
        );
        return;
    };
    let number = |name: &str| state.get(name).and_then(serde_json::Value::as_i64).unwrap_or(-1);
    let epoch = number("leaderEpoch");
    if epoch < i64::from(known) {
        step.breach(
            "K6",
            "forgot an epoch",
            [format!("it was in epoch {known}"), format!("its quorum-state says {epoch}")],
        );
    }
    let voted = number("votedId");
    let granted = i32::try_from(epoch).ok().and_then(votes);
    if let Some((candidate, at)) = granted
        && voted >= 0
        && voted != i64::from(candidate.id.0)
    {
        step.breach(
            "K7",
            "forgot to whom its vote went",
            [
                format!("{} it voted for {candidate} in epoch {epoch}", words::when(at)),
                format!("its quorum-state says {voted}"),
            ],
        );
    }
}
