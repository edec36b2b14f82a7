//! Power losses under a log that no cleaner has touched: what is left begins where it did and has no hole (LD-1, RL-1).

mod support;

use support::{Fixture, batch};
use trial_log::{LogConfig, MemoryDisk, Offset, PowerLoss};

const BATCHES: usize = 40;

/// A log of small segments, flushed up to some of them, and the offsets that it has after a power loss.
fn after_power_loss(seed: u64, holes_refused: bool, compacted: bool) -> Vec<(i64, i64)> {
    let config = LogConfig { holes_refused, compacted, ..Fixture::small_config() };
    let mut f = Fixture::on(MemoryDisk::with_cache(), config);
    // As large as the smallest batch or so: a page that is lost is a batch that is lost.
    let page_bytes = batch(Offset::ZERO, trial_log::LeaderEpoch::NONE, 1).size_in_bytes();
    let flushed = usize::try_from(seed % 30).expect("it is small");
    for number in 0..BATCHES {
        // As a replica, which looks at no key.
        let at = Offset(i64::try_from(number).expect("it is small"));
        let records = batch(at, trial_log::LeaderEpoch(1), 1).into_bytes();
        f.follow(records, 1).expect("the batch is good and the disk is whole");
        if number == flushed {
            let to = f.log.segment_base_offsets().next_back().expect("there is an active one");
            f.log.flush(&mut f.disk, to, &mut f.events).expect("the disk is whole");
            f.log.mark_flushed(to, &mut f.events);
        }
    }
    let recovery_point = f.log.recovery_point();
    f.disk.lose_power(PowerLoss { seed, page_bytes, sector_bytes: page_bytes });
    f.reopen(false, recovery_point, Offset::ZERO).expect("the disk is whole");
    let left = f.offsets();
    let kept = left.last().map_or(0, |last| last.1 + 1);
    assert!(kept >= recovery_point.0, "S5: {kept} of what was synced up to {recovery_point}");
    left
}

fn has_hole(offsets: &[(i64, i64)]) -> bool {
    offsets.iter().zip(0_i64..).any(|(batch, place)| batch.0 != place)
}

#[test]
fn what_a_power_loss_leaves_has_no_hole() {
    for seed in 0..600 {
        let left = after_power_loss(seed, true, false);
        assert!(!has_hole(&left), "LD-1: seed {seed} left {left:?}");
        let left = after_power_loss(seed, true, true);
        assert!(!has_hole(&left), "RL-1: seed {seed} left {left:?}");
    }
}

/// The control: as Kafka does it, some of these power losses leave one.
#[test]
fn a_recovery_that_looks_for_bad_batches_alone_leaves_holes() {
    for compacted in [false, true] {
        let leaves_one = |seed| has_hole(&after_power_loss(seed, false, compacted));
        assert!((0..600).any(leaves_one), "no seed leaves a hole");
    }
}
