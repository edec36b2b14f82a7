//! Which job does what in its two halves.
//!
//! In Kafka:   the loops of `KafkaRequestHandler`, `ShutdownableThread`, `KafkaEventQueue`.
//! Invariants: TK-2 a first half changes the disk and what its lock guards; all that others see, the second half does.
//!             Reads take no lock and see a partition's new role at once: so a first half notes it at once.

use trial_sim::{Job, LockId, Span};

use super::task::{
    HIGH_WATERMARKS_FILE, LOG_STARTS_FILE, METADATA, RECOVERY_POINTS_FILE, SCHEDULER, Task, lock_of,
};
use super::yields::pool_of;
use super::{Broker, Cx, costs};

impl Broker {
    /// Queues a job: on the lane whose job is being finished, else on the pool of its kind.
    pub(super) fn then(&mut self, task: Task, cx: &mut Cx<'_>) {
        let lock = self.lock(&task);
        let pool = pool_of(&task);
        let stays = self.lane.is_some() && !matches!(pool, METADATA | SCHEDULER);
        let token = u64::from(self.tasks.insert(task));
        if stays {
            cx.then(token, lock);
        } else {
            cx.submit(pool, token, lock);
        }
    }

    pub(super) fn lock(&mut self, task: &Task) -> Option<LockId> {
        match task {
            Task::Append(key) => Some(lock_of(self.append_slot(*key))),
            Task::DeleteRecords(key) => Some(lock_of(self.delete_records_slot(*key))),
            Task::Replicate(work) => Some(lock_of(work.slot)),
            Task::LogWork(slot, _)
            | Task::Flush(slot, _)
            | Task::FlushLast(slot)
            | Task::Retain(slot)
            | Task::DeleteFiles(slot)
            | Task::ExpireProducers(slot)
            | Task::CheckpointEpochs(slot)
            | Task::Clean(_, slot)
            | Task::CleanerRetain(_, slot) => Some(lock_of(*slot)),
            Task::Assign(assign) => Some(lock_of(self.replicas.reserve(assign.id))),
            Task::Drop(id) => Some(lock_of(self.replicas.reserve(*id))),
            Task::Coordinate(partition) => self.lock_of_shard(*partition),
            Task::CheckpointHighWatermarks => Some(HIGH_WATERMARKS_FILE),
            Task::CheckpointRecoveryPoints => Some(RECOVERY_POINTS_FILE),
            Task::CheckpointLogStarts => Some(LOG_STARTS_FILE),
            Task::Grab(_)
            | Task::Cleaned(_)
            | Task::Handle(_)
            | Task::Read(_)
            | Task::RestOfRead(_)
            | Task::AnswerFetch(_)
            | Task::AnswerProduce(_)
            | Task::CheckParked(_)
            | Task::Lag(_)
            | Task::ListOffsets(_)
            | Task::Published(..)
            | Task::LoadShard(_)
            | Task::Open
            | Task::Recover
            | Task::CleanShutdown => None,
        }
    }

    /// First half of a job.
    pub fn start(&mut self, job: Job, cx: &mut Cx<'_>) -> Span {
        let key = key_of(job);
        let mut task = self.tasks.lend(key);
        let cost = match &mut task {
            Task::Handle(request) => costs::HANDLE + costs::bytes(request.body.len()),
            Task::Append(produce) => self.start_append(*produce, cx),
            Task::Read(fetch) => self.start_read(*fetch, cx),
            Task::RestOfRead(_)
            | Task::AnswerFetch(_)
            | Task::AnswerProduce(_)
            | Task::CheckParked(_) => costs::HANDLE,
            Task::Lag(lasting) => *lasting,
            Task::ListOffsets(work) => {
                self.start_list_offsets(work, cx);
                costs::READ
            }
            Task::DeleteRecords(key) => self.start_delete_records(*key, cx),
            Task::Assign(assign) => {
                self.start_assign(assign, cx);
                costs::ASSIGN
            }
            Task::Drop(id) => {
                self.start_drop(*id, cx);
                costs::ASSIGN
            }
            Task::Replicate(work) => self.start_replicate(work, cx),
            Task::LogWork(slot, work) => {
                self.start_log_work(*slot, work, cx);
                costs::APPEND
            }
            Task::Published(..) => costs::HOUSEKEEPING,
            Task::Coordinate(partition) => self.start_coordinate(*partition, cx),
            Task::LoadShard(work) => self.start_load_shard(work, cx),
            Task::Open => self.start_open(cx),
            Task::Recover => self.start_recover(cx),
            Task::CheckpointHighWatermarks => self.start_checkpoint_high_watermarks(cx),
            Task::CheckpointRecoveryPoints => self.start_checkpoint_recovery_points(cx),
            Task::CheckpointLogStarts => self.start_checkpoint_log_starts(cx),
            Task::Retain(slot) | Task::CleanerRetain(_, slot) => self.start_retain(*slot, cx),
            Task::DeleteFiles(slot) => self.start_delete_files(*slot, cx),
            Task::ExpireProducers(slot) => self.start_expire_producers(*slot, cx),
            Task::CheckpointEpochs(slot) => self.start_checkpoint_epochs(*slot, cx),
            Task::Grab(thread) => self.start_grab(*thread, cx),
            Task::Clean(thread, slot) => self.start_clean(*thread, *slot, cx),
            Task::Cleaned(thread) => self.start_cleaned(*thread, cx),
            Task::Flush(slot, to) => self.start_flush(*slot, to, cx),
            Task::FlushLast(slot) => self.start_flush_last(*slot, cx),
            Task::CleanShutdown => self.start_clean_shutdown(cx),
        };
        self.tasks.give_back(key, task);
        cost
    }

    /// Second half of a job.
    pub fn finish(&mut self, job: Job, cx: &mut Cx<'_>) {
        self.lane = Some(job.lane);
        match self.tasks.take(key_of(job)) {
            Task::Handle(request) => {
                self.requests_queued -= 1;
                self.dispatch(&request, cx);
            }
            Task::Append(produce) => self.finish_append(produce, cx),
            Task::Read(fetch) => self.finish_read(fetch, cx),
            Task::RestOfRead(fetch) => self.rest_of_read(fetch, cx),
            Task::AnswerFetch(fetch) => self.answer_fetch(fetch, cx),
            Task::AnswerProduce(produce) => self.answer_produce(produce, cx),
            Task::CheckParked(slot) => self.check_parked(slot, cx),
            Task::ListOffsets(work) => self.finish_list_offsets(*work, cx),
            Task::Assign(assign) => self.finish_assign(*assign, cx),
            Task::DeleteRecords(key) => self.finish_delete_records(key, cx),
            Task::Drop(_) => {
                self.finish_housekeeping(cx);
                self.finish_checkpoint_recovery_points(cx);
            }
            Task::CheckpointLogStarts | Task::Lag(_) => {}
            Task::Retain(slot) => self.finish_retain(slot, cx),
            Task::DeleteFiles(slot) => self.finish_delete_files(slot, cx),
            Task::ExpireProducers(slot) | Task::CheckpointEpochs(slot) => {
                self.on_log_events(slot, cx);
            }
            Task::Grab(thread) => self.finish_grab(thread, cx),
            Task::Clean(thread, slot) => self.finish_clean(thread, slot, cx),
            Task::Cleaned(thread) => self.finish_cleaned(thread, cx),
            Task::CleanerRetain(thread, slot) => self.finish_cleaner_retain(thread, slot, cx),
            Task::Flush(slot, to) => self.finish_flush(slot, to, cx),
            Task::Replicate(work) => self.finish_replicate(*work, cx),
            Task::LogWork(slot, _) => self.finish_log_work(slot, cx),
            Task::Published(offset, groups) => self.finish_published(offset, *groups, cx),
            Task::Coordinate(partition) => self.finish_coordinate(partition, cx),
            Task::LoadShard(work) => self.finish_load_shard(*work, cx),
            Task::Open => self.finish_open(cx),
            Task::Recover => self.finish_recover(cx),
            Task::CheckpointHighWatermarks => self.finish_housekeeping(cx),
            Task::CheckpointRecoveryPoints => self.finish_checkpoint_recovery_points(cx),
            Task::FlushLast(slot) => self.finish_flush_last(slot, cx),
            Task::CleanShutdown => self.finish_clean_shutdown(),
        }
        self.lane = None;
    }
}

fn key_of(job: Job) -> u32 {
    u32::try_from(job.token & u64::from(u32::MAX)).expect("it was masked")
}
