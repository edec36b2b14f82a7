//! One partition of a fetch answer becomes part of the local log: appended, or cut where it differs.
//!
//! In Kafka:   `ReplicaFetcherThread.processPartitionData`, `truncate`,
//!             `Partition.appendRecordsToFollowerOrFutureReplica`.
//! Holds:      nothing; the job carries the answer from its first half to its second.
//! Invariants: RP-1 what the log did is published by the second half: nobody reads an append that is not paid.

use trial_log::LogError;
use trial_sim::Span;

use super::task::{LogDone, Replicate, Task};
use super::{Broker, Cx, DISK, costs, yields};
use crate::note::Note;
use crate::note::partition::PartitionNote;
use crate::partition::{Effect, FollowerAppend};
use crate::storage::SimulatedDisk;

impl Broker {
    /// First half: batches go to the log, or the log is cut.
    pub(super) fn start_replicate(&mut self, work: &mut Replicate, cx: &mut Cx<'_>) -> Span {
        let (now, now_ms) = (cx.now(), cx.wall_ms());
        let cost = costs::APPEND + costs::bytes(work.records.len());
        if self.closing {
            return cost;
        }
        let Some(replica) = self.replicas.get_mut(work.slot) else { return cost };
        let mut effects = Vec::new();
        let (id, epochs) = (replica.partition.id(), replica.log.epochs());
        let machine = &mut replica.partition;
        machine.on_fetch_response(now, &work.sent, &work.answer, epochs, &mut effects);
        for effect in effects {
            match effect {
                Effect::AppendAsFollower { leader_epoch } => {
                    let replica = self.replicas.get_mut(work.slot).expect("it was there");
                    assert!(
                        !replica.awaits_recovery_point(),
                        "RP-1: {id:?} was cut below its checkpointed recovery point"
                    );
                    let records = std::mem::take(&mut work.records);
                    let mut disk = SimulatedDisk::new(cx.disk(DISK));
                    let done = replica.log.append_as_follower(
                        &mut disk,
                        records,
                        leader_epoch,
                        now_ms,
                        &mut replica.events,
                    );
                    replica.log_done = Some(LogDone::Appended(match done {
                        Ok(_) => FollowerAppend::Appended {
                            log_start_offset: replica.log.log_start_offset(),
                            log_end_offset: replica.log.log_end_offset(),
                            last_epoch: replica.log.latest_epoch(),
                        },
                        Err(LogError::Batch(_)) => FollowerAppend::Corrupt,
                        Err(_) => FollowerAppend::Failed,
                    }));
                }
                Effect::Truncate { .. } if cx.yields(yields::DIVERGENCE_AND_CUT) => {
                    work.effects.push(effect);
                }
                Effect::Truncate { .. } => {
                    let done = self.do_log_work(work.slot, &effect, cx);
                    let replica = self.replicas.get_mut(work.slot).expect("it was there");
                    replica.log_done = done;
                }
                // The machine has changed already, and others may act on it: it is noted now.
                Effect::Note(event) => {
                    cx.note(Note::Partition(PartitionNote { partition: id, event }));
                }
                later => work.effects.push(later),
            }
        }
        cost
    }

    /// Second half: what the log did is published.
    pub(super) fn finish_replicate(&mut self, work: Replicate, cx: &mut Cx<'_>) {
        if self.closing {
            return;
        }
        let Replicate { which, slot, answer, effects, .. } = work;
        let put_off = |effect: &Effect| matches!(effect, Effect::Truncate { .. });
        let (cuts, effects): (Vec<_>, Vec<_>) = effects.into_iter().partition(put_off);
        for cut in cuts {
            self.hold_up(Task::LogWork(slot, Box::new(cut)), cx);
        }
        self.apply(slot, effects, cx);
        let done = self.replicas.get_mut(slot).and_then(|replica| replica.log_done.take());
        match done {
            Some(LogDone::Appended(append)) => {
                self.on_log_events(slot, cx);
                let now = cx.now();
                self.with_partition(slot, cx, |partition, _, _, _, effects| {
                    partition.on_follower_append(now, &answer, append, effects);
                });
            }
            other => self.publish_log_work(slot, other, cx),
        }
        if let Some(replica) = self.replicas.get(slot) {
            let (id, now_by) = (replica.partition.id(), replica.fetched_from);
            if let Some(fetcher) = self.fetchers.get_mut(&which) {
                fetcher.changed.insert(id);
            }
            // Another fetcher has it by now (FI-1), and goes on behind this.
            if now_by.is_some_and(|now_by| now_by != which) {
                self.changed_follower(slot, cx);
            }
        }
        self.next_answer(which, cx);
    }
}
