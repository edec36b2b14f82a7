//! Folders that Apache Kafka 4.3.0 wrote: what is read of them, and what a recovery makes of them, is what Kafka makes.
//!
//! They are in `data/kafka-4.3.0`, made by `oracle/keep-folders`; `recovered.txt` and `batches.txt` there are Kafka's
//! own words about them (`oracle/Folders.java`, `oracle/Batches.java`), and `damaged.txt` says what it left of each
//! with its last bytes torn off or changed. `TRIAL_ORACLE=COMMAND cargo test` asks it again, by `COMMAND java
//! oracle/Folders.java`; with `TRIAL_ORACLE_KEEP=1` its answers are kept there.

mod batches;
mod java;
mod kept;
mod torn;

use bytes::Bytes;
use java::{Java, argument};
use kept::{Kept, NOW};
use torn::{damaged, every_damage, is_checked, kept_table, table};
use trial_log::{
    Batches, CompressionType, ControlRecordType, Disk, Log, MemoryDisk, Offset, OpenLog,
    RECOVERY_POINT_CHECKPOINT, read_clean_shutdown, read_meta_properties, read_offset_checkpoint,
    read_partition_metadata, read_snapshot,
};

/// The files of a folder that hold batches.
fn log_files(kept: &Kept) -> impl Iterator<Item = Bytes> {
    let files = kept.files.iter().filter(|(name, _)| {
        name.ends_with(".log") || name.contains('-') && name.ends_with(".checkpoint")
    });
    files.map(|(_, bytes)| Bytes::from(bytes.clone()))
}

#[test]
fn every_batch_is_read_as_kafka_reads_it() {
    let (mut got, mut codecs) = (String::new(), Vec::new());
    for kept in kept::all() {
        for file in log_files(&kept) {
            for batch in batches::split(&file) {
                got.push_str(&batches::described(&batch));
                codecs.push(batch.compression_type().expect("a codec"));
            }
        }
    }
    for codec in CompressionType::ALL {
        assert!(codecs.contains(&codec), "{codec} is among them");
    }
    let want = kept::words("batches.txt");
    let differs = want.lines().zip(got.lines()).find(|(want, got)| want != got);
    assert_eq!(differs, None, "want and got");
    assert_eq!(want.lines().count(), got.lines().count(), "as many");
}

#[test]
fn recovery_leaves_what_kafkas_leaves_byte_for_byte() {
    let want = kept::each(&kept::words("recovered.txt"));
    let kept = kept::all();
    assert_eq!(kept.len(), want.len(), "Kafka recovered each");
    for (kept, want) in kept.iter().zip(want) {
        assert_eq!(kept.recovered(), want, "{}", kept.name);
    }
}

/// The control: with a byte flipped, and with a byte less, the last batch and nothing else is lost.
#[test]
fn a_byte_that_is_not_kafkas_costs_the_last_batch() {
    for kept in kept::all() {
        let bytes = Bytes::from(kept.files[&kept.active()].clone());
        let last = batches::split(&bytes).pop().expect("a batch").base_offset();
        let last_byte = bytes.len() - 1;
        let name = kept.name.clone();
        for broken in [
            damaged(&kept, name.clone(), |bytes| bytes[last_byte] ^= 1),
            damaged(&kept, name.clone(), |bytes| bytes.truncate(last_byte)),
        ] {
            let words = broken.recovered();
            assert!(words.contains(&format!(" end {last} unstable")), "{last}: {words}");
        }
        let whole = kept.recovered();
        assert!(!whole.contains(&format!(" end {last} unstable")), "{last}: {whole}");
    }
}

/// Opens a folder of the node that stopped in good order, as a broker that starts again does.
fn started(kept: &Kept, disk: &mut MemoryDisk) -> Log {
    let points =
        std::fs::read_to_string(kept::root().join("stopped/recovery-point-offset-checkpoint"));
    disk.set_contents(RECOVERY_POINT_CHECKPOINT, points.expect("it is kept").as_bytes());
    let points = read_offset_checkpoint(disk, RECOVERY_POINT_CHECKPOINT).expect("Kafka's is whole");
    let (topic, partition) = kept.folder.rsplit_once('-').expect("a partition");
    let partition: i32 = partition.parse().expect("a number");
    let point = points.iter().find(|((name, number), _)| **name == *topic && *number == partition);
    let recovery_point = point.map_or(Offset::ZERO, |(_, offset)| *offset);
    let open = OpenLog { clean: true, recovery_point, ..OpenLog::new(&kept.folder) };
    let log = Log::open(disk, open, NOW, &mut Vec::new()).expect("Kafka's is whole");
    if topic != "__cluster_metadata" {
        assert_eq!(log.log_end_offset(), recovery_point, "{}: all of it is durable", kept.name);
    }
    log
}

/// A start removes snapshots that no segment begins at, but the latest. The quorum's log leaves some: it takes one for
/// each snapshot of the metadata. And it writes the epochs without those that have no record.
fn without_strays(kept: &Kept, files: &str) -> String {
    let snapshots = kept.files.keys().filter_map(|name| name.strip_suffix(".snapshot"));
    let latest = snapshots.max().expect("a stopped log has one").to_owned();
    let is_stray = |line: &str| {
        let name = line.split(' ').nth(1).and_then(|name| name.strip_suffix(".snapshot"));
        let segment = |name: &str| kept.files.contains_key(&format!("{name}.log"));
        name.is_some_and(|name| name != latest && !segment(name))
    };
    let is_kept = |line: &&str| !is_stray(line) && !line.contains("leader-epoch-checkpoint");
    files.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_clean_start_changes_nothing_and_knows_what_a_recovery_finds() {
    for kept in kept::all().into_iter().filter(|kept| kept.name.starts_with("stopped")) {
        let (mut disk, mut doubted) = (kept.disk(), kept.disk());
        let files = |disk: &MemoryDisk| without_strays(&kept, &kept::files_of(&kept.folder, disk));
        let before = files(&disk);
        let log = started(&kept, &mut disk);
        assert_eq!(files(&disk), before, "{}", kept.name);
        let recovered = kept.open(&mut doubted).expect("Kafka's is whole");
        let (clean, unclean) = (kept::state_of("it", &log), kept::state_of("it", &recovered));
        assert_eq!(clean, unclean, "{}", kept.name);
    }
}

#[test]
fn every_offset_and_every_time_is_found_through_kafkas_indexes() {
    let mut looked_up = 0;
    for kept in kept::all().into_iter().filter(|kept| kept.name.starts_with("stopped")) {
        let mut disk = kept.disk();
        let mut log = started(&kept, &mut disk);
        let (start, end, events) = (log.log_start_offset(), log.log_end_offset(), &mut Vec::new());
        let mut records: Vec<(Offset, i64)> = Vec::new();
        let mut at = start;
        while at < end {
            let read = log.read(&mut disk, at, 1, end, true, events).expect("it is whole");
            let batch = read.batches().next().expect("one at least").expect("a whole one");
            assert!(batch.last_offset() >= at, "{}: {at}", kept.name);
            records.extend(batch.records().map(|record| {
                let record = record.expect("Kafka's is whole");
                (record.offset, record.timestamp)
            }));
            at = batch.next_offset();
        }
        for number in start.0..end.0 {
            let read = log.read(&mut disk, Offset(number), 1, end, true, events).expect("whole");
            let batch = read.batches().next().expect("one at least").expect("a whole one");
            let next = records.iter().find(|(offset, _)| offset.0 >= number);
            let next = next.map_or(end, |(offset, _)| *offset);
            assert!(batch.base_offset() <= next && next <= batch.last_offset(), "{}", kept.name);
            looked_up += 1;
        }
        for (_, time) in &records {
            let first = records.iter().find(|(_, other)| other >= time).expect("itself");
            let found = log.offset_for_timestamp(&mut disk, *time, events).expect("it is whole");
            let found = found.map(|found| (found.offset, found.timestamp));
            assert_eq!(found, Some(*first), "{}: {time}", kept.name);
        }
    }
    assert!(looked_up > 200, "{looked_up} offsets");
}

#[test]
fn kafkas_small_files_are_read() {
    let mut disk = MemoryDisk::new();
    for name in ["meta.properties", ".kafka_cleanshutdown", "replication-offset-checkpoint"] {
        let bytes = std::fs::read_to_string(kept::root().join("stopped").join(name));
        disk.set_contents(name, bytes.expect("it is kept").as_bytes());
    }
    let properties = read_meta_properties(&mut disk).expect("Kafka's is whole").expect("kept");
    assert_eq!((properties.node_id, properties.cluster_id.len()), (1, 22), "{properties:?}");
    let marker = read_clean_shutdown(&mut disk).expect("Kafka's is whole").expect("kept");
    assert!(marker.broker_epoch.is_some_and(|epoch| epoch > 0), "{marker:?}");
    let committed = read_offset_checkpoint(&mut disk, "replication-offset-checkpoint");
    assert_eq!(committed.expect("Kafka's is whole").len(), 6, "each partition but the quorum's");
    for kept in kept::all().iter().filter(|kept| !kept.name.starts_with("by-classes")) {
        let id = read_partition_metadata(&mut kept.disk(), &kept.folder).expect("Kafka's is whole");
        assert_eq!(id.map(|id| id.len()), Some(22), "{}: a topic id", kept.name);
    }
}

#[test]
fn a_snapshot_of_the_producers_is_what_they_are_at_its_offset() {
    let mut compared = 0;
    for kept in kept::all() {
        let snapshots = kept.files.iter().filter(|(name, _)| name.ends_with(".snapshot"));
        for (name, bytes) in snapshots {
            let mut entries = read_snapshot(bytes).expect("Kafka's is whole");
            let offset: i64 = name[..20].parse().expect("an offset");
            let (mut disk, events) = (kept.disk(), &mut Vec::new());
            let mut log = kept.open(&mut disk).expect("Kafka's is whole");
            log.truncate_to(&mut disk, Offset(offset), NOW, events).expect("the disk is whole");
            let mut known: Vec<_> = log.producers().active_producers().cloned().collect();
            entries.sort_by_key(|entry| entry.producer_id());
            known.sort_by_key(|entry| entry.producer_id());
            let told = |entry: &trial_log::ProducerStateEntry| {
                let (id, epoch) = (entry.producer_id(), entry.producer_epoch());
                (id, epoch, entry.last_sequence(), entry.current_txn_first_offset())
            };
            let (entries, known): (Vec<_>, Vec<_>) =
                (entries.iter().map(told).collect(), known.iter().map(told).collect());
            assert_eq!(entries, known, "{} {name}", kept.name);
            compared += entries.len();
        }
    }
    assert!(compared > 20, "{compared} producers");
}

#[test]
fn a_snapshot_of_the_metadata_begins_and_ends_as_one() {
    let kept = kept::named("stopped.__cluster_metadata-0");
    let snapshots = kept.files.iter().filter(|(name, _)| name.ends_with("1.checkpoint"));
    let mut seen = 0;
    for (name, bytes) in snapshots {
        let batches = Batches::new(Bytes::from(bytes.clone()));
        let batches: Vec<_> = batches.map(|batch| batch.expect("Kafka's is whole")).collect();
        let (first, last) = (&batches[0], &batches[batches.len() - 1]);
        let control = |batch: &trial_log::RecordBatch, nth: usize| {
            assert!(batch.is_control() && batch.is_valid(), "{name}");
            let record = batch.records().nth(nth).expect("a record").expect("whole");
            ControlRecordType::of_key(record.key().expect("a key"))
        };
        assert_eq!(control(first, 0), Some(ControlRecordType::SnapshotHeader), "{name}");
        assert_eq!(control(last, 0), Some(ControlRecordType::SnapshotFooter), "{name}");
        let records = batches[1..batches.len() - 1].iter().map(|batch| batch.count()).sum::<i32>();
        assert!(records > 5, "{name}: {records} records of metadata");
        seen += 1;
    }
    assert_eq!(seen, 1);
}

#[test]
fn what_was_compacted_has_gaps_and_a_horizon() {
    let kept = kept::named("stopped.compacted-0");
    let mut disk = kept.disk();
    let mut log = started(&kept, &mut disk);
    let (end, events) = (log.log_end_offset(), &mut Vec::new());
    let read = log.read(&mut disk, Offset(0), 1 << 20, end, true, events).expect("it is whole");
    let batches: Vec<_> = read.batches().map(|batch| batch.expect("Kafka's is whole")).collect();
    let kept_records: i32 = batches.iter().map(|batch| batch.count()).sum();
    assert!(i64::from(kept_records) < end.0 / 3, "{kept_records} of {end}");
    assert!(batches.iter().any(|batch| batch.delete_horizon_ms().is_some()), "a tombstone waits");
    assert!(disk.list(&kept.folder).is_ok_and(|names| !names.is_empty()));
}

/// The offset that a batch begins at is covered by no checksum, and nor is its length or the leader's epoch. Kafka's
/// recovery stores what goes back and fails on some; ours opens each, and cuts there.
#[test]
fn no_byte_of_a_log_makes_its_recovery_fail() {
    let mut cut = 0;
    for kept in kept::all() {
        let bytes = Bytes::from(kept.files[&kept.active()].clone());
        let mut end = bytes.len();
        for batch in batches::split(&bytes).iter().rev().take(3) {
            end -= batch.size_in_bytes();
            for (at, bit) in (end..end + 16).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let name = format!("{}.bit-{at}-{bit}", kept.name);
                let damaged = damaged(&kept, name.clone(), |bytes| bytes[at] ^= 1 << bit);
                let words = damaged.recovered();
                assert!(!words.contains("error"), "{name}: {words}");
                cut += u32::from(words != kept.recovered());
            }
        }
    }
    assert!(cut > 3_000, "{cut} of them are noticed");
}

/// What Kafka's recovery left of each, in `damaged.txt`; the test below has asked it.
#[test]
fn recovery_of_a_torn_tail_keeps_what_kafkas_kept() {
    let every = every_damage();
    assert!(every.len() > 3_000, "{} folders", every.len());
    let checked = every.iter().filter(|damaged| is_checked(damaged));
    let got = table(checked.map(|damaged| (damaged, damaged.recovered())));
    let want = kept_table();
    let differs = want.lines().zip(got.lines()).find(|(want, got)| want != got);
    assert_eq!(differs, None, "want and got");
    assert_eq!(want.lines().count(), got.lines().count(), "as many");
}

/// With `TRIAL_ORACLE_KEEP` its answers are kept, instead of compared with those that are.
#[test]
fn recovery_of_a_torn_tail_keeps_exactly_what_kafkas_keeps() {
    let (every, mut answers) = (every_damage(), Vec::new());
    for some in every.chunks(1_000) {
        let Some(oracle) = Java::of_environment() else { return };
        for damaged in some {
            for (name, bytes) in &damaged.files {
                oracle.write(&format!("{}/{}/{name}", damaged.name, damaged.folder), bytes);
            }
        }
        let said = oracle.java("Folders.java", &["recover", &argument(&oracle.path(""))]);
        let words = kept::each(&said);
        assert_eq!(words.len(), some.len(), "Kafka tells of each");
        answers.extend(some.iter().zip(words));
    }
    let (checked, unchecked): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|(damaged, _)| is_checked(damaged));
    for (damaged, want) in &checked {
        assert_eq!(damaged.recovered(), *want, "{}", damaged.name);
    }
    for (damaged, _) in &unchecked {
        damaged.recovered();
    }
    let answered = table(checked.into_iter());
    torn::keep_if_asked(&answered);
    assert_eq!(kept_table(), answered, "what was kept is what Kafka says");
}
