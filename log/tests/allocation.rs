//! What reading a batch allocates: a constant, and a few times what came in and what was really decompressed. And
//! what an append does: nothing.

#![expect(clippy::disallowed_macros, reason = "what is counted is of one thread")]

use bytes::{Bytes, BytesMut};
use trial_log::{
    AppendOrigin, Assignment, BatchBuilder, CompressionType, LeaderEpoch, Log, LogConfig,
    MemoryDisk, Offset, OpenLog, RecordBatch, validate_and_assign_offsets,
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

/// Index entries are put together in a piece of memory for many; the bytes that came are those that are written.
#[test]
fn an_append_allocates_nothing_once_the_files_have_grown() {
    let (mut disk, events) = (MemoryDisk::new(), &mut Vec::with_capacity(10));
    let mut log = Log::open(&mut disk, OpenLog::new("orders-0"), T, events).expect("it is whole");
    let mut builder = BatchBuilder::new(Offset::ZERO);
    builder.append(T, Some(b"key"), Some(&[7; 5_000]), &[]);
    let batch = builder.build();
    let mut append = |count: usize| {
        let sent: Vec<_> = (0..count).map(|_| Bytes::from(batch.as_bytes().to_vec())).collect();
        let (epoch, origin) = (LeaderEpoch(1), AppendOrigin::Client);
        let ((), taken) = allocations(|| {
            for records in sent {
                events.clear();
                let info = log.append_as_leader(&mut disk, records, epoch, origin, T, events);
                assert!(info.is_ok_and(|info| info.bytes == batch.size_in_bytes()), "it is good");
            }
        });
        taken
    };
    let first = append(1_000);
    let next = append(900);
    assert!(first > 0, "files grow");
    assert!(next < 60, "{next} allocations for 900 appends");
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
