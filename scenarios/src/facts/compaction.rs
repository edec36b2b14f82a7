//! New segments in the place of old ones: what a cleaning may take (S6), and what a crash may leave of it (S8).
//!
//! In Kafka:   `Cleaner.cleanInto`, `MemoryRecords.filterTo`, `LogCleanerManager.cleanableOffsets`; KIP-58, KIP-534.
//! Inputs:     the bytes that were written under `.cleaned`, and the segments that gave way to them.
//! Invariants: CM-1 what is left is what was there, in its order. CM-2 closed segments below the high watermark are
//!             cleaned, none that is younger than min.compaction.lag.ms. CM-3 a record goes if a later one of its key
//!             is among them, if it has no key, or if it is a tombstone whose batch says since when it may go, and that
//!             is over. CM-4 a batch says so once, delete.retention.ms after its segment was closed at the earliest.
//! Left out:   control records and what transactions decide: markers are not followed, aborted records count as the
//!             others. Segments that a cleaning has made before may be of any age: a clock may have stepped back.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_cluster::ids::TopicPartition;
use trial_sim::{CrashKind, HostId, Time};

use super::clocks::WallTime;
use super::fact::{Fact, Known};
use super::facts::{Disks, Facts};
use super::keeping::Keeping;
use super::partition::Gone;
use super::record_print::RecordPrint;
use super::replica_log::{ReplicaLog, Stored};
use super::segment::Segment;
use super::swap::Replacement;

impl Facts {
    /// New segments have taken the place of old ones.
    pub(super) fn on_replaced(
        &mut self,
        at: Time,
        (host, wall): (HostId, WallTime),
        id: TopicPartition,
        replaced: &Replacement,
        known: &mut Vec<Known>,
    ) {
        let judged = self.judge_cleaning(at, (host, wall), id, replaced);
        let partition = self.partitions.get_mut(&id).expect("its log was changed");
        let Some(log) = partition.logs.get(&host) else { return };
        let old = replaced.old.values().flat_map(|segment| segment.batches.iter());
        let is_new = |batch: &&Stored| !log.at(batch.base).is_some_and(|here| here.is_same(batch));
        let gone: Vec<Stored> = old.filter(is_new).copied().collect();
        if !log.keeps_records {
            self.on_removed(at, host, id, &gone, false, known);
            return;
        }
        let from = replaced.new.iter().chain(replaced.old.keys()).min().copied().unwrap_or(0);
        let ends = replaced.old.iter().map(|(base, segment)| segment.next_offset(*base));
        let to = ends.max().unwrap_or(from);
        let how = if judged.is_ok() { Gone::LetGo } else { Gone::Cut };
        let high_watermark = log.top;
        let refused = match judged {
            Ok(expired) => {
                for offset in expired {
                    partition.expired.entry(offset).or_insert(at);
                }
                None
            }
            Err(rule) => Some(Arc::from(rule)),
        };
        partition.removed(at, host, &gone, how);
        let fact = Fact::Cleaned { host, from, to: to - 1, high_watermark, refused };
        known.push(Known { at, partition: id, fact });
    }

    fn judge_cleaning(
        &self,
        at: Time,
        (host, wall): (HostId, WallTime),
        id: TopicPartition,
        replaced: &Replacement,
    ) -> Result<Vec<i64>, String> {
        let keeping = self.keeping(id);
        let log = self.partitions.get(&id).and_then(|partition| partition.logs.get(&host));
        let Some(log) = log.filter(|log| log.keeps_records) else { return Ok(Vec::new()) };
        Cleaning { at, wall, keeping: &keeping, log, replaced }.judge()
    }

    /// A process ended in the midst of a replacement, which a load will finish. Answers false if that is to be taken
    /// for a loss: a power loss may have torn what was to come.
    pub(super) fn on_interrupted(
        &mut self,
        at: Time,
        (host, wall, kind): (HostId, WallTime, CrashKind),
        id: TopicPartition,
        replaced: &Replacement,
        known: &mut Vec<Known>,
    ) -> bool {
        let is_legal = self.judge_cleaning(at, (host, wall), id, replaced).is_ok();
        let counts = is_legal || kind == CrashKind::Process;
        if counts {
            self.on_replaced(at, (host, wall), id, replaced, known);
        }
        counts
    }

    /// A process has ended: a log that it was cleaning has the old segments or the new ones, and nothing twice.
    pub(super) fn on_half_cleaned(
        &self,
        at: Time,
        (host, kind): (HostId, CrashKind),
        id: TopicPartition,
        removed: &[Stored],
        known: &mut Vec<Known>,
    ) {
        let Some(log) = self.partitions.get(&id).and_then(|partition| partition.logs.get(&host))
        else {
            return;
        };
        if !log.keeps_records {
            return;
        }
        let active = log.segment_bases().last().unwrap_or(0);
        let hole = removed.iter().find(|batch| batch.last < active);
        let what = match (hole, log.goes_back_at()) {
            // The end of a process takes nothing that was written, but what its unfinished jobs wrote at the end.
            (Some(batch), _) if kind == CrashKind::Process => {
                (batch.base, "is neither in the old segments nor in the new ones")
            }
            (_, Some(offset)) => (offset, "is in the old segments and in the new ones"),
            _ => return,
        };
        let fact = Fact::Mixed { host, offset: what.0, what: what.1 };
        known.push(Known { at, partition: id, fact });
    }

    /// From now on the records of a topic have to be known.
    pub(super) fn keep_records(&mut self, topic: &str, disks: &dyn Disks) {
        for partition in self.partitions.values_mut().filter(|one| &*one.topic == topic) {
            if partition.keeps_records {
                continue;
            }
            partition.keeps_records = true;
            let folder = format!("{}-{}", partition.topic, partition.id.partition);
            for (host, log) in &mut partition.logs {
                log.keeps_records = true;
                log.reread(disks.disk(*host), &folder);
            }
            partition.learn_records();
        }
    }
}

/// A cleaning under judgement.
struct Cleaning<'a> {
    at: Time,
    wall: WallTime,
    keeping: &'a Keeping,
    /// The log as it is now.
    log: &'a ReplicaLog,
    replaced: &'a Replacement,
}

impl Cleaning<'_> {
    /// Answers the tombstones that went since their time was over. The error says which rule is broken.
    fn judge(&self) -> Result<Vec<i64>, String> {
        self.may_be_cleaned()?;
        self.order()?;
        let gone = self.gone()?;
        self.why_gone(&gone)
    }

    /// CM-2.
    fn may_be_cleaned(&self) -> Result<(), String> {
        if !self.keeping.compacts {
            return Err("cleanup.policy has no compact".to_owned());
        }
        let active = self.log.segment_bases().last().unwrap_or(0);
        for (base, segment) in &self.replaced.old {
            if *base >= active {
                return Err(format!("the segment at {base} was not closed"));
            }
            let Some(last) = segment.batches.last().map(|batch| batch.last) else { continue };
            if last >= self.log.top {
                return Err(format!("offset {last} is not below the high watermark"));
            }
            let lag = self.keeping.min_compaction_lag_ms;
            let newest =
                segment.batches.iter().map(|batch| batch.max_timestamp).max().unwrap_or(-1);
            let age = self.wall.latest_ms.saturating_sub(newest);
            if lag > 0 && !segment.is_cleaned && age < lag {
                return Err(format!(
                    "the newest record of the segment at {base} is {age} ms old and min.compaction.lag.ms is {lag}"
                ));
            }
        }
        Ok(())
    }

    /// CM-1, of the batches.
    fn order(&self) -> Result<(), String> {
        self.log.goes_back_at().map_or(Ok(()), |offset| Err(format!("offsets go back at {offset}")))
    }

    /// CM-1, of the records; answers those that are gone. CM-4 of those that stay.
    fn gone(&self) -> Result<Vec<RecordPrint>, String> {
        let mut old = self
            .replaced
            .old
            .values()
            .flat_map(|segment| segment.records.iter().map(move |record| (record, segment)));
        let mut gone = Vec::new();
        let new = self.replaced.new.iter().filter_map(|base| self.log.segment(*base));
        for record in new.flat_map(|segment| segment.records.iter()) {
            loop {
                match old.next() {
                    Some((was, segment)) if was.is_same(record) => {
                        self.horizon(was, record, segment)?;
                        break;
                    }
                    Some((was, _)) if was.offset < record.offset => gone.push(*was),
                    Some((was, _)) if was.offset == record.offset => {
                        return Err(format!("the record at offset {} is another one", was.offset));
                    }
                    _ => {
                        return Err(format!("there was no record at offset {}", record.offset));
                    }
                }
            }
        }
        gone.extend(old.map(|(record, _)| *record));
        Ok(gone)
    }

    /// CM-4.
    fn horizon(
        &self,
        was: &RecordPrint,
        is: &RecordPrint,
        segment: &Segment,
    ) -> Result<(), String> {
        if !is.is_tombstone || was.horizon_ms == is.horizon_ms {
            return Ok(());
        }
        let offset = is.offset;
        if was.horizon_ms >= 0 {
            return Err(format!(
                "the time at which the tombstone at offset {offset} may go was changed"
            ));
        }
        // The cleaning began after the segment was closed, and that was after it was last written to.
        let Some(written) = segment.written_at else { return Ok(()) };
        let earliest = self.wall.since(self.at, written);
        let least = earliest.saturating_add(self.keeping.delete_retention_ms);
        if is.horizon_ms < least {
            let early = least - is.horizon_ms;
            return Err(format!(
                "the tombstone at offset {offset} is to go {early} ms before delete.retention.ms is over"
            ));
        }
        Ok(())
    }

    /// CM-3.
    fn why_gone(&self, gone: &[RecordPrint]) -> Result<Vec<i64>, String> {
        let active = self.log.segment_bases().last().unwrap_or(0);
        let bound = active.min(self.log.top);
        let mut newest: BTreeMap<u64, i64> = gone.iter().map(|record| (record.key, -1)).collect();
        let from = gone.first().map_or(bound, |record| record.offset);
        let there = self.log.records_from(from).take_while(|record| record.offset < bound);
        for record in there.chain(gone) {
            if let Some(known) = newest.get_mut(&record.key) {
                *known = record.offset.max(*known);
            }
        }
        let mut expired = Vec::new();
        for record in gone {
            let RecordPrint { offset, key, horizon_ms, is_tombstone, .. } = *record;
            if key == 0
                || offset < self.log.begin()
                || newest.get(&key).is_some_and(|it| *it > offset)
            {
                continue;
            }
            let now = self.wall.latest_ms;
            if !is_tombstone {
                return Err(format!(
                    "the record at offset {offset} was the newest of its key and is gone"
                ));
            } else if horizon_ms < 0 {
                return Err(format!(
                    "the tombstone at offset {offset} is gone, and no cleaning had said when it may go"
                ));
            } else if now < horizon_ms {
                let early = horizon_ms - now;
                return Err(format!("the tombstone at offset {offset} went {early} ms too early"));
            }
            expired.push(offset);
        }
        Ok(expired)
    }
}
