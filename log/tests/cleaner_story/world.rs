//! A compacted log with its cleaner, its producers, and all that was ever appended.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_log::{
    AppendOrigin, AppendTerms, Batches, CleanerCandidate, CleanerConfig, Cleaning, CleaningStep,
    CompressionType, Disk, DiskError, LastBatchKept, LeaderEpoch, Log, LogCleanerManager,
    LogConfig, LogError, LogStartReason, LogToClean, MemoryDisk, Offset, PowerLoss, PreCleanStats,
    RecordBatch, TransactionVersion,
};

use super::step::{Between, Step};
use crate::support::cleaned::{History, Pass, judge, reads_committed};
use crate::support::cleaning::keyed;
use crate::support::producers::{abort, commit};
use crate::support::transactions::marker;
use crate::support::{FOLDER, Fixture};

const DELETE_RETENTION_MS: i64 = 50;

/// How often what a story is about has happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Cleanings that were done.
    pub done: usize,
    /// Cleanings that were stopped.
    pub stopped: usize,
    /// Batches that a cleaning has removed.
    pub gone: usize,
    /// Times that the log start moved.
    pub started_later: usize,
    /// Times that a crash moved it back.
    pub started_earlier: usize,
    /// Segments that retention has dropped.
    pub dropped: usize,
    /// Segments that came back when the power went.
    pub came_back: usize,
}

pub struct World {
    pub f: Fixture,
    pub history: History,
    pub seen: Seen,
    manager: LogCleanerManager,
    /// The epoch and the next sequence of each producer.
    senders: BTreeMap<i64, (i16, i32)>,
    high_watermark: i64,
    /// The log start that its checkpoint knows.
    start_checkpoint: i64,
    /// What was deleted once: it may be back, and then nobody knows whether it is clean, or how its transactions end.
    /// (So it is in Kafka.)
    deleted_below: i64,
    /// What was dropped with its segment, as it was then: it may come back when the power goes.
    dropped: BTreeMap<i64, RecordBatch>,
}

fn orders() -> (Arc<str>, i32) {
    (Arc::from("orders"), 0)
}

impl World {
    /// A log whose policy is `compact`, or `compact,delete`.
    pub fn new(deletes: bool) -> Self {
        let mut f = Fixture::on(
            MemoryDisk::with_cache(),
            LogConfig {
                compacted: true,
                deletes,
                retention_bytes: 3_000,
                retention_ms: 400,
                segment_bytes: 450,
                index_interval_bytes: 150,
                delete_retention_ms: DELETE_RETENTION_MS,
                min_cleanable_dirty_millionths: 0,
                ..LogConfig::default()
            },
        );
        f.disk.sync_dir("").expect("the disk is whole");
        f.disk.sync_dir(FOLDER).expect("the disk is whole");
        Self {
            f,
            history: History::default(),
            seen: Seen::default(),
            manager: LogCleanerManager::default(),
            senders: (0..6).map(|id| (id, (0, 0))).collect(),
            high_watermark: 0,
            start_checkpoint: 0,
            deleted_below: 0,
            dropped: BTreeMap::new(),
        }
    }

    /// All batches in the files, also those below the log's start.
    fn all(&self) -> Vec<RecordBatch> {
        let segments = self.f.segments().into_iter();
        let batches = segments.flat_map(|base| Batches::new(self.f.bytes(base, ".log").into()));
        batches.map(|batch| batch.expect("the files are whole")).collect()
    }

    fn start(&self) -> i64 {
        self.f.log.log_start_offset().0
    }

    fn end(&self) -> i64 {
        self.f.log.log_end_offset().0
    }

    /// Takes what was appended since into the history, and flushes what was closed, as a broker does.
    fn appended(&mut self, since: i64) {
        let new = self.f.batches().into_iter().filter(|batch| batch.base_offset().0 >= since);
        new.for_each(|batch| self.history.add(batch));
        let Fixture { disk, log, events, .. } = &mut self.f;
        let closed = log.segment_base_offsets().next_back().expect("there is one");
        log.flush(disk, closed, events).expect("the disk is whole");
        log.mark_flushed(closed, events);
    }

    fn put(&mut self, id: i64, records: &[(u8, bool)], codec: usize) {
        let (epoch, sequence) = self.senders[&id];
        let since = self.end();
        self.f.now += 1;
        let value = since.to_string();
        let names: Vec<String> = records.iter().map(|(key, _)| format!("key-{key}")).collect();
        let records: Vec<_> = names
            .iter()
            .zip(records)
            .map(|(name, (_, full))| (name.as_str(), full.then_some(value.as_str())))
            .collect();
        let codec = CompressionType::ALL.get(codec).copied().unwrap_or(CompressionType::None);
        let batch =
            keyed(Some(((id, epoch), sequence)), &records, self.f.now).compression(codec.into());
        let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Client);
        let appended = if id < 3 {
            self.f.append_as(batch.build().into_bytes(), &terms)
        } else {
            let guard = self.f.ask((id, epoch), sequence, true).expect("the producer may");
            self.f.append_as(batch.transactional().build().into_bytes(), &terms.verified(guard))
        };
        appended.expect("the batch is good");
        self.senders.insert(id, (epoch, sequence + records.len() as i32));
        self.appended(since);
    }

    fn end_txn(&mut self, id: i64, aborts: bool, keeps_epoch: bool) {
        let (epoch, sequence) = self.senders[&id];
        let since = self.end();
        let what = if aborts { abort(1) } else { commit(1) };
        let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Coordinator);
        let (epoch, sequence, version) = if keeps_epoch {
            (epoch, sequence, TransactionVersion::V0)
        } else {
            (epoch + 1, 0, TransactionVersion::V2)
        };
        let records = marker((id, epoch), what, self.f.now).build().into_bytes();
        self.f.append_as(records, &terms.version(version)).expect("the marker is good");
        self.senders.insert(id, (epoch, sequence));
        self.appended(since);
    }

    /// The log was cut or opened anew.
    fn learned_anew(&mut self) {
        let (start, end) = (self.start(), self.end());
        self.history.cut(end);
        self.dropped.retain(|_, batch| batch.last_offset().0 < end);
        self.high_watermark = self.high_watermark.clamp(start, end);
        self.deleted_below = self.deleted_below.clamp(start, end);
        self.f.high_watermark(self.high_watermark);
        for (id, (epoch, next)) in &mut self.senders {
            let known = self.f.log.producers().last_entry(*id);
            let goes_on = known.is_some_and(|known| {
                known.producer_epoch() == *epoch && known.last_sequence() + 1 == *next
            });
            if !goes_on {
                (*epoch, *next) = (*epoch + 1, 0);
            }
        }
    }

    /// As a broker cuts a log: the cleaner is paused, and its checkpoint set back.
    fn truncate(&mut self, back: i64) {
        let to = Offset((self.end() - back).max(0));
        let stops = LogCleanerManager::stops_cleaner(&self.f.log, to);
        self.f.truncate(to.0);
        if stops {
            let Fixture { disk, log, .. } = &mut self.f;
            let active = log.segment_base_offsets().next_back().expect("there is one");
            let log = (&orders(), &*log);
            let set_back = self.manager.maybe_truncate_checkpoint(disk, log, active);
            set_back.expect("the disk is whole");
        }
        self.learned_anew();
    }

    /// So much of what is committed is deleted by a client.
    fn delete_records(&mut self, percent: i64) {
        let start = self.start();
        let to = Offset(start + (self.high_watermark - start) * percent / 100);
        let (to_offset, why) = (Offset(self.high_watermark), LogStartReason::ClientRecordDeletion);
        let Fixture { log, events, .. } = &mut self.f;
        let moved = log.increment_log_start_offset(to, to_offset, why, events);
        self.seen.started_later += usize::from(moved.expect("it is committed"));
        self.deleted_below = self.deleted_below.max(self.start());
    }

    /// Retention, whatever the cleaner does.
    fn delete_old_segments(&mut self) {
        let (before, start) = (self.all(), self.start());
        let Fixture { disk, log, events, now, .. } = &mut self.f;
        let dropped = log.delete_old_segments(disk, Offset(self.high_watermark), *now, events);
        self.seen.dropped += dropped.expect("the disk is whole");
        let first = self.f.segments()[0];
        let gone = before.into_iter().filter(|batch| batch.base_offset().0 < first);
        self.dropped.extend(gone.map(|batch| (batch.base_offset().0, batch)));
        assert!(self.start() <= self.high_watermark, "RT-1: it was committed");
        assert!(self.f.config.deletes || first <= start, "{first} was not deleted: {start}");
        self.deleted_below = self.deleted_below.max(self.start());
    }

    /// Retention, as the cleaner does it of a log whose policy has `compact`.
    fn retain(&mut self) {
        if self.manager.deletable_logs([(orders(), &self.f.log)]).is_empty() {
            return;
        }
        self.delete_old_segments();
        self.manager.done_deleting(&orders());
    }

    fn crash(&mut self, power: Option<u64>) {
        self.f.disk.repair();
        if let Some(seed) = power {
            self.f.disk.lose_power(PowerLoss { seed, page_bytes: 64, sector_bytes: 16 });
        }
        let (start, first) = (self.start(), self.f.segments()[0]);
        let recovery_point = self.f.log.recovery_point();
        let reopened = self.f.reopen(false, recovery_point, Offset(self.start_checkpoint));
        reopened.expect("the disk is whole");
        self.manager = LogCleanerManager::default();
        self.learned_anew();
        self.seen.started_earlier += usize::from(self.start() < start);
        let segments = self.f.segments().into_iter();
        self.seen.came_back += segments.filter(|base| *base < first).count();
    }

    /// What of these batches a crash has to leave: all below the end. Dropped ones may be back, in the first segments.
    /// A log that ended before its start is dropped whole.
    fn left_by_crash(&self, before: Vec<RecordBatch>) -> Vec<RecordBatch> {
        let (start, end) = (self.start(), self.end());
        let first = before.first().map_or(end, |batch| batch.base_offset().0);
        let back = self.all().into_iter().take_while(|batch| batch.base_offset().0 < first);
        let back = back.inspect(|batch| {
            let was = self.dropped.get(&batch.base_offset().0);
            assert_eq!(was, Some(batch), "what comes back was dropped");
        });
        let is_anew = start == end && self.all().is_empty();
        let is_left = |batch: &RecordBatch| batch.last_offset().0 < end && !is_anew;
        back.chain(before.into_iter().filter(is_left)).collect()
    }

    pub fn apply(&mut self, step: &Step) {
        let before = self.all();
        match step {
            Step::Put { id, records, codec } => self.put(*id, records, *codec),
            Step::End { id, aborts, keeps_epoch } => self.end_txn(*id, *aborts, *keeps_epoch),
            Step::Roll => {
                self.f.roll();
                let end = self.end();
                self.appended(end);
            }
            Step::HighWatermark { percent } => {
                self.high_watermark = self.high_watermark.max(self.end() * percent / 100);
                self.f.high_watermark(self.high_watermark);
            }
            Step::Later { ms } => self.f.later(*ms),
            Step::Truncate { back } => self.truncate(*back),
            Step::Crash { power } => self.crash(*power),
            Step::DeleteRecords { percent } => self.delete_records(*percent),
            Step::Retain => self.retain(),
            Step::Checkpoint => self.start_checkpoint = self.start(),
            Step::Restart => {
                self.f.restart();
                self.start_checkpoint = self.start();
                self.learned_anew();
            }
            Step::Clean { room, read_bytes, max_segment_bytes, last, between } => {
                let config = CleanerConfig {
                    dedupe_buffer_bytes: room * 24,
                    dedupe_buffer_load_percent: 100,
                    read_bytes: *read_bytes,
                    max_cleaned_segment_bytes: *max_segment_bytes,
                    last_batch_kept: *last,
                };
                self.clean(config, *between, &format!("{step:?}"));
                return;
            }
        }
        // S6 says what a cleaning may change; nothing else changes anything but the end, and retention the beginning.
        let (first, end) = (self.f.segments()[0], self.end());
        let want: Vec<RecordBatch> = match step {
            Step::Crash { .. } => self.left_by_crash(before),
            _ => before.into_iter().filter(|it| it.base_offset().0 >= first).collect(),
        };
        let want: Vec<_> = want.into_iter().filter(|it| it.last_offset().0 < end).collect();
        let after = self.all();
        assert_eq!(after[..want.len().min(after.len())], want, "after {step:?}");
        self.reads(&format!("after {step:?}"));
    }

    fn grab(&mut self) -> Option<LogToClean> {
        let Fixture { disk, log, events, now, .. } = &mut self.f;
        let high_watermark = Offset(self.high_watermark);
        let candidates = [CleanerCandidate { partition: orders(), log, high_watermark }];
        let stats = &mut PreCleanStats::default();
        let found =
            self.manager.grab_filthiest_compacted_log(disk, candidates, *now, stats, events);
        found.expect("the disk is whole").map(|(_, to_clean)| to_clean)
    }

    fn clean(&mut self, config: CleanerConfig, between: Between, when: &str) {
        let Some(to_clean) = self.grab() else { return };
        let mut cleaning = Cleaning::new(&self.f.log, to_clean, config, self.f.now);
        let mut pass = Pass {
            began_ms: self.f.now,
            delete_retention_ms: DELETE_RETENTION_MS,
            first_uncleanable: to_clean.first_uncleanable_offset.0,
            end_offset: None,
            last_kept: match config.last_batch_kept {
                LastBatchKept::OfCleaning => to_clean.first_uncleanable_offset.0,
                LastBatchKept::BelowHighWatermark => self.high_watermark,
            },
            has_room: config.dedupe_buffer_bytes > 100 * 24,
            deleted_below: self.deleted_below,
        };
        let mut before = self.all();
        if let Between::Crash { calls, .. } = between {
            self.f.disk.tear_after(calls, DiskError::Io, 20);
        }
        for number in 0.. {
            if between.comes_after(number) {
                self.judged(&before, pass, &format!("in the midst of {when}"));
                self.interrupt(between, &mut pass);
                before = self.all();
            }
            let Fixture { disk, log, events, now, .. } = &mut self.f;
            match cleaning.step(log, disk, Offset(self.high_watermark), *now, events) {
                Ok(CleaningStep::More) => {}
                Ok(CleaningStep::Done { end_offset }) => {
                    pass.end_offset = Some(end_offset.0);
                    self.seen.done += 1;
                    let done = self.manager.done_cleaning(disk, &orders(), end_offset, |_| true);
                    if !matches!(between, Between::Crash { .. }) {
                        done.expect("the disk is whole");
                    }
                    break;
                }
                Ok(CleaningStep::Stopped) => {
                    self.seen.stopped += 1;
                    let dirty = to_clean.first_dirty_offset.min(log.log_end_offset());
                    self.manager.done_cleaning(disk, &orders(), dirty, |_| true).expect("whole");
                    // The cut has set it back, and it is not to rise again.
                    let Fixture { disk, log, .. } = &mut self.f;
                    let active = log.segment_base_offsets().next_back().expect("there is one");
                    let log = (&orders(), &*log);
                    self.manager.maybe_truncate_checkpoint(disk, log, active).expect("whole");
                    break;
                }
                Err(error) => {
                    assert!(matches!(error, LogError::Disk(_) | LogError::Offline), "{error}");
                    assert!(matches!(between, Between::Crash { .. }), "{error}");
                    break;
                }
            }
        }
        if let Between::Crash { power, .. } = between {
            // What it did is judged by what it could know: a marker may be lost with the power.
            let (log, history) = (self.f.log.clone(), self.history.clone());
            self.crash(power);
            let before = self.left_by_crash(before);
            let after = self.all();
            judge(&before, &after, &history, pass, when);
            keeps_last_batches(&log, &before, &after, when);
            self.reads(when);
        } else {
            self.judged(&before, pass, when);
        }
    }

    /// Does what comes between two steps of a pass.
    fn interrupt(&mut self, between: Between, pass: &mut Pass) {
        match between {
            Between::Cut { back, .. } => {
                self.truncate(back);
                self.f.now += 1;
                pass.first_uncleanable = pass.first_uncleanable.min(self.end());
                pass.last_kept = -1;
                pass.has_room = false;
            }
            Between::Append { .. } => self.put(0, &[(0, true), (5, false)], 0),
            Between::DeleteRecords { percent, drops, .. } => {
                self.delete_records(percent);
                if drops {
                    self.delete_old_segments();
                }
            }
            Between::Nothing | Between::Crash { .. } => {}
        }
    }

    /// S6 after a pass, and what the log knows.
    fn judged(&mut self, before: &[RecordBatch], pass: Pass, when: &str) {
        let after = self.all();
        self.seen.gone += before.len().saturating_sub(after.len());
        judge(before, &after, &self.history, pass, when);
        keeps_last_batches(&self.f.log, before, &after, when);
        if let Some(last) = before.iter().find(|it| it.next_offset().0 == pass.last_kept) {
            let is_there = after.iter().any(|batch| batch.last_offset() == last.last_offset());
            assert!(is_there, "the last batch, below {}, is gone, {when}", pass.last_kept);
        }
        self.reads(when);
    }

    /// X7 and S2: what readers find.
    fn reads(&mut self, when: &str) {
        let batches = self.f.batches();
        let last_stable = self.f.log.last_stable_offset(Offset(self.high_watermark));
        let start = self.start();
        let from = self.deleted_below.max(start);
        let aborted = self.f.log.aborted_transactions(Offset(from), last_stable);
        let kept: Vec<_> =
            batches.iter().filter(|it| it.base_offset().0 >= from).cloned().collect();
        reads_committed(&kept, &aborted, last_stable, &self.history, when);
        let end = self.end();
        let Fixture { disk, log, events, .. } = &mut self.f;
        for from in start..end {
            let read = log.read(disk, Offset(from), 1, Offset(end), true, events);
            let first = read.expect("the log is whole").batches().next();
            let first = first.map(|batch| batch.expect("it is whole").base_offset());
            let want = batches.iter().find(|batch| batch.last_offset().0 >= from);
            assert_eq!(first, want.map(RecordBatch::base_offset), "S2: at {from}, {when}");
        }
    }
}

/// CL-3: of each producer that the log knew, the last batch, or the marker of its epoch.
fn keeps_last_batches(log: &Log, before: &[RecordBatch], after: &[RecordBatch], when: &str) {
    for producer in log.producers().active_producers() {
        let (id, last) = (producer.producer_id(), producer.last_data_offset());
        let is_last = |batch: &&RecordBatch| {
            batch.producer_id() == id
                && if last >= Offset::ZERO {
                    batch.last_offset() == last && batch.last_sequence() == producer.last_sequence()
                } else {
                    batch.is_control() && batch.producer_epoch() == producer.producer_epoch()
                }
        };
        let (was, is) = (before.iter().find(is_last), after.iter().find(is_last));
        // A marker without its record says nothing, and goes for good at the next pass.
        let matters = was.is_some_and(|was| !was.is_control() || was.count() > 0);
        assert!(!matters || is.is_some(), "S6: the last batch of {id} is gone, {when}");
    }
}
