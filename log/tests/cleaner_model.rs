//! S6 against random logs: keyed batches with tombstones, producers, transactions that commit and abort, several
//! cleanings as the clock goes on, with cuts, appends and crashes between their steps and at their disk's calls.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use support::cleaned::{History, Pass, judge, reads_committed};
use support::cleaning::keyed;
use support::producers::{abort, commit};
use support::transactions::marker;
use support::{FOLDER, Fixture};
use trial_log::{
    AppendOrigin, AppendTerms, CleanerCandidate, CleanerConfig, Cleaning, CleaningStep,
    CompressionType, Disk, DiskError, LastBatchKept, LeaderEpoch, Log, LogCleanerManager,
    LogConfig, LogError, LogToClean, MemoryDisk, Offset, PowerLoss, PreCleanStats, RecordBatch,
    TransactionVersion,
};

const DELETE_RETENTION_MS: i64 = 50;

/// What is done next. Producers 0 to 2 have no transactions, 3 to 5 do.
#[derive(Debug, Clone)]
enum Step {
    /// Keys, and whether each gets a value.
    Put {
        id: i64,
        records: Vec<(u8, bool)>,
        codec: usize,
    },
    /// With `keeps_epoch` as under `transaction.version` 0.
    End {
        id: i64,
        aborts: bool,
        keeps_epoch: bool,
    },
    Roll,
    HighWatermark {
        percent: i64,
    },
    Later {
        ms: i64,
    },
    Clean {
        room: usize,
        read_bytes: usize,
        max_segment_bytes: u64,
        last: LastBatchKept,
        between: Between,
    },
    Truncate {
        back: i64,
    },
    Crash {
        power: Option<u64>,
    },
    Restart,
}

/// What comes between the steps of a cleaning, after so many.
#[derive(Debug, Clone, Copy)]
enum Between {
    Nothing,
    Cut {
        after: usize,
        back: i64,
    },
    Append {
        after: usize,
    },
    /// The disk refuses after so many calls, and the process ends, perhaps with the power.
    Crash {
        calls: u64,
        power: Option<u64>,
    },
}

fn between() -> impl Strategy<Value = Between> {
    let power = || prop::option::of(any::<u64>());
    prop_oneof![
        5 => Just(Between::Nothing),
        1 => (0..40usize, 1..40i64).prop_map(|(after, back)| Between::Cut { after, back }),
        1 => (0..40usize).prop_map(|after| Between::Append { after }),
        2 => (0..60u64, power()).prop_map(|(calls, power)| Between::Crash { calls, power }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let records = prop::collection::vec((0..6u8, prop::bool::weighted(0.7)), 1..4);
    let room = prop_oneof![3 => Just(1000usize), 2 => 1..6usize];
    let reads = prop_oneof![Just(1usize), Just(300), Just(1 << 20)];
    let sizes = prop_oneof![3 => Just(i32::MAX as u64), 1 => 100..400u64];
    let last =
        prop_oneof![Just(LastBatchKept::OfCleaning), Just(LastBatchKept::BelowHighWatermark)];
    prop_oneof![
        14 => (0..6i64, records, 0..9usize)
            .prop_map(|(id, records, codec)| Step::Put { id, records, codec }),
        5 => (3..6i64, any::<bool>(), any::<bool>())
            .prop_map(|(id, aborts, keeps_epoch)| Step::End { id, aborts, keeps_epoch }),
        3 => Just(Step::Roll),
        5 => (70..=100i64).prop_map(|percent| Step::HighWatermark { percent }),
        3 => (0..80i64).prop_map(|ms| Step::Later { ms }),
        6 => (room, reads, sizes, last, between()).prop_map(
            |(room, read_bytes, max_segment_bytes, last, between)| {
                Step::Clean { room, read_bytes, max_segment_bytes, last, between }
            }
        ),
        1 => (0..30i64).prop_map(|back| Step::Truncate { back }),
        1 => prop::option::of(any::<u64>()).prop_map(|power| Step::Crash { power }),
        1 => Just(Step::Restart),
    ]
}

struct World {
    f: Fixture,
    manager: LogCleanerManager,
    history: History,
    /// The epoch and the next sequence of each producer.
    senders: BTreeMap<i64, (i16, i32)>,
    high_watermark: i64,
    /// How many cleanings were done, stopped, and how many batches went.
    seen: [usize; 3],
}

fn orders() -> (Arc<str>, i32) {
    (Arc::from("orders"), 0)
}

impl World {
    fn new() -> Self {
        let mut f = Fixture::on(
            MemoryDisk::with_cache(),
            LogConfig {
                compacted: true,
                segment_bytes: 450,
                index_interval_bytes: 150,
                delete_retention_ms: DELETE_RETENTION_MS,
                min_cleanable_dirty_millionths: 0,
                ..LogConfig::default()
            },
        );
        f.disk.sync_dir("").expect("the disk is whole");
        f.disk.sync_dir(FOLDER).expect("the disk is whole");
        let senders = (0..6).map(|id| (id, (0, 0))).collect();
        let (manager, history) = (LogCleanerManager::default(), History::default());
        Self { f, manager, history, senders, high_watermark: 0, seen: [0; 3] }
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
        let end = self.end();
        self.history.cut(end);
        self.high_watermark = self.high_watermark.min(end);
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

    fn crash(&mut self, power: Option<u64>) {
        self.f.disk.repair();
        if let Some(seed) = power {
            self.f.disk.lose_power(PowerLoss { seed, page_bytes: 64, sector_bytes: 16 });
        }
        self.f.crash();
        self.manager = LogCleanerManager::default();
        self.learned_anew();
    }

    fn apply(&mut self, step: &Step) {
        let before = self.f.batches();
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
            Step::Restart => {
                self.f.restart();
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
        // S6 says what a cleaning may change; nothing else changes anything but the end.
        let end = self.end();
        let is_left = |batch: &RecordBatch| batch.last_offset().0 < end;
        let want: Vec<RecordBatch> = before.into_iter().filter(is_left).collect();
        let after = self.f.batches();
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
        };
        let mut before = self.f.batches();
        if let Between::Crash { calls, .. } = between {
            self.f.disk.tear_after(calls, DiskError::Io, 20);
        }
        for number in 0.. {
            match between {
                Between::Cut { after, back } if after == number => {
                    self.judged(&before, pass, &format!("cut in the midst of {when}"));
                    self.truncate(back);
                    self.f.now += 1;
                    before = self.f.batches();
                    let end = self.end();
                    pass.first_uncleanable = pass.first_uncleanable.min(end);
                    pass.last_kept = -1;
                    pass.has_room = false;
                }
                Between::Append { after } if after == number => {
                    self.judged(&before, pass, &format!("appended in the midst of {when}"));
                    self.put(0, &[(0, true), (5, false)], 0);
                    before = self.f.batches();
                }
                _ => {}
            }
            let Fixture { disk, log, events, now, .. } = &mut self.f;
            match cleaning.step(log, disk, Offset(self.high_watermark), *now, events) {
                Ok(CleaningStep::More) => {}
                Ok(CleaningStep::Done { end_offset }) => {
                    pass.end_offset = Some(end_offset.0);
                    self.seen[0] += 1;
                    let done = self.manager.done_cleaning(disk, &orders(), end_offset, |_| true);
                    if !matches!(between, Between::Crash { .. }) {
                        done.expect("the disk is whole");
                    }
                    break;
                }
                Ok(CleaningStep::Stopped) => {
                    self.seen[1] += 1;
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
            let end = self.end();
            before.retain(|batch| batch.last_offset().0 < end);
            let after = self.f.batches();
            judge(&before, &after, &history, pass, when);
            keeps_last_batches(&log, &before, &after, when);
            self.reads(when);
        } else {
            self.judged(&before, pass, when);
        }
    }

    /// S6 after a pass, and what the log knows.
    fn judged(&mut self, before: &[RecordBatch], pass: Pass, when: &str) {
        let after = self.f.batches();
        self.seen[2] += before.len().saturating_sub(after.len());
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
        let aborted = self.f.log.aborted_transactions(Offset::ZERO, last_stable);
        reads_committed(&batches, &aborted, last_stable, &self.history, when);
        let end = self.end();
        let Fixture { disk, log, events, .. } = &mut self.f;
        for from in 0..end {
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

fn run(steps: &[Step]) -> [usize; 3] {
    let mut w = World::new();
    for step in steps {
        w.apply(step);
    }
    assert!(w.history.len() >= w.f.batches().len(), "nothing is there that was not appended");
    w.seen
}

/// As in `story`: more if `TRIAL_LOG_CASES` says so.
#[expect(clippy::disallowed_methods, reason = "a test that is told how long it may take")]
fn cases() -> u32 {
    let cases = std::env::var("TRIAL_LOG_CASES").ok();
    cases.map_or(400, |cases| cases.parse().expect("TRIAL_LOG_CASES is a number"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_cleaning_keeps_what_s6_says(steps in prop::collection::vec(step(), 40..150)) {
        run(&steps);
    }
}

#[test]
fn the_stories_clean_and_are_stopped_and_lose_batches() {
    let mut runner = TestRunner::deterministic();
    let stories = prop::collection::vec(step(), 40..150);
    let mut seen = [0; 3];
    for _ in 0..200 {
        let story = stories.new_tree(&mut runner).expect("nothing is filtered").current();
        let of_this = run(&story);
        seen.iter_mut().zip(of_this).for_each(|(sum, count)| *sum += count);
    }
    let [done, stopped, gone] = seen;
    assert!(
        done > 300 && stopped > 5 && gone > 1000,
        "{done} done, {stopped} stopped, {gone} gone"
    );
}
