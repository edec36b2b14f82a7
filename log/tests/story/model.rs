//! The model: segments as lists of batches, epochs as a list, no files.

use std::fmt;

use bytes::Bytes;
use trial_log::{BatchBuilder, LeaderEpoch, LogConfig, Offset, RecordBatch};

use super::act::Act;
use super::node::NOW;

/// A batch, and what it is made of.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    pub base: i64,
    pub last: i64,
    pub epoch: i32,
    /// The timestamps of its records.
    pub times: Vec<i64>,
    pub bytes: Bytes,
}

impl Batch {
    pub fn new(base: i64, epoch: i32, times: &[i64]) -> Self {
        let mut builder = BatchBuilder::new(Offset(base)).leader_epoch(LeaderEpoch(epoch));
        for &time in times {
            builder.append(time, None, Some(&time.to_be_bytes()), &[]);
        }
        let last = base + times.len() as i64 - 1;
        Self { base, last, epoch, times: times.to_vec(), bytes: builder.build().into_bytes() }
    }

    pub fn of(batch: &RecordBatch) -> Self {
        let times = batch.records().map(|record| record.expect("it is whole").timestamp).collect();
        Self {
            base: batch.base_offset().0,
            last: batch.last_offset().0,
            epoch: batch.leader_epoch().0,
            times,
            bytes: Bytes::copy_from_slice(batch.as_bytes()),
        }
    }

    pub fn max_time(&self) -> i64 {
        self.times.iter().copied().max().unwrap_or(-1)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, last, epoch, times, bytes } = self;
        let times: Vec<i64> = times.iter().map(|time| time - NOW).collect();
        write!(f, "{base}..={last} of {epoch} at {times:?} in {} bytes", bytes.len())
    }
}

/// A segment: its base and its batches.
pub type Segment = (i64, Vec<Batch>);

#[derive(Debug, Clone, Default)]
pub struct Model {
    pub segments: Vec<Segment>,
    /// Epochs and where they begin.
    pub epochs: Vec<(i32, i64)>,
    pub start: i64,
    pub end: i64,
    /// All below is durable.
    pub recovery_point: i64,
    /// The leader's epoch.
    pub epoch: i32,
    /// A crash may have moved the start back to here from where it was, and the epochs begin there (as in Kafka: the
    /// start is checkpointed once a minute, the epochs at once).
    pub epochs_from: i64,
    /// What retention has dropped since names were last synced may come back after a power loss.
    pub dropped: Vec<Segment>,
}

pub fn size(segment: &Segment) -> u64 {
    segment.1.iter().map(|batch| batch.bytes.len() as u64).sum()
}

pub fn largest_time(segment: &Segment) -> i64 {
    segment.1.iter().map(Batch::max_time).max().unwrap_or(-1)
}

/// Where a row of segments ends.
pub fn end_of(segments: &[Segment]) -> Option<i64> {
    let (base, batches) = segments.last()?;
    Some(batches.last().map_or(*base, |batch| batch.last + 1))
}

impl Model {
    pub fn new() -> Self {
        Self { segments: vec![(0, Vec::new())], ..Self::default() }
    }

    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &Batch> {
        self.segments.iter().flat_map(|(_, batches)| batches)
    }

    pub fn active(&self) -> &Segment {
        self.segments.last().expect("there is one")
    }

    /// What an act makes of it.
    pub fn after(&self, act: &Act, config: &LogConfig) -> Self {
        let mut model = self.clone();
        match act {
            Act::Append { batch } => model.append(std::slice::from_ref(batch), config),
            Act::Follow { batches } => model.append(batches, config),
            Act::Truncate { to } => model.truncate(*to),
            Act::StartAnew { at } => model.start_anew(*at),
            Act::DeleteRecords { to } => model.start_at(*to),
            Act::Retain { high_watermark, now } => model.retain(*high_watermark, *now, config),
            Act::Replace { old, new } => model.replace(old, new),
            Act::Flush { to } => model.flush(*to),
            Act::Roll => model.roll(model.end),
            Act::Restart => {
                model.flush(model.end);
                model.reopen();
            }
            Act::Checkpoint | Act::RemoveFiles { .. } => {}
        }
        model
    }

    fn append(&mut self, batches: &[Batch], config: &LogConfig) {
        for batch in batches {
            self.epoch = self.epoch.max(batch.epoch);
            self.enter(batch.epoch, batch.base);
        }
        let bytes: u64 = batches.iter().map(|batch| batch.bytes.len() as u64).sum();
        let newest = batches.iter().map(Batch::max_time).max().unwrap_or(-1);
        let active = self.active();
        let first = active.1.first().map(Batch::max_time);
        let is_old = first.is_some_and(|first| newest - first > config.segment_ms);
        if size(active) + bytes > config.segment_bytes || is_old {
            self.roll(batches[0].base);
        }
        let (_, held) = self.segments.last_mut().expect("there is one");
        held.extend_from_slice(batches);
        self.end = held.last().expect("one was appended").last + 1;
    }

    /// A later epoch is entered, and an earlier one goes that has no records left before it.
    fn enter(&mut self, epoch: i32, base: i64) {
        if self.epochs.last().is_none_or(|(latest, _)| *latest < epoch) {
            self.epochs.retain(|(_, start)| *start < base);
            self.epochs.push((epoch, base));
        }
    }

    fn roll(&mut self, at: i64) {
        let base = at.max(self.end);
        if self.active().0 != base {
            self.segments.push((base, Vec::new()));
        }
    }

    fn truncate(&mut self, to: i64) {
        if to >= self.end {
            self.trim_epochs_to(self.end);
        } else if to < self.segments[0].0 {
            self.start_anew(to);
        } else {
            self.segments.retain(|(base, _)| *base <= to);
            let (_, held) = self.segments.last_mut().expect("the first one is left");
            held.retain(|batch| batch.last < to);
            self.end = to;
            self.start = self.start.min(to);
            self.recovery_point = self.recovery_point.min(to);
            self.trim_epochs_to(to);
        }
    }

    fn trim_epochs_to(&mut self, end: i64) {
        self.epochs.retain(|(_, start)| *start < end);
    }

    fn start_anew(&mut self, at: i64) {
        let recovery_point = self.recovery_point.min(at);
        let (epoch, segments) = (self.epoch, vec![(at, Vec::new())]);
        *self = Self { segments, start: at, end: at, epoch, recovery_point, ..Self::default() };
    }

    fn start_at(&mut self, to: i64) {
        if to <= self.start {
            return;
        }
        self.start = to;
        self.trim_epochs_from(to);
    }

    /// The epoch that the start lies in begins there; those before it are forgotten.
    fn trim_epochs_from(&mut self, to: i64) {
        let below = self.epochs.iter().rposition(|(_, start)| *start <= to);
        self.epochs.drain(..below.unwrap_or(0));
        if below.is_some() {
            self.epochs[0].1 = to;
        }
    }

    fn retain(&mut self, high_watermark: i64, now: i64, config: &LogConfig) {
        let start = self.start;
        self.drop_while(high_watermark, |_, next| next.is_some_and(|next| next <= start));
        let mut excess =
            self.segments.iter().map(size).sum::<u64>() as i64 - config.retention_bytes;
        if config.retention_bytes >= 0 {
            self.drop_while(high_watermark, |segment, _| {
                excess -= size(segment) as i64;
                excess >= 0
            });
        }
        if config.retention_ms >= 0 {
            self.drop_while(high_watermark, |segment, _| {
                // A segment without records is as old as its last change, which was now.
                let largest = if segment.1.is_empty() { NOW } else { largest_time(segment) };
                now - largest > config.retention_ms
            });
        }
    }

    fn drop_while(
        &mut self,
        high_watermark: i64,
        mut unwanted: impl FnMut(&Segment, Option<i64>) -> bool,
    ) {
        let mut count = 0;
        for (number, segment) in self.segments.iter().enumerate() {
            let next = self.segments.get(number + 1).map(|(base, _)| *base);
            let is_empty_active = next.is_none() && segment.1.is_empty();
            if next.unwrap_or(self.end) > high_watermark
                || is_empty_active
                || !unwanted(segment, next)
            {
                break;
            }
            count += 1;
        }
        if count == 0 {
            return;
        }
        if count == self.segments.len() {
            self.roll(self.end);
        }
        self.dropped.extend(self.segments.drain(..count));
        self.start_at(self.segments[0].0);
    }

    fn replace(&mut self, old: &[i64], new: &[Segment]) {
        self.segments.retain(|(base, _)| !old.contains(base));
        self.segments.extend_from_slice(new);
        self.segments.sort_by_key(|(base, _)| *base);
        self.dropped.clear();
    }

    fn flush(&mut self, to: i64) {
        self.recovery_point = self.recovery_point.max(to);
    }

    /// Opened, a log ends with its last batch or where its last segment begins, though it was cut further on.
    fn reopen(&mut self) {
        let end = end_of(&self.segments).expect("there is one");
        if end < self.start {
            let start = self.start;
            self.start_anew(start);
        } else {
            self.end = end;
            let knew = !self.epochs.is_empty();
            self.trim_epochs_to(end);
            if knew && self.epochs.is_empty() && end > self.start {
                // The only one began beyond all records that are left: they say which one is theirs.
                let all = self.segments.iter().flat_map(|(_, batches)| batches);
                let met: Vec<(i32, i64)> = all.map(|batch| (batch.epoch, batch.base)).collect();
                met.into_iter().for_each(|(epoch, base)| self.enter(epoch, base));
                self.trim_epochs_from(self.start);
            }
            self.start_at(self.start.max(self.segments[0].0));
        }
        self.recovery_point = self.recovery_point.min(self.end);
    }
}
