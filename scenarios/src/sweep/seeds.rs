//! Which seeds: a range, or so many that belong to a commit.
//!
//! Invariants: SE-1 what is read prints as a range that reads back as the same.
//!             SE-2 a commit gives the same seeds on every machine, and two commits different ones: its first seven
//!             digits, times a million.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// How many digits of a commit count.
const COMMIT_DIGITS: usize = 7;
/// How far apart the seeds of two neighbouring commits lie, and so how many one can have.
const PER_COMMIT: u64 = 1_000_000;
/// What an open range ends after.
const OPEN: u64 = 1_000_000_000_000;

/// `A..B`: seeds from A up to, but without, B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedRange {
    /// The first.
    pub first: u64,
    /// The one after the last.
    pub end: u64,
}

impl SeedRange {
    /// How many they are.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.end - self.first
    }

    /// Whether it was given without an end, so that only time or failures can end it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        self.count() == OPEN
    }
}

impl From<Range<u64>> for SeedRange {
    fn from(range: Range<u64>) -> Self {
        Self { first: range.start, end: range.end.max(range.start) }
    }
}

impl fmt::Display for SeedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_open() {
            return write!(f, "{}..", self.first);
        }
        write!(f, "{}..{}", self.first, self.end)
    }
}

impl FromStr for SeedRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "the forms are A..B, as in 0..1000 (B itself is not played), A.. (without an end), \
            and COMMIT:N, as in 1f0a93c:200 (the N seeds of a commit)";
        let number = |text: &str| {
            text.trim().parse::<u64>().map_err(|_| format!("`{text}` is no whole number; {FORM}"))
        };
        if let Some((commit, count)) = text.split_once(':') {
            return of_commit(commit.trim(), number(count)?)
                .map_err(|why| format!("{why}; {FORM}"));
        }
        let (first, end) = text.split_once("..").ok_or(FORM)?;
        let first = number(first)?;
        if end.trim().is_empty() {
            let end =
                first.checked_add(OPEN).ok_or_else(|| format!("{first} is too large; {FORM}"))?;
            return Ok(Self { first, end });
        }
        let end = number(end)?;
        if first >= end {
            return Err(format!("{first}..{end} holds no seed; {FORM}"));
        }
        // More than anybody can play; and an open range is told by its length.
        if end - first > 1_000_000_000 {
            return Err(format!("{first}..{end} is more than a billion seeds; {FORM}"));
        }
        Ok(Self { first, end })
    }
}

/// SE-2.
fn of_commit(commit: &str, count: u64) -> Result<SeedRange, String> {
    let digits =
        commit.get(..COMMIT_DIGITS).filter(|_| commit.chars().all(|c| c.is_ascii_hexdigit()));
    let Some(value) = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()) else {
        return Err(format!("`{commit}` is no commit: {COMMIT_DIGITS} or more hexadecimal digits"));
    };
    if !(1..=PER_COMMIT).contains(&count) {
        return Err(format!("a commit has from 1 to {PER_COMMIT} seeds, not {count}"));
    }
    let first = value * PER_COMMIT;
    Ok(SeedRange { first, end: first + count })
}

#[cfg(test)]
mod tests {
    use super::SeedRange;

    #[test]
    fn seeds_are_a_range_without_its_end() {
        assert_eq!("3..5".parse(), Ok(SeedRange { first: 3, end: 5 }));
        assert_eq!(SeedRange { first: 3, end: 5 }.to_string(), "3..5");
        for bad in ["3", "5..3", "3..3", "a..b", "..", "-1..2", "0..99999999999", "7:", ":3"] {
            let error = bad.parse::<SeedRange>().expect_err("no range");
            assert!(error.contains("A..B"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_range_without_an_end_says_so() {
        let open: SeedRange = "7..".parse().expect("it is a range");
        assert!(open.is_open() && open.first == 7, "{open:?}");
        assert_eq!(open.to_string(), "7..");
        assert_eq!(open.to_string().parse(), Ok(open), "SE-1");
    }

    #[test]
    fn a_commit_has_seeds_of_its_own() {
        let seeds = |text: &str| text.parse::<SeedRange>();
        let short = seeds("1f0a93c:200").expect("a commit");
        assert_eq!(short.count(), 200);
        assert_eq!(seeds("1f0a93c2d4e5f60718293a4b5c6d7e8f90a1b2c3:200"), Ok(short), "SE-2");
        let next = seeds("1f0a93d:1000000").expect("a commit");
        assert!(next.first >= short.end && next.first - short.first == 1_000_000, "{next:?}");
        assert_eq!(short.to_string().parse(), Ok(short), "SE-1");
        for bad in ["1f0a93:5", "master:5", "1f0a93g:5", "1f0a93c:0", "1f0a93c:1000001"] {
            assert!(seeds(bad).is_err(), "{bad}");
        }
    }
}
