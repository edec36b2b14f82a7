//! The log under test with its disk, its checkpoints and its marker of a clean shutdown, as a broker keeps them.

use std::sync::Arc;

use trial_log::{
    AppendOrigin, Batches, LOG_START_OFFSET_CHECKPOINT, LeaderEpoch, Log, LogConfig, LogError,
    LogEvent, LogStartReason, MemoryDisk, Offset, OpenLog, PartitionOffsets,
    RECOVERY_POINT_CHECKPOINT, read_clean_shutdown, read_offset_checkpoint, remove_clean_shutdown,
    write_clean_shutdown, write_offset_checkpoint,
};

use super::act::Act;
use super::model::{Batch, Segment};

pub const NOW: i64 = 1_767_225_600_000;
const FOLDER: &str = "orders-0";

#[derive(Clone)]
pub struct Node {
    pub disk: MemoryDisk,
    /// None while the process is down.
    pub log: Option<Log>,
    pub events: Vec<LogEvent>,
    pub config: LogConfig,
    /// A call failed that was not the log's own: a checkpoint of the directory, or its marker.
    pub failed_outside: bool,
}

impl Node {
    pub fn new(config: LogConfig) -> Self {
        let disk = MemoryDisk::with_cache();
        let mut node = Self { disk, log: None, events: Vec::new(), config, failed_outside: false };
        node.start().expect("the disk is whole");
        node
    }

    pub fn log(&self) -> &Log {
        self.log.as_ref().expect("the process runs")
    }

    /// A process starts on what the disk holds.
    pub fn start(&mut self) -> Result<(), LogError> {
        let disk = &mut self.disk;
        let clean = read_clean_shutdown(disk)?.is_some();
        remove_clean_shutdown(disk)?;
        let open = OpenLog {
            config: self.config.clone(),
            clean,
            recovery_point: checkpointed(disk, RECOVERY_POINT_CHECKPOINT)?,
            log_start_offset: checkpointed(disk, LOG_START_OFFSET_CHECKPOINT)?,
            ..OpenLog::new(FOLDER)
        };
        let known = open.recovery_point;
        let log = self.log.insert(Log::open(disk, open, NOW, &mut self.events)?);
        if log.recovery_point() < known {
            // Before anything is appended: below a checkpoint that is ahead of the log nothing would be scanned. (Kafka
            // writes it within a minute.)
            self.write_recovery_point()?;
        }
        Ok(())
    }

    /// The log start that its checkpoint knows.
    pub fn checkpointed_start(&mut self) -> i64 {
        let found = checkpointed(&mut self.disk, LOG_START_OFFSET_CHECKPOINT);
        found.expect("the disk is whole").0
    }

    /// Does what an act says, up to the first call that fails, and then what is done in the background.
    pub fn act(&mut self, act: &Act) -> Result<(), LogError> {
        self.events.clear();
        self.failed_outside = false;
        self.act_alone(act)?;
        self.background()
    }

    /// What a broker does in the background when it sees what a log did.
    pub fn background(&mut self) -> Result<(), LogError> {
        if self.events.iter().any(|event| matches!(event, LogEvent::EpochsTruncated { .. })) {
            let Self { disk, log, events, .. } = self;
            log.as_mut().expect("it runs").write_epoch_checkpoint(disk, events)?;
        }
        Ok(())
    }

    fn act_alone(&mut self, act: &Act) -> Result<(), LogError> {
        let Self { disk, log, events, .. } = self;
        let log = log.as_mut().expect("the process runs");
        match act {
            Act::Append { batch } => {
                // A client sends it without offset and epoch.
                let sent = Batch::new(0, -1, &batch.times).bytes;
                let epoch = LeaderEpoch(batch.epoch);
                let info =
                    log.append_as_leader(disk, sent, epoch, AppendOrigin::Client, NOW, events)?;
                assert_eq!(info.first_offset, Offset(batch.base), "it lies at the end");
            }
            Act::Follow { batches } => {
                let bytes: Vec<u8> = batches.iter().flat_map(|b| b.bytes.to_vec()).collect();
                let epoch = LeaderEpoch(batches[batches.len() - 1].epoch);
                log.append_as_follower(disk, bytes.into(), epoch, NOW, events)?;
            }
            Act::Truncate { to } => {
                log.truncate_to(disk, Offset(*to), NOW, events)?;
                self.write_recovery_point()?;
            }
            Act::StartAnew { at } => {
                log.truncate_fully_and_start_at(disk, Offset(*at), None, NOW, events)?;
                self.write_recovery_point()?;
            }
            Act::DeleteRecords { to } => {
                let (end, why) = (log.log_end_offset(), LogStartReason::ClientRecordDeletion);
                log.increment_log_start_offset(Offset(*to), end, why, events)?;
            }
            Act::Retain { high_watermark, now } => {
                log.delete_old_segments(disk, Offset(*high_watermark), *now, events)?;
            }
            Act::Replace { old, new } => self.replace(old, new)?,
            Act::Flush { to } => {
                log.flush(disk, Offset(*to), events)?;
                log.mark_flushed(Offset(*to), events);
            }
            Act::Checkpoint => {
                self.write_recovery_point()?;
                self.write_log_start()?;
            }
            Act::Roll => log.roll(disk, NOW, events)?,
            Act::RemoveFiles { now } => log.delete_due_files(disk, *now, events)?,
            Act::Restart => {
                let end = log.log_end_offset();
                log.flush(disk, end, events)?;
                log.mark_flushed(end, events);
                log.close(disk, events)?;
                self.write_recovery_point()?;
                self.write_log_start()?;
                self.log = None;
                write_clean_shutdown(&mut self.disk, 7)?;
                self.start()?;
            }
        }
        Ok(())
    }

    fn replace(&mut self, old: &[i64], new: &[Segment]) -> Result<(), LogError> {
        let Self { disk, log, events, .. } = self;
        let log = log.as_mut().expect("the process runs");
        let mut written = Vec::new();
        for (base, batches) in new {
            let mut cleaned = log.create_cleaned_segment(disk, Offset(*base), NOW, events)?;
            for batch in batches {
                let bytes = batch.bytes.clone();
                log.append_to_cleaned_segment(disk, &mut cleaned, bytes, NOW, events)?;
            }
            written.push(cleaned);
        }
        let old: Vec<Offset> = old.iter().copied().map(Offset).collect();
        log.replace_segments(disk, written, &old, NOW, events)
    }

    fn write_recovery_point(&mut self) -> Result<(), LogError> {
        let offsets = one(self.log().recovery_point());
        self.write_checkpoint(RECOVERY_POINT_CHECKPOINT, &offsets)
    }

    fn write_log_start(&mut self) -> Result<(), LogError> {
        let start = self.log().log_start_to_checkpoint();
        let offsets = start.map(one).unwrap_or_default();
        self.write_checkpoint(LOG_START_OFFSET_CHECKPOINT, &offsets)
    }

    fn write_checkpoint(&mut self, file: &str, offsets: &PartitionOffsets) -> Result<(), LogError> {
        let written = write_offset_checkpoint(&mut self.disk, file, offsets);
        self.failed_outside |= written.is_err();
        written
    }

    /// Every file, byte by byte.
    pub fn bytes(&self) -> Vec<(String, Vec<u8>)> {
        let contents = |path: &str| self.disk.contents(path).unwrap_or_default().to_vec();
        self.disk.paths().map(|path| (path.to_owned(), contents(path))).collect()
    }

    /// The segments, read from their files: what a log of these names holds, whatever the log believes.
    pub fn files(&self) -> Vec<Segment> {
        let inside = format!("{FOLDER}/");
        let segment = |path: &str| {
            let base = path.strip_prefix(&inside)?.strip_suffix(".log")?.parse().ok()?;
            let contents = self.disk.contents(path).expect("it was listed").to_vec();
            let batches = Batches::new(contents.into());
            let batches = batches.map(|batch| Batch::of(&batch.expect("the file is whole")));
            Some((base, batches.collect()))
        };
        self.disk.paths().filter_map(segment).collect()
    }
}

fn one(offset: Offset) -> PartitionOffsets {
    [((Arc::from("orders"), 0), offset)].into()
}

fn checkpointed(disk: &mut MemoryDisk, file: &str) -> Result<Offset, LogError> {
    Ok(read_offset_checkpoint(disk, file)?.into_values().next().unwrap_or(Offset::ZERO))
}
