//! Kafka's own cleaner cleans the logs that we clean, and leaves the same files.
//!
//! Plain `cargo test` compares with the checksums in `data/`, which are those of Kafka 4.3.0's files.
//! `TRIAL_ORACLE=COMMAND cargo test` runs `COMMAND java oracle/Cleanings.java ...` with Kafka's jars on its class path,
//! and `COMMAND tool DumpLogSegments ...`.

mod java;
mod support;

use std::fmt::Write as _;
use std::fs;

use bytes::Bytes;
use java::{Java, argument};
use support::cleaned::records;
use support::cleaning::{HOW, How, keyed};
use support::producers::{abort, commit};
use support::{FOLDER, Fixture};
use trial_log::{
    AppendOrigin, AppendTerms, Batches, CompressionType, LastBatchKept, LeaderEpoch, LogConfig,
    RecordBatch,
};

const DELETE_RETENTION_MS: i64 = 1000;
const SEGMENT_BYTES: u64 = 600;
const CASES: usize = 250;
/// What Kafka leaves of the first ones, as far as it has one form: a line each with where the log is clean after each
/// pass, and for each closed segment the checksums of its files.
const KAFKAS: &str = include_str!("data/kafka-4.3.0-cleaned.txt");
const KEPT: usize = 60;

/// Draws that depend on a seed alone.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A log that was shut down, and what is to be done with it.
struct Case {
    name: String,
    f: Fixture,
    slots: usize,
    high_watermark: i64,
    passes: Vec<(i64, i64, i64)>,
    /// Nothing is compressed: what is left is the same, whoever cleans.
    has_one_form: bool,
}

impl Case {
    fn random(seed: u64) -> Self {
        let mut draws = Draws(seed);
        let codec = CompressionType::ALL[if seed % 4 == 3 { (seed / 4 % 5) as usize } else { 0 }];
        let mut f = Fixture::with(LogConfig {
            compacted: true,
            segment_bytes: SEGMENT_BYTES,
            index_interval_bytes: 100,
            delete_retention_ms: DELETE_RETENTION_MS,
            ..LogConfig::default()
        });
        let mut senders = [(0i16, 0i32); 6];
        for _ in 0..20 + draws.below(50) {
            let id = draws.below(6);
            let (epoch, sequence) = senders[id as usize];
            let who = (id as i64, epoch);
            f.now += 1;
            if id >= 3 && draws.below(3) == 0 {
                let what = if draws.below(2) == 0 { abort(1) } else { commit(1) };
                f.end_txn((id as i64, epoch + 1), what).expect("the marker is good");
                senders[id as usize] = (epoch + 1, 0);
                continue;
            }
            let names: Vec<String> =
                (0..1 + draws.below(3)).map(|_| format!("key-{}", draws.below(7))).collect();
            let rows: Vec<_> = names
                .iter()
                .map(|key| (key.as_str(), (draws.below(4) > 0).then_some("value")))
                .collect();
            let batch = keyed(Some((who, sequence)), &rows, f.now).compression(codec.into());
            let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Client);
            let appended = if id < 3 {
                f.append_as(batch.build().into_bytes(), &terms)
            } else {
                let guard = f.ask(who, sequence, true).expect("the producer may");
                f.append_as(batch.transactional().build().into_bytes(), &terms.verified(guard))
            };
            appended.expect("the batch is good");
            senders[id as usize] = (epoch, sequence + rows.len() as i32);
            if draws.below(12) == 0 {
                f.roll();
            }
        }
        f.restart();
        let end = f.log.log_end_offset().0;
        f.high_watermark(end);
        let active = f.segments().into_iter().next_back().expect("there is one");
        let stable = f.first_unstable().unwrap_or(end).min(active);
        let to = f.segments().into_iter().rfind(|base| *base <= stable).unwrap_or(0);
        let slots = if draws.below(3) == 0 { 2 + draws.below(4) as usize } else { 1000 };
        let high_watermark = to + (draws.below((end - to + 1) as u64) as i64);
        let passes = vec![(0, to, f.now + 10), (0, to, f.now + 900), (0, to, f.now + 5000)];
        let (name, has_one_form) = (format!("case-{seed}"), codec == CompressionType::None);
        Self { name, f, slots, high_watermark, passes, has_one_form }
    }

    /// The line, and the checksums of the files of the closed segments.
    fn summary(&self, line: &str, file: impl Fn(i64, &str) -> Vec<u8>) -> String {
        let mut text = line.to_owned();
        let segments = self.f.segments();
        for base in &segments[..segments.len() - 1] {
            write!(text, " | {base}").expect("a string takes it");
            for suffix in [".log", ".index", ".timeindex", ".txnindex"] {
                let sum = crc32c::crc32c(&file(*base, suffix));
                write!(text, " {sum:08x}").expect("a string takes it");
            }
        }
        text + "\n"
    }

    fn line(&self) -> String {
        let Self { name, slots, high_watermark, passes, .. } = self;
        let mut line =
            format!("{name} {DELETE_RETENTION_MS} {SEGMENT_BYTES} {slots} {high_watermark}");
        for (from, to, now) in passes {
            write!(line, " {from}:{to}:{now}").expect("a string takes it");
        }
        line
    }

    /// Cleans it; answers what Kafka is to print.
    fn clean(&mut self) -> String {
        let mut line = self.name.clone();
        for &(from, to, now) in &self.passes {
            self.f.now = now;
            let (slots, high_watermark) = (self.slots, self.high_watermark);
            let last = LastBatchKept::OfCleaning;
            let how = How { from, to: Some(to), slots, high_watermark, last, ..HOW };
            write!(line, " {}", self.f.clean_as(how)).expect("a string takes it");
        }
        line
    }
}

/// The cases in which there is something to clean.
fn cases() -> impl Iterator<Item = Case> {
    (0..).map(Case::random).filter(|case| case.passes[0].1 > 0)
}

#[test]
fn we_leave_what_kafka_left() {
    let mut ours = String::new();
    for mut case in cases().take(KEPT).filter(|case| case.has_one_form) {
        let line = case.clean();
        let file = |base, suffix: &str| {
            case.f.disk.contents(&Fixture::path(base, suffix)).unwrap_or_default().to_vec()
        };
        ours.push_str(&case.summary(&line, file));
    }
    for (ours, kafkas) in ours.lines().zip(KAFKAS.lines()) {
        assert_eq!(ours, kafkas, "byte for byte");
    }
    assert_eq!(ours.lines().count(), KAFKAS.lines().count(), "as many logs");
    assert!(KAFKAS.lines().count() > KEPT / 2, "most logs are not compressed");
}

#[test]
fn kafka_cleans_as_we_do() {
    let Some(oracle) = Java::of_environment() else {
        return;
    };
    let mut cases: Vec<Case> = cases().take(CASES).collect();
    let lines: String = cases.iter().map(|case| case.line() + "\n").collect();
    cases.iter().for_each(|case| write_log(&oracle, &case.name, &case.f));
    let list = oracle.write("cases", lines.as_bytes());
    let want: String = cases.iter_mut().map(|case| case.clean() + "\n").collect();
    let got = oracle.java("Cleanings.java", &[&argument(&oracle.path("")), &list]);
    for (want, got) in want.lines().zip(got.lines()) {
        assert_eq!(want, got, "up to where it is clean");
    }
    let kafkas = got.lines().zip(&cases).take(KEPT).filter(|(_, case)| case.has_one_form);
    let kafkas: String = kafkas
        .map(|(line, case)| {
            case.summary(line, |base, suffix| file(&oracle, &case.name, base, suffix))
        })
        .collect();
    assert_eq!(kafkas, KAFKAS, "these are Kafka's");
    let (mut same, mut rebuilt) = (0, 0);
    for case in &mut cases {
        let active = case.f.segments().into_iter().next_back().expect("there is one");
        let closed: Vec<i64> =
            case.f.segments().into_iter().filter(|base| *base < active).collect();
        let of_kafka = segments(&oracle, &case.name);
        assert_eq!(case.f.segments(), of_kafka, "{}", case.line());
        for base in closed {
            let when = format!("{}, segment {base}", case.line());
            let pair = |suffix| {
                let ours = case.f.disk.contents(&Fixture::path(base, suffix)).unwrap_or_default();
                (ours.to_vec(), file(&oracle, &case.name, base, suffix))
            };
            let (ours, kafkas) = pair(".log");
            let is_compressed = batches(&ours).iter().any(RecordBatch::is_compressed);
            if is_compressed {
                assert_eq!(told(&ours), told(&kafkas), "{when}");
                rebuilt += 1;
            } else {
                assert_eq!(told(&ours), told(&kafkas), "{when}");
                assert_eq!(ours, kafkas, "{when}");
                for suffix in [".index", ".timeindex"] {
                    let (ours, kafkas) = pair(suffix);
                    assert_eq!(ours, kafkas, "{when}{suffix}");
                }
                same += 1;
            }
            let (ours, kafkas) = pair(".txnindex");
            assert_eq!(ours, kafkas, "{when}, the aborted transactions");
        }
    }
    assert!(same > 300 && rebuilt > 50, "{same} byte for byte, {rebuilt} record for record");
}

#[test]
fn kafkas_tool_reads_what_we_clean() {
    let Some(oracle) = Java::of_environment() else {
        return;
    };
    let mut files = Vec::new();
    for mut case in cases().take(30) {
        case.clean();
        case.f.restart();
        write_log(&oracle, &case.name, &case.f);
        let paths = case.f.disk.paths().filter(|path| {
            [".log", ".index", ".timeindex", ".txnindex", ".snapshot"]
                .iter()
                .any(|end| path.ends_with(end))
        });
        let here = |path: &str| argument(&oracle.path(&case.name).join(path));
        files.extend(paths.map(here));
    }
    let said =
        oracle.run(&["tool", "DumpLogSegments", "--deep-iteration", "--files", &files.join(",")]);
    assert!(
        said.matches("Dumping ").count() == files.len() && said.contains("isvalid: true"),
        "{said}"
    );
    for complaint in
        ["isvalid: false", "mismatch", "Mismatch", "orrupt", "Exception", "Found timestamp", "rror"]
    {
        let line = said.lines().find(|line| line.contains(complaint));
        assert_eq!(line, None, "{complaint}");
    }
}

fn batches(bytes: &[u8]) -> Vec<RecordBatch> {
    Batches::new(Bytes::copy_from_slice(bytes)).map(|batch| batch.expect("it is whole")).collect()
}

/// What the batches say, without how their records are compressed.
fn told(bytes: &[u8]) -> Vec<String> {
    let told = |batch: &RecordBatch| {
        let head = (batch.base_offset(), batch.last_offset(), batch.leader_epoch());
        let times = (batch.attributes(), batch.base_timestamp(), batch.max_timestamp());
        format!("{head:?} {times:?} {:?} {:?}", batch.producer(), records(batch))
    };
    batches(bytes).iter().map(told).collect()
}

fn write_log(oracle: &Java, name: &str, f: &Fixture) {
    for path in f.disk.paths() {
        let bytes = f.disk.contents(path).expect("it was listed");
        oracle.write(&format!("{name}/{path}"), bytes);
    }
}

fn segments(oracle: &Java, name: &str) -> Vec<i64> {
    let folder = oracle.path(name).join(FOLDER);
    let names = fs::read_dir(folder).expect("it is there").map(|it| it.expect("and its files"));
    let names = names.map(|it| it.file_name().to_string_lossy().into_owned());
    let mut bases: Vec<i64> =
        names.filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect();
    bases.sort_unstable();
    bases
}

/// The bytes of a file; none if it is not there.
#[expect(clippy::disallowed_methods, reason = "a file that another program has written")]
fn file(oracle: &Java, name: &str, base: i64, suffix: &str) -> Vec<u8> {
    fs::read(oracle.path(name).join(Fixture::path(base, suffix))).unwrap_or_default()
}
