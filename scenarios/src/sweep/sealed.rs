//! A line of a sweep's file, with a checksum at its end.
//!
//! Invariants: SL-1 a CRC-32 (IEEE) over every byte before the field `crc32`, which is the last: a line that was
//!             damaged is told apart, whether or not it still is JSON. A line end of another system is no damage.

use std::io::Write as _;

use serde::Serialize;

const FIELD: &[u8] = b",\"crc32\":\"";
const DIGITS: usize = 8;
const END: &[u8] = b"\"}";

/// Why a line cannot be believed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It does not end with a checksum.
    Unsealed,
    /// It is not what was written.
    Damaged {
        /// The checksum in the line.
        found: String,
        /// The checksum of what is in the line.
        computed: String,
    },
}

/// The line, with its end.
pub(super) fn seal(object: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(object).expect("plain data is JSON");
    let end = line.pop();
    assert!(end == Some(b'}') && line.len() > 1, "SL-1: a line is an object with fields");
    let checksum = checksum(&line);
    line.extend_from_slice(FIELD);
    writeln!(line, "{checksum}\"}}").expect("a Vec takes any bytes");
    line
}

/// The JSON that was sealed.
pub(super) fn unseal(line: &[u8]) -> Result<Vec<u8>, Broken> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let parts = line.strip_suffix(END).and_then(|line| {
        let (line, found) = line.split_at_checked(line.len().checked_sub(DIGITS)?)?;
        Some((line.strip_suffix(FIELD)?, found))
    });
    let (content, found) = parts.ok_or(Broken::Unsealed)?;
    let computed = checksum(content);
    if found != computed.as_bytes() {
        let found = String::from_utf8_lossy(found).into_owned();
        return Err(Broken::Damaged { found, computed });
    }
    Ok([content, b"}"].concat())
}

fn checksum(content: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(content))
}

#[cfg(test)]
mod tests {
    use super::{Broken, seal, unseal};
    use std::collections::BTreeMap;

    #[test]
    fn every_flipped_bit_of_a_line_is_noticed() {
        let line = seal(&BTreeMap::from([("seed", "7"), ("word", "holds")]));
        let json = unseal(&line).expect("it was just sealed");
        assert_eq!(json, br#"{"seed":"7","word":"holds"}"#);
        let other_end = [&line[..line.len() - 1], b"\r\n"].concat();
        assert_eq!(unseal(&other_end), Ok(json), "a line end is no damage");
        for at in 0..line.len() - 1 {
            for bit in 0..8 {
                let mut bad = line.clone();
                bad[at] ^= 1 << bit;
                assert!(unseal(&bad).is_err(), "SL-1: bit {bit} of byte {at}");
            }
        }
        for cut in 0..line.len() - 1 {
            assert_eq!(unseal(&line[..cut]), Err(Broken::Unsealed), "cut at {cut}");
        }
    }
}
