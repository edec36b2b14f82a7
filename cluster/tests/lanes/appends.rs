//! While an append's cost runs, the batch is on the disk and nobody has seen it.
//!
//! The disk is so slow that one batch pays for a long time. Its window begins when its bytes are written, and ends
//! with its answer; what a test does within is done on clones.

use std::collections::BTreeSet;

use trial_cluster::ids::Offset;
use trial_cluster::note::Note;
use trial_log::LogEvent;
use trial_sim::disk::{DiskSettings, PowerLossOdds};
use trial_sim::{CrashKind, Seen, Span};

use crate::support::{Bench, Door, LOG_FILE, Setup};

/// A broker whose log holds one durable record, and which is just paying for a second one of `size` bytes.
fn within_an_append(setup: Setup, size: usize) -> (Bench, Door) {
    let mut bench = setup.build();
    let door = bench.connect();
    bench.produce(door, 2_000);
    // By then the page cache was written back.
    bench.run_for(Span::from_secs(12));
    bench.send_produce(door, 0, size);
    bench.run_until_written(LOG_FILE);
    (bench, door)
}

/// How long the append goes on from now.
fn rest_of_the_window(bench: &Bench, door: Door) -> Span {
    let mut clone = bench.clone();
    clone.wait_for_produced(door).0.since(bench.world.now())
}

#[test]
fn while_an_appends_cost_runs_a_fetch_sees_the_old_end() {
    let disk = DiskSettings {
        bytes_per_second: 1_000_000,
        dirty_limit_bytes: 64 * 1024,
        ..DiskSettings::default()
    };
    let (bench, writer) = within_an_append(Setup { disk, ..Setup::new(3) }, 400_000);
    let window = rest_of_the_window(&bench, writer);
    assert!(window > Span::from_millis(200), "the window is only {window} long");
    let written = bench.world.disk(bench.b1, trial_sim::DiskId(0)).peek_len(LOG_FILE);
    assert!(written > Some(400_000), "the bytes are there: {written:?}");
    for tenths in [0, 3, 6, 9] {
        let mut bench = bench.clone();
        bench.run_for(Span(window.0 / 10 * tenths));
        let reader = bench.connect();
        let whole = bench.fetch(reader, Offset(0));
        let beyond = bench.fetch(reader, Offset(1));
        assert_eq!(bench.produced(writer), None, "both came within the window");
        assert_eq!(whole.high_watermark, Offset(1), "P-1: after {tenths} tenths: {whole:?}");
        assert_eq!(whole.batches.len(), 1, "P-1: after {tenths} tenths: {whole:?}");
        assert_eq!(beyond.batches, [], "P-1: after {tenths} tenths: {beyond:?}");
        let (_, offset) = bench.wait_for_produced(writer);
        assert_eq!(offset, Offset(1), "it was written all the time");
        let after = bench.fetch(reader, Offset(1));
        assert_eq!((after.high_watermark, after.batches.len()), (Offset(2), 1), "the new end");
    }
}

/// What became of a batch whose append a power loss had interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Whole,
    Gone,
    /// Some of its bytes were on the disk; recovery has dropped them.
    Torn,
}

/// The power fails within the append's window; what is there after a restart.
fn lose_power(seed: u64) -> Fate {
    let disk = DiskSettings {
        bytes_per_second: 200_000,
        dirty_limit_bytes: 4096,
        power_loss: PowerLossOdds { kept: 8, lost: 1, torn: 1 },
        ..DiskSettings::default()
    };
    let (mut bench, writer) = within_an_append(Setup { disk, ..Setup::new(seed) }, 10_000);
    let window = rest_of_the_window(&bench, writer);
    bench.run_for(Span(window.0 / 10 * (seed % 10)));
    assert_eq!(bench.produced(writer), None, "seed {seed}: within the window");
    let report = bench.world.crash(bench.b1, CrashKind::PowerLoss);
    assert!(report.jobs_unfinished > 0, "seed {seed}: the append: {report:?}");
    bench.run_for(Span::from_secs(1));
    bench.world.restart(bench.b1);
    let mut dropped = None;
    let until = bench.world.now() + Span::from_secs(15);
    while bench.step_until(until) {
        for seen in &bench.seen {
            let Seen::Note { note: Note::Log { event, .. }, .. } = seen else { continue };
            if let LogEvent::SegmentRecovered { bytes_dropped, .. } = event {
                dropped = Some(*bytes_dropped);
            }
        }
    }
    assert_eq!(bench.produced(writer), None, "P-2: seed {seed}: its answer never comes");
    let dropped = dropped.expect("an unclean start scans the log");
    let door = bench.connect();
    let found = bench.fetch(door, Offset(0));
    let offsets: Vec<i64> = found.batches.iter().map(|(offset, _)| offset.0).collect();
    let end = found.high_watermark;
    assert!(end == Offset(1) || end == Offset(2), "seed {seed}: the log ends at {end}");
    assert_eq!(offsets, (0..end.0).collect::<Vec<_>>(), "seed {seed}: the log is whole");
    let sizes: Vec<usize> = found.batches.iter().map(|(_, size)| size / 1000).collect();
    assert_eq!(sizes, [2, 10][..sizes.len()], "seed {seed}: each as it was sent");
    bench.send_produce(door, 0, 100);
    assert_eq!(bench.wait_for_produced(door).1, end, "seed {seed}: and it goes on there");
    match (end, dropped) {
        (Offset(2), _) => Fate::Whole,
        (_, 0) => Fate::Gone,
        (_, _) => Fate::Torn,
    }
}

#[test]
fn a_power_loss_within_an_append_leaves_all_of_it_or_nothing() {
    let fates: BTreeSet<Fate> = (0..60).map(lose_power).collect();
    assert_eq!(fates.into_iter().collect::<Vec<_>>(), [Fate::Whole, Fate::Gone, Fate::Torn]);
}
