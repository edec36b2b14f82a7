//! The folders that Apache Kafka 4.3.0 wrote, and a log in the words of `oracle/Folders.java`.

#![expect(clippy::disallowed_methods, reason = "the folders are data of these tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use trial_log::{Disk, Log, LogEvent, MemoryDisk, Offset, OpenLog};

/// What `Folders.java` says the time is: before any record, so that no producer is forgotten.
pub const NOW: i64 = 1_767_225_600_000;

/// A folder that is kept: its state and its name, as in `stopped.codecs-0`.
#[derive(Clone)]
pub struct Kept {
    pub name: String,
    pub folder: String,
    pub files: BTreeMap<String, Vec<u8>>,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kafka-4.3.0")
}

pub fn words(file: &str) -> String {
    fs::read_to_string(root().join(file)).expect("it is kept")
}

fn children(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).expect("it is kept");
    let mut children: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    children.sort();
    children
}

fn name_of(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned()
}

/// Every kept folder, in order.
pub fn all() -> Vec<Kept> {
    let mut kept = Vec::new();
    for state in children(&root()).into_iter().filter(|path| path.is_dir()) {
        for folder in children(&state).into_iter().filter(|path| path.is_dir()) {
            let files = children(&folder).into_iter();
            let files = files.map(|file| (name_of(&file), fs::read(&file).expect("a file")));
            let name = format!("{}.{}", name_of(&state), name_of(&folder));
            kept.push(Kept { name, folder: name_of(&folder), files: files.collect() });
        }
    }
    kept
}

pub fn named(name: &str) -> Kept {
    all().into_iter().find(|kept| kept.name == name).unwrap_or_else(|| panic!("no {name}"))
}

impl Kept {
    pub fn disk(&self) -> MemoryDisk {
        let mut disk = MemoryDisk::new();
        disk.create_dir(&self.folder).expect("the disk is empty");
        for (name, bytes) in &self.files {
            disk.set_contents(&format!("{}/{name}", self.folder), bytes);
        }
        disk
    }

    /// The file that is written to: the last segment's.
    pub fn active(&self) -> String {
        let logs = self.files.keys().filter(|name| name.ends_with(".log"));
        logs.max().expect("a log has a segment").clone()
    }

    /// The log as after an unclean stop, with all of it in doubt.
    pub fn open(&self, disk: &mut MemoryDisk) -> Result<Log, trial_log::LogError> {
        Log::open(disk, OpenLog::new(&self.folder), NOW, &mut Vec::new())
    }

    /// What our recovery makes of it, in the words of `Folders.java recover`.
    pub fn recovered(&self) -> String {
        let mut disk = self.disk();
        let Ok(mut log) = self.open(&mut disk) else {
            return format!("log {} error\n", self.name);
        };
        let mut text = state_of(&self.name, &log);
        let (end, events) = (log.log_end_offset(), &mut Vec::<LogEvent>::new());
        log.flush(&mut disk, end, events).expect("the disk is whole");
        log.close(&mut disk, events).expect("the disk is whole");
        text.push_str(&files_of(&self.folder, &disk));
        text
    }
}

/// What a log knows.
pub fn state_of(name: &str, log: &Log) -> String {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    let unstable = log.first_unstable_offset();
    let unstable = unstable.map_or("none".to_owned(), |offset| offset.to_string());
    let mut text = format!("log {name} start {start} end {end} unstable {unstable} epochs");
    for entry in log.epochs().entries() {
        write!(text, " {}@{}", entry.leader_epoch, entry.start_offset).expect("text grows");
    }
    text.push('\n');
    let mut producers: Vec<_> = log.producers().active_producers().collect();
    producers.sort_by_key(|entry| entry.producer_id());
    for entry in producers {
        write!(
            text,
            "producer {} epoch {} time {} coordinator {} txn {}",
            entry.producer_id(),
            entry.producer_epoch(),
            entry.last_timestamp(),
            entry.coordinator_epoch(),
            entry.current_txn_first_offset().unwrap_or(Offset(-1)),
        )
        .expect("text grows");
        for batch in entry.batches() {
            let (first, last) = (batch.first_sequence(), batch.last_sequence);
            write!(text, " {first}..{last}@{}", batch.last_offset).expect("text grows");
        }
        text.push('\n');
    }
    for txn in log.aborted_transactions(start, end) {
        let (first, last) = (txn.first_offset, txn.last_offset);
        let (id, stable) = (txn.producer_id, txn.last_stable_offset);
        writeln!(text, "aborted {id} first {first} last {last} stable {stable}")
            .expect("text grows");
    }
    text
}

/// What lies in a folder.
pub fn files_of(folder: &str, disk: &MemoryDisk) -> String {
    let inside = format!("{folder}/");
    let mut text = String::new();
    for path in disk.paths().filter_map(|path| path.strip_prefix(&inside)) {
        let bytes = disk.contents(&format!("{inside}{path}")).expect("it is there");
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        writeln!(text, "file {path} {} {:08x}", bytes.len(), crc.sum()).expect("text grows");
    }
    text
}

/// The words of several logs, one by one.
pub fn each(words: &str) -> Vec<String> {
    let mut each: Vec<String> = Vec::new();
    for line in words.lines() {
        if line.starts_with("log ") {
            each.push(String::new());
        }
        let last = each.last_mut().expect("the first line names a log");
        last.push_str(line);
        last.push('\n');
    }
    each
}
