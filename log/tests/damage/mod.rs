//! Damages the bytes of a file as a recipe says: flips, cuts, splices, numbers at their extremes, checksums made anew.
//!
//! The recipe is what a fuzzer makes: it finds more by changing that than by changing the bytes of a file, most of
//! which a checksum covers.

/// What a recipe says, one number after the other; zeros once it is at its end.
pub struct Recipe<'a>(&'a [u8]);

impl<'a> Recipe<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `end`, which is at most 65,536; zero if that is zero.
    pub fn below(&mut self, end: usize) -> usize {
        let drawn = match end {
            0 | 1 => return 0,
            2..=256 => usize::from(self.byte()),
            _ => usize::from(u16::from_be_bytes([self.byte(), self.byte()])),
        };
        drawn % end
    }

    pub fn pick<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        &choices[self.below(choices.len())]
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    /// A number where code is likely to be wrong.
    pub fn number(&mut self) -> i64 {
        const EXTREMES: [i64; 14] = [
            0,
            1,
            -1,
            -2,
            49,
            61,
            i32::MAX as i64 - 1,
            i32::MAX as i64,
            i32::MAX as i64 + 1,
            i32::MIN as i64,
            1 << 40,
            i64::MIN,
            i64::MAX - 1,
            i64::MAX,
        ];
        match self.below(EXTREMES.len() + 2) {
            which if which < EXTREMES.len() => EXTREMES[which],
            _ => self.below(256) as i64,
        }
    }
}

/// The fields of a batch's header: where they begin and how long they are.
const FIELDS: [(usize, usize); 13] = [
    (0, 8),
    (8, 4),
    (12, 4),
    (16, 1),
    (17, 4),
    (21, 2),
    (23, 4),
    (27, 8),
    (35, 8),
    (43, 8),
    (51, 2),
    (53, 4),
    (57, 4),
];

/// Changes bytes a few times; `other` is what pieces are taken of.
pub fn damage(recipe: &mut Recipe<'_>, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=recipe.below(4) {
        damage_once(recipe, bytes, other);
    }
}

fn damage_once(recipe: &mut Recipe<'_>, bytes: &mut Vec<u8>, other: &[u8]) {
    let length = bytes.len();
    match recipe.below(10) {
        0 if length > 0 => {
            let at = recipe.below(length);
            bytes[at] ^= 1 << recipe.below(8);
        }
        1 if length > 0 => {
            let at = recipe.below(length);
            bytes[at] = recipe.byte();
        }
        2 => bytes.truncate(recipe.below(length + 1)),
        3 => {
            let from = recipe.below(length + 1);
            let count = recipe.below(length - from + 1).min(100);
            bytes.drain(from..from + count);
        }
        4 => {
            let from = recipe.below(length + 1);
            let count = recipe.below(length - from + 1);
            let (piece, at) = (bytes[from..from + count].to_vec(), recipe.below(length + 1));
            bytes.splice(at..at, piece);
        }
        5 => {
            let (at, from) = (recipe.below(length + 1), recipe.below(other.len() + 1));
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        6 => {
            let width = *recipe.pick(&[1, 2, 4, 8]);
            let at = recipe.below(length + 1) / width * width;
            put(bytes, at, width, recipe.number());
        }
        7 => {
            let starts = batches_in(bytes);
            let starts = if starts.is_empty() { vec![0] } else { starts };
            let (start, (at, width)) = (*recipe.pick(&starts), *recipe.pick(&FIELDS));
            put(bytes, start + at, width, recipe.number());
        }
        8 => {
            // In a text, a number or a word; else whatever lies between two such bytes.
            let is_end = |byte: &u8| byte.is_ascii_whitespace() || b":=,}".contains(byte);
            let at = recipe.below(length + 1);
            let from = bytes[..at].iter().rposition(is_end).map_or(0, |end| end + 1);
            let to = bytes[at..].iter().position(is_end).map_or(length, |end| at + end);
            let word = match recipe.below(4) {
                0 => "9223372036854775808".to_owned(),
                1 => String::new(),
                _ => recipe.number().to_string(),
            };
            bytes.splice(from..to, word.into_bytes());
        }
        _ => {
            let (at, count) = (recipe.below(length + 1), recipe.below(40));
            let piece: Vec<u8> = (0..count).map(|_| recipe.byte()).collect();
            bytes.splice(at..at, piece);
        }
    }
}

/// Writes the lower bytes of a number, if there is room for them.
fn put(bytes: &mut [u8], at: usize, width: usize, number: i64) {
    if let Some(place) = bytes.get_mut(at..at + width) {
        place.copy_from_slice(&number.to_be_bytes()[8 - width..]);
    }
}

fn length_at(bytes: &[u8], start: usize) -> Option<usize> {
    let field = bytes.get(start + 8..start + 12)?.try_into().expect("four bytes");
    usize::try_from(i32::from_be_bytes(field)).ok()
}

/// Where the batches begin, as far as their lengths lead.
fn batches_in(bytes: &[u8]) -> Vec<usize> {
    let (mut starts, mut at) = (Vec::new(), 0);
    while let Some(length) = length_at(bytes, at).filter(|length| *length >= 49) {
        starts.push(at);
        at += 12 + length;
    }
    starts
}

/// Makes the checksum of each whole batch good; the last one's length too, if `length` says so.
pub fn seal_batches(bytes: &mut [u8], length: bool) {
    let starts = batches_in(bytes);
    for (number, &start) in starts.iter().enumerate() {
        let rest = bytes.len() - start;
        if length && number + 1 == starts.len() && rest >= 61 {
            put(bytes, start + 8, 4, rest as i64 - 12);
        }
        let end = start + 12 + length_at(bytes, start).expect("a batch begins there");
        if end - start >= 61 && end <= bytes.len() {
            let checksum = crc32c::crc32c(&bytes[start + 21..end]);
            put(bytes, start + 17, 4, i64::from(checksum));
        }
    }
}

/// Makes the checksum of a snapshot of producers good.
pub fn seal_snapshot(bytes: &mut [u8]) {
    if bytes.len() >= 6 {
        let checksum = crc32c::crc32c(&bytes[6..]);
        put(bytes, 2, 4, i64::from(checksum));
    }
}
