//! A shard is loaded: its log is read a piece at a time, on a thread of its own.
//!
//! In Kafka:   `CoordinatorLoaderImpl.doLoad`, on its scheduler of one thread.
//! Invariants: LO-2 the log is read to the end that it has when the end is reached: what is appended meanwhile is read
//!             too. LO-3 a read takes no lock, as any other.

use trial_sim::Span;

use crate::broker::task::{GROUP_LOADER, Task};
use crate::broker::{Broker, Cx, DISK, costs};
use crate::group::shard::{LoadFault, Loading, ShardEvent};
use crate::ids::{Offset, TopicPartition};
use crate::storage::SimulatedDisk;

/// A loading of a shard.
#[derive(Debug, Clone)]
pub(in crate::broker) struct LoadShard {
    partition: i32,
    loading: Loading,
    /// How it ended, once it has.
    ended: Option<Result<(), LoadFault>>,
}

impl Broker {
    /// A shard wants its log to be read.
    pub(super) fn load_shard(&mut self, partition: i32, load: u64, cx: &mut Cx<'_>) {
        let loading = Loading::new(load);
        let work = LoadShard { partition, loading, ended: None };
        let token = u64::from(self.tasks.insert(Task::LoadShard(Box::new(work))));
        cx.submit(GROUP_LOADER, token, None);
    }

    /// First half: the next piece.
    pub(in crate::broker) fn start_load_shard(
        &mut self,
        work: &mut LoadShard,
        cx: &mut Cx<'_>,
    ) -> Span {
        let before = work.loading.stats.bytes;
        work.ended = self.load_piece(work, cx).transpose();
        let read = usize::try_from(work.loading.stats.bytes - before);
        costs::READ + costs::bytes(read.expect("what is in memory"))
    }

    /// Reads and replays a piece; nothing if there is more.
    fn load_piece(
        &mut self,
        work: &mut LoadShard,
        cx: &mut Cx<'_>,
    ) -> Result<Option<()>, LoadFault> {
        let Some(hosted) = self.groups.shards.get_mut(&work.partition) else {
            return Err(LoadFault::NotLeader);
        };
        // LO-1: somebody else's business now.
        if self.closing || !hosted.shard.awaits(work.loading.load) {
            return Err(LoadFault::NotLeader);
        }
        let id = TopicPartition { topic: hosted.topic, partition: work.partition };
        let slot = self.replicas.slot(id).ok_or(LoadFault::NotLeader)?;
        let replica = self.replicas.get_mut(slot).ok_or(LoadFault::NotLeader)?;
        if replica.partition.leader().is_none() {
            return Err(LoadFault::NotLeader);
        }
        let offsets = replica.partition.offsets();
        let (end, high_watermark) = (offsets.log_end_offset(), offsets.high_watermark());
        let from = work.loading.next.unwrap_or_else(|| replica.log.log_start_offset());
        if from >= end {
            return Ok(Some(()));
        }
        let size = self.config.group.offsets_load_buffer_size;
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        let read = replica.log.read(&mut disk, from, size, end, true, &mut replica.events);
        let records = read.map_err(|_| LoadFault::Disk)?.records;
        if records.is_empty() {
            return Ok(Some(()));
        }
        hosted.shard.replay_batches(&mut work.loading, &records, high_watermark)?;
        let is_over = work.loading.next.is_none_or(|next: Offset| next >= end);
        Ok(is_over.then_some(()))
    }

    /// Second half: more, or the shard is told.
    pub(in crate::broker) fn finish_load_shard(&mut self, work: LoadShard, cx: &mut Cx<'_>) {
        if let Some(hosted) = self.groups.shards.get(&work.partition) {
            let id = TopicPartition { topic: hosted.topic, partition: work.partition };
            if let Some(slot) = self.replicas.slot(id) {
                self.on_log_events(slot, cx);
            }
        }
        let Some(ended) = &work.ended else {
            let token = u64::from(self.tasks.insert(Task::LoadShard(Box::new(work))));
            cx.then(token, None);
            return;
        };
        let outcome = ended.map(|()| work.loading.stats);
        let load = work.loading.load;
        self.tell_shard(work.partition, ShardEvent::Loaded { load, outcome }, cx);
    }
}
