//! A coordinator on the timeline of its log: what is written, what is committed, and the way back.
//!
//! In Kafka:   `SnapshottableCoordinator`, `SnapshotRegistry`.
//! Holds:      the machine, with what is not committed; its state as far as that is committed, and after each batch
//!             that is not.
//! Invariants: TL-1 what is written rises, what is committed does not fall and is not beyond. TL-2 a batch that failed
//!             leaves the state as the one before had left it. G13 questions are answered at the committed state.

use std::collections::VecDeque;

use super::event::{ShardEffect, ShardStep};
use crate::group::machine::GroupCoordinator;
use crate::group::request::{Asker, GroupQuestion, GroupResponse};
use crate::group::state::GroupState;
use crate::group::step::{GroupError, Step};
use crate::ids::Offset;
use crate::image::MetadataImage;

/// A coordinator, with what its log says and how much of that is committed.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    pub(super) machine: GroupCoordinator,
    /// The cluster as it knows it.
    pub(super) image: MetadataImage,
    last_written: Offset,
    last_committed: Offset,
    committed: GroupState,
    /// The state after each batch that is not: where the batch ends, and the state then.
    uncommitted: VecDeque<(Offset, GroupState)>,
}

impl Timeline {
    pub(super) fn new(machine: GroupCoordinator) -> Self {
        Self {
            committed: machine.state().clone(),
            machine,
            image: MetadataImage::default(),
            last_written: Offset::ZERO,
            last_committed: Offset::ZERO,
            uncommitted: VecDeque::new(),
        }
    }

    /// Calls the coordinator; what it wants to be done comes behind what the step has already.
    pub(super) fn with<R>(
        &mut self,
        step: &mut ShardStep<'_>,
        call: impl FnOnce(&mut GroupCoordinator, &mut Step<'_>) -> R,
    ) -> R {
        let mut effects = Vec::new();
        let mut lent = Step {
            now: step.now,
            wall_ms: step.wall_ms,
            random: &mut *step.random,
            image: &self.image,
            effects: &mut effects,
        };
        let answer = call(&mut self.machine, &mut lent);
        step.effects.extend(effects.into_iter().map(ShardEffect::Group));
        answer
    }

    /// Has a question answered from what is committed (G13).
    pub(super) fn read(
        &mut self,
        step: &mut ShardStep<'_>,
        asker: &Asker,
        question: GroupQuestion,
    ) -> Result<GroupResponse, GroupError> {
        let mut effects = Vec::new();
        let mut lent = Step {
            now: step.now,
            wall_ms: step.wall_ms,
            random: &mut *step.random,
            image: &self.image,
            effects: &mut effects,
        };
        let answer = self.machine.read(&mut lent, &self.committed, asker, question);
        step.effects.extend(effects.into_iter().map(ShardEffect::Group));
        answer
    }

    pub(super) const fn last_written(&self) -> Offset {
        self.last_written
    }

    pub(super) const fn last_committed(&self) -> Offset {
        self.last_committed
    }

    #[cfg(test)]
    pub(super) const fn committed(&self) -> &GroupState {
        &self.committed
    }

    #[cfg(test)]
    pub(super) fn uncommitted_ends(&self) -> Vec<Offset> {
        self.uncommitted.iter().map(|(end, _)| *end).collect()
    }

    /// A batch is in the log, which ends at `end` now.
    pub(super) fn on_written(&mut self, end: Offset) {
        assert!(end > self.last_written, "TL-1: {end} was written after {}", self.last_written);
        self.last_written = end;
        self.uncommitted.push_back((end, self.machine.state().clone()));
    }

    /// A batch was not written: its records are forgotten (TL-2).
    pub(super) fn revert(&mut self) {
        let before = self.uncommitted.back().map_or(&self.committed, |(_, state)| state);
        self.machine.revert(before.clone());
    }

    /// Everything below `high_watermark` is committed; false if no record there can be this coordinator's.
    pub(super) fn on_committed(&mut self, high_watermark: Offset) -> bool {
        if high_watermark < self.last_committed || high_watermark > self.last_written {
            return false;
        }
        self.last_committed = high_watermark;
        while self.uncommitted.front().is_some_and(|(end, _)| *end <= high_watermark) {
            (_, self.committed) = self.uncommitted.pop_front().expect("just seen");
        }
        self.forget();
        true
    }

    /// A batch that begins at `base` is read next while the log is loaded. If it is the first that is not committed,
    /// what was read before is, though the batch that ended there may have been compacted away.
    pub(super) fn before_loaded_from(&mut self, base: Offset, high_watermark: Offset) {
        if base >= high_watermark && high_watermark > self.last_written {
            self.on_loaded_to(high_watermark, high_watermark);
        }
    }

    /// What the timeline cannot go back to is not kept.
    fn forget(&mut self) {
        let mut kept = vec![&self.committed];
        kept.extend(self.uncommitted.iter().map(|(_, state)| state));
        self.machine.forget_classic_groups(&kept);
    }

    /// A batch was read while the log is loaded: it ends at `end`.
    pub(super) fn on_loaded_to(&mut self, end: Offset, high_watermark: Offset) {
        if end < high_watermark {
            self.forget();
            return;
        }
        self.on_written(end);
        if high_watermark > self.last_committed {
            assert!(self.on_committed(high_watermark), "TL-1: {high_watermark} beyond {end}");
        }
    }
}
