//! Lengths of time, rates and factors as they stand in faults: `800ms`, `1MB/s`, `10`.
//!
//! Invariants: QT-1 every value prints as text that reads as the same value.

use std::fmt;
use std::ops::Range;

use super::error::FaultError;
use crate::time::Span;

const SPAN_HELP: &str = "a duration such as 800ms, 2s, 1m, 35us";
const RATE_HELP: &str = "a rate such as 500B/s, 64KB/s, 1MB/s, 1GB/s";
const FACTOR_HELP: &str = "a whole number from 1 on";
const SPAN_UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
const RATE_UNITS: [(&str, u64); 4] =
    [("B/s", 1), ("KB/s", 1_000), ("MB/s", 1_000_000), ("GB/s", 1_000_000_000)];

/// A hundred years: sums of times do not overflow.
const LONGEST: Span = Span::from_secs(100 * 365 * 24 * 3_600);

/// Bytes a second; above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(pub u64);

/// How many times as long something takes; above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor(pub u32);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |unit: &&(&str, u64)| self.0 > 0 && self.0.is_multiple_of(unit.1);
        let (unit, size) = RATE_UNITS.iter().rev().find(fits).copied().unwrap_or(RATE_UNITS[0]);
        write!(f, "{}{unit}", self.0 / size)
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A duration: `800ms`, `2s`, `1.5s`, `1m`, `35us`.
///
/// ```
/// # use trial_sim::{Span, fault::parse_span};
/// assert_eq!(parse_span("1.5s"), Ok(Span::from_millis(1_500)));
/// assert!(parse_span("-2s").expect_err("negative").what.contains("cannot be negative"));
/// ```
pub fn parse_span(text: &str) -> Result<Span, FaultError> {
    let whole = 0..text.len();
    match measure(text, &whole, "duration", &SPAN_UNITS, SPAN_HELP)? {
        nanos if nanos > LONGEST.0 => Err(too_big(&whole, "duration", SPAN_HELP)),
        nanos => Ok(Span(nanos)),
    }
}

/// A rate: `500B/s`, `64KB/s`, `1MB/s`; thousands, not 1024.
pub fn parse_rate(text: &str) -> Result<Rate, FaultError> {
    let whole = 0..text.len();
    match measure(text, &whole, "rate", &RATE_UNITS, RATE_HELP)? {
        0 => {
            Err(FaultError::new(whole, "a rate cannot be zero: stall or cut instead", &[RATE_HELP]))
        }
        rate => Ok(Rate(rate)),
    }
}

/// A factor: a whole number from 1 on.
pub(super) fn parse_factor(text: &str) -> Result<Factor, FaultError> {
    let whole = 0..text.len();
    refuse_negative(text, &whole, "factor", FACTOR_HELP)?;
    match text.parse::<u32>() {
        Ok(0) => Err(FaultError::new(whole, "a factor cannot be zero", &[FACTOR_HELP])),
        Ok(factor) => Ok(Factor(factor)),
        Err(_) => Err(FaultError::new(whole, format!("`{text}` is not a factor"), &[FACTOR_HELP])),
    }
}

/// Parts per million, of either sign: `200ppm`, `-50ppm`.
pub(super) fn parse_ppm(text: &str) -> Result<i32, FaultError> {
    let number = text.strip_suffix("ppm").and_then(|number| number.parse::<i32>().ok());
    number.filter(|ppm| ppm.abs() < 1_000_000).ok_or_else(|| {
        let what = format!("`{text}` is not a drift");
        FaultError::new(0..text.len(), what, &["parts per million such as 200ppm or -50ppm"])
    })
}

/// A length of either sign, in nanoseconds: `2s`, `-2s`.
pub(super) fn parse_signed_span(text: &str) -> Result<i64, FaultError> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let span = parse_span(rest).map_err(|error| FaultError { at: 0..text.len(), ..error })?;
    Ok(sign * i64::try_from(span.0).expect("a hundred years fit"))
}

fn refuse_negative(
    text: &str,
    at: &Range<usize>,
    kind: &str,
    help: &str,
) -> Result<(), FaultError> {
    if text.starts_with('-') {
        return Err(FaultError::new(at.clone(), format!("a {kind} cannot be negative"), &[help]));
    }
    Ok(())
}

fn too_big(at: &Range<usize>, kind: &str, help: &str) -> FaultError {
    FaultError::new(at.clone(), format!("this {kind} is too large"), &[help])
}

/// A number and a unit; up to nine decimals as far as they are whole in the smallest unit.
fn measure(
    text: &str,
    at: &Range<usize>,
    kind: &str,
    units: &[(&str, u64)],
    help: &str,
) -> Result<u64, FaultError> {
    refuse_negative(text, at, kind, help)?;
    let wrong = || FaultError::new(at.clone(), format!("`{text}` is not a {kind}"), &[help]);
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if unit.is_empty() && !number.is_empty() {
        return Err(FaultError::new(at.clone(), format!("`{text}` lacks a unit"), &[help]));
    }
    let size = units.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
    let size = size.ok_or_else(wrong)?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    if decimals.is_empty() || decimals.len() > 9 {
        return Err(wrong());
    }
    let whole: u64 =
        parse_digits(whole).ok_or_else(wrong)?.ok_or_else(|| too_big(at, kind, help))?;
    let part = parse_digits(decimals).flatten().ok_or_else(wrong)?;
    let scale = 10_u128.pow(u32::try_from(decimals.len()).expect("nine at most"));
    let part = u128::from(part) * u128::from(size);
    if !part.is_multiple_of(scale) {
        return Err(wrong());
    }
    let part = u64::try_from(part / scale).expect("less than one unit");
    let total = whole.checked_mul(size).and_then(|total| total.checked_add(part));
    total.ok_or_else(|| too_big(at, kind, help))
}

/// None if these are no digits; none within if they are too many.
fn parse_digits(text: &str) -> Option<Option<u64>> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())
}

/// A length of either sign as text.
pub(super) fn signed(nanos: i64) -> String {
    let length = Span(nanos.unsigned_abs());
    if nanos < 0 { format!("-{length}") } else { length.to_string() }
}
