//! A fetch, as the follower sends it and takes its answer: append, or cut what the leader does not have.
//!
//! In Kafka:   `KafkaRaftClient.handleFetchResponse`, `appendAsFollower`, `updateFollowerHighWatermark`.
//! Invariants: K4 a voter syncs what it appends before it fetches again, since the leader takes the next fetch
//!             for a promise. K5 the watermark never falls. K9 nothing below it is ever cut.

use bytes::Bytes;

use super::super::effect::Step;
use super::super::fault::RaftFault;
use super::super::log::{BatchContent, LogBatch, truncation_offset};
use super::super::message::{Fetch, Fetched, OffsetAndEpoch, Request};
use super::super::state::State;
use super::RaftClient;
use crate::ids::Offset;
use crate::mark;
use crate::note::raft::RaftNote;

impl RaftClient {
    pub(super) fn on_fetched(
        &mut self,
        fetched: &Fetched,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        if let Some(diverging) = fetched.diverging {
            self.truncate(diverging, step)?;
        } else {
            self.append_as_follower(&fetched.records, step)?;
            if let Some(high_watermark) = fetched.high_watermark {
                self.on_follower_high_watermark(high_watermark, step)?;
            }
        }
        let timeout = self.settings.fetch_timeout;
        let State::Follower(follower) = self.quorum.state_mut() else {
            panic!("K11: records for {:?}", self.quorum.role());
        };
        follower.fetch_timer.reset(step.now, timeout);
        follower.has_fetched = true;
        Ok(())
    }

    fn truncate(
        &mut self,
        diverging: OffsetAndEpoch,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        let to = truncation_offset(step.log, diverging);
        let committed = self.committed;
        let is_strict = self.settings.rules.keeps_committed_metadata();
        for to in [diverging.offset, to] {
            if to < committed && is_strict {
                return Err(RaftFault::TruncationBelowHighWatermark {
                    to,
                    high_watermark: committed,
                });
            }
        }
        let from = step.log.end_offset();
        mark::sometimes!(
            step.effects,
            to < from,
            "metadata_truncated",
            "a replica of the quorum cut metadata that was not committed"
        );
        mark::sometimes!(
            step.effects,
            to == from,
            "metadata_diverges_without_batches",
            "a replica of the quorum was told to cut, and had nothing of the other epoch"
        );
        step.log.truncate_to(to)?;
        self.quorum.voters.on_truncation(to);
        step.note(RaftNote::Truncated { from, to });
        Ok(())
    }

    fn append_as_follower(
        &mut self,
        records: &Bytes,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        if records.is_empty() {
            return Ok(());
        }
        let batches = step.log.append_as_follower(records, self.quorum.epoch())?;
        for batch in &batches {
            self.on_appended(batch, false, step);
        }
        // An observer of today may be a voter tomorrow, and is counted as one.
        if self.quorum.is_voter() || self.settings.can_become_voter {
            self.flush(step)?;
        }
        Ok(())
    }

    /// A batch is in the log, whoever wrote it.
    pub(super) fn on_appended(&mut self, batch: &LogBatch, is_leader: bool, step: &mut Step<'_>) {
        if let BatchContent::Control(records) = &batch.content {
            self.quorum.voters.on_records(batch.base_offset, records);
        }
        let &LogBatch { base_offset, last_offset, epoch, crc, .. } = batch;
        step.note(RaftNote::Appended { base_offset, last_offset, epoch, crc, is_leader });
    }

    fn on_follower_high_watermark(
        &mut self,
        shown: Offset,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        let offset = shown.min(step.log.end_offset());
        let known = self.quorum.high_watermark;
        if let Some(from) = known.filter(|known| offset < *known) {
            return Err(RaftFault::HighWatermarkFell { from, to: offset });
        }
        if known != Some(offset) {
            self.quorum.high_watermark = Some(offset);
            self.committed = self.committed.max(offset);
            let epoch = self.quorum.epoch();
            step.note(RaftNote::HighWatermark { epoch, offset, is_leader: false });
            self.tell_committed(offset, step)?;
        }
        Ok(())
    }

    pub(super) fn fetch_request(&self, step: &Step<'_>) -> Request {
        let wait = self.settings.fetch_max_wait.as_millis();
        Request::Fetch(Fetch {
            replica: self.settings.local,
            current_leader_epoch: self.quorum.epoch(),
            position: step.log.end(),
            high_watermark: self.quorum.high_watermark,
            max_wait_ms: i32::try_from(wait).unwrap_or(i32::MAX),
            max_bytes: i32::try_from(self.settings.fetch_max_bytes).unwrap_or(i32::MAX),
        })
    }
}
