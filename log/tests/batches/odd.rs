//! Compressed payloads that no builder writes: other framings that Kafka reads, and some that it does not.

use bytes::{Bytes, BytesMut};
use trial_log::{BatchBuilder, CompressionType, Header, LeaderEpoch, Offset, RecordBatch};
use xxhash_rust::xxh32::xxh32;

use super::T;

const PAYLOAD_AT: usize = 61;
/// How many records the payloads hold.
pub const COUNT: usize = 3;

/// A payload, what is odd about it, and whether Kafka reads it.
pub struct Odd {
    pub name: &'static str,
    pub batch: RecordBatch,
    pub is_read: bool,
}

fn builder(codec: CompressionType) -> BatchBuilder {
    let mut builder =
        BatchBuilder::new(Offset(5)).leader_epoch(LeaderEpoch(1)).compression(codec.into());
    for (index, value) in [&[b'x'; 700][..], b"", b"the last one"].into_iter().enumerate() {
        let header = Header { key: b"h", value: Some(b"1") };
        builder.append(T + index as i64, Some(b"key"), Some(value), &[header]);
    }
    builder
}

fn payload(codec: CompressionType) -> Vec<u8> {
    builder(codec).build().as_bytes()[PAYLOAD_AT..].to_vec()
}

/// A batch of `count` records with these compressed bytes.
pub fn batch_of(codec: CompressionType, payload: &[u8], count: usize) -> RecordBatch {
    let mut bytes = BytesMut::from(&builder(codec).build().as_bytes()[..PAYLOAD_AT]);
    bytes.extend_from_slice(payload);
    let count = i32::try_from(count).expect("a few");
    bytes[23..27].copy_from_slice(&(count - 1).to_be_bytes());
    bytes[57..61].copy_from_slice(&count.to_be_bytes());
    sealed(bytes)
}

/// Bytes with a length and a checksum that agree.
pub fn sealed(mut bytes: BytesMut) -> RecordBatch {
    let length = i32::try_from(bytes.len() - 12).expect("it is small");
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
    RecordBatch::new(Bytes::from(bytes)).expect("length and magic are good")
}

/// One record of `size` bytes, nearly all zeros, in a few Zstandard blocks of one repeated byte.
pub fn zeros(size: u64) -> RecordBatch {
    let varint = |mut value: u64| {
        value <<= 1;
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    // Attributes, timestamp, offset, a null for a key; the zeros are the value, and at last the count of headers.
    let value = size - 16;
    let mut start = [&[0, 0, 0, 1][..], &varint(value)].concat();
    let body = start.len() as u64 + value + 1;
    start.splice(0..0, varint(body));
    let left = (value + 1) as usize;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
    frame.extend_from_slice(&((start.len() as u32) << 3).to_le_bytes()[..3]);
    frame.extend_from_slice(&start);
    let blocks = vec![1 << 17; left >> 17].into_iter().chain([left % (1 << 17)]);
    let last = left >> 17;
    for (index, length) in blocks.enumerate() {
        let header = (length as u32) << 3 | 1 << 1 | u32::from(index == last);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    batch_of(CompressionType::Zstd, &frame, 1)
}

/// Any bytes in the simplest form that the codec has for them.
pub fn wrapped(codec: CompressionType, bytes: &[u8]) -> Vec<u8> {
    let size = bytes.len() as u32;
    match codec {
        CompressionType::None => bytes.to_vec(),
        CompressionType::Gzip => {
            let mut crc = flate2::Crc::new();
            crc.update(bytes);
            let size = bytes.len() as u16;
            let lengths = [size.to_le_bytes(), (!size).to_le_bytes()].concat();
            let trailer = [crc.sum().to_le_bytes(), crc.amount().to_le_bytes()].concat();
            [&empty_member()[..10], &[1], &lengths, bytes, &trailer].concat()
        }
        CompressionType::Snappy => {
            snap::raw::Encoder::new().compress_vec(bytes).expect("it is small")
        }
        CompressionType::Lz4 => {
            let header = [4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
            [&header[..], &(size | 1 << 31).to_le_bytes(), bytes, &[0; 4]].concat()
        }
        CompressionType::Zstd => {
            let header = [0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
            [&header[..], &(size << 3 | 1).to_le_bytes()[..3], bytes].concat()
        }
    }
}

/// All of them.
pub fn all() -> Vec<Odd> {
    let mut all = Vec::new();
    let codecs = [gzip(), snappy(), lz4(), zstd()];
    for (codec, payloads) in CompressionType::ALL[1..].iter().zip(codecs) {
        for (name, payload, is_read) in payloads {
            let batch = batch_of(*codec, &payload, COUNT);
            all.push(Odd { name, batch, is_read });
        }
    }
    all
}

type Payloads = Vec<(&'static str, Vec<u8>, bool)>;

fn gzip() -> Payloads {
    let good = payload(CompressionType::Gzip);
    let flagged = |flag: u8, extra: &[u8]| {
        let mut header = good[..10].to_vec();
        header[3] = flag;
        header.extend_from_slice(extra);
        if flag & 2 != 0 {
            let mut crc = flate2::Crc::new();
            crc.update(&header);
            header.extend_from_slice(&crc.sum().to_le_bytes()[..2]);
        }
        [&header, &good[10..]].concat()
    };
    let with = |at: usize, byte: u8| changed(&good, at, byte);
    let end = good.len();
    vec![
        ("gzip: as it is written", good.clone(), true),
        ("gzip: with an extra field", flagged(4, &[3, 0, 1, 2, 3]), true),
        ("gzip: with a name and a comment", flagged(8 | 16, b"name\0comment\0"), true),
        ("gzip: with a checksum of the header", flagged(2, &[]), true),
        ("gzip: with all of these", flagged(2 | 4 | 8 | 16, b"\x01\0xname\0comment\0"), true),
        ("gzip: with a wrong checksum of the header", changed(&flagged(2, &[]), 10, 0x55), false),
        ("gzip: another method than deflate", with(2, 7), false),
        ("gzip: another magic", with(1, 0x8c), false),
        ("gzip: a wrong checksum", with(end - 8, good[end - 8] ^ 1), false),
        ("gzip: a wrong size", with(end - 1, 1), false),
        ("gzip: garbage behind", [&good[..], b"garbage behind the trailer"].concat(), true),
        ("gzip: an empty member behind", [&good[..], &empty_member()].concat(), true),
        ("gzip: cut in the trailer", good[..end - 3].to_vec(), false),
        ("gzip: cut in the data", good[..end / 2].to_vec(), false),
        ("gzip: nothing", Vec::new(), false),
    ]
}

fn empty_member() -> Vec<u8> {
    let empty = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    empty.to_vec()
}

fn snappy() -> Payloads {
    let good = payload(CompressionType::Snappy);
    let plain = payload(CompressionType::None);
    let block =
        |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).expect("a block is small");
    let framed = |bytes: &[u8]| {
        let block = block(bytes);
        [&(block.len() as u32).to_be_bytes()[..], &block].concat()
    };
    let header = &good[..16];
    let halves = [header, &framed(&plain[..100]), &framed(&plain[100..])].concat();
    let streams = [header, &framed(&plain[..100]), header, &framed(&plain[100..])].concat();
    let second_at = 16 + framed(&plain[..100]).len();
    let second_without_version = changed(&streams, second_at + 11, 0);
    let second_of_later_version = changed(&streams, second_at + 11, 9);
    let second_of_other_magic = changed(&streams, second_at + 5, 9);
    let claims = [&[0xff, 0xff, 0xff, 0xff, 7][..], &[0; 20]].concat();
    let end = good.len();
    vec![
        ("snappy: as it is written", good.clone(), true),
        ("snappy: one raw block without a header", block(&plain), true),
        ("snappy: two blocks", halves, true),
        ("snappy: two streams", streams, true),
        ("snappy: three bytes behind", [&good[..], &[1, 2, 3]].concat(), true),
        ("snappy: a later version", changed(&good, 11, 9), true),
        ("snappy: no version", changed(&good, 11, 0), true),
        ("snappy: one that needs a later version", changed(&good, 15, 9), true),
        ("snappy: a second stream without a version", second_without_version, false),
        ("snappy: a second stream of a later version", second_of_later_version, true),
        ("snappy: a second stream with another magic", second_of_other_magic, true),
        ("snappy: another magic", changed(&good, 5, 9), false),
        ("snappy: a size below zero", changed(&good, 16, 0xff), false),
        ("snappy: cut in a block", good[..end - 1].to_vec(), false),
        ("snappy: cut in the header", good[..15].to_vec(), false),
        ("snappy: the header alone", header.to_vec(), false),
        ("snappy: an empty block", [&good[..], &[0; 4]].concat(), false),
        ("snappy: a block that claims two gigabytes", claims, false),
        ("snappy: nothing", Vec::new(), false),
    ]
}

fn lz4() -> Payloads {
    let good = payload(CompressionType::Lz4);
    let plain = payload(CompressionType::None);
    let frame = |flags: u8, descriptor: u8, size: &[u8], behind: &[u8]| {
        let fields = [&[flags, descriptor][..], size].concat();
        let checksum = [xxh32(&fields, 0).to_le_bytes()[1]];
        [&good[..4], &fields, &checksum, behind].concat()
    };
    let blocks = &good[7..];
    let size = u32::from_le_bytes(blocks[..4].try_into().expect("four bytes")) as usize;
    let data = &blocks[4..4 + size];
    let hash = xxh32(data, 0).to_le_bytes();
    let checked = |hash: &[u8]| [&blocks[..4 + size], hash, &[0; 4]].concat();
    let stored = [&(plain.len() as u32 | 1 << 31).to_le_bytes()[..], &plain, &[0; 4]].concat();
    let too_large = [&(65_537u32 | 1 << 31).to_le_bytes()[..], &[0; 65_537], &[0; 4]].concat();
    let end = good.len();
    vec![
        ("lz4: as it is written", good.clone(), true),
        ("lz4: stored", frame(0x60, 0x40, &[], &stored), true),
        ("lz4: blocks of up to 4 MB", frame(0x60, 0x70, &[], blocks), true),
        ("lz4: with a size of the content", frame(0x68, 0x40, &[9; 8], blocks), true),
        (
            "lz4: with a wrong checksum of the content",
            frame(0x64, 0x40, &[], &[blocks, &[1; 4]].concat()),
            true,
        ),
        ("lz4: without its checksum of the content", frame(0x64, 0x40, &[], blocks), false),
        ("lz4: with a checksum of the block", frame(0x70, 0x40, &[], &checked(&hash)), true),
        (
            "lz4: with a wrong checksum of the block",
            frame(0x70, 0x40, &[], &checked(&[0; 4])),
            false,
        ),
        ("lz4: garbage behind", [&good[..], b"garbage"].concat(), true),
        ("lz4: dependent blocks", frame(0x40, 0x40, &[], blocks), false),
        ("lz4: with a dictionary", frame(0x61, 0x40, &[1; 4], blocks), false),
        ("lz4: another version", frame(0xa0, 0x40, &[], blocks), false),
        ("lz4: blocks of an unknown size", frame(0x60, 0x30, &[], blocks), false),
        ("lz4: reserved bits", frame(0x60, 0xc0, &[], blocks), false),
        ("lz4: a wrong checksum of the header", changed(&good, 6, good[6] ^ 1), false),
        ("lz4: another magic", changed(&good, 0, 5), false),
        ("lz4: a block that is too large", frame(0x60, 0x40, &[], &too_large), false),
        ("lz4: without an end mark", good[..end - 4].to_vec(), false),
        ("lz4: cut in a block", good[..end / 2].to_vec(), false),
        ("lz4: nothing", Vec::new(), false),
    ]
}

fn zstd() -> Payloads {
    let good = payload(CompressionType::Zstd);
    let plain = payload(CompressionType::None);
    let blocks = &good[6..];
    let frame = |descriptor: u8, fields: &[u8], behind: &[u8]| {
        [&good[..4], &[descriptor], fields, behind].concat()
    };
    let hash = xxhash_rust::xxh64::xxh64(&plain, 0).to_le_bytes();
    let size = ((plain.len() - 256) as u16).to_le_bytes();
    let skipped = [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let raw = |bytes: &[u8], last: u32| {
        [&((bytes.len() as u32) << 3 | last).to_le_bytes()[..3], bytes].concat()
    };
    let two = [raw(&plain[..9], 0), raw(&plain[9..], 1)].concat();
    let first = frame(0, &[0x38], &raw(&plain[..9], 1));
    let second = frame(0, &[0x38], &raw(&plain[9..], 1));
    let end = good.len();
    vec![
        ("zstd: as it is written", good.clone(), true),
        ("zstd: raw blocks", frame(0, &[0x38], &two), true),
        ("zstd: two frames", [&first[..], &second].concat(), true),
        ("zstd: a frame to skip before", [&skipped[..], &good].concat(), true),
        ("zstd: a frame to skip behind", [&good[..], &skipped].concat(), true),
        ("zstd: with a checksum", frame(4, &[0x38], &[blocks, &hash[..4]].concat()), true),
        ("zstd: with a wrong checksum", frame(4, &[0x38], &[blocks, &[0; 4]].concat()), false),
        ("zstd: with the size of the content", frame(0x60, &size, blocks), true),
        ("zstd: with a wrong size of the content", frame(0x40, &[0x38, 0xff, 1], blocks), false),
        ("zstd: a window of 128 MB", frame(0, &[17 << 3], blocks), true),
        ("zstd: a window of 256 MB", frame(0, &[18 << 3], blocks), false),
        ("zstd: with a dictionary", frame(1, &[0x38, 9], blocks), false),
        ("zstd: another magic", changed(&good, 0, 0x29), false),
        ("zstd: a block of the reserved kind", frame(0, &[0x38], &[7, 0, 0]), false),
        ("zstd: cut in a block", good[..end - 1].to_vec(), false),
        ("zstd: cut in the header", good[..5].to_vec(), false),
        ("zstd: garbage behind", [&good[..], b"garbage"].concat(), false),
        ("zstd: nothing", Vec::new(), false),
    ]
}

fn changed(bytes: &[u8], at: usize, byte: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] = byte;
    bytes
}
