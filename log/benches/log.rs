//! How fast the log is, beside what bounds it, in one run: `cargo bench -p trial-log`.
//!
//! Each line names the work, its limit, and the part of the limit's speed that is reached; the best of some rounds
//! counts, of both. Disks are in memory, and files have grown before, so that a write is one copy. `-- small look-up`
//! runs these parts alone; the others are `large` and `compaction`.

#![expect(clippy::disallowed_types, reason = "a benchmark reads the clock; a hash map is a limit")]
#![expect(
    clippy::disallowed_macros,
    reason = "what is counted is of one thread; figures are printed"
)]

#[path = "../tests/counted/mod.rs"]
#[expect(dead_code, reason = "each test takes what it needs")]
mod counted;
mod sparse;

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sparse::{ENTRIES, Flow, SEGMENT_BYTES, Sparse};
use trial_log::{
    AppendOrigin, BatchBuilder, CleanerConfig, Cleaning, CompressionType, LeaderEpoch, Log,
    LogConfig, LogEvent, LogToClean, MemoryDisk, Offset, OpenLog,
};

const NOW: i64 = 1_767_225_600_000;
const FOLDER: &str = "orders-0";
const ROUNDS: usize = 7;
/// So many batches of 11 kB: more than the caches of a processor hold.
const BATCHES: usize = 4_000;
const MIB: f64 = (1 << 20) as f64;

fn main() {
    let parts: [(&str, fn()); 4] = [
        ("large", || appends("11 records of 1,000 bytes", 11, 1_000)),
        ("small", || appends("100 records of 100 bytes", 100, 100)),
        ("look-up", || [Flow::Even, Flow::Uneven].into_iter().for_each(look_up)),
        ("compaction", compaction),
    ];
    // Cargo adds a word of its own, `--bench`.
    let asked: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    for (name, part) in parts {
        if asked.is_empty() || asked.iter().any(|asked| asked == name) {
            part();
        }
    }
}

/// The shortest of some rounds; `prepare` is not counted.
fn best<P, T>(mut prepare: impl FnMut() -> P, mut work: impl FnMut(P) -> T) -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let prepared = prepare();
        let began = Instant::now();
        let done = black_box(work(prepared));
        let took = began.elapsed();
        drop(done);
        took
    });
    rounds.min().unwrap_or(Duration::MAX)
}

/// One line: both as a rate, and the part of the limit that is reached.
fn compare(what: &str, (ours, limit): (Duration, Duration), amount: f64, unit: &str, name: &str) {
    let rate = |time: Duration| amount / time.as_secs_f64();
    let part = 100.0 * limit.as_secs_f64() / ours.as_secs_f64();
    println!(
        "{what:<48} {:>10.0} {unit:<9} {name:<28} {:>10.0} {unit:<9} {part:>4.0} %",
        rate(ours),
        rate(limit)
    );
}

fn batches(records: usize, value_bytes: usize) -> Vec<Bytes> {
    let build = |number: usize| {
        let mut builder = BatchBuilder::new(Offset::ZERO);
        for record in 0..records {
            let byte = (number * 31 + record * 7) as u8;
            builder.append(NOW, None, Some(&vec![byte; value_bytes]), &[]);
        }
        builder.build().into_bytes()
    };
    (0..BATCHES).map(build).collect()
}

fn open(disk: &mut MemoryDisk, config: LogConfig) -> Log {
    let open = OpenLog { config, ..OpenLog::new(FOLDER) };
    Log::open(disk, open, NOW, &mut Vec::new()).expect("the disk is whole")
}

fn append_all(log: &mut Log, disk: &mut MemoryDisk, batches: Vec<Bytes>) {
    let (events, epoch) = (&mut Vec::<LogEvent>::with_capacity(100), LeaderEpoch(1));
    for batch in batches {
        events.clear();
        let appended = log.append_as_leader(disk, batch, epoch, AppendOrigin::Client, NOW, events);
        black_box(appended.expect("the batch is good"));
    }
}

/// Appends, reads and recovers the same batches.
fn appends(what: &str, records: usize, value_bytes: usize) {
    let sent = batches(records, value_bytes);
    let bytes: usize = sent.iter().map(Bytes::len).sum();
    let amount = bytes as f64 / MIB;
    println!("batches of {what}, {} bytes each", bytes / BATCHES);
    // Whoever appends owns the bytes, as a broker does what came in with a request.
    let owned = || sent.iter().map(|batch| Bytes::from(batch.to_vec())).collect::<Vec<_>>();

    let mut disk = MemoryDisk::new();
    let mut log = open(&mut disk, LogConfig::default());
    append_all(&mut log, &mut disk, owned());
    let mut copy: Vec<u8> = Vec::with_capacity(bytes);
    copy.resize(bytes, 1);
    let ours = best(owned, |batches| {
        let cut = log.truncate_to(&mut disk, Offset::ZERO, NOW, &mut Vec::new());
        cut.expect("the disk is whole");
        append_all(&mut log, &mut disk, batches);
    });
    let limit = best(owned, |batches| {
        copy.clear();
        for batch in batches {
            black_box(crc32c::crc32c(&batch[21..]));
            copy.extend_from_slice(&batch);
        }
    });
    compare("append", (ours, limit), amount, "MiB/s", "CRC-32C and a copy");

    let more = owned();
    log.truncate_to(&mut disk, Offset::ZERO, NOW, &mut Vec::new()).expect("the disk is whole");
    let ((), taken) = counted::allocations(|| append_all(&mut log, &mut disk, more));
    println!("{:<48} {:>10.3}", "allocations for each append", taken as f64 / BATCHES as f64);

    let end = log.log_end_offset();
    let ours = best(|| (), |()| read_all(&mut log, &mut disk, end));
    let limit = best(
        || (),
        |()| {
            for piece in copy.chunks(1 << 20) {
                black_box(Bytes::copy_from_slice(piece));
            }
        },
    );
    compare("sequential read, 1 MiB at a time", (ours, limit), amount, "MiB/s", "a copy");

    let ours = best(
        || disk.clone(),
        |mut disk| {
            let log = open(&mut disk, LogConfig::default());
            assert_eq!(log.log_end_offset(), end, "all of it is good");
            (log, disk)
        },
    );
    let limit = best(
        || (),
        |()| {
            for batch in &sent {
                black_box(crc32c::crc32c(&batch[21..]));
            }
        },
    );
    compare("recovery scan", (ours, limit), amount, "MiB/s", "CRC-32C");
}

fn read_all(log: &mut Log, disk: &mut MemoryDisk, end: Offset) {
    let (mut at, events) = (Offset::ZERO, &mut Vec::new());
    while at < end {
        let read = log.read(disk, at, 1 << 20, end, true, events).expect("the log is whole");
        let last = read.batches().last().expect("one at least").expect("a whole one");
        at = last.next_offset();
        black_box(read);
    }
}

/// Finds offsets in a segment of one gibibyte.
fn look_up(flow: Flow) {
    const LOOKUPS: usize = 200_000;
    let (mut disk, end) = Sparse::new(FOLDER, flow);
    let open = OpenLog { clean: true, recovery_point: end, ..OpenLog::new(FOLDER) };
    let events = &mut Vec::new();
    let mut log = Log::open(&mut disk, open, NOW, events).expect("the disk is whole");
    assert_eq!((log.size_in_bytes(), log.log_end_offset()), (SEGMENT_BYTES, end), "all of it");
    // Offsets in no order, each within a batch.
    let asked = |number: usize| Offset((number as i64).wrapping_mul(7_919_777).rem_euclid(end.0));
    let find = best(
        || (),
        |()| {
            for number in 0..LOOKUPS {
                let found = log.offset_metadata(&mut disk, asked(number), events);
                black_box(found.expect("the log is whole"));
            }
        },
    );
    let reads_before = disk.reads;
    for number in 0..LOOKUPS {
        black_box(log.offset_metadata(&mut disk, asked(number), events).expect("it is whole"));
    }
    let reads = (disk.reads - reads_before) as usize;
    let read = best(|| (), |()| (0..reads).for_each(|at| drop(black_box(disk.header(at as u64)))));
    let entries: Vec<(i32, i32)> = flow.entries().collect();
    let halves = best(
        || (),
        |()| {
            for number in 0..LOOKUPS {
                let target = asked(number).0;
                black_box(entries.partition_point(|entry| i64::from(entry.0) <= target));
            }
        },
    );
    let each = |time: Duration| time.as_nanos() as f64 / LOOKUPS as f64;
    let evenly = match flow {
        Flow::Even => "as many records in each batch",
        Flow::Uneven => "now more, now fewer records in a batch",
    };
    println!("a segment of 1 GiB, {ENTRIES} index entries, {evenly}");
    println!("{:<48} {:>10.0} ns", "an offset found: index, then batch headers", each(find));
    println!("{:<48} {:>10.0} ns", "  of it the disk, for the headers", each(read));
    println!(
        "{:<48} {:>10.0} ns",
        "  so the index, the walk and the rest",
        each(find) - each(read)
    );
    println!("{:<48} {:>10.0} ns", "  its limit, a search by halves alone", each(halves));
}

/// Compacts records of which each key comes several times.
fn compaction() {
    const RECORDS: usize = 400_000;
    const KEYS: usize = 100_000;
    let key = |number: usize| format!("user-{:08}", number.wrapping_mul(7_919) % KEYS);
    for codec in [CompressionType::None, CompressionType::Lz4] {
        let config = LogConfig { compacted: true, segment_bytes: 16 << 20, ..LogConfig::default() };
        let mut disk = MemoryDisk::new();
        let mut log = open(&mut disk, config.clone());
        let sent = (0..RECORDS).step_by(100).map(|first| {
            let mut builder = BatchBuilder::new(Offset::ZERO).compression(codec.into());
            for number in first..first + 100 {
                let value = format!("{number:0100}");
                builder.append(NOW, Some(key(number).as_bytes()), Some(value.as_bytes()), &[]);
            }
            builder.build().into_bytes()
        });
        append_all(&mut log, &mut disk, sent.collect());
        log.roll(&mut disk, NOW, &mut Vec::new()).expect("the disk is whole");
        let end = log.log_end_offset();
        log.on_high_watermark_updated(end);
        let ours = best(
            || (log.clone(), disk.clone()),
            |(mut log, mut disk)| {
                let to_clean = LogToClean::new(&log, Offset::ZERO, end, false);
                let mut cleaning = Cleaning::new(&log, to_clean, CleanerConfig::default(), NOW);
                let cleaned = cleaning.run(&mut log, &mut disk, end, NOW, &mut Vec::new());
                assert_eq!(cleaned, Ok(Some(end)), "nobody came between");
                (log, disk)
            },
        );
        let keys: Vec<String> = (0..RECORDS).map(key).collect();
        let ordered = best(
            || (),
            |()| {
                let numbered = keys.iter().zip(0i64..);
                let mut last = BTreeMap::new();
                numbered.clone().for_each(|(key, at)| {
                    last.insert(key.as_bytes(), at);
                });
                numbered.filter(|(key, at)| last[key.as_bytes()] == *at).count()
            },
        );
        let hashed = best(
            || (),
            |()| {
                let numbered = keys.iter().zip(0i64..);
                let mut last = HashMap::new();
                numbered.clone().for_each(|(key, at)| {
                    last.insert(key.as_bytes(), at);
                });
                numbered.filter(|(key, at)| last[key.as_bytes()] == *at).count()
            },
        );
        let amount = RECORDS as f64 / 1000.0;
        println!("compaction of {RECORDS} records of {KEYS} keys, compressed with {codec}");
        compare("records", (ours, ordered), amount, "k/s", "two passes, ordered map");
        compare("records", (ours, hashed), amount, "k/s", "two passes, hash map");
    }
}
