//! When a fault happens, and whom it hits: times, conditions, hosts, all with opaque names.
//!
//! Left out:   what a name means; whoever runs the fault resolves `leader(orders/0)`.

use std::fmt;

use crate::time::{Span, Time};

/// When a fault happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// Once, at this time.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 2s crash b1";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    At(Time),
    /// From one time to another.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "during 2s..4s stall b1 > b2";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    During {
        /// Its beginning.
        from: Time,
        /// Its end.
        to: Time,
    },
    /// Again and again, first after one such length.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "every 5s reset b1 - b2";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Every(Span),
    /// Once, as soon as all conditions hold at the same time, or a while after that.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "when high_watermark(orders/0) >= 3 and isr(orders/0) == 3 crash b1";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "when isr(orders/0) == 1 after 250ms crash b1";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    When {
        /// All of them.
        conditions: Vec<Condition>,
        /// How long after they have held for the first time.
        after: Span,
    },
}

/// `name(arguments) comparison value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What is looked at.
    pub name: String,
    /// Of whom.
    pub args: Vec<String>,
    /// How it is compared.
    pub op: Comparison,
    /// With what: a number, or a name where names are compared.
    pub value: String,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Whom a fault hits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostExpr {
    /// The host of this name.
    Name(String),
    /// Whoever it is when the fault happens: `leader(orders/0)`.
    Call {
        /// The role.
        name: String,
        /// In what.
        args: Vec<String>,
    },
}

impl Comparison {
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
    ];

    /// Whether `left` stands in this relation to `right`.
    pub fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

impl Condition {
    /// The value as a number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        self.value.parse().ok()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = Self::ALL.iter().find(|(_, op)| op == self).map(|(sign, _)| *sign);
        f.write_str(sign.expect("every comparison has a sign"))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => write!(f, "at {}", Span(time.0)),
            Self::During { from, to } => write!(f, "during {}..{}", Span(from.0), Span(to.0)),
            Self::Every(length) => write!(f, "every {length}"),
            Self::When { conditions, after } => {
                for (i, condition) in conditions.iter().enumerate() {
                    let word = if i == 0 { "when" } else { " and" };
                    write!(f, "{word} {condition}")?;
                }
                match *after {
                    Span::ZERO => Ok(()),
                    after => write!(f, " after {after}"),
                }
            }
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}) {} {}", self.name, self.args.join(", "), self.op, self.value)
    }
}

impl fmt::Display for HostExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Call { name, args } => write!(f, "{name}({})", args.join(", ")),
        }
    }
}
