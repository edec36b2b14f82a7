//! A truncation that is not synced can come undone under a later leader's epoch: LOG-6, and Kafka without it.
//!
//! Two batches of epoch 0 are durable. The second is cut off, as a follower does that diverged, and one of epoch 1
//! takes its place; then the power fails. The epochs were synced by that append (`leader-epoch-checkpoint`), so
//! whatever batch stands there afterwards, the cache says that the leader of epoch 1 wrote it.

use bytes::Bytes;
use trial_cluster::ids::{LeaderEpoch, Offset};
use trial_cluster::storage::SimulatedDisk;
use trial_log::{AppendOrigin, BatchBuilder, Log, LogConfig, LogError, LogEvent, OpenLog};
use trial_sim::disk::{Disk, DiskSettings, JobId};
use trial_sim::{CrashKind, Plan, Span, Time};

const SEEDS: u64 = 300;
const FOLDER: &str = "orders-0";
const NOW_MS: i64 = 1_767_225_600_000;

/// A disk and its clock; nothing becomes durable by itself.
struct Bench {
    disk: Disk,
    now: Time,
    events: Vec<LogEvent>,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let patient = Span::from_secs(1_000);
        let settings = DiskSettings {
            writeback_min: patient,
            writeback_max: patient,
            ..DiskSettings::default()
        };
        Self { disk: Disk::new(seed, settings), now: Time::ZERO, events: Vec::new() }
    }

    /// Runs one whole job: what it does, and the time that it has to pay for it.
    fn job<T>(
        &mut self,
        work: impl FnOnce(&mut SimulatedDisk<'_>, &mut Vec<LogEvent>) -> Result<T, LogError>,
    ) -> T {
        let job = JobId(1);
        let mut disk = SimulatedDisk::new(self.disk.access(self.now, job));
        let done = work(&mut disk, &mut self.events);
        self.now += self.disk.cost(job);
        self.disk.settle(self.now, job);
        done.expect("the disk is healthy")
    }

    fn open(&mut self, truncation_synced: bool) -> Log {
        let config = LogConfig { truncation_synced, ..LogConfig::default() };
        let open = OpenLog { config, ..OpenLog::new(FOLDER) };
        self.job(|disk, events| Log::open(disk, open, NOW_MS, events))
    }
}

fn batch(at: Offset, epoch: LeaderEpoch, fill: u8) -> Bytes {
    let mut batch = BatchBuilder::new(at).leader_epoch(epoch);
    batch.append(NOW_MS, None, Some(&[fill; 700]), &[]);
    batch.build().into_bytes()
}

/// The log after its power loss and recovery: for each batch its own epoch and what the cache says about its offset.
fn play(seed: u64, truncation_synced: bool) -> Vec<(LeaderEpoch, Option<LeaderEpoch>)> {
    let mut bench = Bench::new(seed);
    let mut log = bench.open(truncation_synced);
    for fill in [b'a', b'b'] {
        let records = batch(Offset::ZERO, LeaderEpoch(0), fill);
        let (epoch, origin) = (LeaderEpoch(0), AppendOrigin::Client);
        bench
            .job(|disk, events| log.append_as_leader(disk, records, epoch, origin, NOW_MS, events));
    }
    let end = log.log_end_offset();
    bench.job(|disk, events| log.flush(disk, end, events));
    log.mark_flushed(end, &mut bench.events);

    let second = Offset(1);
    let was_cut = bench.job(|disk, events| log.truncate_to(disk, second, NOW_MS, events));
    assert!(was_cut, "the second batch was there");
    let records = batch(second, LeaderEpoch(1), b'c');
    let appended = bench
        .job(|disk, events| log.append_as_follower(disk, records, LeaderEpoch(1), NOW_MS, events));
    assert_eq!(appended.map(|info| info.first_offset), Some(second), "it takes its place");

    let mut draws = Plan::new(seed).run_stream("test", "crash");
    bench.disk.crash(bench.now, CrashKind::PowerLoss, &mut draws);
    let mut log = bench.open(truncation_synced);
    let end = log.log_end_offset();
    assert!(end >= second, "seed {seed}: the first batch was synced");
    let read =
        bench.job(|disk, events| log.read(disk, Offset::ZERO, usize::MAX >> 1, end, true, events));
    let batches = read.batches().map(|batch| batch.expect("recovery leaves whole batches"));
    batches
        .map(|batch| (batch.leader_epoch(), log.epochs().epoch_for_offset(batch.base_offset())))
        .collect()
}

/// Whether a batch lies where the cache says that another leader wrote.
fn lies_under_another_epoch(found: &[(LeaderEpoch, Option<LeaderEpoch>)]) -> bool {
    found.iter().any(|(epoch, cached)| Some(*epoch) != *cached)
}

#[test]
fn what_was_cut_never_comes_back_under_a_later_epoch() {
    let mut kept = 0;
    for seed in 0..SEEDS {
        let found = play(seed, true);
        assert!(!lies_under_another_epoch(&found), "LOG-6: seed {seed}: {found:?}");
        kept += u32::from(found.len() == 2);
    }
    assert!((1..300).contains(&kept), "the new batch survives sometimes, not {kept} times");
}

#[test]
fn without_the_sync_as_in_kafka_it_does() {
    let found: Vec<_> = (0..SEEDS).map(|seed| play(seed, false)).collect();
    let wrong = found.iter().filter(|found| lies_under_another_epoch(found));
    let old_under_new =
        vec![(LeaderEpoch(0), Some(LeaderEpoch(0))), (LeaderEpoch(0), Some(LeaderEpoch(1)))];
    let (mut count, mut others) = (0, 0);
    for found in wrong {
        count += u32::from(*found == old_under_new);
        others += u32::from(*found != old_under_new);
    }
    assert!(count > 0, "no seed of {SEEDS} brings the old batch back");
    assert_eq!(others, 0, "and nothing else comes of it");
}
