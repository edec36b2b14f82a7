//! What brokers do to their disks in a story, and what crashes do.
//!
//! Inputs:  bytes, names, the offset at which a log is cut. Effects: on a disk, and seen by the judge as a tap sees it.

use std::sync::Arc;

use bytes::Bytes;
use trial_scenarios::facts::segment_path;
use trial_sim::disk::{DiskAccess, DiskCrash, DiskSeen, FileDamage, JobId};
use trial_sim::{CrashKind, CrashReport, DiskId, HostId, Plan, Seen};

use crate::story::{LOG, METADATA, Story, batch};

impl Story {
    pub fn disk(&mut self, host: HostId, act: impl FnOnce(&mut DiskAccess<'_>)) {
        self.job(host, |mut disk| act(&mut disk));
    }

    /// A job of the broker, on its disk.
    pub fn job(&mut self, host: HostId, act: impl FnOnce(DiskAccess<'_>)) {
        self.calls += 1;
        let (now, job) = (self.now, JobId(100 + self.calls));
        let disk = &mut self.disks.disks[usize::from(host.0)];
        act(disk.access(now, job));
        disk.settle(now, job);
        let seen: Vec<_> = disk.drain_seen().collect();
        for what in seen {
            self.see(|at| Seen::Disk { at, host, disk: DiskId(0), what });
        }
    }

    pub fn append(&mut self, host: HostId, path: &str, bytes: Bytes) {
        self.disk(host, |disk| {
            let file = disk.open(path, true).expect("the folder is there");
            disk.append(file, bytes).expect("the disk works");
        });
    }

    /// The broker appends one record at the end of its log.
    pub fn writes(&mut self, host: HostId, epoch: i32, number: u64) {
        let end = &mut self.ends[usize::from(host.0)];
        let bytes = batch(*end, epoch, number);
        *end += 1;
        let path = segment_path("orders-0", self.segments[usize::from(host.0)]);
        self.append(host, &path, bytes);
    }

    /// The broker appends these bytes to its active segment.
    pub fn writes_batch(&mut self, host: HostId, bytes: Bytes) {
        let path = segment_path("orders-0", self.segments[usize::from(host.0)]);
        self.append(host, &path, bytes);
    }

    /// The broker loses its disk, and starts again with an empty one.
    pub fn wipes(&mut self, host: HostId) {
        self.dies(host);
        let (now, job) = (self.now, JobId(2));
        let disk = &mut self.disks.disks[usize::from(host.0)];
        for (path, _) in disk.files().collect::<Vec<_>>() {
            if path.starts_with("orders-0/") {
                disk.access(now, job).remove(&path).expect("it is there");
            }
        }
        disk.settle(now, job);
        disk.drain_seen();
        self.see(|at| Seen::Disk { at, host, disk: DiskId(0), what: DiskSeen::Wiped });
        self.see(|at| Seen::Booted { at, host, incarnation: 2 });
    }

    /// The broker appends a record as if its log ended at `base`.
    pub fn writes_at(&mut self, host: HostId, base: i64, epoch: i32, number: u64) {
        self.append(host, LOG, batch(base, epoch, number));
    }

    /// The broker begins another segment where its log ends.
    pub fn rolls(&mut self, host: HostId) {
        let base = self.ends[usize::from(host.0)];
        self.segments[usize::from(host.0)] = base;
        self.append(host, &segment_path("orders-0", base), Bytes::new());
    }

    /// What the broker appends next goes here.
    pub fn ends_at(&mut self, host: HostId, end: i64) {
        self.ends[usize::from(host.0)] = end;
    }

    /// A file gets another name.
    pub fn renames(&mut self, host: HostId, from: &str, to: &str) {
        self.disk(host, |disk| disk.rename(from, to).expect("it is there"));
    }

    /// The broker drops the segment that begins at `base`.
    pub fn drops(&mut self, host: HostId, base: i64) {
        let path = segment_path("orders-0", base);
        self.renames(host, &path, &format!("{path}.deleted"));
    }

    /// The broker writes new segments, each with its first offset.
    pub fn writes_cleaned(&mut self, host: HostId, new: &[(i64, Bytes)]) {
        for (base, bytes) in new {
            let path = format!("{}.cleaned", segment_path("orders-0", *base));
            self.append(host, &path, bytes.clone());
        }
    }

    /// The renames that put new segments in the place of old ones, in their order.
    pub fn swapping(old: &[i64], new: &[i64]) -> Vec<(String, String)> {
        let named = |base: &i64, from: &str, to: &str| {
            let path = segment_path("orders-0", *base);
            (format!("{path}{from}"), format!("{path}{to}"))
        };
        let mut steps: Vec<_> =
            new.iter().rev().map(|base| named(base, ".cleaned", ".swap")).collect();
        steps.extend(old.iter().map(|base| named(base, "", ".deleted")));
        steps.extend(new.iter().map(|base| named(base, ".swap", "")));
        steps
    }

    /// The broker cleans: it puts new segments in the place of old ones.
    pub fn cleans(&mut self, host: HostId, old: &[i64], new: &[(i64, Bytes)]) {
        self.writes_cleaned(host, new);
        let bases: Vec<i64> = new.iter().map(|(base, _)| *base).collect();
        for (from, to) in Self::swapping(old, &bases) {
            self.renames(host, &from, &to);
        }
    }

    /// The broker removes a file.
    pub fn removes(&mut self, host: HostId, path: &str) {
        self.disk(host, |disk| disk.remove(path).expect("it is there"));
    }

    /// The names of the files in the log's folder.
    pub fn files(&self, host: HostId) -> Vec<String> {
        let disk = &self.disks.disks[usize::from(host.0)];
        let within =
            disk.files().filter_map(|(path, _)| Some(path.strip_prefix("orders-0/")?.to_owned()));
        within.filter(|name| name.contains(".log")).collect()
    }

    /// Does something to a disk that nobody sees: a job was at it when its process ended.
    pub fn unseen(&mut self, host: HostId, act: impl FnOnce(&mut Self)) {
        self.disks.disks[usize::from(host.0)].set_observed(false);
        act(self);
        self.disks.disks[usize::from(host.0)].set_observed(true);
    }

    pub fn remembers(&mut self, host: HostId, epochs: &str) {
        let bytes = Bytes::copy_from_slice(epochs.as_bytes());
        self.disk(host, |disk| {
            let file =
                disk.open("orders-0/leader-epoch-checkpoint", true).expect("the folder is there");
            disk.truncate(file, 0).expect("the disk works");
            disk.append(file, bytes).expect("the disk works");
        });
    }

    pub fn metadata(&mut self, host: HostId, base: i64, epoch: i32, number: u64) {
        self.append(host, METADATA, batch(base, epoch, number));
    }

    pub fn cuts_metadata(&mut self, host: HostId, to: i64) {
        self.truncate(host, METADATA, to);
    }

    pub fn writes_file(&mut self, host: HostId, path: &str, text: &str) {
        self.append(host, path, Bytes::copy_from_slice(text.as_bytes()));
    }

    fn truncate(&mut self, host: HostId, path: &str, to: i64) {
        let length = to.unsigned_abs() * batch(0, 0, 0).len() as u64;
        self.disk(host, |disk| {
            let file = disk.open(path, false).expect("it was written");
            disk.truncate(file, length).expect("the disk works");
        });
    }

    /// The broker cuts its log by itself.
    pub fn cuts(&mut self, host: HostId, to: i64) {
        self.ends[usize::from(host.0)] = to;
        self.truncate(host, LOG, to);
    }

    /// The broker loses power and what it had not synced, and starts again.
    pub fn loses(&mut self, host: HostId, path: &str, to: i64) {
        self.disks.disks[usize::from(host.0)].set_observed(false);
        if path == LOG {
            self.ends[usize::from(host.0)] = to;
        }
        self.truncate(host, path, to);
        self.disks.disks[usize::from(host.0)].set_observed(true);
        self.loses_power(host, path);
    }

    /// The broker loses power, which leaves these bytes of a file, and starts again.
    pub fn is_left(&mut self, host: HostId, path: &str, bytes: Bytes) {
        self.unseen(host, |story| {
            story.disk(host, |disk| {
                let file = disk.open(path, false).expect("it was written");
                disk.truncate(file, 0).expect("the disk works");
                disk.append(file, bytes).expect("the disk works");
            });
        });
        self.loses_power(host, path);
    }

    fn loses_power(&mut self, host: HostId, path: &str) {
        let damage =
            FileDamage { path: Arc::from(path), len_before: 1, len_after: 0, first_changed: 0 };
        let crash = DiskCrash { files: vec![damage], ..DiskCrash::default() };
        let report = Arc::new(CrashReport { disks: vec![crash], ..CrashReport::default() });
        let kind = CrashKind::PowerLoss;
        self.see(|at| Seen::Crashed { at, host, kind, report });
        self.see(|at| Seen::Booted { at, host, incarnation: 2 });
    }

    pub fn loses_records(&mut self, host: HostId, to: i64) {
        self.loses(host, LOG, to);
    }

    pub fn loses_metadata(&mut self, host: HostId, to: i64) {
        self.loses(host, METADATA, to);
    }

    /// The process ends, or the power fails, in the midst of a job.
    pub fn dies_within(
        &mut self,
        host: HostId,
        kind: CrashKind,
        seed: u64,
        act: impl FnOnce(DiskAccess<'_>),
    ) {
        self.calls += 1;
        let (now, job) = (self.now, JobId(100 + self.calls));
        let disk = &mut self.disks.disks[usize::from(host.0)];
        act(disk.access(now, job));
        let seen: Vec<_> = disk.drain_seen().collect();
        for what in seen {
            self.see(|at| Seen::Disk { at, host, disk: DiskId(0), what });
        }
        let mut draws = Plan::new(seed).run_stream("crash", "host");
        let disk = &mut self.disks.disks[usize::from(host.0)];
        let crash = disk.crash(self.now, kind, &mut draws);
        disk.drain_seen();
        let report = Arc::new(CrashReport { disks: vec![crash], ..CrashReport::default() });
        self.see(|at| Seen::Crashed { at, host, kind, report });
    }

    pub fn dies(&mut self, host: HostId) {
        let (kind, report) = (CrashKind::Process, Arc::new(CrashReport::default()));
        self.see(|at| Seen::Crashed { at, host, kind, report });
    }
}
