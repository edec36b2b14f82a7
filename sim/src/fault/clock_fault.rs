//! What can be wrong with a host's wall clock.

use std::fmt;

use super::quantity::signed;
use crate::time::Span;

/// What is wrong with a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockFault {
    /// It shows a later time.
    Ahead(Span),
    /// It runs too fast, or with a minus too slowly, by so many parts per million.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s clock b2 drift -200ppm for 10s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Drift(i32),
    /// It jumps, with a minus backwards, by so many nanoseconds.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s clock b2 step -2s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Step(i64),
}

impl fmt::Display for ClockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ahead(by) => write!(f, "ahead {by}"),
            Self::Drift(ppm) => write!(f, "drift {ppm}ppm"),
            Self::Step(nanos) => write!(f, "step {}", signed(*nanos)),
        }
    }
}
