//! Reads committed records and hands out images, never one from the middle of a metadata transaction.
//!
//! In Kafka:   `MetadataLoader`, `MetadataBatchLoader`; KIP-868 (metadata transactions).
//! Holds:      the image that was published last, the one in the making, and what an open transaction began with.
//! Inputs:     batches of committed records. Effects: an image and its delta to publish.
//! Invariants: K14 a metadata transaction becomes visible whole or not at all.

use super::delta::MetadataDelta;
use super::fingerprint::Fingerprint;
use super::metadata::MetadataImage;
use crate::ids::Offset;
use crate::wire::MetadataRecord;

/// What publishers get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The image before.
    pub old: MetadataImage,
    /// The image from now on.
    pub new: MetadataImage,
    /// What lies between them.
    pub delta: MetadataDelta,
    /// Of the image from now on.
    pub fingerprint: Fingerprint,
}

/// The machine. One per node, as in Kafka's `SharedServer`.
#[derive(Debug, Clone, Default)]
pub struct MetadataLoader {
    published: MetadataImage,
    fingerprint: Fingerprint,
    next: MetadataImage,
    delta: MetadataDelta,
    /// Image and delta from before the open transaction; `delta` then counts from its beginning.
    before_transaction: Option<(MetadataImage, MetadataDelta)>,
}

impl MetadataLoader {
    /// The image that was published last.
    #[must_use]
    pub fn image(&self) -> &MetadataImage {
        &self.published
    }

    /// Takes records that are committed; the first is at `base_offset` and they follow one another.
    pub fn on_committed(
        &mut self,
        base_offset: Offset,
        records: &[MetadataRecord],
    ) -> Option<Publication> {
        for (offset, record) in (base_offset.0..).map(Offset).zip(records) {
            match record {
                MetadataRecord::BeginTransaction(_) => {
                    assert!(
                        self.before_transaction.is_none(),
                        "K14: a transaction inside another, at {offset}"
                    );
                    let delta = std::mem::take(&mut self.delta);
                    self.before_transaction = Some((self.next.clone(), delta));
                }
                MetadataRecord::EndTransaction(_) => {
                    let before = self.before_transaction.take();
                    let (_, delta) = before.expect("K14: only an open transaction ends");
                    let within = std::mem::replace(&mut self.delta, delta);
                    self.delta.merge(within);
                }
                MetadataRecord::AbortTransaction(_) => {
                    let before = self.before_transaction.take();
                    let before = before.expect("K14: only an open transaction is aborted");
                    (self.next, self.delta) = before;
                }
                _ => {}
            }
            self.next.apply(offset, record, &mut self.delta);
        }
        self.publish()
    }

    fn publish(&mut self) -> Option<Publication> {
        let (image, delta) = match &mut self.before_transaction {
            Some((image, delta)) => (image, delta),
            None => (&mut self.next, &mut self.delta),
        };
        if image.highest_offset() == self.published.highest_offset() {
            return None;
        }
        let delta = std::mem::take(delta);
        let old = std::mem::replace(&mut self.published, image.clone());
        self.fingerprint.on_delta(&old, &self.published, &delta);
        let (new, fingerprint) = (self.published.clone(), self.fingerprint);
        Some(Publication { old, new, delta, fingerprint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Uuid;
    use crate::wire::{
        AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord, TopicRecord,
    };

    fn topic(id: u128) -> MetadataRecord {
        TopicRecord { name: format!("t{id}"), topic_id: Uuid(id) }.into()
    }

    /// Feeds records one batch each; wants the ids of the created topics in each publication.
    #[track_caller]
    fn check(batches: &[&[MetadataRecord]], want: &[&[u128]]) {
        let mut loader = MetadataLoader::default();
        let mut offset = 0;
        let mut got: Vec<Vec<u128>> = Vec::new();
        for records in batches {
            if let Some(publication) = loader.on_committed(Offset(offset), records) {
                got.push(publication.delta.created_topics.iter().map(|id| id.0).collect());
            }
            offset += i64::try_from(records.len()).expect("few");
        }
        let want: Vec<Vec<u128>> = want.iter().map(|ids| ids.to_vec()).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn a_transaction_becomes_visible_whole_or_not_at_all() {
        let begin = || MetadataRecord::from(BeginTransactionRecord::default());
        let end = || MetadataRecord::from(EndTransactionRecord::default());
        let abort = || MetadataRecord::from(AbortTransactionRecord::default());
        check(&[&[topic(1)], &[topic(2)]], &[&[1], &[2]]);
        check(&[&[topic(1), begin(), topic(2)], &[topic(3)], &[end()]], &[&[1], &[2, 3]]);
        check(&[&[topic(1), begin(), topic(2)], &[abort(), topic(3)]], &[&[1], &[3]]);
        check(&[&[begin(), topic(2)], &[abort()], &[topic(2)]], &[&[], &[2]]);
    }
}
