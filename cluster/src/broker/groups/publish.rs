//! What the metadata log means to the group coordinators: elections, resignations, newer images, topics that went.
//!
//! In Kafka:   `BrokerMetadataPublisher.updateCoordinator`, `TopicDelta.localChanges`,
//!             `GroupCoordinatorService.onMetadataUpdate`.
//! Invariants: GP-1 a coordinator hears of an election or a resignation after its partition did, and of the image after
//!             that: in the order of the publications.
//! Left out:   Kafka's publisher waits until the offsets of topics that are gone are deleted, and that is committed;
//!             here the coordinators do it, and nobody waits.

use std::sync::Arc;

use crate::broker::{Broker, Cx};
use crate::controller::topic_names::GROUP_METADATA_TOPIC;
use crate::group::shard::ShardEvent;
use crate::ids::{BrokerId, TopicId};
use crate::image::{MetadataDelta, MetadataImage, PartitionRegistration};

/// What a publication means to the coordinators.
#[derive(Debug, Clone)]
pub(in crate::broker) struct GroupPublication {
    image: MetadataImage,
    changed: Arc<MetadataDelta>,
    /// Elections and resignations: the topic, the partition, the event.
    events: Vec<(TopicId, i32, ShardEvent)>,
    deleted: Arc<[(TopicId, Arc<str>)]>,
}

impl GroupPublication {
    pub(in crate::broker) fn of(
        broker: BrokerId,
        old: &MetadataImage,
        new: &MetadataImage,
        changed: &MetadataDelta,
    ) -> Self {
        let mut events = Vec::new();
        for topic in changed.deleted_topics.values() {
            if &*topic.name == GROUP_METADATA_TOPIC {
                let led = topic.partitions.iter().filter(|(_, it)| it.leader == Some(broker));
                events.extend(
                    led.map(|(index, _)| (topic.id, *index, ShardEvent::Unload { epoch: None })),
                );
            }
        }
        if let Some(topic) = new.topics().topic_by_name(GROUP_METADATA_TOPIC) {
            let of_topic = changed.partitions.iter().filter(|id| id.topic == topic.id);
            let mut resignations = Vec::new();
            for id in of_topic {
                let before = old.topics().partition(*id);
                let Some(now) = topic.partitions.get(&id.partition) else { continue };
                match local_change(broker, before.map(|it| &**it), now) {
                    Some(event @ ShardEvent::Load { .. }) => {
                        events.push((topic.id, id.partition, event));
                    }
                    Some(event) => resignations.push((topic.id, id.partition, event)),
                    None => {}
                }
            }
            events.extend(resignations);
        }
        let deleted = changed.deleted_topics.values();
        Self {
            image: new.clone(),
            changed: Arc::new(changed.clone()),
            events,
            deleted: deleted.map(|topic| (topic.id, Arc::clone(&topic.name))).collect(),
        }
    }
}

/// What a change of a partition means to its coordinator on this broker.
fn local_change(
    broker: BrokerId,
    before: Option<&PartitionRegistration>,
    now: &PartitionRegistration,
) -> Option<ShardEvent> {
    let epoch = now.leader_epoch;
    if !now.replicas.contains(&broker) {
        let had = before.is_some_and(|before| before.replicas.contains(&broker));
        return had.then_some(ShardEvent::Unload { epoch: None });
    }
    if now.leader == Some(broker) {
        let elected = before.is_none_or(|before| before.leader_epoch != epoch);
        return elected.then_some(ShardEvent::Load { epoch });
    }
    let changed = before.is_none_or(|before| before.partition_epoch != now.partition_epoch);
    changed.then_some(ShardEvent::Unload { epoch: Some(epoch) })
}

impl Broker {
    /// The coordinators start (`GroupCoordinatorService.startup`): from now on groups have partitions, as many as the
    /// topic has by now or will have.
    pub(in crate::broker) fn start_groups(&mut self) {
        let topic = self.image.topics().topic_by_name(GROUP_METADATA_TOPIC);
        let there = topic.map(|topic| topic.partitions.len());
        let there = there.and_then(|count| i32::try_from(count).ok());
        self.groups.partitions =
            Some(there.unwrap_or(self.config.group.offsets_topic_num_partitions));
    }

    /// A publication was applied to the partitions, and now comes to the coordinators.
    pub(in crate::broker) fn publish_to_groups(
        &mut self,
        publication: GroupPublication,
        cx: &mut Cx<'_>,
    ) {
        let GroupPublication { image, changed, events, deleted } = publication;
        for (topic, partition, event) in events {
            self.groups.host(topic, partition, &event, (&self.config, &self.rules));
            self.tell_shard(partition, event, cx);
        }
        self.groups.image = image.clone();
        for partition in self.groups.hosted() {
            let (image, changed) = (image.clone(), Arc::clone(&changed));
            self.tell_shard(partition, ShardEvent::Metadata { image, changed }, cx);
        }
        if !deleted.is_empty() {
            for partition in self.groups.hosted() {
                self.tell_shard(partition, ShardEvent::TopicsDeleted(Arc::clone(&deleted)), cx);
            }
        }
    }
}
