//! Batches in words, as `log/oracle/Batches.java` says them, and random ones with what those words have to be.

#![expect(dead_code, reason = "each test takes what it needs")]

use bytes::Bytes;
use std::fmt::Write;
use trial_log::{
    BatchBuilder, Compression, CompressionType, ControlRecordType, Header, LeaderEpoch,
    NO_TIMESTAMP, Offset, Producer, RecordBatch, TimestampType,
};

pub mod odd;

pub const T: i64 = 1_767_225_600_000;

/// Numbers that look like chance; equal seeds give equal ones.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn words(&mut self, length: usize, noise: bool) -> Vec<u8> {
        let words = b"orders and payments".iter().cycle().take(length);
        words
            .map(|byte| if noise { self.next() as u8 } else { byte + u8::from(self.one_in(20)) })
            .collect()
    }
}

type Pair = (Vec<u8>, Option<Vec<u8>>);

/// A record to write.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Pair>,
}

/// A batch to write, and all that a reader should find in it.
#[derive(Debug, Clone)]
pub struct Plan {
    pub compression: Compression,
    pub base_offset: i64,
    pub last_offset: i64,
    pub leader_epoch: i32,
    pub append_time: Option<i64>,
    pub transactional: bool,
    pub control: bool,
    pub horizon: Option<i64>,
    pub producer: Producer,
    pub records: Vec<Wanted>,
}

impl Plan {
    /// A random one; a value has seldom up to `max` bytes.
    pub fn random(chance: &mut Chance, codec: CompressionType, max: u64) -> Self {
        let compression = match codec.levels() {
            Some((low, high, _)) if chance.one_in(2) => {
                let span = (high - low.max(-3)) as u64 + 1;
                let level = low.max(-3) + chance.below(span) as i32;
                Compression::with_level(codec, level).expect("it is within the bounds")
            }
            _ => codec.into(),
        };
        let (control, produced) = (chance.one_in(10), chance.one_in(2));
        let base_sequence = match chance.below(4) {
            _ if control => -1,
            0 => i32::MAX - chance.below(5) as i32,
            _ => chance.below(1000) as i32,
        };
        let (id, epoch) = (chance.below(1 << 40) as i64, chance.below(30_000) as i16);
        let producer =
            if produced { Producer { id, epoch, base_sequence } } else { Producer::NONE };
        let base_offset = if chance.one_in(3) { 0 } else { chance.below(1 << 40) as i64 };
        let gaps = chance.one_in(4);
        let mut next = base_offset;
        let mut records = Vec::new();
        let count = if chance.one_in(4) { 1 } else { 1 + chance.below(20) };
        for _ in 0..if chance.one_in(15) { 0 } else { count } {
            next += if gaps { chance.below(100) as i64 } else { 0 };
            records.push(Wanted::random(chance, next, control, max));
            next += 1;
        }
        let last_offset = if gaps || records.is_empty() { next + 10 } else { next - 1 };
        Self {
            compression,
            base_offset,
            last_offset,
            leader_epoch: chance.below(5) as i32 - 1,
            append_time: chance.one_in(4).then_some(T + 9000),
            transactional: produced && chance.one_in(2),
            control,
            horizon: (!records.is_empty() && chance.one_in(8)).then_some(T + 86_400_000),
            producer,
            records,
        }
    }

    /// Ten records of words that come again.
    pub fn of_ten(codec: CompressionType) -> Self {
        let mut chance = Chance::new(10);
        let records = (0..10i64).map(|offset| Wanted {
            value: Some(chance.words(400, false)),
            ..Wanted::random(&mut chance, offset, false, 40)
        });
        Self {
            compression: codec.into(),
            base_offset: 0,
            last_offset: 9,
            leader_epoch: 0,
            append_time: None,
            transactional: false,
            control: false,
            horizon: None,
            producer: Producer::NONE,
            records: records.collect(),
        }
    }

    /// As a client sends it, most of the time: from offset zero, without gaps, and the broker writes the markers.
    pub fn of_a_client(mut self, chance: &mut Chance) -> Self {
        self.base_offset = 0;
        self.control = chance.one_in(20) && self.control;
        self.append_time = self.append_time.filter(|_| chance.one_in(3));
        self.horizon = None;
        for (record, offset) in self.records.iter_mut().zip(0..) {
            record.offset = offset;
            if chance.one_in(3) {
                record.timestamp = T + 2500;
            }
            record.key = record.key.take().or_else(|| (!chance.one_in(9)).then(Vec::new));
        }
        self.last_offset = self.records.len() as i64 - i64::from(!chance.one_in(20));
        self.last_offset = self.last_offset.max(0);
        if !self.control && self.producer.base_sequence < 0 && !chance.one_in(9) {
            self.producer = Producer::NONE;
            self.transactional = false;
        }
        self
    }

    pub fn build(&self) -> RecordBatch {
        let mut builder = BatchBuilder::new(Offset(self.base_offset))
            .compression(self.compression)
            .leader_epoch(LeaderEpoch(self.leader_epoch))
            .producer(self.producer);
        builder = if self.transactional { builder.transactional() } else { builder };
        builder = if self.control { builder.control() } else { builder };
        builder = self.append_time.map_or(builder.clone(), |time| builder.log_append_time(time));
        builder = self.horizon.map_or(builder.clone(), |time| builder.delete_horizon_ms(time));
        for record in &self.records {
            let headers: Vec<_> = record
                .headers
                .iter()
                .map(|(key, value)| Header { key, value: value.as_deref() })
                .collect();
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            builder.append_at(Offset(record.offset), record.timestamp, key, value, &headers);
        }
        builder.extend_to(Offset(self.last_offset));
        builder.build()
    }

    /// What a reader says of it; the size is told, since a codec decides it.
    pub fn described(&self, size: usize) -> String {
        let is_empty = self.records.is_empty();
        let codec = if is_empty { CompressionType::None } else { self.compression.codec() };
        let first = self.records.first().map_or(NO_TIMESTAMP, |record| record.timestamp);
        let latest = self.records.iter().map(|record| record.timestamp).max();
        let mut text = format!(
            "batch {}..{} epoch {} {codec} {}{}{}{} base {} max {} producer {} {} {} count {} size {size} valid true\n",
            self.base_offset,
            self.last_offset,
            self.leader_epoch,
            if self.append_time.is_some() { "appended" } else { "created" },
            if self.transactional { " transactional" } else { "" },
            if self.control { " control" } else { "" },
            if self.horizon.is_some() { " horizon" } else { "" },
            self.horizon.unwrap_or(first),
            self.append_time.or(latest).unwrap_or(NO_TIMESTAMP),
            self.producer.id,
            self.producer.epoch,
            self.producer.base_sequence,
            self.records.len(),
        );
        for record in &self.records {
            let sequence = match self.producer.base_sequence {
                base @ 0.. => {
                    (i64::from(base) + record.offset - self.base_offset).rem_euclid(1 << 31)
                }
                _ => -1,
            };
            let timestamp = self.append_time.unwrap_or(record.timestamp);
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let headers = record.headers.iter().map(|(key, value)| (&key[..], value.as_deref()));
            say_record(&mut text, (record.offset, timestamp, sequence), key, value, headers);
        }
        text
    }
}

impl Wanted {
    fn random(chance: &mut Chance, offset: i64, control: bool, max: u64) -> Self {
        let timestamp =
            if chance.one_in(20) { NO_TIMESTAMP } else { T + chance.below(5000) as i64 };
        if control {
            let kind = [ControlRecordType::Abort, ControlRecordType::Commit];
            let key = kind[chance.below(2) as usize].key().to_vec();
            let value = Some(vec![0, 0, 0, 0, 0, 7]);
            return Self { offset, timestamp, key: Some(key), value, headers: Vec::new() };
        }
        let count = if chance.one_in(3) { chance.below(4) } else { 0 };
        let headers = (0..count).map(|_| {
            let key = if chance.one_in(2) { "trace" } else { "été" };
            (key.as_bytes().to_vec(), (!chance.one_in(5)).then(|| some_bytes(chance, 30)))
        });
        let headers = headers.collect();
        let key = (!chance.one_in(3)).then(|| some_bytes(chance, 30));
        let value = (!chance.one_in(6)).then(|| some_bytes(chance, max));
        Self { offset, timestamp, key, value, headers }
    }
}

/// A quarter of them is noise, the rest compresses well.
fn some_bytes(chance: &mut Chance, max: u64) -> Vec<u8> {
    let length = if chance.one_in(10) { chance.below(max) } else { chance.below(40) };
    let noise = chance.one_in(4);
    chance.words(length as usize, noise)
}

/// What our reader finds in a batch, in the same words.
pub fn described(batch: &RecordBatch) -> String {
    let codec = batch.compression_type().expect("it is one that was ever given out");
    let mut text = format!(
        "batch {}..{} epoch {} {codec} {}{}{}{} base {} max {} producer {} {} {} count {} size {} valid {}\n",
        batch.base_offset(),
        batch.last_offset(),
        batch.leader_epoch(),
        match batch.timestamp_type() {
            TimestampType::CreateTime => "created",
            TimestampType::LogAppendTime => "appended",
        },
        if batch.is_transactional() { " transactional" } else { "" },
        if batch.is_control() { " control" } else { "" },
        if batch.delete_horizon_ms().is_some() { " horizon" } else { "" },
        batch.base_timestamp(),
        batch.max_timestamp(),
        batch.producer_id(),
        batch.producer_epoch(),
        batch.base_sequence(),
        batch.count(),
        batch.size_in_bytes(),
        batch.is_valid(),
    );
    for record in batch.records() {
        let Ok(record) = record else {
            text.push_str("error\n");
            break;
        };
        let headers = record.headers().map(|header| (header.key, header.value));
        let at = (record.offset.0, record.timestamp, i64::from(record.sequence));
        say_record(&mut text, at, record.key(), record.value(), headers);
    }
    text
}

fn say_record<'a>(
    text: &mut String,
    (offset, timestamp, sequence): (i64, i64, i64),
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) {
    let (key, value) = (words(key), words(value));
    let record = format!("record {offset} at {timestamp} sequence {sequence} {key} {value}");
    text.push_str(&record);
    for (key, value) in headers {
        write!(text, " {}={}", words(Some(key)), words(value)).expect("text grows");
    }
    text.push('\n');
}

/// Short bytes in hexadecimal, longer ones by their size and checksum.
fn words(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "null".to_owned(),
        Some(bytes) if bytes.len() > 24 => {
            let mut crc = flate2::Crc::new();
            crc.update(bytes);
            format!("{}:{:08x}", bytes.len(), crc.sum())
        }
        Some(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("[{digits}]")
        }
    }
}

/// The batches of a file, one after another.
pub fn split(file: &Bytes) -> Vec<RecordBatch> {
    let mut batches = trial_log::Batches::new(file.clone());
    let found = batches.by_ref().map(|batch| batch.expect("the lengths in the file are good"));
    let found = found.collect();
    assert!(batches.rest().is_empty(), "bytes are left over");
    found
}

/// The same batch, built anew from what was read of it.
pub fn built_again(batch: &RecordBatch) -> RecordBatch {
    if batch.count() == 0 {
        return batch.emptied();
    }
    let mut builder = BatchBuilder::like(batch).expect("its codec is known");
    if let Some(horizon) = batch.delete_horizon_ms() {
        builder = builder.delete_horizon_ms(horizon);
    }
    for record in batch.records() {
        let record = record.expect("it was read before");
        // With the append time, a record's own timestamp is not told: its delta is all that differs then.
        let headers: Vec<_> = record.headers().collect();
        builder.append_at(record.offset, record.timestamp, record.key(), record.value(), &headers);
    }
    builder.extend_to(batch.last_offset());
    builder.build()
}
