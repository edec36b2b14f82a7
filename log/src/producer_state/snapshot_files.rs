//! The snapshot files in a log's folder: `<offset in twenty digits>.snapshot`.
//!
//! In Kafka:   `SnapshotFile`, the map of `ProducerStateManager`.
//! Holds:      the offsets of the files that are there, and of those that are not synced yet.
//! Invariants: PS-3 a file is written in place, so a crash may tear it: its checksum tells. A synced one has its name
//!             synced too. (Kafka trusts the file system to do that with a new file's sync: else a power loss after a
//!             clean shutdown could take the only snapshot, and a clean start without one forgets all producers.)

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::Offset;
use crate::disk::{Disk, DiskError, read_file};
use crate::segment::{offset_in_name, segment_file};

/// What is known of the producers at an offset.
pub(crate) const SNAPSHOT_SUFFIX: &str = ".snapshot";

#[derive(Debug, Clone)]
pub(super) struct SnapshotFiles {
    folder: Arc<str>,
    offsets: BTreeSet<Offset>,
    unsynced: BTreeSet<Offset>,
    /// Whether a file was removed since the folder was last synced.
    is_removal_unsynced: bool,
}

impl SnapshotFiles {
    /// Looks which files there are.
    pub(super) fn load(disk: &mut dyn Disk, folder: &str) -> Result<Self, DiskError> {
        let names = disk.list(folder)?;
        let offsets = names.iter().filter_map(|name| offset_in_name(name, SNAPSHOT_SUFFIX));
        Ok(Self {
            folder: folder.into(),
            offsets: offsets.collect(),
            unsynced: BTreeSet::new(),
            is_removal_unsynced: false,
        })
    }

    pub(super) fn offsets(&self) -> impl DoubleEndedIterator<Item = Offset> + '_ {
        self.offsets.iter().copied()
    }

    pub(super) fn latest(&self) -> Option<Offset> {
        self.offsets.last().copied()
    }

    pub(super) fn contains(&self, offset: Offset) -> bool {
        self.offsets.contains(&offset)
    }

    pub(super) fn path(&self, offset: Offset) -> String {
        segment_file(&self.folder, offset, SNAPSHOT_SUFFIX)
    }

    /// Writes one; without `sync` the next [`SnapshotFiles::sync`] makes it durable.
    pub(super) fn write(
        &mut self,
        disk: &mut dyn Disk,
        offset: Offset,
        contents: Bytes,
        sync: bool,
    ) -> Result<(), DiskError> {
        let file = disk.open(&self.path(offset), true)?;
        if disk.len(file)? > 0 {
            disk.truncate(file, 0)?;
        }
        disk.append(file, contents)?;
        self.offsets.insert(offset);
        self.unsynced.insert(offset);
        if sync { self.sync(disk) } else { Ok(()) }
    }

    /// Makes all that was written durable, and its name; so too what was removed.
    pub(super) fn sync(&mut self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        if self.unsynced.is_empty() && !self.is_removal_unsynced {
            return Ok(());
        }
        for &offset in &self.unsynced {
            match disk.open(&self.path(offset), false) {
                Ok(file) => disk.sync(file)?,
                Err(DiskError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        disk.sync_dir(&self.folder)?;
        self.unsynced.clear();
        self.is_removal_unsynced = false;
        Ok(())
    }

    /// The bytes of one; none if it is gone.
    pub(super) fn read(
        &self,
        disk: &mut dyn Disk,
        offset: Offset,
    ) -> Result<Option<Bytes>, DiskError> {
        read_file(disk, &self.path(offset))
    }

    /// Removes one, and its file if that is there.
    pub(super) fn remove(&mut self, disk: &mut dyn Disk, offset: Offset) -> Result<(), DiskError> {
        if !self.forget(offset) {
            return Ok(());
        }
        self.is_removal_unsynced = true;
        match disk.remove(&self.path(offset)) {
            Err(DiskError::NotFound) => Ok(()),
            outcome => outcome,
        }
    }

    /// Forgets one, whose file goes in another way; answers whether it was known.
    pub(super) fn forget(&mut self, offset: Offset) -> bool {
        self.unsynced.remove(&offset);
        self.offsets.remove(&offset)
    }
}
