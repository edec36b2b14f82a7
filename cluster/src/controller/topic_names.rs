//! Which names a topic may have.
//!
//! In Kafka:   `org.apache.kafka.common.internals.Topic`.
//! Invariants: TN-1 two topics never differ in '.' and '_' only: they would share their metrics.

/// The topic of the metadata log itself.
pub(super) const CLUSTER_METADATA_TOPIC: &str = "__cluster_metadata";

/// The topic of the group coordinator.
pub(crate) const GROUP_METADATA_TOPIC: &str = "__consumer_offsets";

/// Topics that hold Kafka's own state.
const INTERNAL: [&str; 3] = [GROUP_METADATA_TOPIC, "__transaction_state", "__share_group_state"];

const NAME_LENGTH_MAX: usize = 249;

/// Why `name` is no name for a topic, in Kafka's words.
pub(crate) fn validate(name: &str) -> Result<(), String> {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let reason = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.len() > NAME_LENGTH_MAX => format!(
            "the length of '{name}' is longer than the max allowed length {NAME_LENGTH_MAX}"
        ),
        _ if !name.chars().all(legal) => format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' \
             and '-'"
        ),
        _ => return Ok(()),
    };
    Err(format!("Topic name is invalid: {reason}"))
}

/// Whether a topic of this name holds Kafka's own state.
pub(crate) fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

/// Whether the names differ in '.' and '_' at most.
pub(super) fn collide(one: &str, other: &str) -> bool {
    let unify = |name: &str| name.replace('.', "_");
    one.len() == other.len() && unify(one) == unify(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_in_kafka() {
        let long = "x".repeat(250);
        for good in ["orders", "a.b_c-1", &long[1..]] {
            assert_eq!(validate(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ä", &long] {
            assert!(validate(bad).is_err(), "`{bad}` is no name");
        }
        let rows = [("a.b", "a_b", true), ("a.b", "a.b", true), ("a-b", "a_b", false)];
        for (one, other, want) in rows {
            assert_eq!(collide(one, other), want, "{one} and {other}");
        }
    }
}
