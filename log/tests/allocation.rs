//! What reading a batch allocates: a constant, and a few times what came in and what was really decompressed. And
//! what an append does: nothing, beyond what doubles as its segment grows.

#![expect(clippy::disallowed_macros, reason = "what is counted is of one thread")]

use bytes::{Bytes, BytesMut};
use trial_log::{
    AppendOrigin, Assignment, BatchBuilder, CompressionType, LeaderEpoch, Log, LogConfig,
    MemoryDisk, Offset, OpenLog, Producer, RecordBatch, validate_and_assign_offsets,
};

mod batches;
mod counted;

use batches::{Chance, Plan, T, odd};
use counted::{allocations, peak};

/// What the codecs need for their tables, whatever they read.
const CONSTANT: usize = 1 << 20;
/// How often what came in and what came out may be held; buffers that grow double.
const FACTOR: usize = 4;

#[test]
fn nothing_is_allocated_that_the_bytes_do_not_back() {
    // A gigabyte's worth of claims in a few bytes each.
    for odd in odd::all() {
        check(odd.name, &odd.batch);
    }
    check("zeros", &odd::zeros(100 << 20));
    for (name, codec, payload) in claims() {
        check(name, &odd::batch_of(codec, &payload, 1 << 30));
    }
    let mut chance = Chance::new(5);
    for round in 0..3000 {
        let codec = CompressionType::ALL[round % 5];
        let plan = Plan::random(&mut chance, codec, 3000);
        let mut bytes = BytesMut::from(plan.build().as_bytes());
        for _ in 0..=chance.below(3) {
            let at = 21 + chance.below(bytes.len() as u64 - 21) as usize;
            bytes[at] ^= 1 + chance.below(255) as u8;
        }
        check("a changed batch", &odd::sealed(bytes));
    }
}

/// What doubles as a segment grows, by an entry of each index for each batch: the bytes of three files on the disk in
/// memory, the entries of two indexes, their guides.
const GROWING: u64 = 3 + 2 + 2;

/// Index entries are put together in a piece of memory for many; the bytes that came are those that are written; what
/// a batch makes of its producer is kept in room that is there.
#[test]
fn an_append_allocates_nothing_but_what_doubles_as_a_segment_grows() {
    for producers in [0, 1, 30] {
        for leads in [true, false] {
            let mut log = Appended::new(producers, leads);
            let what = format!("{producers} producers, leads: {leads}");
            assert!(log.append(1_100) > GROWING, "all of it is new, {what}");
            // Each of them doubles behind the batch or the entry 1,024, and behind 2,048.
            assert_eq!(log.append(500), 0, "nothing grows, {what}");
            assert_eq!(log.append(900), GROWING, "each doubles once, {what}");
        }
    }
}

/// A log and what its batches were so far.
struct Appended {
    disk: MemoryDisk,
    log: Log,
    leads: bool,
    producers: i64,
    sent: i64,
}

impl Appended {
    fn new(producers: i64, leads: bool) -> Self {
        let mut disk = MemoryDisk::new();
        let log = Log::open(&mut disk, OpenLog::new("orders-0"), T, &mut Vec::new());
        Self { disk, log: log.expect("it is whole"), leads, producers, sent: 0 }
    }

    /// The next batch: of one producer after another, each with its sequences.
    fn next(&mut self) -> Bytes {
        let (epoch, number) = (LeaderEpoch(1), self.sent);
        let base_offset = Offset(if self.leads { 0 } else { 2 * number });
        let mut builder = BatchBuilder::new(base_offset).leader_epoch(epoch);
        if self.producers > 0 {
            let base_sequence = (2 * (number / self.producers)) as i32;
            builder =
                builder.producer(Producer { id: number % self.producers, epoch: 0, base_sequence });
        }
        for _ in 0..2 {
            builder.append(T + number, Some(b"key"), Some(&[7; 2_500]), &[]);
        }
        self.sent += 1;
        Bytes::from(builder.build().as_bytes().to_vec())
    }

    /// How many allocations so many appends took.
    fn append(&mut self, count: usize) -> u64 {
        let batches: Vec<Bytes> = (0..count).map(|_| self.next()).collect();
        let (epoch, origin, events) =
            (LeaderEpoch(1), AppendOrigin::Client, &mut Vec::with_capacity(10));
        let Self { disk, log, leads, .. } = self;
        let ((), taken) = allocations(|| {
            for records in batches {
                events.clear();
                let appended = if *leads {
                    log.append_as_leader(disk, records, epoch, origin, T, events).map(Some)
                } else {
                    log.append_as_follower(disk, records, epoch, T, events)
                };
                let info = appended.expect("the batch is good").expect("and whole");
                assert!(!info.is_duplicate && info.bytes > 5_000, "it is appended");
            }
        });
        assert_eq!(log.log_end_offset().0, 2 * self.sent, "all of them");
        assert_eq!(log.producers().active_producers().len() as i64, self.producers, "of all");
        taken
    }
}

fn claims() -> Vec<(&'static str, CompressionType, Vec<u8>)> {
    let billion = [0x80, 0xa8, 0xd6, 0xb9, 0x07];
    let record = [&billion[..], &[0, 0, 0, 1], &billion].concat();
    let headers = [&billion[..], &[0, 0, 0, 1, 1], &billion].concat();
    let raw = |bytes: &[u8], window: u8| {
        let block = ((bytes.len() as u32) << 3 | 1).to_le_bytes();
        [&[0x28, 0xb5, 0x2f, 0xfd, 0, window], &block[..3], bytes].concat()
    };
    let snappy = snap::raw::Encoder::new().compress_vec(&record).expect("it is small");
    vec![
        ("a record", CompressionType::None, record.clone()),
        ("headers", CompressionType::None, headers.clone()),
        ("a record, zstd", CompressionType::Zstd, raw(&record, 17 << 3)),
        ("headers, zstd", CompressionType::Zstd, raw(&headers, 17 << 3)),
        ("a record, snappy", CompressionType::Snappy, snappy),
        ("a block, snappy", CompressionType::Snappy, vec![0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0]),
    ]
}

/// Reads it record by record, and has it validated, in place and anew.
#[track_caller]
fn check(name: &str, batch: &RecordBatch) {
    let mut out = 0;
    let ((), read) = peak(|| {
        for record in batch.records() {
            let Ok(record) = record else { break };
            out += record.size_in_bytes();
        }
    });
    // A record that failed may have taken what a few bytes decompress to: a block, at the most.
    let limit = CONSTANT + FACTOR * (batch.size_in_bytes() + out);
    assert!(read <= limit, "{name}: {read} of {limit} bytes for {batch:?}");
    let (first_offset, leader_epoch) = (Offset::ZERO, LeaderEpoch(1));
    let origin = AppendOrigin::Coordinator;
    let assignment = Assignment { first_offset, leader_epoch, origin, now_ms: T };
    let validate = |compression: Option<CompressionType>| {
        let compression = compression.map(Into::into);
        let config =
            LogConfig { compression, max_message_bytes: usize::MAX, ..LogConfig::default() };
        let batch = batch.clone();
        peak(|| drop(validate_and_assign_offsets(batch, &config, &assignment))).1
    };
    let in_place = validate(None);
    let counted = CONSTANT + FACTOR * batch.size_in_bytes();
    // The records that are refused are listed.
    let limit = if name == "zeros" { CONSTANT } else { counted + FACTOR * out };
    assert!(in_place <= limit, "{name}, in place: {in_place} of {limit} bytes for {batch:?}");
    for target in CompressionType::ALL {
        let anew = validate(Some(target));
        let limit = counted + 2 * FACTOR * out;
        assert!(anew <= limit, "{name}, to {target}: {anew} of {limit} bytes for {batch:?}");
    }
}
