//! Random instances of any message, as bytes, written straight from its shape and from nothing else.
//!
//! Invariants: GEN-1 the bytes are the ones that Kafka would write: no tagged field holds its default.

use trial_cluster::wire::shape::{Field, Kind, Struct};

/// SplitMix64: the same numbers for the same seed, everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A number with many zeros, many ones, and all the rest.
    fn number(&mut self) -> u64 {
        match self.below(5) {
            0 => 0,
            1 => u64::MAX,
            2 => self.below(300),
            _ => self.next(),
        }
    }
}

/// The bytes of a random instance.
pub fn instance(shape: &Struct, random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    put_struct(shape, random, &mut out);
    out
}

fn put_struct(shape: &Struct, random: &mut Random, out: &mut Vec<u8>) {
    for field in shape.fields.iter().filter(|field| field.tag.is_none()) {
        put_field(field, random, out);
    }
    if !shape.flexible {
        return;
    }
    let mut tags = Vec::new();
    for field in &shape.fields {
        let (Some(tag), true) = (field.tag, random.below(2) == 0) else { continue };
        let mut value = Vec::new();
        put_field(field, random, &mut value);
        if value != default_bytes(field) {
            tags.push((tag, value));
        }
    }
    tags.sort();
    varint(tags.len() as u64, out);
    for (tag, value) in tags {
        varint(tag.into(), out);
        varint(value.len() as u64, out);
        out.extend(value);
    }
}

fn put_field(field: &Field, random: &mut Random, out: &mut Vec<u8>) {
    let null = field.nullable && random.below(4) == 0;
    match (&field.kind, null) {
        (_, true) => out.extend(null_bytes(field)),
        (kind, false) => {
            if field.nullable && matches!(kind, Kind::Struct(_)) {
                out.push(1);
            }
            put(kind, random, out);
        }
    }
}

fn put(kind: &Kind, random: &mut Random, out: &mut Vec<u8>) {
    match kind {
        Kind::Bool => out.push(u8::from(random.below(2) == 1)),
        Kind::Float64 => out.extend((random.number() as f64 / 8.0).to_be_bytes()),
        Kind::Text { compact } => {
            let longest = if random.below(20) == 0 { 200 } else { 6 };
            let letter = |r: &mut Random| ['a', 'B', '7', '-', 'ß', '🦀', '"'][r.below(7) as usize];
            let text: String = (0..random.below(longest)).map(|_| letter(random)).collect();
            length(text.len(), *compact, 2, out);
            out.extend(text.as_bytes());
        }
        Kind::Bytes { compact } | Kind::Records { compact } => {
            let longest = if random.below(20) == 0 { 300 } else { 9 };
            let bytes: Vec<u8> = (0..random.below(longest)).map(|_| random.next() as u8).collect();
            length(bytes.len(), *compact, 4, out);
            out.extend(bytes);
        }
        Kind::Array { compact, of } => {
            let count = random.below(4) as usize;
            length(count, *compact, 4, out);
            for _ in 0..count {
                put(of, random, out);
            }
        }
        Kind::Struct(inner) => put_struct(inner, random, out),
        fixed => {
            for _ in 0..width(fixed).div_ceil(8) {
                let bytes = random.number().to_be_bytes();
                out.extend(&bytes[8 - width(fixed).min(8)..]);
            }
        }
    }
}

/// The bytes of a default, as they would stand in a tagged field.
fn default_bytes(field: &Field) -> Vec<u8> {
    let said = field.default.as_deref();
    if field.nullable && (said == Some("null") || matches!(field.kind, Kind::Records { .. })) {
        return null_bytes(field);
    }
    let mut out = Vec::new();
    match &field.kind {
        Kind::Bool => out.push(u8::from(said == Some("true"))),
        Kind::Text { compact } => length(0, *compact, 2, &mut out),
        Kind::Bytes { compact } | Kind::Records { compact } | Kind::Array { compact, .. } => {
            length(0, *compact, 4, &mut out);
        }
        Kind::Struct(inner) => {
            if field.nullable {
                out.push(1);
            }
            for field in inner.fields.iter().filter(|field| field.tag.is_none()) {
                out.extend(default_bytes(field));
            }
            if inner.flexible {
                out.push(0);
            }
        }
        Kind::Uuid => out.extend([0; 16]),
        fixed => {
            let number: i64 = said.map_or(0, |text| text.parse().expect("a whole number"));
            out.extend(&number.to_be_bytes()[8 - width(fixed)..]);
        }
    }
    out
}

fn null_bytes(field: &Field) -> Vec<u8> {
    match &field.kind {
        // As a tagged field it has a varint before it, and no byte.
        Kind::Struct(_) if field.tag.is_some() => vec![0],
        Kind::Struct(_) => vec![0xff],
        Kind::Text { compact: false } => vec![0xff; 2],
        Kind::Text { compact: true } => vec![0],
        Kind::Bytes { compact } | Kind::Records { compact } | Kind::Array { compact, .. } => {
            if *compact {
                vec![0]
            } else {
                vec![0xff; 4]
            }
        }
        _ => unreachable!("never null"),
    }
}

fn width(kind: &Kind) -> usize {
    match kind {
        Kind::Bool | Kind::Int8 => 1,
        Kind::Int16 | Kind::Uint16 => 2,
        Kind::Int32 | Kind::Uint32 => 4,
        Kind::Uuid => 16,
        _ => 8,
    }
}

fn length(length: usize, compact: bool, width: usize, out: &mut Vec<u8>) {
    if compact {
        varint(length as u64 + 1, out);
    } else {
        out.extend(&(length as u64).to_be_bytes()[8 - width..]);
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
