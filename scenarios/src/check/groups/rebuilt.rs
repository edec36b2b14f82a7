//! What a coordinator loads is what was written: G9.
//!
//! In Kafka:   `CoordinatorLoaderImpl`: replay of whatever compaction has left.
//! Holds:      of each partition of `__consumer_offsets` a coordinator that has replayed every committed record, none
//!             of them compacted away; and states that were loaded and reach beyond that.
//! Invariants: G9 the fingerprint of a loaded state is that of the replayed one at the same offset.
//! Left out:   what classic groups are made of: it is not part of a state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trial_cluster::group::{GroupCoordinator, GroupRecord, GroupSettings};
use trial_cluster::ids::{Offset, TopicPartition};
use trial_sim::{HostId, Time};

use super::{Finding, tell};
use crate::check::verdicts::Verdicts;
use crate::check::words;
use crate::facts::{Facts, PartitionFacts, Stored};

/// A state that was loaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loaded {
    pub(super) at: Time,
    pub(super) host: HostId,
    /// Where its log ended.
    pub(super) end: i64,
    pub(super) state: u64,
    /// The last batch of its log: another one may be committed in its place, and then nobody has to know this state.
    pub(super) tail: Option<Stored>,
}

#[derive(Debug, Clone)]
struct Replayed {
    coordinator: GroupCoordinator,
    end: i64,
    waiting: Vec<Loaded>,
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub(super) struct Rebuilt {
    by_partition: BTreeMap<TopicPartition, Replayed>,
    /// No coordinator can replay their records: something else is told of them.
    forgotten: BTreeSet<TopicPartition>,
}

impl Rebuilt {
    fn of(&mut self, partition: TopicPartition) -> &mut Replayed {
        self.by_partition.entry(partition).or_insert_with(|| Replayed {
            coordinator: GroupCoordinator::new(Arc::new(GroupSettings::default())),
            end: 0,
            waiting: Vec::new(),
        })
    }

    /// A partition has a record that no coordinator may write.
    pub(super) fn forget(&mut self, partition: TopicPartition) {
        self.forgotten.insert(partition);
    }

    /// A batch is committed whose last record has this offset.
    pub(super) fn on_batch(
        &mut self,
        partition: &PartitionFacts,
        (last, records): (i64, &[(i64, GroupRecord)]),
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        if self.forgotten.contains(&partition.id) {
            return;
        }
        let replayed = self.of(partition.id);
        for (offset, record) in records {
            replayed.coordinator.replay(Offset(*offset), record);
        }
        replayed.end = last + 1;
        let waiting = std::mem::take(&mut replayed.waiting);
        for loaded in waiting {
            self.on_loaded(partition, loaded, facts, verdicts);
        }
    }

    /// A coordinator has loaded its log; what is not committed of it may still come to be.
    pub(super) fn on_loaded(
        &mut self,
        partition: &PartitionFacts,
        loaded: Loaded,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        if self.forgotten.contains(&partition.id) {
            return;
        }
        let replayed = self.of(partition.id);
        if loaded.end > replayed.end {
            replayed.waiting.push(loaded);
            return;
        }
        let state = replayed.coordinator.state().fingerprint();
        let committed = partition.committed_at(loaded.end - 1);
        let is_other =
            committed.zip(loaded.tail).is_some_and(|(entry, tail)| !entry.batch.is_same(&tail));
        if loaded.end < replayed.end || state == loaded.state || is_other {
            return;
        }
        let name = partition.name();
        let found = Finding::new(
            "G9",
            format!("{name}: a coordinator has loaded another state than was written"),
            format!("its records below {} make the state {state:016x}", loaded.end),
            format!(
                "{} loaded {:016x} from them",
                words::who(facts, loaded.at, loaded.host),
                loaded.state
            ),
        );
        tell(loaded.at, &name, partition, vec![found], verdicts);
    }
}
