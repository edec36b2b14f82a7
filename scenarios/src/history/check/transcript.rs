//! A history as a few bytes for each operation, to be gone through again.
//!
//! Holds:      blocks of a megabyte. An operation that carries one record takes about ten bytes, a record of a poll
//!             two.
//! Invariants: TR-1 what is read is what was written, but for invocations that polled nothing: of those the sends are
//!             left out, which no check looks at.

use super::super::Type;
use super::op::{Function, Op, Polled, Read, Send};
use super::value::{Key, Val};

const BLOCK_BYTES: usize = 1 << 20;

/// What offsets and values of a key are written relative to.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    offset: i64,
    value: i64,
}

/// The operations of a history.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    blocks: Vec<Vec<u8>>,
    bytes: Vec<u8>,
    lasts: Vec<Last>,
    index: u64,
    count: u64,
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "the low seven bits are meant")]
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is less than 128")]
    out.push(number as u8);
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

fn last(lasts: &mut Vec<Last>, key: Key) -> &mut Last {
    if lasts.len() <= key.place() {
        lasts.resize(key.place() + 1, Last::default());
    }
    &mut lasts[key.place()]
}

const KINDS: [Type; 4] = [Type::Invoke, Type::Ok, Type::Fail, Type::Info];
const FUNCTIONS: [Function; 5] =
    [Function::Send, Function::Poll, Function::Txn, Function::Assign, Function::Subscribe];
const FOLLOWS: u8 = 1 << 5;
const REBALANCED: u8 = 1 << 6;

impl Transcript {
    /// How many operations there are.
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// How many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
    }

    /// Adds an operation.
    pub(super) fn push(&mut self, op: &Op) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let kind = KINDS.iter().position(|kind| *kind == op.kind).expect("it is one of four");
        let f = FUNCTIONS.iter().position(|f| *f == op.f).expect("it is one of five");
        let follows = op.index == self.index.wrapping_add(1);
        let mut head = u8::try_from(kind | f << 2).expect("less than 20");
        head |= if follows { FOLLOWS } else { 0 };
        head |= if op.rebalanced.is_empty() { 0 } else { REBALANCED };
        bytes.push(head);
        if !follows {
            put(&mut bytes, op.index);
        }
        self.index = op.index;
        put(&mut bytes, zigzag(op.process));
        if !op.rebalanced.is_empty() {
            put_keys(&mut bytes, &op.rebalanced);
        }
        if op.carries() {
            // TR-1.
            let has_sends = op.is_completion() || !op.polled.is_empty();
            let sends = if has_sends { &op.sends[..] } else { &[] };
            put(&mut bytes, (sends.len() as u64) << 1 | u64::from(!op.polled.is_empty()));
            for send in sends {
                put(&mut bytes, send.key.0.into());
                self.put_record(&mut bytes, send.key, send.offset, send.value);
            }
            if !op.polled.is_empty() {
                self.put_polled(&mut bytes, op);
            }
        } else {
            put_keys(&mut bytes, &op.keys);
        }
        self.append(&bytes);
        self.bytes = bytes;
        self.count += 1;
    }

    fn append(&mut self, bytes: &[u8]) {
        let fits = self.blocks.last().is_some_and(|block| block.len() + bytes.len() <= BLOCK_BYTES);
        if !fits {
            self.blocks.push(Vec::with_capacity(BLOCK_BYTES.max(bytes.len())));
        }
        self.blocks.last_mut().expect("there is room").extend_from_slice(bytes);
    }

    fn put_polled(&mut self, bytes: &mut Vec<u8>, op: &Op) {
        put(bytes, op.polled.len() as u64);
        for polled in &op.polled {
            put(bytes, polled.key.0.into());
            put(bytes, (polled.to - polled.from).into());
            for read in op.records(polled) {
                self.put_record(bytes, polled.key, read.offset, read.value);
            }
        }
    }

    fn put_record(&mut self, bytes: &mut Vec<u8>, key: Key, offset: Option<i64>, value: Val) {
        let last = last(&mut self.lasts, key);
        match offset {
            // 0 says that there is none: what would come to it takes a form of its own.
            None => bytes.push(0),
            Some(offset) => {
                let step = zigzag(offset.wrapping_sub(last.offset.wrapping_add(1)));
                match step.checked_add(2) {
                    Some(step) => put(bytes, step),
                    None => {
                        bytes.push(1);
                        bytes.extend_from_slice(&offset.to_le_bytes());
                    }
                }
                last.offset = offset;
            }
        }
        put(bytes, zigzag(value.0.wrapping_sub(last.value)));
        last.value = value.0;
    }

    /// Reads it from the beginning.
    pub(super) fn read(&self) -> Replay<'_> {
        Replay { transcript: self, block: 0, at: 0, lasts: Vec::new(), index: 0, op: Op::default() }
    }
}

fn put_keys(bytes: &mut Vec<u8>, keys: &[Key]) {
    put(bytes, keys.len() as u64);
    for key in keys {
        put(bytes, key.0.into());
    }
}

/// A reading of a transcript.
pub(super) struct Replay<'a> {
    transcript: &'a Transcript,
    block: usize,
    at: usize,
    lasts: Vec<Last>,
    index: u64,
    op: Op,
}

impl Replay<'_> {
    /// The next operation.
    pub(super) fn next(&mut self) -> Option<&Op> {
        while self.at >= self.transcript.blocks.get(self.block)?.len() {
            self.block += 1;
            self.at = 0;
        }
        let transcript = self.transcript;
        let block = &transcript.blocks[self.block];
        let head = block[self.at];
        self.at += 1;
        self.op.clear();
        self.op.kind = KINDS[usize::from(head & 3)];
        self.op.f = FUNCTIONS[usize::from(head >> 2 & 7)];
        self.index =
            if head & FOLLOWS == 0 { self.number(block) } else { self.index.wrapping_add(1) };
        self.op.index = self.index;
        self.op.process = unzigzag(self.number(block));
        if head & REBALANCED != 0 {
            let count = self.number(block);
            for _ in 0..count {
                let key = self.key(block);
                self.op.rebalanced.push(key);
            }
        }
        if self.op.carries() {
            self.carried(block);
        } else {
            let count = self.number(block);
            for _ in 0..count {
                let key = self.key(block);
                self.op.keys.push(key);
            }
        }
        Some(&self.op)
    }

    fn carried(&mut self, block: &[u8]) {
        let head = self.number(block);
        for _ in 0..head >> 1 {
            let key = self.key(block);
            let (offset, value) = self.record(block, key);
            self.op.sends.push(Send { key, offset, value });
        }
        if head & 1 == 0 {
            return;
        }
        let groups = self.number(block);
        for _ in 0..groups {
            let key = self.key(block);
            let count = self.number(block);
            let from =
                u32::try_from(self.op.reads.len()).expect("it was a u32 when it was written");
            for _ in 0..count {
                let (offset, value) = self.record(block, key);
                self.op.reads.push(Read { offset, value });
            }
            let to = u32::try_from(self.op.reads.len()).expect("it was a u32 when it was written");
            self.op.polled.push(Polled { key, from, to });
        }
    }

    fn record(&mut self, block: &[u8], key: Key) -> (Option<i64>, Val) {
        let step = self.number(block);
        let offset = match step {
            0 => None,
            1 => {
                let bytes: [u8; 8] = block[self.at..self.at + 8].try_into().expect("eight bytes");
                self.at += 8;
                Some(i64::from_le_bytes(bytes))
            }
            step => {
                let last = last(&mut self.lasts, key);
                Some(last.offset.wrapping_add(1).wrapping_add(unzigzag(step - 2)))
            }
        };
        let value = unzigzag(self.number(block));
        let last = last(&mut self.lasts, key);
        last.offset = offset.unwrap_or(last.offset);
        last.value = last.value.wrapping_add(value);
        (offset, Val(last.value))
    }

    fn key(&mut self, block: &[u8]) -> Key {
        Key(u32::try_from(self.number(block)).expect("it was a u32 when it was written"))
    }

    #[inline]
    fn number(&mut self, block: &[u8]) -> u64 {
        let mut number = 0;
        let mut shift = 0;
        loop {
            let byte = block[self.at];
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }
}
