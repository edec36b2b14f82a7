//! How the text of a setting becomes its value, and what is said when it does not.
//!
//! In Kafka:   `ConfigDef.parseType` and its validators.
//! Holds:      the trait, its implementations for the types that settings have, and the error.
//! Invariants: CV-1 a value outside its bounds is refused, never clamped.

use std::fmt;
use std::ops::{RangeBounds, RangeInclusive};

use trial_sim::Span;

/// Why a setting was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Kafka's name of the setting, as it was given.
    pub name: String,
    /// What is wrong with the name or the value.
    pub what: ValueError,
    /// What would have been right, in words.
    pub allowed: String,
    /// Settings with which it does not go together: it may be one of them that is wrong.
    pub others: &'static [&'static str],
}

/// Which half of `name = value` is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueError {
    /// There is no setting of this name.
    UnknownName,
    /// The value is of another type or outside the bounds.
    BadValue,
}

impl ConfigError {
    /// There is no setting `name` among `names`.
    #[must_use]
    pub fn unknown(name: &str, names: &[&str]) -> Self {
        let mut names: Vec<&str> = names.to_vec();
        names.sort_unstable();
        Self {
            name: name.to_owned(),
            what: ValueError::UnknownName,
            allowed: format!("one of {}", names.join(", ")),
            others: &[],
        }
    }

    /// `name` does not take that value; `allowed` says what it takes.
    #[must_use]
    pub fn bad(name: &str, allowed: impl Into<String>) -> Self {
        let (name, allowed) = (name.to_owned(), allowed.into());
        Self { name, what: ValueError::BadValue, allowed, others: &[] }
    }

    /// The same of a value that is none only as long as these settings have theirs.
    #[must_use]
    pub const fn beside(mut self, others: &'static [&'static str]) -> Self {
        self.others = others;
        self
    }
}

impl ConfigError {
    /// What is wrong, without what is allowed.
    #[must_use]
    pub fn headline(&self) -> String {
        match (self.what, self.others) {
            (ValueError::UnknownName, _) => format!("there is no setting `{}`", self.name),
            (ValueError::BadValue, []) => format!("`{}` does not take this value", self.name),
            (ValueError::BadValue, others) => {
                format!("`{}` does not go together with `{}`", self.name, others.join("` and `"))
            }
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            ValueError::UnknownName => {
                write!(f, "there is no setting `{}`; allowed: {}", self.name, self.allowed)
            }
            ValueError::BadValue => write!(f, "`{}` takes {}", self.name, self.allowed),
        }
    }
}

impl std::error::Error for ConfigError {}

/// A type that a setting can have.
pub trait Value: Sized {
    /// Reads `text` for the setting `name`; numbers must lie within `bounds`.
    ///
    /// # Errors
    /// If the text is no such value, or lies outside the bounds.
    fn parse(name: &str, text: &str, bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError>;
}

impl Value for bool {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        match text.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(ConfigError::bad(name, "true or false")),
        }
    }
}

impl Value for i64 {
    fn parse(name: &str, text: &str, bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        whole(name, text, bounds, Self::MIN..=Self::MAX)
    }
}

impl Value for i32 {
    fn parse(name: &str, text: &str, bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        let wide = whole(name, text, bounds, Self::MIN.into()..=Self::MAX.into())?;
        Ok(Self::try_from(wide).expect("it lies within its type"))
    }
}

impl Value for usize {
    fn parse(name: &str, text: &str, bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        let wide = whole(name, text, bounds, 0..=i64::MAX)?;
        Ok(Self::try_from(wide).expect("it lies within its type"))
    }
}

impl Value for String {
    fn parse(_: &str, text: &str, _: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        Ok(text.to_owned())
    }
}

/// What has no value unless it is set.
impl<T: Value> Value for Option<T> {
    fn parse(name: &str, text: &str, bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        T::parse(name, text, bounds).map(Some)
    }
}

/// Milliseconds, as all of Kafka's `.ms` settings are.
impl Value for Span {
    fn parse(name: &str, text: &str, bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        let millis = whole(name, text, bounds, 0..=i64::MAX)?;
        let millis = u64::try_from(millis).expect("it lies within its type");
        // Kafka's "for ever" is Long.MAX_VALUE milliseconds: longer than our clock can say.
        Ok(Self(millis.saturating_mul(1_000_000)))
    }
}

/// A number within `bounds`, and within what its type can say: who goes beyond either is told where that ends.
fn whole(
    name: &str,
    text: &str,
    bounds: &impl RangeBounds<i64>,
    of_type: RangeInclusive<i64>,
) -> Result<i64, ConfigError> {
    let text = text.trim();
    let (low, high) = ends(bounds);
    let (lowest, highest) = (low.unwrap_or(*of_type.start()), high.unwrap_or(*of_type.end()));
    let range = match sized(text) {
        Some(Ok(number)) if (lowest..=highest).contains(&number) => return Ok(number),
        Some(Ok(number)) if number < lowest => within(Some(lowest), high),
        Some(Err(Sign::Minus)) => within(Some(lowest), high),
        Some(Ok(_) | Err(Sign::Plus)) => within(low, Some(highest)),
        None => within(low, high),
    };
    Err(ConfigError::bad(name, format!("a whole number{range}")))
}

/// Which way a number is too large for any of our types.
enum Sign {
    Plus,
    Minus,
}

/// A whole number, or its sign if it is too large; none if it is no number.
fn sized(text: &str) -> Option<Result<i64, Sign>> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (Sign::Minus, digits),
        None => (Sign::Plus, text.strip_prefix('+').unwrap_or(text)),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().map_err(|_| sign))
}

/// The lowest and the highest of these.
fn ends(bounds: &impl RangeBounds<i64>) -> (Option<i64>, Option<i64>) {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let low = match bounds.start_bound() {
        Included(low) => Some(*low),
        Excluded(low) => Some(low + 1),
        Unbounded => None,
    };
    let high = match bounds.end_bound() {
        Included(high) => Some(*high),
        Excluded(high) => Some(high - 1),
        Unbounded => None,
    };
    (low, high)
}

fn within(low: Option<i64>, high: Option<i64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!(" from {low} to {high}"),
        (Some(low), None) => format!(" from {low} on"),
        (None, Some(high)) => format!(" up to {high}"),
        (None, None) => String::new(),
    }
}
