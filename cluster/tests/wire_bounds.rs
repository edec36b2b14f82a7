//! No bytes make a decoder panic, or allocate more than in proportion to the bytes that are there.
//!
//! Holds: a counting allocator, for which reason it is one test in a program of its own.

#[path = "wire/generator.rs"]
mod generator;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use generator::{Random, instance};
use trial_cluster::wire::{CODECS, ControlRecord, MetadataRecord, Reader, header, json};

/// What is allocated at most for one byte of input: a struct of two hundred bytes whose shortest form has four.
const BYTES_PER_BYTE: usize = 80;
/// What is allocated at most besides: texts of errors, first pieces of growing buffers.
const BYTES_BESIDES: usize = 2_048;

struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How much `read` allocates.
fn allocated<T>(read: impl FnOnce() -> T) -> usize {
    let before = ALLOCATED.load(Ordering::Relaxed);
    drop(read());
    ALLOCATED.load(Ordering::Relaxed) - before
}

#[track_caller]
fn check<T>(what: &str, bytes: &Bytes, read: impl FnOnce() -> T) {
    let allocated = allocated(read);
    let allowed = BYTES_PER_BYTE * bytes.len() + BYTES_BESIDES;
    assert!(allowed >= allocated, "{what}: {allocated} bytes for {}: {bytes:?}", bytes.len());
}

/// Random bytes, or an instance with some bytes changed: lengths above all.
fn bad_bytes(name: &str, version: i16, random: &mut Random) -> Bytes {
    let mut bytes = if random.below(3) == 0 {
        let length = random.below(200);
        (0..length).map(|_| random.next() as u8).collect()
    } else {
        instance(&json::find(name, version).expect("a shape").body, random)
    };
    for _ in 0..random.below(4) {
        if !bytes.is_empty() {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = [0xff, 0x7f, 0x80, 0, 1, random.next() as u8][random.below(6) as usize];
        }
    }
    bytes.truncate(random.below(bytes.len() as u64 * 4 + 1) as usize);
    bytes.into()
}

#[test]
fn no_bytes_make_a_decoder_panic_or_allocate_beyond_them() {
    let (mut read, mut refused) = (0, 0);
    for codec in CODECS {
        for version in codec.versions.0..=codec.versions.1 {
            for seed in 0..300 {
                let bytes = bad_bytes(codec.name, version, &mut Random(seed));
                let what = format!("{} {version}, seed {seed}", codec.name);
                // Decoding and encoding: the second buffer at most doubles what the message takes.
                check(&what, &bytes, || match (codec.again)(version, &bytes) {
                    Ok(_) => read += 1,
                    Err(_) => refused += 1,
                });
            }
        }
    }
    assert!(read > 5_000 && refused > 20_000, "{read} were read, {refused} refused");

    for shape in json::shapes() {
        for seed in 0..60 {
            let bytes = bad_bytes(&shape.name, shape.version, &mut Random(seed));
            let value = json::to_json(&shape.name, shape.version, &bytes);
            drop(value);
        }
    }
    for seed in 0..100_000 {
        let mut random = Random(seed);
        let bytes = bad_bytes("PartitionRecord", 2, &mut random);
        let mut framed = vec![1, random.below(30) as u8, random.below(5) as u8];
        framed.extend(&bytes);
        let framed = Bytes::from(framed);
        check("a metadata record", &framed, || MetadataRecord::from_bytes(&framed));
        let key = Bytes::from(vec![0, 0, 0, random.below(8) as u8]);
        check("a control record", &bytes, || ControlRecord::from_bytes(&key, &bytes));
        check("a header", &bytes, || header::take_request(&mut Reader::new(&bytes)));
    }
}
