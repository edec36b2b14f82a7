//! What each trouble does to a disk, and what it leaves alone.

use bytes::Bytes;

use super::super::DiskTrouble::{Dead, Eio, Full, Hang, Misdirect, Misread, Slow, Throttle};
use super::super::{
    Disk, DiskCall, DiskError, DiskHarm, DiskSettings, DiskTrouble, FileId, JobId, Owed, PAGE_BYTES,
};
use super::{FAULT, contents, job, patient, stream, synced_file, trouble};
use crate::ids::FaultId;
use crate::seen::CrashKind::PowerLoss;
use crate::time::{Span, Time};

const NOW: Time = Time(1_000_000_000);
const PAGE: usize = PAGE_BYTES as usize;

/// Three synced files of two pages each: `d/a`, `d/b`, `e`.
fn three(settings: DiskSettings) -> Disk {
    let mut disk = Disk::new(5, settings);
    job(&mut disk, Time::ZERO, |calls| calls.create_dir("d")).expect("healthy");
    for path in ["d/a", "d/b", "e"] {
        synced_file(&mut disk, path, &[1; 2 * PAGE]);
        job(&mut disk, Time::ZERO, |calls| calls.sync_dir(parent(path))).expect("healthy");
    }
    disk
}

fn parent(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

fn at(disk: &mut Disk, path: &str, trouble: DiskTrouble) {
    disk.set_off(NOW, FAULT, Some(path.into()), trouble);
}

fn open(disk: &mut Disk, path: &str) -> FileId {
    job(disk, NOW, |calls| calls.open(path, false)).expect("it is there")
}

fn write(disk: &mut Disk, path: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
    let file = open(disk, path);
    job(disk, NOW, |calls| calls.write(file, offset, Bytes::copy_from_slice(bytes)))
}

fn read(disk: &mut Disk, path: &str) -> Result<Bytes, DiskError> {
    let file = open(disk, path);
    job(disk, NOW, |calls| calls.read(file, 0, u64::MAX))
}

fn sync(disk: &mut Disk, path: &str) -> Result<(), DiskError> {
    let file = open(disk, path);
    job(disk, NOW, |calls| calls.sync(file))
}

/// Reads so much else that everything has gone cold.
fn cool(disk: &mut Disk) {
    synced_file(disk, "much", &vec![3; 64 * PAGE]);
    job(disk, NOW, |calls| calls.remove("much")).expect("healthy");
}

fn small_cache() -> DiskSettings {
    DiskSettings { cache_bytes: 32 * PAGE_BYTES, ..patient() }
}

#[test]
fn an_eio_hits_its_calls_on_its_file_and_no_others() {
    let all = [DiskCall::Read, DiskCall::Write, DiskCall::Sync];
    for calls in [DiskCall::Any, DiskCall::Read, DiskCall::Write, DiskCall::Sync] {
        for (scope, hit) in [("d/a", "d/a"), ("d", "d/a d/b"), ("e", "e"), ("", "d/a d/b e")] {
            let mut disk = three(patient());
            at(&mut disk, scope, Eio { calls, once: false });
            let mut failed = 0;
            for path in ["d/a", "d/b", "e"] {
                let answers = [
                    read(&mut disk, path).map(|_| ()),
                    write(&mut disk, path, 0, b"x"),
                    sync(&mut disk, path),
                ];
                for (call, answer) in all.into_iter().zip(answers) {
                    let fails = (calls == DiskCall::Any || calls == call)
                        && hit.split(' ').any(|hit| hit == path);
                    failed += u64::from(fails);
                    let want = if fails { Err(DiskError::Io) } else { Ok(()) };
                    assert_eq!(answer, want, "{call:?} of {path}, EIO on {calls:?} at {scope:?}");
                }
            }
            assert_eq!(disk.effect(NOW, FAULT).disk_errors, failed, "as many as were seen");
        }
    }
}

#[test]
fn an_eio_on_a_directory_hits_its_sync_and_no_name_that_only_begins_like_it() {
    let mut disk = three(patient());
    job(&mut disk, NOW, |calls| calls.create_dir("d2")).expect("healthy");
    at(&mut disk, "d", Eio { calls: DiskCall::Sync, once: false });
    let synced = ["d", "d2", ""].map(|path| job(&mut disk, NOW, |calls| calls.sync_dir(path)));
    assert_eq!(synced, [Err(DiskError::Io), Ok(()), Ok(())], "d, d2 and the root");
}

#[test]
fn an_eio_once_is_used_up_when_it_hit_and_not_before() {
    let mut disk = three(patient());
    at(&mut disk, "d/a", Eio { calls: DiskCall::Any, once: true });
    assert!(read(&mut disk, "e").is_ok(), "another file");
    assert_eq!(read(&mut disk, "d/a"), Err(DiskError::Io), "the first");
    assert!(read(&mut disk, "d/a").is_ok(), "the second");
    assert_eq!(disk.effect(NOW, FAULT).disk_errors, 1, "one");
}

#[test]
fn overlapping_eios_end_one_by_one_and_the_first_counts() {
    let mut disk = three(patient());
    let faults = [FaultId(7), FaultId(8)];
    for fault in faults {
        disk.set_off(NOW, fault, None, Eio { calls: DiskCall::Read, once: false });
    }
    for fault in faults {
        assert_eq!(read(&mut disk, "e"), Err(DiskError::Io), "{fault:?} is active");
        assert_eq!(disk.effect(NOW, fault).disk_errors, 1, "{fault:?} counts its own");
        disk.heal(NOW, fault);
    }
    assert!(read(&mut disk, "e").is_ok(), "none is");
}

/// `d/a` with an unsynced new first page, and `e` with one too; the sync of `d/a` has failed.
fn forgotten(settings: DiskSettings) -> Disk {
    let mut disk = three(settings);
    at(&mut disk, "d/a", Eio { calls: DiskCall::Sync, once: true });
    for path in ["d/a", "e"] {
        write(&mut disk, path, 0, &[2; PAGE]).expect("healthy");
    }
    assert_eq!(sync(&mut disk, "d/a"), Err(DiskError::Io), "the first");
    assert_eq!(sync(&mut disk, "d/a"), Ok(()), "the second lies");
    disk
}

#[test]
fn what_a_failed_sync_forgot_never_survives_a_power_loss() {
    let mut other_kept = 0;
    for seed in 0..40 {
        let mut disk = forgotten(patient());
        assert_eq!(contents(&disk, "d/a")[..PAGE], [2; PAGE], "the cache shows it");
        assert_eq!(disk.effect(NOW, FAULT).pages_forgotten, 1, "one page");
        let report = disk.crash(NOW, PowerLoss, &mut stream(seed));
        assert_eq!(contents(&disk, "d/a"), [1; 2 * PAGE], "seed {seed}: the device never had it");
        assert!(report.files.iter().any(|damage| &*damage.path == "d/a"), "it is told");
        other_kept += u32::from(contents(&disk, "e")[..PAGE] == [2; PAGE]);
    }
    assert!((1..40).contains(&other_kept), "{other_kept}: the other file has its drawn fate");
}

#[test]
fn what_a_failed_sync_forgot_does_not_become_durable_by_itself() {
    let mut disk = forgotten(DiskSettings::default());
    let late = NOW + Span::from_secs(100);
    disk.crash(late, PowerLoss, &mut stream(1));
    assert_eq!(contents(&disk, "d/a"), [1; 2 * PAGE], "no writeback");
    assert_eq!(contents(&disk, "e")[..PAGE], [2; PAGE], "the other file was written back");
}

#[test]
fn what_a_failed_sync_forgot_is_gone_once_it_is_cold() {
    let mut disk = forgotten(small_cache());
    assert_eq!(read(&mut disk, "d/a").expect("healthy")[..PAGE], [2; PAGE], "in the cache");
    cool(&mut disk);
    assert_eq!(contents(&disk, "d/a"), [1; 2 * PAGE], "whoever looks sees the device");
    assert_eq!(read(&mut disk, "d/a").expect("healthy")[..], [1; 2 * PAGE], "so does a read");
    assert_eq!(contents(&disk, "e")[..PAGE], [2; PAGE], "the other file is as written");
    assert_eq!(disk.forgotten_pages(), 0, "it is an ordinary page again");
}

#[test]
fn a_new_write_makes_a_forgotten_page_dirty_again() {
    let mut disk = forgotten(patient());
    write(&mut disk, "d/a", 10, b"new").expect("healthy");
    assert_eq!(disk.forgotten_pages(), 0, "dirty in the usual way");
    sync(&mut disk, "d/a").expect("healthy");
    disk.crash(NOW, PowerLoss, &mut stream(1));
    let after = contents(&disk, "d/a");
    assert_eq!((&after[..10], &after[10..13]), (&[2; 10][..], &b"new"[..]), "the whole page is");
}

#[test]
fn a_sync_that_runs_while_another_fails_keeps_what_it_promised() {
    for seed in 0..40 {
        let mut disk = three(patient());
        let file = open(&mut disk, "d/a");
        write(&mut disk, "d/a", 0, &[2; 3 * PAGE]).expect("healthy");
        disk.access(NOW, JobId(1)).sync(file).expect("healthy");
        write(&mut disk, "d/a", 0, &[3; PAGE]).expect("healthy");
        trouble(&mut disk, NOW, Eio { calls: DiskCall::Sync, once: true });
        assert_eq!(sync(&mut disk, "d/a"), Err(DiskError::Io), "forgets the page");
        disk.settle(NOW, JobId(1));
        disk.crash(NOW, PowerLoss, &mut stream(seed));
        assert_eq!(contents(&disk, "d/a"), [2; 3 * PAGE], "seed {seed}: DK-1, bytes and length");
    }
}

#[test]
fn a_misread_flips_one_bit_of_one_read_and_nothing_on_the_disk() {
    let mut disk = three(patient());
    at(&mut disk, "d", Misread);
    assert_eq!(read(&mut disk, "e").expect("healthy")[..], [1; 2 * PAGE], "another file");
    let file = open(&mut disk, "d/a");
    let none = job(&mut disk, NOW, |calls| calls.read(file, 2 * PAGE_BYTES, 5)).expect("healthy");
    assert!(none.is_empty(), "a read of nothing does not use it up");
    let wrong = read(&mut disk, "d/a").expect("healthy");
    let flipped: Vec<(u64, u8)> =
        (0..).zip(wrong.iter().map(|byte| byte ^ 1)).filter(|(_, bits)| *bits != 0).collect();
    let harms = disk.harms(FAULT);
    let [DiskHarm::Misread(flip)] = &harms[..] else { panic!("{harms:?}") };
    assert_eq!(flipped, [(flip.offset, 1 << flip.bit)], "one bit, as told");
    assert_eq!((&*flip.path, disk.effect(NOW, FAULT).reads_flipped), ("d/a", 1), "counted");
    assert_eq!(read(&mut disk, "d/a").expect("healthy")[..], [1; 2 * PAGE], "the disk is whole");
}

/// Writes a page of 9s to `d/a`, which goes astray; answers where to.
fn misdirected(disk: &mut Disk) -> (String, usize) {
    at(disk, "d/a", Misdirect);
    write(disk, "e", 0, &[1; 5]).expect("healthy");
    assert!(disk.harms(FAULT).is_empty(), "another file");
    sync(disk, "e").expect("healthy");
    write(disk, "d/a", 0, &[9; PAGE]).expect("healthy");
    assert_eq!(sync(disk, "d/a"), Ok(()), "nobody notices");
    let harms = disk.harms(FAULT);
    let [DiskHarm::Misdirected { path, offset: 0, length: PAGE_BYTES, went: Some(went) }] =
        &harms[..]
    else {
        panic!("{harms:?}")
    };
    assert_eq!((&**path, disk.effect(NOW, FAULT).writes_misdirected), ("d/a", 1), "counted");
    (went.0.to_string(), usize::try_from(went.1).expect("small"))
}

#[track_caller]
fn check_misdirected(disk: &Disk, went: &(String, usize)) {
    for path in ["d/a", "d/b", "e"] {
        let mut want = vec![1; 2 * PAGE];
        if path == went.0 {
            want[went.1..went.1 + PAGE].fill(9);
        }
        assert_eq!(contents(disk, path), want, "{path}, and it went to {went:?}");
    }
}

#[test]
fn a_misdirected_write_shows_at_the_wrong_place_after_a_power_loss() {
    let mut places = std::collections::BTreeSet::new();
    for fault in 0..40 {
        let mut disk = three(patient());
        disk.key ^= fault;
        let went = misdirected(&mut disk);
        assert_eq!(contents(&disk, "d/a")[..PAGE], [9; PAGE], "the cache shows what was written");
        assert_eq!(contents(&disk, "e"), [1; 2 * PAGE], "and nothing else");
        let report = disk.crash(NOW, PowerLoss, &mut stream(1));
        check_misdirected(&disk, &went);
        let told = |path: &str| report.files.iter().any(|damage| &*damage.path == path);
        assert!(told("d/a") && told(&went.0), "both places are told: {report:?}");
        places.insert(went);
    }
    assert_eq!(places.len(), 5, "every other page: {places:?}");
}

#[test]
fn a_misdirected_write_shows_once_its_pages_are_cold() {
    let mut disk = three(small_cache());
    let went = misdirected(&mut disk);
    cool(&mut disk);
    check_misdirected(&disk, &went);
    for path in ["d/a", "d/b", "e"] {
        let told = read(&mut disk, path).expect("healthy");
        assert_eq!(told, contents(&disk, path), "a read sees the same");
    }
}

#[test]
fn a_write_with_no_other_place_to_go_is_lost() {
    let mut disk = Disk::new(5, patient());
    synced_file(&mut disk, "a", &[1; 100]);
    trouble(&mut disk, NOW, Misdirect);
    write(&mut disk, "a", 0, &[9; 100]).expect("healthy");
    sync(&mut disk, "a").expect("it lies");
    let harms = disk.harms(FAULT);
    assert!(matches!(&harms[..], [DiskHarm::Misdirected { went: None, .. }]), "{harms:?}");
    disk.crash(NOW, PowerLoss, &mut stream(1));
    assert_eq!(contents(&disk, "a"), [1; 100], "what was there");
}

#[test]
fn rot_stays_below_its_path() {
    for seed in 0..20 {
        let mut disk = three(patient());
        let flip = disk.rot(Some("d"), &mut stream(seed)).expect("there are bytes");
        assert!(flip.path.starts_with("d/"), "{flip:?}");
        assert_eq!(contents(&disk, "e"), [1; 2 * PAGE], "another file");
        assert_eq!(disk.rot(Some("none"), &mut stream(seed)), None, "no bytes there");
    }
}

#[test]
fn nothing_becomes_durable_while_the_device_hangs() {
    let mut disk = three(DiskSettings::default());
    write(&mut disk, "e", 0, &[2; PAGE]).expect("healthy");
    trouble(&mut disk, NOW, Hang);
    write(&mut disk, "d/a", 0, &[2; PAGE]).expect("within the limit");
    let late = NOW + Span::from_secs(100);
    assert_eq!(disk.unsynced_pages(late), 2, "writeback needs the device");
    disk.heal(late, FAULT);
    assert_eq!(disk.unsynced_pages(late), 2, "it only begins now");
    assert_eq!(disk.unsynced_pages(late + Span::from_secs(9)), 0, "as late as ever");
    assert_eq!(disk.times(late).hung, Span::from_secs(100), "so long");
}

#[test]
fn only_calls_that_need_the_device_hang() {
    type Calls = fn(&mut super::DiskAccess<'_>, FileId) -> Result<(), DiskError>;
    let cases: [(&str, bool, Calls); 8] = [
        ("a cached read", false, |calls, file| calls.read(file, 0, 100).map(|_| ())),
        ("an opened file", false, |calls, _| calls.open("e", false).map(|_| ())),
        ("a small write", false, |calls, file| calls.write(file, 0, Bytes::from_static(b"x"))),
        ("a large write", true, |calls, file| calls.write(file, 0, Bytes::from(vec![0; 9 << 20]))),
        ("a sync", true, |calls, file| calls.sync(file)),
        ("a directory's sync", true, |calls, _| calls.sync_dir("d")),
        ("a rename", true, |calls, _| calls.rename("e", "f")),
        ("a list", true, |calls, _| calls.list("d").map(|_| ())),
    ];
    let later = NOW + Span::from_secs(1);
    for (name, hangs, call) in cases {
        let mut disk = three(patient());
        let file = open(&mut disk, "e");
        trouble(&mut disk, NOW, Hang);
        call(&mut disk.access(NOW, JobId(1)), file).expect("it answers, in time");
        let want = if hangs { Owed::Hangs } else { Owed::Nothing };
        assert_eq!(disk.owed(later, JobId(1)), want, "{name}");
        assert_eq!(disk.effect(later, FAULT).calls_hung, u64::from(hangs), "{name}");
    }
    let mut disk = three(patient());
    disk.crash(NOW, PowerLoss, &mut stream(1));
    let file = open(&mut disk, "e");
    trouble(&mut disk, NOW, Hang);
    disk.access(NOW, JobId(1)).read(file, 0, 100).expect("it answers, in time");
    assert_eq!(disk.owed(later, JobId(1)), Owed::Hangs, "a cold read");
}

#[test]
fn a_hang_that_begins_within_a_call_holds_it_for_as_long_as_it_lasts() {
    let mut disk = three(patient());
    let file = open(&mut disk, "e");
    disk.access(NOW, JobId(1)).sync(file).expect("healthy");
    let cost = disk.cost(JobId(1));
    let (begins, ends) = (NOW + cost / 2, NOW + cost / 2 + Span::from_secs(3));
    trouble(&mut disk, begins, Hang);
    disk.heal(ends, FAULT);
    let Owed::Wait(owed) = disk.owed(NOW + cost + Span::from_secs(2), JobId(1)) else {
        panic!("three seconds are missing")
    };
    assert_eq!(owed, Span::from_secs(1), "two have passed");
}

#[test]
fn overlapping_hangs_end_with_the_last_one_and_share_the_time() {
    let mut disk = three(patient());
    let file = open(&mut disk, "e");
    let at = |seconds| NOW + Span::from_secs(seconds);
    let [one, other] = [FaultId(1), FaultId(2)];
    disk.set_off(at(0), one, None, Hang);
    disk.access(at(1), JobId(1)).sync(file).expect("it answers, in time");
    disk.set_off(at(2), other, None, Hang);
    assert_eq!(disk.effect(at(5), one).hung, Span::from_secs(4), "since the call");
    assert_eq!(disk.effect(at(5), other).hung, Span::ZERO, "TR-1");
    disk.heal(at(5), one);
    assert_eq!(disk.owed(at(6), JobId(1)), Owed::Hangs, "the other one is active");
    assert_eq!(disk.effect(at(6), other).hung, Span::from_secs(1), "since the first has ended");
    disk.heal(at(6), other);
    assert!(matches!(disk.owed(at(6), JobId(1)), Owed::Wait(_)), "none is");
}

#[test]
fn a_throttle_paces_bytes_and_leaves_latencies_alone() {
    let settings = DiskSettings { dirty_limit_bytes: 0, ..patient() };
    let cost = |disk: &mut Disk, count: usize| {
        let file = open(disk, "e");
        let before = disk.times(NOW).waited;
        if count == 0 {
            sync(disk, "e").expect("healthy");
        } else {
            write(disk, "e", 0, &vec![1; count]).expect("healthy");
        }
        disk.access(NOW, JobId(3)).len(file).expect("healthy");
        disk.times(NOW).waited - before
    };
    let mut disk = three(settings);
    disk.crash(NOW, PowerLoss, &mut stream(1));
    trouble(&mut disk, NOW, Throttle(1_000_000));
    assert_eq!(cost(&mut disk.clone(), 0), DiskSettings::default().sync_latency, "a sync");
    assert_eq!(cost(&mut disk, 500_000), Span::from_millis(500), "half a megabyte");
    let told = disk.effect(NOW + Span::from_secs(9), FAULT);
    let added = Span::from_millis(500) - Span::from_millis(2);
    assert_eq!((told.disk_busy_added, told.disk_wait_added), (added, added), "2 ms at 250 MB/s");
}

#[test]
fn of_a_slowness_and_a_throttle_the_worse_counts() {
    let wait = |factor: u32, rate: u64| {
        let mut disk = three(DiskSettings { dirty_limit_bytes: 0, ..patient() });
        disk.crash(NOW, PowerLoss, &mut stream(1));
        let before = disk.times(NOW).waited;
        disk.set_off(NOW, FaultId(1), None, Slow(factor));
        disk.set_off(NOW, FaultId(2), None, Throttle(rate));
        write(&mut disk, "e", 0, &vec![1; 250_000]).expect("healthy");
        let late = NOW + Span::from_secs(9);
        let added = [1, 2].map(|fault| disk.effect(late, FaultId(fault)).disk_busy_added);
        ((disk.times(NOW).waited - before).as_millis(), added.map(Span::as_millis))
    };
    assert_eq!(wait(10, 1_000_000), (250, [0, 249]), "the throttle, 250 times");
    assert_eq!(wait(500, 1_000_000), (500, [499, 0]), "the slowness, 500 times");
}

#[test]
fn every_operation_takes_its_share_of_a_second() {
    let settings = DiskSettings { operations_per_second: 100, dirty_limit_bytes: 0, ..patient() };
    let mut disk = Disk::new(5, settings);
    synced_file(&mut disk, "e", b"");
    let share = Span::from_millis(10);
    let mut now = NOW;
    let mut cost = |call: fn(&mut super::DiskAccess<'_>, FileId) -> Result<(), DiskError>| {
        now += Span::from_secs(1);
        let file = job(&mut disk, now, |calls| calls.open("e", false)).expect("there");
        call(&mut disk.access(now, JobId(1)), file).expect("healthy");
        let cost = disk.cost(JobId(1));
        disk.settle(now + cost, JobId(1));
        Span::from_millis(cost.as_millis())
    };
    assert_eq!(cost(|calls, _| calls.list("").map(|_| ())), share, "a name");
    assert_eq!(
        cost(|calls, file| calls.write(file, 0, Bytes::from_static(b"x"))),
        share,
        "a write"
    );
    let joins = cost(|calls, file| calls.append(file, Bytes::from_static(b"y")).map(|_| ()));
    assert_eq!(joins, Span::ZERO, "what joins a dirty page");
    assert_eq!(cost(|calls, file| calls.sync(file)), share, "a sync");
    let large = cost(|calls, file| calls.write(file, 0, Bytes::from(vec![0; 5_000_000])));
    assert_eq!(large, Span::from_millis(20), "20 ms of bytes are more than a share");
}

#[test]
fn stalls_are_reported() {
    let settings = DiskSettings { stall_ppm: 200_000, ..patient() };
    let mut disk = Disk::new(5, settings);
    synced_file(&mut disk, "e", b"");
    for _ in 0..100 {
        sync(&mut disk, "e").expect("healthy");
    }
    let times = disk.times(NOW);
    assert!((5..50).contains(&times.stalls), "a fifth of 102: {times:?}");
    let floor = times.stalled + settings.sync_latency * 100;
    assert!(times.waited >= floor, "each is waited for: {times:?}");
    let healthy = Disk::new(5, patient()).times(NOW);
    assert_eq!((healthy.stalls, healthy.stalled), (0, Span::ZERO), "none without");
}

#[test]
fn a_write_that_only_partly_fits_fails_whole_and_names_free_room() {
    let mut disk = Disk::new(5, DiskSettings { capacity_bytes: 1_000, ..patient() });
    synced_file(&mut disk, "a", &[1; 600]);
    synced_file(&mut disk, "b", &[2; 300]);
    assert_eq!(write(&mut disk, "b", 250, &[3; 151]), Err(DiskError::Full), "one byte too many");
    assert_eq!(contents(&disk, "b"), [2; 300], "nothing of it");
    assert_eq!((disk.used_bytes(), disk.errors()), (900, 1), "as before");
    write(&mut disk, "b", 250, &[3; 150]).expect("it fits exactly");
    write(&mut disk, "a", 0, &[4; 600]).expect("an overwrite needs no room");
    job(&mut disk, NOW, |calls| calls.rename("b", "a")).expect("healthy");
    assert_eq!(disk.used_bytes(), 400, "what was replaced is free");
    write(&mut disk, "a", 400, &[5; 600]).expect("there is room");
    job(&mut disk, NOW, |calls| calls.remove("a")).expect("healthy");
    assert_eq!(disk.used_bytes(), 0, "what was removed is free");
}

#[test]
fn on_a_full_disk_nothing_grows_and_the_rest_goes_on() {
    let mut disk = three(patient());
    trouble(&mut disk, NOW, Full);
    let long = vec![2; 2 * PAGE + 1];
    assert_eq!(write(&mut disk, "e", 0, &long), Err(DiskError::Full), "one byte more");
    write(&mut disk, "e", 0, &[2; 9]).expect("an overwrite");
    sync(&mut disk, "e").expect("a sync");
    let file = open(&mut disk, "e");
    job(&mut disk, NOW, |calls| calls.truncate(file, 5)).expect("a cut");
    assert_eq!(disk.effect(NOW, FAULT).disk_errors, 1, "the one");
    disk.heal(NOW, FAULT);
    write(&mut disk, "e", 0, &long).expect("healed");
}

#[test]
fn a_dead_disk_stays_dead_until_another_stands_in_its_place() {
    let mut disk = three(patient());
    trouble(&mut disk, NOW, Dead);
    let dead = |disk: &mut Disk| job(disk, NOW, |calls| calls.list("")).err();
    assert_eq!(dead(&mut disk), Some(DiskError::Dead), "names too");
    disk.heal(NOW, FAULT);
    assert_eq!(dead(&mut disk), Some(DiskError::Dead), "for good");
    assert_eq!(disk.wipe(NOW), 6 * PAGE_BYTES, "all bytes are gone");
    assert_eq!(dead(&mut disk), None, "a new one");
}
