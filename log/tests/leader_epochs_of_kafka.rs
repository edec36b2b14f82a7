//! Kafka's `LeaderEpochFileCacheTest` as one table: 41 of its 44 test methods, each with its name.
//!
//! Inputs:   what is done to a cache, in order. Effects: what it answers, and its file.
//! Left out: `testFindNextEpoch`, `testFindPreviousEntry` and `testGetEpochEntry` ask what only tiered storage asks.

use trial_log::{Disk, LeaderEpoch, LeaderEpochCache, MemoryDisk, Offset};

use Step::{Assign, Clear, Ends, Entries, EpochAt, FromEnd, FromStart, Latest, Previous, Reload};

const FOLDER: &str = "orders-0";

/// What is done, or asked and wanted.
enum Step {
    /// An epoch begins here.
    Assign(i32, i64),
    /// `truncateFromEnd`, and the file is written.
    FromEnd(i64),
    /// `truncateFromStart`, and the file is written.
    FromStart(i64),
    Clear,
    /// Another cache is made of the file.
    Reload,
    Entries(&'static [(i32, i64)]),
    /// The end of an epoch, while the log ends there; none: undefined.
    Ends(i32, i64, Option<(i32, i64)>),
    Latest(Option<i32>),
    /// The epoch before this one; -1 stands for the latest.
    Previous(i32, Option<i32>),
    EpochAt(i64, Option<i32>),
}

/// Three epochs, as most of the truncations begin.
const THREE: [Step; 3] = [Assign(2, 6), Assign(3, 8), Assign(4, 11)];

#[track_caller]
fn check(method: &str, steps: &[&[Step]]) {
    let mut disk = MemoryDisk::new();
    disk.create_dir(FOLDER).expect("the disk is empty");
    let mut cache = LeaderEpochCache::load(&mut disk, FOLDER).expect("there is no file");
    for (place, step) in steps.iter().flat_map(|steps| steps.iter()).enumerate() {
        match *step {
            Assign(epoch, start) => {
                cache.assign(&mut disk, LeaderEpoch(epoch), Offset(start)).expect("a good disk");
            }
            FromEnd(offset) => {
                cache.truncate_from_end(Offset(offset));
                cache.write(&mut disk).expect("a good disk");
            }
            FromStart(offset) => {
                cache.truncate_from_start(Offset(offset));
                cache.write(&mut disk).expect("a good disk");
            }
            Clear => cache.clear(&mut disk).expect("a good disk"),
            Reload => {
                cache = LeaderEpochCache::load(&mut disk, FOLDER).expect("the file is whole");
            }
            Entries(want) => {
                let entry = |it: trial_log::EpochEntry| (it.leader_epoch.0, it.start_offset.0);
                let got: Vec<_> = cache.entries().map(entry).collect();
                assert_eq!(got, want, "{method}, step {place}");
            }
            Ends(epoch, log_end, want) => {
                let got = cache.end_offset_for(LeaderEpoch(epoch), Offset(log_end));
                let got = got.map(|found| (found.leader_epoch.0, found.end_offset.0));
                assert_eq!(got, want, "{method}, step {place}");
            }
            Latest(want) => {
                let got = cache.latest_epoch().map(|epoch| epoch.0);
                assert_eq!(got, want, "{method}, step {place}");
            }
            Previous(of, want) => {
                let of = if of < 0 { cache.latest_epoch() } else { Some(LeaderEpoch(of)) };
                let got = of.and_then(|of| cache.previous_epoch(of)).map(|epoch| epoch.0);
                assert_eq!(got, want, "{method}, step {place}");
            }
            EpochAt(offset, want) => {
                let got = cache.epoch_for_offset(Offset(offset)).map(|epoch| epoch.0);
                assert_eq!(got, want, "{method}, step {place}");
            }
        }
    }
}

#[test]
fn epochs_are_assigned() {
    check(
        "shouldAddEpochAndMessageOffsetToCache",
        &[&[Assign(2, 10), Latest(Some(2)), Entries(&[(2, 10)]), Ends(2, 11, Some((2, 11)))]],
    );
    check(
        "shouldNotOverwriteLogEndOffsetForALeaderEpochOnceItHasBeenAssigned",
        &[&[Assign(2, 9), Assign(2, 10), Entries(&[(2, 9)])]],
    );
    check(
        "shouldEnforceMonotonicallyIncreasingStartOffsets",
        &[&[Assign(2, 9), Assign(3, 9), Entries(&[(3, 9)])]],
    );
    check(
        "shouldNotOverwriteOffsetForALeaderEpochOnceItHasBeenAssigned",
        &[&[Assign(2, 6), Assign(2, 10), Entries(&[(2, 6)])]],
    );
    check(
        "shouldNotUpdateEpochAndStartOffsetIfItDidNotChange",
        &[&[Assign(2, 6), Assign(2, 7), Entries(&[(2, 6)])]],
    );
    check(
        "shouldEnforceMonotonicallyIncreasingEpochs",
        &[&[
            Assign(1, 5),
            Assign(2, 6),
            Assign(1, 7),
            Latest(Some(1)),
            Ends(1, 8, Some((1, 8))),
            Ends(2, 8, None),
            Entries(&[(1, 7)]),
        ]],
    );
    check(
        "shouldEnforceOffsetsIncreaseMonotonically",
        &[&[Assign(2, 6), Assign(3, 5), Entries(&[(3, 5)])]],
    );
    check("shouldPersistEpochsBetweenInstances", &[&[Assign(2, 6), Reload, Entries(&[(2, 6)])]]);
    check("shouldFetchLatestEpochOfEmptyCache", &[&[Latest(None)]]);
}

#[test]
fn ends_of_epochs() {
    check(
        "shouldReturnLogEndOffsetIfLatestEpochRequested",
        &[&[Assign(2, 11), Assign(2, 12), Ends(2, 14, Some((2, 14)))]],
    );
    check(
        "shouldReturnUndefinedOffsetIfUndefinedEpochRequested",
        &[&[Assign(2, 11), Assign(3, 12), Ends(-1, 0, None)]],
    );
    check("shouldReturnUnsupportedIfNoEpochRecorded", &[&[Ends(0, 0, None)]]);
    check(
        "shouldReturnUnsupportedIfNoEpochRecordedAndUndefinedEpochRequested",
        &[&[Ends(-1, 73, None)]],
    );
    check(
        "shouldReturnFirstEpochIfRequestedEpochLessThanFirstEpoch",
        &[&[Assign(5, 11), Assign(6, 12), Assign(7, 13), Ends(4, 0, Some((4, 11)))]],
    );
    check(
        "shouldTruncateIfMatchingEpochButEarlierStartingOffset",
        &[&[
            Assign(5, 11),
            Assign(6, 12),
            Assign(7, 13),
            Assign(7, 12),
            Ends(5, 0, Some((5, 12))),
            Ends(6, 0, Some((5, 12))),
        ]],
    );
    check(
        "shouldGetFirstOffsetOfSubsequentEpochWhenOffsetRequestedForPreviousEpoch",
        &[&[
            Assign(1, 11),
            Assign(1, 12),
            Assign(2, 13),
            Assign(2, 14),
            Assign(3, 15),
            Assign(3, 16),
            Ends(2, 17, Some((2, 15))),
        ]],
    );
    check(
        "shouldReturnNextAvailableEpochIfThereIsNoExactEpochForTheOneRequested",
        &[&[
            Assign(0, 10),
            Assign(2, 13),
            Assign(4, 17),
            Ends(1, 0, Some((0, 13))),
            Ends(2, 0, Some((2, 17))),
            Ends(3, 0, Some((2, 17))),
        ]],
    );
    check(
        "shouldReturnInvalidOffsetIfEpochIsRequestedWhichIsNotCurrentlyTracked",
        &[&[Assign(2, 100), Ends(3, 100, None)]],
    );
    check(
        "shouldSupportEpochsThatDoNotStartFromZero",
        &[&[Assign(2, 6), Ends(2, 7, Some((2, 7))), Entries(&[(2, 6)])]],
    );
    check("shouldFetchEndOffsetOfEmptyCache", &[&[Ends(7, 0, None)]]);
}

#[test]
fn a_log_that_grows() {
    check(
        "shouldIncreaseAndTrackEpochsAsLeadersChangeManyTimes",
        &[&[
            Assign(0, 0),
            Assign(1, 0),
            Latest(Some(1)),
            Ends(1, 0, Some((1, 0))),
            Ends(0, 0, Some((0, 0))),
            // Five records are written.
            Ends(1, 5, Some((1, 5))),
            Ends(0, 5, Some((0, 0))),
            Assign(2, 5),
            Ends(2, 10, Some((2, 10))),
            Ends(1, 10, Some((1, 5))),
            Ends(0, 10, Some((0, 0))),
        ]],
    );
    check(
        "shouldIncreaseAndTrackEpochsAsFollowerReceivesManyMessages",
        &[&[
            Assign(0, 0),
            Assign(0, 1),
            Assign(0, 2),
            Latest(Some(0)),
            Ends(0, 3, Some((0, 3))),
            Assign(1, 3),
            Assign(1, 4),
            Assign(1, 5),
            Latest(Some(1)),
            Ends(1, 6, Some((1, 6))),
            Assign(2, 6),
            Assign(2, 7),
            Assign(2, 8),
            Latest(Some(2)),
            Ends(2, 9, Some((2, 9))),
            Ends(0, 9, Some((0, 3))),
            Ends(1, 9, Some((1, 6))),
        ]],
    );
}

#[test]
fn cuts_at_the_end() {
    let cut = |method, at, left| check(method, &[&THREE, &[FromEnd(at), Entries(left)]]);
    cut("shouldDropEntriesOnEpochBoundaryWhenRemovingLatestEntries", 8, &[(2, 6)]);
    check(
        "shouldDropEntriesBetweenEpochBoundaryWhenRemovingNewest",
        &[&THREE, &[FromEnd(9), Latest(Some(3)), Entries(&[(2, 6), (3, 8)])]],
    );
    cut("shouldNotResetEpochHistoryTailIfUndefinedPassed", -1, &[(2, 6), (3, 8), (4, 11)]);
    check("shouldClearLatestOnEmptyCache", &[&[FromEnd(7), Entries(&[])]]);
    check("shouldClearAllEntries", &[&THREE, &[Clear, Entries(&[])]]);
}

#[test]
fn cuts_at_the_start() {
    let cut = |method, at, left| check(method, &[&THREE, &[FromStart(at), Entries(left)]]);
    cut("shouldPreserveResetOffsetOnClearEarliestIfOneExists", 8, &[(3, 8), (4, 11)]);
    cut("shouldUpdateSavedOffsetWhenOffsetToClearToIsBetweenEpochs", 9, &[(3, 9), (4, 11)]);
    cut("shouldNotClearAnythingIfOffsetToEarly", 1, &[(2, 6), (3, 8), (4, 11)]);
    cut("shouldNotClearAnythingIfOffsetToFirstOffset", 6, &[(2, 6), (3, 8), (4, 11)]);
    cut("shouldRetainLatestEpochOnClearAllEarliest", 11, &[(4, 11)]);
    cut("shouldUpdateOffsetBetweenEpochBoundariesOnClearEarliest", 9, &[(3, 9), (4, 11)]);
    check(
        "shouldUpdateOffsetBetweenEpochBoundariesOnClearEarliest2",
        &[&[
            Assign(0, 0),
            Assign(1, 7),
            Assign(2, 10),
            FromStart(5),
            Entries(&[(0, 5), (1, 7), (2, 10)]),
        ]],
    );
    cut("shouldRetainLatestEpochOnClearAllEarliestAndUpdateItsOffset", 15, &[(4, 15)]);
    cut("shouldNotResetEpochHistoryHeadIfUndefinedPassed", -1, &[(2, 6), (3, 8), (4, 11)]);
    check("shouldClearEarliestOnEmptyCache", &[&[FromStart(7), Entries(&[])]]);
    check(
        "shouldWriteCheckpointOnTruncation",
        &[&THREE, &[FromEnd(11), FromStart(8), Reload, Entries(&[(3, 8)])]],
    );
}

#[test]
fn neighbours() {
    let story = |previous: [i32; 4]| {
        vec![
            Previous(previous[0], None),
            Assign(2, 10),
            Previous(previous[1], None),
            Assign(4, 15),
            Previous(previous[2], Some(2)),
            Assign(10, 20),
            Previous(previous[3], Some(4)),
            FromEnd(18),
            Previous(-1, Some(2)),
        ]
    };
    check("testPreviousEpoch", &[&story([-1, -1, -1, -1])]);
    check("testFindPreviousEpoch", &[&story([2, 2, 4, 10])]);
    check(
        "shouldFetchEpochForGivenOffset",
        &[&[
            Assign(0, 10),
            Assign(1, 20),
            Assign(5, 30),
            EpochAt(25, Some(1)),
            EpochAt(20, Some(1)),
            EpochAt(30, Some(5)),
            EpochAt(50, Some(5)),
            EpochAt(5, None),
        ]],
    );
}
