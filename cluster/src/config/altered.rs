//! What becomes of a setting that is set, taken back, added to, or taken from.
//!
//! In Kafka:   `AlterConfigOp`, `ConfigAdminManager.prepareIncrementalConfigs`; KIP-339.
//! Holds:      nothing.
//! Invariants: AO-1 only lists are added to or taken from; one that was never set is what it is by default.

use super::schema::{self, ConfigType, Section};

/// What is done with a setting (`AlterConfigOp.OpType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlterOp {
    /// It has this value.
    Set,
    /// It has none any more.
    Delete,
    /// It has these words too.
    Append,
    /// It has these words no more.
    Subtract,
}

impl AlterOp {
    /// By Kafka's number.
    #[must_use]
    pub const fn of(id: i8) -> Option<Self> {
        match id {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }

    /// Kafka's number.
    #[must_use]
    pub const fn id(self) -> i8 {
        self as i8
    }

    /// Kafka's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Delete => "DELETE",
            Self::Append => "APPEND",
            Self::Subtract => "SUBTRACT",
        }
    }
}

/// The value of the setting `name` then; none: it is not set any more. `known` is what it was, `given` what is asked.
///
/// # Errors
/// If it is no list, and in words which (AO-1).
pub fn alter(
    section: Section,
    name: &str,
    operation: AlterOp,
    known: Option<&str>,
    given: Option<&str>,
) -> Result<Option<String>, String> {
    let given = given.unwrap_or_default();
    let adds = match operation {
        AlterOp::Set => return Ok(Some(given.to_owned())),
        AlterOp::Delete => return Ok(None),
        AlterOp::Append => true,
        AlterOp::Subtract => false,
    };
    let key = schema::key(section, name).filter(|key| key.kind == ConfigType::List);
    let Some(key) = key else {
        let operation = operation.name();
        return Err(format!("Can't {operation} to key {name} because its type is not LIST."));
    };
    let known = known.or(key.default).unwrap_or_default();
    let mut words: Vec<&str> = known.split(',').filter(|word| !word.is_empty()).collect();
    for word in given.split(',') {
        match (words.iter().position(|it| *it == word), adds) {
            (None, true) => words.push(word),
            (Some(place), false) => {
                words.remove(place);
            }
            (Some(_), true) | (None, false) => {}
        }
    }
    Ok(Some(words.join(",")))
}

#[cfg(test)]
mod tests {
    use super::{AlterOp, alter};
    use crate::config::schema::Section;

    #[test]
    fn lists_get_longer_and_shorter() {
        #[track_caller]
        fn check(operation: AlterOp, known: Option<&str>, given: &str, want: &str) {
            let got = alter(Section::Topic, "cleanup.policy", operation, known, Some(given));
            assert_eq!(got, Ok(Some(want.to_owned())));
        }
        check(AlterOp::Append, None, "compact", "delete,compact");
        check(AlterOp::Append, Some("compact"), "compact,delete", "compact,delete");
        check(AlterOp::Append, Some(""), "compact", "compact");
        check(AlterOp::Subtract, None, "delete", "");
        check(AlterOp::Subtract, Some("compact,delete"), "compact,keep", "delete");
    }

    #[test]
    fn a_number_is_no_list() {
        let refused = alter(Section::Topic, "retention.ms", AlterOp::Append, None, Some("1"));
        let why = "Can't APPEND to key retention.ms because its type is not LIST.";
        assert_eq!(refused, Err(why.to_owned()));
    }
}
