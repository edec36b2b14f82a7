//! `DumpLogSegments` reads runs that were exported and folders of our storage engine without a complaint.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trial_scenarios::asked::Asked;
use trial_scenarios::export::{View, export};
use trial_scenarios::run::Run;

use super::oracle::{Oracle, files};
use super::{our_folder, support};

const ALL: [&str; 5] = [".log", ".index", ".timeindex", ".snapshot", ".txnindex"];
const INDEXES: [&str; 2] = [".index", ".timeindex"];

fn is_of_metadata(path: &Path) -> bool {
    path.display().to_string().contains("__cluster_metadata")
}

/// Everything that the tool can look at; these topics are compacted.
fn looked_at(oracle: &Oracle, folder: &Path, compacted: &[&str]) -> (String, Vec<String>) {
    let (metadata, data): (Vec<PathBuf>, Vec<PathBuf>) =
        files(folder, &ALL).into_iter().partition(|path| is_of_metadata(path));
    let indexes = files(folder, &INDEXES);
    let records = ["--deep-iteration", "--print-data-log"];
    let decoded = ["--deep-iteration", "--cluster-metadata-decoder"];
    let logs = |of: &[PathBuf]| -> Vec<PathBuf> {
        let is_log = |path: &&PathBuf| path.extension().is_some_and(|kind| kind == "log");
        of.iter().filter(is_log).cloned().collect()
    };
    let mut looks = vec![
        (&records[..], data),
        (&["--verify-index-only"][..], indexes.clone()),
        (&["--index-sanity-check"][..], indexes),
    ];
    if !metadata.is_empty() {
        looks.push((&decoded[..], logs(&metadata)));
    }
    let (mut out, mut complaints) = (String::new(), Vec::new());
    for (options, files) in looks {
        let printed = oracle.dump(options, &files, compacted);
        for file in &files {
            let told = printed.out.contains(&format!("Dumping {}", file.display()));
            // At what is wrong it may stop.
            assert!(
                told || !printed.complaints.is_empty(),
                "{options:?} looks at {}",
                file.display()
            );
        }
        out.push_str(&printed.out);
        complaints.extend(printed.complaints);
    }
    (out, complaints)
}

#[test]
fn the_disks_of_runs_are_read_without_a_complaint() {
    let Some(oracle) = Oracle::of_environment() else { return };
    let runs: [(&str, u64, &[&str]); 9] = [
        ("departures", 7, &[]),
        ("kill_the_leader", 3, &[]),
        ("a_rack_goes_dark", 5, &[]),
        ("lose_the_controller_quorum", 2, &[]),
        ("everything_at_once", 1, &[]),
        ("everything_at_once", 4, &[]),
        ("a_cleaner_is_interrupted", 1, &["accounts"]),
        ("old_records_go", 1, &["accounts"]),
        ("old_records_go", 104, &["accounts"]),
    ];
    for (name, seed, compacted) in runs {
        let folder = support::folder("kafkas_eyes", &format!("{name}-{seed}"));
        let scenario = Asked::open(name).and_then(|asked| asked.scenario()).expect("built in");
        let mut run = Run::new(&Arc::new(scenario), seed);
        run.play();
        let hosts = export(&run, View::Process, &folder).expect("there is room");
        let (out, complaints) = looked_at(&oracle, &folder, compacted);
        assert_eq!(complaints, Vec::<String>::new(), "{name}, seed {seed}");
        let (payloads, topics) =
            (out.matches(" payload: ").count(), out.matches("TOPIC_RECORD").count());
        assert!(payloads > 100 && topics > 0, "{name}: {payloads} records, {topics} topics");
        let sane = out.matches("passed sanity check").count();
        assert!(sane > 0, "{name}: {sane} indexes are not empty");
        println!("{name} {seed}: {} hosts, {payloads} records, {sane} indexes", hosts.len());
    }
}

#[test]
fn a_folder_with_every_codec_is_read_without_a_complaint() {
    let Some(oracle) = Oracle::of_environment() else { return };
    let root = support::folder("kafkas_eyes", "codecs");
    let mut ours = our_folder::write(&root, "orders-0");
    for is_closed in [false, true] {
        if is_closed {
            ours.close();
        }
        let (out, complaints) = looked_at(&oracle, &root, &[]);
        assert_eq!(complaints, Vec::<String>::new());
        for (offset, time, key, value) in &ours.records {
            let record = out.lines().find(|line| {
                line.contains(&format!("| offset: {offset} "))
                    && line.contains(&format!(" {time} "))
            });
            let record = record.unwrap_or_else(|| panic!("offset {offset} is not told"));
            let whole = record.contains(&format!(" key: {key} payload: {value}"));
            assert!(whole, "{offset}: {record}");
        }
        for codec in ["NONE", "GZIP", "SNAPPY", "LZ4", "ZSTD"] {
            let told = out.matches(&format!("compresscodec: {}", codec.to_lowercase())).count();
            assert!(told >= 4, "{codec}: {told} batches");
        }
        assert_eq!(out.matches("endTxnMarker: ABORT").count(), 4, "markers");
        assert_eq!(out.matches("lastStableOffset: ").count(), 4, "the transaction index");
        assert!(out.contains("producerId: 902 producerEpoch: "), "producer snapshots");
    }
}

/// The control: what is wrong is told.
#[test]
fn a_byte_that_was_flipped_is_complained_about() {
    let Some(oracle) = Oracle::of_environment() else { return };
    let root = support::folder("kafkas_eyes", "flipped");
    our_folder::write(&root, "orders-0").close();
    for (ends, at) in [(".log", 70), (".index", 7), (".timeindex", 7), (".snapshot", 12)] {
        let file = files(&root, &[ends]).into_iter().find(|file| {
            // The index of the first segment has an entry; no snapshot is taken at its begin.
            file.metadata().is_ok_and(|file| file.len() > 12)
        });
        let file = file.expect("there is one");
        let whole = fs::read(&file).expect("it is there");
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&file, &flipped).expect("it is there");
        let (_, complaints) = looked_at(&oracle, &root, &[]);
        assert!(!complaints.is_empty(), "{}", file.display());
        println!("{ends}: {}", complaints[0]);
        fs::write(&file, &whole).expect("it is there");
    }
    let (_, complaints) = looked_at(&oracle, &root, &[]);
    assert_eq!(complaints, Vec::<String>::new(), "whole again");
}
