//! Whatever the bytes of a batch or a file are: no panic, and nothing allocated that the bytes do not back.
//!
//! The corpus is what Apache Kafka 4.3.0 wrote (`data/`) and a batch of ours for each codec; the inputs are recipes for
//! damage to it (`damage/mod.rs`), so that `cargo bolero test -p trial-log --test hostile NAME` searches by coverage.
//! Plain `cargo test` tries random recipes for a few seconds, `TRIAL_LOG_CASES` of them if that is set;
//! `BOLERO_RANDOM_SEED` repeats the one that a failure names. What was found is at the end, each with its bytes.

#![expect(clippy::disallowed_macros, reason = "what is counted is of one thread")]

mod batches;
#[expect(dead_code, reason = "each test takes what it needs")]
mod cases;
#[expect(dead_code, reason = "each test takes what it needs")]
mod counted;
mod damage;
#[expect(dead_code, reason = "each test takes what it needs")]
mod kept;

use std::collections::BTreeMap;

use batches::{Plan, T};
use bytes::Bytes;
use cases::cases;
use counted::peak;
use damage::{Recipe, damage, seal_batches, seal_snapshot};
use kept::{Kept, NOW};
use trial_log::{
    AppendOrigin, AppendTerms, Assignment, BatchBuilder, BatchError, Batches, CleanerConfig,
    Cleaning, CompressionType, Disk, LeaderEpoch, Log, LogConfig, LogError, LogEvent, LogToClean,
    MemoryDisk, Offset, OpenLog, RecordBatch, TimestampType, TransactionVersion,
    read_clean_shutdown, read_meta_properties, read_offset_checkpoint, read_partition_metadata,
    read_snapshot, validate_and_assign_offsets, validate_one_batch, write_offset_checkpoint,
    write_snapshot,
};

/// What the codecs need for their tables, and a log for itself, whatever they read.
const CONSTANT: usize = 2 << 20;
/// How often what came in and what came out may be held.
const FACTOR: usize = 16;
/// A recipe longer than this says no more.
const RECIPE_BYTES: usize = 120;

/// The files of all folders whose names end so.
fn files(ending: &str) -> Vec<Vec<u8>> {
    let files = kept::all().into_iter().flat_map(|kept| kept.files);
    let files = files.filter(|(name, bytes)| name.ends_with(ending) && !bytes.is_empty());
    files.map(|(_, bytes)| bytes).collect()
}

#[expect(clippy::disallowed_methods, reason = "the batches are data of this test")]
fn runs_of_batches() -> Vec<Vec<u8>> {
    let mut runs = files(".log");
    let random = kept::root().with_file_name("kafka-4.3.0-random-batches.bin");
    let random = std::fs::read(random).expect("it is kept");
    // The file is longer than a recipe reaches.
    runs.extend(batches::split(&Bytes::from(random)).iter().map(|batch| batch.as_bytes().to_vec()));
    runs.extend(CompressionType::ALL.map(|codec| Plan::of_ten(codec).build().as_bytes().to_vec()));
    runs
}

#[test]
fn batches_of_any_bytes() {
    let runs = runs_of_batches();
    assert!(runs.len() > 100, "{} runs", runs.len());
    bolero::check!().with_iterations(cases(4_000) as usize).with_max_len(RECIPE_BYTES).for_each(
        |recipe: &[u8]| {
            let mut recipe = Recipe::new(recipe);
            let (run, other) = (recipe.below(runs.len()), recipe.below(runs.len()));
            let mut bytes = runs[run].clone();
            damage(&mut recipe, &mut bytes, &runs[other]);
            if !recipe.one_in(4) {
                let length = recipe.one_in(2);
                seal_batches(&mut bytes, length);
            }
            take_batches(&mut recipe, &bytes);
        },
    );
}

/// Reads batches, and hands them to a log as a client, a leader and a quorum's leader would.
fn take_batches(recipe: &mut Recipe<'_>, bytes: &[u8]) {
    let size = bytes.len();
    let bytes = Bytes::copy_from_slice(bytes);
    let (out, read) = peak(|| read_batches(&bytes));
    within(read, size + out, "reading");
    let mut config = LogConfig { compacted: recipe.one_in(4), ..LogConfig::default() };
    if recipe.one_in(2) {
        config.compression = Some((*recipe.pick(&CompressionType::ALL)).into());
    }
    if recipe.one_in(3) {
        config.message_timestamp_type = TimestampType::LogAppendTime;
    }
    let origins = [AppendOrigin::Client, AppendOrigin::Coordinator, AppendOrigin::RaftLeader];
    let (origin, leader_epoch) = (*recipe.pick(&origins), LeaderEpoch(recipe.below(3) as i32));
    let first_offset = Offset(recipe.below(256) as i64);
    let version = if recipe.one_in(2) { TransactionVersion(1) } else { TransactionVersion(2) };
    if let Ok(batch) = validate_one_batch(&bytes) {
        let assignment = Assignment { first_offset, leader_epoch, origin, now_ms: T };
        let (_, held) = peak(|| validate_and_assign_offsets(batch, &config, &assignment).is_ok());
        within(held, size + out, "validation");
    }
    let ((), held) = peak(|| {
        let (mut disk, events) = (MemoryDisk::new(), &mut Vec::new());
        let open = OpenLog { config, ..OpenLog::new("orders-0") };
        let mut log = Log::open(&mut disk, open, T, events).expect("the disk is whole");
        let disk = &mut disk;
        let terms = AppendTerms::new(leader_epoch, origin).version(version);
        let led = log.append_with_terms(disk, bytes.clone(), &terms, T, events);
        let followed = log.append_as_follower(disk, bytes.clone(), leader_epoch, T, events);
        assert!(log.offline().is_none(), "a bad batch is not the disk's fault");
        if led.is_ok() || followed.is_ok_and(|info| info.is_some()) {
            use_log(&mut log, disk, events);
        }
    });
    within(held, size + out, "appends");
}

#[track_caller]
fn within(held: usize, backed: usize, what: &str) {
    let limit = CONSTANT + FACTOR * backed;
    assert!(held <= limit, "{what}: {held} of {limit} bytes were held, for {backed}");
}

/// Looks at all that is in batches; answers how large their records are, decompressed.
fn read_batches(bytes: &Bytes) -> usize {
    Batches::new(bytes.clone()).map_while(Result::ok).map(|batch| read_batch(&batch)).sum()
}

fn read_batch(batch: &RecordBatch) -> usize {
    let _ = (batch.last_offset(), batch.next_offset(), batch.last_sequence(), batch.producer());
    let _ = (batch.ensure_valid(), batch.offset_of_max_timestamp(), batch.delete_horizon_ms());
    let _ = (batch.timestamp_type(), batch.emptied());
    let mut out = 0;
    for record in batch.records() {
        let Ok(record) = record else { break };
        let headers = record.headers().map(|header| header.key.len()).sum::<usize>();
        assert!(headers <= record.size_in_bytes(), "headers lie within their record");
        out += record.size_in_bytes();
    }
    out
}

#[test]
fn a_log_of_any_files() {
    let kept = kept::all();
    bolero::check!().with_iterations(cases(1_500) as usize).with_max_len(RECIPE_BYTES).for_each(
        |recipe: &[u8]| {
            let mut recipe = Recipe::new(recipe);
            let which = recipe.below(kept.len());
            let other = recipe.below(kept.len());
            let mut damaged = kept[which].clone();
            for _ in 0..=recipe.below(2) {
                damage_a_file(&mut recipe, &mut damaged.files, &kept[other].files);
            }
            open_and_use(&mut recipe, &damaged);
        },
    );
}

fn damage_a_file(
    recipe: &mut Recipe<'_>,
    files: &mut BTreeMap<String, Vec<u8>>,
    others: &BTreeMap<String, Vec<u8>>,
) {
    let names: Vec<String> = files.keys().cloned().collect();
    let name = recipe.pick(&names).clone();
    let mut bytes = files[&name].clone();
    let suffix = name.rsplit('.').next().unwrap_or(&name);
    let of_its_kind: Vec<&Vec<u8>> =
        others.iter().filter(|(name, _)| name.ends_with(suffix)).map(|(_, bytes)| bytes).collect();
    let nothing = Vec::new();
    let other = if of_its_kind.is_empty() { &nothing } else { *recipe.pick(&of_its_kind) };
    damage(recipe, &mut bytes, other);
    if !recipe.one_in(4) {
        match suffix {
            "log" => seal_batches(&mut bytes, true),
            "snapshot" => seal_snapshot(&mut bytes),
            _ => {}
        }
    }
    match recipe.below(12) {
        10 => drop(files.remove(&name)),
        11 if name.len() > 20 => {
            let base = recipe.number();
            let moved = format!("{:020}{}", base.max(0), &name[20..]);
            files.insert(moved, bytes);
        }
        _ => drop(files.insert(name, bytes)),
    }
}

/// Opens a log on a disk with these files, as after any kind of stop, and does with it what a broker does.
fn open_and_use(recipe: &mut Recipe<'_>, kept: &Kept) {
    let input: usize = kept.files.values().map(Vec::len).sum();
    let logs = kept.files.iter().filter(|(name, _)| name.contains(".log"));
    let out: usize = logs.map(|(_, bytes)| read_batches(&Bytes::from(bytes.clone()))).sum();
    let mut disk = kept.disk();
    let config = LogConfig { compacted: recipe.one_in(2), ..LogConfig::default() };
    let mut open = OpenLog { config, clean: recipe.one_in(2), ..OpenLog::new(&kept.folder) };
    if recipe.one_in(3) {
        open.recovery_point = Offset(recipe.number().max(0));
    }
    if recipe.one_in(4) {
        open.log_start_offset = Offset(recipe.number().max(0));
    }
    let ((), held) = peak(|| {
        let events = &mut Vec::new();
        let _ = read_partition_metadata(&mut disk, &kept.folder);
        if let Ok(mut log) = Log::open(&mut disk, open, NOW, events) {
            use_log(&mut log, &mut disk, events);
        }
    });
    within(held, input + out, "a log");
}

/// Everything that a broker asks of a log; each answer may be an error.
fn use_log(log: &mut Log, disk: &mut dyn Disk, events: &mut Vec<LogEvent>) {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    assert!(start <= end, "LOG-2: {start} and {end}");
    let mut at = start;
    while at < end {
        let Ok(read) = log.read(disk, at, 1000, end, true, events) else { break };
        let Some(last) = read.batches().map_while(Result::ok).last() else { break };
        if last.next_offset() <= at {
            break;
        }
        at = last.next_offset();
    }
    for asked in [Offset(i64::MIN), Offset(-1), start, Offset(0), end, Offset(i64::MAX)] {
        let _ = log.offset_metadata(disk, asked, events);
        let _ = log.aborted_transactions(asked, end);
    }
    for asked in [i32::MIN, -1, 0, 1, i32::MAX] {
        let _ = log.end_offset_for_epoch(LeaderEpoch(asked));
    }
    for asked in [i64::MIN, -1, 0, NOW, i64::MAX] {
        let _ = log.offset_for_timestamp(disk, asked, events);
    }
    let _ = log.offset_of_max_timestamp(disk, events);
    let mut one = BatchBuilder::new(Offset::ZERO);
    one.append(NOW, Some(b"key"), Some(b"value"), &[]);
    let (one, epoch) = (one.build().into_bytes(), LeaderEpoch(i32::MAX));
    let _ = log.append_as_leader(disk, one, epoch, AppendOrigin::Client, NOW, events);
    log.on_high_watermark_updated(log.log_end_offset());
    let _ = log.roll(disk, NOW, events);
    clean(log, disk, events);
    let _ = log.delete_old_segments(disk, log.log_end_offset(), NOW, events);
    let middle = Offset(start.0.midpoint(end.0));
    let _ = log.truncate_to(disk, middle, NOW, events);
    let _ = log.flush(disk, log.log_end_offset(), events);
    let _ = log.close(disk, events);
}

fn clean(log: &mut Log, disk: &mut dyn Disk, events: &mut Vec<LogEvent>) {
    let Some(active) = log.segment_base_offsets().next_back() else { return };
    let to_clean = LogToClean::new(log, log.log_start_offset(), active, false);
    let mut cleaning = Cleaning::new(log, to_clean, CleanerConfig::default(), NOW);
    let _ = cleaning.run(log, disk, log.log_end_offset(), NOW, events);
}

#[test]
fn small_files_of_any_bytes() {
    let names = small_files();
    bolero::check!().with_iterations(cases(4_000) as usize).with_max_len(RECIPE_BYTES).for_each(
        |recipe: &[u8]| {
            let mut recipe = Recipe::new(recipe);
            let (one, other) = (recipe.below(names.len()), recipe.below(names.len()));
            let mut bytes = names[one].1.clone();
            damage(&mut recipe, &mut bytes, &names[other].1);
            let ((), held) = peak(|| read_small_file(&names[one].0, &bytes));
            within(held, bytes.len(), &names[one].0);
        },
    );
}

#[expect(clippy::disallowed_methods, reason = "the files are data of this test")]
fn small_files() -> Vec<(String, Vec<u8>)> {
    let stopped = kept::root().join("stopped");
    let read = |name: &str| std::fs::read(stopped.join(name)).expect("it is kept");
    let named = [
        "meta.properties",
        ".kafka_cleanshutdown",
        "cleaner-offset-checkpoint",
        "log-start-offset-checkpoint",
        "recovery-point-offset-checkpoint",
        "replication-offset-checkpoint",
    ];
    let mut files: Vec<_> = named.map(|name| (name.to_owned(), read(name))).into();
    let inside = "codecs-0/partition.metadata";
    files.push((inside.to_owned(), read(inside)));
    files
}

/// Reads it as what its name says; what can be read can be written, and is the same then.
fn read_small_file(name: &str, bytes: &[u8]) {
    let mut disk = MemoryDisk::new();
    disk.create_dir("codecs-0").expect("the disk is whole");
    disk.set_contents(name, bytes);
    let is_corrupt = |error: &LogError| matches!(error, LogError::CorruptFile { .. });
    let disk = &mut disk;
    let fault = match name {
        "meta.properties" => read_meta_properties(disk).err(),
        ".kafka_cleanshutdown" => read_clean_shutdown(disk).err(),
        "codecs-0/partition.metadata" => read_partition_metadata(disk, "codecs-0").err(),
        checkpoint => match read_offset_checkpoint(disk, checkpoint) {
            Ok(offsets) => {
                write_offset_checkpoint(disk, checkpoint, &offsets).expect("the disk is whole");
                assert_eq!(read_offset_checkpoint(disk, checkpoint), Ok(offsets), "{checkpoint}");
                None
            }
            Err(error) => Some(error),
        },
    };
    assert!(fault.as_ref().is_none_or(is_corrupt), "{name}: {fault:?}");
}

#[test]
fn snapshots_of_producers_of_any_bytes() {
    let snapshots = files(".snapshot");
    bolero::check!().with_iterations(cases(4_000) as usize).with_max_len(RECIPE_BYTES).for_each(
        |recipe: &[u8]| {
            let mut recipe = Recipe::new(recipe);
            let (one, other) = (recipe.below(snapshots.len()), recipe.below(snapshots.len()));
            let mut bytes = snapshots[one].clone();
            damage(&mut recipe, &mut bytes, &snapshots[other]);
            if !recipe.one_in(4) {
                seal_snapshot(&mut bytes);
            }
            let ((), held) = peak(|| {
                if let Ok(entries) = read_snapshot(&bytes) {
                    let again = write_snapshot(entries.iter());
                    assert_eq!(read_snapshot(&again).expect("ours is whole").len(), entries.len());
                }
            });
            within(held, bytes.len(), "a snapshot");
        },
    );
}

/// `stopped/idempotent-0` with other bytes in its last segment, whose offset index is empty, opened as after a stop in
/// good order.
fn opened_clean(damage: impl FnOnce(&mut Vec<u8>)) -> Result<Log, LogError> {
    let kept = kept::named("stopped.idempotent-0");
    let mut bytes = kept.files[&kept.active()].clone();
    damage(&mut bytes);
    let mut disk = kept.disk();
    let path = format!("{}/{}", kept.folder, kept.active());
    disk.set_contents(&path, &bytes);
    disk.set_contents(&path.replace(".log", ".index"), b"");
    let open = OpenLog { clean: true, ..OpenLog::new(&kept.folder) };
    Log::open(&mut disk, open, NOW, &mut Vec::new())
}

#[track_caller]
fn corrupt(opened: Result<Log, LogError>) -> BatchError {
    match opened.map(|log| log.log_end_offset()) {
        Err(LogError::CorruptSegment { error, .. }) => error,
        other => panic!("a corrupt segment: {other:?}"),
    }
}

/// Found: the log ended before its last segment, or in it though nothing could be read there (LOG-3).
#[test]
fn the_offset_of_the_last_batch_goes_back_behind_its_segment() {
    opened_clean(|_| {}).expect("Kafka's is whole");
    for base_offset in [i64::MIN, -1, 0, 1, i64::MAX].map(Offset) {
        let changed = opened_clean(|bytes| {
            let whole = Batches::new(Bytes::from(bytes.clone())).map_while(Result::ok);
            let sizes: Vec<usize> = whole.map(|batch| batch.size_in_bytes()).collect();
            let last: usize = sizes[..sizes.len() - 1].iter().sum();
            bytes[last..last + 8].copy_from_slice(&base_offset.0.to_be_bytes());
        });
        assert_eq!(corrupt(changed), BatchError::BaseOffset { base_offset });
    }
    for length in [1, 16, 17, 60, 61] {
        let torn = opened_clean(|bytes| bytes.truncate(length));
        assert_eq!(corrupt(torn), BatchError::NoBatch, "{length} bytes");
    }
}

/// Found: an offset beyond the last one that there is, in a batch and in a checkpoint.
#[test]
fn a_log_ends_where_offsets_do() {
    let one = || {
        let mut one = BatchBuilder::new(Offset::END);
        one.append(NOW, None, Some(b"value"), &[]);
        one.build().into_bytes()
    };
    let (mut disk, events) = (MemoryDisk::new(), &mut Vec::new());
    let open = OpenLog { log_start_offset: Offset::END, ..OpenLog::new("orders-0") };
    let mut log = Log::open(&mut disk, open, NOW, events).expect("the disk is whole");
    let refused = Err(LogError::OffsetsOutOfOrder { after: Offset::END, got: Offset::END });
    let followed = log.append_as_follower(&mut disk, one(), LeaderEpoch(1), NOW, events);
    assert_eq!(followed.map(drop), refused);
    assert_eq!(log.log_end_offset(), Offset::END);

    let mut disk = MemoryDisk::new();
    disk.create_dir("orders-0").expect("the disk is empty");
    disk.set_contents("orders-0/09223372036854775807.log", &one());
    let log = Log::open(&mut disk, OpenLog::new("orders-0"), NOW, events).expect("it is recovered");
    assert_eq!((log.log_end_offset(), log.size_in_bytes()), (Offset::END, 0), "the batch is bad");
}

/// Found: a log opened at an offset below zero, and one whose records not flushed were too many to count.
#[test]
fn a_checkpoint_has_no_offset_below_zero() {
    let mut disk = MemoryDisk::new();
    for line in ["orders 0 -1", "orders 0 -9223372036854775808", "orders 0 9223372036854775808"] {
        disk.set_contents("checkpoint", format!("0\n1\n{line}\n").as_bytes());
        let read = read_offset_checkpoint(&mut disk, "checkpoint");
        let path = "checkpoint".to_owned();
        assert_eq!(read, Err(LogError::CorruptFile { path, line: 3 }), "{line}");
    }
}

/// Found: of two transaction indexes the first one named a marker beyond the second one's, and the cleaner, which makes
/// one of both, ended the process (TI-1).
#[test]
fn a_transaction_index_names_a_marker_that_is_none() {
    let kept = kept::named("by-classes.producers-0");
    let clean = |marker: i64| {
        let (mut disk, events) = (kept.disk(), &mut Vec::new());
        let path = format!("{}/00000000000000000000.txnindex", kept.folder);
        let mut bytes = disk.contents(&path).expect("it is kept").to_vec();
        bytes[18..26].copy_from_slice(&marker.to_be_bytes());
        disk.set_contents(&path, &bytes);
        let config = LogConfig { compacted: true, ..LogConfig::default() };
        let open = OpenLog { clean: true, config, ..OpenLog::new(&kept.folder) };
        let mut log = Log::open(&mut disk, open, NOW, events).expect("it is believed");
        log.roll(&mut disk, NOW, events).expect("the disk is whole");
        let end = log.log_end_offset();
        log.on_high_watermark_updated(end);
        let stable = log.first_unstable_offset().unwrap_or(end);
        let to_clean = LogToClean::new(&log, Offset::ZERO, stable, false);
        let mut cleaning = Cleaning::new(&log, to_clean, CleanerConfig::default(), NOW);
        cleaning.run(&mut log, &mut disk, end, NOW, events)
    };
    let kafkas = &kept.files["00000000000000000000.txnindex"][18..26];
    let kafkas = i64::from_be_bytes(kafkas.try_into().expect("eight bytes"));
    let cleaned = clean(kafkas).expect("Kafka's is whole");
    assert!(cleaned.is_some_and(|end| end > Offset::ZERO), "{cleaned:?}");
    let refused = clean(3_731_272_211);
    assert!(matches!(refused, Err(LogError::CorruptSegment { .. })), "{refused:?}");
}
