//! The hard state of a controller: the image, and what only controllers keep beside it.
//!
//! In Kafka:   the timeline collections of `ClusterControlManager`, `ReplicationControlManager`, ...;
//!             `OffsetControlManager` (transactions).
//! Holds:      what replaying the log gives, nothing else; a clone is cheap (the in-memory snapshots).
//! Invariants: K14 equal logs give equal states; K15 broker epochs are offsets at or before their record.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::{BrokerId, Offset};
use crate::image::{MetadataDelta, MetadataImage};
use crate::wire::MetadataRecord;

/// What the log says, as controllers keep it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ControllerState {
    image: MetadataImage,
    registration_offsets: Arc<BTreeMap<BrokerId, Offset>>,
    transaction: Option<Transaction>,
}

/// A metadata transaction that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Transaction {
    start: Offset,
    before: Box<ControllerState>,
}

impl ControllerState {
    /// The image.
    #[must_use]
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// The offset of a broker's registration record: until it has read that far, it stays fenced.
    #[must_use]
    pub fn registration_offset(&self, id: BrokerId) -> Option<Offset> {
        self.registration_offsets.get(&id).copied()
    }

    /// Where the open metadata transaction begins.
    #[must_use]
    pub fn transaction_start(&self) -> Option<Offset> {
        self.transaction.as_ref().map(|transaction| transaction.start)
    }

    /// Applies the record at `offset`: the only way in which this state changes.
    pub fn replay(&mut self, offset: Offset, record: &MetadataRecord) -> MetadataDelta {
        let mut delta = MetadataDelta::default();
        match record {
            MetadataRecord::BeginTransaction(_) => {
                assert!(self.transaction.is_none(), "a transaction in another, at {offset}");
                let before = Box::new(self.clone());
                self.transaction = Some(Transaction { start: offset, before });
            }
            MetadataRecord::EndTransaction(_) => {
                let ended = self.transaction.take();
                assert!(ended.is_some(), "no transaction ends at {offset}");
            }
            MetadataRecord::AbortTransaction(_) => {
                let aborted = self.transaction.take();
                *self = *aborted.expect("only an open transaction is aborted").before;
            }
            MetadataRecord::RegisterBroker(record) => {
                assert!(
                    record.broker_epoch <= offset.0,
                    "K15: epoch {} of broker {} lies behind its record at {offset}",
                    record.broker_epoch,
                    record.broker_id
                );
                let offsets = Arc::make_mut(&mut self.registration_offsets);
                offsets.insert(BrokerId(record.broker_id), offset);
            }
            MetadataRecord::UnregisterBroker(record) => {
                let id = BrokerId(record.broker_id);
                Arc::make_mut(&mut self.registration_offsets).remove(&id);
            }
            _ => {}
        }
        self.image.apply(offset, record, &mut delta);
        delta
    }
}
