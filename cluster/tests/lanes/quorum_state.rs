//! A sync holds when its cost has elapsed, not before: the epoch in which a voter votes.
//!
//! A node alone stands for election as soon as it runs: it writes its vote to `quorum-state`, and says what it is when
//! that was paid for. Whatever it had said by the time the power failed, it still knows.

use trial_cluster::note::Note;
use trial_cluster::note::raft::RaftNote;
use trial_sim::disk::DiskSettings;
use trial_sim::{CrashKind, DiskId, Seen, Span, Time};

use crate::support::{Bench, Setup, is_write};

const FILE: &str = "__cluster_metadata-0/quorum-state";
const SEEDS: u64 = 40;

/// Whether a note says that its host has voted for itself.
fn votes(seen: &Seen<Note>) -> bool {
    matches!(seen, Seen::Note { note: Note::Raft(RaftNote::VoteGranted { .. }), .. })
}

/// What `quorum-state` says on the disk.
fn on_disk(bench: &Bench) -> Option<String> {
    let bytes = bench.world.disk(bench.b1, DiskId(0)).peek(FILE, 0, u64::MAX)?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A node that votes for itself, just after it has written so; and when it says so.
fn within_the_vote(seed: u64) -> (Bench, Time) {
    let disk = DiskSettings { sync_latency: Span::from_millis(20), ..DiskSettings::default() };
    let mut bench = Setup { disk, ..Setup::new(seed) }.node();
    bench.world.boot(bench.b1);
    let mut told = bench.clone();
    told.run_until_seen(votes);
    let told = told.world.now();
    // The last write before it is told is the one that it pays for.
    let mut written = None;
    while bench.step_until(told) {
        let path = format!("{FILE}.tmp");
        if bench.seen.iter().any(|seen| is_write(seen, &path)) {
            written = Some(bench.clone());
        }
    }
    (written.expect("it writes its vote before it tells"), told)
}

#[test]
fn a_vote_is_told_when_its_sync_was_paid_and_outlives_any_power_loss_from_then_on() {
    let mut forgotten = 0;
    for seed in 0..SEEDS {
        let (bench, told) = within_the_vote(seed);
        let window = told.since(bench.world.now());
        assert!(window >= Span::from_millis(20), "seed {seed}: a sync is paid: {window}");
        let vote = on_disk(&bench).expect("it was renamed already");

        let mut early = bench.clone();
        early.run_until(Time(told.0 - window.0 / 2));
        assert_eq!(on_disk(&early).as_ref(), Some(&vote), "it is in the page cache");
        early.world.crash(early.b1, CrashKind::PowerLoss);
        forgotten += u64::from(on_disk(&early).as_ref() != Some(&vote));

        let mut late = bench;
        late.run_until_seen(votes);
        late.world.crash(late.b1, CrashKind::PowerLoss);
        assert_eq!(on_disk(&late).as_ref(), Some(&vote), "K7: seed {seed}: it was told");
    }
    assert!(forgotten > 0, "a sync that was not paid promises nothing");
}
