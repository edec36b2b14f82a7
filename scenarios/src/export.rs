//! The nodes' disks of a run, written as files: for Kafka's own tools, and for whoever wants to look.
//!
//! Holds:      nothing.
//! Invariants: EX-1 a folder for each host that has something on its disk, laid out as Kafka's `log.dirs`; every byte
//!             as it is there, nothing added. EX-2 the run is only looked at. EX-3 what is there is never written over.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use trial_cluster::note::Note;
use trial_sim::disk::Disk;
use trial_sim::seen::CrashKind;
use trial_sim::{DiskId, HostId, Plan, World};

use crate::run::Run;

/// How much is written at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// Whose view of the disks it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// What a process on the host would read now.
    #[default]
    Process,
    /// What it would read if the host lost its power now: what was not synced is kept, lost or torn, as the seed draws
    /// it.
    AfterPowerLoss,
}

/// What was written of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedHost {
    /// Its name, and that of its folder.
    pub name: String,
    /// How many files.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Writes the disks of `run`, as it stands, into `folder`, which is made if it is not there.
///
/// # Errors
/// If something of that name is there already, or cannot be written.
pub fn export(run: &Run, view: View, folder: &Path) -> io::Result<Vec<ExportedHost>> {
    let world = run.world();
    let mut written = Vec::new();
    for host in (0..world.host_count()).filter_map(|host| u16::try_from(host).ok()).map(HostId) {
        let disk = seen(run, world, host, view);
        if disk.files().next().is_none() && disk.directories().next().is_none() {
            continue;
        }
        let name = world.host_name(host).to_owned();
        let (files, bytes) = write(&disk, &folder.join(&name))?;
        written.push(ExportedHost { name, files, bytes });
    }
    Ok(written)
}

/// The disk, in the view that is asked for.
fn seen(run: &Run, world: &World<Note>, host: HostId, view: View) -> Disk {
    let mut disk = world.disk(host, DiskId(0)).clone();
    if view == View::AfterPowerLoss {
        let draws = Plan::new(run.seed());
        let mut draws = draws.stream_of("export", world.host_name(host), world.events());
        disk.crash(run.now(), CrashKind::PowerLoss, &mut draws);
    }
    disk
}

/// EX-1 and EX-3.
fn write(disk: &Disk, to: &Path) -> io::Result<(u64, u64)> {
    fs::create_dir_all(to)?;
    for folder in disk.directories() {
        fs::create_dir_all(to.join(&**folder))?;
    }
    let (mut files, mut bytes) = (0, 0);
    for (path, len) in disk.files() {
        let mut file = OpenOptions::new().write(true).create_new(true).open(to.join(&*path))?;
        let mut at = 0;
        while at < len {
            let piece = disk.peek(&path, at, PIECE_BYTES).filter(|piece| !piece.is_empty());
            let piece = piece.ok_or(io::ErrorKind::UnexpectedEof)?;
            file.write_all(&piece)?;
            at += piece.len() as u64;
        }
        files += 1;
        bytes += len;
    }
    Ok((files, bytes))
}
