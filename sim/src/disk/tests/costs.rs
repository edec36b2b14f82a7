//! What calls cost, and what slowness adds.

use bytes::Bytes;

use super::super::DiskTrouble::{Hang, Slow};
use super::super::{Disk, DiskSettings, FileId, JobId, Owed};
use super::{FAULT, job, stream, synced_file, trouble};
use crate::seen::CrashKind::{PowerLoss, Process};
use crate::time::{Span, Time};

fn settings() -> DiskSettings {
    DiskSettings {
        bytes_per_second: 10_000_000,
        dirty_limit_bytes: 100_000,
        ..DiskSettings::default()
    }
}

/// Appends `count` times 10 kB, one after the other, each begun `think` after the last one was paid.
fn appends(disk: &mut Disk, file: FileId, now: &mut Time, count: u64, think: Span) -> Span {
    let mut paid = Span::ZERO;
    for _ in 0..count {
        let calls = disk.access(*now, JobId(1)).append(file, Bytes::from(vec![1; 10_000]));
        calls.expect("a healthy disk");
        let cost = disk.cost(JobId(1));
        paid += cost;
        *now += cost + think;
        disk.settle(*now, JobId(1));
    }
    paid
}

fn started() -> (Disk, FileId, Time) {
    let mut disk = Disk::new(5, settings());
    synced_file(&mut disk, "a", b"");
    let file = job(&mut disk, Time::ZERO, |calls| calls.open("a", false)).expect("there");
    (disk, file, Time::ZERO + Span::from_secs(1))
}

#[test]
fn writes_are_free_up_to_the_dirty_limit_and_then_as_fast_as_the_device() {
    let (mut disk, file, mut now) = started();
    let free = appends(&mut disk, file, &mut now, 10, Span::ZERO);
    assert!(free < Span::from_micros(50), "{free} within the limit");
    let paced = appends(&mut disk, file, &mut now, 100, Span::ZERO);
    let device = Span::from_millis(100);
    let off = paced.0.abs_diff(device.0);
    assert!(off < device.0 / 50, "{paced} for 1 MB at 10 MB/s");
}

#[test]
fn a_slow_disk_adds_the_latency_that_it_says() {
    let think = Span::from_micros(100);
    let (mut disk, file, mut now) = started();
    appends(&mut disk, file, &mut now, 200, think);
    let base = appends(&mut disk.clone(), file, &mut now.clone(), 500, think);
    trouble(&mut disk, now, Slow(100));
    let slow = appends(&mut disk, file, &mut now, 500, think);
    let told = disk.effect(now, FAULT);
    disk.heal(now, FAULT);
    let times = disk.times(now);
    let added = slow.0 - base.0;
    assert_eq!(
        (told.disk_busy_added, told.disk_wait_added),
        (times.busy_added, times.wait_added),
        "all is its doing"
    );
    for told in [times.busy_added, times.wait_added] {
        assert!(added.abs_diff(told.0) * 20 < added, "{added} ns added, {told:?} told: {times:?}");
    }
}

#[test]
fn slowness_without_load_adds_nothing() {
    let (mut disk, _, now) = started();
    trouble(&mut disk, now, Slow(100));
    let later = now + Span::from_secs(10);
    disk.heal(later, FAULT);
    let times = disk.times(later);
    assert_eq!((times.busy_added, times.wait_added), (Span::ZERO, Span::ZERO), "nobody called");
}

#[test]
fn a_slow_sync_waits_factor_times_as_long() {
    let (mut disk, file, now) = started();
    let sync = |disk: &mut Disk| {
        disk.access(now, JobId(1)).sync(file).expect("healthy");
        disk.cost(JobId(1))
    };
    let fast = sync(&mut disk.clone());
    trouble(&mut disk, now, Slow(50));
    let slow = sync(&mut disk);
    assert_eq!(slow.0 / 1_000_000, fast.0 * 50 / 1_000_000, "{fast} and {slow}");
}

#[test]
fn two_syncs_at_once_wait_for_each_other() {
    let (mut disk, file, now) = started();
    let costs = [1, 2].map(|id| {
        disk.access(now, JobId(id)).sync(file).expect("healthy");
        disk.cost(JobId(id))
    });
    assert!(costs[1].0 > costs[0].0 * 19 / 10, "{costs:?}");
}

#[test]
fn reads_are_cold_after_a_power_loss_and_only_once() {
    let (mut disk, file, now) = started();
    job(&mut disk, now, |calls| calls.append(file, Bytes::from(vec![1; 50_000]))).expect("ok");
    job(&mut disk, now, |calls| calls.sync(file)).expect("ok");
    let now = now + Span::from_secs(1);
    let read = |disk: &mut Disk, id: u64| {
        disk.access(now, JobId(id)).read(file, 0, 50_000).expect("healthy");
        let cost = disk.cost(JobId(id));
        disk.settle(now + cost, JobId(id));
        cost
    };
    assert!(read(&mut disk, 1) < Span::from_micros(10), "written, so cached");
    disk.crash(now, Process, &mut stream(1));
    assert!(read(&mut disk, 2) < Span::from_micros(10), "the cache outlives the process");
    disk.crash(now, PowerLoss, &mut stream(1));
    assert!(read(&mut disk, 3) > Span::from_millis(5), "50 kB at 10 MB/s");
    assert!(read(&mut disk, 4) < Span::from_micros(10), "cached again");
}

#[test]
fn a_hanging_device_keeps_syncs_waiting_and_small_writes_not() {
    let (mut disk, file, now) = started();
    trouble(&mut disk, now, Hang);
    disk.access(now, JobId(1)).append(file, Bytes::from_static(b"x")).expect("healthy");
    disk.access(now, JobId(2)).sync(file).expect("healthy");
    let later = now + Span::from_secs(9);
    assert_eq!(disk.owed(later, JobId(1)), Owed::Nothing, "a write within the limit");
    assert_eq!(disk.owed(later, JobId(2)), Owed::Hangs, "a sync");
    let told = disk.effect(later, FAULT);
    assert_eq!((told.calls_hung, told.hung), (1, Span::from_secs(9)), "the sync");
    disk.heal(later, FAULT);
    let cost = disk.cost(JobId(2)) - DiskSettings::default().call_cost;
    let Owed::Wait(owed) = disk.owed(later, JobId(2)) else { panic!("it is paid from now on") };
    assert!(owed >= cost, "{owed} of {cost}");
    assert_eq!(disk.owed(later + owed, JobId(2)), Owed::Nothing, "paid");
}

#[test]
fn a_clone_shares_its_bytes() {
    let (mut disk, file, now) = started();
    let chunk = Bytes::from(vec![1; 1 << 20]);
    for _ in 0..20 {
        job(&mut disk, now, |calls| calls.append(file, chunk.clone())).expect("ok");
    }
    let clones: Vec<Disk> = (0..2_000).map(|_| disk.clone()).collect();
    assert_eq!(clones.len(), 2_000, "40 GB if the bytes were copied");
}
