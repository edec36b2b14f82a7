//! An orderly stop: appends end first, then the logs are synced and that is paid for, then the marker is written.
//!
//! Each partition's append is being paid when the broker is asked to stop, and goes on for half a second: much longer
//! than all that a stop takes. From the moment at which the marker appears, the host crashes after each event on a
//! clone of the World: never does the marker stand beside a log that lacks a byte.

use trial_cluster::ids::Offset;
use trial_sim::disk::DiskSettings;
use trial_sim::{CrashKind, DiskId, Span, Time};

use crate::support::{Bench, Door, Setup, is_write, log_file};

const MARKER: &str = ".kafka_cleanshutdown";
const DISK: DiskId = DiskId(0);
const PARTITIONS: i32 = 3;
const SEEDS: u64 = 12;

/// A broker that was asked to stop, and its producers.
#[derive(Clone)]
struct Stopping {
    bench: Bench,
    doors: Vec<Door>,
    /// How many appends were answered without an error.
    acked: usize,
}

impl Stopping {
    /// Asks the broker to stop, so long after the first halves of the appends.
    fn begin(seed: u64, after: Span) -> Self {
        // A device that is done with all of it at once: only the processor makes the appends long.
        let disk = DiskSettings { bytes_per_second: 10_000_000_000, ..DiskSettings::default() };
        let mut bench = Setup { partitions: PARTITIONS, disk, ..Setup::new(seed) }.build();
        let doors: Vec<Door> = (0..PARTITIONS).map(|_| bench.connect()).collect();
        let slow = bench.world.slow(bench.b1, 1000);
        for (partition, door) in (0..).zip(&doors) {
            bench.send_produce(*door, partition, 900_000);
        }
        let mut waiting: Vec<String> = (0..PARTITIONS).map(log_file).collect();
        while !waiting.is_empty() {
            assert!(bench.step_until(Time::MAX), "they are appended");
            waiting.retain(|path| !bench.seen.iter().any(|seen| is_write(seen, path)));
        }
        bench.world.heal(slow);
        bench.run_for(after);
        let unsynced = bench.world.disk(bench.b1, DISK).unsynced_pages(bench.world.now());
        assert!(unsynced > 600, "seed {seed}: {unsynced} pages are there to be lost");
        bench.world.stop(bench.b1);
        let mut stopping = Self { bench, doors, acked: 0 };
        stopping.take_answers();
        assert_eq!(stopping.acked, 0, "seed {seed}: the appends are not paid yet");
        stopping
    }

    fn take_answers(&mut self) {
        for door in &self.doors {
            let Some((_, code, _)) = self.bench.produced(*door) else { continue };
            self.acked += usize::from(code == 0);
        }
    }

    fn has_marker(&self) -> bool {
        self.bench.world.disk(self.bench.b1, DISK).peek_len(MARKER).is_some()
    }

    /// The lengths of the logs of partitions.
    fn logs(&self) -> Vec<Option<u64>> {
        let disk = self.bench.world.disk(self.bench.b1, DISK);
        (0..PARTITIONS).map(|partition| disk.peek_len(&log_file(partition))).collect()
    }

    /// The host crashes here, on a clone; whether the marker is there afterwards (SD-1).
    fn crash(&self, seed: u64, kind: CrashKind) -> bool {
        let mut clone = self.clone();
        let report = clone.bench.world.crash(clone.bench.b1, kind);
        if !clone.has_marker() {
            return false;
        }
        let now = self.bench.world.now();
        let is_log = |path: &str| (0..PARTITIONS).any(|partition| log_file(partition) == path);
        let damaged = report.disks[0].files.iter().find(|damage| is_log(&damage.path));
        assert!(damaged.is_none(), "SD-1: seed {seed}, {kind:?} at {now}: {damaged:?}");
        assert_eq!(clone.logs(), self.logs(), "SD-1: seed {seed}, {kind:?} at {now}");
        true
    }
}

/// Stops a broker, with a crash after each event from the marker on. In how many of them the marker stayed.
fn play(seed: u64) -> usize {
    let mut stopping = Stopping::begin(seed, Span::from_millis(seed * 20));
    let limit = stopping.bench.world.now() + Span::from_secs(60);
    let mut marked = 0;
    let mut logs = stopping.logs();
    while stopping.bench.world.is_up(stopping.bench.b1) {
        if stopping.has_marker() {
            logs = stopping.logs();
            marked += usize::from(stopping.crash(seed, CrashKind::Process));
            marked += usize::from(stopping.crash(seed, CrashKind::PowerLoss));
        }
        assert!(stopping.bench.step_until(limit), "seed {seed}: it does not stop");
    }
    assert_eq!(stopping.logs(), logs, "SD-1: seed {seed}: its end tears nothing");
    marked += usize::from(stopping.crash(seed, CrashKind::PowerLoss));

    // The next process has all that was answered, whether it finds the marker or not.
    let mut bench = stopping.bench.clone();
    bench.world.crash(bench.b1, CrashKind::PowerLoss);
    bench.world.restart(bench.b1);
    bench.run_for(Span::from_secs(20));
    let door = bench.connect();
    let found = bench.fetch(door, Offset(0));
    assert_eq!(found.high_watermark, Offset(1), "seed {seed}: {found:?}");
    stopping.bench.run_for(Span::from_millis(100));
    stopping.take_answers();
    assert_eq!(stopping.acked, 3, "seed {seed}: the appends ended first, and were answered");
    marked
}

#[test]
fn the_marker_of_an_orderly_stop_never_vouches_for_bytes_that_a_crash_takes() {
    let marked: Vec<usize> = (0..SEEDS).map(play).collect();
    assert!(marked.iter().sum::<usize>() > 0, "it stood there after {marked:?} crashes");
}
