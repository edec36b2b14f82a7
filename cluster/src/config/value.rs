//! How the text of a setting becomes its value, and what is said when it does not.
//!
//! In Kafka:   `ConfigDef.parseType` and its validators.
//! Holds:      the trait, its implementations for the types that settings have, and the error.
//! Invariants: CV-1 a value outside its bounds is refused, never clamped.

use std::fmt;
use std::ops::RangeBounds;

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
        }
    }

    /// `name` does not take that value; `allowed` says what it takes.
    #[must_use]
    pub fn bad(name: &str, allowed: impl Into<String>) -> Self {
        Self { name: name.to_owned(), what: ValueError::BadValue, allowed: allowed.into() }
    }
}

impl ConfigError {
    /// What is wrong, without what is allowed.
    #[must_use]
    pub fn headline(&self) -> String {
        match self.what {
            ValueError::UnknownName => format!("there is no setting `{}`", self.name),
            ValueError::BadValue => format!("`{}` does not take this value", self.name),
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
        let number = text.trim().parse::<Self>().ok().filter(|number| bounds.contains(number));
        number.ok_or_else(|| ConfigError::bad(name, format!("a whole number{}", within(bounds))))
    }
}

impl Value for i32 {
    fn parse(name: &str, text: &str, bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        let wide = i64::parse(name, text, bounds)?;
        Self::try_from(wide).map_err(|_| ConfigError::bad(name, "a whole number of 32 bits"))
    }
}

impl Value for usize {
    fn parse(name: &str, text: &str, bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        let wide = i64::parse(name, text, bounds)?;
        Self::try_from(wide).map_err(|_| ConfigError::bad(name, "a whole number from 0"))
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
        let millis = i64::parse(name, text, bounds)?;
        let millis = u64::try_from(millis)
            .map_err(|_| ConfigError::bad(name, "a number of milliseconds from 0"))?;
        // Kafka's "for ever" is Long.MAX_VALUE milliseconds: longer than our clock can say.
        Ok(Self(millis.saturating_mul(1_000_000)))
    }
}

fn within(bounds: &impl RangeBounds<i64>) -> String {
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
    match (low, high) {
        (Some(low), Some(high)) => format!(" from {low} to {high}"),
        (Some(low), None) => format!(" from {low} on"),
        (None, Some(high)) => format!(" up to {high}"),
        (None, None) => String::new(),
    }
}
