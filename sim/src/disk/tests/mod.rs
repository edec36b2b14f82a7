//! Tests of the disk: against simple models, and what crashes and slowness do.

mod costs;
mod crashes;
mod model;
mod survivors;
mod troubles;

use bytes::Bytes;

use super::{Disk, DiskAccess, DiskError, DiskSettings, DiskTrouble, JobId};
use crate::ids::FaultId;
use crate::random::{Plan, Stream};
use crate::time::{Span, Time};

/// Nothing becomes durable by itself while a test lasts.
fn patient() -> DiskSettings {
    DiskSettings {
        writeback_min: Span::from_secs(1_000),
        writeback_max: Span::from_secs(1_000),
        ..DiskSettings::default()
    }
}

fn stream(seed: u64) -> Stream {
    Plan::new(seed).run_stream("test", "crash")
}

/// The whole disk is in trouble from `now` on, by the first fault.
fn trouble(disk: &mut Disk, now: Time, trouble: DiskTrouble) {
    disk.set_off(now, FAULT, None, trouble);
}

const FAULT: FaultId = FaultId(0);

/// Runs one whole job at `now`.
fn job<T>(disk: &mut Disk, now: Time, calls: impl FnOnce(&mut DiskAccess<'_>) -> T) -> T {
    timed_job(disk, now, calls).0
}

/// The same; answers also when the job was over. Nothing may happen to the disk before that.
fn timed_job<T>(
    disk: &mut Disk,
    now: Time,
    calls: impl FnOnce(&mut DiskAccess<'_>) -> T,
) -> (T, Time) {
    let job = JobId(u64::MAX);
    let answer = calls(&mut disk.access(now, job));
    let end = now + disk.cost(job);
    disk.settle(end, job);
    (answer, end)
}

/// Writes a file in one job, its name and bytes synced.
fn synced_file(disk: &mut Disk, path: &str, bytes: &[u8]) {
    job(disk, Time::ZERO, |calls| -> Result<(), DiskError> {
        let file = calls.open(path, true)?;
        calls.append(file, Bytes::copy_from_slice(bytes))?;
        calls.sync(file)?;
        calls.sync_dir("")
    })
    .expect("a healthy disk");
}

fn contents(disk: &Disk, path: &str) -> Vec<u8> {
    disk.peek(path, 0, u64::MAX).expect("the file is there").to_vec()
}
