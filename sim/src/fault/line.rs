//! One fault: the only type for it, and the line of text that is its only serialisation.
//!
//! Invariants: FL-1 `fault.to_string().parse() == fault`; FL-2 `during` and `for` exclude each
//!             other, and neither stands with what happens at once.

use std::fmt;
use std::str::FromStr;

use super::effect::Effect;
use super::error::FaultError;
use super::parser::parse;
use super::when::When;
use crate::time::Span;

/// When something happens, what, and for how long.
///
/// ```
/// # use trial_sim::fault::Fault;
/// let text = "at 2s cut b1 | b2 b3 for 800ms";
/// let fault: Fault = text.parse().expect("a fault");
/// assert_eq!(fault.to_string(), text);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// When it happens.
    pub when: When,
    /// What happens.
    pub effect: Effect,
    /// How long it lasts; without, until faults end.
    pub lasting: Option<Span>,
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(line: &str) -> Result<Self, FaultError> {
        parse(line)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.when, self.effect)?;
        match self.lasting {
            Some(length) => write!(f, " for {length}"),
            None => Ok(()),
        }
    }
}
