//! Reads what somebody types, line by line, whatever bytes come.
//!
//! Invariants: LI-1 no line ends the reading, and none is kept whole that is longer than [`KEPT`]. LI-2 the end of the
//!             input is told apart from an empty line.

use std::io::{self, BufRead};

use trial_scenarios::scenario::ScenarioError;

/// Bytes that are kept of a line: far more than anybody who reads it takes.
const KEPT: usize = 64 << 10;

/// The next line, without its end, cut after [`KEPT`] bytes; none at the end of the input.
pub(super) fn next(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let (mut line, mut is_there) = (Vec::new(), false);
    loop {
        let bytes = match input.fill_buf() {
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            bytes => bytes?,
        };
        if bytes.is_empty() {
            return Ok(is_there.then_some(line));
        }
        is_there = true;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(bytes.len());
        line.extend_from_slice(&bytes[..taken.min(KEPT - line.len())]);
        input.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// The text of a line; what was cut may end within a character.
pub(super) fn text_of(line: &[u8]) -> Result<&str, ScenarioError> {
    std::str::from_utf8(line).or_else(|why| match why.error_len() {
        None if line.len() == KEPT => {
            Ok(std::str::from_utf8(&line[..why.valid_up_to()]).expect("it is valid up to there"))
        }
        _ => {
            let what = format!("the line is no text: byte {} is not UTF-8", why.valid_up_to());
            Err(ScenarioError::plain(what, Some("type UTF-8; nothing was done".to_owned())))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read as _};

    use super::{KEPT, next, text_of};

    #[test]
    fn every_line_comes_and_none_is_longer_than_what_is_kept() {
        let long = "ä".repeat(KEPT);
        let text = format!("a\n\n{long}\nx{long}\n");
        let bytes = [text.as_bytes(), b"\xff\xfe\nb\xc3"].concat();
        let mut input = BufReader::with_capacity(7, bytes.as_slice().chain(&b"\xa4"[..]));
        let mut lines = Vec::new();
        while let Some(line) = next(&mut input).expect("memory can be read") {
            lines.push(line);
        }
        let told = lines.iter().map(|line| text_of(line).map_err(|why| why.to_string()));
        let told: Vec<_> = told.collect();
        let wrong = "the line is no text: byte 0 is not UTF-8";
        let (even, odd) = ("ä".repeat(KEPT / 2), format!("x{}", "ä".repeat(KEPT / 2 - 1)));
        let want = [Ok("a"), Ok(""), Ok(&even), Ok(&odd), Err(wrong.to_owned()), Ok("bä")];
        assert_eq!(told, want);
    }
}
