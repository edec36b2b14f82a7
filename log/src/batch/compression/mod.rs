//! The codecs of a batch's records. Read `compression_type.rs` first, then `stream.rs`; each codec has a file.
//!
//! In Kafka:   `org.apache.kafka.common.compress`; KIP-110 (zstd), KIP-390 (levels).
//! Invariants: equal input gives equal bytes, on every machine. What is decompressed is held a piece at a time, and no
//!             length is believed before the bytes behind it were seen.
//! Left out:   the formats before version 2, and with them LZ4's wrong header checksum of version 0.

mod compression_type;
mod gzip;
mod lz4;
mod snappy;
mod stream;
mod zstd;

pub use compression_type::{Compression, CompressionType};
pub use stream::{DECOMPRESSED_BYTES_MAX, DecompressionFault};

pub(super) use stream::Stream;
