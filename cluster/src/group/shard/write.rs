//! From a decision to the log: records are replayed, gathered, written, and answered once they are committed.
//!
//! In Kafka:   `CoordinatorContext.{append, flushCurrentBatch, maybeFlushCurrentBatch, failCurrentBatch,
//!             maybeAllocateNewBatch, waitForPendingWrites}`, `CoordinatorWriteEvent`.
//! Invariants: WR-1 records are replayed before they are written, so that what is decided next rests on them; if they
//!             cannot be written, all of their batch is undone and whoever waits for it is told. WR-2 a batch gets the
//!             offsets that it was thought to get, or the shard is loaded again. WR-3 what is decided without records
//!             waits for what was written before.

use trial_sim::Span;

use super::batch::{Batch, Encoded};
use super::context::Shard;
use super::deferred::Origin;
use super::event::{ShardEffect, ShardStep};
use crate::error_code::ErrorCode;
use crate::group::record::GroupRecord;
use crate::group::step::{Decision, GroupError};
use crate::mark;
use crate::note::group::GroupEvent;

impl Shard {
    /// Acts on a decision.
    pub(super) fn perform(&mut self, step: &mut ShardStep<'_>, decision: Decision, origin: Origin) {
        let Decision { records, replays, is_atomic, then } = decision;
        let number = self.deferred.begin(origin, then);
        if let Err(code) = self.append(step, &records, replays, is_atomic, number) {
            self.complete(step, number, Err(code.into()));
        }
        self.deferred.ends_at(number, step.now + self.settings.offsets_commit_timeout);
    }

    /// An operation ends; false if it has ended before.
    pub(super) fn complete(
        &mut self,
        step: &mut ShardStep<'_>,
        number: u64,
        outcome: Result<(), GroupError>,
    ) -> bool {
        let Some(operation) = self.deferred.end(number) else { return false };
        let error = outcome.as_ref().err().cloned();
        let timeline = self.timeline.as_mut().expect("operations end before their coordinator");
        timeline.with(step, |it, lent| it.on_outcome(lent, operation.then, outcome));
        if let (Origin::Timer(key), Some(error)) = (operation.origin, error) {
            self.retry_timer(step, key, &error);
        }
        true
    }

    fn append(
        &mut self,
        step: &mut ShardStep<'_>,
        records: &[GroupRecord],
        replays: bool,
        is_atomic: bool,
        number: u64,
    ) -> Result<(), ErrorCode> {
        if records.is_empty() {
            self.wait_for_pending_writes(step, number);
            return Ok(());
        }
        let timestamp = step.wall_ms;
        self.begin_batch(step)?;
        let encoded: Vec<Encoded> = records.iter().map(Encoded::of).collect();
        if is_atomic {
            let batch = self.batch.as_ref().expect("it was begun");
            if !batch.is_empty() && !batch.has_room_for_all(&encoded, timestamp) {
                self.flush(step)?;
                self.begin_batch(step)?;
            }
        }
        for (record, encoded) in records.iter().zip(&encoded) {
            let batch = self.batch.as_ref().expect("it was begun");
            if !is_atomic && !batch.has_room_for(encoded, timestamp) {
                self.flush(step)?;
                self.begin_batch(step)?;
            }
            let batch = self.batch.as_mut().expect("it was begun");
            let timeline = self.timeline.as_mut().expect("only an active shard appends");
            if replays {
                timeline.machine.replay(batch.next_offset, record);
            }
            batch.append(encoded, timestamp);
        }
        self.batch.as_mut().expect("it was begun").operations.push(number);
        self.flush_if_due(step)
    }

    /// WR-3.
    fn wait_for_pending_writes(&mut self, step: &mut ShardStep<'_>, number: u64) {
        if let Some(batch) = self.batch.as_mut().filter(|batch| !batch.is_empty()) {
            batch.operations.push(number);
            return;
        }
        let timeline = self.timeline.as_ref().expect("only an active shard waits");
        let written = timeline.last_written();
        if timeline.last_committed() < written {
            self.deferred.wait_for(written, vec![number]);
        } else {
            self.complete(step, number, Ok(()));
        }
    }

    /// A batch to append to, if there is none.
    fn begin_batch(&mut self, step: &ShardStep<'_>) -> Result<(), ErrorCode> {
        if self.batch.is_some() {
            return Ok(());
        }
        let max_size = step.log.max_batch_size()?;
        let timeline = self.timeline.as_ref().expect("only an active shard appends");
        let base_offset = timeline.last_written();
        let mut batch = Batch::new(base_offset, self.compression, max_size, step.wall_ms);
        self.batches += 1;
        match u64::try_from(self.settings.append_linger_ms) {
            // It is written when everything has had its turn that stands in the queue by now.
            Err(_) => self.enqueue(super::ShardEvent::Flush { batch: self.batches }),
            Ok(0) => {}
            Ok(linger) => batch.linger_until = Some(step.now + Span::from_millis(linger)),
        }
        self.batch = Some(batch);
        Ok(())
    }

    fn flush_if_due(&mut self, step: &mut ShardStep<'_>) -> Result<(), ErrorCode> {
        let batch = self.batch.as_ref().expect("it was appended to");
        let linger = self.settings.append_linger_ms;
        let has_lingered = linger >= 0 && step.wall_ms - batch.begun_ms >= linger;
        if has_lingered || batch.is_full() { self.flush(step) } else { Ok(()) }
    }

    /// Writes the batch at hand, if there is one.
    pub(super) fn flush(&mut self, step: &mut ShardStep<'_>) -> Result<(), ErrorCode> {
        let Some(batch) = &self.batch else { return Ok(()) };
        if batch.is_empty() {
            self.fail_batch(step, &ErrorCode::UnknownServerError.into());
            return Ok(());
        }
        let expected = batch.next_offset;
        let found = match step.log.append(batch.build()) {
            Ok(found) => found,
            Err(code) => {
                mark::reachable!(
                    step.effects,
                    "group_write_refused",
                    "the log of a group coordinator did not take a batch, and what was in it was undone"
                );
                self.fail_batch(step, &code.into());
                return Err(code);
            }
        };
        if found != expected {
            // WR-2.
            mark::reachable!(
                step.effects,
                "group_shard_out_of_sync",
                "a batch of a group coordinator got other offsets than it was thought to get"
            );
            step.effects.push(ShardEffect::Note(GroupEvent::OutOfSync { expected, found }));
            self.reload(step);
            return Err(ErrorCode::NotCoordinator);
        }
        let batch = self.batch.take().expect("just seen");
        self.timeline.as_mut().expect("only an active shard writes").on_written(found);
        self.deferred.wait_for(found, batch.operations);
        Ok(())
    }

    /// WR-1. The batch at hand is not written.
    pub(super) fn fail_batch(&mut self, step: &mut ShardStep<'_>, error: &GroupError) {
        let Some(batch) = self.batch.take() else { return };
        self.timeline.as_mut().expect("only an active shard has a batch").revert();
        for number in batch.operations {
            self.complete(step, number, Err(error.clone()));
        }
    }
}
