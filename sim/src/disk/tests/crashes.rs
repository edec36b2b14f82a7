//! What crashes take, and what they must leave.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::DiskTrouble::{Dead, Eio};
use super::super::{Disk, DiskCall, DiskCrash, DiskError, DiskSettings, JobId};
use super::{contents, job, patient, stream, synced_file, timed_job, trouble};
use crate::seen::CrashKind::{PowerLoss, Process};
use crate::time::{Span, Time};

/// One step of a life with power losses. Every byte written is one of `1..=255`.
#[derive(Debug, Clone)]
enum Step {
    Append(usize, u8),
    Write(u64, usize, u8),
    Truncate(u64),
    Sync,
    Wait(u64),
    PowerLoss(u64),
    ProcessCrash(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..9_000_usize, 1..=255_u8).prop_map(|(len, byte)| Step::Append(len, byte)),
        2 => (0..20_000_u64, 1..5_000_usize, 1..=255_u8)
            .prop_map(|(offset, len, byte)| Step::Write(offset, len, byte)),
        1 => (0..20_000_u64).prop_map(Step::Truncate),
        2 => Just(Step::Sync),
        2 => (0..3_000_u64).prop_map(Step::Wait),
        2 => any::<u64>().prop_map(Step::PowerLoss),
        1 => any::<u64>().prop_map(Step::ProcessCrash),
    ]
}

/// What must survive: per byte whether it was synced and not changed since.
#[derive(Debug, Default)]
struct Promise {
    bytes: Vec<Option<u8>>,
    /// The file is at least this long.
    len: usize,
}

impl Promise {
    fn changed(&mut self, from: usize, to: usize) {
        for byte in self.bytes.iter_mut().take(to).skip(from) {
            *byte = None;
        }
    }

    #[track_caller]
    fn check(&self, got: &[u8]) {
        assert!(got.len() >= self.len, "{} of {} synced bytes are left", got.len(), self.len);
        for (i, byte) in self.bytes.iter().enumerate().take(self.len) {
            assert!(byte.is_none_or(|byte| got[i] == byte), "synced byte {i} changed");
        }
    }
}

fn live(steps: &[Step], settings: DiskSettings) -> (Disk, Vec<DiskCrash>) {
    let mut disk = Disk::new(5, settings);
    synced_file(&mut disk, "a", b"");
    let mut promise = Promise::default();
    let mut now = Time::ZERO;
    let mut reports = Vec::new();
    for step in steps {
        now += Span::from_micros(1);
        match step {
            Step::PowerLoss(seed) | Step::ProcessCrash(seed) => {
                let power = matches!(step, Step::PowerLoss(_));
                let before = contents(&disk, "a");
                let report =
                    disk.crash(now, if power { PowerLoss } else { Process }, &mut stream(*seed));
                let after = contents(&disk, "a");
                promise.check(&after);
                check_report(&report, &before, &after);
                assert!(power || before == after, "no job was running");
                if power {
                    // Whatever survived is durable.
                    promise =
                        Promise { len: after.len(), bytes: after.into_iter().map(Some).collect() };
                }
                reports.push(report);
            }
            Step::Wait(millis) => now += Span::from_millis(*millis),
            _ => now = apply(&mut disk, &mut promise, now, step),
        }
    }
    (disk, reports)
}

fn apply(disk: &mut Disk, promise: &mut Promise, now: Time, step: &Step) -> Time {
    let (done, end) = timed_job(disk, now, |calls| -> Result<(), DiskError> {
        let file = calls.open("a", false)?;
        match *step {
            Step::Append(len, byte) => calls.append(file, Bytes::from(vec![byte; len])).map(|_| ()),
            Step::Write(offset, len, byte) => {
                promise.changed(offset as usize, offset as usize + len);
                calls.write(file, offset, Bytes::from(vec![byte; len]))
            }
            Step::Truncate(len) => {
                promise.changed(len as usize, usize::MAX);
                promise.len = promise.len.min(len as usize);
                calls.truncate(file, len)
            }
            _ => calls.sync(file),
        }
    });
    done.expect("a healthy disk");
    if matches!(step, Step::Sync) {
        let bytes = contents(disk, "a");
        *promise = Promise { len: bytes.len(), bytes: bytes.into_iter().map(Some).collect() };
    }
    end
}

/// The report's damage is exactly where the bytes differ.
#[track_caller]
fn check_report(report: &DiskCrash, before: &[u8], after: &[u8]) {
    let longest = before.len().max(after.len());
    let first = (0..longest).find(|&i| before.get(i) != after.get(i)).map(|i| i as u64);
    assert_eq!(report.files.first().map(|damage| damage.first_changed), first, "{report:?}");
    assert_eq!(report.is_harmless(), before == after, "{report:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn synced_bytes_survive_every_crash(steps in prop::collection::vec(step(), 1..40)) {
        live(&steps, DiskSettings::default());
        live(&steps, patient());
    }

    #[test]
    fn equal_streams_give_equal_crashes(steps in prop::collection::vec(step(), 1..40)) {
        let (one, first) = live(&steps, DiskSettings::default());
        let (other, second) = live(&steps, DiskSettings::default());
        prop_assert_eq!(first, second);
        prop_assert_eq!((one.mark(), contents(&one, "a")), (other.mark(), contents(&other, "a")));
    }

    #[test]
    fn a_process_crash_leaves_some_first_calls_of_a_job_and_part_of_the_next(
        steps in prop::collection::vec(
            step().prop_filter("changes", |s| matches!(s, Step::Append(..) | Step::Write(..) | Step::Truncate(_))),
            1..8,
        ),
        seed in any::<u64>(),
    ) {
        let mut disk = Disk::new(5, patient());
        synced_file(&mut disk, "a", &[9; 6_000]);
        let mut states = vec![contents(&disk, "a")];
        let file = job(&mut disk, Time::ZERO, |calls| calls.open("a", false)).expect("healthy");
        for step in &steps {
            let mut calls = disk.access(Time::ZERO, JobId(1));
            match *step {
                Step::Append(len, byte) => {
                    calls.append(file, Bytes::from(vec![byte; len])).expect("healthy");
                }
                Step::Write(offset, len, byte) => {
                    calls.write(file, offset, Bytes::from(vec![byte; len])).expect("healthy");
                }
                Step::Truncate(len) => calls.truncate(file, len).expect("healthy"),
                _ => {}
            }
            states.push(contents(&disk, "a"));
        }
        let before = contents(&disk, "a");
        let report = disk.crash(Time::ZERO, Process, &mut stream(seed));
        let after = contents(&disk, "a");
        let between = states.windows(2).any(|pair| is_between(&after, &pair[0], &pair[1]));
        prop_assert!(between, "no prefix of the calls explains it: {report:?}");
prop_assert!(report.operations_undone > 0 || before == after, "{report:?}");
    }
}

/// Whether `got` is `new` up to some byte and `old` from there on.
fn is_between(got: &[u8], old: &[u8], new: &[u8]) -> bool {
    let longest = old.len().max(new.len()).max(got.len());
    let until = (0..longest).find(|&i| got.get(i) != new.get(i)).unwrap_or(longest);
    (until..longest).all(|i| got.get(i) == old.get(i))
}

#[test]
fn unsynced_pages_meet_their_ends_one_by_one() {
    let mut ends = BTreeSet::new();
    let mut torn = BTreeSet::new();
    for seed in 0..300 {
        let mut disk = Disk::new(5, patient());
        synced_file(&mut disk, "a", &[1; 3 * 4_096]);
        job(&mut disk, Time::ZERO, |calls| {
            let file = calls.open("a", false)?;
            calls.write(file, 0, Bytes::from(vec![2; 3 * 4_096]))
        })
        .expect("a healthy disk");
        assert_eq!(disk.unsynced_pages(Time::ZERO), 3, "all three");
        let report = disk.crash(Time::ZERO, PowerLoss, &mut stream(seed));
        assert_eq!(report.pages_kept + report.pages_lost + report.pages_torn, 3, "each has an end");
        let after = contents(&disk, "a");
        let end = |page: &[u8]| match page.iter().filter(|byte| **byte == 2).count() {
            4_096 => 'k',
            0 => 'l',
            new => {
                torn.insert(new);
                't'
            }
        };
        ends.insert(after.chunks(4_096).map(end).collect::<String>());
    }
    assert_eq!(ends.len(), 27, "every combination: {ends:?}");
    assert_eq!(torn, (1..8).map(|sectors| sectors * 512).collect(), "torn between sectors only");
}

#[test]
fn a_sync_is_durable_only_when_its_job_is_settled() {
    let lost = |settled: bool| {
        (0..50).filter(move |seed| {
            let mut disk = Disk::new(5, patient());
            synced_file(&mut disk, "a", b"");
            job(&mut disk, Time::ZERO, |calls| {
                let file = calls.open("a", false)?;
                calls.append(file, Bytes::from_static(b"new"))
            })
            .expect("a healthy disk");
            let file = disk.access(Time::ZERO, JobId(1)).open("a", false).expect("there");
            disk.access(Time::ZERO, JobId(1)).sync(file).expect("a healthy disk");
            if settled {
                disk.settle(Time::ZERO, JobId(1));
            }
            disk.crash(Time::ZERO, PowerLoss, &mut stream(*seed));
            contents(&disk, "a") != b"new"
        })
    };
    assert_eq!(lost(true).count(), 0, "settled");
    assert!(lost(false).count() > 10, "not settled");
}

#[test]
fn a_sync_covers_what_was_written_before_it_and_not_what_came_during() {
    for seed in 0..50 {
        let mut disk = Disk::new(5, patient());
        synced_file(&mut disk, "a", b"");
        let file = disk.access(Time::ZERO, JobId(1)).open("a", false).expect("there");
        job(&mut disk, Time::ZERO, |calls| calls.append(file, Bytes::from_static(b"before")))
            .expect("ok");
        disk.access(Time::ZERO, JobId(1)).sync(file).expect("a healthy disk");
        job(&mut disk, Time::ZERO, |calls| calls.append(file, Bytes::from_static(b" during")))
            .expect("ok");
        disk.settle(Time::ZERO, JobId(1));
        disk.crash(Time::ZERO, PowerLoss, &mut stream(seed));
        let after = contents(&disk, "a");
        assert!(after.starts_with(b"before"), "seed {seed}: {after:?}");
    }
}

#[test]
fn writeback_makes_pages_durable_without_anybody_asking() {
    let mut disk = Disk::new(5, DiskSettings::default());
    synced_file(&mut disk, "a", b"");
    let file = job(&mut disk, Time::ZERO, |calls| calls.open("a", false)).expect("there");
    job(&mut disk, Time::ZERO, |calls| calls.append(file, Bytes::from(vec![1; 400_000])))
        .expect("ok");
    let dirty_after = |seconds| disk.unsynced_pages(Time::ZERO + Span::from_secs(seconds));
    assert_eq!(dirty_after(0), 98, "at first nothing is");
    assert!((1..98).contains(&dirty_after(4)), "{} pages half-way", dirty_after(4));
    assert_eq!(dirty_after(9), 0, "in the end all are");
}

#[test]
fn a_sync_that_fails_drops_the_pages_for_good() {
    let mut disk = Disk::new(5, DiskSettings::default());
    synced_file(&mut disk, "a", b"");
    let file = job(&mut disk, Time::ZERO, |calls| calls.open("a", false)).expect("there");
    job(&mut disk, Time::ZERO, |calls| calls.append(file, Bytes::from_static(b"gone")))
        .expect("ok");
    trouble(&mut disk, Time::ZERO, Eio { calls: DiskCall::Any, once: true });
    let synced = job(&mut disk, Time::ZERO, |calls| [calls.sync(file), calls.sync(file)]);
    assert_eq!(synced, [Err(DiskError::Io), Ok(())], "the second one lies");
    assert_eq!(contents(&disk, "a"), b"gone", "the cache still shows it");
    let later = Time::ZERO + Span::from_secs(100);
    assert_eq!(disk.unsynced_pages(later), 0, "the cache takes it for clean");
    assert_eq!(disk.forgotten_pages(), 1, "nobody writes it any more");
}

#[test]
fn names_survive_a_power_loss_only_with_their_directory_synced() {
    let rename = |synced: bool, seed: u64| {
        let mut disk = Disk::new(5, patient());
        job(&mut disk, Time::ZERO, |calls| calls.create_dir("d")).expect("ok");
        synced_file(&mut disk, "d/old", b"old");
        synced_file(&mut disk, "d/new", b"new");
        job(&mut disk, Time::ZERO, |calls| calls.sync_dir("d")).expect("ok");
        job(&mut disk, Time::ZERO, |calls| calls.rename("d/new", "d/old")).expect("ok");
        if synced {
            job(&mut disk, Time::ZERO, |calls| calls.sync_dir("d")).expect("ok");
        }
        let report = disk.crash(Time::ZERO, PowerLoss, &mut stream(seed));
        let undone = disk.peek_len("d/new").is_some();
        assert_eq!(contents(&disk, "d/old"), if undone { b"old" } else { b"new" }, "never neither");
        assert_eq!(report.names_undone.len(), usize::from(undone), "as reported");
        undone
    };
    assert_eq!((0..40).filter(|seed| rename(true, *seed)).count(), 0, "synced");
    assert!((5..35).contains(&(0..40).filter(|seed| rename(false, *seed)).count()), "not synced");
}

#[test]
fn a_crash_on_the_way_leaves_the_old_file_or_the_new_one_and_nothing_torn() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let mut disk = Disk::new(5, patient());
        synced_file(&mut disk, "state", b"old");
        let mut calls = disk.access(Time::ZERO, JobId(1));
        let file = calls.open("state.tmp", true).expect("a healthy disk");
        calls.append(file, Bytes::from_static(b"new")).expect("a healthy disk");
        calls.sync(file).expect("a healthy disk");
        calls.rename("state.tmp", "state").expect("a healthy disk");
        calls.sync_dir("").expect("a healthy disk");
        disk.crash(Time::ZERO, PowerLoss, &mut stream(seed));
        seen.insert(contents(&disk, "state"));
    }
    assert_eq!(seen, BTreeSet::from([b"old".to_vec(), b"new".to_vec()]), "both, and no third");
}

/// Two jobs replace the same file, neither has ended: the second built on the first's rename, which therefore must have
/// happened, and all that the first did before it (found by seed 107 of `everything_at_once`).
#[test]
fn what_another_job_built_on_stands_with_all_that_came_before_it() {
    for kind in [PowerLoss, Process] {
        let mut seen = BTreeSet::new();
        for seed in 0..400 {
            let mut disk = Disk::new(5, patient());
            synced_file(&mut disk, "state", b"old");
            for (job, bytes) in [(1, b"first"), (2, b"later")] {
                let mut calls = disk.access(Time::ZERO, JobId(job));
                let file = calls.open("state.tmp", true).expect("a healthy disk");
                calls.append(file, Bytes::from_static(bytes)).expect("a healthy disk");
                calls.sync(file).expect("a healthy disk");
                calls.rename("state.tmp", "state").expect("a healthy disk");
                calls.sync_dir("").expect("a healthy disk");
            }
            disk.crash(Time::ZERO, kind, &mut stream(seed));
            seen.insert(String::from_utf8_lossy(&contents(&disk, "state")).into_owned());
        }
        let want = ["first", "later", "old"].map(str::to_owned);
        assert_eq!(seen, BTreeSet::from(want), "CR-4: {kind:?}: whole files only");
    }
}

#[test]
fn a_directory_that_never_was_takes_what_was_in_it_along() {
    for seed in 0..40 {
        let mut disk = Disk::new(5, patient());
        job(&mut disk, Time::ZERO, |calls| calls.create_dir("d")).expect("ok");
        synced_file(&mut disk, "d/a", b"a");
        let mut undone = disk.clone();
        undone.crash(Time::ZERO, PowerLoss, &mut stream(seed));
        // `synced_file` syncs the root, so the directory holds; its entry may not.
        assert!(job(&mut undone, Time::ZERO, |calls| calls.exists("d")), "seed {seed}");
        job(&mut disk, Time::ZERO, |calls| calls.rename("d", "e")).expect("ok");
        disk.crash(Time::ZERO, PowerLoss, &mut stream(seed));
        let files: Vec<String> = disk.files().map(|(path, _)| path.to_string()).collect();
        let both = job(&mut disk, Time::ZERO, |calls| (calls.exists("d"), calls.exists("e")));
        assert_ne!(both.0, both.1, "one of the two names");
        let name = if both.0 { "d/a" } else { "e/a" };
        assert!(files.is_empty() || files == [name], "seed {seed}: {files:?}");
    }
}

#[test]
fn a_wiped_disk_is_empty_and_sound() {
    let mut disk = Disk::new(5, DiskSettings::default());
    synced_file(&mut disk, "a", b"a");
    trouble(&mut disk, Time::ZERO, Dead);
    disk.wipe(Time::ZERO);
    assert_eq!((disk.files().count(), disk.used_bytes()), (0, 0), "nothing left");
    synced_file(&mut disk, "a", b"b");
    assert_eq!(contents(&disk, "a"), b"b", "works again");
}

#[test]
fn a_length_that_was_not_synced_survives_falls_back_or_ends_where_the_last_page_was_kept() {
    let mut lengths = BTreeSet::new();
    for seed in 0..300 {
        let mut disk = Disk::new(5, patient());
        synced_file(&mut disk, "log", &[1; 100]);
        job(&mut disk, Time::ZERO, |calls| {
            let file = calls.open("log", false)?;
            calls.append(file, Bytes::from(vec![2; 12_000]))
        })
        .expect("a healthy disk");
        disk.crash(Time(1), PowerLoss, &mut stream(seed));
        lengths.insert(disk.peek_len("log").expect("its name was synced"));
    }
    assert!(lengths.contains(&12_100) && lengths.contains(&100), "all of it, or none: {lengths:?}");
    assert!(lengths.contains(&4_096) && lengths.contains(&8_192), "or up to a page: {lengths:?}");
    assert_eq!(lengths.len(), 4, "and nothing else: {lengths:?}");
}

#[test]
fn a_torn_page_keeps_its_first_sectors_or_its_last_ones() {
    let (mut first, mut last) = (0, 0);
    for seed in 0..300 {
        let mut disk = Disk::new(5, patient());
        synced_file(&mut disk, "page", &[1; 4_096]);
        job(&mut disk, Time::ZERO, |calls| {
            let file = calls.open("page", false)?;
            calls.write(file, 0, Bytes::from(vec![2; 4_096]))
        })
        .expect("a healthy disk");
        if disk.crash(Time(1), PowerLoss, &mut stream(seed)).pages_torn == 0 {
            continue;
        }
        let bytes = contents(&disk, "page");
        let border = bytes.windows(2).position(|pair| pair[0] != pair[1]).expect("it is torn") + 1;
        assert_eq!(border % 512, 0, "seed {seed}: at a sector");
        if bytes[0] == 2 { first += 1 } else { last += 1 }
    }
    assert!(first > 10 && last > 3, "the new bytes first: {first}, last: {last}");
}
