//! Leading: the first record of an epoch, writing what the owner schedules, committing it.
//!
//! In Kafka:   `KafkaRaftClient.onBecomeLeader`, `maybeAppendBatches`, `flushLeaderLog`,
//!             `onUpdateLeaderHighWatermark`; `LeaderState.appendStartOfEpochControlRecords`.
//! Invariants: LD-1 the leader counts its own end once it is written and syncs right after, before it looks at any
//!             other message: with two or more voters nothing is committed that it has not synced. A single voter
//!             commits before its sync, as in Kafka, and may lose that in a power failure.

use trial_sim::Span;

use super::super::control::{ControlRecord, VoterHistory};
use super::super::effect::{CommittedBatch, Step};
use super::super::fault::RaftFault;
use super::super::log::{BatchContent, LogBatch};
use super::super::voters::{ReplicaKey, VoterNode};
use super::RaftClient;
use crate::ids::Offset;
use crate::mark;
use crate::note::raft::RaftNote;

impl RaftClient {
    pub(super) fn become_leader(&mut self, step: &mut Step<'_>) -> Result<(), RaftFault> {
        let granting = self.quorum.to_leader(step)?;
        self.begin_epoch(granting, step)
    }

    /// Leads on in the epoch in which it led before it restarted. Never so, but for the switch
    /// `leader_reinit_same_epoch`: what it lost is written again, in the same epoch and otherwise.
    pub(super) fn lead_on(&mut self, step: &mut Step<'_>) -> Result<(), RaftFault> {
        let (epoch, offset) = (self.quorum.epoch(), step.log.end_offset());
        step.note(RaftNote::EpochStarted { epoch, offset });
        self.begin_epoch(Vec::new(), step)
    }

    fn begin_epoch(
        &mut self,
        granting: Vec<ReplicaKey>,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        step.log.start_epoch(self.quorum.epoch())?;
        // Nothing of before is committed until a record of this epoch is: so write one at once.
        let records = self.start_of_epoch(granting);
        let leader = self.quorum.leader_state().expect("it has just become one");
        leader.accumulator.append_control(records, step.wall_ms);
        self.requests.reset_all();
        Ok(())
    }

    fn start_of_epoch(&self, granting: Vec<ReplicaKey>) -> Vec<ControlRecord> {
        let voters = self.quorum.voter_set();
        let leader = self.settings.local.id;
        let change =
            ControlRecord::LeaderChange { leader, voters: voters.keys().collect(), granting };
        let mut records = vec![change];
        let own = VoterNode::new(self.settings.local, self.settings.endpoint.clone());
        let is_unwritten = self.quorum.voters.last_offset() == Some(VoterHistory::BOOTSTRAP);
        // The bootstrap checkpoint is not replicated: the first leader writes its voters into the log.
        if is_unwritten || voters.needs_update(&own) {
            records.push(ControlRecord::KRaftVersion(1));
            records.push(ControlRecord::Voters(voters.with_updated(&own)));
        }
        records
    }

    /// Writes what has lingered long enough; answers how long the rest may linger.
    pub(super) fn append_batches(&mut self, step: &mut Step<'_>) -> Result<Span, RaftFault> {
        let now = step.now;
        let leader = self.quorum.leader_state().expect("only a leader appends");
        if leader.accumulator.time_until_drain(now) == Span::ZERO {
            let batches = leader.accumulator.drain();
            mark::sometimes!(
                step.effects,
                batches.len() > 1,
                "metadata_batches_gather",
                "several batches of metadata had gathered when the leader wrote"
            );
            for batch in &batches {
                let written = step.log.append_as_leader(batch)?;
                assert!(
                    written.base_offset == batch.base_offset,
                    "AC-2: written at {} instead of {}",
                    written.base_offset,
                    batch.base_offset
                );
                self.on_appended(&written, true, step);
            }
            self.on_leader_end(step)?;
            self.is_flush_due = true;
        }
        Ok(self.time_until_append(now))
    }

    fn on_leader_end(&mut self, step: &mut Step<'_>) -> Result<(), RaftFault> {
        let end = step.log.end_offset();
        let local = self.settings.local;
        let leader = self.quorum.leader_state().expect("only a leader has written");
        if leader.high_watermark.on_end(local, end) {
            self.on_leader_high_watermark(step)?;
        }
        self.complete_held(end, step)
    }

    pub(super) fn on_leader_high_watermark(
        &mut self,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        let epoch = self.quorum.epoch();
        let leader = self.quorum.leader_state().expect("only a leader commits");
        let offset = leader.high_watermark.offset().expect("it has just moved");
        assert!(offset >= self.committed, "K5: {offset} after {}", self.committed);
        self.quorum.high_watermark = Some(offset);
        self.committed = offset;
        step.note(RaftNote::HighWatermark { epoch, offset, is_leader: true });
        self.complete_held(Offset(i64::MAX), step)?;
        self.tell_committed(offset, step)
    }

    /// The leader's log is on disk.
    pub fn on_flushed(&mut self, step: &mut Step<'_>) -> Result<(), RaftFault> {
        self.flush(step)
    }

    /// Makes what was appended durable.
    pub(super) fn flush(&self, step: &mut Step<'_>) -> Result<(), RaftFault> {
        if self.settings.rules.syncs_metadata() {
            step.log.flush()?;
            step.note(RaftNote::Flushed { end: step.log.end_offset() });
        }
        Ok(())
    }
}

/// A batch as the owner sees it: the quorum's own records take offsets and are not shown.
pub(super) fn committed(batch: LogBatch) -> CommittedBatch {
    let LogBatch { base_offset, last_offset, epoch, timestamp_ms, content, .. } = batch;
    let records = match content {
        BatchContent::Records(records) => records,
        BatchContent::Control(_) => Vec::new(),
    };
    CommittedBatch { base_offset, last_offset, epoch, timestamp_ms, records }
}
