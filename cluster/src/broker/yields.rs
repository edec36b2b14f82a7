//! Where Kafka lets go of a lock half-way, or may be held up between two steps: a coin of the seed ends the job there.
//!
//! In Kafka:   `leaderIsrUpdateLock`, `partitionMapLock` and the locks of a log and of a purgatory's entry are let go
//!             between the steps that are named here; KAFKA-9807 and others came in there.
//! Holds:      the names of the points: a coin of its own for each (`Context::yields`), of the seed's chance.
//! Invariants: YI-1 what a job has done before it ends here is what its second half would have published, or lies in
//!             what the rest is handed: the rest looks at everything else anew. YI-2 without yields nothing is drawn.
//! Left out:   between a client's application thread and its background thread (there is one thread).

use trial_sim::Span;

use super::task::{CLEANER, FETCHERS, GROUP_LOADER, GROUPS, HANDLERS, METADATA, SCHEDULER, Task};
use super::{Broker, Cx};

/// How often a microsecond is doubled at most, less one: 16 ms.
const HELD_UP_DOUBLED: u64 = 15;

/// A read knows how far it may go, and has not read: `Partition.readRecords`, KAFKA-9807. The role of the partition
/// cannot change in between, in Kafka as here.
pub(super) const BOUND_AND_SLICE: &str = "bound and slice";
/// A follower's fetch was read, and does not count as its progress yet: `Partition.fetchRecords`, between its locks.
pub(super) const SLICE_AND_PROGRESS: &str = "slice and progress";
/// An answer to a fetch is whole, and has not left: metadata may be applied, and the log be cut.
pub(super) const READ_AND_ANSWER: &str = "read and answer";
/// A produce was looked at, and does not append yet.
pub(super) const VERIFY_AND_APPEND: &str = "verify and append";
/// The end of a log was published, and whoever waits for bytes was not told.
pub(super) const APPEND_AND_PURGATORY: &str = "append and purgatory";
/// A high watermark has moved, and whoever waits for it was not told: `Partition.tryCompleteDelayedRequests`.
pub(super) const HIGH_WATERMARK_AND_PURGATORY: &str = "high watermark and purgatory";
/// A partition has changed its role, and whoever waits on it was not told:
/// `ReplicaManager.completeDelayedOperationsWhenNotPartitionLeader`.
pub(super) const ROLE_AND_PURGATORY: &str = "role and purgatory";
/// What waited is complete and has left the purgatory, and its callback has not run: `DelayedOperation.forceComplete`.
pub(super) const PURGATORY_AND_ANSWER: &str = "purgatory and answer";
/// A leader's answer is there, and its next partition is not processed: `AbstractFetcherThread.processFetchRequest`.
pub(super) const ANSWER_AND_APPEND: &str = "answer and append";
/// A follower knows where it differs from its leader, and has not cut: `truncateOnFetchResponse` takes the lock anew.
pub(super) const DIVERGENCE_AND_CUT: &str = "divergence and cut";
/// An event stands in the queue of a group coordinator, and its thread has not come to it: a high watermark that was
/// told, the end of a leadership, an unloading lie as far apart as that (KAFKA-20634).
pub(super) const EVENT_AND_TURN: &str = "event and turn";

impl Broker {
    /// Whether the job ends at `point`: then `rest` is held up, and waits its turn behind what its pool has to do.
    pub(super) fn lets_go(
        &mut self,
        point: &'static str,
        rest: impl FnOnce() -> Task,
        cx: &mut Cx<'_>,
    ) -> bool {
        let ends = cx.yields(point);
        if ends {
            self.hold_up(rest(), cx);
        }
        ends
    }

    /// Goes on with `rest`: at once on this lane, or held up.
    pub(super) fn then_or_later(&mut self, point: &'static str, rest: Task, cx: &mut Cx<'_>) {
        if cx.yields(point) {
            self.hold_up(rest, cx);
        } else {
            self.then(rest, cx);
        }
    }

    /// A job that begins after a while: the operating system gave the processor to somebody else. All orders of
    /// magnitude are alike, from a microsecond to what a busy machine takes.
    pub(super) fn hold_up(&mut self, task: Task, cx: &mut Cx<'_>) {
        let (pool, lock) = (pool_of(&task), self.lock(&task));
        let token = u64::from(self.tasks.insert(task));
        let doubled = cx.random("held-up").below(HELD_UP_DOUBLED);
        let at = cx.now() + Span::from_micros(1 << doubled);
        cx.submit_at(at, pool, token, lock);
    }
}

/// The lanes on which a kind of job runs that is not the rest of another.
pub(super) fn pool_of(task: &Task) -> trial_sim::PoolId {
    match task {
        Task::Handle(_)
        | Task::Append(_)
        | Task::Read(_)
        | Task::RestOfRead(_)
        | Task::AnswerFetch(_)
        | Task::AnswerProduce(_)
        | Task::CheckParked(_)
        | Task::ListOffsets(_)
        | Task::DeleteRecords(_) => HANDLERS,
        Task::Replicate(_) | Task::LogWork(..) => FETCHERS,
        Task::Assign(_) | Task::Drop(_) | Task::Published(..) | Task::Lag(_) => METADATA,
        Task::Coordinate(_) => GROUPS,
        Task::LoadShard(_) => GROUP_LOADER,
        Task::Grab(_) | Task::Clean(..) | Task::Cleaned(_) | Task::CleanerRetain(..) => CLEANER,
        Task::Open
        | Task::Recover
        | Task::CheckpointHighWatermarks
        | Task::CheckpointRecoveryPoints
        | Task::CheckpointLogStarts
        | Task::Retain(_)
        | Task::DeleteFiles(_)
        | Task::ExpireProducers(_)
        | Task::CheckpointEpochs(_)
        | Task::Flush(..)
        | Task::FlushLast(_)
        | Task::CleanShutdown => SCHEDULER,
    }
}
