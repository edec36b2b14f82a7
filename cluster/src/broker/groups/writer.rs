//! The log of a shard, as the broker that leads it writes it.
//!
//! In Kafka:   `CoordinatorPartitionWriter`, `ReplicaManager.appendRecordsToLeader` with `acks=1`: whether enough
//!             replicas are in sync is not asked when a coordinator writes; its answer waits for the high watermark.
//! Holds:      what one event has appended.

use trial_log::{AppendOrigin, RecordBatch};

use crate::broker::api::error_of_log;
use crate::broker::replicas::Replica;
use crate::error_code::ErrorCode;
use crate::group::shard::PartitionWriter;
use crate::ids::Offset;
use crate::storage::SimulatedDisk;

/// Waits for no replica.
const ACKS_LEADER: i16 = 1;

/// See the head of the file.
pub(super) struct Writer<'a, 'disk> {
    /// None if this broker has no such replica, or closes its logs.
    pub(super) replica: Option<&'a mut Replica>,
    pub(super) disk: SimulatedDisk<'disk>,
    pub(super) now_ms: i64,
    /// Where the log ends by what was appended here.
    pub(super) end: Option<Offset>,
    /// How many bytes that was.
    pub(super) bytes: usize,
}

impl PartitionWriter for Writer<'_, '_> {
    fn max_batch_size(&self) -> Result<usize, ErrorCode> {
        let replica = self.replica.as_ref().ok_or(ErrorCode::NotLeaderOrFollower)?;
        Ok(replica.log.config().max_message_bytes)
    }

    fn append(&mut self, batch: RecordBatch) -> Result<Offset, ErrorCode> {
        let replica = self.replica.as_mut().ok_or(ErrorCode::NotLeaderOrFollower)?;
        let epoch = replica.partition.check_append(ACKS_LEADER)?;
        let (records, origin) = (batch.into_bytes(), AppendOrigin::Coordinator);
        self.bytes += records.len();
        let (log, events) = (&mut replica.log, &mut replica.events);
        let appended =
            log.append_as_leader(&mut self.disk, records, epoch, origin, self.now_ms, events);
        let info = appended.map_err(|error| error_of_log(&error))?;
        let end = info.last_offset.next();
        self.end = Some(end);
        Ok(end)
    }
}
